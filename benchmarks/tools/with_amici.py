"""AMICI (1.0 or later): CVODES on C++ made from SBML, in the Python that PERFORIN_BENCH_AMICI names.

It takes one absolute tolerance, here the least of the states' own; its own account of solver time is what counts.
"""

from __future__ import annotations

from pathlib import Path

import amici
import numpy as np
from amici.importers.sbml import SbmlImporter
from amici.sim.sundials import AMICI_SUCCESS, SensitivityOrder, run_simulation
from problem import Clock, Problem, Solver, Values

VERSION = amici.__version__
MOST_STEPS = 1_000_000
NAME = "benchmark_model"


def prepare(problem: Problem) -> dict[str, Solver]:
    """The model compiled without sensitivities; doses stop the run."""
    folder = Path(problem.folder) / "amici"
    importer = SbmlImporter(problem.text("model.xml"), from_file=False)
    importer.sbml2amici(NAME, output_dir=folder, generate_sensitivity_code=False, compute_conservation_laws=False)
    model = amici.import_model_module(NAME, folder).get_model()
    solver = model.create_solver()
    solver.set_sensitivity_order(SensitivityOrder.none)
    solver.set_max_steps(MOST_STEPS)
    states, parameters = problem.json("identifiers.json")
    theirs = list(model.get_state_ids())
    order, back = [states.index(name) for name in theirs], [theirs.index(name) for name in states]
    numbers = {name: i for i, name in enumerate(parameters)}
    free = [numbers.get(name, -1) for name in model.get_free_parameter_ids()]
    usual = np.array(model.get_free_parameters())

    def solve(rtol: float, clock: Clock) -> tuple[Values, int]:
        solver.set_relative_tolerance(rtol)
        solver.set_absolute_tolerance(float(problem.absolute(rtol).min()))

        def advance(state: Values, times: Values) -> Values:
            model.set_timepoints((times[1:] - times[0]).tolist())
            model.set_initial_state(state[order].tolist())
            found = run_simulation(model, solver)
            clock.seconds += found.cpu_time / 1e3
            if found.status != AMICI_SUCCESS:
                return np.full((len(times) - 1, len(state)), np.nan)
            return np.array(found.x)[:, back]

        patients = []
        for who, values in enumerate(problem.parameters):
            own = [values[i] if i >= 0 else kept for i, kept in zip(free, usual, strict=True)]
            model.set_free_parameters(own)
            patients.append(problem.follow(who, advance))
        return np.stack(patients), len(patients)

    return {"AMICI CVODES": solve}

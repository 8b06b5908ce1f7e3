"""libRoadRunner: CVODE on machine code made from SBML; a patient's numbers are set between runs and not timed."""

from __future__ import annotations

import numpy as np
import roadrunner
from problem import Clock, Problem, Solver, Values
from roadrunner import Config

VERSION = roadrunner.__version__
MOST_STEPS = 1_000_000


def prepare(problem: Problem) -> dict[str, Solver]:
    """The model loaded once by the newer of its two compilers, all optimisation on; doses stop the run.

    Its absolute tolerances are a list in the order of the state vector, rate rules first. (Its documentation says
    species first, in which order a model with both has an error ten times larger.)
    """
    Config.setValue(Config.LLVM_BACKEND, Config.LLJIT)
    Config.setValue(Config.LLJIT_OPTIMIZATION_LEVEL, Config.AGGRESSIVE)
    runner = roadrunner.RoadRunner(problem.text("model.xml"))
    model, (states, parameters) = runner.model, problem.json("identifiers.json")
    runner.timeCourseSelections = states
    runner.integrator.maximum_num_steps = MOST_STEPS
    order = [states.index(model.getStateVectorId(i)) for i in range(len(states))]
    species, others = list(model.getFloatingSpeciesIds()), list(model.getGlobalParameterIds())
    numbers = [others.index(name) for name in parameters]
    counted = np.array([i for i, name in enumerate(states) if name in species], dtype=int)
    measured = np.array([i for i, name in enumerate(states) if name in others], dtype=int)
    into_species = [species.index(states[i]) for i in counted]
    into_others = [others.index(states[i]) for i in measured]

    def solve(rtol: float, clock: Clock) -> tuple[Values, int]:
        runner.integrator.relative_tolerance = rtol
        runner.integrator.absolute_tolerance = problem.absolute(rtol)[order].tolist()

        def advance(state: Values, times: Values) -> Values:
            if len(counted):
                model.setFloatingSpeciesAmounts(into_species, state[counted])
            if len(measured):
                model.setGlobalParameterValues(into_others, state[measured])
            since = times - times[0]
            with clock:
                found = runner.simulate(times=since)
            return np.array(found)[1:]

        patients = []
        for who, values in enumerate(problem.parameters):
            runner.resetToOrigin()
            model.setGlobalParameterValues(numbers, values)
            patients.append(problem.follow(who, advance))
        return np.stack(patients), len(patients)

    return {"libRoadRunner": solve}

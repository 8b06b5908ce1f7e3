"""Solving patients: this kernel beside SciPy's LSODA and libRoadRunner, same patients, same run, error measured.

One row per tool goes to ``results/latest.json``: bench, tool, version, unit_of_work, ms_per_unit (CPU time, least of
the repeats), median_error, and the ratio to perforin's time with its lowest and highest value over the repeats.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perforin.errors import PerforinError
from perforin.kernels.build import Doses, build
from perforin.kernels.interpret import Interpreted
from perforin.model.network import Network

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "latest.json"
SCENARIO = "cd19_lbcl_head_to_head"
DAYS = np.arange(0.0, 361.0, 4.0)
FEW, MANY, REPEATS = 3, 1000, 3
REFERENCE = 1e-10
"""Relative tolerance of the reference (Radau)."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Patients:
    """What every tool solves; all arrays by patient."""

    bench: str
    network: Network
    parameters: Values
    start: Values
    doses: Doses
    begin: float

    def first(self, n: int) -> Patients:
        """The first n patients."""
        doses = Doses(self.doses.when[:n], self.doses.state, self.doses.keep, self.doses.add[:n])
        return replace(self, parameters=self.parameters[:n], start=self.start[:n], doses=doses)

    @property
    def years(self) -> float:
        """Simulated time of one patient."""
        return float(DAYS[-1] - self.begin) / 365.25


@dataclass(frozen=True)
class Row:
    """One tool on one bench."""

    bench: str
    tool: str
    version: str
    unit_of_work: str
    ms_per_unit: float
    median_error: float
    ratio_to_perforin: float
    ratio_low: float
    ratio_high: float


def composed(count: int) -> list[Patients]:
    """The patients of every arm of the demonstration; a synthetic network where no scenario is installed."""
    try:
        return _arms(count)
    except PerforinError as problem:
        print(f"the scenario cannot be composed ({problem}); measuring the network of the tests", file=sys.stderr)
    sys.path.insert(0, str(ROOT / "tests"))
    from kernel_networks import immune_population

    net, parameters, start, doses = immune_population(count, spread=0.2)
    return [Patients("synthetic", net, parameters, start, doses, -6.0)]


def _arms(count: int) -> list[Patients]:
    from perforin.patients.cohort import enrol
    from perforin.patients.doses import doses_for
    from perforin.prepared import make_ready
    from perforin.scenario import read_scenario
    from perforin.streams import Streams
    from perforin.treating import values_of

    ready = make_ready(read_scenario(SCENARIO))
    streams, population = Streams(ready.scenario.seed), ready.scenario.population
    cohort = enrol(population.covariates, population.correlations, np.arange(count), streams)
    out = []
    for arm in ready.arms:
        network, parameters = arm.model.network, values_of(ready, arm.model, cohort, streams)
        given = arm.administrations(cohort.columns, np.ones(count))
        doses = doses_for(network, given, parameters)
        out.append(Patients(f"{SCENARIO}/{arm.name}", network, parameters, network.start(parameters), doses, arm.begin))
    return out


def error_of(found: Values, reference: Values, network: Network) -> float:
    """Median over patients of the largest error over days and states, relative to the state and 1/1000 of its peak."""
    scale = np.abs(reference) + 1e-3 * np.abs(reference).max(axis=1, keepdims=True) + 100 * network.absolute_tolerances
    return float(np.median((np.abs(found - reference) / scale).max(axis=(1, 2))))


def with_perforin(patients: Patients) -> tuple[Callable[[], Values], int, str]:
    """Compiled, one core, relative tolerance 1e-5."""
    kernel = build(patients.network, patients.network.state_names, backend="compiled")

    def solve() -> Values:
        solution = kernel.run(patients.parameters, patients.start, patients.doses, DAYS, begin=patients.begin)
        failed = int((solution.status == 2).sum())
        if failed:
            print(f"{patients.bench}: {failed} patients failed", file=sys.stderr)
        return solution.values

    return solve, len(patients.start), version("perforin")


def with_lsoda(patients: Patients) -> tuple[Callable[[], Values], int, str]:
    """SciPy's LSODA on the same network in Python, absolute tolerance by unit, relative tolerance 1e-5."""
    some = patients.first(FEW)
    kernel = Interpreted(some.network, some.network.state_names, "LSODA")
    return (
        lambda: kernel.run(some.parameters, some.start, some.doses, DAYS, begin=some.begin, rtol=1e-5).values,
        FEW,
        version("scipy"),
    )


def with_roadrunner(patients: Patients) -> tuple[Callable[[], Values], int, str]:
    """The same in libRoadRunner (CVODE, LLVM): the exported SBML, doses as events; loading is not timed."""
    import roadrunner

    from perforin.model.write.sbml import to_sbml

    some, names = patients.first(FEW), patients.network.state_names
    runners = []
    for who in range(FEW):
        rows = zip(some.doses.when[who], some.doses.state, some.doses.keep, some.doses.add[who], strict=True)
        doses = [(float(w), names[s], float(k), float(a)) for w, s, k, a in rows if np.isfinite(w)]
        text = to_sbml(some.network, some.parameters[who], some.start[who], doses, begin=some.begin)
        runner = roadrunner.RoadRunner(text)
        runner.integrator.relative_tolerance = 1e-6
        runner.integrator.absolute_tolerance = 1e-8
        runner.timeCourseSelections = _selections(text, names)
        runners.append(runner)
    times = [0.0, *(float(t) for t in DAYS - some.begin)]

    def solve() -> Values:
        for runner in runners:
            runner.resetAll()
        return np.stack([np.asarray(runner.simulate(times=times))[1:] for runner in runners])

    return solve, FEW, roadrunner.__version__


def _selections(text: str, names: tuple[str, ...]) -> list[str]:
    """Identifiers that the export gave to the states, found by their names."""
    import libsbml

    model = libsbml.readSBMLFromString(text).getModel()
    parts = [*model.getListOfSpecies(), *model.getListOfParameters()]
    by_name = {part.getName() or part.getId(): part.getId() for part in parts}
    return [by_name[name] for name in names]


TOOLS = {"perforin": with_perforin, "scipy LSODA": with_lsoda, "libRoadRunner": with_roadrunner}


def measure(patients: Patients) -> list[Row]:
    """Every tool that is installed, in turn, ``REPEATS`` times."""
    some, names = patients.first(FEW), patients.network.state_names
    reference = Interpreted(patients.network, names, "Radau").run(
        some.parameters, some.start, some.doses, DAYS, begin=some.begin, rtol=REFERENCE
    )
    ready = {}
    for tool, prepare in TOOLS.items():
        try:
            ready[tool] = prepare(patients)
        except (ImportError, KeyError, PerforinError) as problem:
            print(f"{tool} is left out: {problem}", file=sys.stderr)
    took: dict[str, list[float]] = {tool: [] for tool in ready}
    errors = {}
    for _ in range(REPEATS):
        for tool, (solve, count, _) in ready.items():
            clock = time.process_time()
            values = solve()
            took[tool].append((time.process_time() - clock) / count / patients.years * 1e3)
            errors[tool] = error_of(values[:FEW], reference.values, patients.network)
    rows = []
    for tool, (_, _, release) in ready.items():
        ratios = [a / b for a, b in zip(took[tool], took["perforin"], strict=True)]
        best = min(took[tool]) / min(took["perforin"])
        low, high = round(min(ratios), 2), round(max(ratios), 2)
        time_and_error = round(min(took[tool]), 4), float(f"{errors[tool]:.2e}")
        rows.append(Row(patients.bench, tool, release, "patient-year", *time_and_error, round(best, 2), low, high))
    return rows


def main() -> int:
    """Measure, print and keep."""
    rows = [row for patients in composed(MANY) for row in measure(patients)]
    for row in rows:
        cost = f"{row.ms_per_unit:>10.3f} ms per {row.unit_of_work}  error {row.median_error:.1e}"
        ratio = f"{row.ratio_to_perforin:g} x ({row.ratio_low:g} to {row.ratio_high:g})"
        print(f"{row.bench:<34}{row.tool:<15}{row.version:<9}{cost}  {ratio}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""mrgsolve and rxode2, by the Rscript that PERFORIN_BENCH_RSCRIPT names.

Neither has been run by this code yet: no R library with them was at hand where it was written. Their models are the
same statements as every other tool's, states scaled by their absolute tolerances, doses as events (1 adds; 8 in
mrgsolve and 5 in rxode2 replace). Each call is an R process of its own; only R's own CPU time of solving counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from problem import Clock, LeftOut, Problem, Solver, Values

if TYPE_CHECKING:
    from perforin.model.network import Network

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))

REPLACES = {"mrgsolve": 8, "rxode2": 5}
JUST_AFTER = 1e-9
"""A day on which a dose is given is reported so much later [day]."""


def prepare(problem: Problem) -> dict[str, Solver]:
    """Whichever of the two the R library has, compiled when first asked."""
    script = os.environ["PERFORIN_BENCH_RSCRIPT"]
    found = {name: text for name in REPLACES if (text := _version(script, name))}
    if not found:
        raise LeftOut(f"found neither mrgsolve nor rxode2 in the library of {script}")
    if not np.isin(problem.keep, (0.0, 1.0)).all():
        raise LeftOut("found a dose that keeps part of a state; needed all or nothing, which R's events can say")
    global VERSION  # noqa: PLW0603 known only now
    VERSION = ", ".join(found.values())
    from perforin.model.network import Network

    network = Network.from_dict(problem.json("network.json"))
    scale = problem.tolerances / problem.tolerances.min()
    (problem.folder / "mrgsolve.mod").write_text(_mrgsolve(network, scale))
    (problem.folder / "rxode2.txt").write_text(_rxode2(network, scale))
    _tables(problem, scale)
    return {name: _solver(problem, scale, script, name) for name in found}


def _version(script: str, name: str) -> str:
    ask = f'if (requireNamespace("{name}", quietly = TRUE)) cat(as.character(packageVersion("{name}")))'
    try:
        return subprocess.run([script, "-e", ask], capture_output=True, text=True, check=False).stdout.strip()
    except OSError as problem:
        raise LeftOut(f"{script} cannot be run: {problem.strerror}") from None


def _mrgsolve(network: Network, scale: Values) -> str:
    """States A are read as Z times their scale; their starts are the parameters s."""
    from formulas import MRGSOLVE, statements

    n = len(scale)
    lines = ["$PARAM"] + [f"p{i} = 0" for i in range(len(network.parameters))] + [f"s{i} = 0" for i in range(n)]
    lines += ["$CMT"] + [f"Z{i}" for i in range(n)] + ["$MAIN"] + [f"Z{i}_0 = s{i};" for i in range(n)] + ["$ODE"]
    lines += [f"double A{i} = Z{i} * {float(scale[i])!r};" for i in range(n)]
    lines += statements(network, MRGSOLVE)
    return "\n".join([*lines, *(f"dxdt_Z{i} = slope{i} / {float(scale[i])!r};" for i in range(n)), ""])


def _rxode2(network: Network, scale: Values) -> str:
    from formulas import RXODE2, statements

    n = len(scale)
    lines = [f"A{i} = Z{i} * {float(scale[i])!r};" for i in range(n)] + statements(network, RXODE2)
    lines += [f"d/dt(Z{i}) = slope{i} / {float(scale[i])!r};" for i in range(n)]
    return "\n".join([*lines, *(f"Z{i}(0) = s{i};" for i in range(n)), ""])


def _tables(problem: Problem, scale: Values) -> None:
    """numbers.csv: a row of parameters and scaled starts per patient; doses.csv; times.csv since the beginning."""
    n = len(scale)
    heads = [*(f"p{i}" for i in range(problem.parameters.shape[1])), *(f"s{i}" for i in range(n))]
    numbers = np.hstack([problem.parameters, problem.start / scale])
    np.savetxt(problem.folder / "numbers.csv", numbers, "%.17g", ",", header=",".join(heads), comments="")
    who, column = np.nonzero(problem.when <= problem.days[-1])
    into = problem.state[column]
    rows = [who + 1, problem.when[who, column] - problem.begin, into + 1, problem.keep[column],
            problem.add[who, column] / scale[into]]  # fmt: skip
    np.savetxt(problem.folder / "doses.csv", np.column_stack(rows), "%.17g", ",", header="ID,time,cmt,keep,amt",
               comments="")  # fmt: skip
    times = problem.days - problem.begin
    times = times + JUST_AFTER * np.isin(problem.days, problem.when)
    np.savetxt(problem.folder / "times.csv", times, "%.17g", header="time", comments="")


def _solver(problem: Problem, scale: Values, script: str, name: str) -> Solver:
    def solve(rtol: float, clock: Clock) -> tuple[Values, int]:
        out = problem.folder / f"{name}.csv"
        numbers = [repr(rtol), repr(float(problem.absolute(rtol).min())), str(REPLACES[name])]
        line = [script, str(HERE / f"{name}.R"), str(problem.folder), *numbers, str(out)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LeftOut(f"{name} failed: {(done.stderr.strip() or 'no word why').splitlines()[-1]}")
        clock.seconds += float(done.stdout.split()[-1])
        values = np.loadtxt(out, delimiter=",", skiprows=1) * scale
        return values.reshape(len(problem.start), len(problem.days), len(scale)), len(problem.start)

    return solve

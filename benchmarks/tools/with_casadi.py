"""CasADi's CVODES; slopes and exact sparse Jacobian are its own C code, compiled."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import reduce
from pathlib import Path
from typing import Any

import casadi
import numpy as np
from problem import Clock, LeftOut, Problem, Solver, Values

VERSION = casadi.__version__
MOST_STEPS = 1_000_000
FLAGS = ("-O3", "-march=native", "-fPIC", "-shared")


def prepare(problem: Problem) -> dict[str, Solver]:
    """One integrator per segment and tolerance; CVODES takes one absolute tolerance, so states are scaled by theirs."""
    scale = problem.tolerances / problem.tolerances.min()
    equations = _compiled(problem, scale)
    kept: dict[tuple[float, bytes], Any] = {}

    def integrator(rtol: float, times: Values) -> Any:
        key = rtol, times.tobytes()
        if key not in kept:
            options = {"reltol": rtol, "abstol": float(problem.absolute(rtol).min()), "max_num_steps": MOST_STEPS}
            since = (times[1:] - times[0]).tolist()
            kept[key] = casadi.integrator("solve", "cvodes", equations, 0.0, since, options)
        return kept[key]

    def solve(rtol: float, clock: Clock) -> tuple[Values, int]:
        patients = []
        for who, p in enumerate(problem.parameters):

            def advance(state: Values, times: Values, p: Values = p) -> Values:
                run = integrator(rtol, times)
                with clock:
                    found = run(x0=state / scale, p=p)["xf"]
                return np.array(found).T * scale

            patients.append(problem.follow(who, advance))
        return np.stack(patients), len(patients)

    return {"CasADi CVODES": solve}


def _compiled(problem: Problem, scale: Values) -> Any:
    """The equations of scaled states as compiled C, with the derivatives that CVODES asks for."""
    compiler = next(filter(None, map(shutil.which, ("clang", "gcc", "cc"))), None)
    if compiler is None:
        raise LeftOut("found no C compiler for its generated code; needed clang, gcc or cc")
    x, p = casadi.SX.sym("x", len(scale)), casadi.SX.sym("p", problem.parameters.shape[1])
    slopes: dict[int, Any] = {}
    space: dict[str, Any] = {
        "exp": casadi.exp, "log": casadi.log, "sqrt": casadi.sqrt,
        "power": lambda base, exponent: casadi.fmax(base, 1e-300) ** exponent, "larger": casadi.fmax,
        "step": lambda a: casadi.if_else(a > 0, 1.0, 0.0), "where": casadi.if_else,
        "both": lambda *a: reduce(casadi.logic_and, a), "either": lambda *a: reduce(casadi.logic_or, a),
        "negated": casadi.logic_not,
    }  # fmt: skip
    exec(problem.text("formulas.py"), space)  # noqa: S102 our own text
    space["slopes"]([x[i] * scale[i] for i in range(len(scale))], [p[i] for i in range(p.numel())], slopes)
    moved, none = casadi.vertcat(*(slopes[i] / scale[i] for i in range(len(scale)))), casadi.SX(0, 1)
    names = ["t", "x", "z", "p", "u"], ["ode", "alg", "quad", "zero"]
    only_states = {"is_diff_in": [name == "x" for name in names[0]]}
    function = casadi.Function("equations", [casadi.SX.sym("t"), x, none, p, none], [moved, none, none, none], *names,
                               only_states)  # fmt: skip
    code = casadi.CodeGenerator("equations.c")
    code.add(function)
    code.add(function.jacobian())
    source = Path(code.generate(str(problem.folder) + os.sep))
    library = source.with_suffix(".so")
    subprocess.run([compiler, *FLAGS, str(source), "-o", str(library), "-lm"], check=True, capture_output=True)
    return casadi.external("equations", str(library))

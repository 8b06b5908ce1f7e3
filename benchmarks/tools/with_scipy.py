"""SciPy's solvers; slopes and Jacobian are compiled by numba, the Jacobian is exact."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import scipy
from numba import njit
from problem import Clock, Problem, Solver, Values
from scipy.integrate import odeint, solve_ivp

VERSION = scipy.__version__
MOST_STEPS = 1_000_000

Slopes = Callable[[Values, Values], Values]
"""(state, parameters) -> slopes, or Jacobian."""


def _larger(a: float, b: float) -> float:
    return max(a, b)


def prepare(problem: Problem) -> dict[str, Solver]:
    """Each method by name; "truth" restarts DOP853 at every reported day, so that no interpolation blurs it."""
    slopes, jacobian = compiled(problem)
    methods = {f"SciPy {name}": _solve_ivp(name, slopes, jacobian) for name in ("LSODA", "BDF")}
    methods |= {"SciPy odeint": _odeint(slopes, jacobian), "truth": _stepwise(slopes)}
    return {name: _patient_by_patient(problem, method) for name, method in methods.items()}


def compiled(problem: Problem) -> tuple[Slopes, Slopes]:
    """Slopes and Jacobian in machine code; both return arrays."""
    quick = njit(error_model="numpy")  # a division by zero gives infinity and stops nothing
    space: dict[str, Any] = {
        "exp": math.exp, "log": math.log, "sqrt": math.sqrt,
        "power": quick(lambda base, exponent: max(base, 1e-300) ** exponent),
        "larger": quick(_larger),
        "step": quick(lambda a: 1.0 if a > 0.0 else 0.0),
        "where": quick(lambda test, a, b: a if test else b),
        "both": quick(lambda a, b: a and b),
        "either": quick(lambda a, b: a or b),
        "negated": quick(lambda a: not a),
    }  # fmt: skip
    exec(problem.text("formulas.py"), space)  # noqa: S102 our own text
    fill, fill_matrix, n = quick(space["slopes"]), quick(space["jacobian"]), problem.start.shape[1]

    @quick
    def slopes(y: Values, p: Values) -> Values:
        f = np.empty(n)
        fill(y, p, f)
        return f

    @quick
    def jacobian(y: Values, p: Values) -> Values:
        m = np.zeros((n, n))
        fill_matrix(y, p, m)
        return m

    for one in (slopes, jacobian):
        one(problem.start[0], problem.parameters[0])
    return slopes, jacobian


Method = Callable[[Values, Values, Values, float, Values], Values]
"""(state, times, parameters, rtol, atol) -> states at times[1:]."""


def _patient_by_patient(problem: Problem, method: Method) -> Solver:
    def solve(rtol: float, clock: Clock) -> tuple[Values, int]:
        absolute, found = problem.absolute(rtol), []
        for who, p in enumerate(problem.parameters):
            with clock:
                found.append(problem.follow(who, lambda y, t, p=p: method(y, t, p, rtol, absolute)))
        return np.stack(found), len(found)

    return solve


def _solve_ivp(name: str, slopes: Slopes, jacobian: Slopes) -> Method:
    def method(y: Values, times: Values, p: Values, rtol: float, atol: Values) -> Values:
        done = solve_ivp(lambda _, y: slopes(y, p), (times[0], times[-1]), y, method=name, t_eval=times[1:],
                         jac=lambda _, y: jacobian(y, p), rtol=rtol, atol=atol)  # fmt: skip
        return _whole(done.y.T, len(times) - 1)

    return method


def _odeint(slopes: Slopes, jacobian: Slopes) -> Method:
    """LSODA by SciPy's older interface, which stays inside compiled code between days."""

    def method(y: Values, times: Values, p: Values, rtol: float, atol: Values) -> Values:
        states, notes = odeint(lambda y, _: slopes(y, p), y, times, Dfun=lambda y, _: jacobian(y, p), rtol=rtol,
                               atol=atol, mxstep=MOST_STEPS, tcrit=times[-1:], full_output=True)  # fmt: skip
        return states[1:] if notes["message"] == "Integration successful." else np.full_like(states[1:], np.nan)

    return method


def _stepwise(slopes: Slopes) -> Method:
    def method(y: Values, times: Values, p: Values, rtol: float, atol: Values) -> Values:
        found = []
        for first, last in pairwise(times):
            y = solve_ivp(lambda _, y: slopes(y, p), (first, last), y, method="DOP853", rtol=rtol, atol=atol).y[:, -1]
            found.append(y)
        return np.stack(found)

    return method


def _whole(states: Values, needed: int) -> Values:
    """What a solver that gave up early has found, NaN for the rest."""
    out = np.full((needed, states.shape[-1] if states.size else 1), np.nan)
    out[: len(states)] = states
    return out

"""The slow oracle: the same Network through SymPy's printer and SciPy's solvers, independent of the compiled kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp
from sympy.printing.pycode import PythonCodePrinter

from perforin.errors import UserError, nearest
from perforin.kernels.solution import FAILED, OK, RETRIED, Doses, Problem, Solution, prepare
from perforin.model.network import Network

__all__ = ["METHODS", "Interpreted", "python_text"]

METHODS = ("LSODA", "Radau", "BDF", "DOP853")
Array = NDArray[np.float64]
TINY = 1e-300


class _Printer(PythonCodePrinter):  # type: ignore[misc]
    """Python text of expressions; every name becomes ``n`` and its number."""

    def __init__(self, names: dict[str, str]) -> None:
        super().__init__({"fully_qualified_modules": False})
        self._names = names

    def _print_Symbol(self, expression: sympy.Symbol) -> str:
        return self._names[expression.name]

    def _print_Larger(self, expression: sympy.Expr) -> str:
        return f"larger({', '.join(map(self._print, expression.args))})"

    def _print_Step(self, expression: sympy.Expr) -> str:
        return f"step({self._print(expression.args[0])})"

    def _print_Power(self, expression: sympy.Expr) -> str:
        return f"power({', '.join(map(self._print, expression.args))})"

    def _print_Pow(self, expression: sympy.Expr, rational: bool = False) -> str:
        base, exponent = expression.args
        if exponent.is_Integer or exponent in (sympy.S.Half, -sympy.S.Half):
            return str(super()._print_Pow(expression, rational=rational))
        return f"power({self._print(base)}, {self._print(exponent)})"


def _larger(a: float, b: float) -> float:
    return a if a > b or math.isnan(a) else b


def _step(a: float) -> float:
    return 1.0 if a > 0 else 0.0


def _power(base: float, exponent: float) -> float:
    return base if math.isnan(base) else max(base, TINY) ** exponent


def _exp(x: float) -> float:
    return math.exp(x) if x < 709.7 or math.isnan(x) else math.inf


def _log(x: float) -> float:
    return math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)


def _sqrt(x: float) -> float:
    return math.nan if x < 0 else math.sqrt(x)


_SPACE = {"larger": _larger, "step": _step, "power": _power, "exp": _exp, "log": _log, "sqrt": _sqrt, "math": math}


def python_text(network: Network, outputs: Sequence[str]) -> str:
    """Source of ``slopes(y, p, f)`` and ``observe(y, p, o)``, common parts of each shared by SymPy."""
    names = {name: f"y[{i}]" for i, name in enumerate(network.state_names)}
    names |= {name: f"p[{i}]" for i, name in enumerate(network.parameter_names)}
    names |= {name: f"l{i}" for i, name in enumerate(network.level_names)}
    known = [*network.state_names, *network.level_names, *network.flow_names]
    for name in outputs:
        if name not in known:
            hint = nearest(name, known)
            raise UserError(f"found the output {name!r}; needed a state, a level or a flow of the network{hint}")
    show = _Printer(names).doprint
    levels = [f"    l{i} = {show(level.expression)}" for i, level in enumerate(network.levels)]
    rates = [f"    f{i} = {show(flow.rate)}" for i, flow in enumerate(network.flows)]
    names |= {name: f"f{i}" for i, name in enumerate(network.flow_names)}
    lines = ["def slopes(y, p, f):", *levels, *rates]
    for i, state in enumerate(network.state_names):
        parts = [f"+ {c!r} * f{k}" for k, flow in enumerate(network.flows) for s, c in flow.changes if s == state]
        lines.append(f"    f[{i}] = {' '.join(parts) or '0.0'}")
    lines += ["def observe(y, p, o):", *levels, *rates]
    lines += [f"    o[{i}] = {names[name]}" for i, name in enumerate(outputs)]
    return "\n".join([*lines, "    return None", ""])


class Interpreted:
    """A network solved by SciPy, one patient after another.

    Args:
        network: what to solve.
        outputs: states, levels and flows to report.
        method: SciPy's solver; when it fails the next of ``METHODS`` is tried (status 1).
    """

    def __init__(self, network: Network, outputs: Sequence[str], method: str = "LSODA") -> None:
        if method not in METHODS:
            raise UserError(f"found the method {method!r}; needed one of {METHODS}{nearest(method, METHODS)}")
        self.network = network
        self.outputs = tuple(outputs)
        self.method = method
        space: dict[str, object] = dict(_SPACE)
        exec(compile(python_text(network, outputs), f"<network {network.hash}>", "exec"), space)  # noqa: S102 our own text
        self._slopes: Callable[..., None] = space["slopes"]  # type: ignore[assignment]
        self._observe: Callable[..., None] = space["observe"]  # type: ignore[assignment]

    def run(self, parameters: Array, start: Array, doses: Doses, days: ArrayLike, *, begin: ArrayLike = 0.0,
            rtol: float = 1e-5, threads: int = 1) -> Solution:  # noqa: ARG002  # fmt: skip
        """Solve for all patients; see ``Kernel.run``. One thread whatever is asked for: SciPy holds the lock."""
        problem = prepare(self.network, parameters, start, doses, days, begin, rtol)
        n = len(problem.start)
        values = np.full((n, len(problem.days), len(self.outputs)), np.nan)
        status, steps = np.full(n, FAILED, np.int8), np.zeros(n, np.int32)
        reasons = list(problem.reasons)
        for who in problem.runnable:
            for method in (self.method, *(m for m in ("LSODA", "Radau", "BDF") if m != self.method)):
                values[who], taken, reason = self._patient(problem, int(who), method, rtol)
                steps[who] += taken
                if not reason:
                    status[who] = OK if method == self.method else RETRIED
                    break
            reasons[who] = reason
        return Solution(values, status, tuple(reasons), steps)

    def slopes(self, state: Array, parameters: Array) -> Array:
        """(states,) slopes of one patient; NaN where they cannot be computed."""
        out = [0.0] * len(self.network.states)
        try:
            self._slopes(list(map(float, state)), parameters, out)
        except (ArithmeticError, ValueError, TypeError):
            return np.full(len(out), np.nan)
        return np.array(out)

    def observe(self, state: Array, parameters: Array) -> Array:
        """(outputs,) values at a state."""
        out = [0.0] * len(self.outputs)
        try:
            self._observe(list(map(float, state)), parameters, out)
        except (ArithmeticError, ValueError, TypeError):
            return np.full(len(out), np.nan)
        return np.array(out)

    def _patient(self, problem: Problem, who: int, method: str, rtol: float) -> tuple[Array, int, str]:
        row = problem.parameters[who].tolist()
        values = np.full((len(problem.days), len(self.outputs)), np.nan)
        tolerances = self.network.absolute_tolerances * (rtol / 1e-5)
        state, now, last, taken = problem.start[who].copy(), problem.begin[who], problem.days[-1:], 0
        for stop in np.unique([now, *problem.when[who][problem.when[who] <= last.max(initial=-np.inf)], *last]):
            if stop < now:
                continue
            if stop > now:
                inside = (problem.days > now) & (problem.days < stop)
                done = solve_ivp(lambda _, y: self.slopes(y, row), (now, stop), state, method=method, rtol=rtol,
                                 atol=tolerances, t_eval=np.append(problem.days[inside], stop))  # fmt: skip
                taken += done.nfev
                if not done.success or not np.isfinite(done.y).all():
                    values[:] = np.nan
                    return values, taken, self._reason(done.y, now, method)
                for place, y in zip(np.flatnonzero(inside), done.y.T[:-1], strict=True):
                    values[place] = self.observe(y, row)
                state, now = done.y[:, -1].copy(), stop
            for event in np.flatnonzero(problem.when[who] == now):
                column = problem.column[who, event]
                into = problem.state[column]
                state[into] = state[into] * problem.keep[column] + problem.add[who, event]
            for place in np.flatnonzero(problem.days == now):
                values[place] = self.observe(state, row)
        return values, taken, ""

    def _reason(self, found: Array, now: float, method: str) -> str:
        finite = np.isfinite(np.atleast_2d(found)).all(axis=1)
        bad = np.flatnonzero(~finite)
        where = f" in {self.network.state_names[bad[0]]}" if len(bad) else ""
        return f"{method} found no solution after day {now:.6g}{where}"

"""A Network as Python text, for the slow oracle: SymPy's own printer, so that it shares nothing with the C text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import sympy
from sympy.core.relational import Relational
from sympy.printing.pycode import PythonCodePrinter

from perforin.errors import UserError, nearest
from perforin.model.functions import Step
from perforin.model.network import Network

__all__ = ["SPACE", "TIME", "moments_text", "python_text", "turning_points"]

TIME = "time"
"""The state that tells rates the time, and in conditions the day."""

TINY = 1e-300


class _Printer(PythonCodePrinter):  # type: ignore[misc]
    """Python text of expressions; every name becomes a letter and a number."""

    def __init__(self, names: Mapping[str, str]) -> None:
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


def _defined(function: Callable[[float], float]) -> Callable[[float], float]:
    """NaN where Python's function raises."""

    def safe(x: float) -> float:
        try:
            return float(function(x))
        except (ValueError, OverflowError):
            return math.nan

    return safe


SPACE: dict[str, object] = {"larger": _larger, "step": _step, "power": _power, "exp": _exp, "log": _log, "sqrt": _sqrt}
SPACE |= {name: _defined(getattr(math, name)) for name in ("sin", "cos", "atan", "floor", "gamma")}
SPACE |= {"math": math}
"""What the functions of the text are."""


def _names(network: Network) -> dict[str, str]:
    names = {name: f"y[{i}]" for i, name in enumerate(network.state_names)}
    names |= {name: f"p[{i}]" for i, name in enumerate(network.parameter_names)}
    return names | {name: f"l{i}" for i, name in enumerate(network.level_names)}


def python_text(network: Network, outputs: Sequence[str]) -> str:
    """Source of ``slopes(y, p, f)`` and ``observe(y, p, o)``.

    Raises:
        UserError: an output that the network does not have.
    """
    names = _names(network)
    known = [*network.state_names, *network.level_names, *network.flow_names]
    for name in outputs:
        if name not in known:
            hint = nearest(name, known)
            raise UserError(f"found the output {name!r}; needed a state, a level or a flow of the network{hint}")
    show = _Printer(names).doprint
    levels = [f"    l{i} = {show(level.expression)}" for i, level in enumerate(network.levels)]
    rates = [f"    f{i} = {show(flow.rate)}" for i, flow in enumerate(network.flows)]
    shown = {name: f"f{i}" for i, name in enumerate(network.flow_names)}
    shown |= {name: names[name] for name in (*network.state_names, *network.level_names)}  # a state before its flow
    lines = ["def slopes(y, p, f):", *levels, *rates]
    for i, state in enumerate(network.state_names):
        parts = [f"+ {c!r} * f{k}" for k, flow in enumerate(network.flows) for s, c in flow.changes if s == state]
        lines.append(f"    f[{i}] = {' '.join(parts) or '0.0'}")
    lines += ["def observe(y, p, o):", *levels, *rates]
    lines += [f"    o[{i}] = {shown[name]}" for i, name in enumerate(outputs)]
    return "\n".join([*lines, "    return None", ""])


def turning_points(network: Network) -> tuple[tuple[Relational, ...], tuple[sympy.Basic, ...]]:
    """Where a course may turn: relations in conditions of events; then relations and whole parts in rates.

    A solver that steps over the first misses an event. At the second it loses order, or its step size for good.
    """
    deciding = [one for event in network.events for one in sorted(event.condition.atoms(Relational), key=str)]
    rates = [*(level.expression for level in network.levels), *(flow.rate for flow in network.flows)]
    jumping: list[sympy.Basic] = []
    for rate in rates:
        jumping += sorted(rate.atoms(Relational, sympy.floor), key=str)
        jumping += [step.args[0] > 0 for step in sorted(rate.atoms(Step), key=str)]
    known = dict.fromkeys(deciding)
    return tuple(known), tuple(one for one in dict.fromkeys(jumping) if one not in known and one.free_symbols)


def moments_text(network: Network) -> str:
    """Source of what decides when something happens, at time t, state y, parameters p and running quantities r.

    ``sides(t, y, p, r, s)``: on which side each of ``turning_points`` is. ``conditions(t, y, p, r, c)``: the truth of
    each event's. ``assign(k, t, y, p, r, a)``: what event k assigns. ``watched(t, y, p, w)``: what running quantities
    watch.
    """
    names = {TIME: "t"} | _names(network)
    names |= {row.name: f"r[{i}]" for i, row in enumerate(network.running)}
    show = _Printer(names).doprint

    def levels(read: Iterable[sympy.Basic]) -> list[str]:
        """Text of the levels that expressions need, directly or through others."""
        needed = {one.name for expression in read for one in expression.free_symbols}
        rows = []
        for i, level in reversed(list(enumerate(network.levels))):
            if level.name in needed:
                needed |= {one.name for one in level.expression.free_symbols}
                rows.append(f"    l{i} = {show(level.expression)}")
        return rows[::-1]

    def filled(letter: str, rows: Iterable[str]) -> list[str]:
        return [f"    {letter}[{i}] = {row}" for i, row in enumerate(rows)]

    def side(one: sympy.Basic) -> str:
        if not isinstance(one, Relational):
            return str(show(one))
        a, b = show(one.lhs), show(one.rhs)
        sign = {">": ">", "<=": ">", ">=": ">=", "<": ">="}.get(one.rel_op)
        return f"({a}) {sign} ({b})" if sign else f"(({a}) > ({b})) - (({a}) < ({b}))"

    sides, conditions = sum(turning_points(network), ()), [event.condition for event in network.events]
    watched, assigned = [row.expression for row in network.running], [e.assignments for e in network.events]
    lines = ["def sides(t, y, p, r, s):", *levels(sides), *filled("s", map(side, sides))]
    lines += ["def conditions(t, y, p, r, c):", *levels(conditions), *filled("c", map(show, conditions))]
    lines += ["def watched(t, y, p, w):", *levels(watched), *filled("w", map(show, watched))]
    lines += ["def assign(k, t, y, p, r, a):", *levels(e for rows in assigned for _, e in rows)]
    for k, rows in enumerate(assigned):
        lines += [f"    if k == {k}:", *(f"    {row}" for row in filled("a", (show(e) for _, e in rows)))]
        lines.append("        return None")
    return "\n".join(f"{line}\n    pass" if line.startswith("def") else line for line in lines) + "\n"

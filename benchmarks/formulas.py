"""A Network as plain Python text that NumPy, numba, CasADi and JAX can all read: slopes and their exact Jacobian."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy
from sympy.printing.pycode import PythonCodePrinter

from perforin.model.mechanism import symbol
from perforin.model.network import Network

__all__ = ["python_source"]


class _Printer(PythonCodePrinter):  # type: ignore[misc]
    """Choices and conditions as calls, for tracers know no ``if``."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__({"fully_qualified_modules": False})
        self._names = names

    def _print_Symbol(self, expression: sympy.Symbol) -> str:
        return self._names.get(expression.name, expression.name)

    def _call(self, name: str, expression: sympy.Basic) -> str:
        return f"{name}({', '.join(map(self._print, expression.args))})"

    def _print_Larger(self, expression: sympy.Expr) -> str:
        return self._call("larger", expression)

    def _print_Step(self, expression: sympy.Expr) -> str:
        return self._call("step", expression)

    def _print_Power(self, expression: sympy.Expr) -> str:
        return self._call("power", expression)

    def _print_exp(self, expression: sympy.Expr) -> str:
        return self._call("exp", expression)

    def _print_log(self, expression: sympy.Expr) -> str:
        return self._call("log", expression)

    def _print_Pow(self, expression: sympy.Expr, rational: bool = False) -> str:
        base, exponent = expression.args
        if exponent in (sympy.S.Half, -sympy.S.Half):
            root = f"sqrt({self._print(base)})"
            return root if exponent.is_positive else f"(1/{root})"
        if exponent.is_Integer:
            return str(super()._print_Pow(expression, rational=rational))
        return self._call("power", expression)

    def _print_And(self, expression: sympy.Basic) -> str:
        return self._call("both", expression)

    def _print_Or(self, expression: sympy.Basic) -> str:
        return self._call("either", expression)

    def _print_Not(self, expression: sympy.Basic) -> str:
        return self._call("negated", expression)

    def _print_Piecewise(self, expression: sympy.Expr) -> str:
        text = self._print(expression.args[-1][0])
        for value, test in reversed(expression.args[:-1]):
            text = f"where({self._print(test)}, {self._print(value)}, {text})"
        return text


def _body(targets: Mapping[str, sympy.Expr], known: Mapping[str, sympy.Expr], names: Mapping[str, str]) -> list[str]:
    """Statements that compute the targets, each subexpression once and only those that are needed."""
    numbered = sympy.numbered_symbols("_x")
    shared, reduced = sympy.cse([*known.values(), *targets.values()], symbols=numbered, list=False)
    formulas = {one.name: formula for one, formula in shared} | dict(zip([*known, *targets], reduced, strict=True))
    show, done = _Printer(names).doprint, set[str]()

    def write(name: str) -> Iterator[str]:
        done.add(name)
        for needed in sorted(one.name for one in formulas[name].free_symbols):
            if needed in formulas and needed not in done:
                yield from write(needed)
        yield f"    {names.get(name, name)} = {show(formulas[name])}"

    return [line for name in targets for line in write(name)]


def _slopes_by_state(network: Network) -> tuple[dict[str, sympy.Expr], dict[tuple[int, int], sympy.Expr]]:
    """What levels do when states move, as further levels; and the Jacobian's entries in terms of them."""
    index = {name: i for i, name in enumerate(network.state_names)}
    moved: dict[str, dict[str, sympy.Expr]] = {name: {name: sympy.Integer(1)} for name in index}
    extra: dict[str, sympy.Expr] = {}

    def gradient(expression: sympy.Expr) -> dict[str, sympy.Expr]:
        found: dict[str, sympy.Expr] = {}
        for one in sorted(expression.free_symbols, key=lambda s: s.name):
            for state, by in moved.get(one.name, {}).items():
                found[state] = found.get(state, sympy.Integer(0)) + expression.diff(one) * by
        return {state: value for state, value in found.items() if value != 0}

    for number, level in enumerate(network.levels):
        moved[level.name] = {}
        for state, value in gradient(level.expression).items():
            name = f"_d{number}_{index[state]}"
            extra[name] = value
            moved[level.name][state] = symbol(name)
    entries: dict[tuple[int, int], sympy.Expr] = {}
    for row, slope in enumerate(network.slopes()):
        entries |= {(row, index[state]): value for state, value in gradient(slope).items()}
    return extra, entries


def python_source(network: Network) -> str:
    """Text of ``slopes(y, p, f)`` and ``jacobian(y, p, m)``, which fill ``f[i]`` and ``m[i][j]``, and of ``ENTRIES``.

    It calls exp, log, sqrt, power, larger, step, where, both, either and negated, which the reader provides.
    """
    names = {name: f"y[{i}]" for i, name in enumerate(network.state_names)}
    names |= {name: f"p[{i}]" for i, name in enumerate(network.parameter_names)}
    names |= {name: f"l{i}" for i, name in enumerate(network.level_names)}
    levels = {level.name: level.expression for level in network.levels}
    slopes = {f"f[{i}]": slope for i, slope in enumerate(network.slopes())}
    extra, entries = _slopes_by_state(network)
    slots = {f"m[{i}, {j}]": value for (i, j), value in entries.items()}
    return "\n".join([
        f"ENTRIES = {list(entries)}", "",
        "def slopes(y, p, f):", *_body(slopes, levels, names), "",
        "def jacobian(y, p, m):", *_body(slots, levels | extra, names), "",
    ])  # fmt: skip

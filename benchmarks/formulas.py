"""A Network as text that others read: Python for NumPy, numba, CasADi and JAX; the languages of mrgsolve and rxode2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import sympy
from sympy.printing.pycode import PythonCodePrinter

from perforin.model.mechanism import symbol
from perforin.model.network import Network

__all__ = ["MRGSOLVE", "PYTHON", "RXODE2", "Dialect", "python_source", "statements"]


@dataclass(frozen=True)
class Dialect:
    """How a language writes statements, names and those calls that are none in it."""

    statement: str = "    {0} = {1}"
    slope: str = "f[{0}]"
    state: str = "y[{0}]"
    parameter: str = "p[{0}]"
    calls: Mapping[str, str] = field(default_factory=dict)


PYTHON = Dialect()
MRGSOLVE = Dialect("double {0} = {1};", "slope{0}", "A{0}", "p{0}", {
    "power": "pow(fmax({0}, 1e-300), {1})", "raised": "pow({0}, {1})", "larger": "fmax({0}, {1})",
    "step": "({0} > 0 ? 1.0 : 0.0)", "where": "({0} ? {1} : {2})", "both": "({0} && {1})", "either": "({0} || {1})",
    "negated": "(!({0}))",
})  # fmt: skip
RXODE2 = Dialect("{0} = {1};", "slope{0}", "A{0}", "p{0}", {
    "power": "max({0}, 1e-300)^({1})", "raised": "({0})^({1})", "larger": "max({0}, {1})",
    "step": "ifelse({0} > 0, 1.0, 0.0)", "where": "ifelse({0}, {1}, {2})", "both": "({0} && {1})",
    "either": "({0} || {1})", "negated": "(!({0}))",
})  # fmt: skip


class _Printer(PythonCodePrinter):  # type: ignore[misc]
    """Choices and conditions as calls, for tracers know no ``if``."""

    def __init__(self, names: Mapping[str, str], dialect: Dialect) -> None:
        super().__init__({"fully_qualified_modules": False})
        self._names, self._dialect = names, dialect

    def _call(self, name: str, *arguments: sympy.Basic | str) -> str:
        written = [one if isinstance(one, str) else self._print(one) for one in arguments]
        form = self._dialect.calls.get(name)
        if form is None:
            return f"{name}({', '.join(written)})"
        while len(written) > 2 and name in ("both", "either"):
            written = [form.format(*written[:2]), *written[2:]]
        return form.format(*written)

    def _print_Symbol(self, expression: sympy.Symbol) -> str:
        return self._names[expression.name]

    def _print_Rational(self, expression: sympy.Rational) -> str:
        return repr(float(expression))

    def _print_Larger(self, expression: sympy.Expr) -> str:
        return self._call("larger", *expression.args)

    def _print_Step(self, expression: sympy.Expr) -> str:
        return self._call("step", *expression.args)

    def _print_Power(self, expression: sympy.Expr) -> str:
        return self._call("power", *expression.args)

    def _print_exp(self, expression: sympy.Expr) -> str:
        return self._call("exp", *expression.args)

    def _print_log(self, expression: sympy.Expr) -> str:
        return self._call("log", *expression.args)

    def _print_Pow(self, expression: sympy.Expr, rational: bool = False) -> str:
        base, exponent = expression.args
        if exponent in (sympy.S.Half, -sympy.S.Half):
            root = self._call("sqrt", base)
            return root if exponent.is_positive else f"(1/{root})"
        if not exponent.is_Integer:
            return self._call("power", base, exponent)
        if exponent == -1:
            return f"(1.0/({self._print(base)}))"
        if "raised" in self._dialect.calls:
            return self._call("raised", base, exponent)
        return str(super()._print_Pow(expression, rational=rational))

    def _print_And(self, expression: sympy.Basic) -> str:
        return self._call("both", *expression.args)

    def _print_Or(self, expression: sympy.Basic) -> str:
        return self._call("either", *expression.args)

    def _print_Not(self, expression: sympy.Basic) -> str:
        return self._call("negated", *expression.args)

    def _print_Piecewise(self, expression: sympy.Expr) -> str:
        text = self._print(expression.args[-1][0])
        for value, test in reversed(expression.args[:-1]):
            text = self._call("where", test, value, text)
        return str(text)


def _body(targets: Mapping[str, sympy.Expr], known: Mapping[str, sympy.Expr], network: Network,
          dialect: Dialect) -> list[str]:  # fmt: skip
    """Statements that compute the targets, each subexpression once and only those that are needed."""
    names = {name: dialect.state.format(i) for i, name in enumerate(network.state_names)}
    names |= {name: dialect.parameter.format(i) for i, name in enumerate(network.parameter_names)}
    names |= {name: f"l{i}" for i, name in enumerate(network.level_names)}
    numbered = sympy.numbered_symbols("_x")
    shared, reduced = sympy.cse([*known.values(), *targets.values()], symbols=numbered, list=False)
    formulas = {one.name: formula for one, formula in shared} | dict(zip([*known, *targets], reduced, strict=True))
    names |= {name: name.strip("_") for name in (*(one.name for one, _ in shared), *known) if name not in names}
    show, done = _Printer(names, dialect).doprint, set[str]()

    def write(name: str) -> Iterator[str]:
        done.add(name)
        for needed in sorted(one.name for one in formulas[name].free_symbols):
            if needed in formulas and needed not in done:
                yield from write(needed)
        yield dialect.statement.format(names.get(name, name), show(formulas[name]))

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


def statements(network: Network, dialect: Dialect) -> list[str]:
    """Statements that compute every slope, in the order of the states."""
    slopes = {dialect.slope.format(i): slope for i, slope in enumerate(network.slopes())}
    return _body(slopes, {level.name: level.expression for level in network.levels}, network, dialect)


def python_source(network: Network) -> str:
    """Text of ``slopes(y, p, f)`` and ``jacobian(y, p, m)``, which fill ``f[i]`` and ``m[i, j]``.

    It calls exp, log, sqrt, power, larger, step, where, both, either and negated, which the reader provides.
    """
    extra, entries = _slopes_by_state(network)
    levels = {level.name: level.expression for level in network.levels}
    slots = {f"m[{i}, {j}]": value for (i, j), value in entries.items()}
    return "\n".join([
        "def slopes(y, p, f):", *statements(network, PYTHON), "",
        "def jacobian(y, p, m):", *_body(slots, levels | extra, network, PYTHON), "",
    ])  # fmt: skip

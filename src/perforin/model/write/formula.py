"""SymPy expressions as the infix text that SBML tools and Antimony read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from perforin.model.functions import SMALLEST

__all__ = ["infix"]


class _Infix(StrPrinter):  # type: ignore[misc]
    """SymPy's own text with the function names of SBML Level 3 and identifiers in place of names."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__({"order": "none"})
        self._names = names

    def _print_Symbol(self, expr: Any) -> str:
        return self._names[expr.name]

    def _print_Float(self, expr: Any) -> str:
        return repr(float(expr))

    def _print_Pow(self, expr: Any, rational: bool = False) -> str:
        base, exponent = expr.args
        if exponent == sympy.S.Half and not rational:
            return f"sqrt({self._print(base)})"
        if exponent.is_number and exponent.is_negative:
            return f"1/{self.parenthesize(sympy.Pow(base, -exponent), PRECEDENCE['Mul'], strict=True)}"
        tight = PRECEDENCE["Pow"]
        return f"{self.parenthesize(base, tight, strict=False)}^{self.parenthesize(exponent, tight, strict=False)}"

    def _print_Power(self, expr: Any) -> str:
        base, exponent = map(self._print, expr.args)
        return f"max({base}, {float(SMALLEST)!r})^({exponent})"

    def _print_Larger(self, expr: Any) -> str:
        if expr.args[1] == -expr.args[0]:
            return f"abs({self._print(expr.args[0])})"
        return f"max({self._print(expr.args[0])}, {self._print(expr.args[1])})"

    def _print_Step(self, expr: Any) -> str:
        return f"piecewise(1, {self._print(expr.args[0])} > 0, 0)"

    def _print_log(self, expr: Any) -> str:
        return f"ln({self._print(expr.args[0])})"

    def _print_exp(self, expr: Any) -> str:
        return f"exp({self._print(expr.args[0])})"

    def _print_Abs(self, expr: Any) -> str:
        return f"abs({self._print(expr.args[0])})"

    def _print_floor(self, expr: Any) -> str:
        return f"floor({self._print(expr.args[0])})"

    def _print_gamma(self, expr: Any) -> str:
        return f"factorial({self._print(expr.args[0] - 1)})"

    def _print_atan(self, expr: Any) -> str:
        return f"arctan({self._print(expr.args[0])})"

    def _print_NaN(self, expr: Any) -> str:  # noqa: ARG002  (SymPy's own signature)
        return "notanumber"

    def _print_Infinity(self, expr: Any) -> str:  # noqa: ARG002  (SymPy's own signature)
        return "infinity"

    def _print_NegativeInfinity(self, expr: Any) -> str:  # noqa: ARG002  (SymPy's own signature)
        return "-infinity"

    def _print_BooleanTrue(self, expr: Any) -> str:  # noqa: ARG002  (SymPy's own signature)
        return "true"

    def _print_BooleanFalse(self, expr: Any) -> str:  # noqa: ARG002  (SymPy's own signature)
        return "false"

    def _print_Piecewise(self, expr: Any) -> str:
        parts = []
        for value, test in expr.args:
            parts += [self._print(value)] if test == sympy.true else [self._print(value), self._print(test)]
        return f"piecewise({', '.join(parts)})"

    def _print_Relational(self, expr: Any) -> str:
        sign = {"Equality": "==", "Unequality": "!="}.get(type(expr).__name__, expr.rel_op)
        return f"{self._print(expr.lhs)} {sign} {self._print(expr.rhs)}"

    def _print_And(self, expr: Any) -> str:
        return " && ".join(f"({self._print(part)})" for part in expr.args)

    def _print_Or(self, expr: Any) -> str:
        return " || ".join(f"({self._print(part)})" for part in expr.args)

    def _print_Not(self, expr: Any) -> str:
        return f"!({self._print(expr.args[0])})"


def infix(expression: sympy.Basic, names: Mapping[str, str]) -> str:
    """An expression as text, with ``names`` giving the identifier of each symbol.

    The base of a ``Power`` counts as at least 1e-300, as in the kernels; ``Larger`` is ``max``, ``Step`` a piecewise.
    """
    return str(_Infix(names).doprint(expression))

"""exp, log, sqrt, power, maximum, minimum, where: one name each for floats, arrays, quantities, symbols and tracers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import sympy

__all__ = [
    "NUMERIC", "Larger", "Power", "Step", "exp", "hill", "log", "maximum", "minimum", "power", "saturation", "sqrt",
    "where",
]  # fmt: skip

Number = Any
SMALLEST = sympy.Float(1e-300)
"""Below this a base counts as this, so that a power and its slope stay finite at zero."""


class Larger(sympy.Function):  # type: ignore[misc]
    """The larger of two numbers, opaque to SymPy (whose own Max searches for relations and is slow)."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """The slope is that of the larger one."""
        first, second = self.args
        return Step(first - second) if argindex == 1 else 1 - Step(first - second)


class Step(sympy.Function):  # type: ignore[misc]
    """One above zero, else zero."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:  # noqa: ARG002  SymPy's signature
        """Flat everywhere but at the jump."""
        return sympy.Integer(0)


class Power(sympy.Function):  # type: ignore[misc]
    """``x**n`` for ``x >= 0``, sharing its transcendental with its slopes."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """By base, n x**n / x; by exponent, x**n log x."""
        base, exponent = self.args
        safe = Larger(base, SMALLEST)
        return exponent * self / safe if argindex == 1 else self * sympy.log(safe)


NUMERIC = {
    "Larger": np.maximum,
    "Step": lambda x: np.where(x > 0, 1.0, 0.0),
    "Power": lambda x, n: np.power(np.maximum(x, float(SMALLEST)), n),
}
"""NumPy's reading of the opaque functions, for ``sympy.lambdify``."""


def _for_any_number(name: str, symbolic: Callable[..., Any], doc: str) -> Callable[..., Number]:
    def function(*numbers: Number) -> Number:
        if any(isinstance(x, sympy.Basic) for x in numbers):
            return symbolic(*map(sympy.sympify, numbers))
        traced = any(type(x).__module__.split(".")[0] in ("jax", "jaxlib") for x in numbers)
        return getattr(sys.modules["jax.numpy"] if traced else np, name)(*numbers)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


exp = _for_any_number("exp", sympy.exp, "e to the power of a number without unit.")
log = _for_any_number("log", sympy.log, "Natural logarithm of a number without unit.")
sqrt = _for_any_number("sqrt", sympy.sqrt, "Square root.")
power = _for_any_number("power", Power, "``power(x, n)`` for x >= 0 without unit; write the ratio first.")
maximum = _for_any_number("maximum", Larger, "The larger number; never where it feeds a pool from zero.")
minimum = _for_any_number("minimum", lambda a, b: -Larger(-a, -b), "The smaller number.")
where = _for_any_number("where", lambda t, a, b: sympy.Piecewise((a, t), (b, True)), "``where(test, a, b)``.")


def saturation(x: Number, half: Number) -> Number:
    """The share x / (half + x): 0 at nothing, 1/2 at ``half``, 1 at plenty."""
    return x / (half + x)


def hill(x: Number, half: Number, steepness: Number) -> Number:
    """Saturation with a steepness; the ratio comes first because a bare ``x**n`` has no unit."""
    ratio = power(x / half, steepness)
    return ratio / (1 + ratio)

"""One function, five kinds of number: floats, arrays, quantities, symbols, tracers."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy

from perforin.model import functions
from perforin.model.functions import Larger, Power, Step, hill, maximum, minimum, power, saturation, sqrt, where
from perforin.units import registry

X = sympy.Symbol("x", real=True)
Y = sympy.Symbol("y", real=True)
C_LIKE = {
    "Larger": np.maximum,
    "Step": lambda x: np.heaviside(x, 0.0),
    "Power": np.power,
}
CASES: list[tuple[str, Callable[..., Any]]] = [
    ("exp", functions.exp),
    ("log", functions.log),
    ("sqrt", sqrt),
    ("power", lambda x: power(x, 1.7)),
    ("maximum", lambda x: maximum(x, 1.1)),
    ("minimum", lambda x: minimum(x, 1.1)),
    ("where", lambda x: where(x > 1.1, x * x, 3 * x)),
    ("saturation", lambda x: saturation(x, 0.4)),
    ("hill", lambda x: hill(x, 0.4, 2.5)),
]


@pytest.mark.parametrize("name,function", CASES, ids=[name for name, _ in CASES])
def test_floats_arrays_quantities_and_symbols_agree(name: str, function: Callable[..., Any]) -> None:
    points = np.array([0.3, 1.0, 1.1, 2.7])
    from_floats = np.array([float(function(float(x))) for x in points])
    symbolic = sympy.lambdify(X, function(X), [C_LIKE, "numpy"])
    assert np.allclose(function(points), from_floats, rtol=1e-12), name
    assert np.allclose(function(registry().Quantity(points, "")).magnitude, from_floats, rtol=1e-12)
    assert np.allclose([symbolic(x) for x in points], from_floats, rtol=1e-12)


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed; it is no dependency")
@pytest.mark.parametrize("name,function", CASES, ids=[name for name, _ in CASES])
def test_tracers_agree(name: str, function: Callable[..., Any]) -> None:
    import jax

    for x in (0.3, 1.0, 2.7):
        assert float(jax.jit(function)(x)) == pytest.approx(float(function(x)), rel=1e-5), name


@pytest.mark.parametrize(
    "expression", [Larger(X, 1.3), Power(X, 2.5), X**2 * Larger(2.0, X), Power(2.0, X), minimum(X, 1.3)]
)
@pytest.mark.parametrize("point", [0.7, 1.9])
def test_slopes_agree_with_finite_differences(expression: sympy.Expr, point: float) -> None:
    value = sympy.lambdify(X, expression, [C_LIKE, "numpy"])
    slope = sympy.lambdify(X, expression.diff(X), [C_LIKE, "numpy"])
    assert slope(point) == pytest.approx((value(point + 1e-6) - value(point - 1e-6)) / 2e-6, rel=1e-7)


def test_a_power_and_its_slope_are_finite_at_zero() -> None:
    slope = sympy.lambdify([X, Y], [Power(X, Y).diff(X), Power(X, Y).diff(Y)], [C_LIKE, "numpy"])
    assert np.all(np.isfinite(slope(0.0, 1.5)))


def test_the_larger_number_is_opaque_to_sympy() -> None:
    assert maximum(X, Y).func is Larger
    assert Step(X).diff(X) == 0
    assert not maximum(X, Y).has(sympy.Max)


def test_units_pass_through_and_impossible_ones_are_refused() -> None:
    import pint

    ten_cells = registry().Quantity(10.0, "cell")
    assert str(sqrt(ten_cells * ten_cells).units) == "cell"
    assert saturation(ten_cells, ten_cells).magnitude == pytest.approx(0.5)
    assert hill(ten_cells, ten_cells, 3.0).magnitude == pytest.approx(0.5)
    with pytest.raises(pint.DimensionalityError):
        functions.exp(ten_cells)
    with pytest.raises(pint.DimensionalityError):
        saturation(ten_cells, registry().Quantity(1.0, "pg/mL"))


@pytest.mark.parametrize("x,expected", [(0.0, 0.0), (0.4, 0.5), (4e9, 1.0)])
def test_saturation_goes_from_nothing_through_a_half_to_one(x: float, expected: float) -> None:
    assert saturation(x, 0.4) == pytest.approx(expected, abs=1e-9)
    assert hill(x, 0.4, 2.0) == pytest.approx(expected, abs=1e-9)

"""Expressions keep their value when they are written as text and read by libSBML, Antimony and libRoadRunner."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy

from perforin.kernels.build import build, no_doses
from perforin.model.functions import Larger, Power, Step
from perforin.model.mechanism import symbol
from perforin.model.network import LevelRow, Network, Slot, State
from perforin.model.write import to_antimony, to_sbml
from perforin.model.write.formula import infix

A, B, C = map(symbol, "abc")
POINT = {"a": 1.7, "b": -0.6, "c": 2.3}
EXPRESSIONS = {
    "nested sums": A - (B - (C - 2)),
    "negative square": -(A**2) - (-B) ** 2,
    "power of a power": (A**C) ** 2 + A ** (C**2),
    "product of quotients": A / (B * C) / (A + B) * -3,
    "negative powers": A**-2 + (A + C) ** (-C) + 1 / sympy.sqrt(A),
    "halves and thirds": A / 2 + sympy.Rational(2, 3) * C - sympy.Rational(1, 3),
    "numbers small and large": 1e-14 * A + 6.02e23 * C,
    "larger of two": Larger(A - C, B * 2) + Larger(0, B),
    "power with guard": Power(A / C, 1.3) + Power(B, 0.5) + Power(A, B),
    "step": 3 * Step(A) + 5 * Step(B),
    "choice of three": sympy.Piecewise((A, A > C), (B * 2, sympy.And(B < 0, C >= 2)), (C, True)),
    "choice by or and not": sympy.Piecewise((1, sympy.Or(sympy.Ne(A, B), C < 0)), (2, True)),
    "transcendental": sympy.exp(-A) * sympy.log(C) / (1 + sympy.Abs(B)),
}


def network() -> Network:
    levels = tuple(LevelRow(name, expression, "") for name, expression in EXPRESSIONS.items())
    parameters = tuple(Slot(name, "", "", name) for name in POINT)
    return Network(states=(State("clock", ""),), levels=levels, flows=(), parameters=parameters)


def expected() -> np.ndarray:
    kernel = build(network(), list(EXPRESSIONS), backend="interpreted")
    return kernel.run(np.array([list(POINT.values())]), np.zeros((1, 1)), no_doses(1), [1.0]).values[0, 0]


def test_the_interpreter_reads_the_expressions_as_sympy_does():
    plain = ["nested sums", "negative square", "power of a power", "product of quotients", "transcendental"]
    found = dict(zip(EXPRESSIONS, expected(), strict=True))
    for name in plain:
        assert found[name] == pytest.approx(float(EXPRESSIONS[name].subs({symbol(k): v for k, v in POINT.items()})))
    assert found["step"] == 3.0
    assert found["larger of two"] == pytest.approx(max(1.7 - 2.3, -1.2) + 0)
    assert found["power with guard"] == pytest.approx((1.7 / 2.3) ** 1.3 + 0 + 1.7**-0.6)


@pytest.mark.parametrize("number", range(len(EXPRESSIONS)), ids=list(EXPRESSIONS))
def test_sbml_and_antimony_keep_the_value_of_an_expression(number):
    roadrunner = pytest.importorskip("roadrunner", reason="libroadrunner is not installed")
    antimony = pytest.importorskip("antimony", reason="antimony is not installed")
    model = network()
    one = Network(states=model.states, levels=(model.levels[number],), flows=(), parameters=model.parameters)
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(to_antimony(one, POINT, {"clock": 0.0})) >= 0, antimony.getLastError()
    for text in (to_sbml(one, POINT, {"clock": 0.0}), antimony.getSBMLString("perforin_model")):
        run = roadrunner.RoadRunner(text)
        name = next(i for i in run.model.getGlobalParameterIds() if i not in (*POINT, "clock"))
        assert run[name] == pytest.approx(expected()[number], rel=1e-14)


def test_a_power_of_nothing_is_nothing_and_stays_finite():
    names = {"a": "a", "b": "b"}
    text = infix(Power(A, 0.5), names)
    assert text == "max(a, 1e-300)^(0.5)"
    assert math.sqrt(max(0.0, 1e-300)) == pytest.approx(0.0, abs=1e-149)


def test_numbers_keep_every_digit():
    assert infix(sympy.Float(0.1 + 0.2, 17) * A, {"a": "a"}) == "0.30000000000000004*a"

"""What temperature does to frozen cells: the integral, the gate of the glass transition, crossings, freezing, thaw."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from perforin.errors import UserError
from perforin.making.cold_chain.damage import (
    GAS,
    alive,
    arrhenius_straight,
    freezing_survival,
    loss_over,
    relaxing,
)
from perforin.making.cold_chain.frozen import frozen

CELLS = frozen("NK")
GLASS = CELLS["glass.transition"]
temperatures = st.floats(-196, 60)


def rate(celsius: float) -> float:
    """The Arrhenius law, written out."""
    if celsius <= GLASS:
        return 0.0
    inverse = 1 / (celsius + 273.15) - 1 / (-80 + 273.15)
    return float(CELLS["glass.loss_rate"] * np.exp(-CELLS["glass.activation_energy"] / GAS * inverse))


def over(begin: float, surrounding: float, tau: float, hours: float) -> tuple[float, float]:
    loss, above = loss_over(*(np.array([x], dtype=float) for x in (begin, surrounding, tau, hours)), CELLS)
    return float(loss[0]), float(above[0])


@pytest.mark.parametrize("celsius", [-120.0, -80.0, -20.0, 20.0])
def test_at_a_steady_temperature_the_loss_is_rate_times_time(celsius: float) -> None:
    assert over(celsius, celsius, 1.0, 100.0) == (pytest.approx(100 * rate(celsius), rel=1e-12), 100.0)


@given(begin=st.floats(-196, GLASS), surrounding=st.floats(-196, GLASS), tau=st.floats(1e-3, 100))
def test_below_the_glass_transition_the_loss_is_exactly_nothing(begin: float, surrounding: float, tau: float) -> None:
    assert over(begin, surrounding, tau, 1e5) == (0.0, 0.0)


@pytest.mark.parametrize("begin, surrounding, tau, hours", [
    (-190.0, 22.0, 9.0, 20.0), (-190.0, 22.0, 9.0, 5.0), (22.0, -190.0, 0.07, 3.0), (-100.0, -80.0, 2.0, 50.0),
    (-80.0, -100.0, 2.0, 7.0), (-80.0, -170.0, 2.0, 1.0), (-30.0, -29.9, 5.0, 4.0), (-190.0, -100.0, 1.0, 1e4),
])  # fmt: skip
def test_the_closed_form_is_the_integral_of_the_rate(
    begin: float, surrounding: float, tau: float, hours: float
) -> None:
    crosses = (begin - GLASS) * (surrounding - GLASS) < 0
    crossing = tau * np.log((surrounding - begin) / (surrounding - GLASS)) if crosses else 0.0
    marks = sorted({0.0, min(crossing, hours), *(min(k * tau, hours) for k in (1, 3, 10, 30)), hours})
    expected = sum(
        quad(lambda t: rate(float(relaxing(begin, surrounding, tau, t))), a, b, epsrel=1e-11, epsabs=0)[0]
        for a, b in itertools.pairwise(marks)
    )
    assert over(begin, surrounding, tau, hours)[0] == pytest.approx(expected, rel=1e-8)


@given(begin=temperatures, surrounding=temperatures, tau=st.floats(0.01, 50), hours=st.floats(0.01, 500),
       share=st.floats(0.01, 0.99))  # fmt: skip
def test_the_loss_of_two_parts_is_the_loss_of_the_whole(
    begin: float, surrounding: float, tau: float, hours: float, share: float
) -> None:
    middle = float(relaxing(np.float64(begin), np.float64(surrounding), np.float64(tau), share * hours))
    first, second = over(begin, surrounding, tau, share * hours), over(middle, surrounding, tau, (1 - share) * hours)
    loss, above = over(begin, surrounding, tau, hours)
    assert first[0] + second[0] == pytest.approx(loss, rel=1e-6, abs=1e-18)
    assert first[1] + second[1] == pytest.approx(above, rel=1e-6, abs=1e-6)


@given(begin=st.floats(-196, 20), surrounding=temperatures, warmer=st.floats(0, 30), tau=st.floats(0.01, 50))
def test_warmer_surroundings_never_lose_fewer_cells(
    begin: float, surrounding: float, warmer: float, tau: float
) -> None:
    assert over(begin, surrounding + warmer, tau, 5.0)[0] >= over(begin, surrounding, tau, 5.0)[0] * (1 - 1e-7)


@pytest.mark.parametrize("gap", [9e-5, -9e-5, 2e-5])
def test_a_nearly_level_piece_has_the_integral_of_the_rate_at_its_mean(gap: float) -> None:
    hours, tau, surrounding = 5.0, 4.0, -20.0
    expected = quad(lambda t: rate(float(relaxing(surrounding - gap, surrounding, tau, t))), 0, hours,
                    epsrel=1e-12, epsabs=0)[0]  # fmt: skip
    assert over(surrounding - gap, surrounding, tau, hours)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("begin, end", [(-100.0, -20.0), (-20.0, -100.0), (-80.0, -80.0), (-80.0, -79.9999)])
def test_a_straight_piece_has_the_integral_of_the_rate(begin: float, end: float) -> None:
    heat, reference = CELLS["glass.activation_energy"] / GAS, 193.15
    found = CELLS["glass.loss_rate"] * arrhenius_straight(
        np.array([begin + 273.15]), np.array([end + 273.15]), np.array([3.0]), heat, reference)[0]  # fmt: skip
    expected = quad(lambda t: rate(begin + (end - begin) * t / 3), 0, 3, epsrel=1e-11, epsabs=0)[0]
    assert found == pytest.approx(expected, rel=1e-8)


def test_four_weeks_in_a_mechanical_freezer_cost_five_per_cent() -> None:
    loss, _ = over(-80.0, -80.0, 1.0, 4 * 7 * 24)
    assert 1 - np.exp(-loss) == pytest.approx(0.05, abs=0.002)


def test_gently_frozen_cells_stand_any_warming_and_harshly_frozen_ones_do_not() -> None:
    warming = np.array([1.6, 6.2, 45.0, 113.0])
    assert (freezing_survival(1.0, warming, CELLS) == 1).all()
    assert (freezing_survival(0.5, warming, CELLS) == 1).all()
    harsh = freezing_survival(10.0, warming, CELLS)
    assert harsh[0] == harsh[1] == pytest.approx(1 - CELLS["thaw.regrowth"])
    assert harsh[2] == harsh[3] == 1
    assert harsh[1] < freezing_survival(3.0, 6.2, CELLS) < 1


def test_cells_die_fast_at_first_and_slowly_later() -> None:
    hours = np.linspace(0, 48, 97)
    share = alive(hours, 0.25, CELLS)
    assert share[0] == 1
    assert (np.diff(share) < 0).all()
    assert share[0] - share[24] > 5 * (share[48] - share[96])


def test_kinds_of_cells_differ_by_rows_alone() -> None:
    nk, t = frozen("NK"), frozen("T")
    own = {name for name in nk.rows if nk.rows[name].keys or t.rows[name].keys}
    assert own == {"thaw.viability", "survival.lasting", "function.killing", "function.motile"}
    assert nk["function.killing"] == pytest.approx(1 / 5.6, rel=0.01)
    assert t["function.killing"] == 1
    assert nk["function.motile"] == pytest.approx(1 / 6, rel=0.01)


@pytest.mark.parametrize("cell, preparation, container, said", [
    ("NKK", "", "bag", "did you mean 'NK'"), ("NK", "pretreat", "bag", "did you mean 'pretreated'"),
    ("T", "rested", "bag", "needed none"), ("NK", "", "drum", "['vial', 'bag']"),
])  # fmt: skip
def test_what_no_row_is_about_is_refused(cell: str, preparation: str, container: str, said: str) -> None:
    with pytest.raises(UserError) as problem:
        frozen(cell, preparation, container)
    assert said in str(problem.value)

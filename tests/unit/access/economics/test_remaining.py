"""What remains of a life against integrals worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.access.economics.remaining import remaining


def values(**changed: float) -> dict[str, np.ndarray]:
    found = {"background.hazard": 1e-9, "background.slope": 0.1, "tail.cure_point": 200.0, "tail.excess": 1.0}
    return {name: np.array([value]) for name, value in (found | changed).items()}


def one(relapse: float, death: float, rate: float = 0.0, horizon: float = 100.0, **changed: float):
    return remaining(np.array([relapse]), np.array([death]), values(**changed), rate, horizon)


def test_constant_hazards_give_their_inverses():
    found = one(0.5, 2.0)
    assert found.active_from_active[0, 0] == pytest.approx(1 / 2.0, rel=4e-3)
    assert (found.first_year + found.later)[0] == pytest.approx(1 / 0.5, rel=4e-3)
    assert found.active[0] == pytest.approx(1 / 2.0, rel=4e-3), "everybody relapses and then lives half a year"
    assert found.years_free[0] == pytest.approx(2.5, rel=4e-3)


def test_discounting_adds_its_force_to_every_hazard():
    found, force = one(0.5, 2.0, rate=0.03), np.log(1.03)
    assert found.active_from_active[0, 0] == pytest.approx(1 / (2 + force), rel=4e-3)
    assert (found.first_year + found.later)[0, 0] == pytest.approx(1 / (0.5 + force), rel=4e-3)
    later = np.exp(-force * 4) / (2 + force)
    assert found.active_from_active[0, 16] == pytest.approx(later, rel=4e-3), "years from infusion, not from then"


def test_the_first_year_ends_a_year_after_infusion():
    found = one(1e-9, 2.0, horizon=10.0)
    assert found.first_year[0, :5] == pytest.approx([1, 0.75, 0.5, 0.25, 0], abs=1e-6)
    assert found.later[0, [0, 4, 8]] == pytest.approx([9, 9, 8], abs=1e-6)


def test_nobody_relapses_after_the_point_of_cure():
    found = one(1.0, 2.0, horizon=50.0, **{"tail.cure_point": 2.0})
    cured = np.exp(-2.0)
    assert (found.first_year + found.later)[0, 0] == pytest.approx(1 - cured + cured * 48, rel=1e-3)
    assert found.active[0, 8] == pytest.approx(0, abs=0.03), "at the point itself half a step is left"
    assert found.active[0, 12] == 0


def test_those_in_remission_die_as_their_age_does_times_the_excess():
    aged = one(1e-12, 1e-12, horizon=100.0, **{"background.hazard": 0.05, "background.slope": 1e-6})
    twice = one(1e-12, 1e-12, horizon=100.0, **{"background.hazard": 0.05, "background.slope": 1e-6,
                                                "tail.excess": 2.0})  # fmt: skip
    assert aged.years_free[0, 0] == pytest.approx(20 * (1 - np.exp(-5)), rel=1e-3)
    assert twice.years_free[0, 0] == pytest.approx(10, rel=1e-3)


def test_a_hazard_of_hours_leaves_hardly_a_life_and_no_number_is_lost():
    found = one(1e6, 1e7)
    for left in (found.first_year, found.later, found.active, found.active_from_active, found.years_free):
        assert np.isfinite(left).all() and (left >= 0).all() and left.max() < 0.1

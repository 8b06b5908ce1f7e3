"""Choices under uncertainty against cases worked out by hand and closed forms of normal draws."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from perforin.access.economics.decisions import (
    Draws,
    acceptability,
    dominated,
    expected_value_of_parameters,
    expected_value_of_perfect_information,
    frontier,
    icer,
    net_benefit,
    threshold_price,
)
from perforin.errors import UserError

N = 40_000


def normal(seed: int = 1, gain: float = 0.1) -> Draws:
    """Two arms whose net benefits at 100,000 USD differ by a normal of known mean and spread; x explains most of it."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 0.2, N), rng.normal(0, 0.1, N)
    effect = np.column_stack([np.full(N, 5.0), 5.0 + gain + x + y])
    cost = np.column_stack([np.full(N, 50_000.0), np.full(N, 55_000.0)])
    return Draws(("old", "new"), cost, effect, {"x": x, "y": y, "noise": rng.normal(size=N)})


def unit_loss(mean: float, sd: float) -> float:
    """E[max(0, Z)] - max(0, mean) of a normal Z."""
    return mean * norm.cdf(mean / sd) + sd * norm.pdf(mean / sd) - max(mean, 0.0)


def test_the_ratio_of_three_draws_by_hand():
    draws = Draws(("a", "b"), np.array([[10.0, 40], [20, 50], [30, 90]]), np.array([[1.0, 2], [1, 3], [1, 4]]), {})
    assert icer(draws, "b", "a").value == pytest.approx(40 / 2)
    assert net_benefit(draws, 100).tolist()[0] == [90, 160]


def test_fieller_limits_hold_the_ratio_as_often_as_they_say_and_are_none_where_effects_do_not_differ():
    draws = normal(gain=2.0)
    found = icer(draws, "new", "old")
    inner = np.mean((draws.cost[:, 1] - draws.cost[:, 0]) / (draws.effect[:, 1] - draws.effect[:, 0]) < found.high)
    assert found.low < found.value < found.high and inner == pytest.approx(0.975, abs=0.005)
    assert np.isnan(icer(normal(gain=0.0), "new", "old").low)


def test_perfect_information_is_worth_the_unit_loss():
    draws = normal()
    expected = unit_loss(100_000 * 0.1 - 5_000, 100_000 * np.hypot(0.2, 0.1))
    assert expected_value_of_perfect_information(draws, 100_000) == pytest.approx(expected, rel=0.03)


def test_a_parameter_is_worth_the_unit_loss_of_what_it_explains():
    draws = normal()
    for name, sd in (("x", 0.2), ("y", 0.1)):
        expected = unit_loss(100_000 * 0.1 - 5_000, 100_000 * sd)
        assert expected_value_of_parameters(draws, 100_000, [name]) == pytest.approx(expected, rel=0.05)
    both = expected_value_of_parameters(draws, 100_000, ["x", "y"])
    assert both == pytest.approx(expected_value_of_perfect_information(draws, 100_000), rel=0.01)
    assert expected_value_of_parameters(draws, 100_000, ["noise"]) == pytest.approx(0, abs=1e-6)


def test_a_number_without_bearing_is_worth_nothing_even_where_the_arms_are_alike():
    """Where the means tie, the slightest difference turns the choice, and draws by chance would seem worth knowing."""
    rng = np.random.default_rng(2)
    names = [f"noise {k}" for k in range(20)]
    effect = np.column_stack([np.zeros(10_000), rng.normal(0, 2, 10_000)])
    draws = Draws(("a", "b"), np.zeros_like(effect), effect, {name: rng.normal(size=10_000) for name in names})
    assert [expected_value_of_parameters(draws, 1e5, [name]) for name in names] == pytest.approx([0] * 20, abs=1e-6)


def test_no_parameter_is_worth_more_than_everything():
    rng = np.random.default_rng(3)
    effect = rng.gamma(2, 1, (500, 3))
    draws = Draws(("a", "b", "c"), rng.gamma(3, 1e4, (500, 3)), effect, {"p": effect[:, 0] ** 3})
    whole = expected_value_of_perfect_information(draws, 5e4)
    assert 0 <= expected_value_of_parameters(draws, 5e4, ["p"]) <= whole


def test_where_one_arm_is_best_in_every_draw_nothing_is_worth_knowing():
    draws = Draws(("a", "b"), np.full((50, 2), 1e4), np.column_stack([np.ones(50), np.linspace(2, 3, 50)]), {})
    assert expected_value_of_perfect_information(draws, 1e5) == 0
    assert acceptability(draws, [1e5]).tolist() == [[0, 1]]


def test_arms_that_are_alike_are_acceptable_half_the_time():
    same = np.random.default_rng(0).gamma(2, 1, (100, 1))
    draws = Draws(("a", "b"), np.hstack([same, same]), np.hstack([same, same]), {})
    assert acceptability(draws, [0, 1e5]).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_acceptability_of_normal_draws_and_the_frontier():
    draws, worth = normal(), 100_000
    chance = norm.cdf((worth * 0.1 - 5_000) / (worth * np.hypot(0.2, 0.1)))
    assert acceptability(draws, [worth])[0, 1] == pytest.approx(chance, abs=0.01)
    assert frontier(draws, [0, 40_000, 60_000]).tolist() == [0, 0, 1]


def test_dominated_arms_are_named_with_what_dominates_them():
    cost, effect = np.array([10.0, 20, 50, 45]), np.array([1.0, 0.9, 3, 1.5])
    draws = Draws(("a", "b", "c", "d"), np.tile(cost, (3, 1)), np.tile(effect, (3, 1)), {})
    labels = {"a": "A", "b": "B", "c": "C", "d": "D"}
    assert dominated(draws, labels) == {"b": "costs more and gives less than A",
                                        "d": "costs more than a mixture of A and C"}  # fmt: skip


def test_the_threshold_price_makes_both_arms_worth_the_same():
    draws = normal()
    more = threshold_price(draws, "new", "old", 100_000, given=0.8)
    dearer = Draws(draws.arms, draws.cost + np.array([0, 0.8 * more]), draws.effect, {})
    first, second = net_benefit(dearer, 100_000).mean(axis=0)
    assert first == pytest.approx(second)


def test_draws_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="draws by arms"):
        Draws(("a", "b"), np.ones((3, 1)), np.ones((3, 2)), {})
    with pytest.raises(UserError, match="not finite"):
        Draws(("a",), np.array([[1.0], [np.nan]]), np.ones((2, 1)), {})
    with pytest.raises(UserError, match="other than 2 draws of 'p'"):
        Draws(("a",), np.ones((2, 1)), np.ones((2, 1)), {"p": np.ones(3)})
    with pytest.raises(UserError, match="did you mean 'new'"):
        icer(normal(), "neu", "old")
    with pytest.raises(UserError, match="found the parameter 'z'"):
        expected_value_of_parameters(normal(), 1e5, ["z"])
    with pytest.raises(UserError, match="found -1 USD"):
        net_benefit(normal(), -1)

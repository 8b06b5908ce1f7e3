"""A cost per success: the sum over all, with the unlucky in it."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.endpoints.resampling import weights_of
from perforin.endpoints.samples import Ratio


def test_the_ratio_is_the_sum_over_the_successes():
    one = Ratio(np.arange(4), np.array([10.0, 20, 30, 40]), np.array([True, False, True, False]))
    found = one.result()
    assert found.value == 50 and found.low < 50 < found.high and found.details == {"successes": 2}


def test_its_interval_holds_as_often_as_it_says():
    """Successes cost 1.3 times as much: costs and successes are correlated."""
    rng, covered = np.random.default_rng(2), 0
    for _ in range(400):
        hit = rng.random(300) < 0.3
        cost = rng.gamma(4, 25, 300) * np.where(hit, 1.3, 1.0)
        true = (0.3 * 130 + 0.7 * 100) / 0.3
        found = Ratio(np.arange(300), cost, hit).result()
        covered += found.low <= true <= found.high
    assert covered / 400 == pytest.approx(0.95, abs=0.03)


def test_without_a_success_it_is_infinite_and_says_so():
    found = Ratio(np.arange(3), np.ones(3), np.zeros(3, bool)).result()
    assert np.isinf(found.value) and "no success" in found.method


def test_resampling_gives_the_same_spread():
    rng = np.random.default_rng(5)
    one = Ratio(np.arange(500), rng.gamma(4, 25, 500), rng.random(500) < 0.4)
    again, found = one.replicates(weights_of(one.subjects, 2000, 0)), one.result()
    assert np.quantile(again, [0.025, 0.975]) == pytest.approx([found.low, found.high], rel=0.03)

"""Distributions of uncertain numbers by their unit and range."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.access.economics.uncertain import draw, share_draws, spread
from perforin.errors import UserError
from perforin.evidence.parameters import Row
from perforin.streams import Streams

N = 20_000


def row(value: float, low: float, high: float, unit: str = "", name: str = "value.tested") -> Row:
    return Row(parameter=name, keys={}, value=value, unit=unit, low=low, high=high, between_patient_cv=0,
               distribution="fixed", kind="assumed", status="assumed", source="", locator="", note="tested",
               place="table.csv:2")  # fmt: skip


def test_a_share_follows_a_beta_of_its_mean_and_range():
    drawn = draw([row(0.73, 0.69, 0.77)], N, Streams(1))["value.tested"]
    assert drawn.mean() == pytest.approx(0.73, abs=1e-3)
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([0.69, 0.77], abs=2e-3)
    wide = draw([row(0.5, 0.05, 0.95)], N, Streams(1))["value.tested"]
    assert wide.min() > 0 and wide.max() < 1


def test_a_cost_follows_a_gamma_that_is_never_negative():
    drawn = draw([row(5000, 2000, 9000, "USD")], N, Streams(1))["value.tested"]
    assert drawn.mean() == pytest.approx(5000, rel=0.01) and drawn.min() > 0
    assert drawn.std() == pytest.approx(7000 / 3.92, rel=0.02)


def test_a_number_without_a_range_does_not_vary():
    assert np.ptp(draw([row(3, 3, 3, "USD")], 5, Streams(1))["value.tested"]) == 0


def test_the_same_name_has_the_same_luck_and_another_has_its_own():
    once, again = (draw([row(10, 5, 20, "USD")], 100, Streams(1))["value.tested"] for _ in range(2))
    other = draw([row(10, 5, 20, "USD", "value.other")], 100, Streams(1))["value.other"]
    assert (once == again).all() and abs(np.corrcoef(once, other)[0, 1]) < 0.3


def test_a_counted_share_follows_jeffreys_beta():
    drawn = share_draws("infused", 0, 37, N, Streams(1))
    assert drawn.mean() == pytest.approx(0.5 / 38, rel=0.03)
    assert spread(share_draws("infused", 30, 60, N, Streams(1)))["low"] == pytest.approx(0.376, abs=0.01)


@pytest.mark.parametrize("made, words", [
    (lambda: draw([row(0.5, 0.0, 1.0 - 1e-9), row(0.02, 0.0, 0.9)], 9, Streams(1)), "wider than any share's can be"),
    (lambda: draw([row(-3, -5, -1, "USD")], 9, Streams(1)), "found -3 with a range"),
    (lambda: share_draws("infused", 38, 37, 9, Streams(1)), "found 38 events among 37"),
])  # fmt: skip
def test_what_has_no_distribution_is_refused(made, words):
    with pytest.raises(UserError, match=words):
        made()

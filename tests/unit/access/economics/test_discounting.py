"""Worth today against annuities worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.access.economics.discounting import discount, present_value, present_value_of_steps
from perforin.errors import UserError


def test_one_unit_in_ten_years_at_three_per_cent():
    assert discount(10, 0.03) == pytest.approx(1.03**-10)


def test_a_constant_stream_is_an_annuity():
    """(1 - v^n) / log(1 + r) without steps; (1 - v^n) / r at the ends of years."""
    assert present_value(0, 20, 0.03) == pytest.approx((1 - 1.03**-20) / np.log(1.03))
    ends = present_value_of_steps(np.ones(20), 0.03, half_cycle=False) / 1.03
    assert ends == pytest.approx((1 - 1.03**-20) / 0.03)


def test_steps_in_their_middles_come_near_the_stream_without_steps():
    many = present_value_of_steps(np.full(480, 1 / 12), 0.03, step=1 / 12)
    assert many == pytest.approx(float(present_value(0, 40, 0.03)), rel=1e-6)


def test_a_stream_may_be_cut_anywhere():
    whole, parts = present_value(2, 9, 0.05), present_value([2, 4], [4, 9], 0.05)
    assert parts.sum() == pytest.approx(float(whole))
    assert present_value(3, 1, 0.05) == 0 and present_value(1, 4, 0.0) == 3


def test_a_short_time_at_a_small_rate_keeps_its_digits():
    assert present_value(0, 1e-9, 1e-9) == pytest.approx(1e-9, rel=1e-12)


@pytest.mark.parametrize("rate", [-1.0, -2.0, np.nan])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(UserError, match="needed one above -1"):
        present_value(0, 1, rate)
    with pytest.raises(UserError, match="more than 0"):
        present_value_of_steps(np.ones(3), 0.03, step=0)

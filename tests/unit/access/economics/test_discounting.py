"""Worth today against annuities worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.access.economics.discounting import discount, present_value
from perforin.errors import UserError


def test_one_unit_in_ten_years_at_three_per_cent():
    assert discount(10, 0.03) == pytest.approx(1.03**-10)


def test_a_constant_stream_is_an_annuity():
    assert present_value(0, 20, 0.03) == pytest.approx((1 - 1.03**-20) / np.log(1.03))


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
    with pytest.raises(UserError, match="needed one above -1"):
        discount(1, rate)

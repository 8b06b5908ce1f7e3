"""Drawing the day of extinction keeps the joint probabilities of the branching process."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.patients.fate import draw_fate, first_day
from perforin.streams import Streams

DAYS = np.array([10.0, 30.0, 90.0, 365.0])
COUNT = 40_000


def fates(gone, positive, negative):
    rows = [np.tile(np.asarray(p, float), (COUNT, 1)) for p in (gone, positive, negative)]
    return draw_fate(*rows, DAYS, np.arange(COUNT), Streams(3))


def test_shares_of_extinct_patients_equal_the_probabilities_given():
    fate = fates([0.05, 0.1, 0.2, 0.3], [0.2, 0.4, 0.5, 0.6], [0.1, 0.2, 0.35, 0.4])
    tolerance = 4 * np.sqrt(0.25 / COUNT)  # four standard errors: false alarm 6e-5
    assert np.mean(np.isfinite(fate.positive_day)) == pytest.approx(0.6, abs=tolerance)
    assert np.mean(np.isfinite(fate.negative_day)) == pytest.approx(0.4, abs=tolerance)
    assert np.mean(np.isfinite(fate.extinct_day)) == pytest.approx(0.3, abs=tolerance)


def test_a_clone_that_cannot_die_out_never_does():
    fate = fates([0, 0, 0, 0], [0, 0, 0, 0], [0.0, 0.5, 1.0, 1.0])
    assert np.isinf(fate.positive_day).all()
    assert np.isinf(fate.extinct_day).all()
    assert np.isfinite(fate.negative_day).all()


def test_the_last_clone_decides_the_day():
    fate = fates([0.0, 0.0, 0.0, 1.0], [1, 1, 1, 1], [0.0, 0.0, 0.0, 1.0])
    assert (fate.extinct_day == 365.0).all()
    assert (fate.positive_day == 10.0).all()


def test_first_day_is_the_first_to_exceed_luck():
    days = first_day(np.array([[0.1, 0.5, 0.6, 0.9]]).repeat(3, 0), DAYS, np.array([0.05, 0.55, 0.95]))
    assert days.tolist() == [10.0, 90.0, np.inf]

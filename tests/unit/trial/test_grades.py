"""Grades of toxicity: plausible where the cytokines are, absent where they are not, alike in luck."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.errors import UserError
from perforin.streams import Streams
from perforin.trial.grades import admission_day, graded, toxicities, widths
from perforin.trial.numbers import numbers
from unit.trial.made_up import DAYS, course, pulse

N = 1000
NUMBERS = numbers()
STRONG = {"il6": pulse(2000, 7, 2) + 2, "ifn_gamma": pulse(330, 6, 2) + 1, "endothelial_injury": pulse(2, 8, 3)}
MILD = {"il6": pulse(400, 8, 2) + 2, "ifn_gamma": pulse(15, 7, 2) + 1, "endothelial_injury": pulse(1, 9, 3)}
FAINT = {"il6": pulse(10, 8, 2) + 2, "ifn_gamma": pulse(2.4, 7, 2) + 1, "endothelial_injury": pulse(0.07, 9, 3)}


def share(grade: np.ndarray, at_least: int) -> float:
    return float((grade >= at_least).mean())


def test_strong_cytokines_give_the_grades_they_are_known_for() -> None:
    found = toxicities(course(N, **STRONG), NUMBERS, Streams(1))
    assert 0.85 < share(found.crs.grade, 1) < 0.97
    assert 0.08 < share(found.crs.grade, 3) < 0.25
    assert 0.4 < share(found.icans.grade, 1) < 0.65
    assert 0.1 < share(found.icans.grade, 3) < 0.3
    assert 2 <= np.median(found.crs.onset) <= 6
    assert 3 <= np.median(found.crs.duration[found.crs.grade > 0]) <= 10
    assert np.median(found.icans.onset) > np.median(found.crs.onset), "neurotoxicity comes later"


def test_mild_cytokines_give_some_low_grades() -> None:
    found = toxicities(course(N, **MILD), NUMBERS, Streams(1))
    assert 0.02 < share(found.crs.grade, 1) < 0.25
    assert share(found.crs.grade, 3) < 0.01
    assert share(found.icans.grade, 1) < 0.15


def test_faint_cytokines_give_next_to_none_and_no_switch_says_so() -> None:
    found = toxicities(course(N, **FAINT), NUMBERS, Streams(1))
    assert share(found.crs.grade, 1) < 0.005
    assert share(found.icans.grade, 1) < 0.002


def test_without_injury_there_is_no_grade() -> None:
    found = toxicities(course(N), NUMBERS, Streams(1))
    for one in (found.icans, found.gvhd):
        assert (one.grade == 0).all()
        assert np.isinf(one.onset).all()
        assert (one.duration == 0).all()


def test_more_cytokine_never_lowers_a_patients_grade() -> None:
    low, high = (toxicities(course(N, **one), NUMBERS, Streams(1)) for one in (MILD, STRONG))
    assert (high.crs.grade >= low.crs.grade).all()
    assert (high.icans.grade >= low.icans.grade).all()


def test_luck_belongs_to_the_patient() -> None:
    whole = toxicities(course(50, **STRONG), NUMBERS, Streams(1))
    part = toxicities(course(20, patients=np.arange(30, 50), **STRONG), NUMBERS, Streams(1))
    assert (whole.crs.grade[30:] == part.crs.grade).all()
    assert (whole.icans.onsets[30:] == part.icans.onsets).all()
    other = toxicities(course(50, **STRONG), NUMBERS, Streams(2))
    assert (other.crs.grade != whole.crs.grade).any()


def test_interleukin_that_cannot_bind_does_not_count() -> None:
    blocked = toxicities(course(N, il6_signal=pulse(100, 7, 2), **STRONG), NUMBERS, Streams(1))
    free = toxicities(course(N, **STRONG), NUMBERS, Streams(1))
    assert blocked.crs.grade.mean() < 0.5 * free.crs.grade.mean()


def test_fever_outside_the_window_is_not_the_products() -> None:
    late = {"il6": pulse(2000, 200, 3) + 2, "ifn_gamma": pulse(330, 200, 3) + 1}
    assert (toxicities(course(N, **late), NUMBERS, Streams(1)).crs.grade == 0).mean() > 0.99


def test_graft_injury_passes_its_thresholds_in_order() -> None:
    shares = [share(toxicities(course(N, graft_injury=level), NUMBERS, Streams(1)).gvhd.grade, 2)
              for level in (0.05, 0.6, 2.0)]  # fmt: skip
    assert shares[0] == 0
    assert shares[1] == pytest.approx(0.5, abs=0.05), "at the cut half of the patients"
    assert shares[2] > 0.99


def test_onsets_durations_and_severe_days_are_read_off_the_latent() -> None:
    days = np.arange(6.0)
    now = np.array([[0.0, 1.5, 4.5, 3.5, 2.5, 0.0]])
    found = graded(days, now, np.maximum.accumulate(now, axis=1), np.array([1.0, 2, 3, 4]), days >= 0, severe_from=4)
    assert found.onsets.tolist() == [[1, 2, 2, 2]]
    assert found.grade.tolist() == [4]
    assert found.duration.tolist() == [4]
    assert found.severe.tolist() == [[False, False, True, True, False, False]]


def test_nothing_begins_after_the_last_day_of_follow_up() -> None:
    days = np.arange(6.0)
    now = np.array([[0.0, 1.5, 1.5, 3.5, 2.5, 0.0]] * 3)
    found = graded(days, now, np.maximum.accumulate(now, axis=1), np.array([1.0, 2, 3, 4]), days >= 0, severe_from=4)
    seen = found.until(np.array([0.5, 2.0, 5.0]))
    assert seen.grade.tolist() == [0, 1, 3]
    assert seen.duration.tolist() == [0, 1, 4]


def test_admission_follows_the_first_criterion_met() -> None:
    found = toxicities(course(N, **STRONG), NUMBERS, Streams(1))
    day = admission_day(found, NUMBERS)
    assert (np.isfinite(day) == ((found.crs.grade >= 2) | (found.icans.grade >= 1))).all()
    both = np.isfinite(found.crs.onsets[:, 1]) & np.isfinite(found.icans.onset)
    assert (day[both] == np.minimum(found.crs.onsets[both, 1], found.icans.onset[both])).all()


def test_a_grid_of_any_spacing_measures_the_same_span() -> None:
    days = np.array([0.0, 0.5, 1, 3, 7])
    assert widths(days).sum() == 7
    assert widths(DAYS).sum() == DAYS[-1]


def test_cut_points_that_fall_are_refused() -> None:
    row = NUMBERS.row("crs.cut[2]")
    with pytest.raises(UserError, match="rise with the grade"):
        numbers(own={"crs.cut[3]": row}).cuts("crs")

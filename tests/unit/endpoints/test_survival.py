"""Events and censoring of progression-free, event-free and overall survival, worked out by hand."""

from __future__ import annotations

import math

import pytest

from perforin.endpoints.arm import Arm
from perforin.endpoints.catalogue import estimate
from perforin.endpoints.survival import curve, log_rank_of, survival_times
from unit.endpoints.hand_made import arm_of, once, visits

SUMS = {
    1: {0.0: 100.0, 30.0: 50.0, 90.0: 50.0, 180.0: 90.0},  # responds, progresses on day 180
    2: {0.0: 100.0, 30.0: 100.0, 90.0: 100.0},  # never responds, alive at day 200
    3: {0.0: 100.0, 30.0: 50.0},  # responds, dies on day 60
    4: {0.0: 100.0},  # leaves before any visit
    5: {0.0: 100.0, 30.0: 130.0},  # progresses on day 30, dies on day 100
}


def arm(**rules: object) -> Arm:
    return arm_of(
        visits("sum_longest_diameters", SUMS),
        once("enrolled", dict.fromkeys(range(1, 8), 1)),
        once("infused", {**dict.fromkeys(range(1, 6), 1), 6: 0, 7: 0}),
        once("time_to_infusion", dict.fromkeys(range(1, 8), 20.0), censored=(6, 7)),
        once("death", {1: 0, 2: 0, 3: 1, 4: 0, 5: 1, 6: 1, 7: 0},
             days={1: 400, 2: 200, 3: 60, 4: 10, 5: 100, 6: 45, 7: 300}, censored=(1, 2, 4, 7)),
        criteria="recist", **rules,
    )  # fmt: skip


def times(what: str, **rules: object) -> dict[int, tuple[float, bool]]:
    found = survival_times(arm(**rules), what)  # type: ignore[arg-type]
    assert found is not None
    return {
        int(who): (float(time), bool(event))
        for who, time, event in zip(found.subjects, found.time, found.event, strict=True)
    }


def test_progression_free_survival_ends_at_progression_death_or_the_last_assessment() -> None:
    assert times("PFS") == {1: (180, True), 2: (90, False), 3: (60, True), 4: (0, False), 5: (30, True)}


def test_event_free_survival_ends_at_the_day_90_visit_without_a_response() -> None:
    assert times("EFS") == {1: (180, True), 2: (90, True), 3: (60, True), 4: (0, False), 5: (30, True)}


def test_overall_survival_ends_at_death() -> None:
    assert times("OS") == {1: (400, False), 2: (200, False), 3: (60, True), 4: (10, False), 5: (100, True)}


def test_duration_of_response_runs_from_the_first_response_of_responders() -> None:
    assert times("DOR") == {1: (150, True), 3: (30, True)}


def test_enrolled_patients_count_from_enrolment_and_the_lost_stay_in() -> None:
    overall = times("OS", population="enrolled")
    assert overall[1] == (420, False)
    assert overall[6] == (45, True)
    assert overall[7] == (300, False)
    free = times("EFS", population="enrolled")
    assert free[6] == free[7] == (20, True), "loss before infusion is an event on its day"
    assert times("PFS", population="enrolled")[7] == (300, False)


def test_milestones_and_medians_come_from_the_curve() -> None:
    half, middle, beyond = (estimate(arm(), name) for name in ("OS_3m", "PFS_median", "OS_24m"))
    assert half is not None
    assert middle is not None
    assert beyond is not None
    # at risk on day 60: 4 of 5 (one left on day 10)
    assert half.value == pytest.approx(0.75)
    assert middle.value == 60
    assert math.isnan(beyond.value), "nobody was followed so long"


def test_restricted_means_say_their_error() -> None:
    found = estimate(arm(), "RMST_OS_6m")
    assert found is not None
    assert found.value == pytest.approx(60 + 40 * 0.75 + 82.5 * 0.5)
    assert found.high - found.value == pytest.approx(1.959964 * found.details["standard_error"], rel=1e-6)


def test_without_deaths_recorded_nothing_is_said() -> None:
    bare = arm_of(visits("sum_longest_diameters", SUMS), criteria="recist")
    assert survival_times(bare, "OS") is None
    assert curve(bare, "PFS") is None


def test_numbers_at_risk_fall_with_events_and_censoring() -> None:
    found = curve(arm(), "OS")
    assert found is not None
    assert [found.followed(day) for day in (0, 10, 11, 60, 61, 101, 400, 401)] == [5, 5, 4, 4, 3, 2, 1, 0]
    assert sorted(found.last_seen.tolist()) == [10, 60, 100, 200, 400]


def test_an_arm_against_itself_has_no_log_rank_difference() -> None:
    found = log_rank_of(arm(), arm(), "OS")
    assert found == pytest.approx((0.0, 1.0), abs=1e-12)
    assert log_rank_of(arm(), arm_of(once("enrolled", {1: 1})), "OS") is None

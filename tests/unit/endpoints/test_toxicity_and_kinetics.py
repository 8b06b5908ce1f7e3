"""Toxicity, kinetics and enrolment on patients made by hand."""

from __future__ import annotations

import math

import pytest

from perforin.endpoints.arm import Arm
from perforin.endpoints.catalogue import estimate
from perforin.endpoints.toxicity import grade_counts
from perforin.records import Estimate
from unit.endpoints.hand_made import arm_of, once, visits


def value(arm: Arm, name: str) -> Estimate:
    found = estimate(arm, name)
    assert found is not None, name
    return found


TOXIC = arm_of(
    once("crs_max_grade", {1: 0, 2: 1, 3: 2, 4: 3, 5: 5}, days={1: math.nan, 2: 4, 3: 2, 4: 1, 5: 3}),
    once("crs_duration", {2: 3, 3: 5, 4: 9, 5: 1}),
    once("icans_max_grade", dict.fromkeys(range(1, 6), 0)),
    once("admission", {1: 0, 2: 0, 3: 1, 4: 1, 5: 1}),
    once("toxicity_to_clearance", {3: 20, 4: 40, 5: 300}, censored=(5,)),
)


def test_shares_count_grades_at_or_above() -> None:
    assert [value(TOXIC, name).value for name in ("CRS_any", "CRS_ge2", "CRS_ge3")] == [0.8, 0.6, 0.4]
    assert grade_counts(TOXIC, "crs") == (1, 1, 1, 1, 0, 1)


def test_no_event_is_reported_with_its_bound_and_says_so() -> None:
    found = value(TOXIC, "ICANS_any")
    assert (found.value, found.low, found.n) == (0.0, 0.0, 5)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 5))
    assert "no event among 5" in found.method


def test_onset_and_duration_are_of_those_who_had_it() -> None:
    assert (value(TOXIC, "CRS_onset").value, value(TOXIC, "CRS_onset").n) == (2.5, 4)
    assert value(TOXIC, "CRS_duration").value == 4.0
    assert estimate(TOXIC, "ICANS_onset") is None, "nobody had it"


def test_outpatients_are_those_never_admitted() -> None:
    assert value(TOXIC, "no_admission_share").value == 0.4


def test_clearance_is_a_median_with_censoring() -> None:
    found = value(TOXIC, "toxicity_to_clearance")
    assert found.value == 40
    assert math.isnan(found.high)


COPIES = arm_of(
    visits("transgene_copies", {
        1: {0.0: 0, 7.0: 1000, 14.0: 4000, 28.0: 400, 90.0: 60, 365.0: 0},
        2: {0.0: 0, 7.0: 100, 14.0: 0, 28.0: 0, 90.0: 0},
        3: {0.0: 0, 7.0: 0, 14.0: 0},
    }, limit=50.0),
    visits("healthy_fraction", {1: {0.0: 1, 30.0: 0.01, 90.0: 0.02, 180.0: 0.3}, 2: {0.0: 1, 30.0: 0.03, 90.0: 0.04},
                                3: {0.0: 1, 30.0: 0.9}}),
)  # fmt: skip


def test_the_peak_counts_half_the_limit_where_nothing_was_detected() -> None:
    found = value(COPIES, "Cmax")
    assert found.value == pytest.approx((4000 * 100 * 25) ** (1 / 3))
    assert found.unit == "copy/ug"
    assert found.details["median"] == 100


def test_the_day_of_the_peak_is_of_those_with_the_product_detected() -> None:
    found = value(COPIES, "Tmax")
    assert (found.value, found.n) == (10.5, 2)


def test_exposure_is_the_area_under_straight_lines() -> None:
    found = value(COPIES, "AUC0_28")
    first = (25 + 1000) / 2 * 7 + (1000 + 4000) / 2 * 7 + (4000 + 400) / 2 * 14
    second = (25 + 100) / 2 * 7 + (100 + 25) / 2 * 7 + 25 * 14
    assert found.value == pytest.approx(math.sqrt(first * second))
    assert found.n == 2, "the third was not sampled to day 28"


def test_exposure_ends_between_samples_on_the_line_between_them() -> None:
    arm = arm_of(visits("transgene_copies", {1: {0.0: 0.0, 20.0: 2000.0, 40.0: 0.0}}, limit=0.0))
    assert value(arm, "AUC0_28").value == pytest.approx(2000 * 20 / 2 + (2000 + 1200) / 2 * 8)


def test_last_detection_and_persistence() -> None:
    found = value(COPIES, "last_detectable_day")
    assert (found.value, found.n) == (7.0, 3)
    assert "still detected at the last sample in 0 of 3" in found.method
    assert value(COPIES, "persistence_d28").value == 0.5
    assert (value(COPIES, "persistence_d90").value, value(COPIES, "persistence_d90").n) == (0.5, 2)
    assert (value(COPIES, "persistence_d365").value, value(COPIES, "persistence_d365").n) == (0.0, 1)


def test_aplasia_lasts_until_it_is_seen_to_have_gone() -> None:
    assert value(COPIES, "aplasia_share").value == pytest.approx(2 / 3)
    found = value(COPIES, "aplasia_duration")
    assert (found.value, found.n) == (150, 2)


def test_waiting_and_cost_are_of_the_enrolled() -> None:
    arm = arm_of(
        once("infused", {1: 1, 2: 1, 3: 0}), once("cost", {1: 10.0, 2: 20.0, 3: 0.0}),
        once("time_to_infusion", {1: 10.0, 2: 30.0, 3: 500.0}, censored=(3,)),
    )  # fmt: skip
    assert value(arm, "infused_share").value == pytest.approx(2 / 3)
    assert (value(arm, "time_to_infusion").value, value(arm, "time_to_infusion").n) == (20.0, 2)
    assert (value(arm, "cost").value, value(arm, "cost").n) == (10.0, 3)

"""Indirect comparison: cases worked by hand, files as users write them, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from perforin.errors import UserError
from perforin.evidence.indirect.aggregate import Aggregate, read_aggregate
from perforin.evidence.indirect.comparison import compare
from perforin.evidence.indirect.hazard import Survivals, log_hazard_ratio
from perforin.evidence.indirect.limits import Limits, difference, from_error, ratio, wilson
from perforin.evidence.indirect.matching import effective
from perforin.evidence.indirect.regression import simulated_patients
from perforin.evidence.indirect.sensitivity import e_value, e_value_of_limits, ratio_of_hazard
from perforin.evidence.indirect.warning import CANNOT, METHODS, warning


def cohort(baseline: list[dict[str, Any]], events: int = 5, n: int = 20) -> Aggregate:
    outcomes = [{"endpoint": "CR", "events": events, "n": n}]
    return Aggregate.model_validate({"label": "Other trial", "baseline": baseline, "outcomes": outcomes})


TEN = pd.DataFrame({"late": [1.0] * 4 + [0.0] * 6, "CR": [1.0, 0, 0, 0, 1, 1, 1, 0, 0, 0]})


def test_weights_of_one_trait_are_the_ratio_of_its_shares() -> None:
    found = compare(TEN, cohort([{"covariate": "late", "share": 0.7}]), "CR")
    assert found.ours is not None and found.ours.value == pytest.approx(0.7 * 0.25 + 0.3 * 0.5)
    assert found.heaviest == pytest.approx(0.7 / 0.4)
    assert found.effective == pytest.approx(100 / (4 * 1.75**2 + 6 * 0.5**2))
    assert found.balance[0].patients == 0.4 and found.balance[0].adjusted == pytest.approx(0.7)
    assert found.difference is not None and found.difference.value == pytest.approx(0.325 - 0.25)
    assert found.ratio.value == pytest.approx(0.325 / 0.25)


def test_a_regression_on_one_trait_predicts_the_same_as_weighting() -> None:
    other = cohort([{"covariate": "late", "share": 0.7}])
    weighted, predicted = (compare(TEN, other, "CR", method).ours for method in METHODS if method != "none")
    assert weighted is not None and predicted is not None
    assert predicted.value == pytest.approx(weighted.value, abs=0.003)  # simulated patients
    assert predicted.high - predicted.low == pytest.approx(weighted.high - weighted.low, rel=0.15)


def test_patients_like_the_published_ones_keep_equal_weights() -> None:
    found = compare(TEN, cohort([{"covariate": "late", "share": 0.4}]), "CR")
    assert found.effective == pytest.approx(10) and found.heaviest == pytest.approx(1)


def test_a_median_is_matched_by_the_half_at_or_below_it() -> None:
    patients = pd.DataFrame({"age": [40.0, 50, 60, 70, 80], "CR": [1.0, 1, 0, 0, 0]})
    found = compare(patients, cohort([{"covariate": "age", "median": 55}]), "CR")
    assert found.ours is not None and found.ours.value == pytest.approx(0.5)
    assert found.balance[0].covariate == "age (median)" and found.balance[0].patients == 60


def test_a_standard_deviation_is_matched_where_asked() -> None:
    patients = pd.DataFrame({"age": np.arange(40.0, 81), "CR": (np.arange(41) % 3 == 0) * 1.0})
    other = cohort([{"covariate": "age", "mean": 62, "sd": 6}])
    found = compare(patients, other, "CR", spread=True)
    assert found.balance[0].adjusted == pytest.approx(62)
    assert found.effective < compare(patients, other, "CR").effective


def test_without_adjustment_both_sides_stand_as_they_are_and_the_warning_says_so() -> None:
    found = compare(TEN, cohort([{"covariate": "late", "share": 0.7}]), "CR", "none")
    assert found.ours == wilson(0.4, 10, 0.95) and found.theirs == wilson(0.25, 20, 0.95)
    assert found.only_published == ("late",) and found.balance == ()
    assert found.warning.startswith("Nothing was adjusted for") and "not adjusted for: late" in found.warning


@pytest.mark.parametrize("method", METHODS)
def test_every_warning_says_what_was_done_and_what_it_cannot_mend(method: Any) -> None:
    text = warning(method, ["age", "late"], ["stage"])
    assert CANNOT in text and "confounders that nobody measured" in text and "unanchored" in text and "stage" in text
    assert ("age and late" in text) == (method != "none")


def test_nobody_with_the_outcome_leaves_an_exact_upper_limit_for_the_effective_number() -> None:
    patients = TEN.assign(CR=0.0)
    found = compare(patients, cohort([{"covariate": "late", "share": 0.7}]), "CR")
    assert found.ours is not None
    assert (found.ours.value, found.ours.low) == (0, 0)
    assert found.ours.high == pytest.approx(1 - 0.025 ** (1 / found.effective))
    assert found.ratio.value == 0 and 0 < found.ratio.high < math.inf
    assert math.isinf(found.e_value) and found.e_value_limit == 1
    with pytest.raises(UserError, match="found 0 events among 10 patients"):
        compare(patients, cohort([{"covariate": "late", "share": 0.7}]), "CR", "stc")


def test_intervals_of_differences_and_ratios_equal_published_ones() -> None:
    """Newcombe 1998: 56/70 and 48/80 differ by 0.2 (0.0524 to 0.3339)."""
    found = difference(wilson(56 / 70, 70, 0.95), wilson(48 / 80, 80, 0.95))
    assert found == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert ratio(Limits(0.4, 0.4, 0.4), Limits(0.2, 0.2, 0.2)) == pytest.approx((2, 2, 2))
    assert ratio(Limits(0.4, 0.3, 0.5), Limits(0, 0, 0.1)) == pytest.approx((math.inf, 3, math.inf))
    inverse = ratio(Limits(0.2, 0.1, 0.4), Limits(0.5, 0.3, 0.6))
    straight = ratio(Limits(0.5, 0.3, 0.6), Limits(0.2, 0.1, 0.4))
    assert inverse == pytest.approx((0.4, 1 / straight.high, 1 / straight.low))
    assert from_error(0.5, math.nan, 10, 0.95) == pytest.approx((0.5, 0.1871, 0.8129), abs=1e-4)


def test_e_values_are_those_of_the_paper_and_are_the_same_either_way_round() -> None:
    """VanderWeele and Ding 2017: a risk ratio of 3.9 (1.8 to 8.7) has 7.2 and, for its limit, 3.0."""
    assert (e_value(3.9), e_value_of_limits(1.8, 8.7)) == pytest.approx((7.26, 3.0), abs=0.01)
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))
    assert e_value_of_limits(0.2, 0.5) == pytest.approx(e_value(2))
    assert e_value_of_limits(0.8, 3) == 1 and e_value(1) == 1
    assert math.isinf(e_value(0)) and math.isnan(e_value(math.nan))
    assert ratio_of_hazard(1) == 1 and ratio_of_hazard(0.5) == pytest.approx(1 / ratio_of_hazard(2))


def test_the_effective_sample_size_counts_equal_weights_in_full() -> None:
    assert effective(np.full(7, 3.0)) == pytest.approx(7)
    assert effective(np.array([1.0, 0, 0])) == pytest.approx(1)


def test_simulated_patients_have_the_published_baseline_and_our_correlations() -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(size=500)
    burden = np.exp(first + rng.normal(size=500))
    own = pd.DataFrame({"age": 50 + 10 * first, "burden": burden, "late": (first > 0) * 1.0})
    age, rest = {"covariate": "age", "mean": 60}, {"covariate": "late", "share": 0.3}
    published = cohort([age | {"sd": 5}, {"covariate": "burden", "median": 3.0}, rest]).baseline
    drawn, notes = simulated_patients(own, published)
    assert drawn[:, 0].mean() == pytest.approx(60, abs=0.15) and drawn[:, 0].std() == pytest.approx(5, rel=0.03)
    assert np.median(drawn[:, 1]) == pytest.approx(3, rel=0.05) and drawn[:, 1].min() > 0
    assert drawn[:, 2].mean() == pytest.approx(0.3, abs=0.01)
    assert np.corrcoef(drawn[:, 0], drawn[:, 2])[0, 1] > 0.4
    assert notes == []
    assert "no standard deviation of age" in simulated_patients(own, cohort([age]).baseline)[1][0]


def test_a_hazard_ratio_of_equal_groups_is_one_and_needs_events_on_both_sides() -> None:
    day, event, ones = np.array([1.0, 2, 3, 4]), np.array([True, True, False, True]), np.ones(4)
    assert log_hazard_ratio(Survivals(day, event, ones), Survivals(day, event, ones))[0] == pytest.approx(0, abs=1e-12)
    with pytest.raises(UserError, match="a side without events"):
        log_hazard_ratio(Survivals(day, ~event & False, ones), Survivals(day, event, ones))
    with pytest.raises(UserError, match="all come earlier on one side"):
        log_hazard_ratio(Survivals(day, event, ones), Survivals(day + 10, event, ones))


def test_survival_is_compared_with_a_digitised_curve_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "PFS.csv").write_text("# unit: day\n# n: 10\n# events: 5\n0,1\n50,1\n50,0.8\n90,0.8\n90,0.5\n120,0.5\n")
    (tmp_path / "other.yaml").write_text(
        "label: Other trial\nbaseline: [{covariate: late, share: 0.7, status: memory}]\n"
        "outcomes: [{endpoint: PFS, curve: PFS.csv}]\n"
    )
    other = read_aggregate(tmp_path / "other.yaml")
    patients = TEN.assign(PFS_day=np.arange(10) * 20.0 + 10, PFS_event=[1.0, 0] * 5)
    found = compare(patients, other, "PFS")
    assert found.measure == "hazard" and found.n_published == 10
    assert found.ours is None and found.ratio.low < found.ratio.value < found.ratio.high
    assert found.balance[0].status == "memory" and "from memory and were not checked: late" in found.notes[-1]
    with pytest.raises(UserError, match="found method stc for the survival PFS"):
        compare(patients, other, "PFS", "stc")
    with pytest.raises(UserError, match="found PFS_event 2; needed 0 or 1"):
        compare(patients.assign(PFS_event=2.0), other, "PFS")
    with pytest.raises(UserError, match="found PFS_day -1; needed days"):
        compare(patients.assign(PFS_day=-1.0), other, "PFS")
    with pytest.raises(UserError, match="found no column 'PFS_day'"):
        compare(TEN, other, "PFS")


MANY = pd.DataFrame({"age": [50.0, 52, 54, 60], "late": [0.0, 0, 1, 1], "CR": [1.0, 0, 1, 0]})
AGE, LATE, STAGE = ({"covariate": name, kind: value} for name, kind, value in
                    (("age", "mean", 53.0), ("late", "share", 0.5), ("stage", "share", 0.5)))  # fmt: skip


@pytest.mark.parametrize(
    "patients,baseline,more,message",
    [
        (MANY, [AGE | {"mean": 70}], {}, "all lie on one side of the published age"),
        (MANY, [AGE | {"sd": 30}], {"spread": True}, "the published age (standard deviation)"),
        (MANY, [LATE | {"share": 1}], {}, "all lie on one side of the published late"),
        (MANY, [AGE | {"mean": 51}, LATE | {"share": 0.9}], {}, "though in each alone"),
        (MANY.assign(late=0.5), [LATE], {}, "found late 0.5; needed 0 or 1"),
        (MANY, [STAGE], {}, "published here: stage); needed one to adjust for, or method none"),
        (MANY, [], {}, "(published here: none)"),
        (MANY, [AGE], {"covariates": ["agee"]}, "'agee', which is no published covariate"),
        (MANY.drop(columns="age"), [AGE], {"covariates": ["age"]}, "no patients' covariate"),
        (MANY.assign(age=[50, math.nan, 54, 60]), [AGE], {}, "found 1 patients without age"),
        (MANY.assign(CR=2.0), [AGE], {}, "found CR 2; needed 0 or 1"),
        (MANY.assign(CR=math.nan), [AGE], {}, "found 4 patients without CR"),
        (MANY.drop(columns="CR"), [AGE], {}, "found no column 'CR'"),
        (MANY.iloc[:0], [AGE], {}, "found no patients"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    patients: pd.DataFrame, baseline: list[dict[str, Any]], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        compare(patients, cohort(baseline), "CR", **more)
    assert message in str(caught.value)


def test_covariates_that_only_together_put_the_target_outside_are_named() -> None:
    with pytest.raises(UserError, match="in age, late together.*Leaving out one of these may make it one: age, late"):
        compare(MANY, cohort([{"covariate": "age", "mean": 51}, {"covariate": "late", "share": 0.9}]), "CR")


def test_an_outcome_that_the_covariates_tell_without_error_is_refused_by_regression_only() -> None:
    patients = pd.DataFrame({"age": [50.0, 51, 52, 60, 61, 62], "CR": [0.0, 0, 0, 1, 1, 1]})
    other = cohort([{"covariate": "age", "mean": 55}])
    assert compare(patients, other, "CR").ours is not None
    with pytest.raises(UserError, match="tell who had the outcome without error"):
        compare(patients, other, "CR", "stc")


@pytest.mark.parametrize(
    "text,message",
    [
        ("label: x\noutcomes: [{endpoint: CR, events: 9, n: 5}]", ":2: outcomes.0: found 9 events of 5"),
        ("label: x\noutcomes: [{endpoint: CR}]", "found none or both of events and curve"),
        ("label: x\noutcomes: [{endpoint: CR, events: -1, n: 5}]", "needed greater than or equal to 0"),
        ("label: x\noutcomes: []\nbaseline: [{covariate: a}]", "none or several of mean, median and share"),
        ("label: x\noutcomes: []\nbaseline: [{covariate: a, share: 1.2}]", "needed less than or equal to 1"),
        ("label: x\noutcomes: []\nbaseline: [{covariate: a, median: 1, sd: 2}]", "a standard deviation without a mean"),
        ("label: x\noutcomes: []\nbaseline: [{covariate: a, share: 1}, {covariate: a, share: 1}]", "found a twice"),
        ("label: x\noutcoms: []", "did you mean 'outcomes'"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "other.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        read_aggregate(path)
    assert str(path) in str(caught.value) and message in str(caught.value)


def test_an_outcome_that_is_not_published_is_named() -> None:
    with pytest.raises(UserError, match="found no 'CRR' of Other trial; needed one of CR; did you mean 'CR'"):
        compare(TEN, cohort([]), "CRR", "none")

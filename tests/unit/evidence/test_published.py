from __future__ import annotations

from pathlib import Path

import pytest

from perforin.errors import UserError
from perforin.evidence.published import (
    EvidenceWarning,
    estimates_for,
    exact_interval,
    published,
    read_trial,
    trial,
    trials,
)

NK = [name for name in trials() if trial(name).therapy == "CAR-NK" and name != "liu_2020"]

TRIAL = """label: A trial
therapy: CAR-NK
product: x
target: CD19
cell_source: cord blood
indication: lymphoma
infused: 10
source: Someone2020
endpoints:
  - {endpoint: ORR_d30, count: 4, denominator: 10, population: infused, status: read, source: Someone2020}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "trial.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "old, new, line, message",
    [
        ("count: 4", "count: 14", 10, "the count 14 of 10"),
        ("denominator: 10, ", "", 10, "without its denominator"),
        ("denominator: 10", "denominator: 11", 1, "11 infused patients; needed at most 10"),
        ("population: infused", "population: enrolled", 1, "needed at most None"),
        ("count: 4", "count: 4, scael: Lee", 10, "did you mean 'scale'"),
        ("count: 4", "count: 4, share: 0.4", 10, "several of count, share and value"),
        ("ORR_d30", "CRS_any", 10, "without its scale"),
        ("count: 4", "value: 4, unit: cellz", 10, "the unit 'cellz'"),
        ("infused: 10", "infused: ten", 7, "infused"),
        ("status: read", "status: seen", 10, "status"),
    ],
)
def test_a_bad_trial_is_refused_with_file_and_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    assert read_trial(write(tmp_path, TRIAL)).n == 10
    path = write(tmp_path, TRIAL.replace(old, new))
    with pytest.raises(UserError) as caught:
        read_trial(path)
    assert str(caught.value).startswith(f"{path}:{line}: ") and message in str(caught.value)


def test_an_unknown_trial_gets_the_nearest_name() -> None:
    with pytest.raises(UserError, match="did you mean 'zuma_1'"):
        published("zuma1")


def test_the_exact_interval_is_that_of_clopper_and_pearson() -> None:
    low, high = exact_interval(18, 37)  # R: binom.test(18, 37)
    assert (round(low, 4), round(high, 4)) == (0.3192, 0.6560)
    assert exact_interval(0, 191)[0] == 0
    assert exact_interval(0, 191)[1] == pytest.approx(1 - 0.025 ** (1 / 191), rel=1e-9)
    assert exact_interval(10, 10) == (pytest.approx(0.025**0.1, rel=1e-9), 1.0)


def test_a_response_rate_comes_with_its_interval_and_source() -> None:
    (value,) = estimates_for("ORR_d30", ["marin_2024", "zuma_1"])
    assert (value["trial"], value["n"], value["source"]) == ("marin_2024", 37, "Marin2024")
    assert value["value"] == 18 / 37 and (value["low"], value["high"]) == exact_interval(18, 37)


def test_a_survival_share_says_that_its_interval_ignores_censoring() -> None:
    (value,) = estimates_for("PFS_12m", ["marin_2024"])
    assert value["value"] == 0.32 and "censored" in value["method"]
    assert value["low"] is not None and value["low"] < 0.32 < (value["high"] or 0)


def test_subgroups_stand_in_where_the_whole_cohort_is_not_given() -> None:
    levels = estimates_for("Cmax", ["zuma_1"])
    assert [value["subgroup"] for value in levels] == ["response", "no response"]
    assert levels[0]["value"] > levels[1]["value"] and levels[0]["unit"] == "cell/uL"


def test_cohorts_that_share_patients_are_refused_together() -> None:
    with pytest.raises(UserError, match="marin_2024 and liu_2020, which share patients"):
        estimates_for("CRS_any", ["marin_2024", "liu_2020"])


def test_different_grading_scales_are_warned_of() -> None:
    with pytest.warns(EvidenceWarning, match="different scales: Lee, Penn"):
        estimates_for("CRS_any", ["zuma_1", "juliet"])


def test_no_case_of_neurotoxicity_still_has_an_upper_bound() -> None:
    for value in estimates_for("ICANS_any", NK):
        assert value["value"] == 0 and value["low"] == 0 and value["n"]
        assert value["high"] == pytest.approx(1 - 0.025 ** (1 / value["n"]))

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
        ("population: infused", "population: enrolled", 1, "needed 'enrolled', how many"),
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


@pytest.mark.parametrize(
    "arms, old, new, message",
    [
        ("[{name: low}, {name: low}]", "", "", "found an arm twice in low, low"),
        ("[{name: low}, {name: high, size: 3}]", "", "", "size"),
        ("[{name: control, product: false}]", "ORR_d30", "ORR_d30, subgroup: control", "a trial of its own"),
    ],
)
def test_arms_that_cannot_be_are_refused(tmp_path: Path, arms: str, old: str, new: str, message: str) -> None:
    path = write(tmp_path, TRIAL.replace(old, new).replace("endpoints:", f"arms: {arms}\nendpoints:"))
    with pytest.raises(UserError, match=message):
        read_trial(path)


def test_arms_hold_no_more_patients_than_the_trial(tmp_path: Path) -> None:
    def halves(low: int, high: int) -> Path:
        text = TRIAL.replace("endpoints:", "arms: [{name: low}, {name: high}]\nendpoints:")
        for arm, n in (("low", low), ("high", high)):
            text += f"  - {{endpoint: ORR_d30, subgroup: {arm}, count: 1, denominator: {n}, population: infused,"
            text += " status: read, source: Someone2020}\n"
        return write(tmp_path, text)

    one = read_trial(halves(4, 6))
    assert [one.patients_in(arm) for arm in one.arms] == [4, 6]
    with pytest.raises(UserError, match="found 11 patients in the arms"):
        read_trial(halves(5, 6))


def test_arms_of_the_library_say_who_got_the_product() -> None:
    sizes = {arm.name: trial("ghobadi_2025").patients_in(arm) for arm in trial("ghobadi_2025").arms}
    assert sizes == {"without antibody": 18, "with antibody": 68} and sum(sizes.values()) == trial("ghobadi_2025").n
    product, control = trial("zuma_7").arms
    assert (trial("zuma_7").patients_in(product), control.product) == (180, False)
    assert trial("zuma_7").patients_in(control) is None
    for name in trials():
        arms = {arm.name for arm in trial(name).arms if arm.product}
        parts = {row.subgroup for row in trial(name).endpoints}
        assert len(arms) < 2 or arms <= parts, name

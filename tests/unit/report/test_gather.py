"""What the report reads from records before anything is scored."""

from __future__ import annotations

import dataclasses
import importlib
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from perforin.arms import Question
from perforin.evidence.indirect.aggregate import Covariate
from perforin.evidence.indirect.warning import CANNOT
from perforin.evidence.published import trial
from perforin.records import Records
from perforin.report import bars
from perforin.report.answer import answer
from perforin.report.findings import Published
from perforin.report.gather import gather, published, short_name, transgene
from perforin.report.indirect import covariates_of_both_sides, method_used
from perforin.report.page import render
from perforin.report.scoring import (
    Scores,
    comparisons,
    enrolled,
    estimates,
    grades,
    read,
    relapse_types,
    responses,
    survival,
    waits,
)
from perforin.report.tables import published_line
from perforin.study import Progress
from unit.report.synthetic import parameter_table

gather_module = importlib.import_module("perforin.report.gather")
library_cohort_module = importlib.import_module("perforin.evidence.indirect.library_cohort")


@pytest.fixture(scope="module")
def records() -> Records:
    """Two arms; in arm b one of three enrolled patients is lost while waiting."""

    def rows(arm: str, parameter: str, values: list[float], **more: object) -> Records:
        return Records.build(subject=range(len(values)), arm=arm, parameter=parameter, value=values, **more)

    return Records.concat([
        rows("a", "enrolled", [1, 1, 1]), rows("b", "enrolled", [1, 1, 1]),
        rows("a", "time_to_infusion", [5, 6, 7], unit="day"),
        rows("b", "time_to_infusion", [21, 30, 9], unit="day", censored=[False, False, True]),
        rows("a", "crs_max_grade", [0, 1, 0]), rows("b", "crs_max_grade", [3, 1]),
        rows("a", "relapse_antigen", [0, 0, 1]), rows("b", "relapse_antigen", [1]),
        rows("a", "transgene_copies", [100, 200, 300], unit="copy/ug", day=7.0),
        rows("a", "transgene_copies", [25, 25, 80], unit="copy/ug", day=28.0, censored=[True, True, False]),
    ])  # fmt: skip


def test_a_patient_lost_while_waiting_stays_enrolled_and_has_no_wait(records: Records) -> None:
    scores = read([records], (), "lugano")
    assert enrolled(scores) == {"a": 3, "b": 3}
    assert {arm: sorted(days) for arm, days in waits(scores).items()} == {"a": [5, 6, 7], "b": [21, 30]}


def test_grades_are_counted_from_none_to_five_and_unrecorded_toxicities_are_left_out(records: Records) -> None:
    assert grades(read([records], (), "lugano")) == {"CRS": {"a": (2, 1, 0, 0, 0, 0), "b": (0, 1, 0, 1, 0, 0)}}


def test_relapses_are_split_by_antigen(records: Records) -> None:
    assert relapse_types(read([records], (), "lugano")) == {"a": (2, 1), "b": (0, 1)}


def test_transgene_quantiles_hold_the_assay_limit(records: Records) -> None:
    table, limit, unit = transgene(records)
    assert (limit, unit) == (25.0, "copy/ug")
    assert table.set_index("day")["median"].to_dict() == {7.0: 200.0, 28.0: 25.0}
    assert transgene(Records.empty())[1] is None


@pytest.fixture(scope="module")
def scored() -> Records:
    """Ten patients in each of two arms; tumours of the first six (two) shrink to nothing, one death on day 200."""
    parts = []
    for arm, responders in (("a", 6), ("b", 2)):
        who = range(10)
        parts += [Records.build(subject=who, arm=arm, parameter=name, value=1.0) for name in ("enrolled", "infused")]
        for day in (0.0, 30.0, 90.0):
            size = [0.0 if day > 0 and n < responders else 40.0 for n in who]
            for name, unit, factor in (("sum_product_diameters", "cm^2", 1.0), ("sum_longest_diameters", "mm", 2.0)):
                values = [factor * one for one in size]
                parts.append(Records.build(subject=who, arm=arm, parameter=name, day=day, value=values, unit=unit))
        died = [n == 9 for n in who]
        last = [200.0 if one else 365.0 for one in died]
        seen = {
            "value": [float(one) for one in died],
            "day": last,
            "censored": [not one for one in died],
            "unit": "day",
        }
        parts.append(Records.build(subject=who, arm=arm, parameter="death", **seen))
        for name in ("crs_max_grade", "icans_max_grade", "gvhd_max_grade"):
            parts.append(Records.build(subject=who, arm=arm, parameter=name, value=0.0, day=float("nan")))
    return Records.concat(parts)


def scores(records: Records, *endpoints: str) -> dict[str, Scores]:
    return read([records], endpoints, "lugano")


def test_estimates_and_differences_come_from_the_endpoints(scored: Records) -> None:
    names = ["ORR_d30", "OS_12m", "CRS_ge3"]
    found = {(one.arm, one.endpoint): one for one in estimates(scores(scored, *names), names)}
    assert found["a", "ORR_d30"].value == pytest.approx(0.6)
    assert found["b", "ORR_d30"].value == pytest.approx(0.2)
    assert found["a", "CRS_ge3"].high == pytest.approx(1 - 0.025 ** (1 / 10))
    (response,) = [one for one in comparisons(scores(scored, *names), "b", names) if one.endpoint == "ORR_d30"]
    assert response.value == pytest.approx(0.4)
    assert response.better is not None
    assert response.better > 0.9


def test_one_arm_is_compared_with_nobody(scored: Records) -> None:
    alone = Records(scored.table[scored.table["arm"] == "a"])
    assert comparisons(scores(alone, "ORR_d30"), "a", ["ORR_d30"]) == ()
    assert estimates(scores(Records.empty(), "ORR_d30"), ["ORR_d30"]) == ()


def test_a_published_number_from_memory_is_called_that_wherever_it_stands() -> None:
    scenario = SimpleNamespace(arms={"b": SimpleNamespace(label="")}, published=lambda _: ("zuma_1",))
    known = {one.endpoint: one for one in published(scenario, ["PFS_12m", "OS_12m"])}  # type: ignore[arg-type]
    assert (known["PFS_12m"].shown, known["OS_12m"].shown) == ("ZUMA-1 (from memory)", "ZUMA-1")
    assert [known[name].as_dict()["status"] for name in ("PFS_12m", "OS_12m")] == ["memory", "read"]
    assert published_line(known["PFS_12m"], "").startswith("ZUMA-1 (from memory): 44")


def test_survival_curves_carry_published_milestones_of_their_own_arm(scored: Records) -> None:
    beside = [Published("a", "OS_12m", "T", 0.7, 0.6, 0.8, 30), Published("a", "PFS_6m", "T", 0.5, 0.4, 0.6, 30)]
    drawn = survival(scores(scored), ["a", "b"], beside)
    assert [point.day for point in drawn["OS"]["a"].published] == [365.0]
    assert [point.day for point in drawn["PFS"]["a"].published] == [182.5]
    assert drawn["OS"]["b"].published == ()
    assert drawn["OS"]["a"].share[-1] == pytest.approx(0.9)


def test_responses_by_visit_count_every_infused_patient(scored: Records) -> None:
    visits = (0.0, 30.0, 90.0)
    rows = responses(read([scored], (), "lugano", visits), {"a": "A", "b": "B"}, visits)
    assert [(visit, label) for visit, label, _ in rows] == [
        ("Day 30", "A"),
        ("Day 30", "B"),
        ("Day 90", "A"),
        ("Day 90", "B"),
    ]
    assert all(sum(counts.values()) == 10 for _, _, counts in rows)
    assert rows[0][2]["CR"] == 6
    assert bars.responses_figure(rows) is not None


def test_every_category_of_every_criterion_has_a_colour() -> None:
    from perforin.endpoints.criteria import DEPTHS, FOUR

    assert {*DEPTHS, *FOUR, "not evaluable"} <= set(bars.RESPONSES)


ASKED = Question(question_of_interest="Which?", context_of_use="supportive")


def a_study(records: Records) -> Any:
    """As much of a study as a report reads, with a scenario that needs no library."""
    arms = {"a": SimpleNamespace(label="Arm A"), "b": SimpleNamespace(label="")}
    product = SimpleNamespace(label="Product B", process="")
    disease = SimpleNamespace(extrapolation="no trial in children", label="LBCL")
    scenario = SimpleNamespace(
        name="scenario", title="A against B", question=ASKED, arms=arms,
        compared_with="b", endpoints=("ORR_d30", "OS_12m", "CRS_ge3"), visit_days=(30.0, 90.0), horizon=365.0,
        judged_by="lugano", disease=SimpleNamespace(use="lbcl"), library=SimpleNamespace(disease=lambda _: disease),
        products=lambda arm: {"product": product} if arm == "b" else {},
        published=lambda arm: ("marin_2024",) if arm == "a" else ("zuma_1",),
        population=SimpleNamespace(covariates={"age": None, "weight": None}),
    )  # fmt: skip
    ages = pd.DataFrame({"subject": range(10), "age": [40.0, 45, 50, 50, 55, 60, 65, 70, 75, 80], "weight": 70.0})
    return SimpleNamespace(
        scenario=scenario, parts=lambda: iter([records]), cohort=ages,
        courses=pd.DataFrame(columns=["arm", "day", "observable", "median"]),
        parameters={arm: parameter_table(arm) for arm in arms}, ledger=pd.DataFrame(), folder="",
        failed=pd.DataFrame(columns=["arm", "patient", "reason"]),
        manifest={"scenario": "mine", "seed": 1, "calibrated": False, "extrapolations": {"a": ["dose too high"]}},
    )  # fmt: skip


def test_a_study_becomes_findings_and_a_page(scored: Records) -> None:
    found = gather(a_study(scored))
    assert found.name == "mine"
    assert found.arms == {"a": "Arm A", "b": "Product B"}
    assert found.reference == "b"
    assert found.patients == 10
    assert found.extrapolation == ("no trial in children", "dose too high")
    assert found.beside("a", "ORR_d30")[0].value == pytest.approx(18 / 37)
    assert "marin_2024" in {one.trial for one in found.beside("a", "OS_12m")}
    page = render(found)
    assert "Supportive: hypotheses" in page
    assert "Extrapolation: dose too high" in page
    assert "Marin 2024" in page


def test_trials_without_a_baseline_stand_unadjusted_and_the_report_says_why(
    scored: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_baseline(monkeypatch)
    found = gather(a_study(scored))
    assert found.covariates == ("age", "weight")
    assert found.baselines == {"Marin 2024": (), "ZUMA-1": ()}
    assert found.adjusted == ()
    said = method_used(found)
    assert "compared in the same virtual patients" in said
    assert "unadjusted (neither MAIC nor STC): no common covariates are published in our library" in said
    assert said.endswith(CANNOT)
    assert said in answer(found).warning
    assert covariates_of_both_sides(found)[0] == ("Virtual patients", "age, weight")
    assert "none in our library" in render(found)


def with_baseline(monkeypatch: pytest.MonkeyPatch, **row: object) -> None:
    """Marin 2024 with a baseline table of one line, an invented one for these tests alone; no other trial has one."""
    lines = (Covariate.model_validate(row),) if row else ()

    def known(name: str) -> Any:
        return trial(name).model_copy(update={"baseline": lines if name == "marin_2024" else ()})

    for module in (gather_module, library_cohort_module):
        monkeypatch.setattr(module, "trial", known)


def test_a_trial_with_common_covariates_has_the_arm_weighted_to_them(
    scored: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_baseline(monkeypatch, covariate="age", mean=52)
    found = gather(a_study(scored))
    one = next(row for row in found.adjusted if row.endpoint == "ORR_d30")
    assert (one.arm, one.trial, one.covariates, one.n) == ("a", "Marin 2024", ("age",), 10)
    assert one.plain is not None and one.weighted is not None and one.published is not None
    assert one.plain[0] == pytest.approx(0.6) and one.published[0] == pytest.approx(18 / 37)
    assert one.weighted[0] > 0.6, "the responders are the younger ones"
    assert 0 < one.effective < 10
    assert "Beside Marin 2024 they are also shown weighted" in method_used(found)
    assert "Predicted, weighted" in render(found)


def test_a_baseline_that_the_virtual_patients_cannot_have_is_refused_in_words(
    scored: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_baseline(monkeypatch, covariate="age", mean=20)
    found = gather(a_study(scored))
    assert all("all lie on one side of the published age" in one.refused for one in found.adjusted)
    assert "cannot be weighted to any published baseline" in method_used(found)
    with_baseline(monkeypatch, covariate="stage", share=0.5)
    assert "have no covariate in common" in method_used(gather(a_study(scored)))
    assert "No published trial stands beside them" in method_used(dataclasses.replace(found, baselines={}))


def test_the_library_s_own_baseline_has_the_arm_beside_it_weighted(scored: Records) -> None:
    found = gather(a_study(scored))
    assert {(one.arm, one.trial, one.covariates) for one in found.adjusted} == {("b", "ZUMA-1", ("age",))}
    assert "Beside ZUMA-1 they are also shown weighted" in method_used(found)


def test_scoring_says_how_far_it_has_come(scored: Records) -> None:
    steps: list[Progress] = []
    gather(a_study(scored), progress=steps.append)
    assert [(step.done, step.stage) for step in steps] == [(0, "scoring")]


def test_some_patients_of_a_study_are_scored_alone(scored: Records) -> None:
    found = gather(a_study(scored), range(6))
    assert found.patients == 6
    one = found.estimate("a", "ORR_d30")
    assert one is not None
    assert (one.value, one.n) == (1.0, 6)


@pytest.mark.parametrize(
    "name,shown",
    [("zuma_1", "ZUMA-1"), ("marin_2024", "Marin 2024"), ("ct041_phase_1", "CT041 phase 1"), ("alpha", "ALPHA")],
)
def test_trials_are_called_what_people_call_them(name: str, shown: str) -> None:
    assert short_name(name) == shown

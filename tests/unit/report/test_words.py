"""The answer, its light, the ledger's rank and the wording of numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from perforin.evidence.indirect.warning import CANNOT
from perforin.records import Estimate
from perforin.report import bars, curves, style
from perforin.report.answer import PREFERRED, WARNING, answer, light
from perforin.report.credibility import table
from perforin.report.findings import Comparison, Findings
from perforin.report.ledger import assumptions, rank, ranked_by, swings
from perforin.report.wording import differences, endpoint, interval, number, percent, quantity


def spaced(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_the_answer_gives_both_values_the_difference_and_the_chance_and_never_lacks_its_warning(
    findings: Findings,
) -> None:
    found = answer(findings)
    said = spaced(found.sentence)
    assert found.endpoint == PREFERRED[0]
    assert "31 % (95 % interval 25 to 38 %) with CAR-NK" in said
    assert "−12 points (−20 to −4.0 points)" in said
    assert "better" in said
    assert WARNING in found.text
    assert found.text.endswith(CANNOT)


def test_the_answer_follows_the_numbers(findings: Findings) -> None:
    other = dataclasses.replace(findings, comparisons=(Comparison("PFS_12m", "carnk", "cart", 0.07, 0.01, 0.13, 0.99),))
    assert "+7.0 points (+1.0 to +13 points)" in spaced(answer(other).sentence)
    assert "99 %" in spaced(answer(other).sentence)


def test_an_endpoint_that_one_arm_lacks_is_not_the_answer(findings: Findings) -> None:
    kept = tuple(one for one in findings.estimates if (one.arm, one.endpoint) != ("cart", "PFS_12m"))
    assert answer(dataclasses.replace(findings, estimates=kept)).endpoint == "CR_best"
    assert answer(dataclasses.replace(findings, estimates=())).endpoint == ""


def test_uncalibrated_parameters_are_amber_at_best(findings: Findings) -> None:
    shown = light(findings)
    assert shown.colour == "amber"
    assert any("not yet calibrated" in reason for reason in shown.reasons)


def test_green_needs_calibration_and_no_reason_against(findings: Findings) -> None:
    measured = {arm: frame[frame["kind"] == "measured"] for arm, frame in findings.parameters.items()}
    clean = dataclasses.replace(
        findings, manifest={**findings.manifest, "calibrated": True},
        parameters=measured, failed=findings.failed.iloc[:0],
        published=findings.published[:3],
    )  # fmt: skip
    assert light(clean).colour == "green"
    assert light(dataclasses.replace(clean, published=findings.published)).colour == "amber"
    assert light(dataclasses.replace(clean, extrapolation=("no trial in this disease",))).colour == "amber"


def test_many_failures_or_an_unchecked_extrapolation_are_red(findings: Findings) -> None:
    lost = pd.DataFrame({"arm": ["cart"] * 20, "patient": range(20), "reason": ["stiff"] * 20})
    assert light(dataclasses.replace(findings, failed=lost)).colour == "red"
    assert light(dataclasses.replace(findings, failed=lost.iloc[:19])).colour == "amber"
    bare = dataclasses.replace(findings, published=(), extrapolation=("solid tumour",))
    assert light(bare).colour == "red"


def test_a_published_interval_that_the_prediction_misses_is_named(findings: Findings) -> None:
    assert any("ZUMA-1" in reason and "12 months" in reason for reason in light(findings).reasons)
    assert not any("Marin" in reason for reason in light(findings).reasons)


@pytest.mark.parametrize(
    "value,text",
    [(0.0, "0"), (0.123456, "0.123"), (1234.5, "1,230"), (2.5e8, "2.5 × 10⁸"), (-0.00002, "−2 × 10⁻⁵"),
     (999_600.0, "1,000,000"),
     (float("nan"), "not reached"), (float("inf"), "∞"), (12.0, "12"), (100.0, "100")],
)  # fmt: skip
def test_numbers_keep_three_significant_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_shares_and_units_read_as_people_write_them() -> None:
    assert spaced(percent(0.016)) == "1.6 %"
    assert spaced(percent(0.16)) == "16 %"
    assert quantity(2140.0, "copy/ug", False) == "2,140 copies/µg DNA"
    assert spaced(interval(0.12, 0.31, True)) == "12 to 31 %"
    assert spaced(differences(-0.2, 0.04, True)) == "−20 to +4.0 points"
    assert endpoint("my_own").label == "my own"


def test_the_ledger_is_ranked_by_size_and_not_by_sign(findings: Findings) -> None:
    ranked = rank(findings.ledger, "PFS_12m")
    assert ranked.loc[0, "parameter"] == "tgf_brake.half"
    sizes = ranked["swing PFS_12m"].abs().tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert set(swings(findings.ledger)) == {"PFS_12m", "CRS_ge3"}


def test_the_ledger_is_ranked_by_what_was_measured_where_the_endpoint_was_not(findings: Findings) -> None:
    other = findings.ledger.rename(columns={"swing PFS_12m": "swing log10 tumour cells, day 30"})
    assert ranked_by(findings.ledger, "PFS_12m") == "PFS_12m"
    assert ranked_by(other, "PFS_12m") == "log10 tumour cells, day 30"
    assert ranked_by(pd.DataFrame(), "PFS_12m") == ""
    drawing = bars.tornado(
        "log10 tumour cells, day 30", other, "swing log10 tumour cells, day 30", style.looks(findings.arms)
    )
    assert drawing is not None
    assert drawing.key == "tornado-log10-tumour-cells-day-30"


def test_the_ledger_lists_every_assumption_even_untried(findings: Findings) -> None:
    listed = assumptions(findings.ledger.iloc[:1], findings.parameters, "PFS_12m")
    assert sorted(zip(listed["parameter"], listed["arm"], strict=True)) == sorted(
        (name, arm) for arm in findings.arms for name in ("tgf_brake.half", "endothelium.threshold")
    )
    assert listed["swing PFS_12m"].isna().all()
    assert len(assumptions(pd.DataFrame(), findings.parameters, "PFS_12m")) == 4


def test_the_numbers_at_risk_count_those_still_followed() -> None:
    assert curves.at_risk(np.array([5.0, 10.0, 10.0, 30.0]), [0, 5, 5.5, 10, 11, 31]) == [4, 4, 3, 3, 1, 0]


def test_the_last_tick_does_not_lie_beyond_the_end_of_follow_up() -> None:
    places, words, title = style.ticks([0.0, 730.0])
    assert (places[-1], words[-1], title) == (730.0, "24", "Months")
    assert style.ticks([0.0, 28.0])[2] == "Days"


def test_endpoints_of_a_family_are_spoken_of_like_their_siblings() -> None:
    assert endpoint("PFS_9m").label == "Progression-free at 9 months"
    assert endpoint("ICANS_ge2") == endpoint("ICANS_ge2")._replace(
        label="ICANS, grade 2 or more", better=-1, share=True
    )
    assert not endpoint("OS_median").share


def test_the_kill_budget_is_the_integral_of_the_rate() -> None:
    days = np.array([0.0, 1.0, 3.0])
    rows = pd.DataFrame({"arm": "a", "day": days, "observable": "kill_granule", "median": [0.0, 2.0, 4.0]})
    rows = pd.concat([rows, rows.assign(observable="kill_host", median=[1.0, 1.0, 1.0])])
    look = style.looks({"a": "A"})
    drawing, killed = bars.kill_budget("budget", rows, bars.PATHWAYS, look, "")
    amounts = dict(zip(killed["observable"], killed["killed"], strict=True))
    assert amounts == {"kill_granule": 7.0, "kill_host": 3.0}
    assert drawing is not None
    assert [trace.x[0] for trace in drawing.figure.data] == pytest.approx([0.7, 0.3])


def test_figures_without_data_are_left_out() -> None:
    look = style.looks({"a": "A"})
    nothing = pd.DataFrame(columns=["arm", "day", "observable", "q05", "q25", "median", "q75", "q95"])
    assert curves.bands("k", "x", nothing, look, "cell") is None
    assert curves.waiting_figure({"a": np.empty(0)}, {"a": 3}, look) is None
    assert bars.kill_budget("budget", nothing, bars.PATHWAYS, look, "")[0] is None
    assert bars.interval_figure("toxicity", [], look, "") is None


def test_arms_differ_in_dash_and_pattern_and_not_in_colour_alone() -> None:
    seen = list(style.looks({name: name for name in "abcd"}).values())
    assert (
        len({one.dash for one in seen}) == len({one.pattern for one in seen}) == len({one.colour for one in seen}) == 4
    )
    assert [one.colour for one in seen] == ["#0072B2", "#D55E00", "#009E73", "#CC79A7"]


def test_the_waiting_curve_ends_at_the_share_infused_of_the_enrolled() -> None:
    drawing = curves.waiting_figure({"a": np.array([3.0, 9.0, 5.0])}, {"a": 4}, style.looks({"a": "A"}))
    assert drawing is not None
    assert drawing.figure.data[0].y[-1] == pytest.approx(0.75)


def test_an_interval_bar_of_zero_keeps_its_upper_whisker() -> None:
    drawing = bars.interval_figure("t", [Estimate("CRS_ge3", "a", 0.0, 0.0, 0.018, 200)], style.looks({"a": "A"}), "")
    assert drawing is not None
    assert drawing.figure.data[0].error_x.array[0] == pytest.approx(0.018)


def test_the_credibility_table_uses_the_vocabulary_of_the_guidelines(findings: Findings) -> None:
    elements = [row.element for row in table(findings)]
    assert elements[:5] == [
        "Question of interest",
        "Context of use",
        "Model influence",
        "Consequence of a wrong decision",
        "Model risk",
    ]
    said = {row.element: row.here for row in table(findings)}
    assert said["Calibration"] == "No, not yet."
    assert "2 measured, 2 fitted, 4 assumed" in said["Uncertainty: parameters"]

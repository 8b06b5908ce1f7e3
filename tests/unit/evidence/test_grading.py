"""What a grade means: the scale as collected, and the grades that the model cuts."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, get_args

import pytest

import perforin.trial
from perforin.command import app
from perforin.errors import UserError
from perforin.evidence.grading import GradingScale, criteria_of, grading_scale
from perforin.evidence.published import Finding
from perforin.yaml_reader import read_text, validated

COLLECTED = Path(__file__).parents[3] / "../shared/data/astct_grading.json"
SCALE = """label: A scale
scale: S
status: read
source: Lee2019
locator: p. 1
toxicities:
  CRS:
    rule: the worst
    points: {orientation: 4, naming: 3}
    elements:
      score: {1: [4, 6], 2: [0, 3]}
"""


def plain(elements: Any) -> dict[str, dict[str, Any]]:
    """Elements as JSON writes them."""
    return json.loads(json.dumps(elements))  # type: ignore[no-any-return]


@pytest.mark.skipif(not COLLECTED.exists(), reason="the collected rules are not beside this checkout")
def test_every_rule_of_the_collected_scale_is_in_the_library() -> None:
    collected = json.loads(COLLECTED.read_text(encoding="utf-8"))
    held = grading_scale().toxicities
    crs, icans = collected.pop("CRS"), collected.pop("ICANS")
    assert "Lee DW" in collected.pop("source") and not collected
    fever = held["CRS"].fever
    assert fever is not None and (fever.at_least, fever.unit) == (crs.pop("fever_C_ge"), "degC")
    assert list(fever.not_needed_after) == crs.pop("fever_not_required_after")
    assert crs.pop("rule") == "grade = max(hypotension, hypoxia); fever alone = 1"
    assert held["CRS"].rule == "the worse of hypotension and hypoxia; fever alone is grade 1"
    death = {"5": crs.pop("grade5")}
    assert plain(held["CRS"].elements) == {**crs, "outcome": death}
    assert held["ICANS"].points == icans.pop("ICE_points") and held["ICANS"].rule == f"the {icans.pop('rule')}"
    assert plain(held["ICANS"].elements) == icans


def test_the_model_cuts_the_grades_that_the_scale_has() -> None:
    with (Path(perforin.trial.__path__[0]) / "observation.csv").open(newline="", encoding="utf-8") as file:
        cut = {row["parameter"] for row in csv.DictReader(file)}
    for name, one in grading_scale().toxicities.items():
        alive = [grade for grade in one.grades if grade < 5]
        assert {f"{name.casefold()}.cut[{grade}]" for grade in alive} == {
            parameter for parameter in cut if parameter.startswith(f"{name.casefold()}.cut")
        }


def test_published_numbers_may_name_the_scale() -> None:
    assert grading_scale().scale in get_args(Finding.model_fields["scale"].annotation)


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("1: [4, 6]", "6: [4, 6]", "found the grades [2, 6] of score"),
        ("1: [4, 6]", "1: [4, 8]", "needed fewer of 7 with each grade"),
        ("2: [0, 3]", "2: [0, 5]", "needed fewer of 7 with each grade"),
        ("naming: 3", "naming: 0", "greater than 0"),
        ("    rule: the worst", "    rule: the worst\n    fever: {at_least: 38, unit: x, not_needed_after: []}", "'x'"),
        ("points:", "point:", "did you mean 'points'"),
    ],
)
def test_a_scale_that_cannot_be_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        validated(GradingScale, read_text(SCALE.replace(old, new), "scale.yaml"))
    assert message in str(refused.value) and "scale.yaml:" in str(refused.value)


def test_the_command_prints_every_criterion_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.execute(["evidence", "grading"]) == 0
    shown = capsys.readouterr().out
    for one in grading_scale().toxicities.values():
        assert all(one.words(element, grade) in shown for element, found in one.elements.items() for grade in found)
    assert "fever of 38 degC" in shown and "orientation 4" in shown and "Lee DW" in shown
    assert app.execute(["evidence", "grading", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["toxicities"]["ICANS"]["elements"]["ICE"]["1"] == [7, 9]


def test_an_endpoint_is_explained_by_what_is_seen_at_its_lowest_grade(capsys: pytest.CaptureFixture[str]) -> None:
    assert criteria_of("CRS_ge3").startswith("ASTCT grade 3: hypotension: one vasopressor")
    assert "ICE: 7 to 9 points" in criteria_of("ICANS_any") and "fever alone is grade 1" in criteria_of("CRS_any")
    for other in ("CRS_onset", "GvHD_ge2", "OS_12m", "CRS_ge7"):
        assert criteria_of(other) == ""
    assert app.execute(["explain", "ICANS_ge3"]) == 0
    assert f"criteria: {criteria_of('ICANS_ge3')}" in capsys.readouterr().out

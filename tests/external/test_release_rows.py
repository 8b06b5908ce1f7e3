"""Every collected limit and time of release tests stands in a specification, or the reason why not is stated here."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest

from batch_recipes import library_process
from perforin.evidence.parameters import Row
from perforin.library import default_library
from perforin.making.release import read_specifications
from perforin.yaml_reader import read_yaml

TABLE = Path(__file__).parents[3] / "shared" / "data" / "manufacturing_parameters.csv"

USED = {
    "SPEC_VIAB_NK": ("nk_bank", "viability", "lower"),
    "SPEC_PUR_NK": ("nk_bank", "purity", "lower"),
    "SPEC_CD3_NK": ("nk_bank", "residual_t_cells", "upper"),
    "SPEC_FEED_NK": ("nk_bank", "residual_feeder", "upper"),
    "SPEC_POT_NK": ("nk_bank", "killing", "lower"),
    "SPEC_ENDO": ("nk_bank", "endotoxin", "upper"),
    "SPEC_VCN": ("t_own", "vector_copies", "upper"),
    "SPEC_CAR_T": ("t_own", "car_fraction", "lower"),
    "SPEC_VIAB_T": ("t_own", "viability", "lower"),
    "SPEC_CD3_T": ("t_own", "purity", "lower"),
    "QC_STER_USP71": ("nk_bank", "sterility", "days"),
    "QC_T_REL_AUTO": ("t_own", "killing", "days"),
}
"""Identifier: the specification, its attribute and the number that has the value."""

OTHERWISE = {
    "QC_STER_RAPID": "a planning tool's default, no regulatory figure; in the note of the time of the compendial test",
    "QC_COST": "the cost of the step 'release tests' of autologous_viral (tested below)",
}
WEIGHT = {"SPEC_CD3_NK": 75.0}
"""A limit per kilogram is that of a patient of this weight [kg], as its note says."""


@cache
def number(name: str, attribute: str, part: str) -> Row:
    path = default_library().path("specifications", name)
    found = read_specifications(name, read_yaml(path).data, str(path))
    row = getattr(next(test for test in found.tests if test.attribute == attribute), part)
    assert isinstance(row, Row)
    return row


def collected() -> dict[str, dict[str, str]]:
    if not TABLE.is_file():
        pytest.skip(f"{TABLE} is not there: the collected numbers do not come with the repository")
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file) if row["module"] == "qc"}


def test_every_collected_number_of_release_is_used_or_its_absence_is_explained() -> None:
    assert collected().keys() == USED.keys() | OTHERWISE.keys()
    assert not USED.keys() & OTHERWISE.keys()


@pytest.mark.parametrize("name", USED)
def test_a_limit_has_the_collected_value_and_range(name: str) -> None:
    row, found = collected()[name], number(*USED[name])
    assert found.value == pytest.approx(float(row["value"]) * WEIGHT.get(name, 1.0))
    assert (found.status == "derived") == (name in WEIGHT)
    for end in ("low", "high"):
        if row[end]:
            assert getattr(found, end) == pytest.approx(float(row[end]))


def test_the_cost_of_tests_is_that_of_their_step() -> None:
    cost = next(step.cost for step in library_process("autologous_viral").steps if step.name == "release tests")
    assert cost is not None and cost.value == float(collected()["QC_COST"]["value"])

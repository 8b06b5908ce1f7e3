"""Every collected cost, price and result of an economic evaluation stands in a table, with its value and status."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from perforin.access.economics.worth import value_rows
from perforin.evidence.published_costs import published_costs

TABLE = Path(__file__).parents[3] / "shared" / "data" / "manufacturing_parameters.csv"

VALUES = {"U_CART": ("utility.first_year",), "U_CRS": ("loss.crs[1]", "loss.crs[2]", "loss.crs[3]"),
          "U_NE": ("loss.icans[1]", "loss.icans[3]"), "DISC": ("discount.rate",), "WTP": ("worth.healthy_year",),
          "COST_LEUK": ("cost.apheresis",)}  # fmt: skip
"""Identifier: the rows of values.csv that have its numbers, in their order."""


def collected() -> dict[str, dict[str, str]]:
    if not TABLE.is_file():
        pytest.skip(f"{TABLE} is not there: the collected numbers do not come with the repository")
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file) if row["module"] in ("cost", "economics")}


def numbers(text: str) -> list[float]:
    return [abs(float(part)) for part in text.replace(" vs ", "/").replace(";", "/").split("/")]


def test_a_number_that_is_used_has_the_collected_value() -> None:
    found = {row.parameter: row for row in value_rows()}
    rows = collected()
    for name, used in VALUES.items():
        assert [found[one].value for one in used] == numbers(rows[name]["value"]), name
        assert {found[one].status for one in used} == {"memory" if rows[name]["evidence"] == "memory" else "read"}, name


def test_every_other_number_stands_among_the_published_ones_with_its_status() -> None:
    there = [(row["value"], row["unit"], row["status"]) for row in published_costs()]
    said = {"vendor": ("memory", "read"), "read": ("read",), "memory": ("memory",), "derived": ("derived",)}
    missing = []
    for name, row in collected().items():
        if name in VALUES:
            continue
        for value in numbers(row["value"]):
            money = [unit for unit in ("USD", "EUR") if unit in row["unit"]]
            fits = [one for one in there if one[0] == value and one[2] in said[row["evidence"]]
                    and (not money or one[1][:3] in (*money, "") or one[1] == "year")]  # fmt: skip
            if not fits:
                missing.append((name, value))
    assert not missing


def test_a_number_from_memory_or_a_company_says_so() -> None:
    for name in ("NkartaFiling", "Ran2020", "TenHam2020", "CarvyktiLaunchPrice"):
        assert {row["status"] for row in published_costs() if row["source"] == name} == {"memory"}
    goal = next(row for row in published_costs() if row["source"] == "NkartaFiling")
    assert "company" in goal["note"]

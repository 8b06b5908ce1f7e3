"""The library's tables are as datapackage.json describes them (Frictionless tabular data package)."""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from perforin.evidence.sources import LIBRARY, bibliography, cited_in_csv

RESOURCES = json.loads((LIBRARY / "datapackage.json").read_text(encoding="utf-8"))["resources"]
PARSE = {"string": str, "integer": int, "number": float, "date": date.fromisoformat,
         "boolean": {"True": True, "False": False}.__getitem__}  # fmt: skip
CONSTRAINTS = {"required", "unique", "enum", "pattern", "minimum", "maximum"}
TABLES = pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one["path"])


def problem_of(field: dict[str, Any], cell: str, missing: list[str]) -> str:
    """What is wrong with one cell; empty where nothing is."""
    held = field.get("constraints", {})
    if cell in missing:
        return "missing" if held.get("required") else ""
    try:
        value = PARSE[field["type"]](cell)
    except (KeyError, ValueError):
        return f"no {field['type']}"
    if "enum" in held and cell not in held["enum"]:
        return f"none of {held['enum']}"
    if "pattern" in held and not re.fullmatch(held["pattern"], cell):
        return f"not like {held['pattern']}"
    if "minimum" in held and not value >= held["minimum"]:
        return f"below {held['minimum']}"
    if "maximum" in held and not value <= held["maximum"]:
        return f"above {held['maximum']}"
    return ""


def problems_of(resource: dict[str, Any], path: Path) -> list[str]:
    """Everything in which a table differs from its schema, with its line."""
    fields, missing = resource["schema"]["fields"], resource["schema"]["missingValues"]
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader)
        rows = [(reader.line_num, row) for row in reader]
    if header != [field["name"] for field in fields]:
        return [f"1: found the columns {header}"]
    found = [f"{line}: {len(row)} cells" for line, row in rows if len(row) != len(fields)]
    for place, field in enumerate(fields):
        cells = [(line, row[place]) for line, row in rows if len(row) == len(fields)]
        found += [f"{line}: {field['name']} {cell!r} is {what}" for line, cell in cells
                  if (what := problem_of(field, cell, missing))]  # fmt: skip
        given = [cell for _, cell in cells if cell not in missing]
        if field.get("constraints", {}).get("unique") and len(given) != len(set(given)):
            found.append(f"{field['name']} repeats a value")
    return found


def test_every_table_of_the_library_is_described_once_and_none_that_is_not_there() -> None:
    assert sorted(one["path"] for one in RESOURCES) == sorted(
        path.relative_to(LIBRARY).as_posix() for path in LIBRARY.rglob("*.csv")
    )
    assert len({one["name"] for one in RESOURCES}) == len(RESOURCES)


@TABLES
def test_a_table_is_as_its_schema_says(resource: dict[str, Any]) -> None:
    for field in resource["schema"]["fields"]:
        assert field["type"] in PARSE and set(field.get("constraints", {})) <= CONSTRAINTS
    assert problems_of(resource, LIBRARY / resource["path"]) == []


@TABLES
def test_every_source_in_a_table_stands_in_the_bibliography(resource: dict[str, Any]) -> None:
    assert [found for found in cited_in_csv(LIBRARY / resource["path"]) if found[0] not in bibliography()] == []


@pytest.mark.parametrize("table, message", [
    ("n,status\n3,read\n", ""),
    ("status,n\nread,3\n", "columns"),
    ("n,status\n3\n", "1 cells"),
    ("n,status\nthree,read\n", "no integer"),
    ("n,status\n0,read\n", "below 1"),
    ("n,status\n3,guessed\n", "none of"),
    ("n,status\n3,\n", "missing"),
    ("n,status\n3,read\n3,read\n", "repeats"),
])  # fmt: skip
def test_the_checker_finds_what_is_wrong(tmp_path: Path, table: str, message: str) -> None:
    schema = {"missingValues": [""], "fields": [
        {"name": "n", "type": "integer", "constraints": {"minimum": 1, "unique": True}},
        {"name": "status", "type": "string", "constraints": {"required": True, "enum": ["read", "memory"]}},
    ]}  # fmt: skip
    (tmp_path / "table.csv").write_text(table)
    found = problems_of({"schema": schema}, tmp_path / "table.csv")
    assert (message in found[0]) if message else (found == [])

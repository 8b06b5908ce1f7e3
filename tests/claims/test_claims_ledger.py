"""The ledger of claims: each listed once, each verdict legal, each named test there."""

from __future__ import annotations

import ast
import csv
from functools import lru_cache
from pathlib import Path

import pytest

import perforin

ROOT = Path(__file__).parents[2]
COLLECTED = ROOT / "../shared/claims.csv"
VERDICTS = {"reproduced", "not reproduced", "qualified by evidence", "out of scope", "not yet tested"}
COLUMNS = ["id", "source_document", "statement", "kind", "must_show", "evidence_status", "verdict", "test"]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


LEDGER = read(Path(perforin.__path__[0]) / "library" / "claims.csv")


@lru_cache
def functions(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_claim_is_listed_once() -> None:
    assert [row["id"] for row in LEDGER] == [f"C{number:02d}" for number in range(1, 57)]
    assert all(list(row) == COLUMNS for row in LEDGER)


def test_every_verdict_is_one_of_five() -> None:
    assert not [(row["id"], row["verdict"]) for row in LEDGER if row["verdict"] not in VERDICTS]


def test_a_verdict_rests_on_a_test_and_only_a_tested_claim_has_one() -> None:
    for row in LEDGER:
        if row["verdict"] in ("reproduced", "not reproduced", "qualified by evidence"):
            assert row["test"], f"{row['id']}: {row['verdict']!r} without a test"
        if row["verdict"] == "not yet tested":
            assert not row["test"], f"{row['id']}: a test, and yet 'not yet tested'"


def test_every_named_test_exists() -> None:
    for row in LEDGER:
        for name in filter(None, map(str.strip, row["test"].split(";"))):
            file, _, function = name.partition("::")
            assert (ROOT / file).is_file(), f"{row['id']}: {file} is not there"
            assert function.startswith("test_"), f"{row['id']}: {name} names no test"
            assert function in functions(ROOT / file), f"{row['id']}: {file} has no {function}"


def test_at_least_one_claim_has_been_tested() -> None:
    assert any(row["test"] for row in LEDGER)


@pytest.mark.skipif(not COLLECTED.exists(), reason="the collected claims are not beside the repository")
def test_the_claims_are_the_collected_ones() -> None:
    collected = read(COLLECTED)
    assert [{key: row[key] for key in collected[0]} for row in LEDGER] == collected

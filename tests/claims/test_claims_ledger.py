"""The ledger of claims: each listed once, each with one test of its own, each verdict what that test's marks say."""

from __future__ import annotations

import csv
import importlib.util
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from perforin.evidence.claims import CORRECTIONS, Claim, claims

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COLLECTED = ROOT / "../shared/claims.csv"
OWN = re.compile(r"test_c(\d\d)_\w+")


def functions(path: Path) -> dict[str, Callable[..., None]]:
    """Test functions of one file, by name."""
    spec = importlib.util.spec_from_file_location(f"ledger_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: one for name, one in vars(module).items() if name.startswith("test_") and callable(one)}


@pytest.fixture(scope="module")
def written() -> dict[str, list[tuple[str, Callable[..., None]]]]:
    """Of each claim, every test function in this folder that carries its number, with its place."""
    found: dict[str, list[tuple[str, Callable[..., None]]]] = {}
    for path in sorted(HERE.glob("test_*.py")):
        if path != Path(__file__):
            for name, function in functions(path).items():
                if match := OWN.fullmatch(name):
                    found.setdefault(f"C{match[1]}", []).append((f"{path.relative_to(ROOT)}::{name}", function))
    return found


def expected_failures(function: Callable[..., None]) -> Iterator[pytest.Mark]:
    """Every xfail mark of a test or of one of its cases."""
    for mark in getattr(function, "pytestmark", []):
        if mark.name == "xfail":
            yield mark
        elif mark.name == "parametrize":
            cases = mark.args[1]
            yield from (inner for case in cases for inner in getattr(case, "marks", ()) if inner.name == "xfail")


def test_every_claim_is_listed_once() -> None:
    assert [one.id for one in claims()] == [f"C{number:02d}" for number in range(1, 57)]


@pytest.mark.parametrize("claim", claims(), ids=lambda one: one.id)
def test_every_claim_has_one_test_whose_marks_agree_with_its_verdict(claim: Claim, written) -> None:
    assert len(written.get(claim.id, [])) == 1, f"needed one test_{claim.id.lower()}_... in tests/claims"
    place, function = written[claim.id][0]
    assert claim.tests[0] == place
    marks = list(expected_failures(function))
    assert bool(marks) == (claim.verdict == "not yet reproduced")
    for mark in marks:
        assert mark.kwargs["strict"], "an expected failure that comes true must be seen"
        assert mark.kwargs["raises"], "and nothing but the failure that is expected may hide behind it"
        assert mark.kwargs["reason"] in claim.note, "the reason stands in the ledger too"
    if claim.verdict == "not yet reproduced":
        assert claim.note.startswith(("not calibrated: ", "needs "))


def test_every_docstring_names_its_source_and_its_tolerance(written) -> None:
    for number, tests in written.items():
        for _, function in tests:
            said = function.__doc__ or ""
            assert len(said.splitlines()[0]) > 10, f"{number}: the docstring states the claim first"
            assert re.search(r"\bSource: \S", said), f"{number}: the docstring names no source"
            assert re.search(r"\bTolerance: \S", said), f"{number}: the docstring names no tolerance"


def test_every_further_test_exists() -> None:
    for claim in claims():
        for place in claim.tests[1:]:
            file, _, function = place.partition("::")
            assert function in functions(ROOT / file), f"{claim.id}: {file} has no {function}"


def test_each_of_the_eleven_corrections_is_in_the_note_of_a_claim() -> None:
    carried = {number for claim in claims() for number in claim.corrections if claim.note}
    assert carried == set(range(1, CORRECTIONS + 1))


def test_a_contradicted_claim_is_qualified_and_disputed() -> None:
    contradicted = [one for one in claims() if "contradicted" in one.evidence_status]
    assert contradicted
    assert all(one.verdict == "qualified" and one.disputed for one in contradicted)
    assert all(one.verdict != "reproduced" for one in claims() if one.evidence_status.startswith("qualified"))


@pytest.mark.skipif(not COLLECTED.exists(), reason="the collected claims are not beside the repository")
def test_the_claims_are_the_collected_ones() -> None:
    with COLLECTED.open(newline="", encoding="utf-8") as file:
        collected = list(csv.DictReader(file))
    assert [{key: getattr(one, key) for key in collected[0]} for one in claims()] == collected

"""The reader of the ledger: what is wrong is named with its line, and disputed claims come first."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from perforin.errors import UserError
from perforin.evidence.claims import COLUMNS, chosen, claims, read_claims

GOOD = dict(zip(COLUMNS, ("C01", "a review", "Cells kill", "mechanism", "kills", "supported", "qualified", "not all",
                          "2; 11", "Marin2024", "tests/claims/test_a.py::test_c01_kill"), strict=True))  # fmt: skip


def ledger(folder: Path, *changes: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> Path:
    path = folder / "claims.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows([GOOD | change for change in changes])
    return path


def test_a_row_becomes_a_claim(tmp_path: Path) -> None:
    (claim,) = read_claims(ledger(tmp_path, {}))
    assert (claim.id, claim.verdict, claim.corrections) == ("C01", "qualified", (2, 11))
    assert (claim.sources, claim.tests) == (("Marin2024",), ("tests/claims/test_a.py::test_c01_kill",))
    assert claim.disputed


@pytest.mark.parametrize("change, message", [
    ({"verdict": "qualifed"}, "csv:2: found the verdict 'qualifed' of C01; needed one of ['reproduced', 'qualified',"),
    ({"verdict": "qualifed"}, "did you mean 'qualified'?"),
    ({"kind": "numbr"}, "did you mean 'number'?"),
    ({"id": "1"}, "found the claim '1'; needed C and two digits"),
    ({"test": ""}, "found C01 'qualified' without a test; needed one"),
    ({"note": ""}, "found C01 'qualified' without a note; needed the reason"),
    ({"corrections": "12"}, "found the correction '12' of C01; needed 1 to 11"),
])  # fmt: skip
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, change: dict[str, str], message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_claims(ledger(tmp_path, change))
    assert message in str(caught.value)


def test_a_claim_twice_and_a_row_too_long_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"csv:3: found the claim C01 twice"):
        read_claims(ledger(tmp_path, {}, {}))
    path = ledger(tmp_path, {})
    path.write_text(path.read_text(encoding="utf-8").rstrip() + ",too,much\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"csv:2: found more or fewer cells"):
        read_claims(path)
    with pytest.raises(UserError, match=r"csv:1: found the columns"):
        read_claims(ledger(tmp_path, {}, columns=COLUMNS[:-1]))


def test_a_missing_capability_is_no_dispute_and_a_missed_number_is(tmp_path: Path) -> None:
    rows = ({"corrections": "", "verdict": "not yet reproduced", "note": note, "id": f"C0{i}"}
            for i, note in enumerate(("needs a module", "not calibrated: the prediction misses")))  # fmt: skip
    missing, missed = read_claims(ledger(tmp_path, *rows))
    assert not missing.disputed
    assert missed.disputed


def test_disputed_claims_come_first_and_none_is_lost() -> None:
    everything = chosen()
    assert sorted(one.id for one in everything) == [one.id for one in claims()]
    flags = [one.disputed for one in everything]
    assert flags == sorted(flags, reverse=True)
    assert {one.verdict for one in chosen(verdict="qualified")} == {"qualified"}
    assert {one.kind for one in chosen(kind="process")} == {"process"}


def test_an_unknown_filter_names_the_nearest_word() -> None:
    with pytest.raises(UserError, match="did you mean 'reproduced'"):
        chosen(verdict="reprodced")
    with pytest.raises(UserError, match="did you mean 'process'"):
        chosen(kind="proces")

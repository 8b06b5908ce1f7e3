"""The ledger of claims: what is said of these therapies, each claim's test, verdict and contrary evidence."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from perforin.errors import Location, UserError, nearest
from perforin.evidence.sources import LIBRARY

__all__ = ["COLUMNS", "CORRECTIONS", "KINDS", "MISSED", "VERDICTS", "Claim", "chosen", "claims", "read_claims"]

VERDICTS = ("reproduced", "qualified", "not yet reproduced", "out of scope")
"""Qualified: the test passes, and evidence against the claim as it is worded stands in the note."""
KINDS = ("number", "mechanism", "construct", "process", "design", "scenario", "report")
COLUMNS = ("id", "source_document", "statement", "kind", "must_show", "evidence_status", "verdict", "note",
           "corrections", "source", "test")  # fmt: skip
CORRECTIONS = 11
"""How many statements of the documents that the claims come from were found wrong or in need of a caveat."""
MISSED = "not calibrated"
"""How the note begins where a prediction misses published values; any other claim not reproduced lacks a capability."""
_ORDER = ("qualified", "not yet reproduced", "reproduced", "out of scope")


@dataclass(frozen=True)
class Claim:
    """One statement and what became of it.

    ``must_show`` is what the software has to show, ``evidence_status`` what the literature says, ``note`` what speaks
    against the claim or is missing, ``corrections`` which of the eleven corrections (1 to 11) the note carries,
    ``sources`` keys of sources.bib, ``tests`` places ``file::function``, the claim's own first.
    """

    id: str
    source_document: str
    statement: str
    kind: str
    must_show: str
    evidence_status: str
    verdict: str
    note: str
    corrections: tuple[int, ...]
    sources: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def disputed(self) -> bool:
        """Whether evidence, a correction or our own prediction disagrees; a missing capability alone is no dispute."""
        missed = self.verdict == "not yet reproduced" and (bool(self.corrections) or self.note.startswith(MISSED))
        return self.verdict == "qualified" or missed

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {**asdict(self), "disputed": self.disputed}


def read_claims(path: str | Path) -> tuple[Claim, ...]:
    """Every row of a ledger, in the order of the file.

    Raises:
        UserError: other columns, an unknown verdict or kind, a claim twice, a verdict without its test or its reason,
            a correction that is none of the eleven (file:line).
    """
    found: dict[str, Claim] = {}
    for where, row in _rows(Path(path)):
        claim = _claim(row, where)
        if claim.id in found:
            raise UserError(f"found the claim {claim.id} twice; needed it once", where)
        found[claim.id] = claim
    return tuple(found.values())


def _rows(path: Path) -> Iterator[tuple[Location, dict[str, str]]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, restkey="")
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise UserError(f"found the columns {reader.fieldnames}; needed {list(COLUMNS)}", Location(str(path), 1))
        for row in reader:
            where = Location(str(path), reader.line_num)
            if "" in row or None in row.values():
                raise UserError(f"found more or fewer cells than the {len(COLUMNS)} columns; needed as many", where)
            yield where, {name: cell.strip() for name, cell in row.items()}


def _claim(row: dict[str, str], where: Location) -> Claim:
    if not re.fullmatch(r"C\d\d", row["id"]):
        raise UserError(f"found the claim {row['id']!r}; needed C and two digits", where)
    for name, known in (("verdict", VERDICTS), ("kind", KINDS)):
        if row[name] not in known:
            hint = nearest(row[name], known)
            raise UserError(f"found the {name} {row[name]!r} of {row['id']}; needed one of {list(known)}{hint}", where)
    tests, sources = _parts(row["test"]), _parts(row["source"])
    if not tests and row["verdict"] != "out of scope":
        raise UserError(f"found {row['id']} {row['verdict']!r} without a test; needed one", where)
    if not row["note"] and row["verdict"] != "reproduced":
        raise UserError(f"found {row['id']} {row['verdict']!r} without a note; needed the reason", where)
    numbers = _parts(row["corrections"])
    if wrong := [one for one in numbers if one not in map(str, range(1, CORRECTIONS + 1))]:
        raise UserError(f"found the correction {wrong[0]!r} of {row['id']}; needed 1 to {CORRECTIONS}", where)
    texts = {name: row[name] for name in COLUMNS[:8]}
    return Claim(**texts, corrections=tuple(map(int, numbers)), sources=sources, tests=tests)


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, cell.split(";"))))


@lru_cache(maxsize=1)
def claims() -> tuple[Claim, ...]:
    """The library's ledger, in the order of the numbers."""
    return read_claims(LIBRARY / "claims.csv")


def chosen(verdict: str | None = None, kind: str | None = None) -> tuple[Claim, ...]:
    """The claims of a verdict or kind: disputed ones first, then by verdict, then by number.

    Raises:
        UserError: no such verdict or kind (nearest one suggested).
    """
    for name, asked, known in (("verdict", verdict, VERDICTS), ("kind", kind, KINDS)):
        if asked is not None and asked not in known:
            raise UserError(f"found the {name} {asked!r}; needed one of {list(known)}{nearest(asked, known)}")
    kept = [one for one in claims() if verdict in (None, one.verdict) and kind in (None, one.kind)]
    return tuple(sorted(kept, key=lambda one: (not one.disputed, _ORDER.index(one.verdict), one.id)))

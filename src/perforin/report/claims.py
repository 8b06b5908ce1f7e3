"""The ledger of claims on paper: disputed ones first, with what speaks against them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from perforin.evidence.claims import VERDICTS, Claim
from perforin.report.tables import Cell, Table

__all__ = ["claim_table", "verdicts"]


def verdicts(claims: Sequence[Claim]) -> str:
    """How many claims have which verdict, in words."""
    found = Counter(one.verdict for one in claims)
    return ", ".join(f"{found[name]} {name}" for name in VERDICTS if found[name])


def claim_table(claims: Sequence[Claim]) -> Table | None:
    """One row per claim: what is said, the verdict, the note and what the literature says."""
    if not claims:
        return None
    rows = [
        (Cell(one.statement, f"{one.id}, {one.kind}"), Cell(one.verdict), Cell(one.note or "–", one.evidence_status))
        for one in claims
    ]
    return Table(("Claim", "Verdict", "Note, and what the evidence says"), tuple(rows))

"""perforin claims: what is said of these therapies, and whether it holds."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from perforin.command.console import emit, table
from perforin.command.running import Machine

__all__ = ["EXAMPLES", "claims"]


def claims(
    verdict: Annotated[str | None, typer.Option("--verdict", help="Only claims of this verdict.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="Only claims of this kind.")] = None,
    json: Machine = False,
) -> None:
    """Print what is said of these therapies, each with its verdict and with what speaks against it.

    Every claim is a test. Reproduced: the test passes. Qualified: it passes, and the note gives the evidence against
    the claim as worded. Not yet reproduced: a prediction misses the published value, or a capability is missing.
    Disputed claims come first.
    """
    from perforin.evidence.claims import VERDICTS, chosen
    from perforin.evidence.sources import bibliography

    found = chosen(verdict, kind)
    verdicts = Counter(one.verdict for one in found)
    counts = {name: verdicts[name] for name in VERDICTS}
    if json:
        keys = sorted({key for one in found for key in one.sources})
        references = {key: str(bibliography()[key]) for key in keys}
        emit({"counts": counts, "claims": [one.as_dict() for one in found], "references": references})
        return
    table(("Claim", "What is said", "Verdict", "Note"),
          [(one.id, one.statement, one.verdict, one.note) for one in found])  # fmt: skip
    typer.echo(f"{len(found)} claims: " + ", ".join(f"{count} {name}" for name, count in counts.items() if count))


EXAMPLES = {
    "claims": """\b
Verdicts: reproduced, qualified, "not yet reproduced", "out of scope".
Kinds: number, mechanism, construct, process, design, scenario, report.

\b
Examples:
  perforin claims
  perforin claims --verdict qualified
  perforin claims --kind number --json"""
}

"""perforin evidence landscape: CAR-NK trials on the registry, counted, drawn, and looked up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perforin.command.console import emit, note, table
from perforin.command.running import Machine
from perforin.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from perforin.evidence.registry.comparison import Comparison
    from perforin.evidence.registry.landscape import Landscape
    from perforin.evidence.registry.refresh import Changes

__all__ = ["EXAMPLES", "landscape"]

SOURCES = ("JeongOncology2026", "JeongRheumatology2026", "ClinicalTrialsGov", "Jorgensen2025")
FEW = 12
"""Rows of one facet among others; ``--by`` prints all."""


def landscape(
    by: Annotated[
        str | None, typer.Option("--by", help="Only this: year, target, source, phase, country, area or status.")
    ] = None,
    include_suspected: Annotated[
        bool, typer.Option("--include-suspected", help="Count the suspected bulk registrations too.")
    ] = False,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DATE", help="Only what was there by this day, YYYY-MM-DD.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write figures into this folder: landscape.html.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the registry what has changed since.")] = False,
    json: Machine = False,
) -> None:
    """CAR-NK trials on ClinicalTrials.gov, by year, target, source, phase, country, indication and status.

    The records are a dated snapshot. Suspected bulk registrations and borderline records are always shown, and counted
    only where the head of the table says so.
    """
    from perforin.evidence.registry.comparison import compare_with_published
    from perforin.evidence.registry.landscape import FACETS, by_facet, snapshot

    facets = [by] if by is not None else list(FACETS)
    for name in facets:
        by_facet(name)
    records = snapshot() if until is None else snapshot().until(_day(until))
    included = _included(records, include_suspected, until)
    counts = {name: records.count(name) for name in facets}
    comparisons = compare_with_published() if by is None else ()
    changed, failed = _refreshed() if refresh else (None, "")
    page = ""
    if out is not None:
        page = _draw(out, included, counts, comparisons)
    if json:
        emit(_machine(records, include_suspected, until, counts, comparisons, changed, failed, page))
        return
    for sentence in included:
        typer.echo(sentence)
    for name, counted in counts.items():
        _print_counts(name, counted, include_suspected, None if by else FEW)
    for one in comparisons:
        _print_comparison(one)
    if changed is not None:
        _print_changes(changed)
    if page:
        typer.echo(f"Figures: {page}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"found --until {text!r}; needed a day as YYYY-MM-DD, for example 2024-10-31") from None


def _included(records: Landscape, suspected: bool, until: str | None) -> tuple[str, ...]:
    from perforin.evidence.registry.landscape import KINDS, SNAPSHOT

    kinds, provenance = list(records.kinds), records.records["provenance"]
    clear, bulk, borderline = (kinds.count(kind) for kind in KINDS)
    both = int(((records.kinds == KINDS[2]) & (records.records["suspect_bulk_registration"] == "True")).sum())
    counted = f"{clear + bulk} counted, {bulk} of them suspected bulk registrations"
    counted = counted if suspected else f"{clear} counted"
    left = [] if suspected else [f"{bulk} suspected bulk registrations (--include-suspected counts them)"]
    left.append(f"{borderline} borderline, where the record does not clearly say CAR-NK" +
                (f" ({both} of these suspected bulk too)" if both else ""))  # fmt: skip
    sentences = [
        f"CAR-NK trials on ClinicalTrials.gov, snapshot of {SNAPSHOT}"
        + (f", those that were there by {until}" if until else "") + f": {len(kinds)} records.",
        f"{counted[0].upper()}{counted[1:]}; left out: {'; '.join(left)}.",
    ]  # fmt: skip
    if until:
        sentences.append(
            f"There by {until}: a stated start by then, or no stated start and a registration that can be shown."
        )
    recalled = int(provenance.str.contains("memory").sum())
    by_hand = int((~provenance.str.contains("snapshot")).sum())
    sentences.append(f"{by_hand} records were added by hand, {recalled} of them with details recalled, not read.")
    return tuple(sentences)


def _print_counts(by: str, counts: pd.DataFrame, suspected: bool, most: int | None) -> None:
    from perforin.evidence.registry.landscape import KINDS
    from perforin.report.landscape import FACET_TITLES

    clear, bulk, borderline = KINDS
    shown = counts if most is None or len(counts) <= most + 1 else counts.iloc[:most]
    rows = [(str(row["value"]), *_cells(row, suspected)) for row in shown.to_dict("records")]
    if len(shown) < len(counts):
        rest = counts.iloc[most:][[clear, bulk, borderline]].sum()
        rows.append((f"{len(counts) - len(shown)} others (--by {by})", *_cells(dict(rest), suspected)))
    title = FACET_TITLES[by] + (": a record with two counts under each" if by in ("target", "country") else "")
    second = f"of these {bulk}" if suspected else f"left out: {bulk}"
    table(("", "Counted", second, f"left out: {borderline}"), rows, title, numeric=(1, 2, 3))


def _cells(row: Mapping[Any, Any], suspected: bool) -> tuple[str, str, str]:
    from perforin.evidence.registry.landscape import KINDS

    clear, bulk, borderline = (int(row[kind]) for kind in KINDS)
    return str(clear + bulk if suspected else clear), str(bulk), str(borderline)


def _print_comparison(one: Comparison) -> None:
    from perforin.evidence.registry.landscape import KINDS

    typer.echo(f"{one.statement}: published {one.published} ({one.source}; {one.status}: {one.note}).")
    rows = [(part.records, *(str(part.counts[kind]) for kind in KINDS), str(part.unknown)) for part in one.parts]
    table(("Our records", *KINDS, "CAR-NK of status unknown"), rows, numeric=(1, 2, 3, 4))
    for reason in one.reasons:
        typer.echo(f"- {reason}")
    typer.echo("")


def _refreshed() -> tuple[Changes | None, str]:
    """What the registry says today; where it cannot be read, None and why, which is said at once."""
    from perforin.evidence.registry.clinicaltrials import RegistryError, read_registry
    from perforin.evidence.registry.refresh import changes
    from perforin.kernels.compile import cache_folder

    try:
        answer = read_registry(cache_folder() / "registry", datetime.now(UTC).date())
    except RegistryError as problem:
        note(f"warning: the registry was not read: {problem}. What follows is the snapshot alone.")
        return None, str(problem)
    return changes(answer), ""


def _print_changes(found: Changes) -> None:
    kept = ", kept from earlier today" if found.from_cache else ""
    typer.echo(
        f"ClinicalTrials.gov on {found.day}{kept}: {found.found} studies answer the query; by rules (a machine's work, "
        f"not checked by hand) {found.verdicts.get('yes', 0)} are CAR-NK and {found.verdicts.get('borderline', 0)} "
        f"borderline. {len(found.not_found)} records of the snapshot are not among them."
    )
    rows = [(row["nct"], row["verdict"], row["rule"], row["start_date"] or "-", row["title"]) for row in found.fresh]
    title = f"New since the snapshot, by rules: {len(rows)}; they are not in the counts"
    table(("Record", "CAR-NK", "Rule", "Start", "Title"), rows, title)
    moved = [(row["nct"], row["before"] or "not stated", row["now"], row["title"]) for row in found.moved]
    table(("Record", "Then", "Now", "Title"), moved, f"Status changed: {len(moved)}")


def _draw(out: Path, included: Sequence[str], counts: Mapping[str, pd.DataFrame],
          comparisons: Sequence[Comparison]) -> str:  # fmt: skip
    from perforin.report.landscape import write_landscape

    title, *rest = included
    try:
        return str(write_landscape(out, title.rstrip("."), rest, counts, comparisons, SOURCES))
    except OSError as problem:
        raise UserError(f"found the folder {out}, which cannot be written ({problem.strerror})") from None


def _machine(records: Landscape, suspected: bool, until: str | None, counts: Mapping[str, pd.DataFrame],
             comparisons: Sequence[Comparison], changed: Changes | None, failed: str,
             page: str) -> dict[str, Any]:  # fmt: skip
    from perforin.evidence.registry.landscape import KINDS, SNAPSHOT

    kinds = list(records.kinds)
    clear, bulk, _ = KINDS
    content: dict[str, Any] = {
        "snapshot": SNAPSHOT.isoformat(),
        "until": until,
        "records": {kind: kinds.count(kind) for kind in KINDS},
        "counted_kinds": [clear, bulk] if suspected else [clear],
        "counted": kinds.count(clear) + (kinds.count(bulk) if suspected else 0),
        "counts": {by: counted.to_dict("records") for by, counted in counts.items()},
        "against_published": [one.as_dict() for one in comparisons],
        "sources": list(SOURCES),
    }
    if changed is not None:
        content["refresh"] = changed.as_dict()
    elif failed:
        content["refresh"] = {"ok": False, "message": failed}
    return content | ({"figures": page} if page else {})


EXAMPLES = {
    "landscape": """\b
Examples:
  perforin evidence landscape
  perforin evidence landscape --by target --include-suspected
  perforin evidence landscape --by status --until 2024-10-31 --json
  perforin evidence landscape --out figures
  perforin evidence landscape --refresh"""
}

"""The registry against a published count of CAR-NK trials: what each of them counts, and why they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import pandas as pd

from perforin.evidence.registry.landscape import KINDS, SNAPSHOT, Landscape, snapshot
from perforin.evidence.sources import LIBRARY

__all__ = ["Comparison", "Part", "compare_with_published", "published_counts"]


@dataclass(frozen=True)
class Part:
    """One count of ours: which records, how many of each kind, and how many of the clear ones have status UNKNOWN."""

    records: str
    counts: Mapping[str, int]
    unknown: int

    @property
    def clear(self) -> int:
        """Records that clearly are CAR-NK and no suspected bulk registrations."""
        return self.counts[KINDS[0]]

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {"records": self.records, **self.counts, "status_unknown": self.unknown}


@dataclass(frozen=True)
class Comparison:
    """A published count, our counts on records that are named, and the reasons for the difference."""

    statement: str
    published: int
    source: str
    status: str
    note: str
    parts: tuple[Part, ...]
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {"statement": self.statement, "published": self.published, "source": self.source, "status": self.status,
                "note": self.note, "ours": [part.as_dict() for part in self.parts],
                "reasons": list(self.reasons)}  # fmt: skip


@lru_cache(maxsize=1)
def published_counts() -> tuple[Mapping[str, str], ...]:
    """Rows of ``library/landscape_published.csv``: statement, until, value, source, locator, status, note."""
    table = pd.read_csv(LIBRARY / "landscape_published.csv", dtype=str, keep_default_na=False)
    return tuple({str(key): str(text) for key, text in row.items()} for row in table.to_dict("records"))


def compare_with_published(landscape: Landscape | None = None) -> tuple[Comparison, Comparison]:
    """Trials registered by October 2024, and trials started in 2024: published and ours.

    Args:
        landscape: the records to count; the library's own if not given.
    """
    records = snapshot() if landscape is None else landscape
    registered, started = published_counts()
    return _registered(records, registered), _started(records, started)


def _part(name: str, landscape: Landscape, chosen: pd.Series[bool]) -> Part:
    kinds = landscape.kinds[chosen]
    unknown = (landscape.records["status"][chosen] == "UNKNOWN") & (kinds == KINDS[0])
    return Part(name, {kind: int((kinds == kind).sum()) for kind in KINDS}, int(unknown.sum()))


def _comparison(row: Mapping[str, str], parts: tuple[Part, ...], reasons: tuple[str, ...]) -> Comparison:
    source = f"{row['source']}, {row['locator']}" if row["source"] else row["locator"]
    return Comparison(row["statement"], int(row["value"]), source, row["status"], row["note"],
                      parts, reasons)  # fmt: skip


def _registered(landscape: Landscape, row: Mapping[str, str]) -> Comparison:
    day = date.fromisoformat(row["until"])
    started, registered = landscape.started(day), landscape.registered(day)
    undated = (landscape.records["start_date"] == "") & registered
    parts = (
        _part(f"state a start by {day}", landscape, started),
        _part("state no start, registered by then", landscape, undated),
        _part("these two together", landscape, started | undated),
        _part("registered by then, whenever they start", landscape, registered | started),
    )
    together, most, borderline = parts[2], parts[3], parts[3].counts[KINDS[2]]
    provenance = landscape.records["provenance"]
    by_hand = int((~provenance.str.contains("snapshot")).sum())
    recalled = int((provenance.str.contains("memory") & (registered | started)).sum())
    one_registry = "One registry: trials that stand only in another (such as ChiCTR) are not in the snapshot."
    definition = (
        f"What counts as CAR-NK: {borderline} borderline records would make {most.clear} into "
        f"{most.clear + borderline}; variants of NK-92 and records that never say CAR are easily missed. {by_hand} "
        f"such records were added by hand, {recalled} of them with details from memory."
    )
    which_date = (
        f"Which date: by start {parts[0].clear}, by registration {most.clear}; {parts[1].clear} records give no start "
        "date, most likely because the monitor they come from drops dates that name a month only."
    )
    unknown = f"Whether a trial took place: {together.unknown} of the {together.clear} have status UNKNOWN."
    later = f"The snapshot is of {SNAPSHOT}: records may have changed since the published count."
    return _comparison(row, parts, (one_registry, definition, which_date, unknown, later))


def _started(landscape: Landscape, row: Mapping[str, str]) -> Comparison:
    year = row["until"][:4]
    chosen = landscape.records["start_date"].str.startswith(year)
    parts = (_part(f"state a start in {year}", landscape, chosen),)
    borderline = parts[0].counts[KINDS[2]]
    definition = (
        f"With the {borderline} borderline records the count is {parts[0].clear + borderline}; whether the published "
        "count includes such records is not known."
    )
    planned = f"Start dates are planned or real, and change: these are as of {SNAPSHOT}."
    return _comparison(row, parts, (definition, planned))

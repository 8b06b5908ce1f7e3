"""What has changed on the registry since the snapshot, sorted by rules and marked as a machine's work."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from perforin.evidence.registry.clinicaltrials import Answer, flat
from perforin.evidence.registry.landscape import Landscape, snapshot

__all__ = ["Changes", "Rule", "changes", "classify", "rules"]


@dataclass(frozen=True)
class Rule:
    """What makes a record CAR-NK (``yes``), perhaps (``borderline``) or not (``no``); the first that fits decides."""

    name: str
    field: str
    pattern: re.Pattern[str]
    verdict: str
    why: str


@lru_cache(maxsize=1)
def rules() -> tuple[Rule, ...]:
    """The rules of ``car_nk_rules.csv``, in order; the last fits every record."""
    with Path(__file__).with_name("car_nk_rules.csv").open(encoding="utf-8", newline="") as file:
        return tuple(Rule(row["rule"], row["field"], re.compile(row["pattern"], re.IGNORECASE | re.DOTALL),
                          row["verdict"], row["why"]) for row in csv.DictReader(file))  # fmt: skip


def classify(record: Mapping[str, str]) -> Rule:
    """The first rule that fits a record.

    Args:
        record: texts ``title``, ``official_title``, ``intervention`` and ``summary``; absent ones are empty.
    """
    title = " ".join(filter(None, (record.get("title"), record.get("official_title"))))
    texts = {"title": title, "intervention": record.get("intervention", ""), "summary": record.get("summary", "")}
    texts["all"] = " | ".join(texts.values())
    return next(rule for rule in rules() if rule.pattern.search(texts[rule.field]))


@dataclass(frozen=True)
class Changes:
    """The registry against the snapshot.

    Attributes:
        day: the day of the registry's answer.
        from_cache: whether the answer was kept from earlier on that day.
        found: studies that the query gave.
        verdicts: how many of them the rules call yes, borderline and no.
        fresh: records that the snapshot lacks and the rules call yes or borderline, with ``verdict`` and ``rule``.
        moved: records of the snapshot with another status now: nct, title, before, now.
        not_found: numbers of the snapshot's records that the query did not give.
    """

    day: date
    from_cache: bool
    found: int
    verdicts: Mapping[str, int]
    fresh: tuple[Mapping[str, str], ...]
    moved: tuple[Mapping[str, str], ...]
    not_found: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {"ok": True, "day": self.day.isoformat(), "from_cache": self.from_cache, "found": self.found,
                "classified_by": "machine", "verdicts": dict(self.verdicts), "fresh": [dict(row) for row in self.fresh],
                "moved": [dict(row) for row in self.moved], "not_found": list(self.not_found)}  # fmt: skip


def changes(answer: Answer, landscape: Landscape | None = None) -> Changes:
    """Compare an answer of the registry with the snapshot.

    Args:
        answer: what the registry gave.
        landscape: the records to compare with; the library's own if not given.
    """
    known = {str(row["nct"]): row for row in (landscape or snapshot()).records.to_dict("records")}
    records = {record["nct"]: record for record in map(flat, answer.studies)}
    verdicts: Counter[str] = Counter()
    fresh, moved = [], []
    for number, record in sorted(records.items()):
        rule = classify(record)
        verdicts[rule.verdict] += 1
        before = str(known[number]["status"]) if number in known else ""
        if number not in known and rule.verdict != "no":
            shown = {key: text for key, text in record.items() if key not in ("summary", "intervention")}
            fresh.append(shown | {"verdict": rule.verdict, "rule": rule.name, "classified_by": "machine"})
        elif number in known and record["status"] != before:
            moved.append({"nct": number, "title": record["title"], "before": before, "now": record["status"]})
    return Changes(answer.day, answer.from_cache, len(records), dict(verdicts), tuple(fresh), tuple(moved),
                   tuple(sorted(set(known) - set(records))))  # fmt: skip

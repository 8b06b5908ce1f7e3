"""Pooled values as other reviews published them."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache

from perforin.evidence.sources import LIBRARY

__all__ = ["PublishedPool", "reviews"]


@dataclass(frozen=True)
class PublishedPool:
    """One pooled value of a review; ``k`` studies and ``n`` patients are None where the review's page has no number."""

    source: str
    population: str
    k: int | None
    n: int | None
    endpoint: str
    value: float
    low: float | None
    high: float | None
    method: str
    status: str
    locator: str
    note: str


@lru_cache(maxsize=1)
def reviews() -> tuple[PublishedPool, ...]:
    """All of library/reviews.csv; values of different reviews share studies and must not be pooled again."""
    with (LIBRARY / "reviews.csv").open(newline="", encoding="utf-8") as file:
        return tuple(
            PublishedPool(row["source"], row["population"], int(row["k"]) if row["k"] else None,
                          int(row["n"]) if row["n"] else None, row["endpoint"], float(row["value"]),
                          float(row["low"]) if row["low"] else None, float(row["high"]) if row["high"] else None,
                          row["method"], row["status"], row["locator"], row["note"])
            for row in csv.DictReader(file)
        )  # fmt: skip

"""Costs, prices and results of economic evaluations as others published them."""

from __future__ import annotations

import csv
from functools import lru_cache
from typing import Any

from perforin.evidence.sources import LIBRARY

__all__ = ["published_costs"]


@lru_cache(maxsize=1)
def published_costs() -> tuple[dict[str, Any], ...]:
    """Rows of published_costs.csv: kind, what, context, value, low, high (None if not given), unit, status, source."""
    with (LIBRARY / "published_costs.csv").open(newline="", encoding="utf-8") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    for row in rows:
        row.update({key: float(row[key]) if row[key] else None for key in ("value", "low", "high")})
    return tuple(rows)

"""The common tongue of simulated and published trials: tidy records in, estimates out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals
from scipy.special import betaincinv

from perforin.errors import UserError

__all__ = ["COLUMNS", "Estimate", "Records", "exact_interval"]

COLUMNS: Mapping[str, str] = {
    "subject": "int64",
    "arm": "category",
    "parameter": "category",
    "day": "float64",
    "value": "float64",
    "unit": "category",
    "censored": "bool",
    "origin": "category",
    "source": "category",
}
"""Columns of Records. ``day`` counts from enrolment for waiting and survival and from infusion for all that follows
an infusion (see the parameter's name in docs/records.md); ``censored`` marks a value below the assay limit or a time
that was not seen to its end; ``origin`` is ``simulated``, ``published`` or, for a user's own table, ``observed``;
``source`` is a key of sources.bib. The texts are categories, in alphabetical order: each is held once, however many
rows it has."""


@dataclass(frozen=True)
class Records:
    """One row per subject, parameter and day."""

    table: pd.DataFrame

    def __post_init__(self) -> None:
        missing = [name for name in COLUMNS if name not in self.table.columns]
        if missing:
            raise UserError(f"records lack the columns {missing}; needed {list(COLUMNS)}")

    @classmethod
    def build(cls, **columns: Any) -> Records:
        """Records from columns or constants; absent columns take a neutral value."""
        neutral: dict[str, Any] = {"day": 0.0, "censored": False, "origin": "simulated", "source": "", "unit": ""}
        given = neutral | columns
        texts = {name: value for name, value in given.items() if isinstance(value, str)}
        table = pd.DataFrame({name: value for name, value in given.items() if name not in texts})
        same = np.zeros(len(table), np.intp)
        for name, text in texts.items():
            table[name] = pd.Categorical.from_codes(same, categories=pd.Index([text]))
        return cls(table[list(COLUMNS)].astype(dict(COLUMNS)))

    @classmethod
    def empty(cls) -> Records:
        """No rows, of the same kinds as any others."""
        return cls(cls.build(subject=[0], arm="", parameter="", value=[0.0]).table.iloc[:0])

    @classmethod
    def concat(cls, parts: Iterable[Records]) -> Records:
        """All rows of all parts, in order."""
        tables = [part.table for part in parts if len(part.table)]
        if not tables:
            return cls.empty()
        texts = [name for name, kind in COLUMNS.items() if kind == "category"]
        whole = pd.concat([table.drop(columns=texts) for table in tables], ignore_index=True)
        for name in texts:
            columns = [table[name].astype("category") for table in tables]
            whole[name] = union_categoricals(columns, sort_categories=True)
        return cls(whole[list(COLUMNS)])

    def of(self, parameter: str, arm: str | None = None) -> pd.DataFrame:
        """The rows of one parameter, and of one arm if named."""
        rows = self.table[self.table["parameter"] == parameter]
        return rows if arm is None else rows[rows["arm"] == arm]

    @property
    def arms(self) -> list[str]:
        """Names of the arms, in order of appearance."""
        return [str(arm) for arm in self.table["arm"].unique()]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, its denominator, its method and its sources."""

    endpoint: str
    arm: str
    value: float
    low: float
    high: float
    n: int
    unit: str = ""
    method: str = ""
    sources: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {
            "arm": self.arm,
            "endpoint": self.endpoint,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "unit": self.unit,
            "method": self.method,
            "sources": list(self.sources),
        }


def exact_interval(events: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval of a proportion: 0 of 37 gives 0 to 9.5 %; nobody gives 0 to 1."""
    tail = (1 - level) / 2
    low = 0.0 if events == 0 else float(betaincinv(events, n - events + 1, tail))
    high = 1.0 if events == n else float(betaincinv(events + 1, n - events, 1 - tail))
    return low, high

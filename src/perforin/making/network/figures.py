"""Numbers of a network's file: written out with their source, or by the name of a row of ``supply.csv``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pydantic
from numpy.typing import NDArray

from perforin import units
from perforin.errors import UserError, nearest
from perforin.evidence.parameters import Row, read_table
from perforin.nouns import Number

__all__ = ["Count", "Days", "Effect", "Figure", "PerDay", "Share", "supply_rows"]

Array = NDArray[np.float64]


@cache
def supply_rows() -> Mapping[str, Row]:
    """Rows of ``supply.csv`` by name."""
    return {row.parameter: row for row in read_table(Path(__file__).with_name("supply.csv"))}


class Figure(Number):
    """One number in the unit that its place needs, with its spread between patients and its source."""

    value: float

    @pydantic.model_validator(mode="before")
    @classmethod
    def _by_name(cls, given: Any) -> Any:
        if not isinstance(given, str) or not given[:1].isalpha():
            return given
        rows = supply_rows()
        if given not in rows:
            raise ValueError(f"found {given!r}; needed a number with its unit, or a row of supply.csv, one of "
                             f"{sorted(rows)}{nearest(given, rows)}")  # fmt: skip
        row = rows[given]
        names = ("value", "unit", "low", "high", "distribution", "kind", "status", "source", "locator", "note")
        return {name: getattr(row, name) for name in names} | {"cv": row.between_patient_cv}

    def in_unit(self, unit: str) -> Figure:
        """The same in another unit."""
        low, high = (self.value if end is None else end for end in (self.low, self.high))
        try:
            scale = 1.0 if units.same(self.unit, unit) else units.convert(1.0, self.unit, unit)
        except UserError as problem:
            raise ValueError(str(problem)) from None
        changed = {"value": self.value * scale, "low": low * scale, "high": high * scale, "unit": unit}
        return self.model_copy(update=changed)

    def quantile(self, score: Array) -> Array:
        """(n,) patients' values at standard normal scores."""
        return self.row("network.figure", "network").quantile(score)


def _between(unit: str, least: float, most: float) -> Callable[[Figure], Figure]:
    def check(figure: Figure) -> Figure:
        found = figure.in_unit(unit)
        if not least <= found.value <= most:
            needed = f"{least:g} or more" if most == np.inf else f"a number from {least:g} to {most:g}"
            raise ValueError(f"found {found.value:g} {unit}".rstrip() + f"; needed {needed}")
        try:
            found.row("network.figure", "network")
        except UserError as problem:
            raise ValueError(str(problem).partition("network.figure: ")[2] or str(problem)) from None
        return found

    return check


Days = Annotated[Figure, pydantic.AfterValidator(_between("day", 0.0, np.inf))]
PerDay = Annotated[Figure, pydantic.AfterValidator(_between("1/day", 0.0, np.inf))]
Share = Annotated[Figure, pydantic.AfterValidator(_between("", 0.0, 1.0))]
Count = Annotated[Figure, pydantic.AfterValidator(_between("", 1.0, np.inf))]
Effect = Annotated[Figure, pydantic.AfterValidator(_between("", -np.inf, np.inf))]

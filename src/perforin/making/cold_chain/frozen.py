"""What is frozen: the rows that say how its cells stand cold, warmth and the day after thaw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from perforin.errors import UserError, nearest
from perforin.evidence.parameters import Row, choose, read_table

__all__ = ["CONTAINERS", "Frozen", "cells_known", "frozen"]

CONTAINERS = ("vial", "bag")
HOURS = {"second": 1 / 3600, "hour": 1.0, "day": 24.0, "1/hour": 1.0}
KELVIN = 273.15


@cache
def _rows() -> tuple[Row, ...]:
    return read_table(Path(__file__).with_name("cold_chain.csv"))


@dataclass(frozen=True)
class Frozen:
    """One kind of frozen cells in one kind of container.

    ``cell`` chooses rows of ``cold_chain.csv`` as it does for mechanisms, "" for cells of an unknown kind;
    ``preparation`` what was done before freezing or after thaw, "" for nothing; ``rows`` the rows that won, by name.
    """

    cell: str
    preparation: str
    container: str
    rows: Mapping[str, Row]

    def __getitem__(self, name: str) -> float:
        """A number in the unit of the model: hours, degrees Celsius, K/min, kJ/mol."""
        row = self.rows[name]
        return row.value * HOURS.get(row.unit, 1.0)

    def kelvin(self, name: str) -> float:
        """A temperature [K]."""
        return self[name] + KELVIN

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys of the sources of its numbers."""
        return tuple(dict.fromkeys(row.source for row in self.rows.values() if row.source))


def cells_known() -> list[str]:
    """Kinds of cells that have rows of their own."""
    return sorted({row.keys["cell"] for row in _rows() if "cell" in row.keys})


def frozen(cell: str = "", preparation: str = "", container: str = "bag") -> Frozen:
    """The rows of cells of one kind, prepared in one way, in one container.

    Raises:
        UserError: a cell, a preparation or a container that no row is about.
    """
    cells = cells_known()
    ways = sorted({way for row in _rows() if row.keys.get("cell") == cell for way in row.members} - {*CONTAINERS})
    for what, found, known in (("cell", cell, cells), ("preparation", preparation, ways),
                               ("container", container, CONTAINERS)):  # fmt: skip
        if found and found not in known:
            valid = f"one of {list(known)}{nearest(found, known)}" if known else f"none, for no row of {cell!r} has any"
            raise UserError(f"found the {what} {found!r}; needed {valid}")
    members, keys = [preparation, container], {"cell": cell} if cell else {}
    names = dict.fromkeys(row.stem for row in _rows())
    return Frozen(cell, preparation, container, {name: choose(_rows(), name, members, keys) for name in names})

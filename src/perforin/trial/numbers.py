"""The numbers of an observation: rows of observation.csv, chosen for a disease, with the scenario's own in front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perforin.errors import UserError, nearest
from perforin.evidence.parameters import Row, choose, read_table
from perforin.streams import Streams

__all__ = ["Numbers", "numbers", "observation_rows"]

Array = NDArray[np.float64]


@cache
def observation_rows() -> tuple[Row, ...]:
    """The rows of observation.csv."""
    return read_table(Path(__file__).with_name("observation.csv"))


@dataclass(frozen=True)
class Numbers:
    """One row per parameter of an observation, by name."""

    rows: Mapping[str, Row]

    def __getitem__(self, name: str) -> float:
        return self.row(name).value

    def row(self, name: str) -> Row:
        """The row that won.

        Raises:
            UserError: no such parameter (nearest name suggested).
        """
        if name not in self.rows:
            raise UserError(f"found no parameter {name!r} of an observation; needed one of observation.csv"
                            f"{nearest(name, self.rows)}")  # fmt: skip
        return self.rows[name]

    def cuts(self, toxicity: str) -> Array:
        """(4,) cut-points of grades 1 to 4 of ``crs``, ``icans`` or ``gvhd``.

        Raises:
            UserError: cut-points that do not increase with the grade.
        """
        found = np.array([self[f"{toxicity}.cut[{grade}]"] for grade in range(1, 5)])
        if (np.diff(found) <= 0).any():
            raise UserError(f"found {toxicity} cut-points {found.tolist()}; needed ones that rise with the grade")
        return found

    def draw(self, name: str, patients: NDArray[np.int64], streams: Streams) -> Array:
        """(N,) each patient's own value; arms share it."""
        return self.row(name).quantile(streams.normal(f"between-patient {name}", patients))


def numbers(keys: Mapping[str, str] | None = None, own: Mapping[str, Row] | None = None) -> Numbers:
    """The numbers for a disease, antigen and cell (row keys), with a scenario's own rows in front.

    Raises:
        UserError: an own row that names no parameter of observation.csv, or two rows that fit equally well.
    """
    own = own or {}
    names = list(dict.fromkeys(row.parameter for row in observation_rows()))
    for name in own:
        if name not in names:
            raise UserError(f"found the parameter {name!r}; needed one of observation.csv{nearest(name, names)}")
    chosen = {}
    for name in names:
        stem, _, members = name.partition("[")
        inside = tuple(filter(None, members.rstrip("]").split(",")))
        chosen[name] = own[name] if name in own else choose(observation_rows(), stem, inside, keys)
    return Numbers(chosen)

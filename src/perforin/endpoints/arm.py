"""One arm's records, laid out by subject and day, with the rules by which they are scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perforin.errors import UserError, nearest
from perforin.records import Records

__all__ = ["CRITERIA", "Arm", "Once", "Wide", "align"]

Array = NDArray[np.float64]
CRITERIA = ("lugano", "recist", "leukaemia", "myeloma")


@dataclass(frozen=True)
class Once:
    """A parameter recorded once per subject: all (n,), subjects increasing."""

    subjects: NDArray[np.int64]
    value: Array
    day: Array
    censored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.subjects)


@dataclass(frozen=True)
class Wide:
    """A parameter recorded on several days: ``values`` and ``censored`` (n, K), NaN where not recorded."""

    subjects: NDArray[np.int64]
    days: Array
    values: Array
    censored: NDArray[np.bool_]

    @property
    def recorded(self) -> NDArray[np.bool_]:
        """(n, K) whether there is a value."""
        return ~np.isnan(self.values)

    def nearest_to(self, day: float, window: float) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """(n,) column of each subject's record nearest to a day, and whether one lies within the window."""
        distance = np.where(self.recorded, np.abs(self.days - day), np.inf)
        column = distance.argmin(axis=1)
        return column, distance[np.arange(len(distance)), column] <= window


def align(subjects: NDArray[np.int64], found: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """(n,) place of each subject among the found ones (increasing), and whether it is there."""
    if len(found) == 0:
        return np.zeros(len(subjects), dtype=np.intp), np.zeros(len(subjects), dtype=np.bool_)
    place = np.minimum(np.searchsorted(found, subjects), len(found) - 1)
    return place, found[place] == subjects


@dataclass(frozen=True)
class Arm:
    """The records of one arm and how to score them.

    Args:
        records: of this arm alone.
        name: of the arm.
        criteria: of response, one of ``CRITERIA``.
        population: ``infused``, or ``enrolled``: those never infused are then no responders and their survival
            counts from enrolment, as everybody's.
        confirmed: whether a best response needs a second visit at least 28 days later.
        window: days before or after its nominal day on which a visit or sample still counts [day].
    """

    records: Records
    name: str
    criteria: str = "lugano"
    population: Literal["infused", "enrolled"] = "infused"
    confirmed: bool = False
    window: float = 14.0
    cache: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.criteria not in CRITERIA:
            hint = nearest(self.criteria, CRITERIA)
            raise UserError(f"found the response criteria {self.criteria!r}; needed one of {list(CRITERIA)}{hint}")
        if self.population not in ("infused", "enrolled"):
            raise UserError(f"found the population {self.population!r}; needed 'infused' or 'enrolled'")

    @cached_property
    def _parts(self) -> dict[str, pd.DataFrame]:
        return {str(name): rows for name, rows in self.records.table.groupby("parameter", sort=False)}

    def has(self, parameter: str) -> bool:
        """Whether anything was recorded under this name."""
        return parameter in self._parts

    def rows(self, parameter: str) -> pd.DataFrame:
        """All rows of a parameter; none if it was not recorded."""
        return self._parts.get(parameter, self.records.table.iloc[:0])

    def once(self, parameter: str) -> Once:
        """A parameter that each subject has once.

        Raises:
            UserError: a subject with several rows.
        """
        rows = self.rows(parameter).sort_values("subject", kind="stable")
        subjects = rows["subject"].to_numpy(np.int64)
        if (np.diff(subjects) == 0).any():
            twice = int(subjects[:-1][np.diff(subjects) == 0][0])
            raise UserError(f"found several rows of {parameter!r} for subject {twice} of the arm {self.name!r}; "
                            "needed one")  # fmt: skip
        return Once(subjects, rows["value"].to_numpy(np.float64), rows["day"].to_numpy(np.float64),
                    rows["censored"].to_numpy(np.bool_))  # fmt: skip

    def wide(self, parameter: str) -> Wide:
        """A parameter of several days as a matrix; two rows of one subject and day: the later row counts."""
        rows = self.rows(parameter)
        subjects, who = np.unique(rows["subject"].to_numpy(np.int64), return_inverse=True)
        days, when = np.unique(rows["day"].to_numpy(np.float64), return_inverse=True)
        values = np.full((len(subjects), len(days)), np.nan)
        censored = np.zeros(values.shape, dtype=np.bool_)
        values[who, when], censored[who, when] = rows["value"].to_numpy(), rows["censored"].to_numpy()
        return Wide(subjects, days, values, censored)

    @cached_property
    def enrolled(self) -> NDArray[np.int64]:
        """(n,) subjects enrolled; where enrolment is not recorded, everybody of whom anything is."""
        rows = self.rows("enrolled") if self.has("enrolled") else self.records.table
        return np.unique(rows["subject"].to_numpy(np.int64))

    @cached_property
    def infused(self) -> NDArray[np.int64]:
        """(n,) subjects infused; where infusion is not recorded, everybody enrolled."""
        if not self.has("infused"):
            return self.enrolled
        once = self.once("infused")
        return np.asarray(once.subjects[once.value == 1], dtype=np.int64)

    @property
    def subjects(self) -> NDArray[np.int64]:
        """(n,) subjects of the population."""
        return self.infused if self.population == "infused" else self.enrolled

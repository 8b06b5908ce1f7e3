"""What happened to each patient of one arm: the truth that a trial then observes in part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from perforin.errors import UserError, nearest

__all__ = ["Course", "interpolate"]

Array = NDArray[np.float64]
FAILED = 2
"""Status of a patient whose equations could not be solved."""


def interpolate(grid: Array, values: Array, days: ArrayLike) -> Array:
    """Values between the days of a grid, on straight lines.

    Args:
        grid: (D,) increasing days.
        values: (N, D), one row per patient.
        days: (K,) days within the grid.

    Returns:
        (N, K); NaN for days outside the grid.
    """
    wanted = np.asarray(days, dtype=np.float64)
    if len(grid) == 1:
        return np.where(wanted == grid[0], values, np.nan)
    right = np.clip(np.searchsorted(grid, wanted), 1, len(grid) - 1)
    left, share = right - 1, (wanted - grid[right - 1]) / (grid[right] - grid[right - 1])
    with np.errstate(invalid="ignore"):
        between = values[:, left] * (1 - share) + values[:, right] * share
    exact = np.where(share == 0, values[:, left], np.where(share == 1, values[:, right], between))
    return np.where((wanted >= grid[0]) & (wanted <= grid[-1]), exact, np.nan)


@dataclass(frozen=True)
class Course:
    """Courses of N patients on D days, in one arm.

    ``patients`` (N,) numbers; ``days`` (D,) days since infusion; ``observables`` (N, D) per name, in the units of the
    network; ``infused`` (N,); ``status`` (N,) 0 ok, 1 retried, 2 failed; ``extinct_day``, ``positive_extinct_day``,
    ``negative_extinct_day`` (N,) day on which the last clone of all, of the antigen-positive and of the
    antigen-negative ones died [day], infinity where it lives; ``wait`` (N,) days from enrolment to infusion or loss;
    ``cost`` (N,) [USD]; ``covariates`` one row per patient; ``reached`` (toxicity, grade) -> (N,) first day on which it
    was seen to be reached between the days of the course, NaN for never. Rows of patients never infused hold their
    untreated course counted from enrolment, or NaN.
    """

    patients: NDArray[np.int64]
    days: Array
    observables: Mapping[str, Array]
    infused: NDArray[np.bool_]
    status: NDArray[np.int8]
    extinct_day: Array
    positive_extinct_day: Array
    negative_extinct_day: Array
    wait: Array
    cost: Array
    covariates: pd.DataFrame
    reached: Mapping[tuple[str, int], Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.patients)
        lengths = {name: len(getattr(self, name)) for name in (*self._columns, "covariates")}
        lengths |= {f"observables[{name!r}]": len(values) for name, values in self.observables.items()}
        wrong = {name: length for name, length in lengths.items() if length != n}
        if wrong:
            raise UserError(f"found a course of {n} patients with columns of other lengths {wrong}; needed {n} of each")
        narrow = [name for name, values in self.observables.items() if values.shape != (n, len(self.days))]
        if narrow:
            raise UserError(f"found {narrow} not of shape {(n, len(self.days))}; needed one value per patient and day")
        if len(self.days) == 0 or (np.diff(self.days) <= 0).any():
            raise UserError("found days of a course that do not increase; needed increasing days since infusion")

    @property
    def _columns(self) -> tuple[str, ...]:
        return ("infused", "status", "extinct_day", "positive_extinct_day", "negative_extinct_day", "wait", "cost")

    def __len__(self) -> int:
        return len(self.patients)

    def __getitem__(self, name: str) -> Array:
        """(N, D) values of one observable.

        Raises:
            UserError: no such observable (nearest name suggested).
        """
        if name not in self.observables:
            known = sorted(self.observables)
            raise UserError(f"found no observable {name!r} in the course; needed one of {known}{nearest(name, known)}")
        return self.observables[name]

    def at(self, name: str, days: ArrayLike) -> Array:
        """(N, K) values of one observable on the given days [day]; NaN outside the course."""
        return interpolate(self.days, self[name], days)

    def only(self, chosen: NDArray[np.bool_]) -> Course:
        """The chosen patients (N,) alone."""
        if chosen.all():
            return self
        columns = {name: getattr(self, name)[chosen] for name in self._columns}
        return replace(
            self,
            patients=self.patients[chosen],
            observables={name: values[chosen] for name, values in self.observables.items()},
            covariates=self.covariates[chosen],
            reached={what: day[chosen] for what, day in self.reached.items()},
            **columns,
        )

    @property
    def solved(self) -> NDArray[np.bool_]:
        """(N,) whether the patient's equations were solved; a failed patient is counted and left out."""
        return np.asarray(self.status < FAILED)

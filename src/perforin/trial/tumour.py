"""The tumour that is there to be seen: living clones up to the day each died out, and cells still dying."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.patients.course import Course

__all__ = ["Tumour", "tumour_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tumour:
    """Cells (N, D) on the days of the course: antigen-positive, antigen-negative, and dying."""

    positive: Array
    negative: Array
    dying: Array

    @property
    def living(self) -> Array:
        """(N, D) living cells [cell]."""
        return self.positive + self.negative

    @property
    def mass(self) -> Array:
        """(N, D) cells that take up room: living and dying [cell]."""
        return self.living + self.dying


def tumour_of(course: Course) -> Tumour:
    """The clones of a course, each nothing from the day on which it died out.

    The equations give expected numbers and never reach nothing; the day of extinction was drawn per patient.
    """
    dying = course["dying_cells"]
    negative = np.maximum(course["tumour_negative"], 0)
    positive = np.maximum(course["tumour_burden"] - dying - negative, 0)
    day = course.days[None, :]
    positive_gone = np.minimum(course.positive_extinct_day, course.extinct_day)[:, None]
    negative_gone = np.minimum(course.negative_extinct_day, course.extinct_day)[:, None]
    return Tumour(
        positive=np.where(day >= positive_gone, 0.0, positive),
        negative=np.where(day >= negative_gone, 0.0, negative),
        dying=np.maximum(dying, 0),
    )

"""On which days a course is sampled: densely while cells expand and toxicity happens, sparsely later."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["sampling_days"]

_SPACING = ((0.0, 2.0, 0.25), (2.0, 35.0, 0.5), (35.0, 100.0, 5.0), (100.0, 365.0, 14.0), (365.0, np.inf, 30.0))
"""(from, to, step) in days; finer than the widths of peaks in the first weeks, as the kernel's dense output allows."""


def sampling_days(horizon: float, visits: Iterable[float]) -> NDArray[np.float64]:
    """Rising days from 0 to the horizon [day] that hold every visit.

    >>> sampling_days(1.0, [0.3]).tolist()
    [0.0, 0.25, 0.3, 0.5, 0.75, 1.0]
    """
    days = [np.arange(first, min(last, horizon), step) for first, last, step in _SPACING if first < horizon]
    chosen = np.concatenate([*days, [horizon], np.array([day for day in visits if day <= horizon])])
    return np.unique(chosen)

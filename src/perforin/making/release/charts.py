"""Control charts of lots in the order in which they were made, and how long they run before they speak."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from perforin.errors import UserError

__all__ = ["Chart", "ewma", "ewma_run_length", "individuals", "moving_ranges", "run_length"]

Array = NDArray[np.float64]

SPACING = 2 / np.sqrt(np.pi)
"""Mean distance of two standard normal numbers: what a moving range is divided by."""
SCATTER = np.sqrt(2 - 4 / np.pi)
"""Its standard deviation."""


@dataclass(frozen=True)
class Chart:
    """Points (n,), the centre, and limits (n,); ``signals`` are the points beyond them."""

    points: Array
    centre: float
    low: Array
    high: Array

    @property
    def signals(self) -> NDArray[np.int64]:
        """Places of points beyond the limits."""
        return np.flatnonzero((self.points < self.low) | (self.points > self.high))


def individuals(values: ArrayLike, width: float = 3.0) -> Chart:
    """Chart of single lots, limits from the mean moving range (Shewhart; Wheeler's I chart)."""
    x = _read(values)
    sd = float(np.abs(np.diff(x)).mean() / SPACING)
    centre = float(x.mean())
    return Chart(x, centre, np.full(len(x), centre - width * sd), np.full(len(x), centre + width * sd))


def moving_ranges(values: ArrayLike, width: float = 3.0) -> Chart:
    """Chart of the distances between one lot and the next (n - 1,)."""
    ranges = np.abs(np.diff(_read(values)))
    centre = float(ranges.mean())
    spread = width * centre * SCATTER / SPACING
    n = len(ranges)
    return Chart(ranges, centre, np.full(n, max(0.0, centre - spread)), np.full(n, centre + spread))


def ewma(values: ArrayLike, weight: float = 0.2, width: float = 2.7) -> Chart:
    """Chart of the exponentially weighted moving average, which sees small lasting shifts (Roberts 1959).

    Args:
        values: lots in order.
        weight: of the newest, above 0 to 1.
        width: of the limits in standard deviations of the average.
    """
    x = _read(values)
    if not 0 < weight <= 1:
        raise UserError(f"found the weight {weight:g}; needed more than 0 and at most 1")
    centre, sd = float(x.mean()), float(np.abs(np.diff(x)).mean() / SPACING)
    points = np.empty(len(x))
    last = centre
    for i, value in enumerate(x):
        last = weight * value + (1 - weight) * last
        points[i] = last
    steps = np.arange(1, len(x) + 1)
    spread = width * sd * np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2 * steps)))
    return Chart(points, centre, centre - spread, centre + spread)


def run_length(shift: float = 0.0, width: float = 3.0) -> float:
    """Lots that a chart of individuals runs, on the mean, until it signals a shift [standard deviations]."""
    return float(1 / (1 - ndtr(width - shift) + ndtr(-width - shift)))


def ewma_run_length(shift: float = 0.0, weight: float = 0.2, width: float = 2.7, *, cells: int = 201) -> float:
    """The same for an average with constant limits, as a Markov chain over its range (Brook and Evans 1972).

    Args:
        shift: of the mean [standard deviations].
        weight: of the newest.
        width: of the limits.
        cells: of the range; more are finer.
    """
    top = width * np.sqrt(weight / (2 - weight))
    half = top / cells
    middle = -top + half * (2 * np.arange(cells) + 1)
    low, high = ((middle[None, :] + end - (1 - weight) * middle[:, None]) / weight - shift for end in (-half, half))
    moves = ndtr(high) - ndtr(low)
    lasting = np.linalg.solve(np.eye(cells) - moves, np.ones(cells))
    return float(lasting[cells // 2])


def _read(values: ArrayLike) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2 or not np.isfinite(x).all():
        lost = int((~np.isfinite(x)).sum())
        raise UserError(f"found {len(x)} lots, {lost} without a finite result; needed two or more")
    return x

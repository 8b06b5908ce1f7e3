"""From times and errors to rows: the time of two tools is compared at the same measured error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "TARGET", "Point", "Ratio", "Row", "errors", "frontier", "ratio", "representative", "rounded", "row",
    "time_at",
]  # fmt: skip

Array = NDArray[np.float64]

TARGET = 3e-5
"""The median error at which a tool is represented by one row."""
REACH = 0.5
"""How far beyond perforin's own points its time may be read off [decades of error]."""


@dataclass(frozen=True)
class Point:
    """One tool at one tolerance: milliseconds per unit in each repeat, and the error of each patient."""

    tool: str
    version: str
    rtol: float
    times: tuple[float, ...]
    errors: tuple[float, ...]

    @property
    def time(self) -> float:
        """Median over repeats [ms per unit]."""
        return float(np.median(self.times))

    @property
    def median(self) -> float:
        """Median error over patients."""
        return float(np.median(self.errors))

    @property
    def p95(self) -> float:
        """Error that 95 % of patients do not exceed; infinite where more fail."""
        return float(np.quantile(self.errors, 0.95, method="higher"))

    @property
    def failed(self) -> int:
        """Patients without a solution."""
        return sum(math.isinf(one) for one in self.errors)


@dataclass(frozen=True)
class Ratio:
    """How many times as long as perforin at equal error; ``reach`` decades beyond perforin's points (0: between)."""

    median: float
    low: float
    high: float
    reach: float


@dataclass(frozen=True)
class Row:
    """One tool on one bench, as in ``results/latest.json``; None where there is nothing to say."""

    bench: str
    tool: str
    version: str
    unit_of_work: str
    ms_per_unit: float | None
    median_error: float | None
    ratio_to_perforin: float | None
    ratio_low: float | None
    ratio_high: float | None


def errors(found: Array, truth: Array, tolerances: Array) -> Array:
    """(patients,) the largest error of each over days and states; infinite where a value is missing.

    |found - truth| / (|truth| + a thousandth of its largest value in the patient + 100 absolute tolerances): relative,
    but for a state that is all but gone.

    Args:
        found: (patients, days, states).
        truth: likewise.
        tolerances: (states,) absolute tolerances at a relative one of 1e-5.
    """
    scale = np.abs(truth) + 1e-3 * np.abs(truth).max(axis=1, keepdims=True) + 100 * tolerances
    with np.errstate(invalid="ignore"):
        largest = (np.abs(found - truth) / scale).max(axis=(1, 2))
    return np.where(np.isfinite(largest), largest, np.inf)


def frontier(points: Iterable[Point]) -> list[Point]:
    """The points that no other beats in both time and error, by falling error; those without an error are left out."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda one: (one.median, one.time)):
        if math.isfinite(point.median) and point.median > 0 and (not kept or point.time < kept[-1].time):
            kept.append(point)
    return kept[::-1]


def time_at(error: float, curve: Sequence[Point], repeat: int | None = None) -> tuple[float, float]:
    """A tool's time at an error, straight between its points in logarithms.

    Args:
        error: median error.
        curve: a ``frontier``.
        repeat: the repeat whose times count; None for medians.

    Returns:
        Milliseconds per unit, NaN more than ``REACH`` decades beyond the curve; and how far beyond it is [decades].
        A larger error than the curve's largest takes the time there, for nothing was faster.
    """
    order = sorted(curve, key=lambda one: one.median)
    x = np.log10([one.median for one in order])
    y = np.log10([one.time if repeat is None else one.times[repeat] for one in order])
    at = math.log10(error)
    reach = float(max(x[0] - at, at - x[-1], 0.0))
    if reach > REACH or (at < x[0] and len(x) == 1):
        return math.nan, reach
    slope = (y[1] - y[0]) / (x[1] - x[0]) if at < x[0] else 0.0
    return float(10 ** (np.interp(at, x, y) + slope * (at - x[0]))), reach


def ratio(point: Point, curve: Sequence[Point]) -> Ratio | None:
    """One point beside perforin's curve, repeat by repeat; None where it lies too far beyond."""
    if not curve or not math.isfinite(point.median):
        return None
    each = [time / time_at(point.median, curve, repeat)[0] for repeat, time in enumerate(point.times)]
    if np.isnan(each).any():
        return None
    return Ratio(float(np.median(each)), min(each), max(each), time_at(point.median, curve)[1])


def representative(points: Iterable[Point]) -> Point | None:
    """The point of a tool's frontier whose median error is nearest to ``TARGET``."""
    return min(frontier(points), key=lambda one: abs(math.log(one.median / TARGET)), default=None)


def rounded(number: float | None, digits: int = 3) -> float | None:
    """To so many significant digits; None for what is no number."""
    return None if number is None or not math.isfinite(number) else float(f"{number:.{digits}g}")


def row(bench: str, unit: str, point: Point, curve: Sequence[Point]) -> Row:
    """The row of one point beside perforin's curve; perforin itself is 1."""
    found = Ratio(1.0, 1.0, 1.0, 0.0) if point in curve else ratio(point, curve)
    three = (None, None, None) if found is None else (found.median, found.low, found.high)
    numbers = (rounded(point.time), rounded(point.median, 2), *map(rounded, three))
    return Row(bench, point.tool, point.version, unit, *numbers)

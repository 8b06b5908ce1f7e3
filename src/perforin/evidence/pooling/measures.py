"""Effect measures: counts turned into numbers with a sampling variance, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

__all__ = ["Array", "Effects", "Measure", "back", "effects"]

Array = NDArray[np.float64]
Measure = Literal["logit", "log rate", "double arcsine", "raw"]
HALF = 0.5
"""Added to the cells of a study that has an empty one, and to no other (Gart and Zweifel 1967)."""


@dataclass(frozen=True)
class Effects:
    """Transformed shares or rates and their sampling variances, each (study); ``n`` is their harmonic mean size."""

    measure: Measure
    y: Array
    v: Array
    n: float
    corrected: int


def effects(events: Array, n: Array, measure: Measure) -> Effects:
    """Turn counts into effects.

    Args:
        events: (study) events.
        n: (study) patients, or time under observation for ``log rate``.
        measure: ``logit``; ``log rate``; ``double arcsine`` (Freeman and Tukey 1950, halved); ``raw``,
            the share itself.
    """
    rate = measure == "log rate"
    empty = (events == 0) | ((events == n) & (not rate))
    if measure == "double arcsine":
        empty = np.zeros(len(n), dtype=bool)
    x = events + HALF * empty
    total = n if rate else n + 2 * HALF * empty
    harmonic = float(len(n) / np.sum(1 / n))
    if measure == "logit":
        y, v = np.log(x / (total - x)), 1 / x + 1 / (total - x)
    elif rate:
        y, v = np.log(x / total), 1 / x
    elif measure == "double arcsine":
        y = (np.arcsin(np.sqrt(x / (n + 1))) + np.arcsin(np.sqrt((x + 1) / (n + 1)))) / 2
        v = 1 / (4 * n + 2)
    else:
        y, v = x / total, x / total * (1 - x / total) / total
    return Effects(measure, y, v, harmonic, int(empty.sum()))


def back(value: float, measure: Measure, n: float = 0.0) -> float:
    """An effect as a share or a rate.

    Args:
        value: on the scale of the measure.
        measure: as in ``effects``.
        n: harmonic mean of the sizes, which the double arcsine needs (Miller 1978).
    """
    if measure == "logit":
        return float(expit(value))
    if measure == "log rate":
        return float(np.exp(value))
    if measure == "raw":
        return float(np.clip(value, 0, 1))
    lowest = np.arcsin(np.sqrt(1 / (n + 1))) / 2
    if value <= lowest:
        return 0.0
    if value >= np.pi / 2 - lowest:
        return 1.0
    sine = np.sin(2 * value)
    inner = max(0.0, 1 - (sine + (sine - 1 / sine) / n) ** 2)
    return float((1 - np.sign(np.cos(2 * value)) * np.sqrt(inner)) / 2)

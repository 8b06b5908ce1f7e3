"""Intervals of shares, of their difference and of their ratio, that hold where nobody had the outcome."""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.special import expit, logit, ndtri

from perforin.records import exact_interval

__all__ = ["Limits", "difference", "from_error", "ratio", "wilson"]


class Limits(NamedTuple):
    """A value with its interval."""

    value: float
    low: float
    high: float


def wilson(share: float, n: float, level: float) -> Limits:
    """Wilson's score interval of a share of ``n`` patients."""
    z = float(ndtri((1 + level) / 2))
    middle, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    whole = 1 + z**2 / n
    return Limits(share, (middle - half) / whole if share > 0 else 0.0, (middle + half) / whole if share < 1 else 1.0)


def from_error(share: float, error: float, n: float, level: float) -> Limits:
    """Interval of a share from its standard error, on the scale of the logit.

    Where the share is 0 or 1, or has no error, the interval is exact for ``n`` patients (Clopper-Pearson).
    """
    share = round(share) if min(share, 1 - share) < 1e-9 else share
    if share in (0, 1) or not math.isfinite(error):
        return Limits(float(share), *exact_interval(share * n, n, level))  # type: ignore[arg-type]
    half = float(ndtri((1 + level) / 2)) * error / (share * (1 - share))
    return Limits(share, float(expit(logit(share) - half)), float(expit(logit(share) + half)))


def difference(ours: Limits, theirs: Limits) -> Limits:
    """Difference of independent shares, from each with its limits (Newcombe 1998)."""
    value = ours.value - theirs.value
    return Limits(value, value - math.hypot(ours.value - ours.low, theirs.high - theirs.value),
                  value + math.hypot(ours.high - ours.value, theirs.value - theirs.low))  # fmt: skip


def ratio(ours: Limits, theirs: Limits) -> Limits:
    """Ratio of independent shares, from each with its limits (Donner and Zou 2012); infinite where theirs may be 0."""
    p, q = ours.value, theirs.value
    if q == 0:
        return Limits(math.inf if p > 0 else math.nan, ours.low / theirs.high, math.inf)

    def limit(own: float, other: float, sign: int) -> float:
        below = other * (2 * q - other)
        if abs(below) < 1e-12:
            return math.inf if sign > 0 else own * (2 * p - own) / (2 * p * q) if p > 0 else 0.0
        spread = (p * q) ** 2 - own * (2 * p - own) * below
        return (p * q + sign * math.sqrt(max(spread, 0.0))) / below

    return Limits(p / q, limit(ours.low, theirs.high, -1), limit(ours.high, theirs.low, 1))

"""Is a changed process comparable, and does stock keep: two one-sided tests, and slopes of batches in store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import f as fisher
from scipy.stats import t as student

from perforin.errors import UserError

__all__ = ["Equivalence", "Stability", "equivalence", "stability"]

Array = NDArray[np.float64]

POOLING = 0.25
"""Level above which batches may share a slope, then an intercept (ICH Q1E)."""


@dataclass(frozen=True)
class Equivalence:
    """Difference of means, its 90 % interval, the larger p of the two tests, and whether both reject."""

    difference: float
    low: float
    high: float
    p: float
    equivalent: bool


def equivalence(before: ArrayLike, after: ArrayLike, margin: float, level: float = 0.05) -> Equivalence:
    """Two one-sided Welch tests that means differ by less than a margin (Schuirmann 1987).

    Args:
        before: results of lots before a change, on the scale on which a difference has meaning, such as logarithms.
        after: results of lots after it.
        margin: largest difference that does not matter, above 0.
        level: of each test.

    Raises:
        UserError: fewer than two lots on a side, or a margin that is not above 0.
    """
    x, y = (np.asarray(one, dtype=np.float64) for one in (before, after))
    if min(len(x), len(y)) < 2 or not margin > 0:
        raise UserError(f"found {len(x)} and {len(y)} lots and the margin {margin:g}; needed two or more, and above 0")
    parts = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
    error = float(np.sqrt(sum(parts)))
    freedom = float(sum(parts) ** 2 / (parts[0] ** 2 / (len(x) - 1) + parts[1] ** 2 / (len(y) - 1)))
    difference = float(y.mean() - x.mean())
    reach = float(student.ppf(1 - level, freedom) * error)
    below, above = (difference + margin) / error, (difference - margin) / error
    p = float(max(student.sf(below, freedom), student.cdf(above, freedom)))
    return Equivalence(difference, difference - reach, difference + reach, p, p < level)


@dataclass(frozen=True)
class Stability:
    """What batches in store may share.

    With p of a common slope and of a common intercept, slopes and intercepts by batch, and the time until which the
    mean stays inside its limit with 95 % confidence, the earliest over batches.
    """

    model: str
    p_slope: float
    p_intercept: float
    slopes: dict[str, float]
    intercepts: dict[str, float]
    until: float


def stability(
    time: ArrayLike, values: ArrayLike, batch: ArrayLike, *, low: float = -np.inf, high: float = np.inf
) -> Stability:
    """Analysis of covariance of batches in store, pooled as far as they agree, and the shelf life (ICH Q1E).

    Slopes are tested first, then intercepts, at the level of 0.25. The confidence limit of a batch's mean is one-sided
    with one limit and two-sided with two.

    Raises:
        UserError: fewer than two batches, or no more results than coefficients.
    """
    t, y = (np.asarray(one, dtype=np.float64) for one in (time, values))
    labels, who = np.unique(np.asarray(batch).astype(str), return_inverse=True)
    names, n = [str(one) for one in labels], len(y)
    k = len(names)
    if k < 2 or n <= 2 * k:
        raise UserError(f"found {n} results of {k} batches; needed two or more batches and over two results for each")
    own = np.eye(k)[who]
    designs = {
        "slopes and intercepts differ": np.column_stack([own, own * t[:, None]]),
        "common slope": np.column_stack([own, t]),
        "common line": np.column_stack([np.ones(n), t]),
    }
    left = {name: _left(design, y) for name, design in designs.items()}
    apart, slope, line = left.values()
    free = n - 2 * k
    p_slope = float(fisher.sf((slope - apart) / (k - 1) / (apart / free), k - 1, free))
    p_intercept = float(fisher.sf((line - slope) / (k - 1) / (slope / (n - k - 1)), k - 1, n - k - 1))
    model = "slopes and intercepts differ" if p_slope <= POOLING else "common slope"
    if p_slope > POOLING and p_intercept > POOLING:
        model = "common line"
    design = designs[model]
    found = np.linalg.lstsq(design, y, rcond=None)[0]
    freedom = n - design.shape[1]
    covariance = np.linalg.pinv(design.T @ design) * left[model] / freedom
    reach = float(student.ppf(0.975 if np.isfinite(low) and np.isfinite(high) else 0.95, freedom))
    rows = {name: _row(model, i, k) for i, name in enumerate(names)}
    until = min(_crossing(a, b, found, covariance, reach, low, high, float(t.max())) for a, b in rows.values())
    return Stability(model, p_slope, p_intercept, {n_: float(b @ found) for n_, (_, b) in rows.items()},
                     {n_: float(a @ found) for n_, (a, _) in rows.items()}, until)  # fmt: skip


def _left(design: Array, y: Array) -> float:
    return float(((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2).sum())


def _row(model: str, i: int, k: int) -> tuple[Array, Array]:
    """Which coefficients make a batch's intercept, and which its slope."""
    if model == "common line":
        return np.array([1.0, 0.0]), np.array([0.0, 1.0])
    if model == "common slope":
        return np.append(np.eye(k)[i], 0.0), np.append(np.zeros(k), 1.0)
    return np.append(np.eye(k)[i], np.zeros(k)), np.append(np.zeros(k), np.eye(k)[i])


def _crossing(
    intercept: Array, slope: Array, found: Array, covariance: Array, reach: float, low: float, high: float, last: float
) -> float:
    def room(day: float) -> float:
        row = intercept + slope * day
        mean, error = float(row @ found), reach * float(np.sqrt(row @ covariance @ row))
        return min(high - mean - error, mean - error - low)

    if room(0.0) <= 0:
        return 0.0
    end = last
    while room(end) > 0:
        end *= 2
        if end > 1e3 * last:
            return float("inf")
    return float(brentq(room, 0.0, end))

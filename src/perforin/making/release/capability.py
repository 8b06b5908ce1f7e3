"""How far inside its limits a process runs: capability indices, tolerance intervals, the share of lots that pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtri
from scipy.stats import binom, chi2, nct, ncx2, norm
from scipy.stats import t as student

from perforin.errors import UserError
from perforin.streams import Streams

__all__ = ["Capability", "capability", "one_sided_factor", "order_statistic", "quantile_capability",
           "sample_for_extremes", "two_sided_factor"]  # fmt: skip

Array = NDArray[np.float64]

FAR = 0.00135
"""What a normal process leaves beyond three standard deviations, on each side."""


@dataclass(frozen=True)
class Capability:
    """Indices of one attribute, with 95 % limits of the smallest.

    ``cp`` is the width of both limits over six standard deviations, NaN with one limit; ``cpk`` the distance of the
    nearer limit over three; ``passing`` the share of new lots that lies within the limits, given these lots.
    """

    n: int
    mean: float
    sd: float
    cp: float
    cpk: float
    low: float
    high: float
    passing: float


def capability(values: ArrayLike, low: float = -np.inf, high: float = np.inf) -> Capability:
    """Cp, Cpk and their uncertainty for results that are normal on the scale given.

    With one limit the interval is exact, from the non-central t distribution; with two it is Bissell's (1990)
    approximation. A new lot follows a t distribution about the mean.

    Raises:
        UserError: fewer than two lots, lots that are all alike, or no limit.
    """
    x = _read(values, low, high)
    n, mean, sd = len(x), float(x.mean()), float(x.std(ddof=1))
    both = np.isfinite(low) and np.isfinite(high)
    index = min(high - mean, mean - low) / (3 * sd)
    if both:
        error = float(np.sqrt(1 / (9 * n) + index**2 / (2 * (n - 1))) * ndtri(0.975))
        limits = (index - error, index + error)
    else:
        limits = _exact(index, n)
    spread = sd * np.sqrt(1 + 1 / n)
    passing = float(student.cdf((high - mean) / spread, n - 1) - student.cdf((low - mean) / spread, n - 1))
    return Capability(n, mean, sd, (high - low) / (6 * sd) if both else float("nan"), float(index), *limits, passing)


def _exact(index: float, n: int) -> tuple[float, float]:
    seen = 3 * np.sqrt(n) * index

    def bound(share: float) -> float:
        reach = 5 * np.sqrt(1 + seen**2 / (2 * (n - 1)))
        found = brentq(lambda centre: nct.cdf(seen, n - 1, centre) - share, seen - reach, seen + reach, xtol=1e-9)
        return float(found / (3 * np.sqrt(n)))

    return bound(0.975), bound(0.025)


def quantile_capability(
    values: ArrayLike, low: float = -np.inf, high: float = np.inf, *, streams: Streams | None = None, draws: int = 500
) -> tuple[float, float, float]:
    """Ppk from quantiles, for results of any shape, with its 95 % percentile interval of resampled lots.

    The distance of a limit from the median over that of the 0.135 % or 99.865 % quantile (ISO 22514-2), which few
    lots can show: below some 700 these are the extremes seen, and the index flatters.

    Returns:
        Ppk, and its lower and upper limits (NaN without ``streams``).

    Raises:
        UserError: as ``capability``.
    """
    x = _read(values, low, high)
    found = _quantile_index(x[None, :], low, high)[0]
    if streams is None:
        return float(found), float("nan"), float("nan")
    ids = np.arange(len(x))
    rows = [np.floor(streams.uniform("resampled lots", ids, i) * len(x)).astype(np.int64) for i in range(draws)]
    limits = np.nanquantile(_quantile_index(x[np.array(rows)], low, high), [0.025, 0.975])
    return float(found), float(limits[0]), float(limits[1])


def _quantile_index(x: Array, low: float, high: float) -> Array:
    least, middle, most = np.quantile(x, [FAR, 0.5, 1 - FAR], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sides = [np.full(len(x), np.inf)]
        if np.isfinite(high):
            sides.append((high - middle) / (most - middle))
        if np.isfinite(low):
            sides.append((middle - low) / (middle - least))
    return np.asarray(np.min(sides, axis=0), dtype=np.float64)


def _read(values: ArrayLike, low: float, high: float) -> Array:
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2 or x.std() == 0 or not np.isfinite(x).all():
        raise UserError(f"found {len(x)} results, {len(np.unique(x))} of them different; needed two or more, finite")
    if not (np.isfinite(low) or np.isfinite(high)) or low >= high:
        raise UserError(f"found the limits {low:g} and {high:g}; needed one or both, lower < upper")
    return x


def one_sided_factor(n: int, content: float = 0.95, confidence: float = 0.95) -> float:
    """Factor k such that mean + k sd exceeds the share ``content`` of a normal population with that confidence."""
    return float(nct.ppf(confidence, n - 1, ndtri(content) * np.sqrt(n)) / np.sqrt(n))


def two_sided_factor(n: int, content: float = 0.95, confidence: float = 0.95) -> float:
    """Factor k such that mean +- k sd holds the share ``content`` of a normal population with that confidence; exact.

    The integral over the sample mean (Odeh and Owen 1980) is solved for k.
    """
    z = float(ndtri((1 + content) / 2))

    def held(k: float) -> float:
        def beside(x: float) -> float:
            reach = float(np.sqrt(ncx2.ppf(content, 1, x**2)))
            return float(chi2.sf((n - 1) * (reach / k) ** 2, n - 1) * norm.pdf(x * np.sqrt(n)) * np.sqrt(n))

        return float(2 * quad(beside, 1e-9, 10 / np.sqrt(n), epsabs=1e-11, limit=200)[0] - confidence)

    return float(brentq(held, z * 0.5, z * 60, xtol=1e-8))


def order_statistic(n: int, content: float = 0.95, confidence: float = 0.95) -> int:
    """Which of n ordered results, counted from the end, bounds the share ``content`` of any population; 0 if none can.

    The one-sided bound without a distribution (Wilks 1941): the r-th from the end, r the largest that still holds.
    """
    return int(max((r for r in range(1, n + 1) if binom.cdf(r - 1, n, 1 - content) <= 1 - confidence), default=0))


def sample_for_extremes(content: float = 0.95, confidence: float = 0.95, *, sides: int = 1) -> int:
    """Lots needed so that the extreme (1 side) or both extremes (2) bound the share ``content``."""
    n = 2
    while (content**n if sides == 1 else content**n * (n * (1 - content) / content + 1)) > 1 - confidence:
        n += 1
    return n

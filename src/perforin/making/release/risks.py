"""What a test's error costs: bad lots released, good lots refused, and the guard band that trades one for the other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtr

__all__ = ["Risks", "guard_band", "risks"]

FAR = 10.0
"""Standard deviations beyond which the normal density adds nothing that double precision holds."""


@dataclass(frozen=True)
class Risks:
    """Shares of all lots, and of those that were released or were good (JCGM 106:2012, global and specific risks).

    ``consumer`` are lots outside their limits that pass, ``producer`` lots inside that fail; ``released_bad`` is the
    share of bad ones among those that pass, ``refused_good`` the share that fails among good ones.
    """

    consumer: float
    producer: float
    passing: float
    inside: float

    @property
    def released_bad(self) -> float:
        """Of lots that pass, the share that is truly outside."""
        return self.consumer / self.passing if self.passing > 0 else float("nan")

    @property
    def refused_good(self) -> float:
        """Of lots truly inside, the share that fails."""
        return self.producer / self.inside if self.inside > 0 else float("nan")


def risks(
    mean: float, sd: float, error: float, low: float = -np.inf, high: float = np.inf, *, guard: float = 0.0,
    retest: bool = False,
) -> Risks:  # fmt: skip
    """Risks where true values and the test's error are normal, on whatever scale the test's error is normal.

    A log-normal pair is a normal pair of logarithms. The integral over true values is done piecewise between limits.

    Args:
        mean: of true values.
        sd: of true values; 0 for lots that are all alike.
        error: standard deviation of one result.
        low: lower limit.
        high: upper limit.
        guard: how far acceptance limits lie inside the limits; negative widens them.
        retest: a failing lot is tested once more, and the second result decides.
    """
    def accepted(truth: float | NDArray[np.float64]) -> float:
        below = ndtr((high - guard - truth) / error) if error > 0 else float(truth <= high - guard)
        under = ndtr((low + guard - truth) / error) if error > 0 else float(truth < low + guard)
        share = max(0.0, float(below - under))
        return 1 - (1 - share) ** 2 if retest else share

    if sd == 0:
        inside, passing = float(low <= mean <= high), accepted(mean)
        return Risks(passing * (1 - inside), (1 - passing) * inside, passing, inside)

    def part(begin: float, end: float) -> float:
        begin, end = max(begin, mean - FAR * sd), min(end, mean + FAR * sd)
        if begin >= end:
            return 0.0
        width = max(error, 0.01 * sd)
        near = [x for limit in (low + guard, high - guard) for x in (limit - FAR * width, limit, limit + FAR * width)]
        cuts = sorted({begin, end, mean, *near})
        cuts = [x for x in cuts if begin <= x <= end]
        total = 0.0
        for a, b in pairwise(cuts):
            total += quad(lambda t: np.exp(-0.5 * ((t - mean) / sd) ** 2) * accepted(t), a, b, epsabs=1e-13)[0]
        return float(total / (sd * np.sqrt(2 * np.pi)))

    inside = float(ndtr((high - mean) / sd) - ndtr((low - mean) / sd))
    good = part(low, high)
    bad = part(-np.inf, low) + part(high, np.inf)
    return Risks(bad, max(0.0, inside - good), good + bad, inside)


def guard_band(
    most: float, mean: float, sd: float, error: float, low: float = -np.inf, high: float = np.inf
) -> float:
    """How far inside the limits results must lie so that at most the share ``most`` of lots is bad and passes.

    Returns:
        A distance on the scale of the limits; negative where limits could be widened.
    """
    reach = FAR * error
    if np.isfinite(low) and np.isfinite(high):
        reach = min(reach, (high - low) / 2)
    if reach <= 0:
        return 0.0

    def excess(guard: float) -> float:
        return risks(mean, sd, error, low, high, guard=guard).consumer - most

    if excess(reach) > 0:
        return reach
    if excess(-reach) < 0:
        return -reach
    return float(brentq(excess, -reach, reach, xtol=1e-9))

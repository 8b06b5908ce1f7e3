"""Sets with few or no events: the exact interval of the sum, and a Bayesian beta-binomial model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaln, gammaincinv

from perforin.evidence.pooling.measures import Array
from perforin.evidence.pooling.studies import Kind
from perforin.records import exact_interval

__all__ = ["PRIOR", "Posterior", "beta_binomial", "exact_limits", "upper_bound"]

PRIOR = (
    "prior uniform on the mean share and on s = (alpha + beta)^(-1/2) between 0 and 1 (Gelman 2013, section 5.3, cut "
    "at alpha + beta = 1)"
)
CELLS = 120
"""Grid cells of each of the two parameters, and of a new study's share."""


@dataclass(frozen=True)
class Posterior:
    """Posterior median and central interval of the mean share, and of a new study's share."""

    value: float
    low: float
    high: float
    prediction_low: float
    prediction_high: float


def exact_limits(events: int, n: float, kind: Kind = "share", level: float = 0.95) -> tuple[float, float]:
    """Two-sided exact interval of all events of all patients: Clopper-Pearson, or Garwood 1936 for a rate."""
    if kind == "share":
        return exact_interval(events, int(n), level)
    tail = (1 - level) / 2
    low = 0.0 if events == 0 else float(gammaincinv(events, tail)) / n
    return low, float(gammaincinv(events + 1, 1 - tail)) / n


def upper_bound(events: int, n: float, kind: Kind = "share", level: float = 0.95) -> float:
    """One-sided exact upper bound."""
    return exact_limits(events, n, kind, 2 * level - 1)[1]


def beta_binomial(x: Array, n: Array, level: float = 0.95) -> Posterior:
    """Each study's share is drawn from a beta distribution, whose mean and spread are unknown.

    The posterior is summed on a grid, dense near the observed share in the first parameter and even in the second.

    Args:
        x: (study) events.
        n: (study) patients.
        level: of the intervals.
    """
    edges = _edges(float(x.sum()), float(n.sum()))
    mean, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    s = (np.arange(CELLS) + 1 / 2) / CELLS
    alpha, beta = mean[:, None] / s**2, (1 - mean[:, None]) / s**2
    density = sum((betaln(a + alpha, b - a + beta) for a, b in zip(x, n, strict=True)), -len(x) * betaln(alpha, beta))
    mass = np.exp(density - density.max()) * width[:, None]
    mass /= mass.sum()
    below = np.append(0.0, np.cumsum(mass.sum(axis=1)))
    tail = (1 - level) / 2
    low, value, high = np.interp([tail, 1 / 2, 1 - tail], below, edges)
    new = np.array([float(np.sum(mass * betainc(alpha, beta, at))) for at in edges])
    ends = np.interp([tail, 1 - tail], new, edges)
    return Posterior(float(value), float(low), float(high), float(ends[0]), float(ends[1]))


def _edges(events: float, n: float) -> Array:
    """Limits of grid cells from 0 to 1, even in logits from far below the observed share to far above."""
    centre = np.log((events + 1 / 2) / (n - events + 1 / 2))
    reach = np.sinh(np.linspace(-3, 3, CELLS - 1)) / np.sinh(3) * 12
    inner = 1 / (1 + np.exp(-(centre + reach)))
    return np.asarray(np.concatenate([[0.0], inner, [1.0]]), dtype=np.float64)

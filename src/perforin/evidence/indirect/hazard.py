"""The hazard ratio of two groups with weighted patients (Cox regression with one covariate)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perforin.errors import UserError

__all__ = ["Survivals", "log_hazard_ratio"]

Array = NDArray[np.float64]
STEPS = 50


class Survivals(NamedTuple):
    """Times (n,), events (n,) and weights (n,) of one group."""

    time: Array
    event: NDArray[np.bool_]
    weights: Array


def log_hazard_ratio(first: Survivals, second: Survivals) -> tuple[float, float]:
    """Logarithm of the hazard ratio of the first group against the second, and its robust standard error (Lin 1989).

    Tied events are treated as Breslow does; weights are taken as known.

    Raises:
        UserError: a group without events, or whose events all come before or after the other's.
    """
    if not (first.event.any() and second.event.any()):
        raise UserError("found a side without events; needed some on both for a hazard ratio")
    time, event, weight = (np.concatenate(pair) for pair in zip(first, second, strict=True))
    group = np.arange(len(time)) < len(first.time)
    order = np.argsort(time, kind="stable")
    time, event, weight, group = time[order], event[order], weight[order], group[order]
    start = np.searchsorted(time, time, side="left")  # the first who is still at risk when a patient leaves

    def risk(log_ratio: float) -> tuple[Array, Array]:
        """(n,) everybody's weighted hazard still at risk, and the first group's share of it."""
        hazard = weight * np.exp(log_ratio * group)
        whole = hazard[::-1].cumsum()[::-1][start]
        return whole, (hazard * group)[::-1].cumsum()[::-1][start] / whole

    log_ratio = 0.0
    for _ in range(STEPS):
        _, share = risk(log_ratio)
        score = float((weight * (group - share))[event].sum())
        information = float((weight * share * (1 - share))[event].sum())
        if information < 1e-12 or abs(log_ratio) > 20:
            break
        log_ratio += score / information
        if abs(score / information) < 1e-10:
            whole, share = risk(log_ratio)
            return log_ratio, _robust(time, event, weight, group, log_ratio, whole, share) / information
    raise UserError("found events that all come earlier on one side; needed sides that overlap for a hazard ratio")


def _robust(
    time: Array, event: NDArray[np.bool_], weight: Array, group: NDArray[np.bool_], log_ratio: float, whole: Array,
    share: Array,
) -> float:  # fmt: skip
    """Root of the sum of squared score residuals."""
    until = np.searchsorted(time, time, side="right") - 1
    jumps = np.where(event, weight / whole, 0.0)
    hazard, shared = jumps.cumsum()[until], (jumps * share).cumsum()[until]
    residual = event * (group - share) - np.exp(log_ratio * group) * (group * hazard - shared)
    return float(np.sqrt(((weight * residual) ** 2).sum()))

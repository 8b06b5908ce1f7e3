"""The day on which a waiting patient dies or becomes ineligible."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.errors import UserError
from perforin.streams import Streams

__all__ = ["deadlines"]

Array = NDArray[np.float64]


def deadlines(
    hazard_per_day: ArrayLike, patients: NDArray[np.int64], streams: Streams, days: ArrayLike = (0.0,)
) -> Array:
    """Days from enrolment to the loss of each patient; the same for all arms.

    Loss comes when the hazard that a patient has lived through reaches a number drawn from the exponential
    distribution. Between days the hazard changes linearly, and after the last it stays.

    Args:
        hazard_per_day: one number, (n,) or (n, days) [1/day]; pooled over three trials in large B-cell lymphoma 0.0044.
        patients: (n,) patient numbers.
        streams: the shared luck.
        days: (days,) at which the hazard is given, rising from 0.

    Returns:
        (n,) days; infinity where the hazard is 0.

    Raises:
        UserError: a hazard that is negative or not finite.
    """
    days = np.asarray(days, dtype=np.float64)
    given = np.asarray(hazard_per_day, dtype=np.float64)
    hazard = np.broadcast_to(given if given.ndim == 2 else given.reshape(-1, 1), (len(patients), len(days)))
    if (hazard < 0).any() or not np.isfinite(hazard).all():
        raise UserError(f"found an attrition hazard of {hazard.min():g} per day; needed 0 or more")
    luck = -np.log(streams.uniform("attrition", patients))
    steps = np.diff(days) * (hazard[:, 1:] + hazard[:, :-1]) / 2
    lived = np.column_stack([np.zeros(len(patients)), np.cumsum(steps, axis=1)])
    at = (lived <= luck[:, None]).sum(axis=1) - 1
    who = np.arange(len(patients))
    left, first = luck - lived[who, at], hazard[who, at]
    after = np.minimum(at + 1, len(days) - 1)
    width = np.where(after > at, days[after] - days[at], 1.0)
    slope = (hazard[who, after] - first) / width
    # The positive root of slope x^2 / 2 + first x = left, written so that a slope of 0 does no harm.
    with np.errstate(divide="ignore", invalid="ignore"):
        spent = 2 * left / (first + np.sqrt(np.maximum(first**2 + 2 * slope * left, 0.0)))
    return np.asarray(np.where(left > 0, days[at] + spent, days[at]), dtype=np.float64)

"""The day on which a waiting patient dies or becomes ineligible."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.errors import UserError
from perforin.streams import Streams

__all__ = ["deadlines"]


def deadlines(hazard_per_day: ArrayLike, patients: NDArray[np.int64], streams: Streams) -> NDArray[np.float64]:
    """Days from enrolment to the loss of each patient, at a constant hazard; the same for all arms.

    Args:
        hazard_per_day: one number or (n,) [1/day]; pooled over three trials in large B-cell lymphoma 0.0044.
        patients: (n,) patient numbers.
        streams: the shared luck.

    Returns:
        (n,) days; infinity where the hazard is 0.

    Raises:
        UserError: a negative hazard.
    """
    hazard = np.broadcast_to(np.asarray(hazard_per_day, dtype=np.float64), (len(patients),))
    if (hazard < 0).any() or not np.isfinite(hazard).all():
        raise UserError(f"found an attrition hazard of {hazard.min():g} per day; needed 0 or more")
    luck = -np.log(streams.uniform("attrition", patients))
    with np.errstate(divide="ignore"):
        return np.where(hazard > 0, luck / hazard, np.inf)

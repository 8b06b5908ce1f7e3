"""What later years are worth today."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.errors import UserError

__all__ = ["discount", "present_value"]

Array = NDArray[np.float64]


def discount(years: ArrayLike, rate: float) -> Array:
    """Worth today of one unit in so many years, at a yearly rate: (1 + rate) ** -years.

    Raises:
        UserError: a rate of -1 or less, or one that is not finite.
    """
    return np.asarray(np.exp(-_force(rate) * np.asarray(years, dtype=np.float64)), dtype=np.float64)


def present_value(begin: ArrayLike, end: ArrayLike, rate: float) -> Array:
    """Worth today of one unit a year that flows from a begin to an end, in years, without steps.

    The integral of (1 + rate) ** -t; the length of the time itself where the rate is 0.

    Args:
        begin: years from now, any shape.
        end: years from now; nothing flows where it is not after the begin.
        rate: a year.

    Raises:
        UserError: a rate of -1 or less, or one that is not finite.
    """
    start, force = np.asarray(begin, dtype=np.float64), _force(rate)
    length = np.maximum(np.asarray(end, dtype=np.float64) - start, 0.0)
    if force == 0:
        return length
    # -expm1 keeps what short times and small rates are worth.
    return np.asarray(np.exp(-force * start) * -np.expm1(-force * length) / force, dtype=np.float64)


def _force(rate: float) -> float:
    """The rate without steps: log(1 + rate) [1/year]."""
    if not np.isfinite(rate) or rate <= -1:
        raise UserError(f"found a yearly discount rate of {rate:g}; needed one above -1, such as 0.03")
    return float(np.log1p(rate))

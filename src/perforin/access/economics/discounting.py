"""What later years are worth today."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.errors import UserError

__all__ = ["discount", "present_value", "present_value_of_steps"]

Array = NDArray[np.float64]


def discount(years: ArrayLike, rate: float) -> Array:
    """Worth today of one unit in so many years, at a yearly rate: (1 + rate) ** -years.

    Raises:
        UserError: a rate of -1 or less, or one that is not finite.
    """
    if not np.isfinite(rate) or rate <= -1:
        raise UserError(f"found a yearly discount rate of {rate:g}; needed one above -1, such as 0.03")
    return np.asarray((1 + rate) ** -np.asarray(years, dtype=np.float64), dtype=np.float64)


def present_value(begin: ArrayLike, end: ArrayLike, rate: float) -> Array:
    """Worth today of one unit a year that flows from a begin to an end, in years, without steps.

    The integral of (1 + rate) ** -t; the length of the time itself where the rate is 0.

    Args:
        begin: years from now, any shape.
        end: years from now; nothing flows where it is not after the begin.
        rate: a year.
    """
    start = np.asarray(begin, dtype=np.float64)
    stop = np.maximum(np.asarray(end, dtype=np.float64), start)
    force = np.log1p(rate) if np.isfinite(rate) and rate > -1 else discount(0.0, rate)[()]
    if force == 0:
        return np.asarray(stop - start, dtype=np.float64)
    # -expm1 keeps what short times and small rates are worth.
    return np.asarray(np.exp(-force * start) * -np.expm1(-force * (stop - start)) / force, dtype=np.float64)


def present_value_of_steps(values: Array, rate: float, step: float = 1.0, half_cycle: bool = True) -> Array:
    """Worth today of amounts counted once a step, such as the cycles of a cohort model.

    Args:
        values: (..., steps) amounts of each step.
        rate: a year.
        step: length of a step [year].
        half_cycle: count each amount in the middle of its step, else at its begin.

    Raises:
        UserError: a step that does not take time.
    """
    if not step > 0:
        raise UserError(f"found steps of {step:g} years; needed more than 0")
    at = (np.arange(values.shape[-1]) + (0.5 if half_cycle else 0.0)) * step
    return np.asarray(values @ discount(at, rate), dtype=np.float64)

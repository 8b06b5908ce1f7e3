"""How strong a confounder that nobody measured would have to be: E-values (VanderWeele and Ding 2017)."""

from __future__ import annotations

import math

__all__ = ["e_value", "e_value_of_limits", "ratio_of_hazard"]


def e_value(ratio: float) -> float:
    """The least risk ratio that a confounder must have with both treatment and outcome to explain a risk ratio.

    >>> round(e_value(3.9), 2), e_value(1.0), round(e_value(0.5), 2)
    (7.26, 1.0, 3.41)
    """
    if math.isnan(ratio) or ratio < 0:
        return math.nan
    if ratio == 0:
        return math.inf
    more = max(ratio, 1 / ratio)
    return more + math.sqrt(more * (more - 1))


def e_value_of_limits(low: float, high: float) -> float:
    """The same for the limit of an interval that is nearest to 1; 1 where the interval holds it."""
    if low <= 1 <= high:
        return 1.0
    return e_value(low if low > 1 else high)


def ratio_of_hazard(ratio: float) -> float:
    """The risk ratio that stands for a hazard ratio of an outcome that most patients have by the end."""
    if ratio == 0 or math.isinf(ratio):
        return ratio
    return float((1 - 0.5 ** math.sqrt(ratio)) / (1 - 0.5 ** math.sqrt(1 / ratio)))

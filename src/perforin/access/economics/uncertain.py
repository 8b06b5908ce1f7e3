"""Uncertain numbers of an economic analysis: the distribution of each by its unit and range, and draws of it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, gammaincinv, ndtr

from perforin.errors import UserError
from perforin.evidence.parameters import Row
from perforin.streams import Streams

__all__ = ["draw", "share_draws", "spread"]

Array = NDArray[np.float64]

SPREADS = 2 * 1.959963984540054
"""Standard deviations between the ends of a range that holds 95 %."""


def draw(rows: Iterable[Row], count: int, streams: Streams) -> dict[str, Array]:
    """(count,) values of each number, by its name.

    A share or a utility (no unit, at most 1) follows a beta, anything else a gamma; both have the row's value for
    their mean and take its range for 95 %, so that no draw is impossible (Briggs, Claxton and Sculpher 2006). A number
    without a range does not vary. A number's luck is keyed by its name: arms that share it share its draws.

    Raises:
        UserError: a range so wide that no beta has it, or a negative number with a range.
    """
    draws = np.arange(count, dtype=np.int64)
    return {row.parameter: _values(row, streams, draws) for row in rows}


def _values(row: Row, streams: Streams, draws: NDArray[np.int64]) -> Array:
    spread = (row.high - row.low) / SPREADS
    if spread == 0:
        return np.full(len(draws), row.value)
    chance = ndtr(streams.normal(f"uncertain {row.parameter}", draws))
    if row.value <= 0:
        raise UserError(f"{row.place}: {row.parameter}: found {row.value:g} with a range; needed more than 0, or none")
    if row.unit == "" and row.high <= 1:
        size = row.value * (1 - row.value) / spread**2 - 1
        if size <= 0:
            raise UserError(f"{row.place}: {row.parameter}: found {row.value:g} with a range of {row.low:g} to "
                            f"{row.high:g}, wider than any share's can be; needed a narrower one")  # fmt: skip
        return np.asarray(betaincinv(row.value * size, (1 - row.value) * size, chance), dtype=np.float64)
    shape = (row.value / spread) ** 2
    return np.asarray(gammaincinv(shape, chance) * row.value / shape, dtype=np.float64)


def share_draws(name: str, events: ArrayLike, n: int, count: int, streams: Streams) -> Array:
    """(count,) draws of a share of which ``events`` of ``n`` were seen, by Jeffreys' beta."""
    seen = float(np.asarray(events))
    if not 0 <= seen <= n or n < 1:
        raise UserError(f"{name}: found {seen:g} events among {n}; needed 0 to n, and at least one patient")
    chance = ndtr(streams.normal(f"uncertain {name}", np.arange(count, dtype=np.int64)))
    return np.asarray(betaincinv(seen + 0.5, n - seen + 0.5, chance), dtype=np.float64)


def spread(values: Array) -> dict[str, float]:
    """Mean of draws, and the ``low`` and ``high`` ends of the range that holds 95 % of them."""
    low, high = np.quantile(values, [0.025, 0.975])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}

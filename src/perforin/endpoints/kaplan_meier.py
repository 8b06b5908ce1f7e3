"""Survival curves: Kaplan-Meier with log-log limits, restricted mean, log-rank, and their weighted forms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from perforin.errors import UserError

__all__ = ["Curve", "Risk", "kaplan_meier", "log_rank", "weighted_survival"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier estimate with pointwise limits.

    ``day`` (K,) 0 and every day with an event or a censoring; ``share`` surviving just after it, with ``low`` and
    ``high``; ``variance`` (K,) Greenwood's sum; ``at_risk`` (K,) followed just before; ``events`` (K,) on the day;
    ``last_seen`` (n,) when each subject left the risk set.
    """

    day: Array
    share: Array
    low: Array
    high: Array
    variance: Array
    at_risk: Array
    events: Array
    last_seen: Array
    level: float

    def _index(self, day: float) -> int:
        return int(np.searchsorted(self.day, day, side="right")) - 1

    def known(self, day: float) -> bool:
        """Whether the curve is defined on the day: somebody was followed so far, or nobody survived."""
        return bool(day <= self.day[-1] or self.share[-1] == 0)

    def followed(self, day: float) -> int:
        """Number at risk just before the day."""
        return int((self.last_seen >= day).sum())

    def at(self, day: float) -> tuple[float, float, float]:
        """Share surviving on the day with its limits; NaN beyond follow-up.

        Where nobody has had the event the lower limit is exact for the subjects still followed, and where everybody
        has had it the upper limit is exact for all, because Greenwood's variance is nothing there.
        """
        if not self.known(day):
            return math.nan, math.nan, math.nan
        i, tail = self._index(day), (1 - self.level) / 2
        share, low, high = float(self.share[i]), float(self.low[i]), float(self.high[i])
        if share == 1:
            low = tail ** (1 / max(self.followed(day), 1))
        elif share == 0:
            high = 1 - tail ** (1 / len(self.last_seen))
        return share, low, high

    def quantile(self, surviving: float = 0.5) -> tuple[float, float, float]:
        """First day on which no more than ``surviving`` survive, with Brookmeyer-Crowley limits; NaN if not reached."""
        return tuple(_first(self.day, line, surviving) for line in (self.share, self.low, self.high))  # type: ignore[return-value]

    def restricted_mean(self, until: float) -> tuple[float, float]:
        """Area under the curve up to a day, with its standard error [day].

        Raises:
            UserError: the day lies beyond follow-up, where the curve is not defined.
        """
        if not self.known(until):
            raise UserError(f"found a restricted mean until day {until:g}; needed at most day {self.day[-1]:g}, "
                            "the last of follow-up")  # fmt: skip
        inside = self.day < until
        edges = np.append(self.day[inside], until)
        pieces = np.diff(edges) * self.share[inside]
        remaining = np.cumsum(pieces[::-1])[::-1]
        at_risk, events = self.at_risk[inside], self.events[inside]
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = remaining**2 * events / (at_risk * (at_risk - events))
        finite = np.where((events > 0) & (at_risk > events), terms, 0.0)
        return float(pieces.sum()), float(np.sqrt(finite.sum()))


def _first(day: Array, line: Array, surviving: float) -> float:
    below = line <= surviving * (1 + 1e-12)
    return float(day[below.argmax()]) if below.any() else math.nan


def kaplan_meier(time: Array, event: Mask, level: float = 0.95) -> Curve:
    """Kaplan-Meier estimate with limits from log(-log) (Kalbfleisch and Prentice).

    Args:
        time: (n,) days to the event or to censoring, 0 or more.
        event: (n,) whether the event was seen.
        level: of the pointwise intervals.

    Raises:
        UserError: nobody, or a time that is negative or no number.
    """
    if len(time) == 0 or not np.isfinite(time).all() or (time < 0).any():
        raise UserError(f"found {len(time)} survival times, lowest {np.min(time, initial=np.inf):g}; needed at least "
                        "one, all finite and not negative")  # fmt: skip
    days, place = np.unique(np.append(0.0, time), return_inverse=True)
    place = place[1:]
    events = np.bincount(place[event], minlength=len(days)).astype(np.float64)
    left = np.bincount(place, minlength=len(days)).astype(np.float64)
    at_risk = left[::-1].cumsum()[::-1]
    share = np.cumprod(1 - events / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(events / (at_risk * (at_risk - events)))
        spread = ndtri((1 + level) / 2) * np.sqrt(variance) / np.abs(np.log(share))
        low, high = share ** np.exp(spread), share ** np.exp(-spread)
    untouched, gone = share == 1, share == 0
    low, high = np.where(untouched, 1.0, np.where(gone, 0.0, low)), np.where(untouched, 1.0, high)
    if gone.any():
        first = int(gone.argmax())
        high[gone] = high[first - 1] if first else 1 - ((1 - level) / 2) ** (1 / len(time))
    return Curve(days, share, low, high, variance, at_risk, events, np.asarray(time, dtype=np.float64), level)


@dataclass(frozen=True)
class Risk:
    """What survival with weighted subjects needs of their times: once for many weights.

    ``order`` (n,) of the subjects in time. Between two censorings the product of Kaplan and Meier is what is at risk
    after the events over what was before, so subjects are taken together in runs: ``marks`` (M,) where each begins,
    ``dying`` (M,) whether it is one of events, and ``ended`` (K,) how many runs are over on each day.
    """

    order: NDArray[np.intp]
    marks: NDArray[np.intp]
    dying: Mask
    ended: NDArray[np.intp]

    @classmethod
    def of(cls, time: Array, event: Mask, days: Array) -> Risk:
        """Of days (n,) to the event or to censoring, events (n,), and the days (K,) that are asked for."""
        order = np.lexsort((~event, time))  # at one time, events come before censorings
        time, event = time[order], event[order]
        ends = np.searchsorted(time, days, side="right")
        turns = np.flatnonzero(event[1:] != event[:-1]) + 1
        marks = np.unique(np.concatenate([[0], turns, ends[ends < len(time)]]))
        return cls(order, marks, event[marks], np.searchsorted(marks, ends))

    def shares(self, weights: Array) -> Array:
        """(B, K) surviving on the days; weights (B, n), positive, of the subjects in ``order``."""
        runs = np.add.reduceat(weights, self.marks, axis=1)
        at_risk = np.concatenate([runs[:, ::-1].cumsum(axis=1)[:, ::-1], np.zeros((len(weights), 1))], axis=1)
        kept = np.where(self.dying, at_risk[:, 1:] / at_risk[:, :-1], 1.0)
        share = np.concatenate([np.ones((len(weights), 1)), np.cumprod(kept, axis=1)], axis=1)
        return np.asarray(share[:, self.ended], dtype=np.float64)


def weighted_survival(time: Array, event: Mask, weights: Array, days: Array) -> Array:
    """Kaplan-Meier with weighted subjects, for resampling.

    Args:
        time: (n,) days to the event or to censoring.
        event: (n,) whether the event was seen.
        weights: (B, n) positive weights, one row per replicate.
        days: (K,) days.

    Returns:
        (B, K) share surviving.
    """
    risk = Risk.of(time, event, days)
    return risk.shares(weights[:, risk.order])


def log_rank(first: tuple[Array, Mask], second: tuple[Array, Mask]) -> tuple[float, float]:
    """Statistic (standard normal under no difference) and two-sided p-value of the log-rank test.

    It takes the subjects of both arms for independent; for the same patients in both arms see ``compare``.

    Args:
        first: times and events of one arm.
        second: of the other.
    """
    from scipy import stats

    data = [stats.CensoredData.right_censored(time, ~event) for time, event in (first, second)]
    result = stats.logrank(*data)
    return float(result.statistic), float(result.pvalue)

"""What an endpoint makes of an arm: one entry per subject, and how they become a number with its interval.

Every sample can also be summed up with weighted subjects, so that comparisons may resample patients.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrik, ndtri, stdtrit

from perforin.endpoints.kaplan_meier import Curve, Risk, kaplan_meier
from perforin.endpoints.resampling import Weights
from perforin.records import exact_interval

__all__ = ["GeometricMean", "Mean", "Median", "Milestone", "Ratio", "Reported", "RestrictedMean", "Result", "Sample",
           "Share", "SurvivalMedian", "Times", "joined", "wilson_interval"]  # fmt: skip

Array = NDArray[np.float64]
REACH = 10
"""A weighted median is looked for within so many sqrt(n) ranks of the plain one, which are 20 standard errors."""
Subjects = NDArray[np.int64]


class Result(NamedTuple):
    """A number with its interval, how both were found, and what else is worth knowing."""

    value: float
    low: float
    high: float
    method: str
    details: Mapping[str, Any] = {}


class Sample(Protocol):
    """One entry per subject."""

    @property
    def subjects(self) -> Subjects:
        """(n,) numbers of the subjects, increasing."""

    def result(self, level: float = 0.95) -> Result:
        """The number with its interval."""

    def replicates(self, weights: Weights) -> Array:
        """(B,) the number again with weighted subjects."""


def joined(parts: Sequence[Any]) -> Any:
    """One sample of all the subjects of several of a kind, whose subjects rise from part to part."""
    first = parts[0]
    if len(parts) == 1:
        return first

    def together(values: list[Any]) -> Any:
        if isinstance(values[0], Times):
            return joined(values)
        return np.concatenate(values) if isinstance(values[0], np.ndarray) else values[0]

    return type(first)(**{one.name: together([getattr(part, one.name) for part in parts]) for one in fields(first)})


def _binomial_quantile(share: float, n: int) -> int:
    """Smallest k of which a fair coin thrown n times gives at most k heads with this share."""
    k = max(math.ceil(float(bdtrik(share, n, 0.5))), 1)
    return k - 1 if float(bdtr(k - 1, n, 0.5)) >= share else k


def wilson_interval(events: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion."""
    z, p = float(ndtri((1 + level) / 2)), events / n
    middle, half = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max(0.0, (middle - half) / (1 + z**2 / n)), min(1.0, (middle + half) / (1 + z**2 / n))


@dataclass(frozen=True)
class Share:
    """Proportion of subjects with ``hits`` (n,) true."""

    subjects: Subjects
    hits: NDArray[np.bool_]

    def result(self, level: float = 0.95) -> Result:
        """Clopper-Pearson; with no event the method says what the bound means."""
        n, events = len(self.hits), int(self.hits.sum())
        low, high = exact_interval(events, n, level)
        details: dict[str, Any] = {"events": events}
        method = "Clopper-Pearson"
        if n and events == 0:
            details["one_sided_upper_95"] = 1 - 0.05 ** (1 / n)
            method = f"Clopper-Pearson; no event among {n}, which does not exclude a rate up to the upper limit"
        return Result(events / n if n else math.nan, low, high, method, details)

    def replicates(self, weights: Weights) -> Array:
        """(B,) weighted proportions."""
        return weights.total(self.hits) / weights.total(np.ones(len(self.hits)))


@dataclass(frozen=True)
class Mean:
    """Arithmetic mean of ``values`` (n,)."""

    subjects: Subjects
    values: Array

    def result(self, level: float = 0.95) -> Result:
        """Student's t interval."""
        return Result(*_student(self.values, level), "mean with Student's t interval")

    def replicates(self, weights: Weights) -> Array:
        """(B,) weighted means."""
        return weights.total(self.values) / weights.total(np.ones(len(self.values)))


def _student(values: Array, level: float) -> tuple[float, float, float]:
    n = len(values)
    if n == 0:
        return math.nan, math.nan, math.nan
    mean = float(values.mean())
    if n == 1:
        return mean, math.nan, math.nan
    half = float(stdtrit(n - 1, (1 + level) / 2) * values.std(ddof=1) / math.sqrt(n))
    return mean, mean - half, mean + half


@dataclass(frozen=True)
class Ratio:
    """Sum of ``values`` (n,) over the number of ``hits`` (n,): a cost per success."""

    subjects: Subjects
    values: Array
    hits: NDArray[np.bool_]

    def result(self, level: float = 0.95) -> Result:
        """Interval of the logarithm by the delta method; infinite where nobody is a success."""
        n, hits = len(self.values), self.hits.astype(np.float64)
        method = "ratio of means with log-normal interval by the delta method"
        if n < 2 or not hits.any():
            return Result(math.inf if n else math.nan, math.nan, math.inf, f"{method}; no success", {"successes": 0})
        ratio = float(self.values.sum() / hits.sum())
        error = float(np.std(self.values - ratio * hits, ddof=1)) / math.sqrt(n) / float(hits.mean())
        half = float(ndtri((1 + level) / 2)) * error / ratio if ratio > 0 else 0.0
        return Result(ratio, ratio * math.exp(-half), ratio * math.exp(half), method, {"successes": int(hits.sum())})

    def replicates(self, weights: Weights) -> Array:
        """(B,) weighted ratios; infinity without a success."""
        with np.errstate(divide="ignore"):
            return np.asarray(weights.total(self.values) / weights.total(self.hits), dtype=np.float64)


@dataclass(frozen=True)
class GeometricMean:
    """Geometric mean of positive ``values`` (n,)."""

    subjects: Subjects
    values: Array
    note: str = ""

    def result(self, level: float = 0.95) -> Result:
        """Student's t interval of the logarithms; the details hold the geometric coefficient of variation."""
        logs = np.log(self.values)
        value, low, high = (math.exp(one) for one in _student(logs, level))
        spread = math.sqrt(math.expm1(float(logs.var(ddof=1)))) if len(logs) > 1 else math.nan
        method = "geometric mean with Student's t interval of logarithms" + (f"; {self.note}" if self.note else "")
        middle = float(np.median(self.values)) if len(logs) else math.nan
        return Result(value, low, high, method, {"geometric_cv": spread, "median": middle})

    def replicates(self, weights: Weights) -> Array:
        """(B,) weighted geometric means."""
        return np.asarray(np.exp(weights.total(np.log(self.values)) / weights.total(np.ones(len(self.values)))))


@dataclass(frozen=True)
class Median:
    """Median of ``values`` (n,); ``{marked}`` in the note becomes how many of them are ``marked`` (n,)."""

    subjects: Subjects
    values: Array
    note: str = ""
    marked: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))

    def result(self, level: float = 0.95) -> Result:
        """Interval between order statistics, of at least the level whatever the distribution."""
        n = len(self.values)
        if n == 0:
            return Result(math.nan, math.nan, math.nan, "median")
        ordered = np.sort(self.values)
        rank = _binomial_quantile((1 - level) / 2, n)
        low, high = (float(ordered[rank - 1]), float(ordered[n - rank])) if rank > 0 else (math.nan, math.nan)
        quartiles = np.quantile(ordered, [0.25, 0.75])
        note = self.note.format(marked=f"{int(self.marked.sum())} of {n}")
        method = "median with order-statistic interval" + (f"; {note}" if note else "")
        return Result(float(np.median(ordered)), low, high, method, {"quartiles": quartiles.tolist()})

    def replicates(self, weights: Weights) -> Array:
        """(B,) weighted medians: the lowest value with half of the weight at or below it."""
        order, n = np.argsort(self.values, kind="stable"), len(self.values)
        ordered, half = weights.of(order), weights.total(np.ones(n)) / 2
        for reach in (math.ceil(REACH * math.sqrt(n)), n):
            near = slice(max(n // 2 - reach, 0), n // 2 + reach)
            below, out = ordered.total(np.arange(n) < near.start), np.empty(len(half))
            inside = below < half
            for rows, block in ordered.of(np.arange(n)[near]).blocks():
                reached = below[rows, None] + np.cumsum(block, axis=1) >= half[rows, None]
                out[rows] = self.values[order][near][reached.argmax(axis=1)]
                inside[rows] &= reached[:, -1]
            if inside.all():
                break
        return out


@dataclass(frozen=True)
class Times:
    """Days (n,) to an event or to censoring, and whether the event was seen (n,)."""

    subjects: Subjects
    time: Array
    event: NDArray[np.bool_]

    def curve(self, level: float = 0.95) -> Curve:
        """The Kaplan-Meier estimate."""
        return kaplan_meier(self.time, self.event, level)

    def survival(self, weights: Weights, days: Array) -> Iterator[Array]:
        """(b, K) shares without the event on ``days`` (K,), some replicates at a time."""
        risk = Risk.of(self.time, self.event, days)
        for _, block in weights.of(risk.order).blocks():
            yield risk.shares(block)


@dataclass(frozen=True)
class Milestone:
    """Kaplan-Meier share without the event on a day."""

    times: Times
    day: float

    @property
    def subjects(self) -> Subjects:
        """(n,) numbers."""
        return self.times.subjects

    def result(self, level: float = 0.95) -> Result:
        """Log-log interval; NaN beyond follow-up."""
        if len(self.times.time) == 0:
            return Result(math.nan, math.nan, math.nan, "Kaplan-Meier")
        curve = self.times.curve(level)
        details = {"at_risk": curve.followed(self.day), "events": int(curve.events[curve.day <= self.day].sum())}
        return Result(*curve.at(self.day), "Kaplan-Meier with log-log interval", details)

    def replicates(self, weights: Weights) -> Array:
        """(B,) weighted Kaplan-Meier shares; NaN beyond follow-up."""
        share = np.concatenate(list(self.times.survival(weights, np.array([self.day]))))[:, 0]
        return np.where((self.day <= self.times.time.max()) | (share == 0), share, np.nan)


@dataclass(frozen=True)
class SurvivalMedian:
    """Kaplan-Meier median."""

    times: Times
    note: str = ""

    @property
    def subjects(self) -> Subjects:
        """(n,) numbers."""
        return self.times.subjects

    def result(self, level: float = 0.95) -> Result:
        """Brookmeyer-Crowley interval from log-log limits; NaN where not reached."""
        method = "Kaplan-Meier median with log-log interval" + (f"; {self.note}" if self.note else "")
        if len(self.times.time) == 0:
            return Result(math.nan, math.nan, math.nan, method)
        details = {"events": int(self.times.event.sum())}
        return Result(*self.times.curve(level).quantile(), method, details)

    def replicates(self, weights: Weights) -> Array:
        """(B,) weighted medians; infinity where not reached."""
        days = np.unique(self.times.time)
        blocks = (share <= 0.5 for share in self.times.survival(weights, days))
        found = [np.where(below.any(axis=1), days[below.argmax(axis=1)], np.inf) for below in blocks]
        return np.concatenate(found)


@dataclass(frozen=True)
class RestrictedMean:
    """Mean days without the event up to a day: the area under the Kaplan-Meier curve."""

    times: Times
    until: float

    @property
    def subjects(self) -> Subjects:
        """(n,) numbers."""
        return self.times.subjects

    def result(self, level: float = 0.95) -> Result:
        """Normal interval from Greenwood's variance; NaN beyond follow-up."""
        method = f"area under the Kaplan-Meier curve to day {self.until:g}, normal interval"
        if len(self.times.time) == 0 or not self.times.curve(level).known(self.until):
            return Result(math.nan, math.nan, math.nan, method)
        value, error = self.times.curve(level).restricted_mean(self.until)
        half = float(ndtri((1 + level) / 2)) * error
        return Result(value, value - half, value + half, method, {"standard_error": error})

    def replicates(self, weights: Weights) -> Array:
        """(B,) weighted areas; NaN beyond follow-up."""
        time = self.times.time
        days = np.unique(np.append(0.0, time[time < self.until]))
        widths, followed = np.diff(np.append(days, self.until)), self.until <= time.max()
        blocks = self.times.survival(weights, days)
        return np.concatenate([np.where(followed | (share[:, -1] == 0), share @ widths, np.nan) for share in blocks])


@dataclass(frozen=True)
class Reported:
    """A number that a publication gives and nobody can take apart; no interval."""

    value: float
    subjects: Subjects = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def result(self, level: float = 0.95) -> Result:
        """The number as it stands."""
        return Result(self.value, math.nan, math.nan, f"as published, without {level:.0%} interval".replace("%", " %"))

    def replicates(self, weights: Weights) -> Array:
        """(B,) the same number: it cannot be resampled."""
        return np.full(len(weights.drawn), np.nan)

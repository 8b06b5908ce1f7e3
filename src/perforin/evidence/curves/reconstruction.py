"""Patients from a Kaplan-Meier curve: its steps and the numbers at risk give events and censorings (Guyot 2012).

Between two numbers at risk the unknown is how many were censored. Given that number, spread evenly over the interval,
each step of the curve tells how many had the event; the right number is the one after which as many are left as were
published. P Guyot and others, Enhanced secondary analysis of survival data, BMC Medical Research Methodology 2012;
12:9. The search and the treatment of the ends are perforin's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perforin.errors import UserError, nearest
from perforin.evidence.curves.curve_file import read_curve
from perforin.evidence.curves.digitised import Digitised
from perforin.evidence.sources import LIBRARY
from perforin.records import Records

__all__ = ["SURVIVED", "Reconstruction", "curve_records", "curves_of", "reconstruct"]

Array = NDArray[np.float64]
SURVIVED = ("OS", "PFS", "EFS", "DOR")
"""What a curve may be of; in Records its times stand under ``time:PFS``."""
CANDIDATES = 201
"""Numbers of censored patients that are tried where only the curve itself can tell."""


@dataclass(frozen=True)
class Reconstruction:
    """Patients who would give the curve.

    ``time`` (n,) days, ``event`` (n,) whether the event was seen; ``fitted`` (K,) their Kaplan-Meier share at the
    points of ``curve``; ``left`` (R,) how many of them are at risk where a number at risk was published; ``notes``
    what was assumed, and where they do not give what was published.
    """

    time: Array
    event: NDArray[np.bool_]
    fitted: Array
    left: NDArray[np.int64]
    curve: Digitised
    notes: tuple[str, ...]

    @property
    def distance(self) -> float:
        """Largest distance of the patients' own curve from the one read [share]."""
        return float(np.abs(self.fitted - self.curve.share).max())

    def records(self, arm: str, what: str) -> Records:
        """The patients as Records: one row ``time:<what>`` each, 1 at the event or 0, censored.

        Patients of two curves are not the same people, whatever their numbers.

        Raises:
            UserError: ``what`` is no survival.
        """
        if what not in SURVIVED:
            raise UserError(f"found a curve of {what!r}; needed one of {', '.join(SURVIVED)}{nearest(what, SURVIVED)}")
        return Records.build(subject=np.arange(len(self.time)), arm=arm, parameter=f"time:{what}", day=self.time,
                             value=self.event.astype(float), censored=~self.event, origin="published",
                             source=self.curve.facts.get("source", ""))  # fmt: skip


def curves_of(trial: str) -> dict[str, Path]:
    """The digitised curves of a trial of the library, by what they are of: ``trials/<trial>/curves/PFS.csv``."""
    return {path.stem: path for path in sorted((LIBRARY / "trials" / trial / "curves").glob("*.csv"))}


def curve_records(trial: str) -> list[Records]:
    """Reconstructed patients of every digitised curve of a trial of the library; none where it has no curve."""
    return [reconstruct(read_curve(path)).records(trial, what) for what, path in curves_of(trial).items()]


@dataclass(frozen=True)
class _Interval:
    """From one number at risk to the next: ``day`` and ``share`` (k,) of the curve's points in it."""

    start: float
    end: float
    day: Array
    share: Array

    def walk(self, n: int, share: float, censored: int) -> _Walked:
        """What happens to ``n`` at risk and a share so far if so many are censored, evenly over the interval."""
        leaving = self.start + (self.end - self.start) * np.arange(1, censored + 1) / (censored + 1)
        gone = np.searchsorted(leaving, self.day, side="left")
        events, fitted, died = np.zeros(len(self.day), dtype=np.int64), np.empty(len(self.day)), 0
        for k, target in enumerate(self.share.tolist()):
            at_risk = n - died - int(gone[k])
            if at_risk > 0 and target < share:  # the running estimate, not the last reading, so that errors do not add
                events[k] = round(at_risk * (1 - target / share))
                died += int(events[k])
                share *= 1 - int(events[k]) / at_risk
            fitted[k] = share
        return _Walked(events, fitted, leaving[: n - died], died, share)


class _Walked(NamedTuple):
    """(k,) events and share at the points of an interval, days of censoring, all events, and the share at its end."""

    events: NDArray[np.int64]
    fitted: Array
    leaving: Array
    died: int
    share: float


def reconstruct(curve: Digitised) -> Reconstruction:
    """Times and events of patients who give a curve and its numbers at risk.

    After the last number at risk, so many are censored that the published total of events comes out. Without a total
    the steps must tell, whose heights are one over the number at risk: the number whose patients give the curve best,
    and of equals the one nearest to the earlier rate (nobody, where there is none).
    """
    intervals, n, share = _intervals(curve), curve.n, 1.0
    walked: list[_Walked] = []
    left, notes = [n], list(curve.notes)
    for i, interval in enumerate(intervals):
        found = interval.walk(n, share, _censored(curve, i, interval, n, share, walked))
        n, share = n - found.died - len(found.leaving), found.share
        walked.append(found)
        left.append(n)
    with_event = [np.repeat(one.day, found.events) for one, found in zip(intervals, walked, strict=True)]
    without = [*(found.leaving for found in walked), np.full(n, intervals[-1].end)]
    time = np.concatenate([*with_event, *without])
    event = np.arange(len(time)) < sum(map(len, with_event))
    order = np.lexsort((~event, time))
    counts = np.array(left[: len(curve.at_risk)], dtype=np.int64)
    notes += _notes(curve, counts, walked)
    fitted = np.concatenate([found.fitted for found in walked])
    return Reconstruction(time[order], event[order], fitted, counts, curve, tuple(notes))


def _censored(curve: Digitised, i: int, interval: _Interval, n: int, share: float, before: Sequence[_Walked]) -> int:
    """How many are censored in the i-th interval, of ``n`` at risk and a share at its start."""
    if i + 1 < len(curve.at_risk):
        goal = int(curve.at_risk[i + 1])
        return _nearest(lambda c: n - goal - interval.walk(n, share, c).died - c, n - goal)
    most = n - 1 if curve.share[-1] > 0 else n  # a curve ends where the last patient was last seen
    if curve.events is not None:
        goal = curve.events - sum(found.died for found in before)
        return _nearest(lambda c: interval.walk(n, share, c).died - goal, most)
    earlier = sum(len(found.leaving) for found in before)
    usual = min(most, round(earlier / interval.start * (interval.end - interval.start))) if before else 0
    tried: set[int] = {usual, *np.linspace(0, most, CANDIDATES).round().astype(int).tolist()}

    def misfit(count: int) -> tuple[float, int]:
        apart = interval.walk(n, share, count).fitted - interval.share
        return round(float((apart**2).sum()), 6), abs(count - usual)

    return min(tried, key=misfit)


def _nearest(excess: Callable[[int], int], most: int) -> int:
    """The number, of 0 to ``most``, that brings an excess, which falls in it, nearest to nothing."""
    low, high = 0, max(most, 0)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if excess(middle) <= 0 else (middle + 1, high)
    return min((count for count in (low, low - 1) if count >= 0), key=lambda count: abs(excess(count)))


def _intervals(curve: Digitised) -> list[_Interval]:
    """One per number at risk that is not 0; the last ends with the curve, or with the last number if that is later."""
    starts = curve.risk_day[curve.at_risk > 0]
    end = float(max(curve.day[-1], starts[-1]))
    edges = [*np.minimum(starts, end).tolist(), end]
    cuts = [0, *np.searchsorted(curve.day, starts[1:], side="left").tolist(), len(curve.day)]
    return [_Interval(edges[i], edges[i + 1], curve.day[cuts[i] : cuts[i + 1]], curve.share[cuts[i] : cuts[i + 1]])
            for i in range(len(starts))]  # fmt: skip


def _notes(curve: Digitised, left: NDArray[np.int64], walked: Sequence[_Walked]) -> Iterator[str]:
    last, died = walked[-1], sum(found.died for found in walked)
    if curve.events is not None and died != curve.events:
        yield f"the curve gives {died} events; {curve.events} were published"
    if curve.events is None and curve.at_risk[-1] > 0:
        yield (f"from day {curve.risk_day[-1]:.0f} on neither numbers at risk nor a total of events tell who was "
               f"censored: {len(last.leaving)} before the end fit the steps best, but the number of events from there "
               "on is a guess")  # fmt: skip
    for i in np.flatnonzero(left != curve.at_risk[: len(left)]).tolist():
        yield f"on day {curve.risk_day[i]:.0f} the patients leave {left[i]} at risk; {curve.at_risk[i]} were published"

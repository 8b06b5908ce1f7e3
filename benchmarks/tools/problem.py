"""What a tool is given to solve, read from a folder; it needs NumPy alone, so that it works in any environment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Clock", "LeftOut", "Problem", "Segment", "Solver", "Values"]

Values = np.ndarray
Advance = Callable[[Values, Values], Values]
"""(state, times) -> states at times[1:], of which the last begins the next segment; times[0] is the state's."""


class Clock:
    """CPU seconds of this process, all threads, spent in ``with clock:`` blocks: what counts as solving."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self._since = time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.process_time() - self._since


Solver = Callable[[float, Clock], tuple[Values, int]]
"""(relative tolerance, clock) -> (patients, days, states), and how many patients were solved while the clock ran."""


class LeftOut(Exception):
    """Why a tool cannot be measured here, in words for the user."""


@dataclass(frozen=True)
class Segment:
    """From one dose to the next: ``times`` begins at one and ends at the other, or on the last day.

    ``rows`` are the reported days at ``times[1:]``, -1 where the end is none; ``now`` those at ``times[0]``, which are
    reported just after its doses. ``doses`` are the columns of those doses.
    """

    times: Values
    rows: Values
    now: Values
    doses: Values


@dataclass(frozen=True)
class Problem:
    """Patients of one network; ``tolerances`` are the states' absolute ones at a relative tolerance of 1e-5."""

    folder: Path
    parameters: Values
    start: Values
    when: Values
    state: Values
    keep: Values
    add: Values
    days: Values
    begin: float
    tolerances: Values

    @classmethod
    def read(cls, folder: Path) -> Problem:
        """The problem that ``write`` left in a folder."""
        with np.load(folder / "problem.npz") as kept:
            arrays = {name: kept[name] for name in kept.files}
        return cls(folder, **(arrays | {"begin": float(arrays["begin"])}))

    def write(self, **texts: str) -> None:
        """Leave the arrays in ``problem.npz`` and each text in a file of its name (``_`` before the ending)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        names = [name for name in self.__dataclass_fields__ if name != "folder"]
        np.savez(self.folder / "problem.npz", **{name: getattr(self, name) for name in names})
        for name, text in texts.items():
            (self.folder / ".".join(name.rsplit("_", 1))).write_text(text)

    def text(self, name: str) -> str:
        """One of the texts."""
        return (self.folder / name).read_text()

    def json(self, name: str) -> Any:
        """One of the texts, read as JSON."""
        return json.loads(self.text(name))

    def absolute(self, rtol: float) -> Values:
        """(states,) absolute tolerances that go with a relative one."""
        return self.tolerances * (rtol / 1e-5)

    @cached_property
    def segments(self) -> tuple[tuple[Segment, ...], ...]:
        """The segments of each patient."""
        return tuple(tuple(self._segments(who)) for who in range(len(self.start)))

    def _segments(self, who: int) -> list[Segment]:
        end, when = self.days[-1], self.when[who]
        stops = np.unique([self.begin, *when[when <= end], end])
        found = []
        for first, last in zip(stops, [*stops[1:], None], strict=True):
            inside = np.flatnonzero((self.days > first) & (self.days <= (first if last is None else last)))
            times, rows = np.append(first, self.days[inside]), inside
            if last is not None and times[-1] != last:
                times, rows = np.append(times, last), np.append(inside, -1)
            doses, now = np.flatnonzero(when == first), np.flatnonzero(self.days == first)
            found.append(Segment(times, rows, now, doses))
        return found

    def dose(self, who: int, segment: Segment, state: Values) -> Values:
        """The state just after the doses with which a segment begins."""
        out = np.array(state)
        for column in segment.doses:
            into = self.state[column]
            out[into] = out[into] * self.keep[column] + self.add[who, column]
        return out

    def follow(self, who: int, advance: Advance) -> Values:
        """(days, states) of one patient, stopped at every dose; NaN from where ``advance`` fails on."""
        values = np.full((len(self.days), self.start.shape[1]), np.nan)
        state = self.start[who]
        for segment in self.segments[who]:
            state = self.dose(who, segment, state)
            values[segment.now] = state
            if len(segment.times) > 1:
                states = advance(state, segment.times)
                inside = segment.rows >= 0
                values[segment.rows[inside]] = states[inside]
                state = states[-1]
        return values

"""What is kept of a course instead of the course: peaks, areas, first and last days above a level."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize_scalar

from perforin.errors import UserError, nearest

__all__ = ["KEPT", "Kind", "Reduction", "Tally", "Watches", "watches"]

Array = NDArray[np.float64]
Kind = Literal[
    "peak", "peak_day", "nadir", "nadir_day", "area", "first_above", "last_above", "first_below", "last_below",
    "days_above",
]  # fmt: skip
KEPT = 5
"""Numbers that the kernel keeps for each thing it watches."""

# What is watched, and where among the numbers kept for it each reduction is found.
_WATCHED: dict[str, tuple[int, int]] = {
    "peak": (0, 0), "peak_day": (0, 1), "nadir": (1, 0), "nadir_day": (1, 1), "area": (2, 0), "first_above": (3, 0),
    "last_above": (3, 1), "first_below": (3, 2), "last_below": (3, 3), "days_above": (3, 4),
}  # fmt: skip
_LEVELLED = tuple(kind for kind, (watched, _) in _WATCHED.items() if watched == 3)


class Reduction(NamedTuple):
    """One number of a course, found while it is solved.

    ``kind``: "peak", "nadir" (the highest and lowest value), "peak_day", "nadir_day" (when), "area" (under the curve),
    "first_above", "last_above", "first_below", "last_below" (days on which ``level`` is crossed; the first and last day
    of the window where the course is on that side there; NaN for never) or "days_above". ``output``: of the kernel.
    ``level``: one, or one per patient. ``begin``, ``end``: the window [day]; its ends become ends of steps.
    """

    kind: Kind
    output: str
    level: ArrayLike = math.nan
    begin: float = -math.inf
    end: float = math.inf


@dataclass(frozen=True)
class Watches:
    """Reductions as tables for the kernel, each thing watched once; ``find`` gives (watch, number) per reduction."""

    kind: NDArray[np.int32]
    output: NDArray[np.int32]
    begin: Array
    end: Array
    level: Array
    find: tuple[tuple[int, int], ...]

    @property
    def edges(self) -> Array:
        """Days on which windows begin or end, rising."""
        days = np.unique([*self.begin, *self.end])
        return np.asarray(days[np.isfinite(days)])

    def read(self, kept: Array) -> Array:
        """(patients, reductions) from (patients, watches, ``KEPT``); a crossing that never came is NaN."""
        columns = [kept[:, watch, number] for watch, number in self.find]
        table = np.column_stack(columns) if columns else np.empty((len(kept), 0))
        return np.where(np.isinf(table), np.nan, table)


def watches(reductions: Sequence[Reduction], outputs: Sequence[str], patients: int) -> Watches:
    """Check reductions and join those that watch the same thing.

    Raises:
        UserError: an unknown kind or output, a level that is missing or not one per patient, an empty window.
    """
    rows: dict[tuple[object, ...], int] = {}
    kept: list[tuple[int, int, float, float, Array]] = []
    find = []
    for one in reductions:
        level = _checked(one, outputs, patients)
        watched, number = _WATCHED[one.kind]
        key = (watched, one.output, one.begin, one.end, level.tobytes())
        if key not in rows:
            rows[key] = len(kept)
            kept.append((watched, outputs.index(one.output), one.begin, one.end, level))
        find.append((rows[key], number))
    kinds, places, begins, ends, levels = zip(*kept, strict=True) if kept else ((), (), (), (), ())
    return Watches(
        np.array(kinds, np.int32), np.array(places, np.int32), np.array(begins, float), np.array(ends, float),
        np.ascontiguousarray(np.column_stack(levels) if levels else np.empty((patients, 0))), tuple(find),
    )  # fmt: skip


def _checked(one: Reduction, outputs: Sequence[str], patients: int) -> Array:
    if one.kind not in _WATCHED:
        raise UserError(f"found the reduction {one.kind!r}; needed one of {[*_WATCHED]}{nearest(one.kind, _WATCHED)}")
    if one.output not in outputs:
        hint = nearest(one.output, outputs)
        raise UserError(f"found the {one.kind} of {one.output!r}; needed an output of the kernel{hint}")
    if not one.begin < one.end:
        raise UserError(f"found the window {one.begin:g} to {one.end:g} of the {one.kind} of {one.output!r}; "
                        "needed a begin before its end")  # fmt: skip
    if one.kind not in _LEVELLED:
        return np.zeros(patients)
    level = np.asarray(one.level, dtype=np.float64)
    if level.shape not in ((), (patients,)) or not np.isfinite(level).all():
        raise UserError(f"found no level, or one of shape {level.shape}, for the {one.kind} of {one.output!r}; "
                        f"needed a finite number, or {patients} of them")  # fmt: skip
    return np.broadcast_to(level, (patients,)).astype(np.float64)


EMPTY = np.array([[-np.inf, np.nan, 0, 0, 0], [np.inf, np.nan, 0, 0, 0], [0, 0, 0, 0, 0],
                  [np.inf, -np.inf, np.inf, -np.inf, 0]])  # fmt: skip
"""What is kept before anything has been seen, by what is watched."""
LOOKS = 9


class Tally:
    """What one patient's course has shown, step by step: the slow reading, by SciPy, of what reductions.c keeps."""

    def __init__(self, watches: Watches, who: int) -> None:
        self.watches, self.level = watches, watches.level[who]
        self.kept = EMPTY[watches.kind].copy()

    def take(self, outputs: Callable[[float], Array], begin: float, end: float) -> None:
        """Take in a step; ``outputs`` gives the kernel's on any day of it."""
        see = self.watches
        for k, (kind, place) in enumerate(zip(see.kind, see.output, strict=True)):
            first, last = max(begin, see.begin[k]), min(end, see.end[k])
            if first >= last:
                continue
            days = np.linspace(first, last, LOOKS)

            def one(day: float, place: int = place) -> float:
                return float(outputs(day)[place])

            if kind == 2:
                nodes, weights = np.polynomial.legendre.leggauss(LOOKS)
                half = (last - first) / 2
                self.kept[k, 0] += half * sum(weights * [one(day) for day in first + half * (1 + nodes)])
            elif kind == 3:
                self._cross(k, one, days)
            else:
                self._extreme(k, one, days, 1.0 if kind == 0 else -1.0)

    def _extreme(self, k: int, one: Callable[[float], float], days: Array, sign: float) -> None:
        high = int(np.argmax([sign * one(day) for day in days]))
        bounds = days[max(high - 1, 0)], days[min(high + 1, LOOKS - 1)]
        top = minimize_scalar(lambda day: -sign * one(day), bounds=bounds, method="bounded", options={"xatol": 1e-9})
        for day in (days[high], top.x):
            if sign * one(day) > sign * self.kept[k, 0]:
                self.kept[k, :2] = one(day), day

    def _cross(self, k: int, one: Callable[[float], float], days: Array) -> None:
        level, kept = self.level[k], self.kept[k]
        above = [one(day) > level for day in days]
        for i in range(LOOKS - 1):
            ends = [days[i], days[i + 1]]
            if above[i] != above[i + 1]:
                turn = float(brentq(lambda day: one(day) - level, *ends, xtol=1e-12))
                parts = [(above[i], ends[0], turn), (above[i + 1], turn, ends[1])]
            else:
                parts = [(above[i], *ends)]
            for high, first, last in parts:
                at = 0 if high else 2
                kept[at], kept[at + 1] = min(kept[at], first), max(kept[at + 1], last)
                kept[4] += (last - first) * high

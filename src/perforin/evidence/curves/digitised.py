"""A digitised Kaplan-Meier curve and the numbers at risk under it: checked, levelled, in days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from perforin.errors import Location, UserError, nearest

__all__ = ["DAYS", "TOLERANCE", "Column", "Digitised", "checked", "digitised"]

Array = NDArray[np.float64]
DAYS: Mapping[str, float] = {"day": 1.0, "week": 7.0, "month": 365 / 12, "year": 365.0}
"""Units of time; months and years as the endpoints count them, so that a milestone falls where the plot has it."""
TOLERANCE = 0.01
"""Error of a reading [share]: a point may lie so far outside 0 to 1, and rise by twice as much over another."""


@dataclass(frozen=True)
class Digitised:
    """A curve that never rises, from day 0 and share 1.

    ``day`` and ``share`` (K,), two points of one day being the top and the foot of a step; ``risk_day`` and
    ``at_risk`` (R,) numbers at risk from day 0, of which there is at least one; ``events`` the total that was
    published, or None; ``notes`` what was changed in reading; ``facts`` source, locator and status as a file gives
    them.
    """

    day: Array
    share: Array
    risk_day: Array
    at_risk: NDArray[np.int64]
    events: int | None = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Patients at the start."""
        return int(self.at_risk[0])


@dataclass(frozen=True)
class Column:
    """Numbers (K,) with the place of each in its file, if any."""

    name: str
    values: Array
    places: Sequence[Location | None]

    @classmethod
    def of(cls, name: str, values: Sequence[float]) -> Column:
        """Numbers that stand in no file."""
        return cls(name, np.asarray(values, dtype=np.float64), [None] * len(values))

    def refused(self, which: int, needed: str) -> UserError:
        """What to raise at one of the numbers."""
        return UserError(f"found {self.name} {self.values[which]:g}; needed {needed}", self.places[which])

    def require_order(self, strictly: bool) -> None:
        """Refuse what is not finite, is negative, or runs backward."""
        for i, value in enumerate(self.values.tolist()):
            before = float(self.values[i - 1]) if i else -np.inf
            if not np.isfinite(value) or value < 0:
                raise self.refused(i, "a finite number that is not negative")
            if value < before or (strictly and value == before):
                raise self.refused(i, f"one {'above' if strictly else 'not below'} the {before:g} before it")


Risk = tuple[Column, Column]


def digitised(
    time: Sequence[float],
    survival: Sequence[float],
    *,
    unit: str,
    at_risk: Mapping[float, int] | None = None,
    n: int | None = None,
    events: int | None = None,
) -> Digitised:
    """A curve from numbers.

    Args:
        time: (K,) of the points read off the plot, in order; the corners of the steps serve best.
        survival: (K,) there, as shares from 1 or as per cent from 100.
        unit: of all times: day, week, month or year.
        at_risk: number at risk by time, the first at 0.
        n: patients at the start, where no numbers at risk are published.
        events: in total, if published.

    Raises:
        UserError: an unknown unit, times that go backward, a curve that rises or does not start at 1, numbers at risk
            that rise, or that are too many for the curve.
    """
    risk = None
    if at_risk is not None:
        risk = Column.of("time", list(at_risk)), Column.of("number at risk", list(at_risk.values()))
    return checked(Column.of("time", time), Column.of("survival", survival), risk, unit, n, events)


def checked(
    time: Column,
    survival: Column,
    risk: Risk | None,
    unit: str,
    n: int | None,
    events: int | None,
    facts: Mapping[str, str] | None = None,
) -> Digitised:
    """A curve from columns, as ``digitised`` makes it of numbers.

    Args:
        time: (K,) of the points.
        survival: (K,) there.
        risk: times and numbers at risk (R,).
        unit: of all times.
        n: patients at the start.
        events: in total.
        facts: source, locator and status.

    Raises:
        UserError: as for ``digitised``, with the line of the file.
    """
    days = _days(unit)
    if len(time.values) != len(survival.values) or len(time.values) < 2:
        raise UserError(f"found {len(time.values)} times and {len(survival.values)} values of survival; needed as many "
                        "of each, and two or more")  # fmt: skip
    time.require_order(strictly=False)
    share, notes = _levelled(survival)
    day = time.values * days
    if day[0] > 0 or share[0] < 1:
        day, share = np.append(0.0, day), np.append(1.0, share)
    risk_day, at_risk = _numbers_at_risk(risk, n, days)
    if events is not None and not 0 <= events <= at_risk[0]:
        raise UserError(f"found {events} events of {at_risk[0]} patients; needed 0 to {at_risk[0]}")
    found = Digitised(day, share, risk_day, at_risk, events, tuple(notes), facts or {})
    if risk is not None:
        _require_fit(found, risk[1], days)
    return found


def _days(unit: str) -> float:
    name = unit.removesuffix("s")
    if name not in DAYS:
        found = f"the unit of time {unit!r}" if unit else "no unit of time"
        raise UserError(f"found {found}; needed one of {', '.join(DAYS)}{nearest(unit, DAYS)}")
    return DAYS[name]


def _levelled(survival: Column) -> tuple[Array, list[str]]:
    """(K,) shares that never rise, nearest to those read (isotonic regression), and what was changed."""
    values, notes, whole = survival.values, [], 1.0
    if np.abs(values[0] - 100) <= 100 * TOLERANCE:
        whole, notes = 100.0, ["survival was read as per cent"]
    share = values / whole
    if not np.abs(share[0] - 1) <= TOLERANCE:
        raise survival.refused(0, f"1 or 100 % at the first point, to {TOLERANCE:.2g}; add the start of the curve")
    outside = ~((share >= -TOLERANCE) & (share <= 1 + TOLERANCE))
    if outside.any():
        raise survival.refused(int(outside.argmax()), f"0 to {whole:g}")
    rises = share > np.minimum.accumulate(share) + 2 * TOLERANCE + 1e-12
    if rises.any():
        which = int(rises.argmax())
        lowest, most = float(values[:which].min()), 2 * TOLERANCE * whole
        raise survival.refused(which, f"at most the {lowest:g} before it: a survival curve cannot rise (up to {most:g} "
                                      "pass for errors of reading and are levelled)")  # fmt: skip
    level = np.asarray(isotonic_regression(np.clip(share, 0.0, 1.0), increasing=False).x, dtype=np.float64)
    moved = np.abs(level - share)
    if (moved > 1e-9).any():
        notes.append(f"{(moved > 1e-9).sum()} of {len(share)} points were moved, by at most {moved.max():.2g}, so that "
                     "the curve lies within 0 to 1 and never rises")  # fmt: skip
    return level, notes


def _numbers_at_risk(risk: Risk | None, n: int | None, days: float) -> tuple[Array, NDArray[np.int64]]:
    if risk is None:
        if n is None or n < 1:
            raise UserError(f"found {'no number of patients' if n is None else f'{n} patients'}; needed the numbers at "
                            "risk, or at least how many patients there were")  # fmt: skip
        return np.zeros(1), np.array([n], dtype=np.int64)
    time, counts = risk
    time.require_order(strictly=True)
    for i, count in enumerate(counts.values.tolist()):
        if not np.isfinite(count) or count < 0 or count % 1:
            raise counts.refused(i, "a whole number that is not negative")
        if i and count > counts.values[i - 1]:
            raise counts.refused(i, f"at most the {counts.values[i - 1]:g} before it: numbers at risk cannot rise")
    if not len(time.values) or time.values[0] != 0:
        raise UserError("found no number at risk at time 0; needed it", time.places[0] if len(time.places) else None)
    if counts.values[0] < 1 or (n is not None and n != counts.values[0]):
        raise counts.refused(0, "at least 1 at time 0" if n is None else f"{n}, the number of patients, at time 0")
    return time.values * days, counts.values.astype(np.int64)


def _require_fit(curve: Digitised, counts: Column, days: float) -> None:
    """Refuse numbers at risk that are too many for the curve: nobody is at risk after an event."""
    last = np.maximum(np.searchsorted(curve.day, curve.risk_day, side="left") - 1, 0)
    before = np.maximum(curve.share[last], TOLERANCE)
    for i in range(1, len(before)):
        most = curve.at_risk[i - 1] * before[i] / before[i - 1]
        if curve.at_risk[i] > most + 1 + 2 * TOLERANCE * curve.at_risk[i - 1] / before[i - 1]:
            raise counts.refused(i, f"about {most:.0f} or fewer at time {curve.risk_day[i] / days:g}: numbers at risk "
                                    "must fall at least as the curve does")  # fmt: skip

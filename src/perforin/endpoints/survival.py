"""Progression-free, event-free and overall survival, and duration of response, from Records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from perforin.endpoints.arm import Arm, Once, align
from perforin.endpoints.criteria import Responses, responses
from perforin.endpoints.kaplan_meier import Curve, log_rank
from perforin.endpoints.registry import add, endpoint
from perforin.endpoints.samples import Milestone, RestrictedMean, Sample, SurvivalMedian, Times

__all__ = ["DAYS_PER_YEAR", "curve", "duration_of_response", "log_rank_of", "milestone", "restricted_mean",
           "survival_median", "survival_times"]  # fmt: skip

Array = NDArray[np.float64]
What = Literal["PFS", "EFS", "OS", "DOR"]
DAYS_PER_YEAR = 365.0
FAILURE_DAY = 90.0
"""Nobody without a response by the visit nearest this day is event-free."""


def survival_times(arm: Arm, what: What) -> Times | None:
    """Days to an event or to censoring in the arm's population; None where the records do not hold what is needed.

    OS: death; censored at the last follow-up. PFS: first visit that shows progression, or death; censored at the last
    evaluable visit. EFS: PFS, or no response by the visit nearest day 90; those enrolled and never infused have the
    event on the day of their loss. DOR: from the first response of those who responded to progression or death. Days
    count from infusion; with the population ``enrolled`` they count from enrolment, by adding the wait. Times that are
    recorded as such (``time:PFS``, reconstructed from a published curve) are taken as they are, in either population.
    """
    if arm.has(f"time:{what}"):
        known = arm.once(f"time:{what}")
        return Times(known.subjects, known.day, known.value == 1)
    if not arm.has("death"):
        return None
    found = None if what == "OS" else responses(arm)
    if what != "OS" and found is None:
        return None
    death = arm.once("death")
    infused = _infused(arm, what, death, found)
    if what == "DOR" or arm.population == "infused":
        return infused
    return _since_enrolment(arm, what, infused, death)


def _infused(arm: Arm, what: What, death: Once, found: Responses | None) -> Times:
    place, there = align(arm.infused, death.subjects)
    subjects, place = arm.infused[there], place[there]
    died, last = death.value[place] == 1, death.day[place]
    if found is None:
        return Times(subjects, last, died)
    progression, assessed = found.progression[there], found.last_assessed[there]
    if what == "EFS":
        progression = np.minimum(progression, _failure(arm, found)[there])
    progressed = progression <= np.where(died, last, np.inf)
    progressed &= np.isfinite(progression)
    time = np.where(progressed, progression, np.where(died, last, np.minimum(assessed, last)))
    event = progressed | died
    if what != "DOR":
        return Times(subjects, time, event)
    began = found.since(found.response)[there]
    chosen = np.isfinite(began)
    return Times(subjects[chosen], np.maximum(time[chosen] - began[chosen], 0.0), event[chosen])


def _failure(arm: Arm, found: Responses) -> Array:
    """(n,) day of the visit nearest day 90 for those without a response so far, infinity for the others."""
    if len(found.days) == 0:
        return np.full(len(found.subjects), np.inf)
    distance = np.where(found.codes >= 0, np.abs(found.days - FAILURE_DAY), np.inf)
    column, who = distance.argmin(axis=1), np.arange(len(distance))
    day = np.where(distance[who, column] <= arm.window, found.days[column], np.inf)
    return np.where(found.since(found.response) > day, day, np.inf)


def _since_enrolment(arm: Arm, what: What, infused: Times, death: Once) -> Times | None:
    if not arm.has("time_to_infusion"):
        return None
    waits = arm.once("time_to_infusion")
    subjects = arm.enrolled
    wait_at, waited = align(subjects, waits.subjects)
    wait = np.where(waited, waits.value[wait_at], 0.0)
    inside, given = align(subjects, infused.subjects)
    outside, known = align(subjects, death.subjects)
    time = np.where(given, wait + infused.time[inside], death.day[outside]) if len(infused.time) else death.day[outside]
    event = np.where(given, infused.event[inside], death.value[outside] == 1) if len(infused.time) \
        else death.value[outside] == 1  # fmt: skip
    if what == "EFS":
        time, event = np.where(given, time, wait), np.where(given, event, True)
    counted = known | given
    return Times(subjects[counted], time[counted], event[counted].astype(np.bool_))


def curve(arm: Arm, what: What, level: float = 0.95) -> Curve | None:
    """The Kaplan-Meier curve of an arm; None where the records do not hold it or nobody is in it."""
    times = survival_times(arm, what)
    return times.curve(level) if times is not None and len(times.time) else None


def log_rank_of(first: Arm, second: Arm, what: What) -> tuple[float, float] | None:
    """Statistic and two-sided p-value of the log-rank test between two arms; None where either lacks the times.

    The test takes the arms' patients for independent, so with the same patients in both it understates the evidence.
    """
    one, other = survival_times(first, what), survival_times(second, what)
    if one is None or other is None or not len(one.time) or not len(other.time):
        return None
    return log_rank((one.time, one.event), (other.time, other.event))


def milestone(arm: Arm, what: What, day: float) -> Sample | None:
    """Kaplan-Meier share of {what} at day {day:g}."""
    times = survival_times(arm, what)
    return None if times is None or not len(times.time) else Milestone(times, day)


def restricted_mean(arm: Arm, what: What, day: float) -> Sample | None:
    """Mean days of {what} up to day {day:g}: the area under the Kaplan-Meier curve."""
    times = survival_times(arm, what)
    return None if times is None or not len(times.time) else RestrictedMean(times, day)


def survival_median(arm: Arm, what: What) -> Sample | None:
    """Kaplan-Meier median of {what}."""
    times = survival_times(arm, what)
    return None if times is None or not len(times.time) else SurvivalMedian(times)


@endpoint("DOR_median", unit="day", better=1)
def duration_of_response(arm: Arm) -> Sample | None:
    """Kaplan-Meier median of the duration of response, among those who responded."""
    return survival_median(arm, "DOR")


def _enter(name: str, function: Callable[..., Sample | None], unit: str, what: What, day: float | None) -> None:
    given = {} if day is None else {"day": day}

    def make(arm: Arm) -> Sample | None:
        return function(arm, what, **given)

    add(name, make, unit, 1, (function.__doc__ or "").format(what=what, **given))


_ALL: tuple[What, ...] = ("PFS", "EFS", "OS")
for _what in _ALL:
    for _months in (3, 6, 9, 12, 18, 24, 36):
        _enter(f"{_what}_{_months}m", milestone, "", _what, DAYS_PER_YEAR * _months / 12)
    for _months in (6, 12, 24):
        _enter(f"RMST_{_what}_{_months}m", restricted_mean, "day", _what, DAYS_PER_YEAR * _months / 12)
    _enter(f"{_what}_median", survival_median, "day", _what, None)
for _months in (6, 12):
    _enter(f"DOR_{_months}m", milestone, "", "DOR", DAYS_PER_YEAR * _months / 12)

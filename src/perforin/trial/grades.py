"""Grades of toxicity from latent severities: an ordinal logit whose luck belongs to the patient, not to the arm."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from perforin.model.functions import log, maximum
from perforin.patients.course import Course
from perforin.streams import Streams
from perforin.trial.numbers import Numbers

__all__ = [
    "LUCK", "Toxicities", "Toxicity", "admission_day", "crs_severity", "crs_signal", "graded", "icans_signal",
    "toxicities", "widths",
]  # fmt: skip

Number = Any

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def widths(days: Array) -> Array:
    """(D,) days that each point of a grid stands for: half way to its neighbours [day]."""
    if len(days) == 1:
        return np.ones(1)
    middle = (days[1:] + days[:-1]) / 2
    return np.diff(np.concatenate([days[:1], middle, days[-1:]]))


@dataclass(frozen=True)
class Toxicity:
    """One kind of toxicity.

    ``onsets`` (N, 4) first day with grade 1 to 4 or worse, infinity where never reached [day]; ``duration`` (N,) days
    above the cut of grade 1; ``severe`` (N, D) days of the worst grades that raise the hazard of death.
    """

    onsets: Array
    duration: Array
    severe: Mask

    @property
    def grade(self) -> Array:
        """(N,) highest grade, 0 to 4."""
        return np.asarray(np.isfinite(self.onsets).sum(axis=1), dtype=np.float64)

    @property
    def onset(self) -> Array:
        """(N,) first day with any grade, infinity for none [day]."""
        return self.onsets[:, 0]

    def until(self, last: Array) -> Toxicity:
        """What was seen by each patient's last day (N,) of follow-up."""
        onsets = np.where(self.onsets <= last[:, None], self.onsets, np.inf)
        seen = np.where(np.isfinite(onsets[:, 0]), last - onsets[:, 0], 0.0)
        return replace(self, onsets=onsets, duration=np.minimum(self.duration, np.maximum(seen, 0.0)))


@dataclass(frozen=True)
class Toxicities:
    """The three kinds."""

    crs: Toxicity
    icans: Toxicity
    gvhd: Toxicity


def graded(
    days: Array, now: Array, worst: Array, cuts: Array, allowed: Mask, severe_from: int,
    between: Mapping[int, Array] = MappingProxyType({}),
) -> Toxicity:  # fmt: skip
    """Grades of a latent severity.

    Args:
        days: (D,) [day].
        now: (N, D) severity on each day, with the patient's luck in it.
        worst: (N, D) severity so far, never falling.
        cuts: (4,) cut-points of grades 1 to 4.
        allowed: (D,) days on which toxicity counts.
        severe_from: the grade whose days count as severe: from its onset until severity falls below the cut of the
            grade below.
        between: grade -> (N,) day on which it was seen to be reached between the days, NaN for never: a drug given at
            that moment may leave nothing to be seen on the next day.
    """
    with np.errstate(invalid="ignore"):
        reached = (worst[:, :, None] > cuts) & allowed[None, :, None]
        above = (now > cuts[0]) & allowed[None, :]
        severe = reached[:, :, severe_from - 1] & (now > cuts[severe_from - 2])
    onsets = np.where(reached.any(axis=1), days[reached.argmax(axis=1)], np.inf)
    for grade, day in between.items():
        onsets[:, :grade] = np.fmin(onsets[:, :grade], day[:, None])
    step = float(np.median(np.diff(days))) if len(days) > 1 else 1.0
    lasted = np.where(np.isfinite(onsets[:, 0]), np.maximum((above * widths(days)).sum(axis=1), step), 0.0)
    return Toxicity(onsets, lasted, severe)


def _logistic(purpose: str) -> Callable[[NDArray[np.int64], Streams], Array]:
    return lambda patients, streams: np.asarray(logit(streams.uniform(purpose, patients)), dtype=np.float64)


LUCK = {"CRS": _logistic("severity of cytokine release"), "ICANS": _logistic("severity of neurotoxicity")}
"""Each patient's own standard logistic number, added to a severity after multiplication by its spread."""


def crs_signal(level: Number, numbers: Numbers) -> Number:
    """Decades of a cytokine [pg/mL] above 1, at least those of the floor; of any kind of number."""
    return log(maximum(level, numbers["crs.cytokine_floor"])) / math.log(10)


def crs_severity(numbers: Numbers, il6: Number, ifn_gamma: Number, fever: Number) -> Number:
    """Severity without luck, from signals of interleukin 6 and interferon gamma and from days of fever."""
    return il6 + numbers["crs.ifn_gamma_weight"] * ifn_gamma + numbers["crs.fever_weight"] * fever


def icans_signal(injury: Number, numbers: Numbers) -> Number:
    """Severity without luck: logarithm of the injury of the endothelium times a factor of antigen and product."""
    return log(maximum(injury, 0.0) * numbers["icans.factor"])


def _between(toxicity: str, course: Course) -> dict[int, Array]:
    return {grade: day for (name, grade), day in course.reached.items() if name == toxicity}


def _crs(course: Course, numbers: Numbers, streams: Streams) -> Toxicity:
    """Severity: log10 peak interleukin 6, weighted log10 peak interferon gamma, and days with fever."""
    days = course.days
    signal = course["il6_signal"] if "il6_signal" in course.observables else course["il6"]
    allowed = (days >= 0) & (days <= numbers["crs.window"])
    inside = np.where(allowed, 1.0, np.nan)
    il6, ifn = (crs_signal(level, numbers) * inside for level in (signal, course["ifn_gamma"]))
    with np.errstate(invalid="ignore"):
        fever = np.cumsum((signal > numbers["crs.fever_il6"]) * allowed * widths(days), axis=1)
    luck = numbers["crs.spread"] * LUCK["CRS"](course.patients, streams)[:, None]
    highest, highest_ifn = (np.fmax.accumulate(decades, axis=1) for decades in (il6, ifn))
    worst = crs_severity(numbers, highest, highest_ifn, fever) + luck
    now = crs_severity(numbers, il6, ifn, fever) + luck
    return graded(days, now, worst, numbers.cuts("crs"), allowed, 4, _between("CRS", course))


def _icans(course: Course, numbers: Numbers, streams: Streams) -> Toxicity:
    """Severity: logarithm of the peak injury of the endothelium times a factor of antigen and product."""
    allowed = (course.days >= 0) & (course.days <= numbers["icans.window"])
    with np.errstate(divide="ignore", invalid="ignore"):
        injury = icans_signal(course["endothelial_injury"], numbers)
    injury = np.where(allowed, injury, np.nan)
    luck = numbers["icans.spread"] * LUCK["ICANS"](course.patients, streams)[:, None]
    worst = np.fmax.accumulate(injury, axis=1)
    cuts = np.log(numbers.cuts("icans"))
    return graded(course.days, injury + luck, worst + luck, cuts, allowed, 4, _between("ICANS", course))


def _gvhd(course: Course, numbers: Numbers, streams: Streams) -> Toxicity:
    """Severity: peak injury by the graft times the patient's own factor."""
    allowed = course.days >= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        injury = np.log(np.maximum(course["graft_injury"], 0))
    luck = numbers["gvhd.spread"] * streams.normal("severity of graft-versus-host disease", course.patients)[:, None]
    now = np.where(allowed, injury, np.nan) + luck
    return graded(course.days, now, np.fmax.accumulate(now, axis=1), np.log(numbers.cuts("gvhd")), allowed, 3)


def toxicities(course: Course, numbers: Numbers, streams: Streams) -> Toxicities:
    """Grade the toxicities of a course, without regard to how long the patient lives.

    CRS is graded on ``il6_signal`` (interleukin 6 that finds its receptor) where the course has it, else on ``il6``.

    Args:
        course: with il6, ifn_gamma [pg/mL], endothelial_injury and graft_injury.
        numbers: weights, windows, spreads and cut-points.
        streams: the patients' luck, shared by arms.
    """
    return Toxicities(*(grade(course, numbers, streams) for grade in (_crs, _icans, _gvhd)))


def admission_day(found: Toxicities, numbers: Numbers) -> Array:
    """(N,) first day that meets an inpatient criterion, infinity for never [day]."""
    kinds = (("crs", found.crs), ("icans", found.icans), ("gvhd", found.gvhd))
    days = [one.onsets[:, int(numbers[f"admission.{name}_grade"]) - 1] for name, one in kinds]
    return np.asarray(np.min(days, axis=0), dtype=np.float64)

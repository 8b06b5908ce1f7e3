"""Death, dropout and the end of follow-up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.making.lot import LOST, Lots
from perforin.patients.course import Course
from perforin.streams import Streams
from perforin.trial.grades import Toxicities
from perforin.trial.plan import TrialPlan
from perforin.trial.tumour import Tumour

__all__ = ["FollowUp", "first_crossing", "follow_up", "hazard"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FollowUp:
    """(N,) days since infusion, or since enrolment for those never infused; infinity where it did not happen [day].

    ``death`` and ``dropout`` as they would come without the other; ``end`` of the trial for the patient; ``last`` day
    on which the patient was followed.
    """

    death: Array
    dropout: Array
    end: Array

    @property
    def last(self) -> Array:
        """(N,) the first of death, dropout and end."""
        return np.minimum(np.minimum(self.death, self.dropout), self.end)

    @property
    def died(self) -> NDArray[np.bool_]:
        """(N,) whether death was seen."""
        return np.asarray(self.death <= np.minimum(self.dropout, self.end))

    @property
    def left(self) -> NDArray[np.bool_]:
        """(N,) whether dropout was seen."""
        return np.asarray((self.dropout < self.death) & (self.dropout < self.end))


def hazard(course: Course, tumour: Tumour, found: Toxicities, plan: TrialPlan) -> Array:
    """(N, D) hazard of death [1/day]: background, living tumour, grade 4 CRS, infection and severe GvHD, added up."""
    numbers = plan.numbers
    with np.errstate(divide="ignore", invalid="ignore"):
        decades = np.maximum(np.log10(tumour.living / numbers["death.harmless_burden"]), 0)
        neutropenic = course["neutrophils"] < numbers["death.neutropenia_limit"]
        aplastic = (course["healthy_fraction"] < numbers["death.aplasia_limit"]) & plan.antibody_makers
    return np.asarray(
        numbers["death.background"]
        + numbers["death.burden"] * decades
        + numbers["death.crs"] * found.crs.severe
        + numbers["death.neutropenia"] * neutropenic
        + numbers["death.aplasia"] * aplastic
        + numbers["death.gvhd"] * found.gvhd.severe,
        dtype=np.float64,
    )


def first_crossing(days: Array, rates: Array, target: Array) -> Array:
    """The day on which the integral of a rate reaches a target.

    Args:
        days: (D,) [day].
        rates: (N, D) [1/day], straight between days.
        target: (N,).

    Returns:
        (N,) days, within a step on a straight line of the integral; infinity where not reached.
    """
    steps = np.diff(days) * (rates[:, 1:] + rates[:, :-1]) / 2
    total = np.concatenate([np.zeros((len(rates), 1)), np.cumsum(steps, axis=1)], axis=1)
    reached = total >= target[:, None]
    right = np.maximum(reached.argmax(axis=1), 1)
    who = np.arange(len(rates))
    if len(days) == 1:
        return np.full(len(rates), np.inf)
    before, after = total[who, right - 1], total[who, right]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(after > before, (target - before) / (after - before), 0.0)
    day = days[right - 1] + np.clip(share, 0, 1) * (days[right] - days[right - 1])
    return np.where(reached.any(axis=1), day, np.inf)


def follow_up(course: Course, lots: Lots, rates: Array, plan: TrialPlan, streams: Streams) -> FollowUp:
    """Draw death and dropout, one uniform number each per patient, shared by all arms.

    Never infused: some of those lost while waiting died then; the others live on, from their loss, with the hazard of
    their untreated course where the course holds it, else with a constant one.

    Args:
        course: (N,) patients.
        lots: what arrived for the same patients.
        rates: (N, D) hazard of death [1/day].
        plan: horizon and numbers.
        streams: the shared luck.
    """
    numbers, who = plan.numbers, course.patients
    luck = -np.log(streams.uniform("death", who))
    infused, counted = course.infused, course.days >= 0
    days = course.days[counted]
    waiting = ~infused[:, None] & (days < lots.day[:, None])
    death = first_crossing(days, np.where(waiting, 0.0, rates[:, counted]), luck)
    unknown = ~infused & ~np.isfinite(rates).all(axis=1)
    death = np.where(unknown, lots.day + luck / numbers["death.untreated"], death)
    at_once = (lots.reason == LOST) & (streams.uniform("loss is death", who) < numbers["death.loss_is_death"])
    death = np.where(infused, death, np.where(at_once, lots.day, np.maximum(death, lots.day)))
    leaving = numbers["dropout.rate"]
    patience = -np.log(streams.uniform("dropout", who))
    dropout = patience / leaving if leaving > 0 else np.full(len(who), np.inf)
    end = np.where(infused, min(plan.horizon, float(days[-1])), np.maximum(plan.horizon, lots.day))
    return FollowUp(death, np.where(infused, dropout, np.maximum(dropout, lots.day)), end)

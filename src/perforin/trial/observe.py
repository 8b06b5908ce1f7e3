"""Courses in, Records out: the one door of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from perforin.errors import UserError
from perforin.making.lot import QUALITIES, Lots
from perforin.patients.course import Course
from perforin.records import Records
from perforin.streams import Streams
from perforin.trial.grades import Toxicities, Toxicity, admission_day, toxicities
from perforin.trial.numbers import Numbers
from perforin.trial.plan import TrialPlan
from perforin.trial.rows import Rows, Writer
from perforin.trial.sampling import sampling_rows, transgene
from perforin.trial.survival import FollowUp, follow_up, hazard
from perforin.trial.tumour import tumour_of
from perforin.trial.visits import visit_rows

__all__ = ["clearance_day", "observe"]

Array = NDArray[np.float64]


def observe(course: Course, lots: Lots, plan: TrialPlan, streams: Streams, *, arm: str) -> Records:
    """Write down what a trial would see of one arm.

    Patients whose equations failed are left out; those never infused appear with their waiting time, cost and survival.

    Args:
        course: what happened to N patients.
        lots: what arrived for the same patients, in the same order.
        plan: protocol, the same for every arm.
        streams: the luck that arms share.
        arm: name of the arm.

    Raises:
        UserError: course and lots of different patients, or an observable that is missing.
    """
    if not np.array_equal(course.patients, lots.patient) or not np.array_equal(course.infused, lots.infused):
        raise UserError(f"found a course and lots of different patients in the arm {arm!r}; needed the same patients, "
                        "infused or not, in the same order")  # fmt: skip
    solved = course.solved
    course, lots = course.only(solved), lots.only(solved)
    numbers, tumour, writer = plan.numbers, tumour_of(course), Writer(arm, course.patients)
    found = toxicities(course, numbers, streams)
    follow = follow_up(course, lots, hazard(course, tumour, found, plan), plan, streams)
    last = np.where(course.infused, follow.last, np.nan)
    return writer.records([
        *_enrolment(course, lots, writer),
        *visit_rows(course, tumour, plan, streams, writer, last),
        *sampling_rows(course, plan, streams, writer, last),
        *_toxicity(course, found, follow, numbers, writer),
        *_end(course, follow, writer),
    ])  # fmt: skip


def _enrolment(course: Course, lots: Lots, writer: Writer) -> Iterator[Rows]:
    yield writer.once("enrolled", 1)
    yield writer.once("time_to_infusion", lots.day, "day", day=lots.day, censored=~course.infused)
    yield writer.once("infused", course.infused)
    yield writer.once("cost", course.cost, "USD")
    for reason in np.unique(lots.reason[~lots.infused]).tolist():
        yield writer.once(f"lost:{reason}", 1, day=lots.day, where=~lots.infused & (lots.reason == reason))
    yield writer.once("lot_living_share", lots.living_share, where=lots.infused)
    for quality in QUALITIES:
        if (getattr(lots, quality) != 1).any():
            yield writer.once(f"lot_{quality}", getattr(lots, quality), where=lots.infused)
    for what in ("lot", "donor"):
        if (getattr(lots, what) >= 0).any():
            yield writer.once(f"{what}_number", getattr(lots, what), where=lots.infused)


def clearance_day(course: Course, numbers: Numbers, last: Array) -> Array:
    """(N,) first day from which the product stays below the assay limit up to the last day, infinity for none [day]."""
    copies = transgene(course["product_blood"], numbers)
    followed = (course.days >= 0) & (course.days <= last[:, None])
    detected = (copies >= numbers["kinetics.limit"]) & followed
    after = np.where(detected.any(axis=1), detected.shape[1] - detected[:, ::-1].argmax(axis=1), 0)
    inside = np.minimum(after, len(course.days) - 1)
    cleared = (after < len(course.days)) & followed[np.arange(len(course)), inside]
    return np.where(cleared, course.days[inside], np.inf)


def _toxicity(
    course: Course, found: Toxicities, follow: FollowUp, numbers: Numbers, writer: Writer
) -> Iterator[Rows]:
    infused, last = course.infused, follow.last
    seen = Toxicities(*(one.until(last) for one in (found.crs, found.icans, found.gvhd)))
    died_of = follow.died & (seen.crs.grade >= 4) & _on(course, found.crs, follow.death)
    for name, one in (("crs", seen.crs), ("icans", seen.icans), ("gvhd", seen.gvhd)):
        grade = np.where(died_of, 5.0, one.grade) if name == "crs" else one.grade
        onset = np.where(grade > 0, one.onset, np.nan)
        yield writer.once(f"{name}_max_grade", grade, day=onset, where=infused)
        if name != "gvhd":
            yield writer.once(f"{name}_duration", one.duration, "day", day=onset, where=infused & (grade > 0))
    admitted = admission_day(seen, numbers)
    yield writer.once("admission", np.isfinite(admitted), where=infused,
                      day=np.where(np.isfinite(admitted), admitted, np.nan))  # fmt: skip
    start = np.minimum(seen.crs.onsets[:, 1], seen.icans.onsets[:, 1])
    cleared = clearance_day(course, numbers, last)
    with np.errstate(invalid="ignore"):
        days = np.maximum(np.where(np.isfinite(cleared), cleared, last) - start, 0.0)
    yield writer.once("toxicity_to_clearance", days, "day", day=start, censored=~np.isfinite(cleared),
                      where=infused & np.isfinite(start))  # fmt: skip


def _on(course: Course, one: Toxicity, day: Array) -> NDArray[np.bool_]:
    """(N,) whether the toxicity was severe on each patient's own day."""
    finite = np.where(np.isfinite(day), day, course.days[0])
    at = np.clip(np.searchsorted(course.days, finite, side="right") - 1, 0, len(course.days) - 1)
    return np.asarray(one.severe[np.arange(len(course)), at] & np.isfinite(day))


def _end(course: Course, follow: FollowUp, writer: Writer) -> Iterator[Rows]:
    last = follow.last
    yield writer.once("death", follow.died, day=last, censored=~follow.died)
    yield writer.once("dropout", follow.left, day=last, censored=~follow.left)
    gone = course.extinct_day <= np.minimum(last, course.days[-1])
    yield writer.once("extinct", gone, day=np.where(gone, course.extinct_day, last), where=course.infused)

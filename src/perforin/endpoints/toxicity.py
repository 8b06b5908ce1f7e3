"""Cytokine release, neurotoxicity and graft-versus-host disease: how many, how bad, when and how long."""

from __future__ import annotations

import numpy as np

from perforin.endpoints.arm import Arm, align
from perforin.endpoints.registry import endpoint
from perforin.endpoints.samples import Median, Sample, Share, SurvivalMedian, Times

__all__ = ["grade_at_least", "grade_counts", "no_admission", "toxicity_duration", "toxicity_onset",
           "toxicity_to_clearance"]  # fmt: skip

GRADES = 5


@endpoint("CRS_any", better=-1, kind="crs", grade=1)
@endpoint("CRS_ge2", better=-1, kind="crs", grade=2)
@endpoint("CRS_ge3", better=-1, kind="crs", grade=3)
@endpoint("ICANS_any", better=-1, kind="icans", grade=1)
@endpoint("ICANS_ge2", better=-1, kind="icans", grade=2)
@endpoint("ICANS_ge3", better=-1, kind="icans", grade=3)
@endpoint("GvHD_any", better=-1, kind="gvhd", grade=1)
@endpoint("GvHD_ge2", better=-1, kind="gvhd", grade=2)
@endpoint("GvHD_ge3", better=-1, kind="gvhd", grade=3)
def grade_at_least(arm: Arm, kind: str, grade: int) -> Sample | None:
    """Share of the infused with {kind} of grade {grade} or more."""
    if not arm.has(f"{kind}_max_grade"):
        return None
    once = arm.once(f"{kind}_max_grade")
    place, there = align(arm.infused, once.subjects)
    return Share(arm.infused[there], once.value[place[there]] >= grade)


@endpoint("CRS_onset", unit="day", kind="crs")
@endpoint("ICANS_onset", unit="day", kind="icans")
@endpoint("GvHD_onset", unit="day", kind="gvhd")
def toxicity_onset(arm: Arm, kind: str) -> Sample | None:
    """Median day of onset of {kind}, among those who had it."""
    if not arm.has(f"{kind}_max_grade"):
        return None
    once = arm.once(f"{kind}_max_grade")
    had = once.value > 0
    return Median(once.subjects[had], once.day[had]) if had.any() else None


@endpoint("CRS_duration", unit="day", better=-1, kind="crs")
@endpoint("ICANS_duration", unit="day", better=-1, kind="icans")
def toxicity_duration(arm: Arm, kind: str) -> Sample | None:
    """Median days with {kind}, among those who had it."""
    if not arm.has(f"{kind}_duration"):
        return None
    once = arm.once(f"{kind}_duration")
    return Median(once.subjects, once.value)


@endpoint("no_admission_share", better=1)
def no_admission(arm: Arm) -> Sample | None:
    """Share of the infused who never met an inpatient criterion."""
    if not arm.has("admission"):
        return None
    once = arm.once("admission")
    return Share(once.subjects, once.value == 0)


@endpoint("toxicity_to_clearance", unit="day", better=-1)
def toxicity_to_clearance(arm: Arm) -> Sample | None:
    """Median days from the onset of CRS or ICANS of grade 2 or more to the product below its assay limit."""
    if not arm.has("toxicity_to_clearance"):
        return None
    once = arm.once("toxicity_to_clearance")
    times = Times(once.subjects, once.value, ~once.censored)
    return SurvivalMedian(times, "censored where the product was still detected at the last follow-up")


def grade_counts(arm: Arm, kind: str) -> tuple[int, ...]:
    """Subjects with a highest grade of 0, 1, 2, 3, 4 and 5 of ``crs``, ``icans`` or ``gvhd``."""
    values = arm.once(f"{kind}_max_grade").value.astype(np.int64)
    return tuple(int(count) for count in np.bincount(values, minlength=GRADES + 1)[: GRADES + 1])

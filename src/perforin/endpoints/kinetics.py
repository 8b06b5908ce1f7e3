"""Kinetics of the product in blood, as its assay shows it, and the loss of healthy cells that share the antigen.

A sample below the assay limit is recorded at the limit, censored. It counts as half the limit in a peak or an area,
and as not detected elsewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perforin.endpoints.arm import Arm, Wide
from perforin.endpoints.registry import endpoint
from perforin.endpoints.samples import GeometricMean, Median, Sample, Share, SurvivalMedian, Times

__all__ = ["aplasia_duration", "aplasia_share", "exposure", "last_detectable", "peak", "peak_day", "persistence"]

Array = NDArray[np.float64]
COPIES = "transgene_copies"
APLASIA = 0.05
"""Share of baseline below which healthy cells that share the antigen count as absent."""
LONG_WINDOW = 45.0
"""Samples are sparse from three months on: one within this many days still counts [day]."""


def _levels(wide: Wide) -> Array:
    """(n, K) levels, half the limit where below it."""
    return np.where(wide.censored, wide.values / 2, wide.values)


@endpoint("Cmax", unit="copy/ug")
def peak(arm: Arm) -> Sample | None:
    """Geometric mean of the highest transgene level."""
    if not arm.has(COPIES):
        return None
    wide = arm.wide(COPIES)
    return GeometricMean(wide.subjects, np.nanmax(_levels(wide), axis=1), "below the assay limit: half of it")


@endpoint("Tmax", unit="day")
def peak_day(arm: Arm) -> Sample | None:
    """Median day of the highest transgene level, among those in whom the product was detected."""
    if not arm.has(COPIES):
        return None
    wide = arm.wide(COPIES)
    detected = (wide.recorded & ~wide.censored).any(axis=1)
    highest = np.where(wide.recorded & ~wide.censored, wide.values, -np.inf).argmax(axis=1)
    return Median(wide.subjects[detected], wide.days[highest[detected]]) if detected.any() else None


@endpoint("AUC0_28", unit="copy/ug*day", until=28.0)
@endpoint("AUC0_90", unit="copy/ug*day", until=90.0)
def exposure(arm: Arm, until: float) -> Sample | None:
    """Geometric mean of the area under the transgene level to day {until:g} (trapezoids between samples).

    Subjects without a sample on the last day or later are left out; on that day the level lies on the line between
    the samples around it.
    """
    if not arm.has(COPIES):
        return None
    wide = arm.wide(COPIES)
    levels, recorded = _levels(wide), wide.recorded & (wide.days >= 0)
    area, before, level = np.zeros(len(levels)), np.full(len(levels), np.inf), np.zeros(len(levels))
    for column, day in enumerate(wide.days.tolist()):
        there, now = recorded[:, column], levels[:, column]
        on = there & (before < until)
        width = min(day, until) - before[on]
        at_end = level[on] + (now[on] - level[on]) * width / (day - before[on])
        area[on] += width * (level[on] + at_end) / 2
        before, level = np.where(there, day, before), np.where(there, now, level)
    sampled = np.where(recorded, wide.days, -np.inf).max(axis=1) >= until
    if not sampled.any():
        return None
    return GeometricMean(wide.subjects[sampled], area[sampled], "below the assay limit: half of it")


@endpoint("last_detectable_day", unit="day")
def last_detectable(arm: Arm) -> Sample | None:
    """Median last sampling day on which the product was detected; 0 for those in whom it never was."""
    if not arm.has(COPIES):
        return None
    wide = arm.wide(COPIES)
    detected = wide.recorded & ~wide.censored
    last = np.max(np.where(detected, wide.days, 0.0), axis=1)
    still = last == np.max(np.where(wide.recorded, wide.days, 0.0), axis=1)
    return Median(wide.subjects, last, "still detected at the last sample in {marked}", still & (last > 0))


@endpoint("persistence_d28", day=28.0, within=7.0)
@endpoint("persistence_d90", day=90.0, within=30.0)
@endpoint("persistence_d180", day=180.0, within=LONG_WINDOW)
@endpoint("persistence_d365", day=365.0, within=LONG_WINDOW)
def persistence(arm: Arm, day: float, within: float) -> Sample | None:
    """Share with the product detected at the sample nearest day {day:g} (within {within:g} days), of those sampled."""
    if not arm.has(COPIES):
        return None
    wide = arm.wide(COPIES)
    column, there = wide.nearest_to(day, within)
    detected = ~wide.censored[np.arange(len(column)), column]
    return Share(wide.subjects[there], detected[there]) if there.any() else None


@endpoint("aplasia_share", better=-1)
def aplasia_share(arm: Arm) -> Sample | None:
    """Share of the infused whose healthy cells with the antigen fell below 5 % of baseline at any visit."""
    if not arm.has("healthy_fraction"):
        return None
    wide = arm.wide("healthy_fraction")
    low = np.asarray((wide.values < APLASIA) & (wide.days > 0), dtype=np.bool_)
    return Share(wide.subjects, np.asarray(low.any(axis=1)))


@endpoint("aplasia_duration", unit="day", better=-1)
def aplasia_duration(arm: Arm) -> Sample | None:
    """Median days from the first visit with aplasia to the first later visit without it, among those who had it."""
    if not arm.has("healthy_fraction"):
        return None
    wide = arm.wide("healthy_fraction")
    low = (wide.values < APLASIA) & (wide.days > 0)
    had = low.any(axis=1)
    if not had.any():
        return None
    low, values = low[had], wide.values[had]
    began = wide.days[low.argmax(axis=1)]
    back = (values >= APLASIA) & (wide.days > began[:, None])
    ended = np.where(back.any(axis=1), wide.days[back.argmax(axis=1)], np.inf)
    last = np.max(np.where(~np.isnan(values), wide.days, 0.0), axis=1)
    times = Times(wide.subjects[had], np.minimum(ended, last) - began, np.isfinite(ended))
    return SurvivalMedian(times, "censored where aplasia lasted to the last visit")

"""The untreated course of a cohort, and the course of one arm from the day of its lots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perforin.access.cost import costs
from perforin.kernels.solution import FAILED, no_doses
from perforin.library import Model
from perforin.making.attrition import deadlines
from perforin.making.lot import Lots
from perforin.patients.cohort import Cohort
from perforin.patients.course import Course
from perforin.patients.doses import Administration, doses_for
from perforin.patients.treat import Treated, treated
from perforin.prepared import PreparedArm, Ready
from perforin.streams import Streams
from perforin.trial.grades import toxicities

__all__ = ["TOLERANCE", "Waiting", "treat", "values_of", "wait"]

Array = NDArray[np.float64]

TOLERANCE = 1e-5
"""Relative tolerance of the kernels; benchmarks/run.py measures the error that it gives."""
ATTRITION = "waiting.attrition"
"""A disease's hazard of loss before infusion [1/day]."""


@dataclass(frozen=True)
class Waiting:
    """What happens to the patients without treatment: once for all arms, for they do not know of any."""

    deadline: Array
    untreated: Treated


def values_of(ready: Ready, model: Model, cohort: Cohort, streams: Streams) -> Array:
    """(patients, parameters) each patient's own numbers in one model."""
    set_by, multiplied_by = ready.scenario.parameter_columns(model, cohort.columns)
    return model.parameters.draw(cohort.patients, streams, set_by, multiplied_by)


def wait(ready: Ready, cohort: Cohort, streams: Streams) -> Waiting:
    """The untreated course from enrolment on, and the day on which waiting ends in loss."""
    model, kernel = ready.untreated, ready.untreated_kernel
    numbers = values_of(ready, model, cohort, streams)
    row = model.constants.get(ATTRITION)
    solution = kernel.run(numbers, model.network.start(numbers), no_doses(len(numbers)), ready.days, rtol=TOLERANCE)
    course = treated(model.network, kernel.outputs, solution, ready.days, cohort.patients, streams)
    return Waiting(deadlines(row.value if row else 0.0, cohort.patients, streams), course)


def treat(
    ready: Ready, arm: PreparedArm, cohort: Cohort, lots: Lots, waiting: Waiting, streams: Streams
) -> tuple[Course, pd.DataFrame]:
    """One arm from the lots' days on; returns the course and a table of the patients who failed, by name and reason.

    Rescue drugs follow in a second pass, given on the day on which the first pass reached the toxicity's grade: until
    then the two passes are equal.
    """
    numbers = values_of(ready, arm.model, cohort, streams)
    start = _at_begin(ready, arm, cohort, lots, numbers, streams)
    given = arm.administrations(cohort.columns, lots.viability)
    course, reasons = _run(ready, arm, cohort, lots, waiting, numbers, start, given, streams)
    if extra := _rescue(ready, arm, cohort, course, streams):
        course, reasons = _run(ready, arm, cohort, lots, waiting, numbers, start, [*given, *extra], streams)
    return course, reasons


def _at_begin(ready: Ready, arm: PreparedArm, cohort: Cohort, lots: Lots, numbers: Array, streams: Streams) -> Array:
    """(patients, states) when the course begins: what the wait has made of the patient's own states."""
    own, network = values_of(ready, ready.untreated, cohort, streams), ready.untreated.network
    begin = -np.maximum(lots.day + arm.begin, 0.0)
    waited = ready.untreated_kernel.run(
        own, network.start(own), no_doses(len(own)), np.zeros(1), begin=begin, rtol=TOLERANCE
    )
    start = arm.model.network.start(numbers)
    place = {name: i for i, name in enumerate(ready.untreated_kernel.outputs)}
    for i, name in enumerate(arm.model.network.state_names):
        if name in place and name in network.state_names:
            start[:, i] = waited.values[:, 0, place[name]]
    return start


def _run(
    ready: Ready, arm: PreparedArm, cohort: Cohort, lots: Lots, waiting: Waiting, numbers: Array, start: Array,
    given: Sequence[Administration], streams: Streams,
) -> tuple[Course, pd.DataFrame]:  # fmt: skip
    network, n = arm.model.network, len(numbers)
    infused = np.flatnonzero(lots.infused)
    doses = doses_for(
        network, [Administration(g.dose, g.day[infused], g.amount[infused]) for g in given], numbers[infused]
    )
    solution = arm.kernel.run(numbers[infused], start[infused], doses, ready.days, begin=arm.begin, rtol=TOLERANCE)
    done = treated(network, arm.kernel.outputs, solution, ready.days, cohort.patients[infused], streams)
    alone = waiting.untreated
    observables = {name: values.copy() for name, values in alone.observables.items()}
    status = alone.status.copy()
    ends = [alone.fate.extinct_day.copy(), alone.fate.positive_day.copy(), alone.fate.negative_day.copy()]
    for name, values in done.observables.items():
        observables.setdefault(name, np.zeros((n, len(ready.days))))[infused] = values
    status[infused] = done.status
    for end, own in zip(ends, (done.fate.extinct_day, done.fate.positive_day, done.fate.negative_day), strict=True):
        end[infused] = own
    course = Course(
        patients=cohort.patients, days=ready.days, observables=observables, infused=lots.infused, status=status,
        extinct_day=ends[0], positive_extinct_day=ends[1], negative_extinct_day=ends[2], wait=lots.day,
        cost=costs(arm.process, lots, max(arm.infusions, 1)).total, covariates=cohort.table(),
    )  # fmt: skip
    why = ["" for _ in range(n)]
    for place, reason in zip(infused, done.reasons, strict=True):
        why[place] = reason
    lost = [i for i in range(n) if status[i] == FAILED]
    table = {"arm": arm.name, "patient": cohort.patients[lost], "reason": [why[i] or alone.reasons[i] for i in lost]}
    return course, pd.DataFrame(table, columns=["arm", "patient", "reason"])


def _rescue(ready: Ready, arm: PreparedArm, cohort: Cohort, course: Course, streams: Streams) -> list[Administration]:
    """One dose of each rescue drug on the first day of the grade that calls for it; infinity for the others."""
    if not arm.rescue:
        return []
    found = toxicities(course, ready.plan.numbers, streams)
    onsets = {"CRS": found.crs.onsets, "ICANS": found.icans.onsets}
    out = []
    for one in arm.rescue:
        day = np.where(course.infused & course.solved, onsets[one.toxicity][:, one.grade - 1], np.inf)
        if np.isfinite(day).any():
            out.append(Administration(one.dose, day, one.amount.each(one.unit, cohort.columns, len(day))))
    return out

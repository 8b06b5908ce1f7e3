"""The untreated course of a cohort, and the course of one arm from the day of its lots."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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

__all__ = ["TOLERANCE", "Waiting", "deadlines_of", "treat", "values_of", "wait"]

Array = NDArray[np.float64]

TOLERANCE = 1e-5
"""Relative tolerance of the kernels; benchmarks/run.py measures the error that it gives."""
ATTRITION = "waiting.attrition"
"""A disease's hazard of loss before infusion [1/day]."""


@dataclass(frozen=True)
class Waiting:
    """The untreated patients, who do not know of any arm.

    ``numbers`` (patients, parameters); ``lost`` (patients,) whether some arm never infuses the patient; ``alone`` the
    untreated course from enrolment of those who are ``lost``.
    """

    numbers: Array
    lost: NDArray[np.bool_]
    alone: Treated

    def of(self, chosen: NDArray[np.bool_]) -> Treated:
        """The untreated course of some of those who are ``lost``."""
        return self.alone.only(chosen[self.lost])


def values_of(ready: Ready, model: Model, cohort: Cohort, streams: Streams) -> Array:
    """(patients, parameters) each patient's own numbers in one model."""
    set_by, multiplied_by = ready.scenario.parameter_columns(model, cohort.columns)
    return model.parameters.draw(cohort.patients, streams, set_by, multiplied_by)


def deadlines_of(ready: Ready, cohort: Cohort, streams: Streams) -> Array:
    """(patients,) the day from enrolment on which waiting ends in loss."""
    row = ready.untreated.constants.get(ATTRITION)
    return deadlines(row.value if row else 0.0, cohort.patients, streams)


def wait(ready: Ready, cohort: Cohort, lots: Iterable[Lots], streams: Streams) -> Waiting:
    """The patients without treatment, and the course of those whom some arm's lots never reach."""
    model, kernel = ready.untreated, ready.untreated_kernel
    numbers = values_of(ready, model, cohort, streams)
    lost = ~np.logical_and.reduce([one.infused for one in lots])
    own = numbers[lost]
    solution = kernel.run(own, model.network.start(own), no_doses(len(own)), ready.days, rtol=TOLERANCE)
    alone = treated(model.network, kernel.outputs, solution, ready.days, cohort.patients[lost], streams)
    return Waiting(numbers, lost, alone)


def treat(
    ready: Ready, arm: PreparedArm, cohort: Cohort, lots: Lots, waiting: Waiting, streams: Streams
) -> tuple[Course, pd.DataFrame]:
    """One arm from the lots' days on; returns the course and a table of the patients who failed, by name and reason.

    Rescue drugs follow in a second pass, given on the day on which the first pass reached the toxicity's grade: until
    then the two passes are equal.
    """
    infused, own = cohort.only(lots.infused), lots.only(lots.infused)
    numbers = values_of(ready, arm.model, infused, streams)
    start = _at_begin(ready, arm, own, waiting.numbers[lots.infused], numbers)
    given = arm.administrations(infused.columns, own.viability)
    done = _follow(ready, arm, infused, numbers, start, given, streams)
    if extra := _rescue(ready, arm, infused, _course(ready, arm, infused, own, done), streams):
        done = _follow(ready, arm, infused, numbers, start, [*given, *extra], streams)
    whole = done.beside(waiting.of(~lots.infused), lots.infused)
    lost = np.flatnonzero(whole.status == FAILED)
    table = {"arm": arm.name, "patient": cohort.patients[lost], "reason": [whole.reasons[i] for i in lost]}
    failed = pd.DataFrame(table).astype({"arm": "str", "patient": "int64", "reason": "str"})
    return _course(ready, arm, cohort, lots, whole), failed


def _at_begin(ready: Ready, arm: PreparedArm, lots: Lots, untreated: Array, numbers: Array) -> Array:
    """(patients, states) when the course begins: what the wait has made of the patient's own states."""
    kernel, network = ready.untreated_kernel, ready.untreated.network
    begin = -np.maximum(lots.day + arm.begin, 0.0)
    none = no_doses(len(untreated))
    waited = kernel.run(untreated, network.start(untreated), none, np.zeros(1), begin=begin, rtol=TOLERANCE)
    start = arm.model.network.start(numbers)
    place = {name: i for i, name in enumerate(kernel.outputs)}
    for i, name in enumerate(arm.model.network.state_names):
        if name in place and name in network.state_names:
            start[:, i] = waited.values[:, 0, place[name]]
    return start


def _follow(
    ready: Ready, arm: PreparedArm, infused: Cohort, numbers: Array, start: Array, given: Sequence[Administration],
    streams: Streams,
) -> Treated:  # fmt: skip
    doses = doses_for(arm.model.network, given, numbers)
    solution = arm.kernel.run(numbers, start, doses, ready.days, begin=arm.begin, rtol=TOLERANCE)
    return treated(arm.model.network, arm.kernel.outputs, solution, ready.days, infused.patients, streams)


def _course(ready: Ready, arm: PreparedArm, cohort: Cohort, lots: Lots, found: Treated) -> Course:
    return Course(
        patients=cohort.patients, days=ready.days, observables=found.observables, infused=lots.infused,
        status=found.status, extinct_day=found.fate.extinct_day, positive_extinct_day=found.fate.positive_day,
        negative_extinct_day=found.fate.negative_day, wait=lots.day,
        cost=costs(arm.process, lots, max(arm.infusions, 1)).total, covariates=cohort.table(),
    )  # fmt: skip


def _rescue(ready: Ready, arm: PreparedArm, cohort: Cohort, course: Course, streams: Streams) -> list[Administration]:
    """One dose of each rescue drug on the first day of the grade that calls for it; infinity for the others."""
    if not arm.rescue:
        return []
    found = toxicities(course, ready.plan.numbers, streams)
    onsets = {"CRS": found.crs.onsets, "ICANS": found.icans.onsets}
    out = []
    for one in arm.rescue:
        day = np.where(course.solved, onsets[one.toxicity][:, one.grade - 1], np.inf)
        if np.isfinite(day).any():
            out.append(Administration(one.dose, day, one.amount.each(one.unit, cohort.columns, len(day))))
    return out

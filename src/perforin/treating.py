"""The untreated course of a cohort, and the course of one arm from the day of its lots."""

from __future__ import annotations

from collections.abc import Iterable
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
from perforin.patients.doses import doses_for
from perforin.patients.treat import Treated, treated
from perforin.prepared import PreparedArm, Ready
from perforin.streams import Streams

__all__ = ["TOLERANCE", "WAITING", "Waiting", "deadlines_of", "treat", "values_of", "wait"]

Array = NDArray[np.float64]

TOLERANCE = 1e-5
"""Relative tolerance of the kernels; benchmarks/run.py measures the error that it gives."""
ATTRITION = "waiting.attrition"
"""A disease's hazard of loss before infusion [1/day]."""
BURDEN_POWER = "waiting.burden_power"
"""By which power of the tumour's burden the hazard rises."""
CAUSAL_SHARE = "waiting.causal_share"
"""How much of the wait the disease uses to grow: 1 all of it, 0 none, as if long waits only went with bad disease."""
WAITING = (ATTRITION, BURDEN_POWER, CAUSAL_SHARE)
"""Numbers of a disease that say what waiting does."""
WATCHED = np.arange(0.0, 181.0, 5.0)
"""Days on which the burden of those who wait is looked at."""


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


def values_of(ready: Ready, model: Model, cohort: Cohort, streams: Streams, lots: Lots | None = None) -> Array:
    """(patients, parameters) each patient's own numbers in one model, as its lot left them."""
    set_by, multiplied_by = ready.scenario.parameter_columns(model, cohort.columns)
    numbers = model.parameters.draw(cohort.patients, streams, set_by, multiplied_by)
    for name, targets in model.quality.items() if lots is not None else ():
        for target in targets:
            numbers[:, model.parameters.names.index(target)] *= getattr(lots, name)
    return numbers


def deadlines_of(ready: Ready, cohort: Cohort, streams: Streams) -> Array:
    """(patients,) the day from enrolment on which waiting ends in loss, by each patient's own untreated course.

    The hazard is that of the disease times a power of the tumour's burden, relative to a typical patient's at
    enrolment; a patient whose course has no solution has the hazard of the disease.
    """
    hazard, power = _constant(ready, ATTRITION, 0.0), _constant(ready, BURDEN_POWER, 0.0)
    if not hazard or not power:
        return deadlines(hazard, cohort.patients, streams)
    kernel, network = ready.untreated_kernel, ready.untreated.network
    numbers = values_of(ready, ready.untreated, cohort, streams)
    solution = kernel.run(numbers, network.start(numbers), no_doses(len(numbers)), WATCHED, rtol=TOLERANCE)
    burden = solution.values[:, :, [kernel.outputs.index(name) for name, _ in network.clones]].sum(axis=2)
    middle = network.start(ready.untreated.parameters.values[None])[0]
    typical = sum(middle[network.state_names.index(name)] for name, _ in network.clones)
    relative = np.where(np.isfinite(burden), np.maximum(burden, 0.0) / typical, 1.0)
    return deadlines(hazard * relative**power, cohort.patients, streams, WATCHED)


def _constant(ready: Ready, name: str, default: float) -> float:
    row = ready.untreated.constants.get(name)
    return row.value if row else default


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

    Rescue drugs and further doses are events of the kernel, given at the moment at which a patient's state calls for
    them.
    """
    infused, own = cohort.only(lots.infused), lots.only(lots.infused)
    numbers = values_of(ready, arm.model, infused, streams, own)
    start = _at_begin(ready, arm, own, waiting.numbers[lots.infused], numbers)
    given = arm.administrations(infused.columns, own.living_share)
    acting = arm.actions.numbers(numbers, infused.columns, own.living_share, infused.patients, streams)
    doses = doses_for(arm.model.network, given, numbers)
    solution = arm.kernel.run(acting, start, doses, ready.days, begin=arm.begin, rtol=TOLERANCE)
    done = treated(arm.model.network, arm.kernel.outputs, solution, ready.days, infused.patients, streams)
    reached = {what: np.full(len(lots), np.nan) for what in arm.actions.reached(solution.event_day)}
    for what, day in arm.actions.reached(solution.event_day).items():
        reached[what][lots.infused] = day
    infusions = np.full(len(lots), max(arm.infusions, 1))
    infusions[lots.infused] += arm.actions.redosed(solution.event_count)
    whole = done.beside(waiting.of(~lots.infused), lots.infused)
    lost = np.flatnonzero(whole.status == FAILED)
    table = {"arm": arm.name, "patient": cohort.patients[lost], "reason": [whole.reasons[i] for i in lost]}
    failed = pd.DataFrame(table).astype({"arm": "str", "patient": "int64", "reason": "str"})
    course = Course(
        patients=cohort.patients, days=ready.days, observables=whole.observables, infused=lots.infused,
        status=whole.status, extinct_day=whole.fate.extinct_day, positive_extinct_day=whole.fate.positive_day,
        negative_extinct_day=whole.fate.negative_day, wait=lots.day,
        cost=costs(arm.process, lots, infusions).total, covariates=cohort.table(),
        reached=reached,
    )  # fmt: skip
    return course, failed


def _at_begin(ready: Ready, arm: PreparedArm, lots: Lots, untreated: Array, numbers: Array) -> Array:
    """(patients, states) when the course begins: what the wait has made of the patient's own states."""
    kernel, network = ready.untreated_kernel, ready.untreated.network
    begin = -np.maximum(lots.day + arm.begin, 0.0) * _constant(ready, CAUSAL_SHARE, 1.0)
    none = no_doses(len(untreated))
    waited = kernel.run(untreated, network.start(untreated), none, np.zeros(1), begin=begin, rtol=TOLERANCE)
    start = arm.model.network.start(numbers)
    place = {name: i for i, name in enumerate(kernel.outputs)}
    for i, name in enumerate(arm.model.network.state_names):
        if name in place and name in network.state_names:
            start[:, i] = waited.values[:, 0, place[name]]
    return start

"""Who gets a product and when, each patient alone or all through one supply network; and what that rests on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perforin.access.cost import rows_used
from perforin.evidence.parameters import Parameters
from perforin.making.ledger import mark, numbers
from perforin.making.lot import Lots
from perforin.making.make import make, make_together
from perforin.patients.cohort import Cohort, enrol
from perforin.prepared import PreparedArm, Ready
from perforin.streams import Streams
from perforin.treating import WAITING, deadlines_of

__all__ = ["mark_of", "numbers_of", "supply"]

Array = NDArray[np.float64]

AT_ONCE = 20_000
"""Patients whose deadlines are found together; nothing depends on it but memory."""


def supply(ready: Ready, cohort: Cohort, streams: Streams) -> dict[str, Lots]:
    """The lots of every arm for these patients.

    Patients of an arm with a supply network share its slots, lines and stock: every patient of the study goes through
    it, once in each process that simulates, whichever patients are asked for.
    """
    deadline = deadlines_of(ready, cohort, streams)
    return {
        arm.name: make(arm.process, cohort.patients, deadline, streams) if arm.network is None
        else _together(ready, arm, streams).only(cohort.patients)
        for arm in ready.arms
    }  # fmt: skip


def _together(ready: Ready, arm: PreparedArm, streams: Streams) -> Lots:
    if arm.name not in ready.together:
        assert arm.network is not None
        ready.together[arm.name] = make_together(arm.process, arm.network, _every_deadline(ready, streams), streams)
    return ready.together[arm.name]


def _every_deadline(ready: Ready, streams: Streams) -> Array:
    population, n = ready.scenario.population, ready.scenario.patients.n
    parts = []
    for first in range(0, n, AT_ONCE):
        patients = np.arange(first, min(first + AT_ONCE, n))
        cohort = enrol(population.covariates, population.correlations, patients, streams)
        parts.append(deadlines_of(ready, cohort, streams))
    return np.concatenate(parts)


def numbers_of(ready: Ready, arm: PreparedArm) -> Parameters:
    """Every number that an arm rests on: of its equations, of waiting in its disease, of its supply and its costs."""
    constants, own = ready.untreated.constants, arm.model.parameters
    rows = {name: constants[name] for name in WAITING if name in constants}
    rows |= {row.parameter: row for row in (*numbers(arm.process, arm.network), *rows_used(arm.process))}
    return Parameters((*own.names, *rows), (*own.rows, *rows.values()))


def mark_of(ready: Ready, arm: PreparedArm) -> str:
    """A mark of all that an arm rests on beside its equations and the scenario: it changes with any word of a file."""
    return mark(arm.process, arm.network, numbers_of(ready, arm), ready.scenario.population, arm.given)

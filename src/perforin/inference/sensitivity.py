"""A first sensitivity pass: every number of an arm at its lowest and highest, one at a time, in a typical patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perforin.kernels.solution import FAILED
from perforin.library import Model
from perforin.patients.doses import doses_for
from perforin.prepared import PreparedArm, Ready, make_ready
from perforin.scenario import Scenario
from perforin.study import Study

__all__ = ["MEASURES", "swings", "typical", "with_ledger"]

Array = NDArray[np.float64]

HORIZON = 90.0
"""Days after infusion that a typical patient is followed."""
DETECTABLE = 1.0
"""Cells below this count as this when logarithms are taken."""


def _log(cells: Array) -> Array:
    return np.log10(np.maximum(cells, DETECTABLE))


MEASURES: Mapping[str, tuple[str, Callable[[Array, Array], Array]]] = {
    "log10 tumour cells, day 30": ("tumour_burden", lambda days, v: _log(v[:, np.searchsorted(days, 30.0)])),
    "log10 product Cmax": ("product_blood", lambda _, v: np.log10(np.maximum(v.max(axis=1), 1e-6))),
    "log10 product, day 90": ("product_total", lambda _, v: _log(v[:, -1])),
    "log10 IL-6 peak": ("il6", lambda _, v: np.log10(v.max(axis=1))),
}
"""What is read from a course: name -> (observable, function of days and (patients, days) values)."""


def typical(scenario: Scenario, model: Model) -> tuple[Array, dict[str, Array]]:
    """A typical patient: (parameters,) central values with the covariates at their medians, and these, (1,) each."""
    middle = {name: one.quantile(np.array([0.5])) for name, one in scenario.population.covariates.items()}
    set_by, multiplied_by = scenario.parameter_columns(model, middle)
    centre = model.parameters.values.copy()
    for i, name in enumerate(model.parameters.names):
        if name in set_by:
            centre[i] = set_by[name][0]
        if name in multiplied_by:
            centre[i] *= multiplied_by[name][0]
    return centre, middle


def swings(ready: Ready, arm: PreparedArm) -> pd.DataFrame:
    """How far each number of an arm moves each measure, from the low to the high end of its range.

    Deterministic: a typical patient (medians of covariates, central values) treated at enrolment. A number without a
    range has no swing; a course that fails at one end has none either.

    Returns:
        One row per parameter: parameter, arm, value, low, high, unit, kind, status and ``swing <measure>`` columns.
    """
    model, network = arm.model, arm.model.network
    centre, middle = typical(ready.scenario, model)
    moved = [i for i, row in enumerate(model.parameters.rows) if row.low < row.high]
    numbers = np.tile(centre, (2 * len(moved), 1))
    for k, i in enumerate(moved):
        row = model.parameters.rows[i]
        numbers[2 * k, i], numbers[2 * k + 1, i] = row.low, row.high
    values, days, solved = _courses(ready, arm, numbers, middle)
    table = model.parameters.table().rename(columns={"name": "parameter"})
    table = table[["parameter", "value", "low", "high", "unit", "kind", "status"]].assign(arm=arm.name)
    place = {name: arm.kernel.outputs.index(target) for name, target, _ in network.observables}
    for name, (observable, measure) in MEASURES.items():
        found = np.where(solved, measure(days, values[:, :, place[observable]]), np.nan)
        column = np.full(len(table), np.nan)
        column[moved] = found[1::2] - found[0::2]
        table[f"swing {name}"] = column
    return table


def _courses(ready: Ready, arm: PreparedArm, numbers: Array, middle: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    count = len(numbers)
    columns = {name: np.repeat(value, count) for name, value in middle.items()}
    viability = np.full(count, arm.process.thaw.value)
    doses = doses_for(arm.model.network, arm.administrations(columns, viability), numbers)
    days = np.unique([*ready.days[ready.days <= HORIZON], 30.0])
    begin = np.full(count, arm.begin)
    solution = arm.kernel.run(arm.actions.never(numbers), arm.model.network.start(numbers), doses, days, begin=begin)
    return solution.values, days, solution.status != FAILED


def with_ledger(study: Study) -> Study:
    """The study with its assumption ledger, kept in its folder."""
    ready = study.ready or make_ready(study.scenario)
    ledger = pd.concat([swings(ready, arm) for arm in ready.arms], ignore_index=True)
    study.folder.write_table("ledger.parquet", ledger)
    return replace(study, ledger=ledger)

"""Processes of the library for tests, whole or with some of their numbers replaced."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from perforin.evidence.parameters import Row
from perforin.library import default_library
from perforin.making.batch.culture import culture_rows
from perforin.making.process import Process, read_process
from perforin.making.recipe import Recipe

IDEAL = {
    "culture_room.capacity": 1e40, "culture_vigour.ceiling": 1e40, "culture_death.rate": 0.0,
    "culture_stimulation.unfed": 1.0,
}  # fmt: skip
"""Plenty of everything for everybody: cells only divide."""


@cache
def library_process(name: str) -> Process:
    return read_process(name, *default_library().process(name))


def valued(row: Row, value: float, cv: float = 0.0) -> Row:
    distribution = "lognormal" if cv else "fixed"
    return replace(row, value=value, low=min(row.low, value), high=max(row.high, value), between_patient_cv=cv,
                   distribution=distribution)  # fmt: skip


def with_growth(process: Process, **changes: float) -> Process:
    """The process with parameters of its culture replaced, none of which then differs between batches."""
    assert process.batch is not None
    rows = culture_rows(process.batch)
    own = {name: valued(row, changes.get(name, row.value)) for name, row in rows.items()}
    growth = replace(process.batch.growth, parameters=own)
    return replace(process, batch=replace(process.batch, growth=growth))


def recipe_of(process: Process) -> Recipe:
    assert process.batch is not None
    return process.batch


IDS = np.arange(4000, dtype=np.int64)

"""Cost of goods of a product: step by step, for so many doses a year, with what making many of them teaches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perforin.access.economics.uncertain import draw
from perforin.access.siting.capacity import Sizes, shipped_sizes
from perforin.errors import UserError
from perforin.evidence.parameters import Row, read_table
from perforin.making.batch import grow
from perforin.making.process import Process
from perforin.making.release import follow, release, specifications_of
from perforin.making.release.deciding import GIVEN_AS_IT_IS, REMADE
from perforin.making.steps import Step
from perforin.streams import Streams

__all__ = ["Goods", "Output", "StepCost", "cost_of_goods", "goods_rows", "output_of", "plant_a_day"]

Array = NDArray[np.float64]
DAYS_A_YEAR = 365.25
MOST = 10_000_000
"""Doses a year: more than people with cancer need."""


@lru_cache(maxsize=1)
def goods_rows() -> tuple[Row, ...]:
    """The numbers of goods.csv."""
    return read_table(Path(__file__).with_name("goods.csv"))


@dataclass(frozen=True)
class Output:
    """What batches give on average.

    ``doses`` that may be given, for each order or run begun; ``batches`` it takes (more than one where some are made
    again); ``cells`` harvested (the median).
    """

    doses: float
    batches: float
    cells: float


def output_of(process: Process, count: int, streams: Streams) -> Output:
    """Grow and test ``count`` batches.

    Raises:
        UserError: a process that does not say how a batch is made, or one that never gives a dose.
    """
    ids = np.arange(count, dtype=np.int64)
    grown, specifications = grow(process, ids, streams), specifications_of(process)
    doses, again = grown.doses.astype(np.float64), np.zeros(count)
    if specifications is not None:
        own = process.starting_material == "patient"
        verdicts = release(grown, specifications, streams, own_cells=own)
        doses = verdicts.doses.astype(np.float64)
        if own:
            fate = follow(verdicts, specifications, streams)
            # For each that was made again well, some were in vain.
            well = specifications.remade_well
            again = (fate == REMADE) / (well.value if well is not None else 1.0)
            doses = np.where((fate == GIVEN_AS_IT_IS) | (fate == REMADE), 1.0, np.minimum(doses, 1.0))
    if doses.sum() == 0:
        raise UserError(f"{process.name}: found no dose in {count} batches; needed one for a cost per dose")
    return Output(float(doses.mean()), float(1 + again.mean()), float(np.median(grown.cells_harvested)))


@dataclass(frozen=True)
class StepCost:
    """What a step costs a batch, means in USD: ``materials`` and services, ``people`` and ``plant``.

    ``each_order``: paid for every dose sent rather than for every batch.
    """

    name: str
    materials: float
    people: float
    plant: float
    each_order: bool

    @property
    def total(self) -> float:
        """USD."""
        return self.materials + self.people + self.plant


@dataclass(frozen=True)
class Goods:
    """Cost of goods: ``per_batch`` and ``per_dose`` (draws,) [USD] at ``doses_a_year``, made on ``lines``.

    ``own_plant``: whole plants are paid for, whatever share of their lines works.
    """

    steps: tuple[StepCost, ...]
    per_batch: Array
    per_dose: Array
    doses_a_year: float
    batches_a_year: float
    lines: int
    own_plant: bool


def plant_a_day(lines: int, sizes: Sizes) -> float:
    """USD a day of the cheapest plants that hold so many lines together."""
    least = [0.0]
    for wanted in range(1, lines + 1):
        least.append(min(cost + least[max(wanted - int(held), 0)]
                         for held, cost in zip(sizes.lines, sizes.cost, strict=True)))  # fmt: skip
    return least[lines]


def cost_of_goods(process: Process, output: Output, doses_a_year: float, *, own_plant: bool = False,
                  made_before: float | None = None, count: int = 1000, streams: Streams) -> Goods:  # fmt: skip
    """Cost of a batch and of a dose that may be given.

    A step costs what its ``cost`` says. Where it says none, the culture's materials grow with a power of the cells
    harvested, and the last step before the store costs the release tests. Days on a line cost a line's share of its
    plant: by the day while it works (a contract), or of whole plants. People's work, a share of that, becomes cheaper
    with the batches made (Wright 1936). A year has one batch at least: fewer doses than that gives share its cost.

    Args:
        process: with steps.
        output: of its batches.
        doses_a_year: wanted.
        own_plant: pay for whole plants, used or not.
        made_before: batches made so far; a year's where not given.
        count: draws.
        streams: the luck of the draws.

    Raises:
        UserError: no steps, or a number of doses a year that nobody makes.
    """
    if not process.steps:
        raise UserError(f"{process.name}: found no steps; needed them for a cost by step")
    if not 1 <= doses_a_year <= MOST:
        raise UserError(f"found {doses_a_year:g} doses a year; needed 1 to {MOST:,}")
    values = draw(goods_rows(), count, streams)
    batches = max(doses_a_year / output.doses * output.batches, 1.0)
    on_line = sum(step.duration.value for step in process.batch_steps if step.on_line)
    lines = math.ceil(batches * on_line / DAYS_A_YEAR / _centre("goods.fullest"))
    day = _line_day(values, batches * on_line, lines, own_plant)
    named = {step.name for step in process.batch_steps}
    materials = {step.name: _materials(process, step, output, values, streams) for step in process.steps}
    held = {step.name: step.duration.value * day if step.on_line else np.zeros(count) for step in process.steps}
    share = values["goods.people_share"]
    known = (batches if made_before is None else made_before) / values["goods.first_batches"]
    taught = values["goods.progress"] ** np.log2(np.maximum(known, 1.0))
    steps = tuple(
        StepCost(step.name, float(materials[step.name].mean()), float((held[step.name] * share * taught).mean()),
                 float((held[step.name] * (1 - share)).mean()), step.name not in named)
        for step in process.steps
    )  # fmt: skip
    none = np.zeros(count)
    per_batch = sum((materials[name] + held[name] * (1 - share + share * taught) for name in sorted(named)), none)
    each = sum((materials[step.name] for step in process.steps if step.name not in named), none)
    per_dose = per_batch * batches / doses_a_year + each
    return Goods(steps, per_batch, per_dose, doses_a_year, batches, lines, own_plant)


def _line_day(values: Mapping[str, Array], days: float, lines: int, own_plant: bool) -> Array:
    """(draws,) USD of a day on a line."""
    sizes = shipped_sizes()
    if own_plant:
        return np.full(len(values["goods.fullest"]), plant_a_day(lines, sizes) * DAYS_A_YEAR / max(days, 1e-9))
    return np.asarray(float((sizes.cost / sizes.lines).min()) / values["goods.fullest"], dtype=np.float64)


def _materials(process: Process, step: Step, output: Output, values: Mapping[str, Array], streams: Streams) -> Array:
    count = len(values["goods.materials"])
    if step.cost is not None:
        return draw([step.cost], count, streams)[step.cost.parameter]
    if process.batch is not None and step.name == process.batch.growth.step:
        larger = output.cells / values["goods.materials_cells"]
        return np.asarray(values["goods.materials"] * larger ** values["goods.volume_exponent"], dtype=np.float64)
    if step.stored:
        own = process.starting_material == "patient"
        return values["goods.quality_control"] * (1.0 if own else values["goods.quality_control_of_bank"])
    return np.zeros(count)


def _centre(name: str) -> float:
    return next(row.value for row in goods_rows() if row.parameter == name)


"""From starting material to doses: grow batches by a process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.errors import UserError
from perforin.making.batch.batches import COPIES, PURITY, TOO_FEW, VIABILITY, Batches, lost_at
from perforin.making.batch.culture import Culture, cultivate
from perforin.making.batch.history import bootstrap
from perforin.making.process import Process
from perforin.making.recipe import Recipe
from perforin.making.steps import Step, durations, finishes, upstream
from perforin.streams import Streams

__all__ = ["culture_of", "donor_share", "donors_of", "grow"]

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]
PAIRS = 2000
"""Donors of whom two batches are made, to see how alike they are."""


def grow(process: Process, batches: Numbers, streams: Streams, dose: float | None = None) -> Batches:
    """Make batches.

    Starting cells times growth times the yields of the steps; a donor's and a batch's effect on fold are log-normal
    factors on the cells that take to culture. Where the recipe has a table of historical batches, these are drawn
    from it by luck instead.

    Args:
        process: one with a ``batch`` part.
        batches: (n,) batch numbers, each with its own luck whatever the others are.
        streams: the shared luck: purposes "donor effect", "cells of a donor", "wanted share of a donor" and "killing
            of a donor's cells" by donor; "batch effect", "yield of STEP", "failure of STEP", "culture PARAMETER" and
            others by batch.
        dose: planned dose, living cells with the construct [cell]; the process's own if not given.

    Raises:
        UserError: a process that does not say how a batch is made; a dose that is not above 0.
    """
    recipe = _recipe(process)
    planned = recipe.formulation.dose.value if dose is None else dose
    if not 0 < planned < np.inf:
        raise UserError(f"found the dose {planned:g} cell; needed more than 0")
    batches = np.asarray(batches, dtype=np.int64)
    if recipe.history is not None:
        harvest = _Harvest(**bootstrap(recipe.history, batches, streams))
    else:
        harvest = _harvest(process, recipe, batches, donors_of(process, batches), streams)
    return _fill(process, recipe, batches, harvest, planned, streams)


def culture_of(process: Process, batches: Numbers, streams: Streams, days: Sequence[float]) -> Culture:
    """The same batches in culture, on days from its start, for curves.

    Raises:
        UserError: a process without a culture of its own.
    """
    recipe = _recipe(process)
    donor = donors_of(process, batches)
    wanted, contaminant = _start(process, recipe, batches, donor, streams)
    taking = wanted * _effects(process, recipe, batches, donor, streams)
    return cultivate(recipe, batches, taking, contaminant, days, streams)


def donors_of(process: Process, batches: Numbers) -> Numbers:
    """(n,) donor of each batch: the patient, one of a bank's in turn, or 0 for a bank of one clone."""
    recipe = _recipe(process)
    if process.starting_material == "patient":
        return np.asarray(batches, dtype=np.int64)
    if recipe.material.batches_per_donor is None:
        return np.zeros(len(batches), dtype=np.int64)
    return np.asarray(np.asarray(batches) // int(recipe.material.batches_per_donor.value), dtype=np.int64)


def _donor_score(process: Process, purpose: str, donor: Numbers, streams: Streams) -> Array:
    """(n,) a donor's luck; none for a bank of one clone, whose numbers are the clone's own."""
    return np.zeros(len(donor)) if _one_clone(process) else streams.normal(purpose, donor)


def _killing(process: Process, recipe: Recipe, donor: Numbers, streams: Streams) -> Array:
    """(n,) killing of the cells of each batch's donor over the usual donor's."""
    if recipe.material.killing is None:
        return np.ones(len(donor))
    return recipe.material.killing.quantile(_donor_score(process, "killing of a donor's cells", donor, streams))


def _one_clone(process: Process) -> bool:
    return process.starting_material != "patient" and _recipe(process).material.batches_per_donor is None


def donor_share(process: Process, streams: Streams) -> float:
    """The share of the variance of the log of filled cells that lies between donors, not batches of one donor.

    Two batches of each donor: what they share is the donor's (the correlation of pairs; Sobol 1993). A vessel that
    fills makes donors more alike, so this is less than the spread of fold alone would give. One clone is one donor: 0.

    Raises:
        UserError: a process whose batches are historical: its table says nothing of further batches of a donor.
    """
    recipe = _recipe(process)
    if recipe.history is not None:
        raise UserError(f"found {process.name!r} with a table of batches; needed a process that grows them")
    if _one_clone(process):
        return 0.0
    donor = np.arange(PAIRS, dtype=np.int64)
    first, second = (
        np.log(_carrying(process, recipe, _harvest(process, recipe, batches, donor, streams), batches, streams))
        for batches in (donor, donor + PAIRS)
    )
    return max(0.0, float(np.corrcoef(first, second)[0, 1]))


@dataclass(frozen=True)
class _Harvest:
    """What leaves the culture, (n,) each; ``contaminant`` [cell] in the whole harvest."""

    donor: Numbers
    days: Array
    cells_started: Array
    cells_harvested: Array
    doublings: Array
    car_fraction: Array
    vector_copies: Array
    viability: Array
    contaminant: Array
    residual_feeder: Array


def _recipe(process: Process) -> Recipe:
    if process.batch is None:
        problem = f"found the process {process.name!r}, which does not say how a batch is made"
        raise UserError(f"{problem}; needed one with 'batch' (material, growth, formulation)")
    return process.batch


def _before(process: Process, recipe: Recipe) -> tuple[Step, ...]:
    return tuple(step for step in upstream(process.steps, recipe.growth.step) if step.name != recipe.growth.step)


def _yield(steps: Sequence[Step], batches: Numbers, streams: Streams) -> Array:
    share = np.ones(len(batches))
    for step in steps:
        if step.recovered is not None:
            share = share * step.recovered.quantile(streams.normal(f"yield of {step.name}", batches))
    return share


def _start(
    process: Process, recipe: Recipe, batches: Numbers, donor: Numbers, streams: Streams
) -> tuple[Array, Array]:
    """Wanted cells put into culture, and T cells that come along."""
    material = recipe.material
    wanted = material.cells.quantile(_donor_score(process, "cells of a donor", donor, streams))
    wanted = wanted * material.share.quantile(_donor_score(process, "wanted share of a donor", donor, streams))
    if material.differentiation is not None:
        wanted = wanted * material.differentiation.quantile(streams.normal("differentiation", batches))
    wanted = wanted * _yield(_before(process, recipe), batches, streams)
    along = recipe.contaminant.share.quantile(streams.normal("contaminating cells", batches))
    left = recipe.contaminant.left.value if recipe.contaminant.left is not None else 1.0
    return wanted, wanted * along * left


def _effects(process: Process, recipe: Recipe, batches: Numbers, donor: Numbers, streams: Streams) -> Array:
    growth = recipe.growth
    between = np.sqrt(np.log1p(growth.between_donor_cv.value**2))
    within = np.sqrt(np.log1p(growth.within_donor_cv.value**2))
    score = _donor_score(process, "donor effect", donor, streams)
    return np.asarray(np.exp(between * score + within * streams.normal("batch effect", batches)), dtype=np.float64)


def _harvest(process: Process, recipe: Recipe, batches: Numbers, donor: Numbers, streams: Streams) -> _Harvest:
    length = next(step.duration.value for step in process.steps if step.name == recipe.growth.step)
    wanted, contaminant = _start(process, recipe, batches, donor, streams)
    taking = wanted * _effects(process, recipe, batches, donor, streams)
    culture = cultivate(recipe, batches, taking, contaminant, [0.0, length], streams)
    end = {name: values[:, -1] for name, values in culture.states.items()}
    living = culture.living[:, -1]
    ends = finishes(process.batch_steps, durations(process.batch_steps, batches, streams))
    copies = culture.copies
    several = recipe.engineering is not None and recipe.engineering.copies is not None
    return _Harvest(
        donor=donor,
        days=np.asarray(np.max(list(ends.values()), axis=0), dtype=np.float64),
        cells_started=wanted,
        cells_harvested=living,
        doublings=end["doublings"],
        car_fraction=end["engineered"] / living,
        vector_copies=copies / -np.expm1(-copies) if several else np.ones(len(batches)),
        viability=living / (living + end["dead"]),
        contaminant=end["contaminant"],
        residual_feeder=end["feeder"],
    )


def _carrying(process: Process, recipe: Recipe, harvest: _Harvest, batches: Numbers, streams: Streams) -> Array:
    """Living cells with the construct that are left after the steps from harvest to finished doses."""
    done = {recipe.growth.step} | {step.name for step in _before(process, recipe)}
    after = [step for step in process.batch_steps if step.name not in done]
    return harvest.cells_harvested * harvest.car_fraction * _yield(after, batches, streams)


def _fill(
    process: Process, recipe: Recipe, batches: Numbers, harvest: _Harvest, planned: float, streams: Streams
) -> Batches:
    """Formulate, fill and name what failed: steps first, then cells, viability, purity and copies."""
    carrying = _carrying(process, recipe, harvest, batches, streams)
    share = np.minimum(1.0, carrying / planned)
    own = process.starting_material == "patient"
    enough = share >= recipe.formulation.smallest.value if own else share >= 1
    with np.errstate(divide="ignore", invalid="ignore"):
        beside = harvest.contaminant / (harvest.cells_harvested * harvest.car_fraction)
    residual = beside * planned * share
    failed = np.full(len(batches), "", dtype=object)

    def name(reason: str, where: NDArray[np.bool_]) -> None:
        failed[where & (failed == "")] = reason

    for step in process.batch_steps:
        if step.failure is not None:
            name(lost_at(step.name), streams.uniform(f"failure of {step.name}", batches) < step.failure.value)
    limits = recipe.limits
    name(TOO_FEW, ~enough)
    filled = np.where(failed == "", 1 if own else np.floor(carrying / planned), 0)
    name(VIABILITY, harvest.viability < limits.viability.value)
    if limits.residual_t_cells is not None:
        name(PURITY, residual > limits.residual_t_cells.value)
    if limits.copies is not None:
        name(COPIES, harvest.vector_copies > limits.copies.value)
    return Batches(
        batch=batches, donor=harvest.donor, days=harvest.days, cells_started=harvest.cells_started,
        cells_harvested=harvest.cells_harvested, doublings=harvest.doublings, car_fraction=harvest.car_fraction,
        vector_copies=harvest.vector_copies, viability=harvest.viability, residual_t_cells=residual,
        residual_feeder=harvest.residual_feeder, cells_filled=carrying, planned_dose=np.full(len(batches), planned),
        doses=np.where(failed == "", filled, 0).astype(np.int64), dose_share=share, failed=failed.astype(np.str_),
        filled=filled.astype(np.int64), killing=_killing(process, recipe, harvest.donor, streams),
    )  # fmt: skip

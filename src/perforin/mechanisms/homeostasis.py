"""Interleukins 7 and 15 keep lymphocytes alive and dividing; the fewer lymphocytes, the more is left for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Cells, Concentration, PerCellDay, PerDay, PgPerML, Ratio

__all__ = [
    "cytokine_growth", "cytokine_secretion", "cytokine_uptake", "division", "homeostatic_signals",
    "interleukin_balance", "natural_death",
]  # fmt: skip


@mechanism("Miller2005", "Bachanova2014")
def interleukin_balance(
    cytokine: PgPerML,
    host_t: Concentration,
    host_nk: Concentration,
    *,
    made: Annotated[Any, "pg/mL/day"],
    clearance: PerDay,
    by_host_t: Annotated[Any, "uL/cell/day"],
    by_host_nk: Annotated[Any, "uL/cell/day"],
) -> Iterator[Flow]:
    """The patient makes interleukins 7 and 15 steadily and lymphocytes use them up, so lymphodepletion makes a surge.

    Assumes: constant production; uptake proportional to lymphocytes.
    Leaves out: production by inflamed tissue.
    Seen in: interleukin 15 rises from a few to tens of pg/mL after intensive conditioning.
    """
    yield Flow("production", made, sink=cytokine)
    yield Flow("clearance", clearance * cytokine, source=cytokine)
    yield Flow("uptake", (by_host_t * host_t + by_host_nk * host_nk) * cytokine, source=cytokine)


@mechanism()
def cytokine_uptake(cytokine: PgPerML, cell: Cells, *, rate: PerCellDay) -> Iterator[Flow]:
    """The product uses the cytokine up as well.

    Assumes: proportional to cells.
    Leaves out: receptors that rise and fall with activation.
    Seen in: a sink that matters only when the product outnumbers the host's lymphocytes.
    """
    yield Flow("uptake", rate * cell * cytokine, source=cytokine)


@mechanism("Marin2024", "Liu2020")
def cytokine_secretion(cytokine: PgPerML, cell: Cells, *, made: Annotated[Any, "pg/mL/day/cell"]) -> Iterator[Flow]:
    """Engineered cells secrete a cytokine into the circulation.

    Assumes: constitutive; proportional to living cells.
    Leaves out: promoters that respond to antigen.
    Seen in: products with a gene for interleukin 15; serum levels barely rose.
    """
    yield Flow("secretion", made * cell, sink=cytokine)


@mechanism("Miller2005")
def homeostatic_signals(
    il15: PgPerML,
    il7: PgPerML,
    agonist15: PgPerML,
    *,
    autocrine: PgPerML,
    half15: PgPerML,
    half7: PgPerML,
) -> Iterator[Level]:
    """What a cell perceives of interleukins 15 and 7: serum, a drug that acts alike, and what it makes for itself.

    Assumes: ``autocrine`` acts like that much in serum, around the cell only.
    Leaves out: presentation by other cells.
    Seen in: expansion of infused cells follows serum interleukin 15.
    """
    yield Level("signal15", saturation(il15 + agonist15 + autocrine, half15))
    yield Level("signal7", saturation(il7, half7))


@mechanism("Zhang2007", "MuellerScholl2021")
def cytokine_growth(
    signal15: Ratio,
    signal7: Ratio,
    potential: Ratio,
    host_t: Concentration,
    host_nk: Concentration,
    *,
    rate: PerDay,
    niche: Concentration,
    dependence: Ratio,
    boost: Ratio,
) -> Iterator[Level]:
    """Interleukin 15 makes cells divide without antigen; some cells also need interleukin 7 and room in the niche.

    ``dependence`` 0 is growth on interleukin 15 alone, 1 growth only with interleukin 7 in a niche shared with the
    host's lymphocytes.

    Assumes: both interleukins multiply; the niche is a hyperbola.
    Leaves out: niches that differ between tissues.
    Seen in: slow turnover in health, fast growth after lymphodepletion.
    """
    room = niche / (niche + host_t + host_nk)
    yield Level("growth", rate * signal15 * potential * (1 - dependence + dependence * boost * signal7 * room))


@mechanism()
def division(cell: Cells, growth: PerDay, *, share: Ratio) -> Iterator[Flow]:
    """Cells divide at the pace that cytokines set, each pool by its share.

    Assumes: daughters stay in the pool.
    Leaves out: changes of type on division.
    Seen in: labelling studies of lymphocyte turnover.
    """
    yield Flow("division", share * growth * cell, sink=cell)


@mechanism("Zhang2007", "Stein2019")
def natural_death(cell: Cells, signal15: Ratio, *, starved: PerDay, fed: PerDay) -> Iterator[Flow]:
    """Cells die; those that depend on interleukin 15 die faster without it.

    Assumes: death moves in a straight line from ``starved`` to ``fed`` with the signal; equal values mean independence.
    Leaves out: age of the cells.
    Seen in: label disappears at 7 per cent a day in health; expanded cells without cytokine last days.
    """
    yield Flow("death", (fed * signal15 + starved * (1 - signal15)) * cell, source=cell)

"""Healthy cells that carry the antigen: their renewal, their loss to the product, and the injury that follows."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Cells, CellsPerDay, PerDay, Ratio

__all__ = ["off_tumour_killing", "organ_injury", "tissue_renewal"]


@mechanism("LeonTriana2020")
def tissue_renewal(
    healthy: Cells,
    progenitor: Cells,
    healthy_cells: Cells,
    healthy_progenitors: Cells,
    depletion: PerDay,
    *,
    turnover: PerDay,
    refill: PerDay,
    sensitivity: Ratio,
) -> Iterator[Flow | Level]:
    """Healthy antigen-positive cells come from progenitors, live for a while, and suffer under lymphodepletion.

    Assumes: progenitors come from stem cells without the antigen, at a constant rate.
    Leaves out: the immune functions that are lost with the cells.
    Seen in: B-cell aplasia and its recovery.
    """
    yield Flow("supply", refill * healthy_progenitors, sink=progenitor)
    yield Flow("progenitor_exit", refill * progenitor, source=progenitor)
    yield Flow("maturation", turnover * healthy_cells * progenitor / healthy_progenitors, sink=healthy)
    yield Flow("death", (turnover + sensitivity * depletion) * healthy, source=healthy)
    yield Level("fraction", healthy / healthy_cells)


@mechanism("LeonTriana2020", "Halle2016")
def off_tumour_killing(
    healthy: Cells,
    progenitor: Cells,
    killers: Cells,
    kill: Ratio,
    *,
    kills_per_day: PerDay,
    encounter: Cells,
    progenitor_share: Ratio,
) -> Iterator[Flow | Level]:
    """The product kills healthy cells as far as it recognises them: on target, off tumour.

    The same bounded encounters as with the tumour, in blood and lymphoid tissue.

    Assumes: progenitors are hit at a share of the rate, for they carry less antigen.
    Leaves out: healthy tissue that the product cannot enter.
    Seen in: B-cell aplasia after CD19 products; lung, gut or gastric injury with receptors against solid tumours.
    """
    rate = kills_per_day * kill * killers / (encounter + killers + healthy)
    yield Flow("lysis", rate * healthy, source=healthy)
    yield Flow("progenitor_lysis", progenitor_share * rate * progenitor, source=progenitor)
    yield Level("lost", rate * healthy)


@mechanism()
def organ_injury(
    injury: Ratio, lost: CellsPerDay, healthy_cells: Cells, *, weight: Ratio, repair: PerDay
) -> Iterator[Flow]:
    """An organ that loses antigen-positive cells is injured until it repairs itself.

    Assumes: injury follows the share of the tissue lost; ``weight`` is 0 for tissue that patients can do without.
    Leaves out: scarring.
    Seen in: a fatal case with a HER2 receptor, gastric injury with CLDN18.2.
    """
    yield Flow("injury", weight * lost / healthy_cells, sink=injury)
    yield Flow("repair", repair * injury, source=injury)

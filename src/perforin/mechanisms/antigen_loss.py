"""Ways out for the tumour: mutation, nibbling and regulation of the antigen."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.model.mechanism import Flow, mechanism
from perforin.units import Cells, PerDay, Ratio

__all__ = ["antigen_mutation", "antigen_reexpression", "trogocytosis"]


@mechanism("Santurio2024")
def antigen_mutation(target: Cells, negative: Cells, birth_rate: PerDay, *, per_division: Ratio) -> Iterator[Flow]:
    """Some births give a daughter that has lost the antigen for good.

    Proportional to births, not to net growth: a tumour that barely grows still mutates.

    Assumes: one step from any class to none.
    Leaves out: splice variants that keep part of the antigen.
    Seen in: relapses without CD19, by mutation of its gene.
    """
    yield Flow("loss", per_division * birth_rate * target, source=target, sink=negative)


@mechanism("Santurio2024", "Hamieh2019")
def trogocytosis(high: Cells, low: Cells, hit: PerDay, *, share: Ratio) -> Iterator[Flow]:
    """A killer that lets go has taken antigen with it, and the target falls to the next lower class.

    Assumes: ``share`` such events for each kill in the class.
    Leaves out: the antigen that the killer now carries, which fratricide covers.
    Seen in: reversible loss of density during attack.
    """
    yield Flow("nibbling", share * hit * high, source=high, sink=low)


@mechanism("Santurio2024")
def antigen_reexpression(low: Cells, high: Cells, living: Cells, baseline: Ratio, *, rate: PerDay) -> Iterator[Flow]:
    """Cells that were nibbled at grow their antigen back, towards the mix of the untreated tumour.

    Written low^2 / (low + baseline living), which is smooth and vanishes with the class; a hard threshold would feed
    a pool from zero.

    Assumes: ``baseline`` is the class's share in the untreated tumour.
    Leaves out: clones that are low by nature and stay so.
    Seen in: recovery of density within days after the attack ends.
    """
    yield Flow("recovery", rate * low * low / (low + baseline * living), source=low, sink=high)

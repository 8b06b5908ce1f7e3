"""Neutrophils under conditioning chemotherapy."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.model.functions import power
from perforin.model.mechanism import Flow, mechanism
from perforin.units import Concentration, Days, PerDay, Ratio

__all__ = ["neutrophil_maturation", "neutrophil_precursors", "neutrophil_turnover"]


@mechanism("Friberg2002", "Park2025")
def neutrophil_precursors(
    precursors: Concentration,
    neutrophils: Concentration,
    depletion: PerDay,
    pace: PerDay,
    baseline: Concentration,
    *,
    feedback: Ratio,
    sensitivity: Days,
) -> Iterator[Flow]:
    """Precursors in the marrow renew themselves, faster when neutrophils are few, slower under chemotherapy.

    Assumes: chemotherapy slows division and never turns it negative.
    Leaves out: growth factors given as drugs, and marrow failure by inflammation.
    Seen in: the course of neutrophils after most cytotoxic drugs.
    """
    drive = power(baseline / neutrophils, feedback)
    yield Flow("renewal", pace * drive / (1 + sensitivity * depletion) * precursors, sink=precursors)


@mechanism("Friberg2002", "Park2025")
def neutrophil_maturation(before: Concentration, after: Concentration, pace: PerDay) -> Iterator[Flow]:
    """Cells mature through a chain of stages, which delays the fall and the recovery.

    Assumes: equal stages, each at the pace of the whole; the pace is stages plus one, over the mean transit time.
    Leaves out: storage in the marrow.
    Seen in: a nadir one to two weeks after treatment.
    """
    yield Flow("step", pace * before, source=before, sink=after)


@mechanism("Friberg2002")
def neutrophil_turnover(neutrophils: Concentration, pace: PerDay) -> Iterator[Flow]:
    """Neutrophils leave the blood.

    Assumes: at the pace of the chain, as usual for this model.
    Leaves out: use in infections.
    Seen in: short lives in blood.
    """
    yield Flow("loss", pace * neutrophils, source=neutrophils)

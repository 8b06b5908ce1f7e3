"""What a chimeric antigen receptor sees: bound receptors, gates of two antigens, and brakes on the signal."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.mechanisms.equilibrium import Contact, complexes
from perforin.model.functions import hill, saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Density, Nanomolar, NgPerML, PerDay, Ratio

__all__ = [
    "antigen_and_antigen", "antigen_but_not_antigen", "car_binding", "checkpoint_brake", "recognition_by_density",
    "tgf_brake", "tgf_disarming",
]  # fmt: skip


@mechanism("Singh2020", "Park2025")
def car_binding(antigen: Density, contact: Contact, *, receptors: Density, affinity: Nanomolar) -> Iterator[Level]:
    """A CAR binds its antigen where two cells touch; the scarcer of the two limits how many pairs form.

    Shares of one level add, so a receptor against two antigens (either is enough) is this mechanism placed twice.

    Assumes: equilibrium within the contact; receptors of one cell engage one target at a time.
    Leaves out: shed antigen, clustering, and recycling of the receptor.
    Seen in: quantitative models of several CAR products, where density and affinity explain killing in vitro.
    """
    yield Level("bound", complexes(receptors, antigen, affinity * contact))


@mechanism("Strickland2025")
def antigen_and_antigen(first: Density, second: Density, *, half: Density) -> Iterator[Level]:
    """The cell acts on the first antigen only where a second one is present as well (an AND gate).

    Assumes: the second receptor enables the first and adds no signal of its own.
    Leaves out: the hours for which an enabled cell stays enabled after it leaves the second antigen.
    Seen in: gated products and synthetic Notch receptors.
    """
    yield Level("bound", first * saturation(second, half))


@mechanism("Strickland2025")
def antigen_but_not_antigen(first: Density, blocker: Density, *, half: Density) -> Iterator[Level]:
    """An inhibitory receptor silences the CAR on cells that carry a protective antigen (a NOT gate).

    Assumes: the veto acts on the CAR; innate recognition of the same target goes on.
    Leaves out: competition of both receptors for one kinase.
    Seen in: a gated product against myeloid leukaemia that spares healthy stem cells.
    """
    yield Level("bound", first * half / (half + blocker))


@mechanism("Watanabe2015", "Majzner2018")
def recognition_by_density(
    bound: Density,
    unchecked: Ratio,
    untouched: Ratio,
    *,
    half_kill: Density,
    steep_kill: Ratio,
    half_drive: Density,
    steep_drive: Ratio,
) -> Iterator[Level]:
    """The cell reads antigen density alone: few bound receptors are enough to kill, many are needed to multiply.

    Killing and multiplying saturate separately because measured thresholds differ about tenfold. Nothing bound means
    nothing killed: there is no innate recognition here.

    Assumes: brakes of PD-L1 and TGF-beta multiply both readings.
    Leaves out: the time a contact lasts, and the mix of helper and killer subsets.
    Seen in: lysis from about 200 molecules per cell, cytokines and division from a few thousand.
    """
    brake = unchecked * untouched
    yield Level("kill", brake * hill(bound, half_kill, steep_kill))
    yield Level("drive", brake * hill(bound, half_drive, steep_drive))


@mechanism("Kosinsky2018")
def checkpoint_brake(pdl1: Ratio, blockade: Ratio, *, weight: Ratio) -> Iterator[Level]:
    """PD-L1 on the target holds the cell back unless an antibody blocks the pair.

    Assumes: a hyperbolic brake; PD-1 expression is part of ``weight``.
    Leaves out: other checkpoints, and PD-1 that rises as the cell tires.
    Seen in: models of checkpoint blockade.
    """
    yield Level("unchecked", 1 / (1 + weight * pdl1 * (1 - blockade)))


@mechanism("Wilson2011", "RobertsonTessi2012")
def tgf_brake(tgf: NgPerML, *, half: NgPerML) -> Iterator[Level]:
    """TGF-beta in the tumour bed lowers activating receptors, division and interferon within hours (the fast arm).

    A cell edited against TGF-beta has a larger ``half``.

    Assumes: free active TGF-beta; a hyperbolic effect.
    Leaves out: conversion of killers into helper innate cells.
    Seen in: interferon gamma falls at once through SMAD3; survival is spared.
    """
    yield Level("untouched", half / (half + tgf))


@mechanism("Trotta2008")
def tgf_disarming(
    disarmed: Ratio, tgf: NgPerML, *, rate: PerDay, half: NgPerML, depth: Ratio
) -> Iterator[Flow | Level]:
    """Days in TGF-beta take granzyme away, and killing with it (the slow arm); it comes back when TGF-beta is gone.

    Assumes: one state for all cells of a product; ``depth`` is the share of killing that can be lost.
    Leaves out: cells that have just arrived and are still armed.
    Seen in: antibody-dependent killing falls only after prolonged exposure, through granzyme.
    """
    yield Flow("loss_of_granzyme", rate * saturation(tgf, half) * (1 - disarmed), sink=disarmed)
    yield Flow("recovery", rate * (1 - saturation(tgf, half)) * disarmed, source=disarmed)
    yield Level("armed", 1 - depth * disarmed)

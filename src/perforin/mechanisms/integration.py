"""Innate recognition: activating and inhibitory receptors weighed against each other, and missing self."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.mechanisms.equilibrium import Contact, complexes, switch
from perforin.model.functions import power
from perforin.model.mechanism import Level, mechanism
from perforin.units import Density, Nanomolar, Ratio

__all__ = [
    "adhesion", "basal_inhibition", "car_signal", "checkpoint_inhibition", "kir_inhibition", "nkg2a_inhibition",
    "recognition_by_balance", "stress_signal",
]  # fmt: skip


@mechanism("DasLab")
def car_signal(bound: Density, *, weight: Ratio) -> Iterator[Level]:
    """Bound CARs add to the activating signals of the cell.

    Assumes: each bound receptor counts the same; the signalling domain is part of ``weight``.
    Leaves out: the delay between binding and phosphorylation.
    Seen in: fits of lysis by a CD33 CAR over several leukaemia lines.
    """
    yield Level("car", weight * bound)


@mechanism("DasLab", "Bryceson2006")
def stress_signal(stress: Ratio, untouched: Ratio, *, strength: Density, synergy: Ratio) -> Iterator[Level]:
    """Stress ligands on the target trigger NKG2D and its partners, without any CAR.

    An unprimed cell needs two receptors at once, which makes the response steeper than linear (``synergy`` above 1);
    a primed or expanded one does not.

    Assumes: all ligands of these receptors rise and fall together; TGF-beta lowers the receptors.
    Leaves out: shed ligands that block the receptor.
    Seen in: pairs of receptors are needed in resting cells, CD16 alone suffices.
    """
    yield Level("innate", strength * untouched * power(stress, synergy))


@mechanism("DasLab")
def adhesion(
    icam: Density, contact: Contact, *, integrin: Density, affinity: Nanomolar, weight: Ratio
) -> Iterator[Level]:
    """LFA-1 on ICAM-1 holds the contact together and adds to activation.

    Assumes: equilibrium binding, as for the CAR.
    Leaves out: integrins that open as the cell is activated.
    Seen in: models without adhesion do not fit lysis data.
    """
    yield Level("innate", weight * complexes(integrin, icam, affinity * contact))


@mechanism("DasLab", "Almeida2011")
def kir_inhibition(
    hla: Ratio,
    hla_density: Density,
    contact: Contact,
    *,
    receptors: Density,
    affinity: Nanomolar,
    weight: Ratio,
    missing: Ratio,
) -> Iterator[Level]:
    """KIR on HLA class I tells the cell that the target is self; where HLA is lost or foreign, that voice is missing.

    Placed once for each class of KIR expression. ``hla`` is relative to the untreated tumour.

    Assumes: equilibrium binding; ``missing`` is the share of the donor's KIR without ligand in the patient.
    Leaves out: activating KIR, and education beyond one factor.
    Seen in: missing-self killing of HLA-deficient targets.
    """
    bound = complexes(receptors, hla_density * hla, affinity * contact)
    yield Level("inhibition", weight * (1 - missing) * bound)


@mechanism("Mesecke2011", "Andre2018")
def nkg2a_inhibition(
    hla: Ratio,
    hla_e: Density,
    blockade: Ratio,
    contact: Contact,
    *,
    receptors: Density,
    affinity: Nanomolar,
    weight: Ratio,
) -> Iterator[Level]:
    """NKG2A reads HLA-E, which rises and falls with the other HLA class I molecules; monalizumab blocks the pair.

    Assumes: equilibrium binding; ``receptors`` is the mean over positive and negative cells.
    Leaves out: the activating partner NKG2C on adaptive cells.
    Seen in: blockade of NKG2A restores killing of HLA-E-positive tumours.
    """
    yield Level("inhibition", weight * (1 - blockade) * complexes(receptors, hla_e * hla, affinity * contact))


@mechanism("Kosinsky2018")
def checkpoint_inhibition(pdl1: Ratio, blockade: Ratio, *, strength: Density) -> Iterator[Level]:
    """PD-L1 adds to inhibition in cells that carry PD-1 or TIGIT.

    Assumes: linear in PD-L1 relative to the untreated tumour.
    Leaves out: induction of PD-1 on the cell.
    Seen in: weak effects of PD-1 blockade on innate killers.
    """
    yield Level("inhibition", strength * pdl1 * (1 - blockade))


@mechanism()
def basal_inhibition(*, tone: Density) -> Iterator[Level]:
    """Phosphatases are never quite silent: a basal tone remains even against a target without HLA.

    Assumes: the same tone in every contact.
    Leaves out: other inhibitory receptors, such as TIGIT and LILRB1, by name.
    Seen in: targets without HLA class I are not killed without limit.
    """
    yield Level("inhibition", tone)


@mechanism("DasLab", "Mesecke2011", "Joncker2009")
def recognition_by_balance(
    car: Density,
    innate: Density,
    antibody: Density,
    inhibition: Density,
    armed: Ratio,
    *,
    education: Ratio,
    gain: Ratio,
    kinase_half: Ratio,
    phosphatase_half: Ratio,
    share: Ratio,
) -> Iterator[Level]:
    """Activating and inhibitory receptors meet at one kinase cycle (Vav1): the ratio decides, and steeply.

    Placed for each target and each class of KIR expression; ``share`` is the class's share of cells and shares add.

    Assumes: kinases are recruited by activating and phosphatases by inhibitory complexes; killing and division follow
    one signal.
    Leaves out: the order of phosphorylation events, and differences between single activating receptors.
    Seen in: lysis by CAR-bearing and unmodified cells from three donors against several lines.
    """
    drive = gain * education * (car + innate + antibody) / inhibition
    signal = share * armed * switch(drive, kinase_half, phosphatase_half)
    yield Level("kill", signal)
    yield Level("drive", signal)

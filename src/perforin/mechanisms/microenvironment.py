"""The tumour bed: interferon, what the tumour puts on its surface under it, TGF-beta, suppressor cells and stroma."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, mechanism
from perforin.units import Cells, NgPerML, PerCellDay, PerDay, PgPerML, Ratio

__all__ = [
    "induced_ligand", "local_interferon", "protease_secretion", "stress_ligand", "stroma_digestion", "stroma_turnover",
    "suppressor_cells", "tgf_sink", "tgf_turnover",
]  # fmt: skip


@mechanism()
def local_interferon(
    local_ifn: PgPerML,
    effector: Cells,
    toggle: Ratio,
    untouched: Ratio,
    living: Cells,
    *,
    made: Annotated[Any, "pg/day/cell"],
    packing: Annotated[Any, "cell/mL"],
    bed: Annotated[Any, "mL"],
) -> Iterator[Flow]:
    """Active effectors release interferon gamma in the tumour bed; TGF-beta stops them at once.

    Assumes: mixed over the tumour's volume and a bed of vessels and stroma that remains when the tumour is gone.
    Leaves out: gradients around single cells.
    Seen in: interferon signatures in biopsies after infusion.
    """
    yield Flow("release", made * toggle * untouched * effector / (living / packing + bed), sink=local_ifn)


@mechanism("Kosinsky2018")
def induced_ligand(
    ligand: Ratio, local_ifn: PgPerML, *, rate: PerDay, baseline: Ratio, most: Ratio, half: PgPerML, refractory: Ratio
) -> Iterator[Flow]:
    """Interferon makes tumour cells show more HLA class I and PD-L1: the tumour adapts to being attacked.

    Assumes: relative to a usual untreated tumour; ``refractory`` tumours have lost the response.
    Leaves out: selection of clones by their ligands.
    Seen in: two- to tenfold induction in culture.
    """
    synthesis = rate * baseline * (1 + most * (1 - refractory) * saturation(local_ifn, half))
    yield Flow("synthesis", synthesis, sink=ligand)
    yield Flow("turnover", rate * ligand, source=ligand)


@mechanism()
def stress_ligand(
    stress: Ratio, chemotherapy: Ratio, *, rate: PerDay, baseline: Ratio, induction: Ratio
) -> Iterator[Flow]:
    """Tumour cells show stress ligands, more of them under chemotherapy.

    Assumes: relative to a usual untreated tumour.
    Leaves out: shedding of the ligands.
    Seen in: MICA and MICB rise after DNA damage.
    """
    yield Flow("synthesis", rate * baseline * (1 + induction * chemotherapy), sink=stress)
    yield Flow("turnover", rate * stress, source=stress)


@mechanism("RobertsonTessi2012")
def tgf_turnover(
    tgf: NgPerML, suppressors: Ratio, stroma: Ratio, *, rate: PerDay, level: NgPerML, by_stroma: NgPerML
) -> Iterator[Flow]:
    """Tumour, suppressor cells and stroma make TGF-beta.

    Assumes: half of ``level`` comes with the suppressor cells; only the active form counts.
    Leaves out: activation from its latent form.
    Seen in: ng/mL in solid tumours, little in marrow and nodes.
    """
    yield Flow("production", rate * (level * (1 + suppressors) / 2 + by_stroma * stroma), sink=tgf)
    yield Flow("clearance", rate * tgf, source=tgf)


@mechanism("RobertsonTessi2012")
def tgf_sink(tgf: NgPerML, cell: Cells, *, uptake: PerCellDay) -> Iterator[Flow]:
    """Cells with a decoy receptor mop TGF-beta up.

    Assumes: proportional to cells in the disease site.
    Leaves out: saturation of the decoys.
    Seen in: dominant-negative receptors.
    """
    yield Flow("uptake", uptake * cell * tgf, source=tgf)


@mechanism()
def suppressor_cells(
    suppressors: Ratio,
    local_ifn: PgPerML,
    depletion: PerDay,
    *,
    rate: PerDay,
    most: Ratio,
    half: PgPerML,
    sensitivity: Ratio,
) -> Iterator[Flow]:
    """Regulatory and myeloid suppressor cells gather under inflammation; conditioning thins them out.

    Assumes: relative to the untreated tumour bed.
    Leaves out: each kind by itself, and drugs against them.
    Seen in: depletion of regulatory cells helps infused lymphocytes to expand.
    """
    yield Flow("entry", rate * (1 + most * saturation(local_ifn, half)), sink=suppressors)
    yield Flow("turnover", rate * suppressors, source=suppressors)
    yield Flow("depletion", sensitivity * depletion * suppressors, source=suppressors)


@mechanism()
def stroma_turnover(stroma: Ratio, *, rate: PerDay, baseline: Ratio) -> Iterator[Flow]:
    """The stromal barrier is laid down and turned over slowly.

    Assumes: 0 is no barrier, 1 a full one.
    Leaves out: its regrowth under treatment.
    Seen in: dense stroma in many carcinomas, little in lymphoma.
    """
    yield Flow("deposition", rate * baseline, sink=stroma)
    yield Flow("turnover", rate * stroma, source=stroma)


@mechanism()
def protease_secretion(protease: Ratio, effector: Cells, *, rate: PerDay, half: Cells, loss: PerDay) -> Iterator[Flow]:
    """Engineered cells secrete an enzyme that digests stroma.

    Assumes: secretion saturates in cells at the site.
    Leaves out: the enzyme in the circulation.
    Seen in: heparanase-bearing cells in mice.
    """
    yield Flow("secretion", rate * saturation(effector, half), sink=protease)
    yield Flow("loss", loss * protease, source=protease)


@mechanism()
def stroma_digestion(stroma: Ratio, protease: Ratio, *, rate: PerDay) -> Iterator[Flow]:
    """The enzyme opens the stromal barrier.

    Assumes: proportional to enzyme.
    Leaves out: effects on spread of the tumour.
    Seen in: better infiltration in mice.
    """
    yield Flow("digestion", rate * protease * stroma, source=stroma)

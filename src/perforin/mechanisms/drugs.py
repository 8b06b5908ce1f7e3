"""Drugs given beside the product: how they leave, how much of their effect is reached, how they get to the tumour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Anything, Dose, PerDay, Ratio, UgPerML

__all__ = ["agonist_signal", "elimination", "occupancy", "tissue_uptake"]


@mechanism()
def elimination(drug: Anything, *, rate: PerDay) -> Iterator[Flow]:
    """A drug leaves the body.

    Assumes: first order.
    Leaves out: clearance by the target.
    Seen in: the terminal half-life of most drugs.
    """
    yield Flow("loss", rate * drug, source=drug)


@mechanism()
def occupancy(drug: Anything, *, half: Anything) -> Iterator[Level]:
    """How much of its full effect a drug reaches: receptor occupancy, or the like.

    Assumes: one drug to one target; shares of several drugs on one target add.
    Leaves out: delay between concentration and effect.
    Seen in: occupancy curves of antibodies.
    """
    yield Level("seen", saturation(drug, half))


@mechanism()
def tissue_uptake(plasma: UgPerML, tissue: UgPerML, *, rate: PerDay, penetration: Ratio) -> Iterator[Flow]:
    """An antibody reaches the disease site, where it stays below its level in blood.

    Assumes: so little that blood does not lose it.
    Leaves out: binding-site barrier.
    Seen in: antibodies in solid tumours at a tenth of plasma, in marrow and nodes at more.
    """
    yield Flow("entry", rate * penetration * plasma, sink=tissue)
    yield Flow("exit", rate * tissue, source=tissue)


@mechanism("Conlon2015")
def agonist_signal(drug: Dose, *, potency: Annotated[Any, "pg/mL/dose"]) -> Iterator[Level]:
    """A drug that acts like interleukin 15, as the serum level that would act alike.

    Assumes: proportional to dose.
    Leaves out: receptors that the drug binds but the cytokine does not.
    Seen in: expansion of lymphocytes under such drugs.
    """
    yield Level("agonist15", potency * drug)

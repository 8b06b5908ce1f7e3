"""Conditioning chemotherapy and the patient's own lymphocytes."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Concentration, Dose, PerDay, PgPerML, Ratio

__all__ = ["agonist_growth", "anti_lymphocyte_antibody", "host_lymphocytes", "lymphodepletion"]


@mechanism("Park2025")
def lymphodepletion(drug: Dose, *, strength: PerDay, half: Dose) -> Iterator[Level]:
    """Each drug adds to the rate at which lymphocytes are lost, up to its maximum.

    Assumes: effects of drugs add; one unit of dose is a usual daily dose.
    Leaves out: metabolites by name; kinetics are those of the effect.
    Seen in: lymphocytes fall by nine tenths within days.
    """
    yield Level("depletion", strength * saturation(drug, half))


@mechanism("Benjamin2020")
def anti_lymphocyte_antibody(drug: Dose, *, strength: PerDay, half: Dose) -> Iterator[Level]:
    """An antibody against CD52 removes host lymphocytes for weeks, and any product that carries CD52.

    Assumes: its effect on the host is that of depletion; the product reads ``bound``.
    Leaves out: infections that follow.
    Seen in: trials of products without CD52.
    """
    yield Level("depletion", strength * saturation(drug, half))
    yield Level("bound", saturation(drug, half))


@mechanism("Kimmel2021", "Zhang2007")
def host_lymphocytes(
    cell: Concentration, depletion: PerDay, *, turnover: PerDay, baseline: Concentration, sensitivity: Ratio
) -> Iterator[Flow]:
    """The patient's own lymphocytes fall under conditioning and come back towards their baseline.

    Assumes: constant supply; recovery at the pace of turnover.
    Leaves out: thymus, and growth by the interleukins that conditioning frees.
    Seen in: recovery over weeks, faster for host NK than for host T cells.
    """
    yield Flow("supply", turnover * baseline, sink=cell)
    yield Flow("death", turnover * cell, source=cell)
    yield Flow("depletion", sensitivity * depletion * cell, source=cell)


@mechanism("Cooley2019")
def agonist_growth(cell: Concentration, agonist15: PgPerML, *, rate: PerDay, half: PgPerML) -> Iterator[Flow]:
    """A drug that acts like interleukin 15 makes the patient's lymphocytes divide.

    Assumes: saturating in the drug.
    Leaves out: exhaustion of the response on repeated doses.
    Seen in: several-fold rises of host NK cells under interleukin 15 drugs.
    """
    yield Flow("division", rate * saturation(agonist15, half) * cell, sink=cell)

"""What lasts: return to memory, recovery of spent cells, and a budget of divisions."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.model.functions import log
from perforin.model.mechanism import Flow, mechanism
from perforin.units import Cells, PerDay, Ratio

__all__ = ["drug_toxicity", "recovery", "replicative_budget", "return_to_memory"]


@mechanism("Stein2019")
def return_to_memory(effector: Cells, memory: Cells, toggle: Ratio, *, rate: PerDay) -> Iterator[Flow]:
    """When antigen is gone, effectors go back to rest.

    Assumes: the toggle of antigen blocks the way back.
    Leaves out: memory cells set aside during expansion.
    Seen in: the slow second phase of decline in blood.
    """
    yield Flow("rest", rate * (1 - toggle) * effector, source=effector, sink=memory)


@mechanism("Prager2019")
def recovery(spent: Cells, memory: Cells, signal15: Ratio, *, rate: PerDay) -> Iterator[Flow]:
    """Cells that have used up their granules make new ones with the help of interleukin 15 and can kill again.

    A rate of 0 makes exhaustion irreversible.

    Assumes: recovered cells start from rest.
    Leaves out: partial recovery.
    Seen in: granules are remade over one to two days.
    """
    yield Flow("rearming", rate * signal15 * spent, source=spent, sink=memory)


@mechanism()
def replicative_budget(potential: Ratio, growth: PerDay, divisions: PerDay, *, budget: Ratio) -> Iterator[Flow]:
    """Every division uses up part of what the cells can still divide; extensively expanded cells have little left.

    Assumes: one potential for all cells of a product, 1 at infusion; a new infusion resets it.
    Leaves out: telomerase, and the spread between clones.
    Seen in: persistence of weeks to months without support, of years in cells that divide for longer.
    """
    yield Flow("used", (growth + divisions) / (log(2) * budget) * potential, source=potential)


@mechanism("Benjamin2020")
def drug_toxicity(
    cell: Cells,
    chemotherapy: Ratio,
    depletion: PerDay,
    anti_cd52: Ratio,
    *,
    chemotherapy_kill: PerDay,
    depletion_share: Ratio,
    anti_cd52_kill: PerDay,
) -> Iterator[Flow]:
    """Drugs against tumour or host lymphocytes strike the product too, unless an edit protects it.

    Assumes: each drug kills in proportion to its effect, and effects add.
    Leaves out: sites that a drug reaches poorly.
    Seen in: alemtuzumab depletes host lymphocytes while cells without CD52 survive.
    """
    rate = chemotherapy_kill * chemotherapy + depletion_share * depletion + anti_cd52_kill * anti_cd52
    yield Flow("killed_by_drugs", rate * cell, source=cell)

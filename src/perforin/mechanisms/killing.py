"""Killing: limited by encounters, split into granules and death receptors, paid for in granules."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.model.functions import power, saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Cells, CellsPerDay, Density, PerDay, PgPerML, Ratio

__all__ = [
    "all_by_car", "attribution", "bystander_killing", "death_receptor_competence", "fratricide", "granule_budget",
    "kill_in_company", "killing", "killing_strength", "slow_death",
]  # fmt: skip


@mechanism()
def killing_strength(cell: Cells, *, share: Ratio) -> Iterator[Level]:
    """How many fresh killers a pool of cells is worth: an effector counts fully, a resting or a tired cell in part.

    Assumes: fixed shares by pool.
    Leaves out: the half of cells that never kill, which is part of kills per day.
    Seen in: few cells of a population are fast serial killers.
    """
    yield Level("able", share * cell)


@mechanism("Weigelin2021", "Hamieh2019")
def kill_in_company(kill: Ratio, able: Cells, living: Cells, *, hits: Ratio, half: Cells) -> Iterator[Level]:
    """Sub-lethal hits of several killers add up where killers are many for each target.

    With ``hits`` = 1 each killer kills alone. More hits raise a weak signal towards certainty as the site fills.

    Assumes: the crowd is measured by killers relative to living tumour cells.
    Leaves out: repair between hits.
    Seen in: additive cytotoxicity at high killer density in tissue.
    """
    crowd = saturation(able, half + living)
    yield Level("joint", power(kill, 1 / (1 + (hits - 1) * crowd)))


@mechanism("Halle2016", "Prager2019", "Vanherberghen2013", "Chaudhury2020")
def killing(
    target: Cells,
    dying: Cells,
    able: Cells,
    tired: Cells,
    living: Cells,
    kill: Ratio,
    competence: Ratio,
    *,
    kills_per_day: PerDay,
    encounter: Cells,
    death_receptor: Ratio,
) -> Iterator[Flow | Level]:
    """Killers meet targets and kill a bounded number a day, most by granules, the rest by slow death receptors.

    The flux saturates in killers and in targets because each killer handles one target at a time; it can never exceed
    kills per day times killers. Tired cells have no granules left and kill by death receptors alone.

    Assumes: well-mixed encounters in the disease site; death receptors work as far as the target is ``competence``.
    Leaves out: search in space, which the spatial model adds, and killers of another product in the same site.
    Seen in: 2 to 16 kills a day in tissue; fast granule kills come first, slow receptor kills later.
    """
    each = kills_per_day * kill / (encounter + able + living)
    per_killer = each * target
    granules = (1 - death_receptor) * per_killer * able
    receptors = competence * per_killer * (death_receptor * able + tired)
    yield Flow("granules", granules, source=target)
    yield Flow("death_receptors", receptors, source=target, sink=dying)
    yield Level("flux", granules + receptors)
    yield Level("engaged", granules + receptors)
    yield Level("granule_kills", granules)
    yield Level("receptor_kills", receptors)
    yield Level("lysed", granules)
    yield Level("hit", each * ((1 - death_receptor) * able + competence * (death_receptor * able + tired)))
    yield Level("pace", per_killer)
    yield Level("work", (1 - death_receptor) * per_killer)


@mechanism("Prager2019", "Bhat2007")
def granule_budget(cell: Cells, spent: Cells, work: PerDay, *, share: Ratio, kills_in_series: Ratio) -> Iterator[Flow]:
    """Every granule kill is paid for: after so many kills in series a cell has no granules and rests.

    ``work`` is granule kills a day of one fully able cell, so cumulative granule kills never exceed
    ``kills_in_series`` for each cell spent.

    Assumes: ``share`` is the pool's share of a fully able cell, as in its killing strength.
    Leaves out: partly emptied cells.
    Seen in: granzyme and perforin fall over serial kills while death ligands rise.
    """
    yield Flow("emptied", share * work * cell / kills_in_series, source=cell, sink=spent)


@mechanism("Prager2019")
def slow_death(dying: Cells, *, rate: PerDay) -> Iterator[Flow | Level]:
    """Targets hit through death receptors die over hours.

    Assumes: no way back once committed.
    Leaves out: survival signals that rescue a target.
    Seen in: kills by death receptors take several times longer than granule kills.
    """
    yield Flow("lysis", rate * dying, source=dying)
    yield Level("lysed", rate * dying)


@mechanism("Prager2019")
def death_receptor_competence(local_ifn: PgPerML, *, baseline: Ratio, half: PgPerML) -> Iterator[Level]:
    """Interferon gamma in the tumour bed makes targets sensitive to Fas and TRAIL.

    Assumes: a floor ``baseline`` and full sensitivity at plenty of interferon.
    Leaves out: lines that have lost the pathway.
    Seen in: interferon raises Fas and caspase-8 on many tumour lines.
    """
    yield Level("competence", baseline + (1 - baseline) * saturation(local_ifn, half))


@mechanism("Kara2023")
def bystander_killing(
    target: Cells, engaged: CellsPerDay, living: Cells, *, spread: Ratio, encounter: Cells
) -> Iterator[Flow | Level]:
    """Cells beside a target that is killed die too, whether they carry the antigen or not.

    It follows actual kills, so it stops when the killers are gone.

    Assumes: ``spread`` neighbours for each kill, taken from all classes by their share.
    Leaves out: who stands beside whom, which the spatial model knows.
    Seen in: antigen-negative cells die in mixed cultures through interferon and Fas.
    """
    killed = spread * engaged * target / (encounter + living)
    yield Flow("lysis", killed, source=target)
    yield Level("killed", killed)


@mechanism("LiY2022")
def fratricide(cell: Cells, pace: PerDay, *, per_contact: Ratio) -> Iterator[Flow]:
    """Killers that have nibbled antigen off their targets are killed by their fellows.

    Assumes: proportional to contacts a day; ``per_contact`` is the chance that a contact ends so.
    Leaves out: antigen that wears off the killer.
    Seen in: trogocytosis by CAR-bearing lymphocytes and loss of killers with it.
    """
    yield Flow("killed_by_fellows", per_contact * pace * cell, source=cell)


@mechanism("DasLab")
def attribution(flux: CellsPerDay, car: Density, innate: Density, antibody: Density) -> Iterator[Level]:
    """Kills are ascribed to CAR, innate receptors and antibody in proportion to the signals that triggered them.

    Assumes: proportional shares, although the switch behind them is steep; for reporting only.
    Leaves out: synergy, which belongs to no single receptor.
    Seen in: nothing; a bookkeeping rule.
    """
    each = flux / (car + innate + antibody)
    yield Level("by_car", each * car)
    yield Level("by_innate", each * innate)
    yield Level("by_antibody", each * antibody)


@mechanism()
def all_by_car(flux: CellsPerDay) -> Iterator[Level]:
    """Every kill of a cell without innate recognition is the CAR's.

    Assumes: no innate recognition.
    Leaves out: kills through the cell's own antigen receptor.
    Seen in: nothing; a bookkeeping rule.
    """
    yield Level("by_car", flux)

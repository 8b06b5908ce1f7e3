"""Cells in culture: what drives division, what holds it back, how vectors enter, and what else lives in the vessel."""

from __future__ import annotations

from collections.abc import Iterator

from perforin.model.functions import log, saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Cells, PerDay, Ratio

__all__ = [
    "culture_contaminant", "culture_death", "culture_division", "culture_feeder", "culture_room",
    "culture_stimulation", "culture_vigour", "transduction",
]  # fmt: skip


@mechanism("Somanchi2016", "Cheng2013")
def culture_stimulation(feeder: Ratio, *, half: Ratio, unfed: Ratio) -> Iterator[Level]:
    """Feeder cells drive division; cytokines in the medium alone drive a part of it.

    Assumes: ``unfed`` is the pace without feeders over the pace with plenty; cytokines are renewed and constant.
    Leaves out: which membrane-bound cytokine the feeder carries, and overstimulation.
    Seen in: fold expansions of a few hundred with cytokines and of tens of thousands with feeders in three weeks.
    """
    yield Level("stimulation", unfed + (1 - unfed) * saturation(feeder, half))


@mechanism("Somanchi2016")
def culture_feeder(feeder: Ratio, pace: PerDay, *, loss: PerDay) -> Iterator[Flow]:
    """Irradiated feeders are killed and, as the cells divide, become fewer for each of them.

    Assumes: a constant rate of loss; a state per living cell, so that dilution is a loss.
    Leaves out: that few killers leave feeders alive for longer.
    Seen in: feeders are gone within days and are given anew each week.
    """
    yield Flow("loss", (loss + pace) * feeder, source=feeder)


@mechanism("Nowakowska2018")
def culture_room(bare: Cells, engineered: Cells, contaminant: Cells, *, capacity: Cells) -> Iterator[Level]:
    """The vessel fills: what is left of the pace when so many cells share the medium.

    Assumes: hyperbolic, so that division slows and never reverses.
    Leaves out: glucose, lactate and the moves to larger vessels on the way.
    Seen in: densities at harvest differ little between runs.
    """
    yield Level("room", capacity / (capacity + bare + engineered + contaminant))


@mechanism("NKClones2019")
def culture_vigour(doublings: Ratio, *, ceiling: Ratio) -> Iterator[Level]:
    """Cells that have divided often divide more slowly, and stop at a ceiling of doublings.

    With all else constant the number of cells then follows a Gompertz curve.

    Assumes: linear in the doublings that are spent.
    Leaves out: a spread of ages within the culture, and escape from the ceiling.
    Seen in: clones under weekly stimulation live five to seven weeks and reach about ten million cells.
    """
    yield Level("vigour", 1 - doublings / ceiling)


@mechanism()
def culture_division(
    bare: Cells,
    engineered: Cells,
    doublings: Ratio,
    stimulation: Ratio,
    room: Ratio,
    vigour: Ratio,
    *,
    rate: PerDay,
    fitness: Ratio,
) -> Iterator[Flow | Level]:
    """Cells divide, with the construct and without it.

    Assumes: ``fitness`` is the pace of cells with the construct over that of cells without it.
    Leaves out: the day of rest before a first division.
    Seen in: the share with the construct moves little between transduction and harvest.
    """
    pace = rate * stimulation * room * vigour
    yield Flow("bare", pace * bare, sink=bare)
    yield Flow("engineered", fitness * pace * engineered, sink=engineered)
    yield Flow("count", pace / log(2), sink=doublings)
    yield Level("pace", pace)


@mechanism()
def culture_death(bare: Cells, engineered: Cells, dead: Cells, *, rate: PerDay, clearance: PerDay) -> Iterator[Flow]:
    """Cells die at a constant rate and stay visible as dead until they fall apart or are washed out.

    Assumes: the same rate with and without the construct.
    Leaves out: death by starvation when the medium is spent.
    Seen in: viability at harvest of mostly 85 to 95 %.
    """
    yield Flow("bare", rate * bare, source=bare, sink=dead)
    yield Flow("engineered", rate * engineered, source=engineered, sink=dead)
    yield Flow("clearance", clearance * dead, source=dead)


@mechanism()
def culture_contaminant(contaminant: Cells, room: Ratio, *, rate: PerDay) -> Iterator[Flow]:
    """Unwanted lymphocytes that came along grow in the same vessel.

    Assumes: the net pace, without a ceiling of doublings; feeders do not drive them.
    Leaves out: that the wanted cells may kill them.
    Seen in: cultures that begin without depletion end with a few per cent of them or more.
    """
    yield Flow("growth", rate * room * contaminant, sink=contaminant)


@mechanism("Castella2018", "Yilmaz2020")
def transduction(
    bare: Cells, engineered: Cells, vector: Ratio, *, clearance: PerDay, receptive: Ratio
) -> Iterator[Flow]:
    """Vectors meet cells at random until they are used up or decay; a cell that takes one carries the construct.

    A dose of m vectors a cell leaves exp(-receptive m) of the cells without one, so that the share with the construct
    and the copies in it (a Poisson number of mean m, not zero) rise together.

    Assumes: independent hits; all copies enter together.
    Leaves out: loss of copies that did not integrate.
    Seen in: lots with a larger share of engineered cells carry more copies in each.
    """
    yield Flow("entry", clearance * receptive * vector * bare, source=bare, sink=engineered)
    yield Flow("decay", clearance * vector, source=vector)

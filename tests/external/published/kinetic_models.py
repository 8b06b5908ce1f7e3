"""Stein 2019 (tisagenlecleucel kinetics) and Hardiansyah and Ng 2019 (patient UPN1 with cytokines)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from external.published.published_model import Published
from external.published.turnover import loss
from perforin.model.compose import compose
from perforin.model.functions import log, saturation
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.model.network import State
from perforin.units import Cells, Days, PerDay, PgPerML, Ratio

Copies = Annotated[Any, "copy/ug"]
PerCellDay = Annotated[Any, "1/cell/day"]
PgPerMLDay = Annotated[Any, "pg/mL/day"]
PerEncounter = Annotated[Any, "pg/mL/day/cell**2"]

STEIN = {"fold": 3900.0, "peak_day": 9.3, "peak": 24000.0, "alpha": 0.16, "beta": 0.0032, "share": 0.0079}


@mechanism("Stein2019")
def expansion(effector: Copies, expanding: Ratio, *, fold: Ratio, peak_day: Days) -> Iterator[Flow]:
    """Exponential growth by ``fold`` until the peak."""
    yield Flow("division", expanding * effector * log(fold) / peak_day, sink=effector)


@mechanism("Stein2019")
def contraction(
    effector: Copies, memory: Copies, expanding: Ratio, *, alpha: PerDay, beta: PerDay, share: Ratio
) -> Iterator[Flow]:
    """After the peak effectors are lost; some remain as memory."""
    after = 1 - expanding
    conversion = share * (alpha - beta)
    yield Flow("conversion", after * conversion * effector, source=effector, sink=memory)
    yield Flow("death", after * (alpha - conversion) * effector, source=effector)


def stein() -> Published:
    """The switch at the peak is a dose that sets the state ``expanding`` from one to zero."""
    states = [State("effector", "copy/ug"), State("memory", "copy/ug"), State("expanding", "")]
    network = compose([*expansion.on(), *contraction.on(), *loss.on(cells="memory")], states)
    values = {
        "expansion.fold": STEIN["fold"],
        "expansion.peak_day": STEIN["peak_day"],
        "contraction.alpha": STEIN["alpha"],
        "contraction.beta": STEIN["beta"],
        "contraction.share": STEIN["share"],
        "loss.rate": STEIN["beta"],
    }
    start = {"effector": STEIN["peak"] / STEIN["fold"], "memory": 0.0, "expanding": 1.0}
    return Published(network, values, start, ((STEIN["peak_day"], "expanding", 0.0, 0.0),))


@mechanism("Hardiansyah2019")
def antigen(target: Cells, *, half: Cells) -> Iterator[Level]:
    """Antigen presence, 0 to 1."""
    yield Level("presence", saturation(target, half))


@mechanism("Hardiansyah2019")
def b_cells(target: Cells, effector: Cells, *, birth: PerDay, death: PerDay, killing: PerCellDay) -> Iterator[Flow]:
    """Malignant B cells."""
    yield Flow("net_growth", (birth - death) * target, sink=target)
    yield Flow("killing", killing * effector * target, source=target)


@mechanism("Hardiansyah2019")
def effectors(effector: Cells, target: Cells, *, rate: PerCellDay, death: PerDay) -> Iterator[Flow]:
    """Effectors divide on antigen (the gain is written with effectors, as the erratum of equation 7 says)."""
    yield Flow("division", rate * effector * target, sink=effector)
    yield Flow("death", death * effector, source=effector)


@mechanism("Hardiansyah2019")
def memory_turnover(memory: Cells, *, birth: PerDay, death: PerDay) -> Iterator[Flow]:
    """Memory renews itself."""
    yield Flow("net_growth", (birth - death) * memory, sink=memory)


@mechanism("Hardiansyah2019")
def conversion(effector: Cells, memory: Cells, presence: Ratio, *, rest: PerDay, recall: PerDay) -> Iterator[Flow]:
    """Effectors rest without antigen, memory is recalled by it."""
    yield Flow("rest", rest * effector * (1 - presence), source=effector, sink=memory)
    yield Flow("recall", recall * memory * presence, source=memory, sink=effector)


@mechanism("Hardiansyah2019")
def exchange(blood: Cells, tissue: Cells, *, enter: PerDay, leave: PerDay) -> Iterator[Flow]:
    """Between blood and tissue."""
    yield Flow("into", enter * blood, source=blood, sink=tissue)
    yield Flow("back", leave * tissue, source=tissue, sink=blood)


@mechanism("Hardiansyah2019")
def cytokine(
    cytokine: PgPerML,
    target: Cells,
    effector: Cells,
    damping: Ratio,
    *,
    loss: PerDay,
    base: PgPerML,
    made: PerEncounter,
) -> Iterator[Flow]:
    """Made by encounters, lost in proportion."""
    yield Flow("steady", loss * base, sink=cytokine)
    yield Flow("release", made * damping * target * effector, sink=cytokine)
    yield Flow("loss", loss * cytokine, source=cytokine)


@mechanism("Hardiansyah2019")
def interleukin_10(inhibitor: PgPerML, *, floor: Ratio, half: PgPerML) -> Iterator[Level]:
    """IL-10 dampens IFN-gamma down to a floor."""
    yield Level("damping", floor + (1 - floor) * half / (inhibitor + half))


@mechanism()
def counting(effector: Cells, memory: Cells) -> Iterator[Level]:
    """Cells in blood."""
    yield Level("in_blood", effector + memory)


def hardiansyah() -> Published:
    """UPN1: 0.11, 0.33 and 0.66 billion cells on days 0, 1 and 2; per 1e9 cells in the paper, per cell here."""
    billion = 1e9
    cells = ("target", "effector", "effector_tissue", "memory", "memory_tissue")
    states = [*(State(n, "cell") for n in cells), *(State(n, "pg/mL") for n in ("IL6", "IL10", "IFNg"))]
    placements = [
        *antigen.on(),
        *b_cells.on(),
        *effectors.on(),
        *memory_turnover.on(),
        *conversion.on(),
        *exchange.on(blood="effector", tissue="effector_tissue"),
        *exchange.on([{"c": "memory"}], blood="{c}", tissue="{c}_tissue"),
        *interleukin_10.on(inhibitor="IL10"),
        *counting.on(),
    ]
    for name, damping in (("IL6", 1), ("IL10", 1), ("IFNg", "damping")):
        member = f"[{name}]"
        placements += cytokine.on([{"c": name}], cytokine=name, damping=damping, loss=member, base=member, made=member)
    values = {
        "antigen.half": 1e5 * billion,
        "b_cells.birth": 9.3e-3,
        "b_cells.death": 7.6e-3,
        "b_cells.killing": 0.19 / billion,
        "effectors.rate": 16.16 / billion,
        "effectors.death": 23.04,
        "memory_turnover.birth": 5.09e-2,
        "memory_turnover.death": 0.408,
        "conversion.rest": 2.4e-2,
        "conversion.recall": 1.0,
        "exchange.enter": 76.78,
        "exchange.leave": 1.84,
        "interleukin_10.floor": 0.59,
        "interleukin_10.half": 650.0,
    }
    kinetics = (("IL6", 3.96, 1.7, 1.8e-3), ("IL10", 4.68, 4.5, 0.7e-3), ("IFNg", 1.51, 2.3, 0.3e-3))
    for name, lost, base, made in kinetics:
        values |= {f"cytokine.loss[{name}]": lost, f"cytokine.base[{name}]": base}
        values[f"cytokine.made[{name}]"] = made * 1e6 / billion**2
    start = dict.fromkeys(cells, 0.0) | {"target": 4.14 * billion, "IL6": 1.7, "IL10": 4.5, "IFNg": 2.3}
    doses = tuple((day, "effector", 1.0, size * billion) for day, size in ((0.0, 0.11), (1.0, 0.33), (2.0, 0.66)))
    return Published(compose(placements, states), values, start, doses)

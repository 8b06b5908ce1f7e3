"""Chaudhury 2020 (BIOMD0000001024), Kimmel 2021 (BIOMD0000001041) and Barros 2021 (BIOMD0000001019)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from external.published.published_model import Published
from external.published.turnover import growth, loss, mass_action_killing
from perforin.model.compose import compose
from perforin.model.functions import log, saturation
from perforin.model.mechanism import Flow, mechanism
from perforin.model.network import State
from perforin.units import Cells, Concentration, PerCell, PerDay, Ratio

PerConcentrationDay = Annotated[Any, "uL/cell/day"]
PerCellDay = Annotated[Any, "1/cell/day"]
Volume = Annotated[Any, "mL"]


@mechanism("Chaudhury2020")
def predation(
    effector: Concentration, target: Concentration, *, gain: PerConcentrationDay, kill: PerConcentrationDay
) -> Iterator[Flow]:
    """Each encounter makes effectors divide and kills targets."""
    yield Flow("division", gain * effector * target, sink=effector)
    yield Flow("killing", kill * effector * target, source=target)


def lotka_volterra() -> Published:
    """Effectors feed on targets."""
    states = [State("effector", "cell/uL"), State("target", "cell/uL")]
    network = compose([*predation.on(), *loss.on(cells="effector"), *growth.on(cells="target")], states)
    values = {"predation.gain": 0.0018, "predation.kill": 0.00015, "loss.rate": 0.16, "growth.rate": 0.15}
    theirs = {"effector": "Expanding_CAR_T_cells", "target": "Tumor_cells"}
    return Published(network, values, {"effector": 10.0, "target": 900.0}, sbml=theirs)


@mechanism("Kimmel2021")
def normal_growth(
    normal: Concentration, effector: Concentration, *, rate: PerDay, capacity: Concentration
) -> Iterator[Flow]:
    """Normal T cells return to their capacity, shared with effectors (Gompertz)."""
    yield Flow("division", -rate * normal * log((normal + effector) / capacity), sink=normal)


@mechanism("Kimmel2021")
def effector_growth(
    normal: Concentration,
    effector: Concentration,
    *,
    rate: PerDay,
    boost: PerDay,
    memory: Ratio,
    full: Concentration,
    capacity: Concentration,
) -> Iterator[Flow]:
    """Effectors grow faster while lymphocytes are few."""
    total = normal + effector
    distance = (total - full) ** 2
    speed = rate + boost * distance / (memory * total**2 + distance)
    yield Flow("division", -speed * effector * log(total / capacity), sink=effector)


@mechanism("Kimmel2021")
def saturable_killing(tumour: Volume, effector: Concentration, *, rate: PerDay, half: Concentration) -> Iterator[Flow]:
    """Killing saturates with effectors."""
    yield Flow("killing", rate * tumour * saturation(effector, half), source=tumour)


def competition() -> Published:
    """Effectors compete with returning normal T cells."""
    states = [State("normal", "cell/uL"), State("effector", "cell/uL"), State("tumour", "mL")]
    placements = [*normal_growth.on(), *effector_growth.on(), *growth.on(cells="tumour"), *saturable_killing.on()]
    values = {
        "normal_growth.rate": 0.17,
        "normal_growth.capacity": 500.0,
        "effector_growth.rate": 0.0251,
        "effector_growth.boost": 0.525,
        "effector_growth.memory": 0.423,
        "effector_growth.full": 500.0,
        "effector_growth.capacity": 139.0,
        "growth.rate": 0.01,
        "saturable_killing.rate": 1.15,
        "saturable_killing.half": 4.05,
    }
    start = {"normal": 6.0, "effector": 0.36, "tumour": 94.86}
    theirs = {"normal": "Normal_T_cells", "effector": "CAR_T_cells", "tumour": "Antigen_presenting_tumour_cells"}
    return Published(compose(placements, states), values, start, sbml=theirs)


@mechanism("Barros2021")
def memory(memory: Cells, effector: Cells, tumour: Cells, *, formed: PerDay, recall: PerCellDay) -> Iterator[Flow]:
    """Effectors give memory (which costs them nothing in this model); antigen recalls memory."""
    yield Flow("formation", formed * effector, sink=memory)
    yield Flow("recall", recall * tumour * memory, source=memory, sink=effector)


@mechanism("Barros2021")
def inhibition(effector: Cells, tumour: Cells, *, rate: PerCellDay) -> Iterator[Flow]:
    """Tumour cells disable effectors."""
    yield Flow("loss", rate * tumour * effector, source=effector)


@mechanism("Barros2021")
def logistic_growth(tumour: Cells, *, rate: PerDay, crowding: PerCell) -> Iterator[Flow]:
    """Tumour growth slows as it fills its room."""
    yield Flow("division", rate * tumour * (1 - crowding * tumour), sink=tumour)


def memory_recall(*, treated: bool = True) -> Published:
    """Effectors on day 45, tumour again on day 250 (both doses replace what is there)."""
    states = [State(n, "cell") for n in ("memory", "effector", "tumour")]
    placements = [
        *memory.on(),
        *inhibition.on(),
        *growth.on(cells="effector"),
        *loss.on([{"c": "effector"}, {"c": "memory"}], cells="{c}", rate="[{c}]"),
        *logistic_growth.on(),
        *mass_action_killing.on(target="tumour"),
    ]
    values = {
        "memory.formed": 0.15,
        "memory.recall": 6e-6,
        "inhibition.rate": 4.5e-8,
        "growth.rate": 0.265,
        "loss.rate[effector]": 0.35,
        "loss.rate[memory]": 0.005,
        "logistic_growth.rate": 0.05650026,
        "logistic_growth.crowding": 1.404029e-12,
        "mass_action_killing.rate": 3.715843e-06,
    }
    start = {"memory": 0.0, "effector": 0.0, "tumour": 2e6}
    doses = ((45.0, "effector", 0.0, 2e6), (250.0, "tumour", 0.0, 1e6)) if treated else ()
    theirs = {"memory": "Cm", "effector": "Ct", "tumour": "T"}
    return Published(compose(placements, states), values, start, doses, theirs)

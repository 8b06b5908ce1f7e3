"""León-Triana 2020 and 2021: three models (BIOMD0000001011, 1013, 1014)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from external.published.published_model import Published
from external.published.turnover import ageing, growth, mass_action_killing, passage
from perforin.model.compose import compose
from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, mechanism
from perforin.model.network import State
from perforin.units import Cells, PerDay, Ratio

PerCellDay = Annotated[Any, "1/cell/day"]


@mechanism("LeonTriana2020")
def expansion(effector: Cells, target: Cells, *, killing: PerCellDay, share: Ratio) -> Iterator[Flow]:
    """A share of encounters makes the effector divide."""
    yield Flow("division", share * killing * target * effector, sink=effector)


@mechanism("LeonTriana2021")
def saturable_expansion(effector: Cells, target: Cells, *, rate: PerDay, half: Cells) -> Iterator[Flow]:
    """Effectors divide while targets are plenty."""
    yield Flow("division", rate * effector * saturation(target, half), sink=effector)


@mechanism("LeonTriana2021")
def inactivation(effector: Cells, target: Cells, *, rate: PerDay, half: Cells) -> Iterator[Flow]:
    """Tumour cells inactivate effectors."""
    yield Flow("loss", rate * target * saturation(effector, half), source=effector)


def leukaemia() -> Published:
    """Effectors, leukaemia and healthy B cells (BIOMD0000001011)."""
    states = [State(n, "cell") for n in ("effector", "leukaemia", "healthy")]
    placements = [
        *expansion.on(target="leukaemia"),
        *expansion.on([{"t": "healthy"}], target="healthy"),
        *ageing.on([{"c": "effector"}, {"c": "healthy"}], cells="{c}", lifetime="[{c}]"),
        *growth.on(cells="leukaemia"),
        *mass_action_killing.on([{"t": "leukaemia"}, {"t": "healthy"}], target="{t}"),
    ]
    killing = 4.5e-11
    values = {
        "expansion.killing": killing,
        "expansion.share": 0.25,
        "ageing.lifetime[effector]": 14.0,
        "ageing.lifetime[healthy]": 60.0,
        "growth.rate": 1 / 30,
        "mass_action_killing.rate": killing,
    }
    start = {"effector": 1e7, "leukaemia": 5e10, "healthy": 2.5e10}
    theirs = {"effector": "CAR_T_cells", "leukaemia": "Leukaemic_B_cells", "healthy": "B_cells_healthy"}
    return Published(compose(placements, states), values, start, sbml=theirs)


SOLID = {
    "saturable_expansion.rate[tumour]": 0.9,
    "saturable_expansion.half[tumour]": 1e10,
    "inactivation.half": 2e9,
    "growth.rate": 0.02,
    "mass_action_killing.rate[tumour]": 2.5e-10,
}


def _solid_tumour():
    return [
        *saturable_expansion.on([{"t": "tumour"}], target="{t}", rate="[{t}]", half="[{t}]"),
        *inactivation.on(target="tumour"),
        *growth.on(cells="tumour"),
        *mass_action_killing.on([{"t": "tumour"}], target="{t}", rate="[{t}]"),
    ]


def single_target() -> Published:
    """Effectors against one antigen of a solid tumour (BIOMD0000001013)."""
    placements = [*_solid_tumour(), *ageing.on(cells="effector")]
    network = compose(placements, [State("effector", "cell"), State("tumour", "cell")])
    values = SOLID | {"inactivation.rate": 0.04, "ageing.lifetime": 7.0}
    start = {"effector": 4e8, "tumour": 6.7e9}
    return Published(network, values, start, sbml={"effector": "CAR_T_cells", "tumour": "Tumour_cells"})


def dual_target() -> Published:
    """Effectors expand on B cells outside the tumour and move into it (BIOMD0000001014)."""
    states = [State(n, "cell") for n in ("effector", "tumour", "outside", "healthy")]
    healthy = {"effector": "outside", "target": "healthy"}
    placements = [
        *_solid_tumour(),
        *saturable_expansion.on([{"t": "healthy"}], **healthy, rate="[{t}]", half="[{t}]"),
        *mass_action_killing.on([{"t": "healthy"}], **healthy, rate="[{t}]"),
        *ageing.on([{"c": "effector"}, {"c": "outside"}], cells="{c}"),
        *ageing.on([{"c": "healthy"}], cells="{c}", lifetime="[{c}]"),
        *passage.on(here="outside", there="effector"),
    ]
    values = SOLID | {
        "inactivation.rate": 0.02,
        "saturable_expansion.rate[healthy]": 0.9,
        "saturable_expansion.half[healthy]": 1e10,
        "mass_action_killing.rate[healthy]": 4.5e-11,
        "ageing.lifetime": 7.0,
        "ageing.lifetime[healthy]": 60.0,
        "passage.rate": 0.2,
    }
    start = {"effector": 0.0, "tumour": 3.35e10, "outside": 2e8, "healthy": 2.5e10}
    theirs = {
        "effector": "CAR_T_cells_on_tumour",
        "tumour": "Tumour_cells",
        "outside": "CAR_T_cells_off_tumour",
        "healthy": "B_cells",
    }
    return Published(compose(placements, states), values, start, sbml=theirs)

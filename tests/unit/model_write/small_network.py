"""A network that holds every kind of expression, unit and state the writers must handle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from perforin.model.compose import compose
from perforin.model.functions import exp, hill, log, maximum, power, sqrt, where
from perforin.model.mechanism import Flow, Level, grid, mechanism
from perforin.model.network import State
from perforin.units import Cells, PerDay, PgPerML, Ratio

PgPerMLDay = Annotated[Any, "pg/mL/day"]


@mechanism("Growth2020")
def growth(cells: Cells, *, rate: PerDay, room: Cells) -> Iterator[Flow]:
    """Cells divide while there is room."""
    yield Flow("division", rate * cells * (1 - cells / room), sink=cells)


@mechanism("Killing2021")
def killing(
    target: Cells, effector: Cells, help_level: Ratio, *, kills: PerDay, half: Cells, steepness: Ratio
) -> Iterator[Flow]:
    """Effectors kill targets they meet."""
    yield Flow("granules", kills * effector * hill(target, half, steepness) * (1 + help_level), source=target)


@mechanism()
def migration(here: Cells, there: Cells, *, rate: PerDay) -> Iterator[Flow]:
    """Cells move."""
    yield Flow("step", rate * here, source=here, sink=there)


@mechanism("Cytokine2019")
def secretion(cytokine: PgPerML, effector: Cells, *, made: PgPerMLDay, half: Cells, loss: PerDay) -> Iterator[Flow]:
    """Effectors secrete a cytokine."""
    yield Flow("release", made * sqrt(effector / half), sink=cytokine)
    yield Flow("loss", loss * cytokine, source=cytokine)


@mechanism()
def helping(cytokine: PgPerML, target: Cells, *, half: PgPerML, floor: Cells) -> Iterator[Level]:
    """A cytokine helps, by every function there is."""
    ratio = maximum(0 * cytokine, cytokine - half) / half
    few = where(target > floor, 1.0, target / floor)
    yield Level("help_level", few * exp(-ratio) * log(1 + ratio) + power(ratio, 1.5) / (1 + ratio) ** 2)


@mechanism()
def saturating(help_level: Ratio) -> Iterator[Level]:
    """Help has a limit; the level is named twice."""
    yield Level("limited", help_level / (1 + help_level))


def small():
    """Two tumour classes, effectors in two places, a cytokine; names with brackets and a product."""
    states = [
        State("tumour[low]", "cell", (1e9,)),
        State("tumour[high]", "cell", (2e9,)),
        State("a.effector[blood]", "cell"),
        State("a.effector[disease]", "cell", (1e6,)),
        State("IL6", "pg/mL", (2.0,)),
    ]
    placements = [
        *growth.on(grid(c=["low", "high"]), cells="tumour[{c}]", rate="[{c}]"),
        *killing.on(
            grid(c=["low", "high"]),
            target="tumour[{c}]",
            effector="a.effector[disease]",
            help_level="limited",
            kills="[{c}]",
        ),
        *migration.on(here="a.effector[blood]", there="a.effector[disease]"),
        *secretion.on(cytokine="IL6", effector="a.effector[disease]"),
        *helping.on(cytokine="IL6", target="tumour[low]"),
        *saturating.on(),
    ]
    return compose(placements, states, observables=[("tumour_low", "tumour[low]", "cell")])


VALUES = {
    "growth.rate[low]": 0.05,
    "growth.rate[high]": 0.08,
    "growth.room": 1e11,
    "killing.kills[low]": 4.0,
    "killing.kills[high]": 9.0,
    "killing.half": 5e8,
    "killing.steepness": 1.3,
    "migration.rate": 0.4,
    "secretion.made": 30.0,
    "secretion.half": 1e7,
    "secretion.loss": 1.1,
    "helping.half": 8.0,
    "helping.floor": 1e8,
}
START = {"tumour[low]": 1e9, "tumour[high]": 2e9, "a.effector[blood]": 0.0, "a.effector[disease]": 1e6, "IL6": 2.0}
DOSES = [(0.0, "a.effector[blood]", 1.0, 5e7), (7.0, "a.effector[blood]", 0.5, 1e8), (7.0, "IL6", 0.0, 5.0)]

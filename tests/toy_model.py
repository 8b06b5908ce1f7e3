"""A small predator and prey, in the grammar: enough to test every rule of composition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from perforin.model.compose import compose
from perforin.model.functions import saturation
from perforin.model.mechanism import Flow, Level, Placement, mechanism
from perforin.model.network import Network, State
from perforin.units import Anything, Cells, CellsPerDay, PerDay, PgPerML


@mechanism("Lotka1925")
def growth(prey: Cells, *, rate: PerDay, room: Cells) -> Iterator[Flow | Level]:
    """Prey multiply until there is no room."""
    yield Flow("births", rate * prey * (1 - prey / room), sink=prey)


@mechanism("Holling1959")
def hunting(prey: Cells, hunter: Cells, *, catches: PerDay, half: Cells) -> Iterator[Flow | Level]:
    """Each hunter catches a bounded number a day."""
    caught = catches * hunter * saturation(prey, half)
    yield Flow("caught", caught, source=prey)
    yield Level("catch", caught)


@mechanism()
def passage(origin: Anything, goal: Anything, *, share: PerDay) -> Iterator[Flow | Level]:
    """A share moves each day, whatever its unit."""
    yield Flow("passage", share * origin, source=origin, sink=goal)


@mechanism()
def alarm(
    catch: CellsPerDay, signal: PgPerML, *, release: Annotated[Any, "pg/mL/cell"], loss: PerDay
) -> Iterator[Flow | Level]:
    """A catch releases a signal."""
    yield Flow("release", release * catch, sink=signal)
    yield Flow("loss", loss * signal, source=signal)


STATES = (State("prey", "cell", (100.0,)), State("hunter", "cell", (10.0,)), State("signal", "pg/mL"))


def placements() -> list[Placement]:
    """Every placement of the toy model."""
    return [*growth.on(), *hunting.on(), *alarm.on()]


def toy() -> Network:
    """The toy model, composed."""
    return compose(placements(), STATES, observables=[("seen", "prey", "cell")], clones=[("prey", "positive")])

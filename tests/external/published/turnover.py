"""Verbs that several published models share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from perforin.model.mechanism import Flow, mechanism
from perforin.units import Anything, Cells, Days, PerDay

PerCellDay = Annotated[Any, "1/cell/day"]


@mechanism()
def growth(cells: Anything, *, rate: PerDay) -> Iterator[Flow]:
    """Cells divide at a constant rate."""
    yield Flow("division", rate * cells, sink=cells)


@mechanism()
def loss(cells: Anything, *, rate: PerDay) -> Iterator[Flow]:
    """Cells die at a constant rate."""
    yield Flow("death", rate * cells, source=cells)


@mechanism()
def ageing(cells: Anything, *, lifetime: Days) -> Iterator[Flow]:
    """Cells live for a mean lifetime."""
    yield Flow("death", cells / lifetime, source=cells)


@mechanism()
def passage(here: Anything, there: Anything, *, rate: PerDay) -> Iterator[Flow]:
    """Cells move or mature at a constant rate."""
    yield Flow("step", rate * here, source=here, sink=there)


@mechanism()
def mass_action_killing(target: Cells, effector: Cells, *, rate: PerCellDay) -> Iterator[Flow]:
    """Each encounter kills with a fixed probability."""
    yield Flow("killing", rate * target * effector, source=target)

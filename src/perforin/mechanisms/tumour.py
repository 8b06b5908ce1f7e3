"""The tumour by itself: growth towards a capacity, and what the patient's own defence takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from perforin.model.mechanism import Flow, Level, mechanism
from perforin.units import Anything, Cells, PerDay, Ratio

__all__ = ["blood_count", "chemotherapy_kill", "headcount", "host_killing", "tumour_growth"]


@mechanism("LeonTriana2020", "Kimmel2021")
def tumour_growth(
    target: Cells, living: Cells, dying: Cells, *, rate: PerDay, capacity: Cells
) -> Iterator[Flow | Level]:
    """Tumour cells divide, and die for want of room as they near the capacity of the body.

    Births and crowding are separate flows because mutation follows births and extinction counts both.

    Assumes: all classes grow alike; cells that are dying take up room.
    Leaves out: dormancy, and sites with own capacity.
    Seen in: doubling times from two weeks to some months.
    """
    yield Flow("division", rate * target, sink=target)
    yield Flow("crowding", rate * target * (living + dying) / capacity, source=target)
    yield Level("birth_rate", rate)


@mechanism("Kara2023")
def host_killing(target: Cells, *, rate: PerDay) -> Iterator[Flow | Level]:
    """The patient's own immunity kills a constant share of tumour cells of every class.

    Assumes: independent of the treatment.
    Leaves out: epitope spreading, which would make it grow.
    Seen in: models in which antigen-negative cells are controlled by others than the product.
    """
    yield Flow("lysis", rate * target, source=target)
    yield Level("killed", rate * target)


@mechanism()
def chemotherapy_kill(target: Cells, chemotherapy: Ratio, *, rate: PerDay) -> Iterator[Flow | Level]:
    """Chemotherapy kills tumour cells of every class alike.

    Assumes: the same sensitivity in every class and patient line.
    Leaves out: resistance.
    Seen in: debulking before cell therapy.
    """
    killed = rate * chemotherapy * target
    yield Flow("death", killed, source=target)
    yield Level("killed", killed)


@mechanism()
def headcount(cell: Anything) -> Iterator[Level]:
    """A share of a total.

    Assumes: nothing.
    Leaves out: nothing.
    Seen in: nothing; bookkeeping.
    """
    yield Level("total", cell)


@mechanism("Singh2021")
def blood_count(cell: Cells, blood_volume: Annotated[Any, "uL"]) -> Iterator[Level]:
    """Cells in the blood as a count in each microlitre.

    Assumes: cells are mixed evenly in the blood.
    Leaves out: margination.
    Seen in: flow cytometry.
    """
    yield Level("count", cell / blood_volume)

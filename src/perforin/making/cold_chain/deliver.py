"""What arrives at the bedside: viability at thaw and a day later, killing and motility, shipment by shipment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from perforin.errors import UserError
from perforin.making.cold_chain.damage import alive, crossing_survival, freezing_survival
from perforin.making.cold_chain.frozen import Frozen, frozen
from perforin.making.cold_chain.journey import travel
from perforin.making.cold_chain.lane import Lane, read_lane
from perforin.making.process import Process
from perforin.streams import Streams

__all__ = ["Delivered", "Quality", "arrivals", "deliver", "quality", "way_of"]

Array = NDArray[np.float64]
DAY = 24.0
TOGETHER = 65_536
"""Shipments computed at once; what each meets does not depend on it."""


@dataclass(frozen=True)
class Quality:
    """Four numbers of thawed cells that do not stand for each other, each (n,).

    ``viability`` of the cells at thaw and ``viability_24h`` a day later, as shares of all cells filled;
    ``killing_function`` and ``motile_fraction`` of the living, 1 as before freezing; ``lasting`` the share of those
    alive at thaw that outlives the first day.
    """

    viability: Array
    viability_24h: Array
    killing_function: Array
    motile_fraction: Array
    lasting: Array


@dataclass(frozen=True)
class Delivered(Quality):
    """What arrived of each shipment, each (n,).

    Beside ``Quality``: ``days`` in the shipper; ``received`` the temperature of the payload when it was unpacked
    [degrees Celsius] and ``rejected`` whether that is above the limit of receipt; ``hours_above_glass`` until thaw, in
    transit and in store, and ``crossings`` of the glass transition upwards; ``late`` whether the infusion ended after
    the time allowed from thaw. What was rejected keeps the numbers that its cells would have had; ``making.make`` says
    what becomes of it.
    """

    days: Array
    received: Array
    hours_above_glass: Array
    crossings: Array
    rejected: NDArray[np.bool_]
    late: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.viability)


def quality(survival: Array, cells: Frozen, score: Callable[[str], Array]) -> Quality:
    """The numbers of thawed cells of which a share outlived freezing, storage and transport.

    Args:
        survival: (n,) share that outlived all but the thaw itself.
        cells: whose rows are used.
        score: (n,) standard normal luck for a purpose: "thaw", "survival after thaw", "killing after thaw" or
            "motility after thaw"; zeros for typical cells.
    """

    def drawn(name: str, purpose: str) -> Array:
        return cells.rows[name].quantile(score(purpose))

    viability = survival * drawn("thaw.viability", "thaw")
    lasting = drawn("survival.lasting", "survival after thaw")
    unharmed = survival ** cells["excursion.function"]
    return Quality(
        viability=viability,
        viability_24h=viability * alive(DAY, lasting, cells),
        killing_function=unharmed * drawn("function.killing", "killing after thaw"),
        motile_fraction=unharmed * drawn("function.motile", "motility after thaw"),
        lasting=lasting,
    )


def deliver(lane: Lane, cells: Frozen, ids: NDArray[np.int64], streams: Streams) -> Delivered:
    """Ship and thaw one product for each id.

    Args:
        lane: the way.
        cells: what is frozen, in which container.
        ids: (n,) numbers of the shipments; the same luck whatever the lane, the cells or the other shipments.
        streams: the shared luck (purposes of ``travel`` and ``quality``).

    Raises:
        UserError: no shipments.
    """
    if len(ids) == 0:
        raise UserError("found 0 shipments; needed 1 or more")
    parts = [_deliver(lane, cells, ids[first : first + TOGETHER], streams) for first in range(0, len(ids), TOGETHER)]
    return Delivered(**{one.name: np.concatenate([getattr(part, one.name) for part in parts])
                        for one in fields(Delivered)})  # fmt: skip


def _deliver(lane: Lane, cells: Frozen, ids: NDArray[np.int64], streams: Streams) -> Delivered:
    journey = travel(lane, cells, ids, streams)
    loss, above, crossings = journey.damage(cells)
    cooling = lane.cooling.value if lane.cooling else cells["freezing.cooling"]
    warming = lane.warming.value if lane.warming else cells["thaw.warming"]
    survival = np.exp(-loss) * crossing_survival(crossings, cells) * freezing_survival(cooling, warming, cells)
    found = quality(survival, cells, lambda purpose: streams.normal(purpose, ids))
    received = journey.ends()[journey.unpacked]
    return Delivered(
        **{one.name: getattr(found, one.name) for one in fields(Quality)},
        days=journey.days, received=received, hours_above_glass=above, crossings=crossings,
        rejected=received > cells["receipt.limit"], late=journey.waits > cells["thaw.window"],
    )  # fmt: skip


def way_of(process: Process) -> tuple[Lane, Frozen] | None:
    """The lane that a process names and what is frozen on it, or None for a process that names no lane.

    Raises:
        UserError: no such lane, one that does not fit, or cells or a preparation that no row is about.
    """
    if not process.lane:
        return None
    lane = read_lane(process.lane)
    cell = process.batch.keys.get("cell", "") if process.batch else ""
    return lane, frozen(cell, process.preparation, lane.container)


def arrivals(process: Process, patients: NDArray[np.int64], streams: Streams) -> Delivered | None:
    """What arrives for each patient, by the lane that a process names.

    Args:
        process: whose batch may say which cells it makes, and whose thaw how they are prepared.
        patients: (n,) patient numbers; a patient's luck on the way is the same in every arm.
        streams: the shared luck.

    Returns:
        The shipments, or None for a process that names no lane: its thaw is then all there is to say.
    """
    way = way_of(process)
    return None if way is None else deliver(*way, patients, streams)

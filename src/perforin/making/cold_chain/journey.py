"""The temperature of each shipment: pieces on which it relaxes towards what surrounds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.making.cold_chain.damage import loss_over, relaxing
from perforin.making.cold_chain.frozen import Frozen
from perforin.making.cold_chain.lane import Lane, Leg
from perforin.making.network.figures import Figure
from perforin.streams import Streams

__all__ = ["Journey", "travel"]

Array = NDArray[np.float64]
HOURS_A_SECOND = 1 / 3600


@dataclass(frozen=True)
class Journey:
    """Shipments from the plant's store until thaw begins.

    ``hours``, ``surrounding`` [degrees Celsius] and ``tau`` [h] of each piece, (pieces, n); ``begin`` the first
    temperature; ``unpacked`` how many pieces are over when the shipper is opened at the end; ``days`` (n,) until then;
    ``waits`` (n,) hours from thaw to the end of the infusion; ``left`` (n,) days that the shipper would have held on.
    """

    begin: float
    hours: Array
    surrounding: Array
    tau: Array
    unpacked: int
    days: Array
    waits: Array
    left: Array

    def ends(self) -> Array:
        """(pieces + 1, n) temperatures between the pieces [degrees Celsius]."""
        out = np.empty((len(self.hours) + 1, self.hours.shape[1]))
        out[0] = self.begin
        for piece in range(len(self.hours)):
            out[piece + 1] = relaxing(out[piece], self.surrounding[piece], self.tau[piece], self.hours[piece])
        return out

    def damage(self, cells: Frozen) -> tuple[Array, Array, Array]:
        """Loss exponent, hours above the glass transition, and how often that was crossed upwards, each (n,)."""
        ends, glass = self.ends(), cells["glass.transition"]
        loss, above = np.zeros(self.hours.shape[1]), np.zeros(self.hours.shape[1])
        crossings = ((ends[:-1] <= glass) & (ends[1:] > glass)).sum(axis=0).astype(np.float64)
        for piece in range(len(self.hours)):
            warm = (ends[piece] > glass) | (ends[piece + 1] > glass)
            if warm.any():
                lost, hours = loss_over(ends[piece, warm], self.surrounding[piece, warm], self.tau[piece, warm],
                                        self.hours[piece, warm], cells)  # fmt: skip
                loss[warm] += lost
                above[warm] += hours
        return loss, above, crossings

    def trace(self, shipment: int, points: int = 24) -> tuple[Array, Array]:
        """Hours since packing and temperature [degrees Celsius] of one shipment, for figures only."""
        ends, start, times, kelvins = self.ends()[:, shipment], 0.0, [np.zeros(1)], [np.array([self.begin])]
        for piece, hours in enumerate(self.hours[:, shipment]):
            if hours > 0:
                tau = self.tau[piece, shipment]
                # Close at first, where the temperature moves, and to the end of the piece.
                inside = np.unique(np.minimum(np.append(np.geomspace(tau / 50, 10 * tau, points), hours), hours))
                times.append(start + inside)
                kelvins.append(relaxing(ends[piece], self.surrounding[piece, shipment], tau, inside))
                start += hours
        return np.concatenate(times), np.concatenate(kelvins)


@dataclass
class _Pieces:
    """Collects the pieces of ``n`` shipments."""

    n: int
    hours: list[Array]
    surrounding: list[Array]
    tau: list[Array]

    def add(self, hours: Array, surrounding: float, tau: float) -> None:
        self.hours.append(hours)
        self.surrounding.append(np.full(self.n, surrounding))
        self.tau.append(np.full(self.n, tau))


def travel(lane: Lane, cells: Frozen, ids: NDArray[np.int64], streams: Streams) -> Journey:
    """Draw every shipment's legs and turn them into pieces of temperature.

    The nitrogen of a shipper is counted in hours that it would hold upright; it goes faster while the shipper lies on
    its side. While there is some the payload stays cold; afterwards it relaxes to the ambient temperature of the leg.

    Args:
        lane: its legs.
        cells: whose container travels, with the numbers of the shipper.
        ids: (n,) numbers of the shipments, which key their luck.
        streams: the shared luck (purposes "shipper hold", "shipper age", and of each leg "duration of LEG", "delay in
            LEG", "length of the delay in LEG", "handling in LEG" and "tilt in LEG").
    """
    pieces = _Pieces(len(ids), [], [], [])
    liquid = _hold(cells, ids, streams)
    transit, waits, unpacked = np.zeros(len(ids)), np.zeros(len(ids)), 0
    container, cold = cells["container.warming_time"], cells["shipper.cold"]
    for leg in lane.legs:
        lasting = _lasting(leg, ids, streams)
        if leg.kind == "thaw":
            waits = lasting
            continue
        ambient = leg.ambient.value if leg.ambient else 0.0
        if leg.kind == "store":
            pieces.add(lasting, ambient, container)
            continue
        tilted = streams.uniform(f"tilt in {leg.called}", ids) < (leg.tilt.value if leg.tilt else 0.0)
        use = np.where(tilted, 1 / (1 - cells["shipper.tilt_loss"]), 1.0)
        cooled = np.minimum(lasting, liquid / use)
        liquid = liquid - cooled * use
        transit = transit + lasting
        inside = [(cooled, cold, container), (lasting - cooled, ambient, cells["shipper.spent_time"])]
        handled = [(_handling(leg, ids, streams), ambient, container)] if leg.out_of_cold is not None else []
        for hours, surrounding, tau in inside + handled if leg.kind == "receive" else handled + inside:
            pieces.add(hours, surrounding, tau)
        unpacked = len(pieces.hours) - (leg.kind == "receive")
    return Journey(cold, np.array(pieces.hours), np.array(pieces.surrounding), np.array(pieces.tau), unpacked,
                   transit / 24, waits, liquid / 24)  # fmt: skip


def _hold(cells: Frozen, ids: NDArray[np.int64], streams: Streams) -> Array:
    """(n,) hours that each shipper holds upright."""
    hold = 24 * cells.rows["shipper.hold"].quantile(streams.normal("shipper hold", ids))
    aged = streams.uniform("shipper age", ids) < cells["shipper.aged_share"]
    return np.where(aged, hold * cells["shipper.aged_hold"], hold)


def _lasting(leg: Leg, ids: NDArray[np.int64], streams: Streams) -> Array:
    lasting = _drawn(leg.duration, f"duration of {leg.called}", ids, streams)
    if leg.delay is None:
        return lasting
    delayed = streams.uniform(f"delay in {leg.called}", ids) < leg.delay.probability.value
    return lasting + delayed * _drawn(leg.delay.duration, f"length of the delay in {leg.called}", ids, streams)


def _handling(leg: Leg, ids: NDArray[np.int64], streams: Streams) -> Array:
    """(n,) hours that the container stands in ambient air."""
    if leg.out_of_cold is None:
        return np.zeros(len(ids))
    return HOURS_A_SECOND * _drawn(leg.out_of_cold, f"handling in {leg.called}", ids, streams)


def _drawn(figure: Figure, purpose: str, ids: NDArray[np.int64], streams: Streams) -> Array:
    return figure.quantile(streams.normal(purpose, ids)) if figure.cv else np.full(len(ids), figure.value)

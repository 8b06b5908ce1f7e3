"""One pass over the cohort: who receives a product, when, in what state and at what cost, and who does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perforin.errors import ComputeError, UserError
from perforin.making.batch import Batches, grow
from perforin.making.cold_chain import arrivals
from perforin.making.lot import FAILED, LOST, QUALITIES, Lots
from perforin.making.network.description import Network
from perforin.making.process import Process
from perforin.streams import Streams

__all__ = ["WAITING", "make", "make_together"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

WAITING = "still waiting at the end"
"""The reason of a patient whom a supply network has neither served nor lost when its days are over."""
GRACE = 365.0
"""Days for which a network runs on after the last referral, so that hardly anybody is left in it."""
LOTS_AT_ONCE = 64
MOST_LOTS = 4_000_000


@dataclass(frozen=True)
class _Order:
    """What became of each patient's order, all (n,); ``made`` a product was made, whoever received it."""

    patient: Whole
    day: Array
    infused: NDArray[np.bool_]
    reason: NDArray[np.str_]
    made: NDArray[np.bool_]
    remakes: Whole


def make(process: Process, patients: Whole, deadline: Array, streams: Streams) -> Lots:
    """Make and deliver one product for every patient, who shares nothing with others but a batch from a bank.

    A failure shows at the end of the first attempt; a remake then adds its delay. What ends the wait first is the
    reason. Arms share a patient's luck: who waits long in one process waits long, for that process, in another. Own
    cells are a batch each; those from a bank are given out in the order of the patients' numbers, batch after batch.

    Args:
        process: how the product is made.
        patients: (n,) patient numbers.
        deadline: (n,) day from enrolment on which the patient is no longer eligible; infinity for never.
        streams: the shared luck (purposes "waiting", "manufacturing failure", "remake" and "thaw", and a batch's).

    Returns:
        The lots. The cost is the list price (else the cost of goods) of what was infused; an own-cell product that
        was made for a patient lost before infusion costs its goods, one from a bank goes to another patient.

    Raises:
        UserError: patients and deadlines of different lengths.
    """
    if len(deadline) != len(patients):
        raise UserError(f"found {len(deadline)} deadlines for {len(patients)} patients; needed one each")
    patients = np.asarray(patients, dtype=np.int64)
    own = process.starting_material == "patient"
    batches = _batches(process, patients, streams)
    first = process.wait(patients, streams)
    failed = streams.uniform("manufacturing failure", patients) < process.failure.value
    if batches is not None and own:
        failed = batches.failed != ""
    day, made, remakes = first, ~failed, np.zeros(len(patients), np.int64)
    if process.remake is not None:
        saved = failed & (streams.uniform("remake", patients) < process.remake.probability_of_success.value)
        day, made, remakes = np.where(saved, first + process.remake.delay.value, first), made | saved, saved * 1
    lost = deadline < day
    infused = made & ~lost
    reason = np.where(infused, "", np.where(lost, LOST, FAILED)).astype(np.str_)
    return _lots(process, _Order(patients, np.minimum(day, deadline), infused, reason, made, remakes), batches, streams)


def make_together(process: Process, network: Network, deadline: Array, streams: Streams) -> Lots:
    """Make and deliver one product for a whole cohort, whose patients share the slots, lines and stock of a network.

    The patients are referred at random over as many days as the network's rate of referrals gives.
    Times, losses and, for cells from a bank, lots are the network's; how a lot comes out is the process's.

    Args:
        process: how the product is made.
        network: through which the patients 0 to n-1 go.
        deadline: (n,) day from referral on which each is no longer eligible; infinity for never.
        streams: the shared luck.

    Raises:
        UserError: a network of own cells for a process from a bank, or the other way round.
    """
    from perforin.making.network.orders import simulate  # numba compiles when it is first used

    if network.starting_material != process.starting_material:
        raise UserError(f"found the network {network.label!r} of cells from {network.starting_material}; needed one "
                        f"of cells from {process.starting_material}, as the process {process.name} makes")  # fmt: skip
    span = len(deadline) / network.referrals.value
    longer = network.model_copy(update={"days": network.days.model_copy(update={"value": span + GRACE})})
    came = span * streams.uniform("referral", np.arange(len(deadline)))
    orders = simulate(longer, streams, arrival=came, deadline=deadline)
    table = orders.table
    infused = (table["status"] == "infused").to_numpy()
    waiting = (table["status"] == "in system").to_numpy()
    end = table["infused"].fillna(table["lost"]).fillna(orders.until).to_numpy()
    reason = np.where(waiting, WAITING, table["cause_of_loss"].to_numpy(dtype=np.str_)).astype(np.str_)
    remakes = table["remakes"].to_numpy(dtype=np.int64)
    patients = table["patient"].to_numpy(dtype=np.int64)
    from_stock = table["lot"].to_numpy(dtype=np.int64)
    batches = None
    if process.batch is not None:
        lots, place = np.unique(np.maximum(from_stock, 0), return_inverse=True)
        own = process.starting_material == "patient"
        batches = grow(process, patients, streams) if own else _only(grow(process, lots, streams), place)
    made = infused | (from_stock >= 0)
    order = _Order(patients, end - table["referred"].to_numpy(), infused, np.where(infused, "", reason), made, remakes)
    return _lots(process, order, batches, streams)


def _batches(process: Process, patients: Whole, streams: Streams) -> Batches | None:
    """The batch that each patient's product comes from, or nothing where the process does not say how one grows."""
    if process.batch is None:
        return None
    if process.starting_material == "patient":
        return grow(process, patients, streams)
    last = int(patients.max(initial=0))
    count = LOTS_AT_ONCE
    while True:
        grown = grow(process, np.arange(count), streams)
        given_out = np.cumsum(grown.doses)
        if given_out[-1] > last:
            return _only(grown, np.searchsorted(given_out, patients, side="right"))
        if count > MOST_LOTS:
            raise ComputeError(f"{count} batches of {process.name} hold {given_out[-1]} doses; needed {last + 1}")
        count *= 4


def _only(batches: Batches, place: NDArray[np.intp]) -> Batches:
    return Batches(**{name: getattr(batches, name)[place] for name in batches.__dataclass_fields__})


def _lots(process: Process, order: _Order, batches: Batches | None, streams: Streams) -> Lots:
    """Orders with what arrives: quality from batch and thaw, and what it cost."""
    infused = order.infused
    goods = process.cost_of_goods.value if process.cost_of_goods else 0.0
    price = process.list_price.value if process.list_price else goods
    wasted = goods if process.starting_material == "patient" else 0.0
    quality: dict[str, Any] = {}
    delivered = arrivals(process, order.patient, streams, preparation=process.preparation)
    if delivered is None:
        viability = process.thaw.quantile(streams.normal("thaw", order.patient))
    else:
        viability = delivered.viability
        quality = {name: getattr(delivered, name) for name in ("viability_24h", *QUALITIES)}
    if batches is not None:
        # A product that was made again came out as it should: the first batch is not what is given.
        share = np.where((order.remakes > 0) | (batches.doses == 0), 1.0, batches.dose_share)
        quality |= {"lot": batches.batch, "donor": batches.donor, "dose_share": share}
    return Lots(
        patient=order.patient,
        day=order.day,
        infused=infused,
        reason=order.reason,
        viability=np.where(infused, viability, 0.0),
        cost=np.where(infused, price, np.where(order.made, wasted, 0.0)),
        remakes=order.remakes,
        **quality,
    )

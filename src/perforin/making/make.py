"""One pass over the cohort: who receives a product, when, in what state and at what cost, and who does not."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from perforin.errors import ComputeError, UserError
from perforin.making.batch import Batches, grow
from perforin.making.cold_chain import Delivered, arrivals
from perforin.making.lot import FAILED, LOST, QUALITIES, Lots
from perforin.making.network.description import Network
from perforin.making.process import Process
from perforin.making.release import Verdicts, follow, release, specifications_of
from perforin.making.release.deciding import GIVEN_AS_IT_IS, NOT_GIVEN, NOT_MADE, REMADE
from perforin.streams import Streams

__all__ = ["REFUSED", "WAITING", "WARM", "make", "make_together"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

REFUSED = "not released"
"""The reason of a patient whose own cells failed release and were not given as they are, nor made again."""
WARM = "arrived too warm"
"""The reason of a patient whose own cells were refused on receipt; from a bank another dose is sent."""
WAITING = "still waiting at the end"
"""The reason of a patient whom a supply network has neither served nor lost when its days are over."""
GRACE = 365.0
"""Days for which a network runs on after the last referral, so that hardly anybody is left in it."""
PARCELS = 1 << 40
"""What a patient's number grows by for the luck of another parcel."""
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


@dataclass(frozen=True)
class _Made:
    """The batch that each patient's product comes from, and what release said of it, all (n,)."""

    batches: Batches
    verdicts: Verdicts | None

    @property
    def doses(self) -> Whole:
        """Doses that may be given out."""
        return self.batches.doses if self.verdicts is None else self.verdicts.doses

    def only(self, place: NDArray[np.intp]) -> _Made:
        """The batches in these places, some of them several times."""
        return _Made(_at(self.batches, place), None if self.verdicts is None else _at(self.verdicts, place))


_T = TypeVar("_T", Batches, Verdicts)


def _at(entries: _T, place: NDArray[np.intp]) -> _T:
    """The entries in these places; what is no array stands for all."""
    every: dict[str, Any] = {one.name: getattr(entries, one.name) for one in fields(entries)}
    chosen: dict[str, Any] = {name: value[place] for name, value in every.items() if isinstance(value, np.ndarray)}
    return replace(entries, **chosen)


def make(process: Process, patients: Whole, deadline: Array, streams: Streams) -> Lots:
    """Make and deliver one product for every patient, who shares nothing with others but a batch from a bank.

    A failure shows at the end of the first attempt; a remake then adds its delay. What ends the wait first is the
    reason. Arms share a patient's luck: who waits long in one process waits long, for that process, in another. Own
    cells are a batch each; those from a bank are given out in the order of the patients' numbers, batch after batch.
    Where a process has specifications, release decides on what its tests measure: which own cells are given, as they
    are or made again, and which batches of a bank have doses to give out.

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
    source = _source(process, patients, streams)
    fate = _fate(process, source, streams)
    failed = streams.uniform("manufacturing failure", patients) < process.failure.value
    why = np.full(len(patients), FAILED)
    if source is not None and own:
        failed = source.batches.failed != ""
    saved = np.zeros(len(patients), np.bool_)
    if process.remake is not None:
        saved = failed & (streams.uniform("remake", patients) < process.remake.probability_of_success.value)
    if fate is not None and source is not None and source.verdicts is not None:
        saved, failed = fate == REMADE, np.isin(fate, (NOT_GIVEN, REMADE))
        why = np.where(source.verdicts.verdict == NOT_MADE, FAILED, REFUSED)
    first, made = process.wait(patients, streams) + _retests(process, source), ~failed | saved
    delay = process.remake.delay.value if process.remake is not None else 0.0
    day = np.where(saved, first + delay, first)
    lost = deadline < day
    infused = made & ~lost
    reason = np.where(infused, "", np.where(lost, LOST, why)).astype(np.str_)
    order = _Order(patients, np.minimum(day, deadline), infused, reason, made, saved.astype(np.int64))
    return _lots(process, order, source, fate, streams)


def make_together(process: Process, network: Network, deadline: Array, streams: Streams) -> Lots:
    """Make and deliver one product for a whole cohort, whose patients share the slots, lines and stock of a network.

    The patients are referred at random over as many days as the network's rate of referrals gives.
    Times, losses and, for cells from a bank, lots are the network's; how a lot comes out is the process's.

    Args:
        process: how the product is made.
        network: of the same starting material, through which the patients 0 to n-1 go.
        deadline: (n,) day from referral on which each is no longer eligible; infinity for never.
        streams: the shared luck.
    """
    from perforin.making.network.orders import simulate  # numba compiles when it is first used

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
    source = None
    if process.batch is not None:
        lots, place = np.unique(np.maximum(from_stock, 0), return_inverse=True)
        own = process.starting_material == "patient"
        source = _tested(process, patients, streams) if own else _tested(process, lots, streams).only(place)
    made = infused | (from_stock >= 0)
    order = _Order(patients, end - table["referred"].to_numpy(), infused, np.where(infused, "", reason), made, remakes)
    return _lots(process, order, source, _fate(process, source, streams), streams)


def _tested(process: Process, batches: Whole, streams: Streams) -> _Made:
    grown, specifications = grow(process, batches, streams), specifications_of(process)
    if specifications is None:
        return _Made(grown, None)
    return _Made(grown, release(grown, specifications, streams, own_cells=process.starting_material == "patient"))


def _source(process: Process, patients: Whole, streams: Streams) -> _Made | None:
    """Where each patient's product comes from, or nothing where the process does not say how a batch grows."""
    if process.batch is None:
        return None
    if process.starting_material == "patient":
        return _tested(process, patients, streams)
    last = int(patients.max(initial=0))
    count = LOTS_AT_ONCE
    while True:
        made = _tested(process, np.arange(count), streams)
        given_out = np.cumsum(made.doses)
        if given_out[-1] > last:
            return made.only(np.searchsorted(given_out, patients, side="right"))
        if count > MOST_LOTS:
            raise ComputeError(f"{count} batches of {process.name} hold {given_out[-1]} doses; needed {last + 1}")
        count *= 4


def _retests(process: Process, source: _Made | None) -> Array | float:
    """Days, (n,) or none, that retests of a patient's own cells add to the wait.

    The step of the release tests holds each test once; a published wait and a network's stage of release hold what
    retests there were, and days of tests would count twice. Who waits for cells from a bank waits for no test.
    """
    own = process.starting_material == "patient"
    if process.waiting is not None or source is None or source.verdicts is None or not own:
        return 0.0
    return source.verdicts.retest_days


def _fate(process: Process, source: _Made | None, streams: Streams) -> NDArray[np.str_] | None:
    """What release leaves to each patient whose own cells these are; nothing where there is none or no release."""
    specifications = specifications_of(process)
    own = process.starting_material == "patient"
    if source is None or source.verdicts is None or specifications is None or not own:
        return None
    return follow(source.verdicts, specifications, streams)


def _received(process: Process, order: _Order, streams: Streams) -> tuple[Delivered | None, _Order]:
    """What arrives, and the orders once cells that came too warm are refused.

    Own cells that are refused are lost. From a bank another dose is sent, with its own luck and its own days.
    """
    found = arrivals(process, order.patient, streams)
    if found is None or not (found.rejected & order.infused).any():
        return found, order
    warm = found.rejected & order.infused
    if process.starting_material == "patient":
        reason = np.where(warm, WARM, order.reason).astype(np.str_)
        return found, replace(order, infused=order.infused & ~warm, reason=reason)
    day, parcel = order.day.copy(), order.patient.copy()
    while (warm := found.rejected & order.infused).any():
        parcel[warm] += PARCELS
        again = arrivals(process, parcel[warm], streams)
        assert again is not None
        day[warm] += again.days
        columns = {one.name: getattr(found, one.name).copy() for one in fields(found)}
        for name, column in columns.items():
            column[warm] = getattr(again, name)
        found = Delivered(**columns)
    return found, replace(order, day=day)


def _lots(process: Process, order: _Order, source: _Made | None, fate: NDArray[np.str_] | None,
          streams: Streams) -> Lots:  # fmt: skip
    """Orders with what arrives: quality from batch and thaw, and what it cost."""
    delivered, order = _received(process, order, streams)
    infused = order.infused
    goods = process.cost_of_goods.value if process.cost_of_goods else 0.0
    price = process.list_price.value if process.list_price else goods
    wasted = goods if process.starting_material == "patient" else 0.0
    quality: dict[str, Any] = {}
    if delivered is None:
        viability = process.thaw.quantile(streams.normal("thaw", order.patient))
    else:
        viability = delivered.viability
        quality = {name: getattr(delivered, name) for name in ("viability_24h", *QUALITIES)}
    if source is not None:
        # A product that was made again came out as it should: the first batch is not what is given.
        batches = source.batches
        share = np.where((order.remakes > 0) | (batches.doses == 0), 1.0, batches.dose_share)
        quality |= {"lot": batches.batch, "donor": batches.donor, "dose_share": share}
        quality["killing_function"] = quality.get("killing_function", 1.0) * batches.killing
    return Lots(
        patient=order.patient,
        day=order.day,
        infused=infused,
        reason=order.reason,
        viability=np.where(infused, viability, 0.0),
        cost=np.where(infused, price, np.where(order.made, wasted, 0.0)),
        remakes=order.remakes,
        out_of_specification=infused & (fate == GIVEN_AS_IT_IS) if fate is not None else np.zeros(len(infused), bool),
        **quality,
    )

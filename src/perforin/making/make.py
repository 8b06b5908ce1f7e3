"""One pass over the cohort: who receives a product, when, in what state and at what cost, and who does not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perforin.errors import UserError
from perforin.making.lot import FAILED, LOST, Lots
from perforin.making.process import Process
from perforin.streams import Streams

__all__ = ["make"]


def make(process: Process, patients: NDArray[np.int64], deadline: NDArray[np.float64], streams: Streams) -> Lots:
    """Make and deliver one product for every patient.

    A failure shows at the end of the first attempt; a remake then adds its delay. What ends the wait first is the
    reason. Arms share a patient's luck: who waits long in one process waits long, for that process, in another.

    Args:
        process: how the product is made.
        patients: (n,) patient numbers.
        deadline: (n,) day from enrolment on which the patient is no longer eligible; infinity for never.
        streams: the shared luck (purposes "waiting", "manufacturing failure", "remake" and "thaw").

    Returns:
        The lots. The cost is the list price (else the cost of goods) of what was infused; an own-cell product that
        was made for a patient lost before infusion costs its goods, one from a bank goes to another patient.

    Raises:
        UserError: patients and deadlines of different lengths.
    """
    if len(deadline) != len(patients):
        raise UserError(f"found {len(deadline)} deadlines for {len(patients)} patients; needed one each")
    first = process.wait(patients, streams)
    failed = streams.uniform("manufacturing failure", patients) < process.failure.value
    day, made = first, ~failed
    if process.remake is not None:
        saved = failed & (streams.uniform("remake", patients) < process.remake.probability_of_success.value)
        day, made = np.where(saved, first + process.remake.delay.value, first), made | saved
    lost = deadline < day
    infused = made & ~lost
    goods = process.cost_of_goods.value if process.cost_of_goods else 0.0
    price = process.list_price.value if process.list_price else goods
    wasted = goods if process.starting_material == "patient" else 0.0
    viability = process.thaw.quantile(streams.normal("thaw", patients))
    return Lots(
        patient=np.asarray(patients, dtype=np.int64),
        day=np.minimum(day, deadline),
        infused=infused,
        reason=np.where(infused, "", np.where(lost, LOST, FAILED)).astype(np.str_),
        viability=np.where(infused, viability, 0.0),
        cost=np.where(infused, price, np.where(made, wasted, 0.0)),
    )

"""What a patient costs up to three months after infusion: product, apheresis and care, each with its source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.errors import UserError
from perforin.evidence.parameters import Row, choose, read_table
from perforin.making.lot import Lots
from perforin.making.process import Process

__all__ = ["Costs", "cost_rows", "costs", "rows_used"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """Per patient enrolled [USD], all (n,)."""

    product: Array
    apheresis: Array
    care: Array

    @property
    def total(self) -> Array:
        """Everything counted here; bridging, travel and later lines of therapy are not."""
        return self.product + self.apheresis + self.care


@lru_cache(maxsize=1)
def cost_rows() -> tuple[Row, ...]:
    """The rows of costs.csv."""
    return read_table(Path(__file__).with_name("costs.csv"))


def rows_used(process: Process) -> tuple[Row, ...]:
    """The numbers that the costs of a process rest on, for the parameter table and the ledger."""
    own = (choose(cost_rows(), "cost.apheresis"),) if process.starting_material == "patient" else ()
    given = tuple(row for row in (process.cost_of_goods, process.list_price) if row is not None)
    return (*given, *own, choose(cost_rows(), "cost.post_infusion_care"))


def costs(process: Process, lots: Lots, doses: ArrayLike = 1) -> Costs:
    """Cost of each enrolled patient.

    An own-cell product needs an apheresis from everybody enrolled; care after infusion is counted for the infused.
    A list price buys the whole course of an own-cell product; a product from a bank is paid per dose.

    Args:
        process: how the product was made.
        lots: what arrived.
        doses: number of doses, one or (n,).

    Raises:
        UserError: fewer than one dose.
    """
    given = np.broadcast_to(np.asarray(doses, dtype=np.float64), (len(lots),))
    if (given < 1).any():
        raise UserError(f"found {given.min():g} doses; needed at least 1")
    own = process.starting_material == "patient"
    return Costs(
        product=lots.cost if own else lots.cost * given,
        apheresis=np.full(len(lots), choose(cost_rows(), "cost.apheresis").value if own else 0.0),
        care=np.where(lots.infused, choose(cost_rows(), "cost.post_infusion_care").value, 0.0),
    )

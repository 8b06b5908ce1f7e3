"""What arrived for each patient, and why nothing did."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from perforin.errors import UserError

__all__ = ["FAILED", "LOST", "Lots"]

FAILED = "manufacturing failed"
LOST = "died or became ineligible while waiting"


@dataclass(frozen=True)
class Lots:
    """One entry per patient, all arrays (n,).

    ``patient`` numbers; ``day`` from enrolment to infusion, or to the loss of those not infused [day]; ``infused``;
    ``reason`` for no infusion, "" where infused; ``viability`` of the cells at infusion as a fraction (0 where not
    infused); ``cost`` of the product [USD], 0 when it was not made.
    """

    patient: NDArray[np.int64]
    day: NDArray[np.float64]
    infused: NDArray[np.bool_]
    reason: NDArray[np.str_]
    viability: NDArray[np.float64]
    cost: NDArray[np.float64]

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise UserError(f"found lots with columns of different lengths {lengths}; needed one entry per patient")

    def __len__(self) -> int:
        return len(self.patient)

    def only(self, chosen: NDArray[np.bool_]) -> Lots:
        """The chosen patients (n,) alone."""
        return Lots(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

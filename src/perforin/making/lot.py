"""What arrived for each patient, and why nothing did."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from perforin.errors import UserError

__all__ = ["FAILED", "LOST", "QUALITIES", "Lots"]

FAILED = "manufacturing failed"
LOST = "died or became ineligible while waiting"

QUALITIES = ("killing_function", "motile_fraction")
"""Properties of a lot that act on its cells' parameters; a noun's ``quality`` says on which."""

Array = NDArray[np.float64]


def _blank() -> Array:
    return np.empty(0)


def _none() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


def _unsaid() -> NDArray[np.bool_]:
    return np.empty(0, np.bool_)


@dataclass(frozen=True)
class Lots:
    """One entry per patient, all arrays (n,); what is not given of the last eight is neutral.

    ``patient`` numbers; ``day`` from enrolment to infusion, or to the loss of those not infused [day]; ``infused``;
    ``reason`` for no infusion, "" where infused; ``viability`` of the cells at thaw as a fraction (0 where not
    infused); ``cost`` of the product [USD], 0 when it was not made; ``viability_24h`` the fraction alive a day after
    thaw (as at thaw if not given); ``killing_function`` and ``motile_fraction`` of the living cells, 1 as before
    freezing; ``dose_share`` cells delivered of the planned dose, below 1 for a short dose; ``lot`` and ``donor``
    numbers, -1 where there is none to name; ``remakes``; ``out_of_specification``.
    """

    patient: NDArray[np.int64]
    day: Array
    infused: NDArray[np.bool_]
    reason: NDArray[np.str_]
    viability: Array
    cost: Array
    viability_24h: Array = field(default_factory=_blank)
    killing_function: Array = field(default_factory=_blank)
    motile_fraction: Array = field(default_factory=_blank)
    dose_share: Array = field(default_factory=_blank)
    lot: NDArray[np.int64] = field(default_factory=_none)
    donor: NDArray[np.int64] = field(default_factory=_none)
    remakes: NDArray[np.int64] = field(default_factory=_none)
    out_of_specification: NDArray[np.bool_] = field(default_factory=_unsaid)

    def __post_init__(self) -> None:
        n = len(self.patient)
        neutral = {"viability_24h": self.viability, "lot": np.full(n, -1), "donor": np.full(n, -1),
                   "remakes": np.zeros(n, np.int64), "out_of_specification": np.zeros(n, np.bool_)}  # fmt: skip
        for one in fields(self)[6:]:
            if len(getattr(self, one.name)) == 0:
                object.__setattr__(self, one.name, neutral.get(one.name, np.ones(n)))
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise UserError(f"found lots with columns of different lengths {lengths}; needed one entry per patient")

    def __len__(self) -> int:
        return len(self.patient)

    @property
    def living_share(self) -> Array:
        """(n,) cells that live a day after thaw, over the planned dose."""
        return self.dose_share * self.viability_24h

    def only(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Lots:
        """The chosen patients alone, by mask (n,) or by place."""
        return Lots(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

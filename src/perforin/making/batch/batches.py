"""What batches came out as: one entry per batch, before anything is measured on them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from perforin.errors import UserError

__all__ = ["COPIES", "PURITY", "TOO_FEW", "VIABILITY", "Batches", "lost_at"]

Array = NDArray[np.float64]

TOO_FEW = "too few cells"
VIABILITY = "viability"
PURITY = "purity"
COPIES = "copies"


def lost_at(step: str) -> str:
    """The reason of a batch that was lost in a step: contamination, equipment, handling."""
    return f"lost at {step}"


@dataclass(frozen=True)
class Batches:
    """True properties of batches, all arrays (n,); a failed batch keeps them, so that its reason can be looked at.

    ``batch`` and ``donor`` numbers; ``days`` from collection or thaw of the bank to finished doses [day];
    ``cells_started`` wanted cells put into culture and ``cells_harvested`` living ones taken out [cell]; ``doublings``
    per cell; ``car_fraction`` of the living cells that carry the construct; ``vector_copies`` mean number in those
    that do; ``viability`` living share at harvest; ``residual_t_cells`` in one dose [cell]; ``residual_feeder`` feeder
    cells per living cell; ``cells_filled`` living cells with the construct after washing and filling [cell], and
    ``planned_dose`` those of one dose; ``doses`` filled, 0 if failed; ``dose_share`` of the planned dose that each
    holds, below 1 for a short dose; ``failed`` why, "" if not; ``filled`` doses that went to the tests, whatever these
    found (``doses`` if not given), 0 for a batch that was lost in a step or has too few cells; ``killing`` of the
    donor's cells over the usual donor's (1 if not given).
    """

    batch: NDArray[np.int64]
    donor: NDArray[np.int64]
    days: Array
    cells_started: Array
    cells_harvested: Array
    doublings: Array
    car_fraction: Array
    vector_copies: Array
    viability: Array
    residual_t_cells: Array
    residual_feeder: Array
    cells_filled: Array
    planned_dose: Array
    doses: NDArray[np.int64]
    dose_share: Array
    failed: NDArray[np.str_]
    filled: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    killing: Array = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if len(self.filled) == 0:
            object.__setattr__(self, "filled", self.doses)
        if len(self.killing) == 0:
            object.__setattr__(self, "killing", np.ones(len(self.batch)))
        lengths = {one.name: len(getattr(self, one.name)) for one in fields(self)}
        if len(set(lengths.values())) > 1:
            raise UserError(f"found batches with columns of different lengths {lengths}; needed one entry per batch")

    def __len__(self) -> int:
        return len(self.batch)

    @property
    def fold(self) -> Array:
        """(n,) living cells harvested for each wanted cell put into culture."""
        return self.cells_harvested / self.cells_started

    @property
    def reasons(self) -> dict[str, int]:
        """How many batches failed for each reason, the most frequent first."""
        names, counts = np.unique(self.failed[self.failed != ""], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        return {str(names[i]): int(counts[i]) for i in order}

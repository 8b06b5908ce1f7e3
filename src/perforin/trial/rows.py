"""Records from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.records import Records

__all__ = ["Writer"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Writer:
    """Writes the rows of one arm's patients (N,)."""

    arm: str
    patients: NDArray[np.int64]

    def once(
        self,
        parameter: str,
        value: ArrayLike,
        unit: str = "",
        *,
        day: ArrayLike = 0.0,
        censored: ArrayLike = False,
        where: ArrayLike = True,
    ) -> Records:
        """One row per patient where ``where`` (N,) holds; the others may be (N,) or one for all."""
        n = len(self.patients)
        chosen = np.broadcast_to(np.asarray(where, dtype=np.bool_), (n,))
        if not chosen.any():
            return Records.empty()
        return Records.build(
            subject=self.patients[chosen],
            arm=self.arm,
            parameter=parameter,
            day=np.broadcast_to(np.asarray(day, dtype=np.float64), (n,))[chosen],
            value=np.broadcast_to(np.asarray(value, dtype=np.float64), (n,))[chosen],
            unit=unit,
            censored=np.broadcast_to(np.asarray(censored, dtype=np.bool_), (n,))[chosen],
        )

    def daily(
        self, parameter: str, days: Sequence[float], values: Array, unit: str, where: ArrayLike, limit: float = -np.inf
    ) -> Records:
        """One row per patient and day where ``where`` (N, K) holds and the value is a number.

        Args:
            parameter: name.
            days: (K,) days.
            values: (N, K).
            unit: of the values and of ``limit``.
            where: (N, K) whether the patient was seen.
            limit: of the assay: a lower value is written as the limit, censored.
        """
        chosen = np.asarray(where, dtype=np.bool_) & ~np.isnan(values)
        if not chosen.any():
            return Records.empty()
        who, when = np.nonzero(chosen)
        found = values[who, when]
        return Records.build(
            subject=self.patients[who],
            arm=self.arm,
            parameter=parameter,
            day=np.asarray(days, dtype=np.float64)[when],
            value=np.maximum(found, limit),
            unit=unit,
            censored=found < limit,
        )

"""Records from arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from perforin.records import Records

__all__ = ["Rows", "Writer"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """Rows of one parameter; all arrays (R,)."""

    parameter: str
    unit: str
    subject: NDArray[np.int64]
    day: Array
    value: Array
    censored: NDArray[np.bool_]


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
    ) -> Rows:
        """One row per patient where ``where`` (N,) holds; the others may be (N,) or one for all."""
        n = len(self.patients)
        chosen = np.broadcast_to(np.asarray(where, dtype=np.bool_), (n,))
        return Rows(
            parameter,
            unit,
            self.patients[chosen],
            np.broadcast_to(np.asarray(day, dtype=np.float64), (n,))[chosen],
            np.broadcast_to(np.asarray(value, dtype=np.float64), (n,))[chosen],
            np.broadcast_to(np.asarray(censored, dtype=np.bool_), (n,))[chosen],
        )

    def daily(
        self, parameter: str, days: Sequence[float], values: Array, unit: str, where: ArrayLike, limit: float = -np.inf
    ) -> Rows:
        """One row per patient and day where ``where`` (N, K) holds and the value is a number.

        Args:
            parameter: name.
            days: (K,) days.
            values: (N, K).
            unit: of the values and of ``limit``.
            where: (N, K) whether the patient was seen.
            limit: of the assay: a lower value is written as the limit, censored.
        """
        who, when = np.nonzero(np.asarray(where, dtype=np.bool_) & ~np.isnan(values))
        found = values[who, when]
        day = np.asarray(days, dtype=np.float64)[when]
        return Rows(parameter, unit, self.patients[who], day, np.maximum(found, limit), found < limit)

    def records(self, rows: Iterable[Rows]) -> Records:
        """All rows in order; a parameter without a row leaves no trace."""
        parts = [one for one in rows if len(one.subject)]
        if not parts:
            return Records.empty()
        lengths = [len(one.subject) for one in parts]

        def repeated(texts: list[str]) -> pd.Categorical[str]:
            kinds = sorted(set(texts))
            codes = np.repeat([kinds.index(text) for text in texts], lengths)
            return pd.Categorical.from_codes(codes, categories=pd.Index(kinds))

        return Records.build(
            subject=np.concatenate([one.subject for one in parts]),
            arm=self.arm,
            parameter=repeated([one.parameter for one in parts]),
            day=np.concatenate([one.day for one in parts]),
            value=np.concatenate([one.value for one in parts]),
            unit=repeated([one.unit for one in parts]),
            censored=np.concatenate([one.censored for one in parts]),
        )

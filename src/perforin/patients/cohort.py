"""Virtual patients as columns, without any arm: covariates with distributions and correlations, drawn by name.

A patient's numbers depend on the seed, the covariate's name and the patient's number only, so a subset, a
permutation or a larger cohort gives the same patients.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from perforin.errors import UserError
from perforin.streams import Streams

__all__ = ["Cohort", "Distribution", "cholesky", "enrol"]

Array = NDArray[np.float64]


class Distribution(Protocol):
    """Anything that turns uniform numbers into values."""

    def quantile(self, share: Array) -> Array:
        """(patients,) values at the given shares of the distribution."""


@dataclass(frozen=True)
class Cohort:
    """``patients`` (n,) numbers; ``columns`` one (n,) array per covariate."""

    patients: NDArray[np.int64]
    columns: Mapping[str, Array]

    def only(self, chosen: NDArray[np.bool_]) -> Cohort:
        """The chosen patients (n,) alone."""
        return Cohort(self.patients[chosen], {name: column[chosen] for name, column in self.columns.items()})

    def table(self) -> pd.DataFrame:
        """One row per patient."""
        return pd.DataFrame({"subject": self.patients, **self.columns})


def cholesky(names: Sequence[str], correlations: Sequence[tuple[str, str, float]]) -> Array:
    """Lower triangle L with L L' the correlation matrix of the covariates' normal scores.

    Raises:
        UserError: the matrix is not positive definite.
    """
    matrix = np.eye(len(names))
    place = {name: i for i, name in enumerate(names)}
    for first, second, value in correlations:
        matrix[place[first], place[second]] = matrix[place[second], place[first]] = value
    try:
        return np.asarray(np.linalg.cholesky(matrix), dtype=np.float64)
    except np.linalg.LinAlgError:
        lowest = float(np.linalg.eigvalsh(matrix).min())
        raise UserError(
            f"correlations: found a matrix whose smallest eigenvalue is {lowest:.3g}; needed a positive definite one "
            "(weaken the correlations or leave one out)"
        ) from None


def enrol(
    covariates: Mapping[str, Distribution],
    correlations: Sequence[tuple[str, str, float]],
    patients: NDArray[np.int64],
    streams: Streams,
) -> Cohort:
    """Draw the covariates of the numbered patients (Gaussian copula).

    Args:
        covariates: distribution of each, in order; adding one at the end changes no other.
        correlations: (covariate, covariate, correlation of normal scores).
        patients: (n,) patient numbers.
        streams: random numbers by purpose and patient.
    """
    names = list(covariates)
    lower = cholesky(names, correlations)
    scores = [streams.normal(f"covariate {name}", patients) for name in names]
    columns: dict[str, Array] = {}
    for i, name in enumerate(names):
        mixed = np.zeros(len(patients))
        for j in range(i + 1):  # row by row and not by BLAS, whose rounding depends on the number of patients
            mixed = mixed + lower[i, j] * scores[j]
        share = np.clip(ndtr(mixed), 2.0**-53, 1 - 2.0**-53)
        columns[name] = np.asarray(covariates[name].quantile(share), dtype=np.float64)
    return Cohort(np.asarray(patients, dtype=np.int64), columns)

"""Weights that give patients another trial's baseline: matching-adjusted indirect comparison (Signorovitch 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linprog

from perforin.errors import UserError
from perforin.evidence.indirect.aggregate import Covariate

__all__ = ["Matched", "Moments", "effective", "match", "moments"]

Array = NDArray[np.float64]
STEPS = 200
"""Newton steps; a target inside the patients takes a dozen."""
STEEPEST = 1e4
"""Slope, of covariates that differ from the target by 1 at most, at which all but some patients weigh nothing."""
ROUNDING = 1e-13
"""Height by which a step may miss without being too long."""


@dataclass(frozen=True)
class Moments:
    """What is to be matched: ``values`` (n, m) of the patients, less the published value; ``names`` of the columns."""

    names: tuple[str, ...]
    covariates: tuple[str, ...]
    values: Array


@dataclass(frozen=True)
class Matched:
    """``weights`` (n,) of the patients, with mean 1; ``moments`` that they match."""

    weights: Array
    moments: Moments

    @property
    def effective(self) -> float:
        """Effective sample size: how many unweighted patients would tell as much."""
        return effective(self.weights)

    def mean(self, outcome: Array) -> tuple[float, float]:
        """Weighted mean of an outcome (n,) and its standard error.

        The error is a sandwich that counts the weights as estimated: what the matched covariates explain does not
        vary. It is scaled by n / (n - m - 1) for the m moments. The published baseline is taken as exact.
        """
        share = self.weights / self.weights.sum()
        value = float(share @ outcome)
        rest, z = outcome - value, self.moments.values
        if z.shape[1]:
            root = np.sqrt(share)
            rest = rest - z @ np.linalg.lstsq(root[:, None] * z, root * rest, rcond=None)[0]
        spare = len(outcome) - z.shape[1] - 1
        scale = len(outcome) / spare if spare > 0 else np.nan
        return value, float(np.sqrt(scale * ((share * rest) ** 2).sum()))


def effective(weights: Array) -> float:
    """Effective sample size of weights (n,), Kish: the square of their sum over the sum of their squares."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def moments(patients: pd.DataFrame, baseline: Sequence[Covariate], spread: bool = False) -> Moments:
    """The columns to match: means and shares; of a median, the half at or below it; with ``spread``, also the squares.

    Args:
        patients: a column for each covariate, one row per patient.
        baseline: published covariates.
        spread: match published standard deviations too.

    Raises:
        UserError: a share of a covariate that is not 0 or 1 in the patients.
    """
    names, covariates, columns = [], [], []
    for one in baseline:
        x = patients[one.covariate].to_numpy(dtype=np.float64)
        other = x[~np.isin(x, (0, 1))]
        if one.share is not None and len(other):
            raise UserError(f"found {one.covariate} {other[0]:g}; needed 0 or 1, because a share is published")
        target = one.median if one.median is not None else one.mean if one.mean is not None else one.share
        assert target is not None
        names.append(one.covariate)
        covariates.append(one.covariate)
        columns.append((x <= target) - 0.5 if one.median is not None else x - target)
        if spread and one.sd is not None:
            names.append(f"{one.covariate} (standard deviation)")
            covariates.append(one.covariate)
            columns.append((x - target) ** 2 - one.sd**2)
    values = np.column_stack(columns) if columns else np.empty((len(patients), 0))
    return Moments(tuple(names), tuple(covariates), values.astype(np.float64))


def match(wanted: Moments) -> Matched:
    """Weights exp(a + b z) that bring every moment to its published value, the closest to equal weights of all.

    Raises:
        UserError: no weights can, because the published values lie outside what the patients are (which covariate).
    """
    spreads = np.abs(wanted.values).max(axis=0, initial=0.0)
    z = wanted.values / np.where(spreads > 0, spreads, 1.0)
    _require_both_sides(wanted, z)
    slope, share = np.zeros(z.shape[1]), _shares(z, np.zeros(z.shape[1]))
    for _ in range(STEPS):
        gap = share @ z
        if np.abs(gap).max(initial=0.0) < 1e-10:
            return Matched(share * len(z), wanted)
        curvature = (z * share[:, None]).T @ z - np.outer(gap, gap)
        step = -np.linalg.lstsq(curvature, gap, rcond=1e-12)[0]
        length, here, fall = 1.0, _height(z, slope), float(gap @ step)
        while _height(z, slope + length * step) > here + 1e-4 * length * fall + ROUNDING and length > 1e-9:
            length /= 2
        slope = slope + length * step
        if np.abs(slope).max() > STEEPEST:
            break
        share = _shares(z, slope)
    raise _outside(wanted, z)


def _height(z: Array, slope: Array) -> float:
    """Logarithm of the mean of exp(z slope), which is convex and least where the moments match."""
    line = z @ slope
    return float(line.max() + np.log(np.exp(line - line.max()).mean()))


def _shares(z: Array, slope: Array) -> Array:
    line = z @ slope
    raised = np.exp(line - line.max())
    return np.asarray(raised / raised.sum(), dtype=np.float64)


def _require_both_sides(wanted: Moments, z: Array) -> None:
    """Refuse a target outside the range of the patients in one covariate."""
    alone = [name for name, column in zip(wanted.names, z.T, strict=True)
             if column.any() and not column.min() < 0 < column.max()]  # fmt: skip
    if alone:
        raise UserError(f"found patients who all lie on one side of the published {' and '.join(alone)}; needed some "
                        "on either side, because no weights can match it. Leave out the covariate, or the patients "
                        "whom the other trial would not have enrolled")  # fmt: skip


def _outside(wanted: Moments, z: Array) -> UserError:
    """Which covariates together put the target outside the convex hull of the patients, or on its edge."""
    guilty = [name for i, name in enumerate(wanted.names) if _feasible(np.delete(z, i, axis=1))]
    names = guilty if guilty and not _feasible(z) else list(wanted.names)
    return UserError(f"found no patients like the published ones in {', '.join(wanted.names)} together, though in each "
                     "alone; needed a target inside what the patients are. Leaving out one of these may make it one: "
                     f"{', '.join(names)}")  # fmt: skip


def _feasible(z: Array) -> bool:
    """Whether some mixture of the rows of z is 0."""
    equal, ones = np.vstack([z.T, np.ones(len(z))]), np.append(np.zeros(z.shape[1]), 1.0)
    return bool(linprog(np.zeros(len(z)), A_eq=equal, b_eq=ones, bounds=(0, None), method="highs").status == 0)

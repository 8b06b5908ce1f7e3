"""An outcome model of the patients, averaged over the other trial's patients: simulated treatment comparison.

After Caro and Ishak 2010. The average is over simulated patients and not at the mean covariates, because a logistic
curve at a mean is not the mean of the curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from perforin.errors import UserError
from perforin.evidence.indirect.aggregate import Covariate
from perforin.streams import Streams

__all__ = ["DRAWS", "Predicted", "logistic", "predict", "simulated_patients"]

Array = NDArray[np.float64]
DRAWS = 20_000
"""Simulated patients of the other trial: their average is known to 0.4 points at worst."""
STEPS = 50


@dataclass(frozen=True)
class Predicted:
    """Share predicted for the other trial's patients, its standard error, the coefficients, and what was assumed."""

    value: float
    error: float
    coefficients: Array
    notes: tuple[str, ...]


def predict(patients: pd.DataFrame, outcome: Array, baseline: Sequence[Covariate], seed: int = 0) -> Predicted:
    """Fit a logistic regression to the patients and average it over simulated patients of the published baseline.

    Args:
        patients: a column for each covariate.
        outcome: (n,) 0 or 1.
        baseline: published covariates.
        seed: of the simulated patients.

    Raises:
        UserError: no outcome or only outcomes, covariates that tell them apart without error, or too few patients.
    """
    others, notes = simulated_patients(patients, baseline, seed)
    own = np.column_stack([patients[one.covariate].to_numpy(np.float64) for one in baseline])
    middle, spread = own.mean(axis=0), np.where(own.std(axis=0) > 0, own.std(axis=0), 1.0)
    design = np.column_stack([np.ones(len(own)), (own - middle) / spread])
    coefficients, covariance = logistic(design, outcome)
    target = np.column_stack([np.ones(len(others)), (others - middle) / spread])
    share = expit(target @ coefficients)
    slope = (share * (1 - share)) @ target / len(share)
    return Predicted(float(share.mean()), float(np.sqrt(slope @ covariance @ slope)), coefficients, tuple(notes))


def logistic(design: Array, outcome: Array) -> tuple[Array, Array]:
    """Maximum likelihood by Newton's method: coefficients (m,) and their covariance (m, m), the inverse information.

    Raises:
        UserError: the likelihood has no maximum.
    """
    if len(np.unique(outcome)) < 2:
        raise UserError(f"found {outcome.sum():g} events among {len(outcome)} patients; needed some with and some "
                        "without for a regression (weighting does without)")  # fmt: skip
    coefficients = np.zeros(design.shape[1])
    for _ in range(STEPS):
        share = expit(design @ coefficients)
        information = (design * (share * (1 - share))[:, None]).T @ design
        if np.linalg.cond(information) > 1e12:
            break
        step = np.linalg.solve(information, design.T @ (outcome - share))
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-10:
            return coefficients, np.asarray(np.linalg.inv(information), dtype=np.float64)
    raise UserError("found covariates that are alike, or that tell who had the outcome without error; needed fewer "
                    "covariates or more patients for a regression")  # fmt: skip


def simulated_patients(
    patients: pd.DataFrame, baseline: Sequence[Covariate], seed: int = 0
) -> tuple[Array, list[str]]:
    """(DRAWS, m) covariates of the other trial's patients, and what was assumed.

    Shares are drawn as such. The shape of everything else is that of our patients, moved and stretched to the published
    mean and standard deviation (or to the median); correlations are those of our patients (a Gaussian copula).
    """
    own = np.column_stack([patients[one.covariate].to_numpy(np.float64) for one in baseline])
    ranks = np.column_stack([pd.Series(column).rank().to_numpy() for column in own.T])
    with np.errstate(invalid="ignore"):
        related = np.nan_to_num(np.atleast_2d(np.corrcoef(ranks, rowvar=False)), nan=0.0)
    np.fill_diagonal(related, 1.0)
    values, vectors = np.linalg.eigh(related)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    who = np.arange(DRAWS)
    scores = np.column_stack([Streams(seed).normal(f"simulated {one.covariate}", who) for one in baseline]) @ root.T
    drawn, notes = [], []
    for i, one in enumerate(baseline):
        drawn.append(_marginal(one, own[:, i], np.asarray(ndtr(scores[:, i]), dtype=np.float64)))
        if one.mean is not None and one.sd is None:
            notes.append(f"no standard deviation of {one.covariate} is published: that of our patients was taken")
    return np.column_stack(drawn), notes


def _marginal(one: Covariate, own: Array, share: Array) -> Array:
    if one.share is not None:
        return np.asarray(share > 1 - one.share, dtype=np.float64)
    shape = np.quantile(own, share)
    if one.median is not None:
        middle = float(np.median(own))
        positive = own.min() > 0 and one.median > 0
        return np.asarray(shape * (one.median / middle) if positive else shape + (one.median - middle))
    assert one.mean is not None
    stretch = 1.0 if one.sd is None or own.std() == 0 else one.sd / float(own.std(ddof=1))
    return np.asarray(one.mean + (shape - own.mean()) * stretch)

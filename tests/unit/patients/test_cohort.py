"""Virtual patients depend on seed, covariate and number, and on nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import lognorm, norm, spearmanr

from perforin.errors import UserError
from perforin.patients.cohort import enrol
from perforin.streams import Streams


@dataclass(frozen=True)
class Normal:
    """A normal distribution."""

    mean: float
    sd: float

    def quantile(self, share):
        return norm.ppf(share, self.mean, self.sd)


@dataclass(frozen=True)
class LogNormal:
    """A lognormal distribution by median and log sd."""

    median: float
    sd: float

    def quantile(self, share):
        return lognorm.ppf(share, self.sd, scale=self.median)


COVARIATES = {"age": Normal(60, 12), "burden": LogNormal(3e10, 1.0), "growth": LogNormal(0.02, 0.5)}
CORRELATIONS = [("burden", "growth", 0.5)]


def draw(patients, covariates=COVARIATES, correlations=CORRELATIONS, seed=1):
    return enrol(covariates, correlations, np.asarray(patients), Streams(seed))


def test_a_subset_and_a_permutation_are_the_same_patients_to_the_last_bit():
    whole = draw(np.arange(500))
    order = np.random.default_rng(0).permutation(500)[:137]
    part = draw(order)
    for name in COVARIATES:
        assert (part.columns[name] == whole.columns[name][order]).all()


def test_a_covariate_added_at_the_end_changes_no_other():
    more = draw(np.arange(50), {**COVARIATES, "weight": Normal(75, 10)}, [*CORRELATIONS, ("weight", "age", 0.3)])
    for name in COVARIATES:
        assert (more.columns[name] == draw(np.arange(50)).columns[name]).all()


def test_the_marginals_and_the_rank_correlation_are_the_stated_ones():
    cohort = draw(np.arange(20_000))
    assert np.median(cohort.columns["burden"]) == pytest.approx(3e10, rel=0.03)
    assert np.mean(cohort.columns["age"]) == pytest.approx(60, abs=0.3)
    expected = 6 / np.pi * np.arcsin(0.5 / 2)  # Spearman's rho of a Gaussian copula
    found = spearmanr(cohort.columns["burden"], cohort.columns["growth"]).statistic
    assert found == pytest.approx(expected, abs=0.02)


def test_another_seed_gives_other_patients():
    assert (draw(np.arange(50), seed=2).columns["age"] != draw(np.arange(50)).columns["age"]).all()


def test_correlations_that_cannot_be_are_refused_with_the_eigenvalue():
    impossible = [("age", "burden", 0.9), ("age", "growth", 0.9), ("burden", "growth", -0.9)]
    with pytest.raises(UserError, match="smallest eigenvalue.*positive definite"):
        draw(np.arange(3), correlations=impossible)

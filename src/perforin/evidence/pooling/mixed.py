"""Counts with a normal effect per study: binomial-normal and Poisson-normal models by adaptive quadrature."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, gammaln

from perforin.evidence.pooling.measures import Array, effects
from perforin.evidence.pooling.studies import Kind
from perforin.evidence.pooling.weighted import Fit

__all__ = ["POINTS", "fit_mixed", "log_likelihood"]

POINTS = 15
"""Quadrature points per study; 1 is Laplace's approximation."""
NEWTON = 50
CLOSE = 1e-8
FLAT = 1e-3
STEP = 1e-3
NOTHING = 1e-7
"""A gain in log-likelihood that a variance between studies must bring, or it counts as 0."""


def _binomial(eta: Array, x: Array, n: Array) -> tuple[Array, Array, Array]:
    p = expit(eta)
    return x * eta - n * np.logaddexp(0, eta), x - n * p, n * p * (1 - p)


def _poisson(eta: Array, x: Array, n: Array) -> tuple[Array, Array, Array]:
    mean = n * np.exp(eta)
    return x * (eta + np.log(n)) - mean, x - mean, mean


Family = Callable[[Array, Array, Array], tuple[Array, Array, Array]]
FAMILIES: dict[Kind, Family] = {"share": _binomial, "rate": _poisson}
"""Log-density without its constant, its first derivative, and minus its second, in the linear predictor."""


@lru_cache(maxsize=8)
def _nodes(points: int) -> tuple[Array, Array]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(points)
    return nodes, weights / np.sqrt(2 * np.pi)


def _modes(linear: Array, tau: float, x: Array, n: Array, kind: Kind) -> tuple[Array, Array]:
    """Mode of each study's standardised effect given its count, and the spread of the normal curve around it."""
    family = FAMILIES[kind]
    made = effects(x + 1 / 2, n + 1, "logit" if kind == "share" else "log rate")
    u = tau * (made.y - linear) / (tau**2 + made.v)  # where it would be if logits were normal
    for _ in range(NEWTON):
        _, slope, bend = family(linear + tau * u, x, n)
        step = (tau * slope - u) / (tau**2 * bend + 1)
        u = u + np.clip(step, -2, 2)
        if np.max(np.abs(step)) < CLOSE:
            break
    _, _, bend = family(linear + tau * u, x, n)
    return u, 1 / np.sqrt(tau**2 * bend + 1)


def log_likelihood(beta: Array, tau: float, x: Array, n: Array, design: Array, kind: Kind = "share",
                   points: int = POINTS) -> float:  # fmt: skip
    """Marginal log-likelihood by adaptive Gauss-Hermite quadrature (Pinheiro and Bates 1995).

    Args:
        beta: (coefficient) of the linear predictor: log odds, or log rate.
        tau: standard deviation between studies.
        x: (study) events.
        n: (study) patients, or time.
        design: (study, coefficient).
        kind: share or rate.
        points: quadrature points; 1 is Laplace.
    """
    family = FAMILIES[kind]
    linear = design @ beta
    constant = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1) if kind == "share" else -gammaln(x + 1)
    mode, spread = _modes(linear, tau, x, n, kind)
    nodes, weights = _nodes(points)
    u = mode[:, None] + spread[:, None] * nodes
    density, _, _ = family(linear[:, None] + tau * u, x[:, None], n[:, None])
    terms = density - u**2 / 2 + nodes**2 / 2
    top = terms.max(axis=1, keepdims=True)
    inner = np.log(np.exp(terms - top) @ weights) + top[:, 0]
    return float(np.sum(constant + inner + np.log(spread)))


def fit_mixed(x: Array, n: Array, design: Array, kind: Kind = "share", points: int = POINTS) -> Fit:
    """Maximum likelihood of the coefficients and of tau; the covariance is from the joint curvature.

    Args:
        x: (study) events.
        n: (study) patients, or time.
        design: (study, coefficient), the first column all 1.
        kind: share (binomial-normal) or rate (Poisson-normal).
        points: quadrature points; 1 is Laplace.

    Returns:
        The fit on the log-odds or log-rate scale; ``converged`` is False where the likelihood has no usable maximum.
    """
    size = design.shape[1]

    def lost(at: Array) -> float:
        return -log_likelihood(at[:size], float(at[size]), x, n, design, kind, points)

    share = x.sum() / n.sum()
    start = np.zeros(size + 1)
    start[0], start[size] = np.log(share / (1 - share) if kind == "share" else share), 1 / 2
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = minimize(lost, start, method="BFGS", options={"gtol": FLAT})
        at = np.asarray(found.x, dtype=np.float64)
        at[size] = abs(at[size])
        for _ in range(3):
            slope, curvature = _derivatives(lost, at)
            if not np.all(np.isfinite(curvature)) or np.min(np.linalg.eigvalsh(curvature)) <= 0:
                break
            if np.max(np.abs(slope)) < CLOSE * len(x):
                break
            at = at - np.linalg.solve(curvature, slope)
            at[size] = abs(at[size])
        if lost(np.append(at[:size], 0.0)) <= lost(at) + NOTHING:
            at[size] = 0.0
            inner = minimize(lambda beta: lost(np.append(beta, 0.0)), at[:size], method="BFGS", options={"gtol": FLAT})
            at[:size] = inner.x
        slope, curvature = _derivatives(lost, at)
    within = curvature[:size, :size] if at[size] == 0 else curvature
    good = bool(np.all(np.isfinite(within)) and np.min(np.linalg.eigvalsh(within)) > 0
                and np.max(np.abs(slope[: len(within)])) < STEP * len(x))  # fmt: skip
    covariance: Array = np.full((size, size), np.nan)
    if good:
        covariance = np.asarray(np.linalg.inv(within)[:size, :size], dtype=np.float64)
    return Fit(at[:size], covariance, float(at[size] ** 2), None, good)


def _derivatives(lost: Callable[[Array], float], at: Array) -> tuple[Array, Array]:
    """Slope and curvature by central differences."""
    size = len(at)
    steps = STEP * np.eye(size)
    middle = lost(at)
    up, down = np.array([lost(at + one) for one in steps]), np.array([lost(at - one) for one in steps])
    curvature = np.diag((up - 2 * middle + down) / STEP**2)
    for i in range(size):
        for j in range(i):
            both = lost(at + steps[i] + steps[j]) + lost(at - steps[i] - steps[j])
            apart = lost(at + steps[i] - steps[j]) + lost(at - steps[i] + steps[j])
            curvature[i, j] = curvature[j, i] = (both - apart) / (4 * STEP**2)
    return (up - down) / (2 * STEP), curvature

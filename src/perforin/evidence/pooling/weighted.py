"""Random-effects pooling and regression by inverse variance: three estimators of tau2, two intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtrc, ndtri, stdtrit

from perforin.evidence.pooling.measures import Array

__all__ = ["Estimator", "Fit", "Heterogeneity", "Interval", "fit", "heterogeneity"]

Estimator = Literal["DL", "PM", "REML"]
Interval = Literal["normal", "Knapp-Hartung"]
TIGHT = 1e-12
STEPS = 500


@dataclass(frozen=True)
class Heterogeneity:
    """Cochran's Q with its degrees of freedom and p, the typical sampling variance, and I2 and H2 at a tau2."""

    q: float
    df: int
    p: float
    i2: float
    h2: float


@dataclass(frozen=True)
class Fit:
    """Coefficients with covariance, on the scale of the effects; ``df`` None means normal quantiles."""

    beta: Array
    covariance: Array
    tau2: float
    df: int | None
    converged: bool = True
    narrowed: bool = False

    def quantile(self, level: float = 0.95) -> float:
        """What an interval multiplies the standard error by."""
        tail = (1 + level) / 2
        return float(ndtri(tail) if self.df is None else stdtrit(self.df, tail))

    def limits(self, level: float = 0.95, extra: float = 0.0) -> tuple[float, float]:
        """Limits of the first coefficient; ``extra`` = tau2 gives the prediction interval."""
        half = self.quantile(level) * float(np.sqrt(self.covariance[0, 0] + extra))
        return float(self.beta[0]) - half, float(self.beta[0]) + half


def _projection(x: Array, v: Array, tau2: float) -> tuple[Array, Array, Array]:
    """Weights' residual projection P, (X'WX)^-1 and (X'WX)^-1 X'W."""
    w = 1 / (v + tau2)
    weighted = x * w[:, None]
    inverse: Array = np.asarray(np.linalg.inv(x.T @ weighted), dtype=np.float64)
    hat = inverse @ weighted.T
    return np.diag(w) - weighted @ hat, inverse, hat


def heterogeneity(y: Array, v: Array, x: Array, tau2: float) -> Heterogeneity:
    """Q, I2 and H2 (Higgins and Thompson 2002), with a typical sampling variance (k - p) / tr(P) of fixed weights."""
    p, _, _ = _projection(x, v, 0.0)
    df = len(y) - x.shape[1]
    q = max(float(y @ p @ y), 0.0)
    if df == 0:
        return Heterogeneity(0.0, 0, 1.0, 0.0, 1.0)
    typical = df / float(np.trace(p))
    return Heterogeneity(q, df, float(chdtrc(df, q)), tau2 / (tau2 + typical), tau2 / typical + 1)


def _dersimonian_laird(y: Array, v: Array, x: Array) -> tuple[float, bool]:
    p, _, _ = _projection(x, v, 0.0)
    return max(0.0, float((y @ p @ y - (len(y) - x.shape[1])) / np.trace(p))), True


def _paule_mandel(y: Array, v: Array, x: Array) -> tuple[float, bool]:
    def excess(tau2: float) -> float:
        p, _, _ = _projection(x, v, tau2)
        return float(y @ p @ y) - float(len(y) - x.shape[1])

    if excess(0.0) <= 0:
        return 0.0, True
    top = max(1.0, float(np.var(y)))
    while excess(top) > 0:
        top *= 2
    return float(brentq(excess, 0.0, top, xtol=TIGHT)), True


def _reml(y: Array, v: Array, x: Array) -> tuple[float, bool]:
    """Fisher scoring of the restricted likelihood (Viechtbauer 2005), steps below 0 cut."""
    tau2 = _dersimonian_laird(y, v, x)[0]
    for _ in range(STEPS):
        p, _, _ = _projection(x, v, tau2)
        py = p @ y
        new = max(0.0, tau2 + float((py @ py - np.trace(p)) / np.sum(p * p)))
        if abs(new - tau2) < TIGHT:
            return new, True
        tau2 = new
    return tau2, False


ESTIMATORS: dict[Estimator, Callable[[Array, Array, Array], tuple[float, bool]]] = {
    "DL": _dersimonian_laird, "PM": _paule_mandel, "REML": _reml,
}  # fmt: skip


def fit(y: Array, v: Array, x: Array, estimator: Estimator, interval: Interval = "normal") -> Fit:
    """Random-effects estimate, or regression on moderators.

    Args:
        y: (study) effects.
        v: (study) sampling variances.
        x: (study, coefficient) moderators, the first column all 1.
        estimator: of tau2: DerSimonian and Laird 1986, Paule and Mandel 1982, or REML.
        interval: ``Knapp-Hartung`` (2003) scales the variance by the weighted residuals and uses t with k - p degrees.
    """
    df = len(y) - x.shape[1]
    tau2, converged = ESTIMATORS[estimator](y, v, x) if df > 0 else (0.0, True)
    p, inverse, hat = _projection(x, v, tau2)
    if interval == "normal" or df == 0:
        return Fit(hat @ y, inverse, tau2, None, converged)
    scale = float(y @ p @ y) / df
    return Fit(hat @ y, inverse * scale, tau2, df, converged, narrowed=scale < 1)

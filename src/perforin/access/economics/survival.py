"""Survival curves that go on where a trial ends: parametric families with or without cure, over background mortality.

A cured patient dies as others of that age do; the others have an excess hazard on top (Lambert et al. 2007).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize
from scipy.special import expit, gammaincinv, log_expit, log_ndtr, logit

from perforin.errors import UserError, nearest
from perforin.streams import Streams

__all__ = ["FAMILIES", "Background", "Fit", "Milestones", "Seen", "fit"]

Array = NDArray[np.float64]

FAMILIES: Mapping[str, int] = {"exponential": 1, "weibull": 2, "lognormal": 2, "loglogistic": 2, "gompertz": 2}
"""Families of excess survival, with the number of their parameters."""
HALF_DAY = 0.5 / 365.25
FIRST = 1e-300
"""Years that stand for time 0, whose logarithm does not exist."""
STEP = 1e-4
"""Of the central differences of the information, on the scale of the logarithms."""
CANDIDATES, SCOUTS, TURNS, FREEDOM = 4, 1000, 4, 4
"""Curves looked at for each one drawn, draws of the turns before the last, how many such turns there are, and degrees
of freedom of the t distribution that candidates come from."""
TOGETHER = 20
"""Years over whose mean survival curves of one name are ordered."""


@dataclass(frozen=True)
class Background:
    """Mortality of the population: ``hazard`` [1/year] at the age of enrolment, which grows by ``slope`` [1/year]."""

    hazard: float = 0.0
    slope: float = 0.1

    def cumulative(self, years: ArrayLike) -> Array:
        """Hazard that has come together after so many years."""
        return np.asarray(self.hazard * np.expm1(self.slope * np.asarray(years)) / self.slope, dtype=np.float64)

    def at(self, years: ArrayLike) -> Array:
        """Hazard [1/year] after so many years."""
        return np.asarray(self.hazard * np.exp(self.slope * np.asarray(years)), dtype=np.float64)


@dataclass(frozen=True)
class Seen:
    """Times of patients, both (n,): ``years`` and whether an ``event`` was seen then."""

    years: Array
    event: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if len(self.years) != len(self.event) or not np.isfinite(self.years).all() or (self.years < 0).any():
            raise UserError("found times and events that do not fit; needed as many of both, 0 years or later")


@dataclass(frozen=True)
class Milestones:
    """Points of a published curve: shares still free of the event at ``years``, both (k,), among ``n`` patients."""

    years: Array
    share: Array
    n: int

    def __post_init__(self) -> None:
        falls = np.diff(self.share, prepend=1.0) <= 0
        if len(self.years) != len(self.share) or not len(self.years) or (np.diff(self.years, prepend=0.0) <= 0).any():
            raise UserError(f"found milestones at {self.years.tolist()} years; needed increasing times, a share each")
        if not falls.all() or (self.share < 0).any():
            raise UserError(f"found the shares {self.share.tolist()}; needed 0 to 1, none above an earlier one")


@dataclass(frozen=True)
class Fit:
    """A fitted curve.

    ``estimate`` (k,) and ``covariance`` (k, k) on scales without bounds: the logit of the share cured if ``cure``, the
    logarithm of the scale [year] (of the hazard [1/year] for a Gompertz) and, where there is one, of the shape (a
    Gompertz's own slope may be negative and has no logarithm).
    """

    family: str
    cure: bool
    background: Background
    estimate: Array
    covariance: Array
    log_likelihood: float
    data: Seen | Milestones

    @property
    def cured(self) -> float:
        """Share without excess hazard; 0 for a family without."""
        return float(expit(self.estimate[0])) if self.cure else 0.0

    @property
    def aic(self) -> float:
        """Akaike's criterion; less is better."""
        return 2 * len(self.estimate) - 2 * self.log_likelihood

    def draws(self, name: str, count: int, streams: Streams) -> Array:
        """(count, k) draws from what the data leave possible, any share cured being as likely beforehand as another.

        Candidates from a wide t distribution are weighted by their likelihood; the distribution moves to where the
        weight lies a few times, and the last candidates are drawn from by weight (adaptive importance sampling,
        Oh and Berger 1992). ``name`` keys their luck; curves of one name rise and fall together, by their mean
        survival over ``TOGETHER`` years.
        """
        middle, spread = self.estimate, self.covariance
        for turn in range(TURNS + 1):
            size = CANDIDATES * (count if turn == TURNS else SCOUTS)
            found, weight = self._candidates(middle, spread, np.arange(size, dtype=np.int64), turn, streams)
            middle = weight @ found
            spread = (found - middle).T @ ((found - middle) * weight[:, None])
        chosen = found[np.searchsorted(np.cumsum(weight), (np.arange(count) + 0.5) / count)]
        ordered = chosen[self.survival(np.arange(1.0, TOGETHER + 1), chosen).mean(axis=1).argsort(kind="stable")]
        luck = streams.normal(f"uncertain {name}", np.arange(count, dtype=np.int64))
        return np.asarray(ordered[luck.argsort(kind="stable").argsort(kind="stable")], dtype=np.float64)

    def _candidates(self, middle: Array, spread: Array, ids: NDArray[np.int64], turn: int,
                    streams: Streams) -> tuple[Array, Array]:  # fmt: skip
        """(n, k) candidates about a middle, and (n,) their weights, which sum to 1."""
        size = len(middle)
        scores = np.column_stack([streams.normal(f"candidate curves {turn}", ids, k) for k in range(size)])
        heavy = 2 * gammaincinv(FREEDOM / 2, streams.uniform(f"width of candidate curves {turn}", ids)) / FREEDOM
        scores /= np.sqrt(heavy)[:, None]
        found = middle + scores @ np.linalg.cholesky(spread).T
        proposed = -(FREEDOM + size) / 2 * np.log1p((scores**2).sum(axis=1) / FREEDOM)
        weight = _log_likelihood(self.data, self.family, self.cure, self.background, found) - proposed
        if self.cure:
            weight += log_expit(found[:, 0]) + log_expit(-found[:, 0])
        weight = np.where(np.isfinite(weight), weight, -np.inf)
        share = np.exp(weight - weight.max())
        return found, share / share.sum()

    def survival(self, years: ArrayLike, draws: Array | None = None) -> Array:
        """Share free of the event: (T,) at the estimate, or (count, T) for draws of it."""
        times = np.atleast_1d(np.asarray(years, dtype=np.float64))
        columns = (self.estimate if draws is None else draws).T[..., None]
        known = np.exp(-self.background.cumulative(times))
        # A shape too large for a number still means a survival: all or nothing.
        with np.errstate(over="ignore"):
            found = known * _relative(self.family, self.cure, columns, times)
        return np.asarray(found, dtype=np.float64)


def _excess(family: str, first: Array, second: Array, years: Array) -> tuple[Array, Array]:
    """Logarithms of survival and of density of those not cured."""
    late = np.maximum(years, FIRST)
    if family == "gompertz":
        slope = np.where(np.abs(second) < 1e-6, 1e-6, second)
        cumulative = np.exp(first) * np.expm1(np.minimum(slope * late, 500.0)) / slope
        return -cumulative, first + slope * late - cumulative
    if family == "lognormal":
        spread = np.exp(second)
        z = (np.log(late) - first) / spread
        return log_ndtr(-z), -0.5 * z**2 - 0.5 * np.log(2 * np.pi) - second - np.log(late)
    shape = np.exp(second)
    z = shape * (np.log(late) - first)
    if family == "loglogistic":
        return log_expit(-z), second - np.log(late) + log_expit(z) + log_expit(-z)
    power = np.exp(np.minimum(z, 500.0))
    return -power, second - np.log(late) + z - power


def _relative(family: str, cure: bool, columns: Array, years: Array) -> Array:
    log_survival = _excess(family, *_pair(family, cure, columns), years)[0]
    if not cure:
        return np.asarray(np.exp(log_survival), dtype=np.float64)
    cured = expit(columns[0])
    return np.asarray(cured + (1 - cured) * np.exp(log_survival), dtype=np.float64)


def _pair(family: str, cure: bool, columns: Array) -> tuple[Array, Array]:
    first = columns[int(cure)]
    return first, columns[int(cure) + 1] if FAMILIES[family] == 2 else np.zeros_like(first)


def fit(data: Seen | Milestones, family: str = "weibull", *, cure: bool = False,
        background: Background | None = None) -> Fit:  # fmt: skip
    """Fit a curve by maximum likelihood.

    Milestones are taken for the shares of ``n`` patients whose events fell between them, which is what they would be
    without censoring; their true uncertainty is larger.

    Args:
        data: patients' times, or points of a published curve.
        family: one of ``FAMILIES``.
        cure: whether part of the patients has no excess hazard.
        background: mortality that everybody has; none if not given.

    Raises:
        UserError: an unknown family (nearest name suggested), fewer milestones than parameters, no event at all, or a
            likelihood without a maximum inside.
    """
    if family not in FAMILIES:
        raise UserError(f"found the family {family!r}; needed one of {list(FAMILIES)}{nearest(family, FAMILIES)}")
    count, known = FAMILIES[family] + cure, background or Background()
    if isinstance(data, Milestones) and len(data.years) < count:
        raise UserError(f"found {len(data.years)} milestones for the {count} parameters of a {family} "
                        f"{'with' if cure else 'without'} cure; needed as many, or a family with fewer")  # fmt: skip
    if isinstance(data, Seen) and not data.event.any():
        raise UserError(f"found no event among {len(data.event)} patients; needed one for a curve to fall")

    def loss(at: Array) -> float:
        found = float(_log_likelihood(data, family, cure, known, at[None])[0])
        return -found if np.isfinite(found) else 1e12

    best = min((minimize(loss, start, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-7, "fatol": 1e-9})
                for start in _starts(data, family, cure)), key=lambda one: float(one.fun))  # fmt: skip
    information = _second(loss, best.x)
    if not np.isfinite(information).all() or (np.linalg.eigvalsh(information) <= 1e-8).any():
        raise UserError(f"found no single best {family} {'with' if cure else 'without'} cure for these data; needed "
                        "longer follow-up, or a family with fewer parameters")  # fmt: skip
    return Fit(family, cure, known, best.x, np.asarray(np.linalg.inv(information)), -float(best.fun), data)


def _starts(data: Seen | Milestones, family: str, cure: bool) -> list[Array]:
    years = data.years[data.event] if isinstance(data, Seen) else data.years
    middle = np.log(max(float(np.median(years)), 1e-3))
    left = float(data.share[-1]) if isinstance(data, Milestones) else 1 - float(data.event.mean())
    begin = [-middle] if family == "gompertz" else [middle]
    begin += [0.0] * (FAMILIES[family] - 1)
    if not cure:
        return [np.array(begin)]
    return [np.array([logit(np.clip(share, 0.02, 0.98)), *begin]) for share in (left, 0.8 * left)]


def _log_likelihood(data: Seen | Milestones, family: str, cure: bool, known: Background, at: Array) -> Array:
    """(count,) logarithms of the likelihood of (count, k) parameters."""
    columns = at.T[..., None]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        if isinstance(data, Milestones):
            alive = np.exp(-known.cumulative(data.years)) * _relative(family, cure, columns, data.years)
            lost = -np.diff(alive, prepend=1.0)
            seen = -np.diff(data.share, prepend=1.0)
            each = seen * np.log(lost)
            each[:, -1] += data.share[-1] * np.log(alive[:, -1])
            return np.asarray(data.n * each.sum(axis=1), dtype=np.float64)
        # An event on the first day is one within it: a density at time 0 may be infinite.
        years = np.maximum(data.years, HALF_DAY)
        log_survival, log_density = _excess(family, *_pair(family, cure, columns), years)
        share = expit(columns[0]) if cure else 0.0
        relative = share + (1 - share) * np.exp(log_survival)
        density = (1 - share) * np.exp(log_density) + known.at(years) * relative
        each = np.where(data.event, np.log(density), np.log(relative)) - known.cumulative(years)
        return np.asarray(each.sum(axis=1), dtype=np.float64)


def _second(loss: object, at: Array) -> Array:
    """(k, k) second derivatives by central differences."""
    assert callable(loss)
    steps = STEP * np.maximum(1.0, np.abs(at)) * np.eye(len(at))
    out = np.empty((len(at), len(at)))
    for i, a in enumerate(steps):
        for j, b in enumerate(steps):
            spread = loss(at + a + b) - loss(at + a - b) - loss(at - a + b) + loss(at - a - b)
            out[i, j] = spread / (4 * a[i] * b[j])
    return (out + out.T) / 2

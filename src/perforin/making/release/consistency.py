"""How alike batches are: nested variance components by analysis of variance and by restricted maximum likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize
from scipy.stats import chi2

from perforin.errors import UserError

__all__ = ["Components", "by_anova", "by_likelihood", "patients_affected"]

Array = NDArray[np.float64]
Groups = list[NDArray[np.int64]]

NEAR_ZERO = 1e-7
"""A standard deviation below this part of the whole counts as none."""


@dataclass(frozen=True)
class Components:
    """Variances from the outermost level (such as donor) to the innermost (such as assay), and the mean.

    ``interval`` has the 95 % limits of each variance where they were asked for.
    """

    levels: tuple[str, ...]
    variances: tuple[float, ...]
    mean: float
    interval: tuple[tuple[float, float], ...] = ()

    @property
    def shares(self) -> dict[str, float]:
        """Each level's part of the whole variance; that of the first is the intraclass correlation of its units."""
        whole = sum(self.variances)
        return {name: value / whole for name, value in zip(self.levels, self.variances, strict=True)}


def by_anova(values: ArrayLike, groups: Mapping[str, ArrayLike], residual: str = "assay") -> Components:
    """Variance components of nested groups from their mean squares, also where groups differ in size.

    Sums of squares are set to their expectations and solved (Henderson's first method; Searle, Casella and McCulloch
    1992). An estimate below 0 is given as it is: it says that the component cannot be told from 0.

    Args:
        values: (n,) results, on the scale on which effects add, such as logarithms.
        groups: (n,) labels by level, outermost first; a label of an inner level counts within those above it.
        residual: the name of what is left, the innermost level.

    Raises:
        UserError: fewer than two groups, or no repeats, at a level.
    """
    y, codes = _read(values, groups)
    n = len(y)
    totals, expected = [], []
    chains = [np.zeros(n, np.int64), *codes, np.arange(n)]
    for outer in chains:
        size = np.bincount(outer).astype(np.float64)
        totals.append(float((np.bincount(outer, y) ** 2 / size).sum()))
        row = []
        for inner in chains[1:]:
            _, both, count = np.unique(np.stack([outer, inner]), axis=1, return_inverse=True, return_counts=True)
            first = np.zeros(len(count), np.int64)
            first[np.ravel(both)] = outer
            row.append(float((count.astype(np.float64) ** 2 / size[first]).sum()))
        expected.append(row)
    found = np.linalg.solve(np.diff(np.array(expected), axis=0), np.diff(np.array(totals)))
    return Components((*groups, residual), tuple(map(float, found)), float(y.mean()))


def by_likelihood(
    values: ArrayLike, groups: Mapping[str, ArrayLike], residual: str = "assay", *, intervals: bool = False
) -> Components:
    """Variance components of nested groups by restricted maximum likelihood, none below 0.

    The likelihood of nested random intercepts is exact and takes one pass over the levels: what a group adds to the
    inverse and the determinant of its units' covariance is of rank one. Intervals are those of the profile likelihood.

    Args:
        values: (n,) results, on the scale on which effects add.
        groups: (n,) labels by level, outermost first; a label of an inner level counts within those above it.
        residual: the name of what is left, the innermost level.
        intervals: whether to give 95 % limits of each variance.

    Raises:
        UserError: fewer than two groups, or no repeats, at a level.
    """
    y, codes = _read(values, groups)
    scale = float(y.std())
    scaled = (y - y.mean()) / scale
    best = _fit(scaled, codes, {})
    mean = float(y.mean() + scale * _sums(scaled, codes, best)[1])
    variances = tuple(float((scale * sd) ** 2) for sd in best)
    limits: tuple[tuple[float, float], ...] = ()
    if intervals:
        ends = (_profile(scaled, codes, best, i) for i in range(len(best)))
        limits = tuple(((scale * low) ** 2, (scale * high) ** 2) for low, high in ends)
    return Components((*groups, residual), variances, mean, limits)


def patients_affected(doses: ArrayLike, failed: ArrayLike) -> float:
    """Expected patients for whom one failed lot leaves no dose: 1 with own cells, all who share with a bank.

    Args:
        doses: (n,) patients that each lot would serve.
        failed: (n,) which lots failed.

    Returns:
        Mean of the failed lots; NaN where none failed.
    """
    hit = np.asarray(doses, dtype=np.float64)[np.asarray(failed, dtype=np.bool_)]
    return float(hit.mean()) if hit.size else float("nan")


def _read(values: ArrayLike, groups: Mapping[str, ArrayLike]) -> tuple[Array, Groups]:
    y = np.asarray(values, dtype=np.float64)
    if not np.isfinite(y).all():
        raise UserError(f"found {int((~np.isfinite(y)).sum())} results that are not finite; needed none")
    codes: Groups = []
    above = np.zeros(len(y), np.int64)
    count = 1
    for name, labels in groups.items():
        _, own = np.unique(np.asarray(labels), return_inverse=True)
        if len(own) != len(y):
            raise UserError(f"found {len(own)} labels of {name!r} for {len(y)} results; needed one each")
        _, above = np.unique(above * (own.max() + 1) + own, return_inverse=True)
        codes.append(above)
        if above.max() + 1 <= count:
            raise UserError(f"found no more groups at the level {name!r} than above it; needed at least two in one")
        count = int(above.max() + 1)
    if count == len(y):
        last = list(groups)[-1]
        raise UserError(f"found one result in each group of {last!r}; needed repeats, or without that level")
    return y, codes


def _sums(y: Array, codes: Groups, sds: Sequence[float]) -> tuple[float, float, float, float]:
    """Log determinant, generalised mean, its precision, and the residual's quadratic form."""
    residual = float(sds[-1]) ** 2
    chains = [np.zeros(len(y), np.int64), *codes]
    weight, first, second = (np.asarray(x, dtype=np.float64) for x in (np.full(len(y), 1), y, y**2))
    weight, first, second = weight / residual, first / residual, second / residual
    log_determinant, below = len(y) * float(np.log(residual)), np.arange(len(y), dtype=np.int64)
    for level in range(len(codes), -1, -1):
        outer = np.zeros(below.max() + 1, np.int64)
        outer[below] = chains[level]
        weight, first, second = (np.bincount(outer, part).astype(np.float64) for part in (weight, first, second))
        if level:
            variance = float(sds[level - 1]) ** 2
            shrink = 1 + variance * weight
            log_determinant += float(np.log(shrink).sum())
            second = second - variance * first**2 / shrink
            weight, first = weight / shrink, first / shrink
        below = chains[level]
    precision = float(weight[0])
    mean = float(first[0]) / precision
    return log_determinant, mean, precision, float(second[0]) - precision * mean**2


def _deviance(y: Array, codes: Groups, sds: Sequence[float]) -> float:
    log_determinant, _, precision, form = _sums(y, codes, sds)
    return float(log_determinant + np.log(precision) + form)


def _fit(
    y: Array, codes: Groups, fixed: Mapping[int, float], near: Sequence[float] = (), exact: float = 1e-14
) -> list[float]:
    """Standard deviations of the least deviance; some may be held, and the search may begin near others."""
    count = len(codes) + 1
    free = [i for i in range(count) if i not in fixed]

    def full(some: Array) -> list[float]:
        out = dict(zip(free, map(float, some), strict=True)) | dict(fixed)
        return [max(out[i], NEAR_ZERO if i == count - 1 else 0.0) for i in range(count)]

    if not free:
        return full(np.zeros(0))
    bounds = [(1e-4 if i == count - 1 else 0.0, 20.0) for i in free]
    starts = [np.full(len(free), (1 / count) ** 0.5), np.array([0.1 if i < count - 1 else 0.9 for i in free])]
    if near:
        starts = [np.array([max(near[i], 0.01) for i in free])]
    found = [
        minimize(lambda some: _deviance(y, codes, full(some)), start, method="L-BFGS-B", bounds=bounds,
                 options={"ftol": exact, "gtol": 1e-9})
        for start in starts
    ]  # fmt: skip
    return full(min(found, key=lambda one: one.fun).x)


def _profile(y: Array, codes: Groups, best: Sequence[float], which: int) -> tuple[float, float]:
    least, far = _deviance(y, codes, best), float(chi2.ppf(0.95, 1))

    def excess(sd: float) -> float:
        return _deviance(y, codes, _fit(y, codes, {which: sd}, best, 1e-9)) - least - far

    top = max(2 * best[which], 0.5)
    while excess(top) < 0:
        top *= 2
    upper = float(brentq(excess, best[which], top, xtol=1e-3))
    bottom = 1e-3 if which == len(codes) else 0.0
    if best[which] <= bottom or excess(bottom) < 0:
        return bottom, upper
    return float(brentq(excess, bottom, best[which], xtol=1e-3)), upper

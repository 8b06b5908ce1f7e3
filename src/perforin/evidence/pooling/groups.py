"""Why studies differ: parts of a set, regression on moderators, studies left out in turn, small-study effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtr, ndtri, stdtr, stdtrit

from perforin.errors import UserError
from perforin.evidence.pooling.measures import Array, Measure, effects
from perforin.evidence.pooling.pool import Pooled, pool
from perforin.evidence.pooling.studies import Study, StudySet
from perforin.evidence.pooling.weighted import Estimator, Interval, fit

__all__ = ["Between", "Coefficient", "Regression", "SmallStudies", "by_group", "is_continuous", "leave_one_out",
           "regress", "small_studies"]  # fmt: skip


@dataclass(frozen=True)
class Between:
    """Cochran's Q between groups: their pooled logits (or log rates), each with its own tau2."""

    q: float
    df: int
    p: float


@dataclass(frozen=True)
class Coefficient:
    """One coefficient on the log-odds (or log-rate) scale; the first is the intercept."""

    name: str
    value: float
    se: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Regression:
    """Meta-regression: coefficients, tau2 left, the share of tau2 explained, the test of all moderators, and a method.

    ``statistic`` is chi2 with ``df`` degrees (normal intervals), or F with ``df`` and ``residual_df`` (Knapp-Hartung).
    """

    coefficients: tuple[Coefficient, ...]
    tau2: float
    explained: float | None
    statistic: float
    df: int
    residual_df: int
    p: float
    k: int
    method: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SmallStudies:
    """Regression of the effects on their size: a slope unlike 0 says that small studies differ."""

    statistic: float
    df: int
    p: float
    predictor: str
    caveat: str


CAVEAT = (
    "Patients, doses and years differ with the size of a trial, and the standard error of a share depends on the "
    "share: a slope is no proof of unpublished studies, and none is no proof of their absence."
)


def by_group(studies: StudySet, names: Sequence[str], method: str = "glmm") -> tuple[dict[str, Pooled], Between | None]:
    """Pool each part of a set, and test whether the parts differ.

    Args:
        studies: the set.
        names: moderators; the parts are their combinations.
        method: of ``pool``.

    Returns:
        The parts, and the test; None with one part, or where fewer than two have a variance on the logit scale.
    """
    found = {label: pool(part, method) for label, part in studies.by(names).items()}
    rows = [_logit(one, studies.kind == "rate") for one in found.values()]
    usable = np.array([row for row in rows if row is not None])
    if len(usable) < 2:
        return found, None
    weights = 1 / usable[:, 1] ** 2
    mean = np.sum(weights * usable[:, 0]) / weights.sum()
    q = float(np.sum(weights * (usable[:, 0] - mean) ** 2))
    return found, Between(q, len(usable) - 1, float(chdtrc(len(usable) - 1, q)))


def _logit(one: Pooled, rate: bool) -> tuple[float, float] | None:
    """Value and standard error on the log-odds (log-rate) scale, from the interval."""
    top = np.inf if rate else 1.0
    if not (one.low > 0 and one.high < top):
        return None

    def scale(p: float) -> float:
        return float(np.log(p) if rate else np.log(p / (1 - p)))

    return scale(one.value), (scale(one.high) - scale(one.low)) / (2 * float(ndtri(0.975)))


def is_continuous(rows: Iterable[Study], name: str) -> bool:
    """Whether a moderator is a number in all studies that give it."""
    try:
        return bool([float(one.groups[name]) for one in rows if one.groups.get(name)])
    except ValueError:
        return False


def regress(studies: StudySet, names: Sequence[str], estimator: Estimator = "REML",
            interval: Interval = "Knapp-Hartung") -> Regression:  # fmt: skip
    """Regress logits (or log rates) on moderators, which may be numbers or names (Thompson and Higgins 2002).

    The first category of a moderator is the reference. Studies that lack a moderator are left out and said.

    Raises:
        UserError: a moderator that does not vary, or too few studies.
    """
    full = [one for one in studies.studies if all(one.groups.get(name) for name in names)]
    warnings = [f"{one.name} was left out: it lacks a moderator." for one in studies.studies if one not in full]
    x, labels, said = _design(full, names)
    k, size = x.shape
    if size < 2:
        raise UserError(f"found no variation in {', '.join(names)}; needed two values or more")
    if k - size < 1:
        raise UserError(f"found {k} studies for {size} coefficients; needed more studies")
    measure: Measure = "logit" if studies.kind == "share" else "log rate"
    made = effects(np.array([one.events for one in full], float), np.array([one.n for one in full], float), measure)
    found = fit(made.y, made.v, x, estimator, interval)
    if not found.converged:
        found, estimator = fit(made.y, made.v, x, "PM", interval), "PM"
        warnings.append("REML did not converge; this is the fallback, Paule-Mandel.")
    before = fit(made.y, made.v, x[:, :1], estimator).tau2
    beta, cover = found.beta[1:], found.covariance[1:, 1:]
    wald = float(beta @ np.linalg.solve(cover, beta))
    df, left = size - 1, k - size
    statistic, p = (wald, chdtrc(df, wald)) if found.df is None else (wald / df, fdtrc(df, left, wald / df))
    explained = max(0.0, 1 - found.tau2 / before) if before > 0 else None
    method = f"Meta-regression of the {measure}, {estimator}, {interval}; one tau2 for all studies."
    return Regression(tuple(_coefficients(found.beta, found.covariance, labels, found.df)), found.tau2, explained,
                      float(statistic), df, left, float(p), k, method, (*warnings, *said))  # fmt: skip


def _coefficients(beta: Array, covariance: Array, labels: Sequence[str], df: int | None) -> list[Coefficient]:
    spread = np.sqrt(np.diag(covariance))
    width = float(ndtri(0.975) if df is None else stdtrit(df, 0.975))
    tail = ndtr(-np.abs(beta / spread)) if df is None else stdtr(df, -np.abs(beta / spread))
    return [Coefficient(label, float(b), float(s), float(b - width * s), float(b + width * s), float(2 * p))
            for label, b, s, p in zip(labels, beta, spread, tail, strict=True)]  # fmt: skip


def _design(rows: Sequence[Study], names: Sequence[str]) -> tuple[Array, list[str], list[str]]:
    columns, labels, said = [np.ones(len(rows))], ["intercept"], []
    for name in names:
        values = [one.groups[name] for one in rows]
        if is_continuous(rows, name):
            new = [(name, np.array([float(value) for value in values]))]
        else:
            new = [(f"{name}: {level}", np.array([float(value == level) for value in values]))
                   for level in list(dict.fromkeys(values))[1:]]  # fmt: skip
        for label, column in new:
            if np.linalg.matrix_rank(np.column_stack([*columns, column])) > len(columns):
                columns.append(column)
                labels.append(label)
            else:
                said.append(f"{label} cannot be told apart from the others and was left out.")
    return np.column_stack(columns), labels, said


def leave_one_out(studies: StudySet, method: str = "glmm") -> Mapping[str, Pooled]:
    """The set pooled without each study in turn, by the study left out; empty with one study."""
    if len(studies.studies) < 2:
        return {}
    return {one.name: pool(replace(studies, studies=tuple(o for o in studies.studies if o != one)), method)
            for one in studies.studies}  # fmt: skip


def small_studies(studies: StudySet, predictor: str = "1/n") -> SmallStudies | None:
    """Whether small studies differ: Peters 2006 (``1/n``), or Egger 1997 (``se``); None below 3 studies.

    Weighted regression of logits (or log rates) with free dispersion. 1/n is the better choice for shares, because
    their standard error depends on the share itself.
    """
    if len(studies.studies) < 3:
        return None
    x = np.array([one.events for one in studies.studies], float)
    n = np.array([one.n for one in studies.studies], float)
    made = effects(x, n, "logit" if studies.kind == "share" else "log rate")
    size = 1 / n if predictor == "1/n" else np.sqrt(made.v)
    if np.ptp(size) < 1e-12 * float(np.max(size)):
        return None
    design = np.column_stack([np.ones(len(n)), size])
    weighted = design / made.v[:, None]
    inverse = np.linalg.inv(design.T @ weighted)
    beta = inverse @ weighted.T @ made.y
    df = len(n) - 2
    dispersion = float(np.sum((made.y - design @ beta) ** 2 / made.v)) / df
    statistic = float(beta[1] / np.sqrt(dispersion * inverse[1, 1]))
    name = "Peters" if predictor == "1/n" else "Egger"
    few = "" if len(n) >= 10 else " With fewer than 10 studies it can show next to nothing."
    return SmallStudies(statistic, df, float(2 * stdtr(df, -abs(statistic))), f"{predictor} ({name})", CAVEAT + few)

"""One pooled value of a set of studies, by any method, in words that say what was done and where it fell short."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from perforin.errors import UserError, nearest
from perforin.evidence.pooling.measures import Array, Measure, back, effects
from perforin.evidence.pooling.mixed import POINTS, fit_mixed
from perforin.evidence.pooling.sparse import PRIOR, beta_binomial, exact_limits, upper_bound
from perforin.evidence.pooling.studies import StudySet
from perforin.evidence.pooling.weighted import Estimator, Fit, Heterogeneity, Interval, fit, heterogeneity

__all__ = ["METHODS", "Method", "Pooled", "pool"]

Method = Literal["glmm", "reml", "pm", "dl", "ft", "exact", "beta-binomial"]
METHODS: dict[Method, str] = {
    "glmm": "binomial-normal mixed model",
    "reml": "inverse variance on the logit, REML, Knapp-Hartung interval",
    "pm": "inverse variance on the logit, Paule-Mandel, Knapp-Hartung interval",
    "dl": "inverse variance on the logit, DerSimonian-Laird, normal interval",
    "ft": "Freeman-Tukey double arcsine, REML, Knapp-Hartung interval, back-transformed at the harmonic mean size",
    "exact": "all events of all patients, exact interval, no heterogeneity",
    "beta-binomial": f"Bayesian beta-binomial, {PRIOR}",
}
"""What each method is, for shares; a rate is pooled on the log with Poisson counts."""
ESTIMATORS: dict[Method, tuple[Estimator, Interval]] = {
    "reml": ("REML", "Knapp-Hartung"), "pm": ("PM", "Knapp-Hartung"), "dl": ("DL", "normal"),
    "ft": ("REML", "Knapp-Hartung"),
}  # fmt: skip
NO_VARIANCE = (
    "tau2 is estimated as 0: no variance between studies was seen, which with few or small studies is no proof that "
    "there is none."
)
ONE_TRIAL = "The sum takes all patients as if from one trial; its interval knows no variance between studies."
FEW = 3
"""Studies below which no prediction interval is given (Riley 2011)."""


@dataclass(frozen=True)
class Pooled:
    """A pooled share (or rate) with all that must be read beside it; None where a figure has no meaning.

    Attributes:
        value: the pooled share; for mixed and logit models that of a typical study, not the mean over patients.
        low, high: 95 % interval of ``value``.
        prediction_low, prediction_high: 95 % prediction interval: the share in a new study like these.
        tau2: variance between studies on the scale of the measure.
        i2: share of the variance that is between studies, 0 to 1.
        h2: total over sampling variance.
        q, df, p: Cochran's test of homogeneity, by inverse variance.
        k, n, events: studies, patients (or time), events.
        upper: one-sided 95 % exact upper bound where there is no event at all.
        method: what was done, in words.
        warnings: what limits it, in plain sentences.
    """

    value: float
    low: float
    high: float
    prediction_low: float | None
    prediction_high: float | None
    tau2: float | None
    i2: float | None
    h2: float | None
    q: float | None
    df: int | None
    p: float | None
    k: int
    n: float
    events: int
    method: str
    upper: float | None = None
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        n = int(self.n) if self.n.is_integer() else self.n
        return dataclasses.asdict(self) | {"n": n, "warnings": list(self.warnings)}


def pool(studies: StudySet, method: str = "glmm", *, interval: Interval | None = None, raw: bool = False,
         points: int = POINTS) -> Pooled:  # fmt: skip
    """Pool a set of studies.

    Args:
        studies: the set.
        method: one of ``METHODS``.
        interval: ``normal`` or ``Knapp-Hartung``, instead of what the method has in ``METHODS``.
        raw: with dl, pm and reml, pool the shares themselves and not their logits.
        points: quadrature points of the mixed model; 1 is Laplace.

    Raises:
        UserError: an unknown method, or one that does not serve rates.
    """
    if method not in METHODS:
        raise UserError(f"found the method {method!r}; needed one of {', '.join(METHODS)}{nearest(method, METHODS)}")
    x, n = (np.array([getattr(one, name) for one in studies.studies], dtype=np.float64) for name in ("events", "n"))
    if studies.kind == "rate" and (method in ("ft", "beta-binomial") or raw):
        raise UserError(f"found the method {method!r} for a rate; needed glmm, reml, pm, dl or exact")
    if method == "exact":
        return _exact(studies, x, n, ())
    if method == "beta-binomial":
        return _bayesian(x, n)
    nothing, everything = not x.any(), studies.kind == "share" and bool(np.all(x == n))
    if nothing or everything or len(x) == 1:
        what = "no event in any study" if nothing else "the event in every patient" if everything else "one study only"
        why = f"With {what} no variance between studies can be estimated: the exact interval is given, not {method}."
        return _exact(studies, x, n, (why,))
    if method == "glmm":
        return _mixed(studies, x, n, points)
    return _weighted(studies, x, n, method, interval, raw)


def _exact(studies: StudySet, x: Array, n: Array, warnings: tuple[str, ...]) -> Pooled:
    events, total = int(x.sum()), float(n.sum())
    low, high = exact_limits(events, total, studies.kind)
    upper = None
    if events == 0:
        upper = upper_bound(events, total, studies.kind)
    if len(x) > 1:
        warnings += (ONE_TRIAL,)
    name = "Clopper-Pearson" if studies.kind == "share" else "Garwood"
    return Pooled(events / total, low, high, None, None, None, None, None, None, None, None, len(x), total, events,
                  f"All events of all patients, exact two-sided interval ({name}).", upper, warnings)  # fmt: skip


def _bayesian(x: Array, n: Array) -> Pooled:
    found = beta_binomial(x, n)
    method = f"Bayesian beta-binomial: posterior median, central 95 % interval; {PRIOR}."
    warnings = ("With few studies or events the prior carries weight.",) if len(x) < 5 or x.sum() < 5 else ()
    return Pooled(found.value, found.low, found.high, found.prediction_low, found.prediction_high, None, None, None,
                  None, None, None, len(x), float(n.sum()), int(x.sum()), method, None, warnings)  # fmt: skip


def _mixed(studies: StudySet, x: Array, n: Array, points: int) -> Pooled:
    ones = np.ones((len(x), 1))
    found = fit_mixed(x, n, ones, studies.kind, points)
    if not found.converged:
        fallen = _weighted(studies, x, n, "reml", None, raw=False)
        why = ("The mixed model did not converge; this is the fallback, inverse variance with REML and Knapp-Hartung.",)
        return dataclasses.replace(fallen, warnings=(*why, *fallen.warnings))
    measure: Measure = "logit" if studies.kind == "share" else "log rate"
    made = effects(x, n, measure)
    way = "Laplace" if points == 1 else f"adaptive Gauss-Hermite quadrature with {points} points"
    name = "Binomial-normal" if studies.kind == "share" else "Poisson-normal"
    method = f"{name} mixed model by maximum likelihood, {way}, normal interval; the value is that of a typical study."
    return _result(found, heterogeneity(made.y, made.v, ones, found.tau2), x, n, measure, made.n, method, ())


def _weighted(studies: StudySet, x: Array, n: Array, method: str, interval: Interval | None, raw: bool) -> Pooled:
    estimator, usual = ESTIMATORS[method]  # type: ignore[index]
    chosen = interval or usual
    measure: Measure = "log rate" if studies.kind == "rate" else "raw" if raw else "logit"
    if method == "ft":
        measure = "double arcsine"
    made = effects(x, n, measure)
    ones = np.ones((len(x), 1))
    found = fit(made.y, made.v, ones, estimator, chosen)
    said: list[str] = []
    if not found.converged:
        found = fit(made.y, made.v, ones, "PM", chosen)
        said.append("REML did not converge; this is the fallback, Paule-Mandel.")
        estimator = "PM"
    if made.corrected:
        said.append(f"A half was added to the cells of {made.corrected} studies with an empty cell.")
    if found.narrowed:
        said.append("The studies agree better than chance would have it: the Knapp-Hartung interval is narrower than "
                    "the normal one.")  # fmt: skip
    if measure == "double arcsine":
        said.append("Back-transformed at the harmonic mean of the sizes, "
                    f"{made.n:.1f}, which misleads where sizes differ much (Schwarzer 2019).")  # fmt: skip
    full = {"DL": "DerSimonian-Laird", "PM": "Paule-Mandel", "REML": "REML"}[estimator]
    text = f"Inverse variance, random effects, {measure} scale, {full}, {chosen} interval."
    return _result(found, heterogeneity(made.y, made.v, ones, found.tau2), x, n, measure, made.n, text, tuple(said))


def _result(found: Fit, spread: Heterogeneity, x: Array, n: Array, measure: Measure, harmonic: float, method: str,
            warnings: tuple[str, ...]) -> Pooled:  # fmt: skip
    low, high = found.limits()
    ends: tuple[float | None, float | None] = (None, None)
    if len(x) < FEW:
        warnings = (*warnings, f"No prediction interval: {len(x)} studies are too few for one.")
    else:
        wide = found.limits(extra=found.tau2)
        ends = (back(wide[0], measure, harmonic), back(wide[1], measure, harmonic))
        form = "normal quantiles" if found.df is None else f"t quantiles with {found.df} degrees of freedom"
        method += f" Prediction interval: {form}, standard error and tau2 together."
    if found.tau2 == 0:
        warnings += (NO_VARIANCE,)
    return Pooled(back(float(found.beta[0]), measure, harmonic), back(low, measure, harmonic),
                  back(high, measure, harmonic), *ends, found.tau2, spread.i2, spread.h2, spread.q, spread.df, spread.p,
                  len(x), float(n.sum()), int(x.sum()), method, None, warnings)  # fmt: skip

"""An unanchored indirect comparison of patients with a published cohort, and what it cannot do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from perforin.errors import UserError, nearest
from perforin.evidence.curves.curve_file import read_curve
from perforin.evidence.curves.reconstruction import reconstruct
from perforin.evidence.indirect.aggregate import Aggregate, Covariate, Outcome
from perforin.evidence.indirect.hazard import Survivals, log_hazard_ratio
from perforin.evidence.indirect.limits import Limits, difference, from_error, ratio, wilson
from perforin.evidence.indirect.matching import Matched, match, moments
from perforin.evidence.indirect.regression import predict
from perforin.evidence.indirect.sensitivity import e_value, e_value_of_limits, ratio_of_hazard
from perforin.evidence.indirect.warning import Method, adjusted_for, warning

__all__ = ["Balance", "Indirect", "compare"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Balance:
    """One covariate: as published, in our patients, and in them as weighted."""

    covariate: str
    published: float
    patients: float
    adjusted: float
    status: str


@dataclass(frozen=True)
class Indirect:
    """What our patients would have had with the published cohort's baseline, against that cohort.

    ``ours`` and ``theirs`` are shares with the outcome, ``difference`` and ``ratio`` ours against theirs; of survival
    only ``ratio`` is given, a hazard ratio. ``effective`` is the effective sample size of ``n`` patients, of whom one
    weighs at most ``heaviest`` times the mean. ``e_value`` belongs to the ratio, ``e_value_limit`` to the limit of its
    interval that is nearest to 1. ``made`` says how it was done, ``warning`` also what that cannot mend.
    """

    endpoint: str
    against: str
    method: Method
    measure: Literal["risk", "hazard"]
    ours: Limits | None
    theirs: Limits | None
    difference: Limits | None
    ratio: Limits
    n: int
    effective: float
    heaviest: float
    n_published: int
    e_value: float
    e_value_limit: float
    balance: tuple[Balance, ...]
    only_published: tuple[str, ...]
    notes: tuple[str, ...]
    made: str
    warning: str

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        plain = asdict(self)
        for name in ("ours", "theirs", "difference", "ratio"):
            limits: Limits | None = getattr(self, name)
            plain[name] = None if limits is None else limits._asdict()
        return plain


def compare(
    patients: pd.DataFrame,
    against: Aggregate,
    endpoint: str,
    method: Method = "maic",
    *,
    covariates: Sequence[str] | None = None,
    spread: bool = False,
    level: float = 0.95,
) -> Indirect:
    """Compare patients with a published cohort, without a common control.

    Args:
        patients: one row each: covariates, and the outcome in a column of its name (0 or 1); for survival the columns
            ``PFS_day`` and ``PFS_event``.
        against: the published cohort.
        endpoint: the outcome.
        method: ``none``, ``maic`` (patients are weighted) or ``stc`` (the outcome is modelled).
        covariates: to adjust for; all that both sides have if None.
        spread: with ``maic``, match published standard deviations too.
        level: of the intervals.

    Raises:
        UserError: no such outcome on a side, no common covariate, or a baseline that the patients cannot be given.
    """
    outcome = against.outcome(endpoint)
    common, only = _common(patients, against, covariates, method)
    if not len(patients):
        raise UserError("found no patients; needed some")
    matched = match(moments(patients, common if method == "maic" else (), spread))
    if outcome.curve:
        found = _survival(patients, against, outcome, matched, method, level)
    else:
        found = _shares(patients, outcome, common, matched, method, level)
    told = method, [one.covariate for one in common], only
    weighted = common if method == "maic" else []
    risk = Limits(*map(ratio_of_hazard, found.ratio)) if outcome.curve else found.ratio
    adjusted = matched.weights / matched.weights.sum()
    return Indirect(
        endpoint=endpoint, against=against.label, method=method, measure="hazard" if outcome.curve else "risk",
        ours=found.ours, theirs=found.theirs, difference=found.difference, ratio=found.ratio, n=len(patients),
        effective=matched.effective, heaviest=float(matched.weights.max()), n_published=found.n,
        e_value=e_value(risk.value), e_value_limit=e_value_of_limits(risk.low, risk.high),
        balance=tuple(_balance(one, patients[one.covariate].to_numpy(np.float64), adjusted) for one in weighted),
        only_published=only, notes=(*found.notes, *_remembered(against, outcome, common)), made=adjusted_for(*told),
        warning=warning(*told),
    )  # fmt: skip


def _remembered(against: Aggregate, outcome: Outcome, common: Sequence[Covariate]) -> list[str]:
    names = [outcome.endpoint] if outcome.status == "memory" else []
    names += [one.covariate for one in common if one.status == "memory"]
    return [f"of {against.label}, these are from memory and were not checked: {', '.join(names)}"] if names else []


def _common(
    patients: pd.DataFrame, against: Aggregate, chosen: Sequence[str] | None, method: Method
) -> tuple[list[Covariate], tuple[str, ...]]:
    """The covariates to adjust for, and those that are published and were not used."""
    published = {one.covariate: one for one in against.baseline}
    for name in chosen or ():
        for side, known in (("published", published), ("patients'", list(patients.columns))):
            if name not in known:
                hint = nearest(name, list(known))
                raise UserError(f"found {name!r}, which is no {side} covariate; needed one of {', '.join(known)}{hint}")
    names = [name for name in published if name in (patients.columns if chosen is None else chosen)]
    if method != "none" and not names:
        raise UserError(f"found no covariate that the patients and {against.label} both have (published here: "
                        f"{', '.join(published) or 'none'}); needed one to adjust for, or method none")  # fmt: skip
    used = names if method != "none" else []
    for name in used:
        if not pd.api.types.is_numeric_dtype(patients[name]):
            raise UserError(f"found texts in the covariate {name}; needed numbers, such as 1 for yes and 0 for no")
        values = patients[name].to_numpy(np.float64)
        if not np.isfinite(values).all():
            raise UserError(f"found {(~np.isfinite(values)).sum()} patients without {name}; needed it of all, or leave "
                            "out those patients or the covariate")  # fmt: skip
    return [published[name] for name in used], tuple(name for name in published if name not in used)


@dataclass(frozen=True)
class _Found:
    ours: Limits | None
    theirs: Limits | None
    difference: Limits | None
    ratio: Limits
    n: int
    notes: tuple[str, ...]


def _shares(
    patients: pd.DataFrame, outcome: Outcome, common: Sequence[Covariate], matched: Matched, method: Method,
    level: float,
) -> _Found:  # fmt: skip
    n, own = outcome.n or 0, _column(patients, outcome.endpoint)
    notes: tuple[str, ...] = ()
    _require_marks(outcome.endpoint, own)
    if method == "stc":
        model = predict(patients, own, common)
        ours, notes = from_error(model.value, model.error, len(own), level), model.notes
    elif method == "maic":
        ours = from_error(*matched.mean(own), matched.effective, level)
    else:
        ours = wilson(float(own.mean()), len(own), level)
    if own.min() == own.max():
        notes = ("all patients fared alike, so that weights change nothing but the effective number of patients",)
    theirs = wilson((outcome.events or 0) / n, n, level)
    return _Found(ours, theirs, difference(ours, theirs), ratio(ours, theirs), n, notes)


def _survival(
    patients: pd.DataFrame, against: Aggregate, outcome: Outcome, matched: Matched, method: Method, level: float
) -> _Found:
    if method == "stc":
        raise UserError(f"found method stc for the survival {outcome.endpoint}; needed maic or none")
    folder = Path(against.folder)
    read = reconstruct(read_curve(folder / outcome.curve, folder / outcome.at_risk if outcome.at_risk else None))
    day, event = (_column(patients, f"{outcome.endpoint}_{part}") for part in ("day", "event"))
    _require_marks(f"{outcome.endpoint}_event", event)
    if day.min() < 0:
        raise UserError(f"found {outcome.endpoint}_day {day.min():g}; needed days that are not negative")
    value, error = log_hazard_ratio(
        Survivals(day, event == 1, matched.weights), Survivals(read.time, read.event, np.ones(len(read.time)))
    )
    half = float(ndtri((1 + level) / 2)) * error
    limits = Limits(*np.exp([value, value - half, value + half]).tolist())
    return _Found(None, None, None, limits, len(read.time), tuple(f"{against.label}: {note}" for note in read.notes))


def _column(patients: pd.DataFrame, name: str) -> Array:
    known = [str(column) for column in patients.columns]
    if name not in known:
        hint = nearest(name, known)
        raise UserError(f"found no column {name!r} of the patients; needed it, among {', '.join(known)}{hint}")
    values = patients[name].to_numpy(np.float64)
    if not np.isfinite(values).all():
        raise UserError(f"found {(~np.isfinite(values)).sum()} patients without {name}; needed it of all")
    return values


def _require_marks(name: str, values: Array) -> None:
    other = values[~np.isin(values, (0, 1))]
    if len(other):
        raise UserError(f"found {name} {other[0]:g}; needed 0 or 1 of every patient")


def _balance(one: Covariate, own: Array, adjusted: Array) -> Balance:
    target = one.mean if one.mean is not None else one.median if one.median is not None else one.share
    assert target is not None
    if one.median is None:
        return Balance(one.covariate, target, float(own.mean()), float(adjusted @ own), one.status)
    order = np.argsort(own)
    weighted = own[order][int(np.searchsorted(adjusted[order].cumsum(), 0.5))]
    return Balance(f"{one.covariate} (median)", target, float(np.median(own)), float(weighted), one.status)

"""All that is said of one set of studies: pooled, by group, by every method, without each study, beside reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from perforin.errors import UserError
from perforin.evidence.pooling.groups import (
    Between,
    Regression,
    SmallStudies,
    by_group,
    is_continuous,
    leave_one_out,
    regress,
    small_studies,
)
from perforin.evidence.pooling.library_sets import Review, reviews_of
from perforin.evidence.pooling.pool import METHODS, Pooled, pool
from perforin.evidence.pooling.studies import StudySet
from perforin.evidence.published import INDIRECT_WARNING

__all__ = ["Synthesis", "synthesise"]

RATES = ("glmm", "reml", "pm", "dl", "exact")


@dataclass(frozen=True)
class Synthesis:
    """One set of studies and everything computed from it."""

    studies: StudySet
    therapy: str
    pooled: Pooled
    without_memory: Pooled | None
    by_method: Mapping[str, Pooled]
    groups: Mapping[str, Pooled]
    between: Between | None
    regression: Regression | None
    left_one_out: Mapping[str, Pooled]
    small: SmallStudies | None
    reviews: tuple[Review, ...]
    notes: tuple[str, ...]


def synthesise(studies: StudySet, method: str = "glmm", by: Sequence[str] = (), therapy: str = "") -> Synthesis:
    """Pool a set and say how far the result hangs on groups, method, single studies and memory.

    Args:
        studies: the set.
        method: of ``pool``.
        by: moderators to regress by, and to group by where they are names and not numbers.
        therapy: finds published reviews of the same outcome; empty for a user's own table.

    Raises:
        UserError: an unknown method or moderator.
    """
    pooled = pool(studies, method)
    read = studies.without_memory()
    without = pool(read, method) if read else None
    every = {name: pool(studies, name) for name in (METHODS if studies.kind == "share" else RATES)}
    names = [name for name in by if not is_continuous(studies.studies, name)]
    groups, between = by_group(studies, names, method) if names else ({}, None)
    notes: list[str] = []
    regression = None
    if by:
        try:
            regression = regress(studies, by)
            notes += regression.warnings
        except UserError as problem:
            notes.append(f"No meta-regression: {problem}.")
    if without is not None:
        upper = f", one-sided upper bound {without.upper:.1%}" if without.upper is not None else ""
        notes.append(f"Without counts from memory: {without.value:.1%} ({without.low:.1%} to {without.high:.1%}{upper})"
                     f", {without.events} of {without.n:g} in {without.k} studies.".replace("%", " %"))  # fmt: skip
    if between is not None and between.df + 1 < len(groups):
        notes.append(f"The test between groups is of {between.df + 1} of {len(groups)}: a group without events, or "
                     "with nothing else, has no standard error on the log scale.")  # fmt: skip
    for label, one in groups.items():
        notes += [f"{label}: {text}" for text in one.warnings]
    single = leave_one_out(studies, method if pooled.tau2 is not None else "exact")
    small = small_studies(studies) if pooled.tau2 is not None else None
    if small:
        notes.append(f"Small studies, {small.predictor}: t {small.statistic:+.2f}, df {small.df}, p {small.p:.2g}. "
                     f"{small.caveat}")  # fmt: skip
    if pooled.prediction_low is not None:
        notes.append("The prediction interval, and not the interval of the pooled value, says what the next trial may "
                     "see.")  # fmt: skip
    if single:
        low, high = (pick(one.value for one in single.values()) for pick in (min, max))
        notes.append(f"With each study left out in turn the pooled value runs from {low:.3g} to {high:.3g}.")
    if therapy:
        notes.append(INDIRECT_WARNING)
    return Synthesis(studies, therapy, pooled, without, every, groups, between, regression, single, small,
                     reviews_of(studies.endpoint, therapy), tuple(notes))  # fmt: skip

"""What is said with every indirect comparison: how it was made, and what that cannot mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

__all__ = ["CANNOT", "METHODS", "Method", "adjusted_for", "warning"]

Method = Literal["none", "maic", "stc"]
METHODS: tuple[Method, ...] = get_args(Method)
CANNOT = (
    "No method mends confounders that nobody measured or published, endpoints that were defined, graded or followed "
    "differently, or the lack of a common control arm (the comparison is unanchored)."
)
_HOW = {
    "maic": "The patients were weighted to the published baseline (matching-adjusted indirect comparison)",
    "stc": "The outcome was modelled in the patients and predicted for the published baseline (simulated treatment "
    "comparison)",
}


def warning(method: Method, common: Sequence[str], not_used: Sequence[str] = ()) -> str:
    """The sentences that go with a comparison; arguments as for ``adjusted_for``."""
    return f"{adjusted_for(method, common, not_used)} {CANNOT}"


def adjusted_for(method: Method, common: Sequence[str], not_used: Sequence[str] = ()) -> str:
    """How a comparison was made.

    Args:
        method: which.
        common: the covariates that were adjusted for.
        not_used: published covariates that were not.
    """
    if method == "none":
        said = "Nothing was adjusted for: patients and published cohort stand side by side as they are."
    else:
        said = f"{_HOW[method]} in {_listed(common)}."
    return f"{said} Published, and not adjusted for: {_listed(not_used)}." if not_used else said


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]

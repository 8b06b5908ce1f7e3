"""A trial of the library as the published side of an indirect comparison."""

from __future__ import annotations

from perforin.evidence.curves.reconstruction import curves_of
from perforin.evidence.indirect.aggregate import Aggregate, Outcome
from perforin.evidence.published import trial
from perforin.evidence.sources import LIBRARY

__all__ = ["library_cohort"]


def library_cohort(name: str) -> Aggregate:
    """The whole cohort of a trial: its baseline table where it has one, counted outcomes and digitised curves.

    Raises:
        UserError: no such trial (nearest name suggested).
    """
    found = trial(name)
    counted = [
        Outcome(endpoint=row.endpoint, events=row.events, n=row.denominator, source=row.source, locator=row.locator,
                status=row.status)
        for row in found.endpoints
        if not row.subgroup and row.events is not None
    ]  # fmt: skip
    drawn = [Outcome(endpoint=what, curve=path.name) for what, path in curves_of(name).items()]
    folder = str(LIBRARY / "trials" / name / "curves")
    return Aggregate(label=found.label, source=found.source, baseline=found.baseline, outcomes=(*counted, *drawn),
                     folder=folder)  # fmt: skip

"""When patients are seen, for how long, and by which criteria they are judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from perforin.errors import UserError, nearest
from perforin.evidence.parameters import Row
from perforin.trial.numbers import Numbers, numbers

__all__ = ["ASSESSMENTS", "SAMPLING_DAYS", "VISIT_DAYS", "TrialPlan"]

ASSESSMENTS: Mapping[str, frozenset[str]] = {
    "lugano": frozenset({"imaging"}),
    "recist": frozenset({"imaging"}),
    "leukaemia": frozenset({"marrow"}),
    "myeloma": frozenset({"marrow", "m_protein"}),
}
"""What is assessed at a visit, by response criteria."""
VISIT_DAYS = (0.0, 30.0, 60.0, 90.0, 180.0, 270.0, 365.0, 455.0, 545.0, 635.0, 730.0)
SAMPLING_DAYS = (0.0, 1.0, 3.0, 5.0, 7.0, 10.0, 14.0, 17.0, 21.0, 28.0, 42.0, 60.0, 90.0, 120.0, 180.0, 270.0, 365.0,
                 545.0, 730.0)  # fmt: skip


@dataclass(frozen=True)
class TrialPlan:
    """A protocol, the same for every arm.

    Args:
        criteria: a key of ``ASSESSMENTS``.
        visit_days: days since infusion of the visits [day]; day 0 is the baseline and is added if absent.
        sampling_days: days since infusion of the blood samples [day].
        horizon: administrative end of follow-up, days since infusion (since enrolment for those never infused) [day].
        antibody_makers: whether the healthy cells that share the antigen are B or plasma cells, whose loss lays open
            to infection.
        keys: row keys for observation.csv, such as ``{"disease": ...}``.
        own: the scenario's own rows, by parameter.
    """

    criteria: str = "lugano"
    visit_days: tuple[float, ...] = VISIT_DAYS
    sampling_days: tuple[float, ...] = SAMPLING_DAYS
    horizon: float = 730.0
    antibody_makers: bool = True
    keys: Mapping[str, str] = field(default_factory=dict)
    own: Mapping[str, Row] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.criteria not in ASSESSMENTS:
            hint = nearest(self.criteria, ASSESSMENTS)
            raise UserError(f"found the response criteria {self.criteria!r}; needed one of {sorted(ASSESSMENTS)}{hint}")
        if min(self.visit_days, default=0) < 0 or min(self.sampling_days, default=0) < 0:
            raise UserError("found a visit or sample before day 0; needed days since infusion, baseline on day 0")
        after = [day for day in self.visit_days if day > 0]
        if not after:
            raise UserError("found no visit after the baseline; needed at least one")
        if self.horizon < min(after):
            raise UserError(f"found a horizon of {self.horizon:g} days; needed one not before the first visit "
                            f"on day {min(after):g}")  # fmt: skip

    @property
    def visits(self) -> tuple[float, ...]:
        """Visit days up to the horizon, baseline first."""
        return tuple(sorted({0.0, *(float(day) for day in self.visit_days if day <= self.horizon)}))

    @property
    def samples(self) -> tuple[float, ...]:
        """Sampling days up to the horizon."""
        return tuple(sorted({float(day) for day in self.sampling_days if day <= self.horizon}))

    def assesses(self, what: str) -> bool:
        """Whether visits include ``imaging``, ``marrow`` or ``m_protein``."""
        return what in ASSESSMENTS[self.criteria]

    @cached_property
    def numbers(self) -> Numbers:
        """The numbers of the observation, with their rows for the ledger of assumptions."""
        return numbers(self.keys, self.own)

"""Everything a report says, as plain data: what the page, the JSON object and the command line all read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perforin.evidence.claims import Claim
from perforin.evidence.pooling.shipped import Line
from perforin.records import Estimate
from perforin.report.curves import Survival

__all__ = ["Adjusted", "Comparison", "Findings", "Published", "Third"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Published:
    """One published value beside a prediction."""

    arm: str
    endpoint: str
    trial: str
    value: float
    low: float
    high: float
    n: int | None
    scale: str = ""
    source: str = ""
    note: str = ""
    label: str = ""
    unit: str = ""
    status: str = ""

    @property
    def shown(self) -> str:
        """What the trial is called on paper, and whether the number stands on memory alone or was derived."""
        known = {"memory": " (from memory)", "derived": " (derived)"}.get(self.status, "")
        return f"{self.label or self.trial}{known}"

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {
            "trial": self.trial,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "unit": self.unit,
            "scale": self.scale,
            "status": self.status,
            "source": self.source,
            "note": self.note,
        }


@dataclass(frozen=True)
class Comparison:
    """Difference of an arm from the reference on the same patients; ``better`` is a probability or None."""

    endpoint: str
    arm: str
    reference: str
    value: float
    low: float
    high: float
    better: float | None
    unit: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        return {
            "endpoint": self.endpoint,
            "arm": self.arm,
            "reference": self.reference,
            "difference": self.value,
            "low": self.low,
            "high": self.high,
            "probability_better": self.better,
            "unit": self.unit,
        }


@dataclass(frozen=True)
class Adjusted:
    """A prediction for virtual patients weighted to a trial's baseline (MAIC), beside what the trial published.

    ``plain``, ``weighted`` and ``published`` hold a share with its limits; ``refused`` says why there are none.
    """

    arm: str
    trial: str
    endpoint: str
    covariates: tuple[str, ...]
    plain: tuple[float, float, float] | None = None
    weighted: tuple[float, float, float] | None = None
    published: tuple[float, float, float] | None = None
    effective: float = 0.0
    n: int = 0
    refused: str = ""


@dataclass(frozen=True)
class Third:
    """A third of an arm's infused patients by the quality of their lots, and how many of them responded."""

    arm: str
    name: str
    low: float
    high: float
    responders: int
    n: int


@dataclass(frozen=True)
class Findings:
    """What a study found; every table may be empty, and the page then leaves that part out."""

    name: str
    title: str
    question: str
    arms: Mapping[str, str]
    reference: str
    estimates: tuple[Estimate, ...]
    published: tuple[Published, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    survival: Mapping[str, Mapping[str, Survival]] = field(default_factory=dict)
    responses: tuple[tuple[str, str, Mapping[str, float]], ...] = ()
    grades: Mapping[str, Mapping[str, tuple[int, ...]]] = field(default_factory=dict)
    relapses: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    waits: Mapping[str, Array] = field(default_factory=dict)
    enrolled: Mapping[str, int] = field(default_factory=dict)
    losses: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    lots: tuple[Third, ...] = ()
    doses: Mapping[str, Array] = field(default_factory=dict)
    value: Mapping[str, Any] | None = None
    transgene: pd.DataFrame = field(default_factory=pd.DataFrame)
    transgene_limit: float | None = None
    courses: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["arm", "day", "observable", "median"]))
    parameters: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    ledger: pd.DataFrame = field(default_factory=pd.DataFrame)
    failed: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["arm", "patient", "reason"]))
    manifest: Mapping[str, Any] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    synthesis: tuple[Line, ...] = ()
    extrapolation: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    context: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    covariates: tuple[str, ...] = ()
    baselines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    adjusted: tuple[Adjusted, ...] = ()

    @property
    def patients(self) -> int:
        """Virtual patients enrolled in each arm."""
        return int(self.manifest.get("patients", max(self.enrolled.values(), default=0)))

    @property
    def calibrated(self) -> bool:
        """Whether the parameters were fitted to trials as a whole; only the run's manifest may say so."""
        return bool(self.manifest.get("calibrated", False))

    def estimate(self, arm: str, endpoint: str) -> Estimate | None:
        """The prediction of one endpoint in one arm, if it was scored."""
        return next((one for one in self.estimates if one.arm == arm and one.endpoint == endpoint), None)

    def beside(self, arm: str, endpoint: str) -> list[Published]:
        """The published values set beside one prediction."""
        return [one for one in self.published if one.arm == arm and one.endpoint == endpoint]

    def comparison(self, arm: str, endpoint: str) -> Comparison | None:
        """The difference of one arm from the reference on one endpoint."""
        return next((one for one in self.comparisons if one.arm == arm and one.endpoint == endpoint), None)

    @property
    def endpoints(self) -> list[str]:
        """Names of the endpoints scored, in order."""
        return list(dict.fromkeys(one.endpoint for one in self.estimates))

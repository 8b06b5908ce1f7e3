"""Published trials: one folder each, read into the same Records that simulated trials are written to."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Literal, TypedDict

import pydantic

from perforin.errors import Location, UserError, nearest
from perforin.evidence.curves.reconstruction import curve_records
from perforin.evidence.indirect.aggregate import Covariate
from perforin.evidence.parameters import known_unit
from perforin.evidence.pooling.table import impossible_share
from perforin.evidence.sources import LIBRARY
from perforin.records import Records, exact_interval
from perforin.yaml_reader import Strict, problems_in, read_yaml

__all__ = ["INDIRECT_WARNING", "EvidenceWarning", "Finding", "PublishedValue", "Trial", "TrialArm", "estimates_for",
           "for_calibration", "problems_of", "published", "read_trial", "share_with_interval", "trial",
           "trials"]  # fmt: skip

INDIRECT_WARNING = (
    "No randomised or matched comparison of these products exists. Published values come from different trials with "
    "different patients, grading scales and follow-up; they stand side by side here, nothing is adjusted for (neither "
    "MAIC nor STC), and they do not compare the products."
)


class EvidenceWarning(UserWarning):
    """Published numbers that may not mean the same thing."""


class Finding(Strict):
    """One published number with its denominator, its population, its scale and its source.

    ``count`` or ``share`` of ``denominator`` is an outcome counted in patients; ``value`` with ``unit`` is a
    Kaplan-Meier estimate, a median or a peak. ``status`` is read (on a page), memory or derived.
    """

    endpoint: str
    subgroup: str = ""
    count: int | None = pydantic.Field(None, ge=0)
    share: float | None = pydantic.Field(None, ge=0, le=1)
    value: float | None = pydantic.Field(None, allow_inf_nan=False)
    unit: str = ""
    low: float | None = pydantic.Field(None, allow_inf_nan=False)
    high: float | None = pydantic.Field(None, allow_inf_nan=False)
    denominator: int | None = pydantic.Field(None, ge=1)
    population: Literal["enrolled", "infused"]
    scale: Literal["", "ASTCT", "Lee", "Penn", "CTCAE", "not stated"] = ""
    status: Literal["read", "memory", "derived"]
    source: str
    locator: str = ""
    note: str = ""

    @pydantic.model_validator(mode="after")
    def _one_number(self) -> Finding:
        if sum(given is not None for given in (self.count, self.share, self.value)) != 1:
            raise ValueError("found none or several of count, share and value; needed one")
        if self.value is None and self.denominator is None:
            raise ValueError("found a count or share without its denominator; needed one")
        if self.count is not None and self.count > (self.denominator or 0):
            raise ValueError(f"found the count {self.count} of {self.denominator}; needed at most the denominator")
        if self.endpoint.startswith(("CRS", "ICANS")) and not self.scale:
            raise ValueError("found a toxicity grade without its scale; needed one, or 'not stated'")
        if not known_unit(self.unit):
            raise ValueError(f"found the unit {self.unit!r}, which nobody knows; needed one such as day, cell/uL "
                             "or copy/ug")  # fmt: skip
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"found low {self.low:g} above high {self.high:g}; needed low <= high")
        if self.milestone and not self.unit and not 0 <= (self.value or 0.0) <= 1:
            raise ValueError(f"found a share of {self.value:g} alive or free of events; needed 0 to 1")
        return self

    @property
    def events(self) -> int | None:
        """Patients with the outcome; a printed share is rounded to the nearest whole patient."""
        if self.share is not None:
            return round(self.share * (self.denominator or 0))
        return self.count

    @property
    def milestone(self) -> bool:
        """Whether it is a share alive or free of events at some month, such as ``PFS_12m``."""
        stem, _, month = self.endpoint.partition("_")
        return stem in ("OS", "PFS", "EFS") and month.removesuffix("m").isdigit()

    @property
    def doubt(self) -> str:
        """Says that no whole number of patients gives the printed share, which is whole per cents or finer."""
        if self.share is None or not self.denominator:
            return ""
        decimals = max(2, -int(Decimal(repr(self.share)).as_tuple().exponent))
        if not impossible_share(self.share, self.denominator, decimals):
            return ""
        return f"no whole number of {self.denominator} patients gives {self.share:.6g}; {self.events} was taken"


class TrialArm(Strict):
    """One arm, and whether it got the trial's product; its size follows from its findings."""

    name: str
    product: bool = True


class Trial(Strict):
    """One published cohort. An empty ``costimulation``, ``payload`` or ``line`` (of therapy) is not stated.

    A finding without subgroup is of all ``arms`` that got the product together; a subgroup may be the name of an arm.
    """

    label: str
    registration: str = ""
    therapy: str
    product: str
    target: str
    cell_source: str
    costimulation: str = ""
    payload: str = ""
    indication: str
    line: str = ""
    enrolled: int | None = pydantic.Field(None, ge=1)
    infused: int | None = pydantic.Field(None, ge=0)
    source: str
    overlaps: tuple[str, ...] = ()
    note: str = ""
    arms: tuple[TrialArm, ...] = ()
    baseline: tuple[Covariate, ...] = ()
    endpoints: tuple[Finding, ...]

    @pydantic.model_validator(mode="after")
    def _baseline_is_traced(self) -> Trial:
        for row in self.baseline:
            if not (row.source and row.status):
                raise ValueError(f"found the baseline {row.covariate} without source and status; needed both")
        return self

    @pydantic.model_validator(mode="after")
    def _denominators(self) -> Trial:
        seen = set()
        if not self.endpoints:
            raise ValueError("found no endpoints; needed at least one number")
        if self.enrolled is not None and (self.infused or 0) > self.enrolled:
            raise ValueError(f"found {self.infused} infused of {self.enrolled} enrolled; needed at most all")
        for row in self.endpoints:
            size = self.infused if row.population == "infused" else self.enrolled
            if size is None:
                raise ValueError(f"found {row.endpoint} of {row.population} patients; needed {row.population!r}, how "
                                 "many they were")  # fmt: skip
            if (row.denominator or 0) > size:
                raise ValueError(f"found {row.endpoint} of {row.denominator} {row.population} patients; "
                                 f"needed at most {size}")  # fmt: skip
            if (row.endpoint, row.subgroup) in seen:
                raise ValueError(f"found {row.endpoint} {row.subgroup!r} twice; needed it once")
            seen.add((row.endpoint, row.subgroup))
        return self

    @pydantic.model_validator(mode="after")
    def _arms(self) -> Trial:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names):
            raise ValueError(f"found an arm twice in {', '.join(names)}; needed each once")
        treated = sum(self.patients_in(arm) or 0 for arm in self.arms if arm.product)
        if treated > self.n:
            raise ValueError(f"found {treated} patients in the arms with the product; needed at most {self.n}")
        for row in self.endpoints:
            if row.subgroup in (arm.name for arm in self.arms if not arm.product):
                raise ValueError(f"found {row.endpoint} of the arm {row.subgroup!r}, which did not get the product; "
                                 "needed a trial of its own for it")  # fmt: skip
        return self

    def patients_in(self, arm: TrialArm) -> int | None:
        """The most patients that a finding of the arm counts; None where none does."""
        if arm.product and sum(one.product for one in self.arms) == 1:
            return self.n
        counted = (row.denominator for row in self.endpoints if row.subgroup == arm.name and row.denominator)
        return max(counted, default=None)

    @property
    def n(self) -> int:
        """Patients enrolled, or infused where the number enrolled is not known."""
        return self.enrolled or self.infused or 0


class PublishedValue(TypedDict):
    """A published number as the report shows it; ``low`` and ``high`` are None where no interval can be given."""

    trial: str
    endpoint: str
    value: float
    low: float | None
    high: float | None
    n: int | None
    unit: str
    subgroup: str
    scale: str
    population: str
    method: str
    status: str
    source: str
    note: str


def read_trial(path: str | Path) -> Trial:
    """Read one trial.yaml.

    Raises:
        UserError: an unknown key, a missing number or denominator, more events than patients (file:line).
    """
    found, problems = problems_of(path)
    if found is None:
        where, text = problems[0]
        raise UserError(text, where)
    return found


def problems_of(path: str | Path) -> tuple[Trial | None, list[tuple[Location, str]]]:
    """The trial of a trial.yaml, or None with everything that is wrong with it and where."""
    try:
        document = read_yaml(path)
    except UserError as problem:
        where = problem.location or Location(str(path), 1)
        return None, [(where, str(problem).removeprefix(f"{where}: "))]
    if not isinstance(document.data, dict):
        found = "an empty file" if document.data is None else repr(document.data)
        return None, [(Location(str(path), 1), f"found {found}; needed 'key: value' lines of a trial, from label on")]
    try:
        return Trial.model_validate(document.data), []
    except pydantic.ValidationError as problem:
        return None, problems_in(problem, document)


@lru_cache(maxsize=1)
def trials() -> tuple[str, ...]:
    """Names of the published trials in the library."""
    return tuple(sorted(path.parent.name for path in (LIBRARY / "trials").glob("*/trial.yaml")))


@lru_cache(maxsize=256)
def trial(name: str) -> Trial:
    """One trial of the library.

    Raises:
        UserError: no such trial (nearest name suggested).
    """
    if name not in trials():
        raise UserError(f"found the trial {name!r}; needed one of the library{nearest(name, trials())}")
    return read_trial(LIBRARY / "trials" / name / "trial.yaml")


def for_calibration(name: str, memory: bool = False) -> tuple[Finding, ...]:
    """The numbers of a trial that a model may be calibrated to or judged by: none that stands on memory alone.

    Args:
        name: the trial.
        memory: take those too; what is then derived stands on memory and must say so.
    """
    return tuple(row for row in trial(name).endpoints if memory or row.status != "memory")


def published(name: str) -> Records:
    """A published trial as Records: the whole cohort, without subgroups.

    An outcome counted in patients becomes one row per patient, ``outcome:ORR_d30`` of value 1 or 0; which patient had
    it is not published, so rows of different outcomes must not be joined by patient. Anything else becomes one row
    ``summary:PFS_12m`` with subject 0. Patients reconstructed from a digitised curve stand under ``time:PFS``.
    """
    parts = curve_records(name)
    for row in trial(name).endpoints:
        if row.subgroup:
            continue
        common = {"arm": name, "origin": "published", "source": row.source}
        if row.events is None:
            parts.append(Records.build(subject=[0], parameter=f"summary:{row.endpoint}", value=row.value,
                                       unit=row.unit, **common))  # fmt: skip
        else:
            n = row.denominator or 0
            parts.append(Records.build(subject=range(n), parameter=f"outcome:{row.endpoint}", unit="",
                                       value=[1.0] * row.events + [0.0] * (n - row.events), **common))  # fmt: skip
    return Records.concat(parts)


def share_with_interval(name: str, row: Finding) -> PublishedValue:
    """A finding with its exact interval where it was counted in patients (Clopper and Pearson 1934)."""
    low, high, method = row.low, row.high, "as published; low and high, if any, are the range of patients"
    value = 0.0 if row.value is None else row.value
    if row.events is not None and row.denominator:
        low, high = exact_interval(row.events, row.denominator)
        value, method = row.events / row.denominator, "Clopper-Pearson"
        if row.share is not None:
            value, method = row.share, "Clopper-Pearson on the count rounded from the printed share"
    elif row.milestone and row.denominator and low is None:
        low, high = exact_interval(value * row.denominator, row.denominator)
        method = "Clopper-Pearson as if nobody was censored: the true interval is wider"
    return PublishedValue(trial=name, endpoint=row.endpoint, value=value, low=low, high=high, n=row.denominator,
                          unit=row.unit, subgroup=row.subgroup, scale=row.scale, population=row.population,
                          method=method, status=row.status, source=row.source, note=row.note)  # fmt: skip


def _check_together(endpoint: str, names: Sequence[str], rows: Iterable[Finding]) -> None:
    for first, second in combinations(dict.fromkeys(names), 2):
        if second in trial(first).overlaps or first in trial(second).overlaps:
            raise UserError(f"found {first} and {second}, which share patients; needed one of them")
    scales = sorted({row.scale for row in rows})
    if len(scales) > 1:
        warnings.warn(f"{endpoint} was graded on different scales: {', '.join(scales)}", EvidenceWarning, stacklevel=3)


def estimates_for(endpoint: str, names: Sequence[str]) -> list[PublishedValue]:
    """The published values of one endpoint, in the order of the trials.

    A trial that gives the endpoint for its whole cohort is represented by that; one that gives it for subgroups only,
    by each of them; one that does not give it is left out.

    Raises:
        UserError: an unknown trial, or two that share patients. Warns (EvidenceWarning) of different grading scales.
    """
    found: list[tuple[str, Finding]] = []
    for name in names:
        rows = [row for row in trial(name).endpoints if row.endpoint == endpoint]
        found += [(name, row) for row in rows if not row.subgroup or all(other.subgroup for other in rows)]
    _check_together(endpoint, names, [row for _, row in found])
    return [share_with_interval(name, row) for name, row in found]

"""What a lot must show before it is released: attributes, limits, tests, and what a failure leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from perforin.errors import UserError, nearest
from perforin.evidence.parameters import Row
from perforin.library import default_library
from perforin.making.batch import Batches
from perforin.making.numbers import Reader
from perforin.making.process import Process
from perforin.yaml_reader import read_yaml

__all__ = ["ACTIONS", "ATTRIBUTES", "Attribute", "Specification", "Specifications", "read_specifications",
           "specifications_of"]  # fmt: skip

Array = NDArray[np.float64]

REJECT, RETEST, OUTSIDE, CONDITIONAL = "reject", "retest", "release out of specification", "conditional release"
ACTIONS = (REJECT, RETEST, OUTSIDE, CONDITIONAL)
"""What a result outside its limits leads to. After a conditional release the result comes later and may recall the lot;
a release out of specification is for a patient's own cells alone."""
SHARE, AMOUNT, PRESENCE = "share", "amount", "presence"


@dataclass(frozen=True)
class Attribute:
    """What may be tested: its unit, what kind of number it is, and its true value in batches where these have it."""

    unit: str
    kind: str
    of: Callable[[Batches], Array] | None = None


def _purity(batches: Batches) -> Array:
    """Wanted cells among all living ones but feeders, which have a limit of their own."""
    dose = batches.planned_dose * batches.dose_share
    beside = batches.residual_t_cells * batches.car_fraction / np.where(dose > 0, dose, 1.0)
    return np.asarray(1 / (1 + beside), dtype=np.float64)


ATTRIBUTES: Mapping[str, Attribute] = {
    "viability": Attribute("", SHARE, lambda batches: batches.viability),
    "purity": Attribute("", SHARE, _purity),
    "car_fraction": Attribute("", SHARE, lambda batches: batches.car_fraction),
    "vector_copies": Attribute("", AMOUNT, lambda batches: batches.vector_copies),
    "residual_t_cells": Attribute("cell", AMOUNT, lambda batches: batches.residual_t_cells),
    "residual_feeder": Attribute("", AMOUNT),
    "dose_share": Attribute("", AMOUNT, lambda batches: batches.cells_filled / batches.planned_dose),
    "endotoxin": Attribute("EU/mL", AMOUNT),
    "killing": Attribute("", SHARE),
    "interferon": Attribute("pg/mL", AMOUNT),
    "sterility": Attribute("", PRESENCE),
    "mycoplasma": Attribute("", PRESENCE),
    "replicating_vector": Attribute("", PRESENCE),
    "identity": Attribute("", PRESENCE),
}
"""Shares lie between 0 and 1; of presence it is said whether something that must not be there was found.

Feeders of a culture are there to drive growth and know of no washing, so their residue is stated with the test."""


_WORDS = {"car_fraction": "share with the construct", "residual_t_cells": "residual T cells"}


@dataclass(frozen=True)
class Specification:
    """One attribute's limits and its test.

    ``cv`` of one result at the limit; ``detection`` limit of detection, below which a result is given as that limit;
    ``false_positive`` share of clean lots in which presence is found; ``batches`` the true values where batches do not
    have the attribute: a median with its spread, or the share of lots in which something is present; ``volume`` of
    sample [mL]; ``days`` from sample to result.
    """

    attribute: str
    lower: Row | None
    upper: Row | None
    cv: Row | None
    days: Row
    volume: Row
    action: str
    detection: Row | None = None
    false_positive: Row | None = None
    batches: Row | None = None
    own_cells: str = ""

    @property
    def label(self) -> str:
        """The attribute in words."""
        return _WORDS.get(self.attribute, self.attribute.replace("_", " "))

    @property
    def kind(self) -> str:
        """Share, amount or presence."""
        return ATTRIBUTES[self.attribute].kind

    @property
    def limits(self) -> tuple[float, float]:
        """Lower and upper, infinite where there is none."""
        if self.kind == PRESENCE:
            return -np.inf, 0.5
        return self.lower.value if self.lower else -np.inf, self.upper.value if self.upper else np.inf

    @property
    def error(self) -> float:
        """Standard deviation of the test on the scale of ``scaled``."""
        cv = self.cv.value if self.cv else 0.0
        if self.kind == SHARE:
            return float(cv / (1 - next(limit for limit in self.limits if np.isfinite(limit))))
        return float(np.sqrt(np.log1p(cv**2)))

    def scaled(self, values: Array) -> Array:
        """The scale on which the test's error is normal: log odds of shares, else logarithms."""
        with np.errstate(divide="ignore"):
            return np.asarray(logit(values) if self.kind == SHARE else np.log(values), dtype=np.float64)

    def unscaled(self, values: Array) -> Array:
        """Back from that scale."""
        return np.asarray(expit(values) if self.kind == SHARE else np.exp(values), dtype=np.float64)

    def decision(self, own_cells: bool) -> str:
        """What a failure leads to; for own cells, what is said for them."""
        return self.own_cells if own_cells and self.own_cells else self.action

    @property
    def rows(self) -> Iterator[Row]:
        """Every number with its source."""
        several = (self.lower, self.upper, self.cv, self.days, self.volume, self.detection, self.false_positive,
                   self.batches)  # fmt: skip
        return (row for row in several if row is not None)


@dataclass(frozen=True)
class Specifications:
    """All that one kind of lot must show, and what becomes of own cells out of specification.

    ``step`` names the step of a process whose duration and failures these tests stand in for. Of own-cell lots out of
    specification the share ``accepted`` is given as it is; of the others the share ``remade`` is made again, of which
    ``remade_well`` come out in specification.
    """

    name: str
    label: str
    tests: tuple[Specification, ...]
    step: str = ""
    accepted: Row | None = None
    remade: Row | None = None
    remade_well: Row | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every number with its source."""
        path = (self.accepted, self.remade, self.remade_well)
        return tuple([row for test in self.tests for row in test.rows] + [row for row in path if row is not None])

    @property
    def volume(self) -> float:
        """Sample that all tests of a lot use up [mL]."""
        return sum(test.volume.value for test in self.tests)


_KEYS = ("label", "summary", "sources", "step", "tests", "out_of_specification")
_TEST = ("attribute", "lower", "upper", "cv", "detection", "false_positive", "batches", "days", "volume", "action",
         "own_cells")  # fmt: skip
_PATH = ("accepted", "remade", "remade_well")


def read_specifications(name: str, mapping: Mapping[str, Any], place: str) -> Specifications:
    """Specifications from their YAML mapping.

    Args:
        name: the file's stem.
        mapping: ``label, summary, sources, step, tests [{attribute, lower, upper, cv, detection, false_positive,
            batches, days, volume, action, own_cells}], out_of_specification {accepted, remade, remade_well}``.
        place: the file; problems name its line.

    Raises:
        UserError: a lower limit above the upper, an attribute that nobody knows or that stands twice, no limit, a
            negative coefficient of variation, an unknown action or key.
    """
    reader = Reader(name, place)
    reader.check_keys(mapping, (), _KEYS)
    items = mapping.get("tests")
    if not isinstance(items, list) or not items:
        raise reader.refuse("found no tests; needed a list of attributes with their limits", ("tests",))
    tests = tuple(_read(reader, item, i) for i, item in enumerate(items))
    names = [test.attribute for test in tests]
    for i, one in enumerate(names):
        if one in names[:i]:
            raise reader.refuse(f"found the attribute {one!r} twice; needed it once", ("tests", i))
    path: Mapping[str, Any] = {}
    if mapping.get("out_of_specification") is not None:
        path = reader.part(mapping, ("out_of_specification",), _PATH)
    accepted, remade, well = (reader.optional(path, ("out_of_specification", one), "", 1.0) for one in _PATH)
    return Specifications(name, str(mapping.get("label", name)), tests, str(mapping.get("step", "")),
                          accepted, remade, well)  # fmt: skip


def specifications_of(process: Process) -> Specifications | None:
    """Those that a process names: by their name in the library, or by the path of a YAML file; None for none.

    Raises:
        UserError: no such specifications, ones that do not fit, a step that the process lacks, or a test that takes
            longer than that step.
    """
    if not process.specifications:
        return None
    given = process.specifications
    path = Path(given) if given.endswith((".yaml", ".yml")) else default_library().path("specifications", given)
    document = read_yaml(path)
    found = read_specifications(path.stem, document.data, str(path))
    steps = {step.name: step.duration.value for step in process.steps}
    if found.step and found.step not in steps:
        problem = f"step: found {found.step!r}; needed a step of {process.name}, one of {[*steps]}"
        raise UserError(problem + nearest(found.step, steps), document.location(("step",)))
    for i, test in enumerate(found.tests if found.step else ()):
        awaited = test.decision(process.starting_material == "patient") != CONDITIONAL
        if awaited and test.days.value > steps[found.step]:
            problem = f"{test.attribute}: found a test of {test.days.value:g} days; needed at most the "
            problem += f"{steps[found.step]:g} days of the step {found.step!r} of {process.name}, or {CONDITIONAL!r}"
            raise UserError(problem, document.location(("tests", i, "days")))
    return found


def _read(reader: Reader, item: Any, place: int) -> Specification:
    at = ("tests", place)
    if not isinstance(item, Mapping):
        raise reader.refuse(f"found the test {item!r}; needed a mapping with attribute, limits and action", at)
    reader.check_keys(item, at, _TEST)
    name = reader.choice(item.get("attribute"), tuple(ATTRIBUTES), (*at, "attribute"))
    known = ATTRIBUTES[name]
    most = 1.0 if known.kind == SHARE else np.inf
    lower, upper = (reader.optional(item, (*at, end), known.unit, most) for end in ("lower", "upper"))
    cv = reader.optional(item, (*at, "cv"), "")
    _check_limits(reader, at, name, known, lower, upper)
    own = ("tests", place, "own_cells")
    found = Specification(
        attribute=name, lower=lower, upper=upper, cv=cv,
        days=reader.number(item, (*at, "days"), "day"), volume=reader.number(item, (*at, "volume"), "mL"),
        action=reader.choice(item.get("action"), tuple(one for one in ACTIONS if one != OUTSIDE), (*at, "action")),
        detection=reader.optional(item, (*at, "detection"), known.unit, most),
        false_positive=reader.optional(item, (*at, "false_positive"), "", 1.0),
        batches=reader.optional(item, (*at, "batches"), known.unit, 1.0 if known.kind != AMOUNT else np.inf),
        own_cells=reader.choice(item["own_cells"], ACTIONS, own) if item.get("own_cells") is not None else "",
    )  # fmt: skip
    if known.of is None and found.batches is None:
        problem = f"{name}: found no 'batches'; needed its true values, for no batch of the model has them"
        raise reader.refuse(problem, at)
    if known.of is not None and found.batches is not None:
        raise reader.refuse(f"{name}: found 'batches'; needed none, the model's batches have it", (*at, "batches"))
    return found


def _check_limits(
    reader: Reader, at: tuple[str | int, ...], name: str, known: Attribute, lower: Row | None, upper: Row | None
) -> None:
    if known.kind == PRESENCE:
        if lower or upper:
            raise reader.refuse(f"{name}: found a limit; needed none, it must be absent", at)
        return
    if lower is None and upper is None:
        raise reader.refuse(f"{name}: found neither 'lower' nor 'upper'; needed one or both", at)
    if lower and upper and lower.value >= upper.value:
        problem = f"{name}: found the lower limit {lower.value:g}, not below the upper {upper.value:g}"
        raise reader.refuse(f"{problem}; needed lower < upper", (*at, "lower"))
    bounds = (0.0, 1.0) if known.kind == SHARE else (0.0,)
    for row, end in ((lower, "lower"), (upper, "upper")):
        if row and row.value in bounds:
            problem = f"{name}: found the {end} limit {row.value:g}, which excludes nothing or everything"
            raise reader.refuse(f"{problem}; needed one inside the range of the attribute", (*at, end))


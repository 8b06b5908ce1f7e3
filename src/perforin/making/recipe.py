"""How a batch is made: starting material, growth, engineering, contaminating cells, doses and limits, as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perforin.errors import nearest
from perforin.evidence.parameters import KEYS, Row
from perforin.making.numbers import Reader
from perforin.making.steps import Step
from perforin.mechanisms import culture
from perforin.model.mechanism import Mechanism

__all__ = ["VERBS", "Contaminant", "Engineering", "Feeder", "Formulation", "Growth", "Limits", "Material",
           "Published", "Recipe", "read_recipe"]  # fmt: skip

VERBS = tuple(verb for verb in vars(culture).values() if isinstance(verb, Mechanism))
"""What goes on in a culture."""
_UNITS = {f"{verb.name}.{one}": unit for verb in VERBS for one, unit in verb.parameters.items()}
_FOLLOWS = "transduction.receptive"
"""What follows from the share of engineered cells and the copies given, and is not to be set beside them."""

_PARTS = ("keys", "material", "growth", "engineering", "contaminant", "formulation", "limits", "history", "published")
PUBLISHED = ("fold", "cells_harvested", "doses", "car_fraction", "vector_copies", "failed", "days")
"""What published batches may be compared in."""


@dataclass(frozen=True)
class Material:
    """What a batch begins with: ``cells`` collected or thawed, of which the ``share`` is of the wanted kind.

    ``differentiation`` is the number of wanted cells that one starting cell becomes (None: it is one). A donor bank
    whose ``batches_per_donor`` is None is one clone or line, the same for every batch. ``killing`` is that of a donor's
    cells over the usual donor's, with its spread between donors (None: all donors' cells kill alike).
    """

    cells: Row
    share: Row
    differentiation: Row | None = None
    batches_per_donor: Row | None = None
    killing: Row | None = None


@dataclass(frozen=True)
class Feeder:
    """Feeder cells per living cell, given anew on ``days`` of the culture."""

    ratio: Row
    days: tuple[float, ...]


@dataclass(frozen=True)
class Growth:
    """The culture: which step it is, what it changes in the tables of growth, and how batches differ in fold."""

    step: str
    parameters: Mapping[str, Row]
    between_donor_cv: Row
    within_donor_cv: Row
    feeder: Feeder | None = None


@dataclass(frozen=True)
class Engineering:
    """Which share of cells comes to carry the construct on a ``day`` of the culture.

    With ``copies``, the mean number of vector copies that would enter a receptive cell, copies and share rise
    together; without it the construct is knocked in at one place, one copy a cell. No engineering: the bank carries it.
    """

    day: Row
    efficiency: Row
    copies: Row | None = None


@dataclass(frozen=True)
class Contaminant:
    """T cells beside each wanted cell at the start, and the share that depletion leaves (None: no depletion)."""

    share: Row
    left: Row | None = None


@dataclass(frozen=True)
class Formulation:
    """Living cells with the construct in one dose, and the smallest share of it that is still given to a patient."""

    dose: Row
    smallest: Row


@dataclass(frozen=True)
class Limits:
    """What a batch must keep to: least viability, most residual T cells in a dose, most copies a cell."""

    viability: Row
    residual_t_cells: Row | None = None
    copies: Row | None = None


@dataclass(frozen=True)
class Published:
    """What published batches gave, to be shown beside the model's."""

    what: str
    number: Row


@dataclass(frozen=True)
class Recipe:
    """Everything that ``grow`` needs; ``keys`` choose rows of the growth tables, ``history`` is a user's table."""

    keys: Mapping[str, str]
    material: Material
    growth: Growth
    contaminant: Contaminant
    formulation: Formulation
    limits: Limits
    engineering: Engineering | None = None
    history: Path | None = None
    published: tuple[Published, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every number with its source."""
        return tuple(row for row in self._rows() if row is not None)

    def _rows(self) -> Iterator[Row | None]:
        material, growth = self.material, self.growth
        yield from (material.cells, material.share, material.differentiation, material.batches_per_donor)
        yield material.killing
        yield from (*growth.parameters.values(), growth.between_donor_cv, growth.within_donor_cv)
        yield growth.feeder.ratio if growth.feeder else None
        if self.engineering:
            yield from (self.engineering.day, self.engineering.efficiency, self.engineering.copies)
        yield from (self.contaminant.share, self.contaminant.left, self.formulation.dose, self.formulation.smallest)
        yield from (self.limits.viability, self.limits.residual_t_cells, self.limits.copies)
        yield from (one.number for one in self.published)


def read_recipe(reader: Reader, process: Mapping[str, Any], steps: Sequence[Step]) -> Recipe:
    """The ``batch`` part of a process.

    Raises:
        UserError: a part or number that is missing, out of bounds or unknown, or a culture that is no step.
    """
    part = reader.part(process, ("batch",), _PARTS)
    keys = part.get("keys", {})
    if not isinstance(keys, Mapping):
        raise reader.refuse(f"batch.keys: found {keys!r}; needed a mapping such as {{cell: NK}}", ("batch", "keys"))
    reader.check_keys(keys, ("batch", "keys"), KEYS)
    formulation = reader.part(part, ("batch", "formulation"), ("dose", "smallest"))
    limits = reader.part(part, ("batch", "limits"), ("viability", "residual_t_cells", "copies"))
    contaminant = reader.part(part, ("batch", "contaminant"), ("share", "left"))
    growth = _read_growth(reader, part, steps)
    return Recipe(
        keys={str(key): str(value) for key, value in keys.items()},
        material=_read_material(reader, part),
        growth=growth,
        engineering=_read_engineering(reader, part, steps, growth) if part.get("engineering") is not None else None,
        contaminant=Contaminant(
            reader.number(contaminant, ("batch", "contaminant", "share"), ""),
            reader.optional(contaminant, ("batch", "contaminant", "left"), "", 1.0),
        ),
        formulation=Formulation(
            reader.positive(formulation, ("batch", "formulation", "dose"), "cell"),
            reader.number(formulation, ("batch", "formulation", "smallest"), "", 1.0),
        ),
        limits=Limits(
            reader.number(limits, ("batch", "limits", "viability"), "", 1.0),
            reader.optional(limits, ("batch", "limits", "residual_t_cells"), "cell"),
            reader.optional(limits, ("batch", "limits", "copies"), ""),
        ),
        history=_history(reader, part),
        published=tuple(_read_published(reader, part)),
    )


def _read_material(reader: Reader, batch: Mapping[str, Any]) -> Material:
    at = ("batch", "material")
    part = reader.part(batch, at, ("cells", "share", "differentiation", "batches_per_donor", "killing"))
    per_donor = reader.optional(part, (*at, "batches_per_donor"), "")
    if per_donor is not None and per_donor.value < 1:
        problem = f"batch.material.batches_per_donor: found {per_donor.value:g}; needed 1 or more"
        raise reader.refuse(problem, (*at, "batches_per_donor"))
    return Material(
        reader.positive(part, (*at, "cells"), "cell"),
        reader.positive(part, (*at, "share"), "", 1.0),
        reader.optional(part, (*at, "differentiation"), ""),
        per_donor,
        reader.optional(part, (*at, "killing"), ""),
    )


def _read_growth(reader: Reader, batch: Mapping[str, Any], steps: Sequence[Step]) -> Growth:
    at = ("batch", "growth")
    part = reader.part(batch, at, ("step", "parameters", "between_donor_cv", "within_donor_cv", "feeder"))
    names = [step.name for step in steps]
    name = reader.choice(part.get("step"), names, (*at, "step"))
    spread = next(step.duration.between_patient_cv for step in steps if step.name == name)
    if spread:
        problem = f"found the culture {name!r} with a spread of its duration, cv {spread:g}"
        raise reader.refuse(f"{problem}; needed none: a protocol fixes the day of harvest", (*at, "step"))
    length = next(step.duration.value for step in steps if step.name == name)
    given = part.get("parameters") or {}
    if not isinstance(given, Mapping):
        raise reader.refuse(f"batch.growth.parameters: found {given!r}; needed a mapping", (*at, "parameters"))
    rows = {str(one): _parameter(reader, given, str(one)) for one in given}
    return Growth(
        step=name,
        parameters=rows,
        between_donor_cv=reader.number(part, (*at, "between_donor_cv"), ""),
        within_donor_cv=reader.number(part, (*at, "within_donor_cv"), ""),
        feeder=_read_feeder(reader, part, length) if part.get("feeder") is not None else None,
    )


def _parameter(reader: Reader, given: Mapping[str, Any], name: str) -> Row:
    keys = ("batch", "growth", "parameters", name)
    known = [one for one in _UNITS if one != _FOLLOWS]
    if name == _FOLLOWS:
        raise reader.refuse(f"found {name!r}, which follows from engineering; needed efficiency and copies there", keys)
    if name not in known:
        problem = f"batch.growth.parameters: found {name!r}; needed a parameter of a culture{nearest(name, known)}"
        raise reader.refuse(problem, keys)
    return reader.number(given, keys, _UNITS[name])


def _read_feeder(reader: Reader, growth: Mapping[str, Any], length: float) -> Feeder:
    at = ("batch", "growth", "feeder")
    part = reader.part(growth, at, ("ratio", "days"))
    days = part.get("days")
    if not isinstance(days, list) or not days or not all(isinstance(d, int | float) and 0 <= d < length for d in days):
        problem = f"batch.growth.feeder: found days: {days!r}; needed a list of days from 0 to below {length:g}"
        raise reader.refuse(problem, (*at, "days"))
    return Feeder(reader.number(part, (*at, "ratio"), ""), tuple(sorted(map(float, days))))


def _read_engineering(
    reader: Reader, batch: Mapping[str, Any], steps: Sequence[Step], growth: Growth
) -> Engineering:
    at = ("batch", "engineering")
    part = reader.part(batch, at, ("day", "efficiency", "copies"))
    last = next(step.duration.value for step in steps if step.name == growth.step)
    day = reader.number(part, (*at, "day"), "day", last)
    efficiency = reader.positive(part, (*at, "efficiency"), "", 1.0)
    if efficiency.value == 1:
        raise reader.refuse("batch.engineering.efficiency: found 1; needed less, some cells always escape", at)
    copies = reader.positive(part, (*at, "copies"), "") if part.get("copies") is not None else None
    return Engineering(day, efficiency, copies)


def _history(reader: Reader, batch: Mapping[str, Any]) -> Path | None:
    name = batch.get("history")
    return (Path(reader.place).parent / str(name)) if name else None


def _read_published(reader: Reader, batch: Mapping[str, Any]) -> Iterator[Published]:
    items = batch.get("published", [])
    if not isinstance(items, list):
        raise reader.refuse(f"batch.published: found {items!r}; needed a list", ("batch", "published"))
    for place, item in enumerate(items):
        at = ("batch", "published", place)
        if not isinstance(item, Mapping) or "what" not in item:
            raise reader.refuse(f"batch.published: found {item!r}; needed a number with 'what'", at)
        what = reader.choice(item["what"], PUBLISHED, (*at, "what"))
        unit = {"cells_harvested": "cell", "days": "day"}.get(what, "")
        number = {what: {key: value for key, value in item.items() if key != "what"}}
        yield Published(what, reader.number(number, (*at, what), unit))

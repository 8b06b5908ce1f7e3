"""How a product is made and how long that takes: numbers with their sources, and the distributions they describe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr

from perforin import units
from perforin.errors import UserError, nearest
from perforin.evidence.parameters import Row

__all__ = ["Process", "Remake", "Waiting", "read_process"]

Array = NDArray[np.float64]

_KEYS = ("label", "summary", "starting_material", "waiting", "failure", "remake", "cost_of_goods", "list_price", "thaw")
_NUMBER = ("value", "unit", "low", "high", "cv", "kind", "status", "source", "locator", "note")


@dataclass(frozen=True)
class Waiting:
    """Time from enrolment to infusion when all goes well.

    ``lognormal``: median and the standard deviation of the logarithm; ``shifted_gamma``: never below ``shift``, with
    ``sigma`` the coefficient of variation of what comes on top; ``constant``: the median for everybody.
    """

    kind: str
    median: Row
    sigma: Row | None = None
    shift: Row | None = None

    def quantile(self, score: Array) -> Array:
        """(n,) days at standard normal scores, so that a patient's luck has one meaning in every process."""
        if self.kind == "constant" or self.sigma is None or self.sigma.value == 0:
            return np.full(len(score), self.median.value)
        if self.kind == "lognormal":
            return np.asarray(self.median.value * np.exp(self.sigma.value * score), dtype=np.float64)
        shift = self.shift.value if self.shift else 0.0
        shape = self.sigma.value**-2
        drawn = gammaincinv(shape, ndtr(score)) / gammaincinv(shape, 0.5)
        return np.asarray(shift + (self.median.value - shift) * drawn, dtype=np.float64)


@dataclass(frozen=True)
class Remake:
    """A second attempt after a failure: how often it ends in an infusion, and the days it adds."""

    probability_of_success: Row
    delay: Row


@dataclass(frozen=True)
class Process:
    """How one product is made. ``starting_material`` is the patient's own cells or a donor bank."""

    name: str
    label: str
    starting_material: str
    waiting: Waiting
    failure: Row
    thaw: Row
    remake: Remake | None = None
    cost_of_goods: Row | None = None
    list_price: Row | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every number with its source, for the parameter table and the assumption ledger."""
        return tuple(row for row in self._rows() if row is not None)

    def _rows(self) -> Iterator[Row | None]:
        yield from (self.waiting.median, self.waiting.sigma, self.waiting.shift, self.failure, self.thaw)
        if self.remake:
            yield from (self.remake.probability_of_success, self.remake.delay)
        yield from (self.cost_of_goods, self.list_price)


@dataclass(frozen=True)
class _Reader:
    """Reads one mapping and says where a problem stands."""

    name: str
    place: str

    def refuse(self, what: str) -> UserError:
        return UserError(f"{self.place}: {what}")

    def part(self, mapping: Mapping[str, Any], name: str, known: tuple[str, ...]) -> Mapping[str, Any]:
        found = mapping.get(name)
        if not isinstance(found, Mapping):
            raise self.refuse(f"found no {name!r}, or one that is not a mapping; needed {name}: {{{', '.join(known)}}}")
        self.check_keys(found, known, name)
        return found

    def check_keys(self, mapping: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
        for stray in mapping.keys() - set(known):
            raise self.refuse(f"{where}: found the key {stray!r}; needed one of {list(known)}{nearest(stray, known)}")

    def choice(self, found: object, valid: tuple[str, ...], what: str) -> str:
        if found not in valid:
            raise self.refuse(f"found the {what} {found!r}; needed one of {list(valid)}{nearest(str(found), valid)}")
        return str(found)

    def number(self, mapping: Mapping[str, Any], name: str, path: str, unit: str, most: float = np.inf) -> Row:
        """The number ``name``, converted to ``unit``, between 0 and ``most``."""
        found, path = self.part(mapping, name, _NUMBER), f"{path}.{name}".lstrip(".")
        try:
            value, given, cv = float(found["value"]), str(found.get("unit", "")), float(found.get("cv", 0))
            low, high = float(found.get("low", value)), float(found.get("high", value))
        except (KeyError, TypeError, ValueError):
            raise self.refuse(f"{path}: found {dict(found)}; needed numbers for value, low and high") from None
        text = {key: str(found.get(key, "")) for key in ("kind", "status", "source", "locator", "note")}
        row = Row(parameter=f"{self.name}.{path}", keys={}, value=value, unit=given, low=low, high=high,
                  between_patient_cv=cv, distribution="lognormal" if cv else "fixed", place=self.place,
                  **text)  # fmt: skip
        if not units.same(given, unit):
            scale = units.convert(1.0, given, unit)
            row = replace(row, value=value * scale, low=low * scale, high=high * scale, unit=unit)
        if not 0 <= row.value <= most:
            raise self.refuse(f"{path}: found {value:g}; needed a number from 0 to {most:g}")
        return row

    def optional(self, mapping: Mapping[str, Any], name: str, path: str, unit: str) -> Row | None:
        return self.number(mapping, name, path, unit) if mapping.get(name) is not None else None


def read_process(name: str, mapping: Mapping[str, Any], place: str = "") -> Process:
    """A process from its YAML mapping.

    Args:
        name: the file's stem, such as ``autologous_slow``.
        mapping: ``label, starting_material, waiting {kind, median, sigma, shift}, failure {probability},
            remake {probability_of_success, delay}, cost_of_goods, list_price, thaw {viability}``; every number is a
            mapping with value, unit, low, high, kind, status, source, locator and note.
        place: the file, for messages.

    Raises:
        UserError: an unknown key, a missing part, a unit of another dimension, a share above 1, no source.
    """
    reader = _Reader(name, place or f"processes/{name}.yaml")
    reader.check_keys(mapping, _KEYS, "process")
    material = reader.choice(mapping.get("starting_material"), ("patient", "donor_bank"), "starting_material")
    again = None
    if mapping.get("remake") is not None:
        part = reader.part(mapping, "remake", ("probability_of_success", "delay"))
        share = reader.number(part, "probability_of_success", "remake", "", 1.0)
        again = Remake(share, reader.number(part, "delay", "remake", "day"))
    return Process(
        name=name,
        label=str(mapping.get("label", name)),
        starting_material=material,
        waiting=_read_waiting(reader, reader.part(mapping, "waiting", ("kind", "median", "sigma", "shift"))),
        failure=reader.number(reader.part(mapping, "failure", ("probability",)), "probability", "failure", "", 1.0),
        thaw=reader.number(reader.part(mapping, "thaw", ("viability",)), "viability", "thaw", "", 1.0),
        remake=again,
        cost_of_goods=reader.optional(mapping, "cost_of_goods", "", "USD"),
        list_price=reader.optional(mapping, "list_price", "", "USD"),
    )


def _read_waiting(reader: _Reader, part: Mapping[str, Any]) -> Waiting:
    kind = reader.choice(part.get("kind"), ("lognormal", "shifted_gamma", "constant"), "waiting kind")
    median = reader.number(part, "median", "waiting", "day")
    if kind == "constant":
        return Waiting(kind, median)
    sigma, shift = reader.number(part, "sigma", "waiting", ""), reader.optional(part, "shift", "waiting", "day")
    if shift is not None and (kind == "lognormal" or shift.value >= median.value):
        raise reader.refuse(f"waiting: found the shift {shift.value:g} day with a {kind} of median {median.value:g} "
                            "day; needed a shifted_gamma whose median lies above the shift")  # fmt: skip
    return Waiting(kind, median, sigma, shift)

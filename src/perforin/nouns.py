"""What the files of the library may say: cells, constructs, payloads, edits, products, diseases, drugs, regimens.

A noun brings states, mechanisms, numbers and what a dose does; ``includes`` brings what other nouns bring.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pydantic

from perforin.distributions import Population, Quantity, Unit, quantity
from perforin.errors import Location, UserError, nearest
from perforin.evidence.parameters import KEYS, Row
from perforin.schedule import Amount, DoseRow, DrugRow, amount, fits
from perforin.yaml_reader import Document, Strict, read_yaml, validated

__all__ = [
    "CRITERIA", "KINDS", "MODELS", "Criteria", "Disease", "DoseText", "Drug", "Host", "Into", "Noun", "Number",
    "Observable", "Product", "ProductNoun", "Regimen", "StateText", "Studied", "add_words", "read_noun",
]  # fmt: skip

Criteria = Literal["lugano", "recist", "marrow", "myeloma"]
CRITERIA: tuple[Criteria, ...] = ("lugano", "recist", "marrow", "myeloma")
_WORD = re.compile(r"\$(\w+)")


class Number(Strict):
    """A parameter as a noun states it: a value of its own, or a factor on the row beneath (``times``)."""

    value: float | None = None
    times: Annotated[float, pydantic.Field(ge=0)] | None = None
    unit: Unit = ""
    low: float | None = None
    high: float | None = None
    cv: Annotated[float, pydantic.Field(ge=0)] | None = None
    distribution: Literal["", "lognormal", "normal", "logitnormal", "fixed"] = ""
    kind: Literal["measured", "fitted", "assumed"] = "assumed"
    status: Literal["read", "memory", "derived", "assumed"] = "assumed"
    source: str = ""
    locator: str = ""
    note: str = ""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        """``5 1/day`` is short for ``{value: 5, unit: 1/day}``."""
        if not isinstance(given, str | int | float) or isinstance(given, bool):
            return given
        try:
            value, unit = quantity(str(given))
        except UserError as problem:
            raise ValueError(str(problem)) from None
        return {"value": value, "unit": unit, "note": "set without a source"}

    @pydantic.model_validator(mode="after")
    def _one_of_two(self) -> Number:
        if (self.value is None) == (self.times is None):
            raise ValueError("found both or none of 'value' and 'times'; needed one of them")
        return self

    def row(self, name: str, place: str) -> Row:
        """A value of its own as a row of a table."""
        value, cv = float(self.value or 0.0), self.cv or 0.0
        return Row(
            parameter=name, keys={}, value=value, unit=self.unit,
            low=value if self.low is None else self.low, high=value if self.high is None else self.high,
            between_patient_cv=cv, distribution=self.distribution or ("lognormal" if cv else "fixed"),
            kind=self.kind, status=self.status, source=self.source, locator=self.locator, note=self.note, place=place,
        )  # fmt: skip


class StateText(Strict):
    """Unit and start of a state; a list is a product of numbers and parameter names."""

    unit: Unit
    start: float | str | list[float | str] = 0.0

    @property
    def factors(self) -> tuple[str | float, ...]:
        """The start as a product."""
        return tuple(self.start) if isinstance(self.start, list) else (self.start,)


class Into(Strict):
    """What a dose does to one state: state = state*keep + constant + amount*product(factors)."""

    state: str
    keep: float = 1.0
    constant: float = 0.0
    factors: tuple[float | str, ...] = ()


class DoseText(Strict):
    """The unit of a noun's dose and the states it enters."""

    unit: Unit
    into: tuple[Into, ...] = pydantic.Field(min_length=1)


class Observable(Strict):
    """A state or level that is measured."""

    of: str
    unit: Unit


class Noun(Strict):
    """What every kind of noun may bring."""

    label: str
    summary: str = ""
    includes: tuple[str, ...] = ()
    keys: dict[str, str] = pydantic.Field(default_factory=dict)
    words: dict[str, str] = pydantic.Field(default_factory=dict)
    families: dict[str, tuple[str, ...]] = pydantic.Field(default_factory=dict)
    states: dict[str, StateText] = pydantic.Field(default_factory=dict)
    sums: dict[str, Unit] = pydantic.Field(default_factory=dict)
    mechanisms: tuple[dict[str, dict[str, str | float]], ...] = ()
    parameters: dict[str, Number] = pydantic.Field(default_factory=dict)
    doses: DoseText | None = None
    observables: dict[str, Observable] = pydantic.Field(default_factory=dict)
    clones: dict[str, Literal["positive", "negative"]] = pydantic.Field(default_factory=dict)
    quality: dict[Literal["killing_function", "motile_fraction"], tuple[str, ...]] = pydantic.Field(
        default_factory=dict
    )
    """Parameters of a product that a property of its lot multiplies."""
    sources: tuple[str, ...] = ()

    @pydantic.field_validator("mechanisms", mode="before")
    @classmethod
    def _bare_names(cls, items: Any) -> Any:
        """``- killing`` is short for ``- killing: {}``."""
        if not isinstance(items, list):
            return items
        out = []
        for item in items:
            whole = {item: {}} if isinstance(item, str) else item
            if not isinstance(whole, Mapping) or len(whole) != 1:
                raise ValueError(
                    f"found {item!r}; needed one mechanism an item, such as '- killing: {{target: tumour}}'"
                )
            out.append({name: wiring or {} for name, wiring in whole.items()})
        return out

    @pydantic.field_validator("keys")
    @classmethod
    def _known_row_keys(cls, keys: dict[str, str]) -> dict[str, str]:
        for key in keys:
            if key not in KEYS:
                raise ValueError(f"found the row key {key!r}; needed one of {list(KEYS)}{nearest(key, KEYS)}")
        return keys


class Host(Noun):
    """A patient before any disease: tissue, host lymphocytes, and how patients differ."""

    population: Population = Population()


class Disease(Host):
    """A disease: its patients, its tissue, how response is judged, and whether the numbers reach so far."""

    criteria: Criteria | None = None
    extrapolation: str = ""


class Studied(Strict):
    """Where a product has been studied: outside it a scenario is an extrapolation."""

    diseases: tuple[str, ...] = ()
    low: Quantity | None = None
    high: Quantity | None = None

    @pydantic.model_validator(mode="after")
    def _in_cells(self) -> Studied:
        for text in filter(None, (self.low, self.high)):
            try:
                fits(amount(text), "cell")
            except UserError as problem:
                raise ValueError(str(problem)) from None
        return self

    def beyond(self, given: Amount) -> str:
        """Why a dose was not studied, or the empty string; a dose per kg is that of 75 kg."""

        def cells(one: Amount) -> float:
            return float(one.each("cell", {"weight": np.array([75.0])}, 1)[0])

        for text, sign in ((self.low, -1), (self.high, 1)):
            if text is not None and sign * cells(given) > sign * cells(amount(text)) * (1 + sign * 1e-9):
                where = "below" if sign < 0 else "above"
                return f"a dose of {cells(given):.3g} cells lies {where} what has been studied, {text}"
        return ""


class ProductNoun(Noun):
    """A product: its cell, construct, payloads and edits, how it is made and how it is usually given."""

    cell: str
    car: str = pydantic.Field("", alias="construct")
    payloads: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    process: str = ""
    schedule: tuple[DoseRow, ...] = ()
    published: tuple[str, ...] = ()
    studied: Studied = Studied()

    @property
    def parts(self) -> tuple[str, ...]:
        """Nouns it is made of, nearest last: cell, construct, payloads, edits."""
        return _parts(self.cell, self.car, self.payloads, self.edits)

    @property
    def keys_of_parts(self) -> tuple[tuple[str | int, ...], ...]:
        """Where in the file each of ``parts`` is named."""
        construct = (("construct",),) if self.car else ()
        payloads = (("payloads", i) for i in range(len(self.payloads)))
        return (("cell",), *construct, *payloads, *(("edits", i) for i in range(len(self.edits))))


def _parts(cell: str, construct: str, payloads: Iterable[str], edits: Iterable[str]) -> tuple[str, ...]:
    bound = (f"constructs/{construct}",) if construct else ()
    carried = (f"payloads/{name}" for name in payloads)
    return (f"cells/{cell}", *bound, *carried, *(f"edits/{name}" for name in edits))


class Drug(Noun):
    """A drug; ``usual`` is the dose given when a scenario names none."""

    usual: str = ""


class Regimen(Strict):
    """Drugs given together, such as lymphodepletion; days are counted from the infusion."""

    label: str
    summary: str = ""
    drugs: tuple[DrugRow, ...] = pydantic.Field(min_length=1)
    sources: tuple[str, ...] = ()
    source: str = ""
    note: str = ""


@dataclass(frozen=True)
class Product:
    """A product as a model and a study need it; ``schedule`` is how it is usually given."""

    name: str
    label: str
    cell: str
    construct: str
    payloads: tuple[str, ...]
    edits: tuple[str, ...]
    process: str
    unit: str
    starting_material: str
    price: Row | None
    schedule: tuple[DoseRow, ...]
    published: tuple[str, ...]
    studied: Studied
    noun: ProductNoun

    @property
    def parts(self) -> tuple[str, ...]:
        """Nouns it is made of, nearest last; ``dataclasses.replace(product, edits=...)`` changes them."""
        return _parts(self.cell, self.construct, self.payloads, self.edits)


KINDS: Mapping[str, str] = {
    "cells": "cell", "constructs": "construct", "payloads": "payload", "edits": "edit", "products": "product",
    "diseases": "disease", "drugs": "drug", "processes": "process", "regimens": "regimen", "hosts": "host",
}  # fmt: skip
"""Folders of the library, and the word for one of their members."""
MODELS: Mapping[str, type[Noun]] = {"diseases": Disease, "hosts": Host, "products": ProductNoun, "drugs": Drug}


def read_noun(kind: str, path: Path) -> tuple[Noun, Document]:
    """One noun's file, its words not yet filled in.

    Raises:
        UserError: not YAML, an unknown key, a value of the wrong sort (file:line).
    """
    document = read_yaml(path)
    if not isinstance(document.data, dict):
        raise UserError("found no mapping; needed 'label: ...' and what the noun brings", Location(str(path), 1))
    return validated(MODELS.get(kind, Noun), document), document


def add_words(text: Any, words: Mapping[str, str], place: object = "") -> Any:
    """``$target`` becomes what ``words`` says, in a text or in everything that a list or mapping holds.

    Raises:
        UserError: a word that nobody defines (nearest suggested).
    """

    def one(match: re.Match[str]) -> str:
        if match[1] not in words:
            problem = f"found ${match[1]}; needed one of {sorted(words)}{nearest(match[1], words)}"
            raise UserError(f"{place}: {problem}" if place else problem)
        return words[match[1]]

    if isinstance(text, str):
        return _WORD.sub(one, text)
    if isinstance(text, Mapping):
        return {_WORD.sub(one, str(key)): add_words(value, words, place) for key, value in text.items()}
    if isinstance(text, list | tuple):
        return type(text)(add_words(item, words, place) for item in text)
    return text

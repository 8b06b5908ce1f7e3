"""Parameter tables: read CSV rows, choose the most specific one, keep it with its source, draw patients from it."""

from __future__ import annotations

import csv
import math
import re
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perforin import units
from perforin.errors import Location, UserError, nearest
from perforin.model.compose import parameter_name
from perforin.model.network import Slot
from perforin.streams import Streams

__all__ = ["COLUMNS", "DISTRIBUTIONS", "KEYS", "KINDS", "STATUSES", "Parameters", "Row", "choose", "known_unit",
           "read_table", "stem"]  # fmt: skip

Array = NDArray[np.float64]

KEYS = ("cell", "antigen", "disease")
"""Columns that say what a row is about; blank means any."""
COLUMNS = ("parameter", *KEYS, "value", "unit", "low", "high", "between_patient_cv", "distribution", "kind", "status",
           "source", "locator", "note")  # fmt: skip
KINDS = ("measured", "fitted", "assumed")
STATUSES = ("read", "memory", "derived", "assumed")
DISTRIBUTIONS = ("lognormal", "normal", "logitnormal", "fixed")
_NAME = re.compile(r"^([A-Za-z_][\w.]*)(?:\[([\w\-+.,]+)\])?$")


@dataclass(frozen=True)
class Row:
    """One number with its unit, its spread between patients, its range and where it comes from."""

    parameter: str
    keys: Mapping[str, str]
    value: float
    unit: str
    low: float
    high: float
    between_patient_cv: float
    distribution: str
    kind: str
    status: str
    source: str
    locator: str
    note: str
    place: str

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise UserError(f"{self.place}: {self.parameter}: {problem}")

    @property
    def stem(self) -> str:
        """The name without its members: ``migration.out`` of ``migration.out[blood]``."""
        return self.parameter.partition("[")[0]

    @property
    def members(self) -> tuple[str, ...]:
        """What stands in the brackets."""
        return tuple(filter(None, self.parameter.rstrip("]").partition("[")[2].split(",")))

    def quantile(self, score: Array) -> Array:
        """Patients' values at standard normal scores (n,); the median is ``value``.

        A positive number spreads log-normally, a fraction (no unit, range within 0 to 1) logit-normally, so that no
        draw is impossible; the standard deviation of the logarithm is sqrt(log(1 + cv^2)), of the logit cv/(1-value).
        """
        cv, fraction = self.between_patient_cv, self.unit == "" and self.value > 0 and self.high <= 1
        if cv == 0 or self.distribution == "fixed" or self.value == 0:
            return np.full(len(score), self.value)
        if self.distribution == "normal":
            return self.value + cv * abs(self.value) * score
        if self.distribution == "logitnormal" or fraction:
            if self.value == 1:
                return np.ones(len(score))
            logit = math.log(self.value / (1 - self.value)) + cv / (1 - self.value) * score
            return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float64)
        return np.asarray(self.value * np.exp(math.sqrt(math.log1p(cv**2)) * score), dtype=np.float64)


@lru_cache(maxsize=1024)
def known_unit(text: str) -> bool:
    """Whether perforin knows the unit; pint raises many kinds of error for a text that is none."""
    try:
        units.short(text)
    except (ArithmeticError, ValueError, TypeError, AttributeError, AssertionError, tokenize.TokenError):
        return False
    return True


def _problems(row: Row) -> Iterator[str]:
    for found, valid, what in (
        (row.kind, KINDS, "kind"),
        (row.status, STATUSES, "status"),
        (row.distribution, DISTRIBUTIONS, "distribution"),
    ):
        if found not in valid:
            yield f"found the {what} {found!r}; needed one of {list(valid)}{nearest(found, valid)}"
    if not _NAME.match(row.parameter):
        yield "found a name that is not 'mechanism.parameter' or 'mechanism.parameter[member]'; needed one of these"
    if not known_unit(row.unit):
        yield f"found the unit {row.unit!r}, which nobody knows; needed one such as '1/day' or 'cell'"
    if not all(map(math.isfinite, (row.value, row.low, row.high, row.between_patient_cv))):
        yield "found a number that is not finite; needed finite value, low, high and between_patient_cv"
    if not row.low <= row.value <= row.high:
        yield f"found low {row.low:g}, value {row.value:g}, high {row.high:g}; needed low <= value <= high"
    if row.between_patient_cv < 0:
        yield f"found between_patient_cv {row.between_patient_cv:g}; needed 0 or more"
    if row.between_patient_cv > 0 and row.distribution == "lognormal" and row.value < 0:
        yield f"found a lognormal spread about {row.value:g}; needed a positive value, or the distribution 'normal'"
    if row.distribution == "logitnormal" and not 0 <= row.value <= 1:
        yield f"found a logitnormal spread about {row.value:g}; needed a value from 0 to 1"
    if row.kind != "assumed" and not row.source:
        yield f"found no source for a {row.kind} number; needed a key of sources.bib, or the kind 'assumed' with a note"
    if row.kind == "assumed" and not row.note:
        yield "found an assumed number without a note; needed one that says why this value"


def _number(text: str, column: str, where: Location, blank: float | None = None) -> float:
    if not text and blank is not None:
        return blank
    try:
        return float(text)
    except ValueError:
        raise UserError(f"found {column} {text!r}; needed a number", where) from None


def read_table(path: str | Path) -> tuple[Row, ...]:
    """The rows of one CSV file; blank low, high and distribution mean the value itself, and fixed when the cv is 0.

    Args:
        path: a file with exactly the columns of ``COLUMNS``.

    Raises:
        UserError: columns, numbers, units, ranges or sources that do not fit; the message begins with file:line.
    """
    path = Path(path)
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if sorted(header) != sorted(COLUMNS):
            _refuse_header(header, Location(str(path), 1))
        rows = []
        for cells in reader:
            if not any(cells):
                continue
            where = Location(str(path), reader.line_num)
            if len(cells) != len(header):
                advice = "a comma inside a text needs quotes"
                raise UserError(f"found {len(cells)} cells; needed {len(header)} ({advice})", where)
            rows.append(_row(dict(zip(header, map(str.strip, cells), strict=True)), path, where))
    return tuple(rows)


def _refuse_header(header: Sequence[str], where: Location) -> None:
    missing, stray = [n for n in COLUMNS if n not in header], [n for n in header if n not in COLUMNS]
    hint = nearest(stray[0], missing) if stray else ""
    raise UserError(f"found missing columns {missing} and unknown or repeated columns {stray or list(header)}{hint}; "
                    f"needed exactly {list(COLUMNS)}", where)  # fmt: skip


def _row(cells: Mapping[str, str], path: Path, where: Location) -> Row:
    value = _number(cells["value"], "value", where)
    cv = _number(cells["between_patient_cv"], "between_patient_cv", where, 0.0)
    try:
        return Row(
            parameter=cells["parameter"],
            keys={key: cells[key] for key in KEYS if cells[key]},
            value=value,
            unit=cells["unit"],
            low=_number(cells["low"], "low", where, value),
            high=_number(cells["high"], "high", where, value),
            between_patient_cv=cv,
            distribution=cells["distribution"] or ("lognormal" if cv else "fixed"),
            kind=cells["kind"],
            status=cells["status"],
            source=cells["source"],
            locator=cells["locator"],
            note=cells["note"],
            place=f"{path.parent.name}/{path.name}:{where.line}",
        )
    except UserError as problem:
        raise UserError(str(problem).partition(": ")[2], where) from None


def choose(
    rows: Iterable[Row], parameter: str, members: Sequence[str] = (), keys: Mapping[str, str] | None = None
) -> Row:
    """The most specific row for a parameter: more members win, then more keys.

    Args:
        rows: candidates, of any parameters.
        parameter: ``mechanism.parameter`` without members.
        members: members of the slot; a row naming some of them fits, one naming another does not.
        keys: what is modelled, such as ``{"cell": "T", "antigen": "CD19"}``; a row's keys must all be among them.

    Raises:
        UserError: two rows fit equally well (both places are named), or none fits (nearest name suggested).
    """
    rows, keys = list(rows), keys or {}
    own = [row for row in rows if row.stem == parameter]
    fitting = [r for r in own if set(r.members) <= set(members) and all(keys.get(k) == v for k, v in r.keys.items())]
    wanted = f"{parameter_name(parameter, '', members)} for {dict(keys) or 'any'}"
    if not own:
        known = sorted({row.stem for row in rows})
        raise UserError(f"found no row for the parameter {wanted}; needed one in a table{nearest(parameter, known)}")
    if not fitting:
        there = "; ".join(f"{row.parameter} {dict(row.keys)} ({row.place})" for row in own[:5])
        raise UserError(f"found no row that fits {wanted}; needed one with these keys or blank ones; there is {there}")
    best = max((len(row.members), len(row.keys)) for row in fitting)
    winners = [row for row in fitting if (len(row.members), len(row.keys)) == best]
    if len(winners) > 1:
        places = " and ".join(row.place for row in winners)
        raise UserError(f"found {len(winners)} rows that fit {wanted} equally well, {places}; needed one more specific")
    return winners[0]


def stem(slot: Slot) -> str:
    """A slot's name without its product, so that arms share their luck."""
    return parameter_name(slot.parameter, "", slot.members)


@dataclass(frozen=True)
class Parameters:
    """One value per slot of a network, with the row that won.

    ``names`` and ``rows`` are in the order of ``network.parameters``; ``stems`` are the names without the product
    part (the names themselves if not given).
    """

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    stems: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if not len(self.names) == len(self.rows) == len(self.stems or self.names):
            raise UserError(f"found {len(self.names)} names and {len(self.rows)} rows; needed one row for each name")

    @classmethod
    def of(cls, slots: Sequence[Slot], rows: Sequence[Row]) -> Parameters:
        """The winning rows of a network's slots.

        Raises:
            UserError: a row's unit is not the slot's unit.
        """
        for slot, row in zip(slots, rows, strict=True):
            if not units.same(slot.unit, row.unit):
                raise UserError(f"{row.place}: found {slot.name} in [{units.short(row.unit)}]; "
                                f"needed [{units.short(slot.unit)}]")  # fmt: skip
        return cls(tuple(slot.name for slot in slots), tuple(rows), tuple(map(stem, slots)))

    @cached_property
    def values(self) -> Array:
        """(parameters,) central values."""
        return np.array([row.value for row in self.rows], dtype=np.float64)

    def table(self) -> pd.DataFrame:
        """One line per parameter with unit, range, spread, kind, status, source and place."""
        columns = ("value", "unit", "low", "high", "between_patient_cv", "kind", "status", "source", "locator", "note",
                   "place")  # fmt: skip
        return pd.DataFrame({"name": self.names} | {c: [getattr(row, c) for row in self.rows] for c in columns})

    def draw(
        self,
        patients: NDArray[np.int64],
        streams: Streams,
        set_by: Mapping[str, Array] | None = None,
        multiplied_by: Mapping[str, Array] | None = None,
    ) -> Array:
        """Each patient's own values.

        Args:
            patients: (n,) patient numbers.
            streams: the shared luck; a parameter's draw depends on the seed, its stem and the patient only.
            set_by: (n,) values by name or stem, in place of value and random effect.
            multiplied_by: (n,) factors by name or stem, in place of the random effect. Names that this network lacks
                are passed over, because arms differ in their parameters.

        Returns:
            (n, parameters).
        """
        set_by, multiplied_by = set_by or {}, multiplied_by or {}
        out = np.empty((len(patients), len(self.names)))
        for column, (name, luck, row) in enumerate(zip(self.names, self.stems or self.names, self.rows, strict=True)):
            given, factor = set_by.get(name, set_by.get(luck)), multiplied_by.get(name, multiplied_by.get(luck))
            if given is None and factor is None and row.between_patient_cv > 0:
                out[:, column] = row.quantile(streams.normal(f"between-patient {luck}", patients))
            else:
                out[:, column] = (row.value if given is None else given) * (1.0 if factor is None else factor)
        return out

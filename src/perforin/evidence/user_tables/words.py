"""Names that people give to columns, parameters and units, as tables; and what perforin calls the same things."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from perforin import units
from perforin.errors import UserError, nearest
from perforin.evidence.parameters import known_unit

__all__ = ["bare", "column_words", "factor", "highest", "parameter_units", "parameter_words", "role_meanings",
           "split_header", "unit_of"]  # fmt: skip

_FOLDER = Path(__file__).parent
_WITH_UNIT = re.compile(r"^(.*?\S)\s*[(\[]([^()\[\]]*)[)\]]\s*$")


def _table(name: str) -> list[dict[str, str]]:
    with (_FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@lru_cache(maxsize=1)
def column_words() -> Mapping[str, str]:
    """The role of a column by each of its usual names."""
    return {word: row["role"] for row in _table("column_words.csv") for word in row["words"].split(";")}


@lru_cache(maxsize=1)
def role_meanings() -> Mapping[str, str]:
    """What each role means."""
    return {row["role"]: row["meaning"] for row in _table("column_words.csv")}


@lru_cache(maxsize=1)
def parameter_words() -> Mapping[str, tuple[str, ...]]:
    """The names in Records that a usual name may mean, its own included: ``CART`` may be copies or cells."""
    found: dict[str, tuple[str, ...]] = {}
    for row in _table("parameter_words.csv"):
        for word in {bare(row["parameter"]), *row["words"].split(";")}:
            found[word] = (*found.get(word, ()), row["parameter"])
    return found


@lru_cache(maxsize=1)
def parameter_units() -> Mapping[str, str]:
    """The unit in Records of each parameter that endpoints know; empty for a number without one."""
    return {row["parameter"]: row["unit"] for row in _table("parameter_words.csv")}


@lru_cache(maxsize=1)
def _unit_words() -> Mapping[str, str]:
    return {word: row["unit"] for row in _table("unit_words.csv") for word in row["words"].split(";")}


def bare(text: str) -> str:
    """A name without case, spaces and signs: ``IL-6`` and ``il_6`` are both ``il6``."""
    return re.sub(r"[^a-z0-9]", "", text.casefold().replace("γ", "gamma"))


def split_header(text: str) -> tuple[str, str]:
    """``Cmax (copies/ug)`` as ``("Cmax", "copies/ug")``; no unit gives the empty text."""
    match = _WITH_UNIT.match(text)
    return (match[1], match[2].strip()) if match else (text.strip(), "")


def unit_of(text: str) -> str:
    """A unit as perforin writes it, from what people write.

    Raises:
        UserError: a unit nobody knows (nearest one suggested).
    """
    plain = " ".join(text.replace("µ", "u").replace("μ", "u").replace("²", "^2").replace("³", "^3").split())
    plain = re.sub(r"\s*/\s*", "/", plain)
    found = _unit_words().get(plain.casefold())
    if found is not None:
        return found
    if not plain or (not plain.isupper() and known_unit(plain)):  # pint reads PG/ML as petagauss and megalitres
        return plain
    raise UserError(f"found the unit {text!r}, which nobody knows; needed one such as 'copies/ug', 'cells/uL' or "
                    f"'pg/mL'{nearest(plain.casefold(), _unit_words())}")  # fmt: skip


def factor(given: str, needed: str) -> float:
    """By how much a number in one unit is multiplied to stand in another.

    Raises:
        UserError: units of different dimensions.
    """
    return 1.0 if given == needed else units.convert(1.0, given, needed)


@lru_cache(maxsize=1)
def highest() -> Mapping[str, float]:
    """The highest value that a parameter can have, where there is one: grades, fractions."""
    return {row["parameter"]: float(row["highest"]) for row in _table("parameter_words.csv") if row["highest"]}

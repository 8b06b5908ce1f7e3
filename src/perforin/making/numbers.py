"""Numbers of a process as its YAML states them: value, unit, range, source; a problem names the file and the line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from perforin import units
from perforin.errors import Location, UserError, nearest
from perforin.evidence.parameters import Row, known_unit
from perforin.yaml_reader import read_yaml

__all__ = ["NUMBER", "Reader"]

NUMBER = ("value", "unit", "low", "high", "cv", "kind", "status", "source", "locator", "note")
"""Keys of a number."""

Keys = tuple[str | int, ...]
_NO_WORD = re.compile(r"[^\w.]+")


@dataclass(frozen=True)
class Reader:
    """Reads the mapping of one process: ``name`` begins the names of its numbers, ``place`` is its file."""

    name: str
    place: str

    def refuse(self, what: str, keys: Keys = ()) -> UserError:
        """The error that says ``what`` at the line where ``keys`` stand, or at the file if there is none to read."""
        if Path(self.place).is_file():
            where = read_yaml(self.place).location(keys)
            return UserError(what, Location(self.place, where.line, where.column))
        return UserError(f"{self.place}: {what}")

    def part(self, mapping: Mapping[str, Any], keys: Keys, known: Sequence[str]) -> Mapping[str, Any]:
        """The mapping under the last of ``keys``, whose own keys must all be ``known``.

        Raises:
            UserError: no such mapping, or a key that is not known.
        """
        name = keys[-1]
        found = mapping.get(str(name))
        if not isinstance(found, Mapping):
            needed = f"needed {name}: {{{', '.join(known)}}}"
            raise self.refuse(f"found no {name!r}, or one that is not a mapping; {needed}", keys)
        self.check_keys(found, keys, known)
        return found

    def check_keys(self, mapping: Mapping[str, Any], keys: Keys, known: Sequence[str]) -> None:
        """Refuse a key that is not known."""
        where = ".".join(map(str, keys)) or "process"
        for stray in mapping.keys() - set(known):
            problem = f"{where}: found the key {stray!r}; needed one of {list(known)}{nearest(str(stray), known)}"
            raise self.refuse(problem, (*keys, stray))

    def choice(self, found: object, valid: Sequence[str], keys: Keys) -> str:
        """A word among those that are valid."""
        if found not in valid:
            what = " ".join(map(str, keys))
            problem = f"found the {what} {found!r}; needed one of {list(valid)}{nearest(str(found), valid)}"
            raise self.refuse(problem, keys)
        return str(found)

    def number(self, mapping: Mapping[str, Any], keys: Keys, unit: str, most: float = np.inf) -> Row:
        """The number under the last of ``keys``, converted to ``unit``, between 0 and ``most``.

        Its row is named by its place, where an item of a list stands with its own name or attribute.

        Raises:
            UserError: none there, a unit of another dimension, a number outside its bounds, no source.
        """
        found, path = self.part(mapping, keys, NUMBER), ".".join(map(str, keys))
        try:
            value, given, cv = float(found["value"]), str(found.get("unit", "")), float(found.get("cv", 0))
            low, high = float(found.get("low", value)), float(found.get("high", value))
        except (KeyError, TypeError, ValueError):
            problem = f"{path}: found {dict(found)}; needed numbers for value, low and high"
            raise self.refuse(problem, keys) from None
        scale = self._scale(given, unit, keys)
        if not 0 <= value * scale <= most:
            needed = "0 or more" if most == np.inf else f"a number from 0 to {most:g}"
            raise self.refuse(f"{path}: found {value * scale:g}; needed {needed}", (*keys, "value"))
        text = {key: str(found.get(key, "")) for key in ("kind", "status", "source", "locator", "note")}
        item = str(mapping.get("name", mapping.get("attribute", "")))
        called = _NO_WORD.sub("_", ".".join([self.name, *(item or str(k) if isinstance(k, int) else k for k in keys)]))
        try:
            row = Row(parameter=called, keys={}, value=value, unit=given, low=low, high=high,
                      between_patient_cv=cv, distribution="lognormal" if cv else "fixed",
                      place="/".join(Path(self.place).parts[-2:]), **text)  # fmt: skip
        except UserError as problem:
            raise self.refuse(path + str(problem).partition(called)[2], keys) from None
        return replace(row, value=value * scale, low=low * scale, high=high * scale, unit=unit)

    def _scale(self, given: str, unit: str, keys: Keys) -> float:
        """What a number in the given unit is multiplied by; 1 for a unit that nobody knows, which ``Row`` refuses."""
        if not known_unit(given) or units.same(given, unit):
            return 1.0
        try:
            return units.convert(1.0, given, unit)
        except UserError as problem:
            raise self.refuse(f"{'.'.join(map(str, keys))}: {problem}", keys) from None

    def positive(self, mapping: Mapping[str, Any], keys: Keys, unit: str, most: float = np.inf) -> Row:
        """As ``number``, and above 0."""
        row = self.number(mapping, keys, unit, most)
        if row.value == 0:
            raise self.refuse(f"{'.'.join(map(str, keys))}: found 0; needed more", (*keys, "value"))
        return row

    def optional(self, mapping: Mapping[str, Any], keys: Keys, unit: str, most: float = np.inf) -> Row | None:
        """As ``number``, or None where there is none."""
        return self.number(mapping, keys, unit, most) if mapping.get(str(keys[-1])) is not None else None

"""Unit definitions of SBML as the texts that perforin writes: (10**-9 mole)/litre is ``nmol/L``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["BUILT_IN", "Factor", "unit_text"]

_KINDS = {
    "gram": "g", "kilogram": "kg", "litre": "L", "liter": "L", "metre": "m", "meter": "m", "mole": "mol",
    "second": "s", "item": "item", "kelvin": "K", "dimensionless": "", "radian": "radian", "ampere": "A",
    "becquerel": "Bq", "candela": "cd", "coulomb": "C", "farad": "F", "gray": "Gy", "henry": "H", "hertz": "Hz",
    "joule": "J", "katal": "kat", "lumen": "lm", "lux": "lx", "newton": "N", "ohm": "ohm", "pascal": "Pa",
    "siemens": "S", "sievert": "Sv", "steradian": "sr", "tesla": "tesla", "volt": "V", "watt": "W", "weber": "Wb",
}  # fmt: skip
_PREFIXES = {
    -18: "a", -15: "f", -12: "p", -9: "n", -6: "u", -3: "m", -2: "c", -1: "d", 0: "", 3: "k", 6: "M", 9: "G",
}  # fmt: skip
_TIMES = {60.0: "minute", 3600.0: "hour", 86400.0: "day", 604800.0: "week", 31557600.0: "year"}
BUILT_IN = {"substance": "mol", "volume": "L", "area": "m**2", "length": "m", "time": "s"}
"""Units that Level 2 gives without a definition."""


class Factor(NamedTuple):
    """One factor of a unit: (multiplier * 10**scale * kind)**exponent."""

    kind: str
    exponent: float
    scale: float
    multiplier: float


def unit_text(factors: Iterable[Factor]) -> str | None:
    """A unit as text; None where perforin has no word for it (a size that is no power of ten, an unknown kind)."""
    above: list[str] = []
    below: list[str] = []
    for factor in factors:
        word = _word(factor)
        if word is None:
            return None
        if word:
            size = abs(factor.exponent)
            (above if factor.exponent > 0 else below).append(word if size == 1 else f"{word}**{size:g}")
    return "/".join(["*".join(above) or "1", *below]) if above or below else ""


def _word(factor: Factor) -> str | None:
    if factor.kind not in _KINDS or not factor.multiplier > 0:
        return None
    size = factor.multiplier * 10.0**factor.scale
    base = _KINDS[factor.kind]
    if factor.kind == "second" and size in _TIMES:
        return _TIMES[size]
    power = round(math.log10(size))
    if not math.isclose(size, 10.0**power, rel_tol=1e-9):
        return None
    if factor.kind == "kilogram":
        base, power = "g", power + 3
    if not base or factor.exponent == 0:
        return "" if power == 0 else None
    if factor.kind == "item":
        return base if power == 0 else None
    return f"{_PREFIXES[power]}{base}" if power in _PREFIXES else None

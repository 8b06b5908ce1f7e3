"""Units as products of the base units of SBML: ``pg/mL`` is gram of scale -12 times litre of scale -3 to the -1."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from perforin.errors import UserError
from perforin.units import registry, same

__all__ = ["BaseUnit", "UnitTable", "is_substance"]

_KINDS = {
    (("[mass]", 1),): ("gram", "gram"),
    (("[length]", 1),): ("metre", "meter"),
    (("[length]", 3),): ("litre", "liter"),
    (("[time]", 1),): ("second", "second"),
    (("[substance]", 1),): ("mole", "mole"),
    (("[temperature]", 1),): ("kelvin", "kelvin"),
    (("[currency]", 1),): ("dimensionless", "USD"),
    (): ("dimensionless", ""),
}
_SHORT = {"milliliter": "mL", "microliter": "uL", "liter": "L", "day": "day", "hour": "hour", "minute": "minute"}
_COUNTED = ("[cell]", "[molecule]", "[copy]", "[dose]", "[division]", "[item]")


class BaseUnit(NamedTuple):
    """One factor of a unit: (multiplier * 10**scale * kind)**exponent."""

    kind: str
    exponent: float
    scale: int
    multiplier: float


def _parts(unit: Any) -> dict[str, float]:
    """Named factors of a pint unit with their powers (pint has no public view of them)."""
    return {str(name): float(power) for name, power in unit._units.items()}  # noqa: SLF001


def _factor(name: str, exponent: float) -> list[BaseUnit]:
    units = registry()
    dimension = tuple(
        sorted((str(key), round(float(str(power)))) for key, power in units.Unit(name).dimensionality.items())
    )
    if len(dimension) == 1 and dimension[0][0] in _COUNTED and dimension[0][1] == 1:
        return [BaseUnit("item", exponent, 0, 1.0)]
    if dimension in _KINDS:
        kind, ours = _KINDS[dimension]
        size = float(str(units.convert(1.0, name, ours)))
        scale = round(math.log10(size))
        whole = math.isclose(size, 10.0**scale, rel_tol=1e-12)
        return [BaseUnit(kind, exponent, scale if whole else 0, 1.0 if whole else size)]
    number, root = units.get_root_units(name)
    parts = _parts(root)
    if parts == {name: 1.0}:
        raise UserError(f"found the unit {name!r}, which SBML cannot express; needed mass, length, time or amount")
    found = [BaseUnit("dimensionless", exponent, 0, float(str(number)))]
    return found + [one for part, power in parts.items() for one in _factor(part, exponent * power)]


def is_substance(unit: str) -> bool:
    """Whether SBML allows a species to be counted in a unit: an amount, a mass, a number of things, or no unit."""
    factors = [one for part, power in _parts(registry().Unit(unit)).items() for one in _factor(part, power)]
    kinds = {one.kind for one in factors if one.kind != "dimensionless"}
    return not kinds or (kinds <= {"mole", "item", "gram"} and len(factors) == 1 and factors[0].exponent == 1)


class UnitTable:
    """Every unit of a model once, by identifier; two spellings of one unit share an identifier."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self.definitions: dict[str, tuple[BaseUnit, ...]] = {}

    def identifier(self, unit: str) -> str:
        """The identifier of a unit: ``pg_per_mL`` for ``pg/mL``, ``dimensionless`` for none."""
        for known, name in self._known.items():
            if known == unit or same(known, unit):
                return name
        parts = _parts(registry().Unit(unit))
        if not parts:
            return self._known.setdefault(unit, "dimensionless")
        above = [_spelled(name, power) for name, power in sorted(parts.items()) if power > 0]
        below = ["per_" + _spelled(name, -power) for name, power in sorted(parts.items(), reverse=True) if power < 0]
        name = "_".join(above + below)
        factors = tuple(one for part, power in parts.items() for one in _factor(part, power))
        if factors == (BaseUnit(name, 1.0, 0, 1.0),):
            return self._known.setdefault(unit, name)
        while name in self.definitions:
            name += "_"
        self.definitions[name] = factors
        return self._known.setdefault(unit, name)


def _spelled(name: str, power: float) -> str:
    text = _SHORT.get(name) or f"{registry().Unit(name):~}" or name
    text = "".join(c if c.isascii() and c.isalnum() else {"µ": "u", "μ": "u"}.get(c, "_") for c in text)
    return text if power == 1 else f"{text}_{power:g}".replace(".", "_").replace("-", "m")

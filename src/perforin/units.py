"""The few units perforin uses: parse, compare, convert. Units live at the border; below the kernels only floats."""

from __future__ import annotations

import math
import re
import tokenize
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from perforin.errors import UserError

if TYPE_CHECKING:
    import pint

__all__ = ["ANY", "convert", "parse_quantity", "registry", "same", "short"]

ANY = "anything"
"""A unit variable: a port so annotated takes the unit of the state it is wired to."""

_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_UNIT = r"((?:1?\s*/\s*)?[^\W\d_%][\w %/*^().-]*|%)?"
_QUANTITY = re.compile(rf"\s*{_NUMBER}\s*{_UNIT}\s*")
_OURS = ("cell", "molecule", "copy", "dose", "division", "item", ANY)


# Annotations for ports and parameters of mechanisms: the text is the unit that is checked.
Anything = Annotated[Any, ANY]
Ratio = Annotated[Any, ""]
Days = Annotated[Any, "day"]
PerDay = Annotated[Any, "1/day"]
Cells = Annotated[Any, "cell"]
PerCell = Annotated[Any, "1/cell"]
CellsPerDay = Annotated[Any, "cell/day"]
PerCellDay = Annotated[Any, "1/cell/day"]
Concentration = Annotated[Any, "cell/uL"]
Density = Annotated[Any, "molecule/cell"]
Nanomolar = Annotated[Any, "nmol/L"]
PgPerML = Annotated[Any, "pg/mL"]
NgPerML = Annotated[Any, "ng/mL"]
UgPerML = Annotated[Any, "ug/mL"]
Dose = Annotated[Any, "dose"]
Litres = Annotated[Any, "L"]


@lru_cache(maxsize=1)
def registry() -> pint.UnitRegistry[Any]:
    """The shared pint registry (0.6 s to import, so only when a unit is read)."""
    import pint

    units: pint.UnitRegistry[Any] = pint.UnitRegistry(cache_folder=None)
    for name in _OURS:
        units.define(f"{name} = [{name}]")
    units.define("USD = [currency]")
    return units


@lru_cache(maxsize=4096)
def same(first: str, second: str) -> bool:
    """Whether two units are equal, not merely of one dimension: pg/mL is not ng/mL."""
    a, b = registry().Unit(first), registry().Unit(second)
    if a.dimensionality != b.dimensionality:
        return False
    return math.isclose(registry().convert(1.0, a, b), 1.0, rel_tol=1e-12)


def short(text: str) -> str:
    """A unit as people write it, ``1 / d`` for ``1/day``; ``-`` when there is none."""
    shown = f"{registry().Unit(text):~}"
    return shown or "-"


def convert(value: float, given: str, needed: str) -> float:
    """``value`` in ``given`` units, as a number in ``needed`` units; UserError when the dimensions differ."""
    import pint

    try:
        return float(registry().Quantity(value, given).to(needed).magnitude)
    except pint.DimensionalityError:
        raise UserError(f"found a value in [{short(given)}]; needed [{short(needed)}]") from None
    except pint.UndefinedUnitError as problem:
        raise UserError(f"{problem}; needed [{short(needed)}]") from None


def parse_quantity(text: object, *alternatives: str) -> tuple[float, str]:
    """Read ``'8e8 cell'`` as ``(8e8, 'cell')``, converted to the first alternative it fits.

    Args:
        text: a number with a unit, as YAML gives it.
        alternatives: the units accepted here; ``""`` accepts a bare number.

    Raises:
        UserError: no number, no unit where one is needed, a unit nobody knows, or one of the wrong dimension.
    """
    import pint

    def wanted() -> str:
        return " or ".join(f"[{short(one)}]" for one in alternatives)

    wrong = (ArithmeticError, AssertionError, SyntaxError, TypeError, ValueError, pint.PintError, tokenize.TokenError)
    parts = _QUANTITY.fullmatch(str(text))
    try:
        if parts is None:
            raise ValueError
        value = float(parts[1])
        unit = (parts[2] or "").strip().replace("^", "**")
        found: Any = registry().Quantity(value, registry().Unit(f"1{unit}" if unit.startswith("/") else unit))
    except wrong:
        raise UserError(f"found {text!r}, which is not a quantity; needed a number with a unit, {wanted()}") from None
    if not math.isfinite(value):
        raise UserError(f"found {text!r}, which is not a finite number; needed {wanted()}")
    for one in alternatives:
        if found.is_compatible_with(registry().Unit(one)):
            return float(found.to(one).magnitude), one
    what = "no unit" if found.unitless else f"the unit [{found.units:~}]"
    raise UserError(f"found {text!r} with {what}; needed {wanted()}, for example '{value:g} {alternatives[0]}'")

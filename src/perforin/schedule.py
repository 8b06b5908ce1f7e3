"""What is given, how much and when: infusions, drugs and rescue, in days from the infusion."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from perforin import units
from perforin.distributions import Quantity, quantity
from perforin.errors import UserError
from perforin.yaml_reader import Strict, problem_at

__all__ = ["Amount", "Condition", "Day", "DoseRow", "DrugRow", "RedoseRow", "RescueRow", "amount", "day", "fits"]

Array = NDArray[np.float64]

_CONDITION = re.compile(r"\s*(CRS|ICANS)\s*(>=|>)\s*([0-5])\s*")
_FALLS = re.compile(r"\s*([A-Za-z]\w*)\s*<\s*(\d.*)")
_PER = {"kg": "weight", "m**2": "body_surface"}


def day(value: Any) -> float:
    """A day, written as a number or with a unit of time (``2 week``).

    Raises:
        UserError: neither.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return units.parse_quantity(value, "day")[0] if isinstance(value, str) else _not_a_day(value)


def _not_a_day(value: Any) -> float:
    raise UserError(f"found the day {value!r}; needed a number of days, such as 0 or '2 week'")


def _checked_day(value: Any) -> float:
    try:
        return day(value)
    except UserError as problem:
        raise ValueError(str(problem)) from None


Day = Annotated[
    float,
    pydantic.BeforeValidator(_checked_day),
    pydantic.WithJsonSchema({"type": ["number", "string"], "examples": [0, "2 week"]}),
]


@dataclass(frozen=True)
class Amount:
    """How much: a fixed amount, or one per kg or per m^2 with a cap in the amount's own unit."""

    value: float
    unit: str
    cap: tuple[float, str] | None = None

    def each(self, unit: str, columns: Mapping[str, Array], patients: int) -> Array:
        """(patients,) amounts in ``unit``.

        Args:
            unit: that of the noun's dose.
            columns: weight [kg] and body_surface [m^2] where a dose needs them; without body_surface it is taken from
                the weight, (4 kg + 7) / (kg + 90).
            patients: how many.

        Raises:
            UserError: a unit of another dimension, or no weight for a dose per kg.
        """
        per = fits(self, unit)
        if not per:
            out: Array = np.full(patients, units.convert(self.value, self.unit, unit))
        else:
            out = _size(per, columns) * units.convert(self.value, self.unit, f"({unit})/{per}")
        if self.cap is None:
            return out
        return np.asarray(np.minimum(out, units.convert(*self.cap, unit)), dtype=np.float64)


def _size(per: str, columns: Mapping[str, Array]) -> Array:
    if _PER[per] in columns:
        return np.asarray(columns[_PER[per]], dtype=np.float64)
    if "weight" not in columns:
        raise UserError(f"found a dose per {per} and no covariate 'weight'; needed one in patients.covariates")
    weight = columns["weight"]
    return np.asarray((4 * weight + 7) / (weight + 90), dtype=np.float64)


def fits(given: Amount, unit: str, allowed: Iterable[str] = ("kg", "m**2")) -> str:
    """What the amount is per: nothing, or one of ``allowed``.

    Raises:
        UserError: it is none of these.
    """
    allowed = () if "/" in unit else tuple(allowed)
    for per in ("", *allowed):
        needed = f"({unit})/{per}" if per else unit
        found = units.registry().Unit(given.unit)
        if found.is_compatible_with(units.registry().Unit(needed)):
            return per
    what = f"[{units.short(given.unit)}]" if given.unit else "no unit"
    shown = [units.short(unit), *(units.short(f"({unit})/{per}") for per in allowed)]
    raise UserError(f"found {given.value:g} with {what}; needed [{'] or ['.join(shown)}], "
                    f"for example '{given.value:g} {unit}'")  # fmt: skip


def amount(dose: str, cap: str | None = None) -> Amount:
    """Read a dose and its cap.

    Raises:
        UserError: not a quantity, negative, or a cap without its unit.
    """
    value, unit = quantity(dose)
    limit = quantity(cap) if cap is not None else None
    for number, text in ((value, dose), (limit[0] if limit else 0.0, cap)):
        if number < 0:
            raise UserError(f"found the dose {text!r}; needed 0 or more")
    return Amount(value, unit, limit)


class _Timed(Strict):
    """Something given on days, and where that was read."""

    dose: Quantity
    day: Day | None = None
    days: tuple[Day, ...] | None = None
    status: Literal["", "read", "memory", "derived", "assumed"] = ""
    source: str = ""
    locator: str = ""
    note: str = ""

    @cached_property
    def amount(self) -> Amount:
        """How much each time."""
        return amount(self.dose, getattr(self, "cap", None))

    @cached_property
    def times(self) -> tuple[float, ...]:
        """Days on which it is given, rising."""
        return tuple(sorted((self.day,) if self.day is not None else self.days or ()))

    @pydantic.model_validator(mode="after")
    def _readable(self) -> _Timed:
        try:
            _ = self.amount
        except UserError as problem:
            raise problem_at("dose", str(problem)) from None
        if self.day is not None and self.days is not None:
            raise ValueError("found 'day' and 'days'; needed one of them")
        times = self.times
        if not times:
            raise ValueError("found a dose on no day; needed 'day: 0' or 'days: [0, 7, 14]'" + self._other())
        if len(set(times)) < len(times) or not all(map(math.isfinite, times)):
            raise ValueError(f"found the days {list(times)}; needed each day once")
        return self

    def _other(self) -> str:
        return ""


class DoseRow(_Timed):
    """An infusion of cells: ``{day: 0, dose: 2e6 cell/kg, cap: 2e8 cell}``."""

    cap: Quantity | None = None
    product: str = ""

    @pydantic.model_validator(mode="after")
    def _in_cells(self) -> DoseRow:
        try:
            fits(self.amount, "cell", ("kg",))
        except UserError as problem:
            raise problem_at("dose", str(problem)) from None
        try:
            _ = self.amount.cap is None or units.convert(*self.amount.cap, "cell")
        except UserError as problem:
            raise problem_at("cap", str(problem)) from None
        return self


class DrugRow(_Timed):
    """A drug on days, or ``every: 21 day`` from ``start`` to ``until``."""

    drug: str
    every: Day | None = None
    start: Day = 0.0
    until: Day | None = None

    @cached_property
    def times(self) -> tuple[float, ...]:
        """Days on which it is given, rising."""
        if self.every is None or self.until is None or self.every <= 0 or self.until < self.start:
            return tuple(sorted((self.day,) if self.day is not None else self.days or ()))
        count = math.floor((self.until - self.start) / self.every + 1e-9) + 1
        return tuple(self.start + i * self.every for i in range(count))

    @pydantic.model_validator(mode="after")
    def _one_way(self) -> DrugRow:
        listed = self.day is not None or self.days is not None
        if (self.every is not None or self.until is not None) and (listed or None in (self.every, self.until)):
            raise ValueError("found an incomplete or double timing; needed 'day', 'days', or 'every' with 'until'")
        return self

    def _other(self) -> str:
        return ", or 'every: 21 day' with 'until: 180 day'"


@dataclass(frozen=True)
class Condition:
    """When rescue is given: the first day on which ``toxicity`` reaches ``grade``."""

    toxicity: str
    grade: int


class RescueRow(Strict):
    """A drug against a toxicity: ``{drug: tocilizumab, dose: 8 mg/kg, when: CRS >= 2}``."""

    drug: str
    dose: Quantity = ""
    when: str

    @cached_property
    def condition(self) -> Condition:
        """When it is given."""
        match = _CONDITION.fullmatch(self.when)
        grade = int(match[3]) + (match[2] == ">") if match else 0
        if match is None or not 1 <= grade <= 5:
            raise UserError(f"found {self.when!r}; needed a toxicity and a grade, such as 'CRS >= 2' or 'ICANS >= 2'")
        return Condition(match[1], grade)

    @cached_property
    def amount(self) -> Amount | None:
        """How much; None is the drug's usual dose."""
        return amount(self.dose) if self.dose else None

    @pydantic.model_validator(mode="after")
    def _readable(self) -> RescueRow:
        try:
            _ = self.amount
        except UserError as problem:
            raise problem_at("dose", str(problem)) from None
        try:
            _ = self.condition
        except UserError as problem:
            raise problem_at("when", str(problem)) from None
        return self


class RedoseRow(Strict):
    """Cells again: ``{dose: 8e8 cell, when: product_blood < 1 cell/uL, after: 28, until: 180, most: 2}``."""

    dose: Quantity
    cap: Quantity | None = None
    product: str = ""
    when: str
    after: Day = 0.0
    until: Day | None = None
    most: int = pydantic.Field(default=1, ge=1)

    @cached_property
    def amount(self) -> Amount:
        """How much each time."""
        return amount(self.dose, self.cap)

    @cached_property
    def level(self) -> tuple[str, float, str]:
        """The observable, the level that it falls below, and its unit."""
        match = _FALLS.fullmatch(self.when)
        if match is None:
            raise UserError(f"found {self.when!r}; needed an observable and a level: 'product_blood < 1 cell/uL'")
        return (match[1], *quantity(match[2]))

    @pydantic.model_validator(mode="after")
    def _readable(self) -> RedoseRow:
        for key, read in (("dose", lambda: fits(self.amount, "cell", ("kg",))), ("when", lambda: self.level)):
            try:
                _ = read()
            except UserError as problem:
                raise problem_at(key, str(problem)) from None
        if self.until is not None and self.after >= self.until:
            raise ValueError(f"found 'after: {self.after:g}' and 'until: {self.until:g}'; needed an earlier first day")
        return self

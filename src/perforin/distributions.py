"""How patients differ: distributions of covariates as a file states them, with units, bounds and correlations."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, ndtri

from perforin import units
from perforin.errors import UserError, nearest
from perforin.evidence.parameters import known_unit
from perforin.yaml_reader import Strict

__all__ = [
    "KNOWN_UNITS", "Correlation", "Covariate", "Population", "Quantity", "Unit", "check_correlations", "quantity",
]  # fmt: skip

Array = NDArray[np.float64]

KNOWN_UNITS: Mapping[str, str] = {"weight": "kg", "height": "cm", "body_surface": "m^2", "age": "year"}
"""Covariates that doses and reports read, and the unit their columns have."""

_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*")
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "lognormal": ("median", "cv"),
    "normal": ("mean", "sd"),
    "truncnorm": ("mean", "sd", "low", "high"),
    "uniform": ("low", "high"),
    "beta": ("mean", "sd"),
    "categorical": ("levels",),
    "constant": ("value",),
}
_BOUNDED = ("lognormal", "normal", "truncnorm")
_QUANTITIES = ("median", "mean", "value", "low", "high", "sd")


def _as_text(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    pydantic.BeforeValidator(_as_text),
    pydantic.WithJsonSchema({"type": ["string", "number"], "examples": ["8e8 cell", "30 mg/m^2", "24 day"]}),
]
"""A number with its unit, kept as text until it is known which unit is needed."""


def _known(unit: str) -> str:
    if not known_unit(unit):
        raise ValueError(f"found the unit {unit!r}, which nobody knows; needed one such as '1/day' or 'cell'")
    return unit


Unit = Annotated[str, pydantic.AfterValidator(_known)]
"""A unit that perforin knows; empty for a number without one."""


def quantity(text: str) -> tuple[float, str]:
    """Value and unit of a text such as ``30 mg/m^2``, in the unit written.

    Raises:
        UserError: no number, or a unit nobody knows.
    """
    match = _NUMBER.match(text)
    unit = text[match.end() :].strip().replace("^", "**") if match else ""
    if match is None or not known_unit(unit):
        raise UserError(f"found {text!r}, which is not a quantity; needed a number with a unit, such as '8e8 cell'")
    return units.parse_quantity(text, unit)


class Covariate(Strict):
    """One number of a patient and how it is distributed; ``sets`` or ``multiplies`` parameters of the model.

    The median of a ``lognormal`` is its ``median`` and ``cv`` its coefficient of variation. ``low`` and ``high`` cut
    off a lognormal, normal or truncnorm. A categorical column holds the level's place, or its number if all are.
    """

    distribution: Literal["lognormal", "normal", "truncnorm", "uniform", "beta", "categorical", "constant"]
    median: Quantity | None = None
    mean: Quantity | None = None
    sd: Quantity | None = None
    cv: float | None = None
    low: Quantity | None = None
    high: Quantity | None = None
    value: Quantity | None = None
    unit: Unit | None = None
    levels: dict[str | int, float] = pydantic.Field(default_factory=dict)
    sets: str | dict[str, dict[str | int, Quantity]] = ""
    multiplies: tuple[str, ...] | dict[str, dict[str | int, float]] = ()
    kind: Literal["measured", "fitted", "assumed"] = "assumed"
    status: Literal["read", "memory", "derived", "assumed"] = "assumed"
    source: str = ""
    locator: str = ""
    note: str = ""

    @pydantic.field_validator("multiplies", mode="before")
    @classmethod
    def _one_name(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    @pydantic.model_validator(mode="after")
    def _possible(self) -> Covariate:
        needed = _NEEDED[self.distribution]
        for name in needed:
            if getattr(self, name) in (None, {}):
                raise ValueError(f"found a {self.distribution} without {name!r}; needed {', '.join(needed)}")
        allowed = {*needed, *(("low", "high") if self.distribution in _BOUNDED else ())}
        for name in (*_QUANTITIES, "cv", "levels"):
            if name not in allowed and getattr(self, name) not in (None, {}):
                raise ValueError(f"found {name!r} with a {self.distribution}; needed {', '.join(needed)}")
        try:
            self._check(self.numbers)
        except UserError as problem:
            raise ValueError(str(problem)) from None
        return self

    def _check(self, number: Mapping[str, float]) -> None:
        if self.cv is not None and not 0 <= self.cv < math.inf:
            raise UserError(f"found cv {self.cv:g}; needed 0 or more")
        if number.get("sd", 0.0) < 0:
            raise UserError(f"found sd {number['sd']:g}; needed 0 or more")
        if number.get("median", 1.0) <= 0:
            raise UserError(f"found a lognormal of median {number['median']:g}; needed more than 0")
        low, high = number.get("low", -math.inf), number.get("high", math.inf)
        if not low < high:
            raise UserError(f"found low {low:g} and high {high:g}; needed low below high")
        centre = number.get("median", number.get("mean"))
        if centre is not None and not low <= centre <= high:
            raise UserError(f"found {centre:g} outside low {low:g} and high {high:g}; needed it between them")
        if self.distribution == "beta":
            mean, sd = number["mean"], number["sd"]
            if not (0 < mean < 1 and 0 < sd**2 < mean * (1 - mean)):
                raise UserError(f"found a beta of mean {mean:g} and sd {sd:g}; needed 0 < sd^2 < mean (1 - mean)")
        if self.levels:
            shares = list(self.levels.values())
            if min(shares) < 0 or not math.isclose(sum(shares), 1.0, abs_tol=1e-6):
                raise UserError(f"found levels whose shares are {shares}, sum {sum(shares):g}; needed 0 or more, sum 1")
        for texts in [*_tables(self.sets), *_tables(self.multiplies)]:
            if set(map(str, texts)) != set(map(str, self.levels)):
                raise UserError(f"found values for {list(texts)}; needed one for each level, {list(self.levels)}")

    @cached_property
    def numbers(self) -> dict[str, float]:
        """Median, mean, sd, low, high and value as far as given, in ``written_unit``."""
        return {
            name: units.parse_quantity(text, self.written_unit)[0]
            for name in _QUANTITIES
            if (text := getattr(self, name)) is not None
        }

    @cached_property
    def written_unit(self) -> str:
        """The unit of the column: ``unit``, or that of the first number."""
        if self.unit is not None:
            return self.unit.replace("^", "**")
        return next((quantity(text)[1] for n in _QUANTITIES if (text := getattr(self, n)) is not None), "")

    @cached_property
    def codes(self) -> Array:
        """(levels,) what a categorical column holds for each level."""
        names = [str(name) for name in self.levels]
        numeric = all(_NUMBER.fullmatch(name) for name in names)
        return np.array([float(name) for name in names] if numeric else range(len(names)), dtype=np.float64)

    def quantile(self, share: Array) -> Array:
        """(n,) values at shares (n,) of the distribution, in ``written_unit``."""
        number = self.numbers
        if self.distribution == "constant":
            return np.full(len(share), number["value"])
        if self.distribution == "uniform":
            return np.asarray(number["low"] + (number["high"] - number["low"]) * share)
        if self.distribution == "beta":
            mean, sd = number["mean"], number["sd"]
            size = mean * (1 - mean) / sd**2 - 1
            return np.asarray(betaincinv(mean * size, (1 - mean) * size, share), dtype=np.float64)
        if self.distribution == "categorical":
            ends = np.cumsum(list(self.levels.values()))
            place = np.minimum(np.searchsorted(ends, share, side="right"), len(ends) - 1)
            return np.asarray(self.codes[place])
        return self._bell(share, number)

    def _bell(self, share: Array, number: Mapping[str, float]) -> Array:
        logarithm = self.distribution == "lognormal"
        centre = math.log(number["median"]) if logarithm else number["mean"]
        spread = math.sqrt(math.log1p((self.cv or 0.0) ** 2)) if logarithm else number["sd"]
        if spread == 0:
            return np.full(len(share), number["median"] if logarithm else centre)
        low, high = number.get("low", -math.inf), number.get("high", math.inf)
        if logarithm:
            low, high = math.log(low) if low > 0 else -math.inf, math.log(high)
        first, last = ndtr((low - centre) / spread), ndtr((high - centre) / spread)
        value = centre + spread * ndtri(first + share * (last - first))
        return np.asarray(np.exp(value) if logarithm else value, dtype=np.float64)

    def by_level(self, column: Array, values: Mapping[Any, float]) -> Array:
        """(n,) the value that each patient's level stands for; ``column`` is this covariate's."""
        texts = {str(level): value for level, value in values.items()}
        ordered = np.array([texts[str(level)] for level in self.levels])
        order = np.argsort(self.codes)
        return np.asarray(ordered[order][np.searchsorted(self.codes[order], column)])


def _tables(given: object) -> Iterable[Mapping[Any, Any]]:
    return given.values() if isinstance(given, Mapping) else ()


Correlation = tuple[str, str, float]


class Population(Strict):
    """Covariates of the patients, and the correlations of their normal scores."""

    covariates: dict[str, Covariate] = pydantic.Field(default_factory=dict)
    correlations: tuple[Correlation, ...] = ()

    @pydantic.model_validator(mode="before")
    @classmethod
    def _usual_units(cls, data: Any) -> Any:
        """``weight`` is in kg and so on, whatever unit a file writes."""
        if not isinstance(data, Mapping) or not isinstance(data.get("covariates"), Mapping):
            return data
        covariates = {
            name: {**one, "unit": KNOWN_UNITS[name]}
            if name in KNOWN_UNITS and isinstance(one, Mapping) and one.get("distribution") != "categorical"
            else one
            for name, one in data["covariates"].items()
        }
        return {**data, "covariates": covariates}

    def with_more(self, other: Population) -> Population:
        """Those of ``other`` added; a covariate or pair that both have is ``other``'s."""
        pairs = {frozenset(pair[:2]): pair for pair in (*self.correlations, *other.correlations)}
        merged = {**self.covariates, **other.covariates}
        kept = tuple(
            pair for pair in pairs.values() if {pair[0], pair[1]} <= merged.keys() or pair in other.correlations
        )
        return Population.model_construct(covariates=merged, correlations=kept)


def check_correlations(population: Population) -> None:
    """Refuse what is no correlation matrix.

    Raises:
        UserError: an unknown covariate, one with itself, a number beyond -1 to 1, or a matrix not positive definite.
    """
    names = list(population.covariates)
    matrix = np.eye(len(names))
    for first, second, value in population.correlations:
        for name in (first, second):
            if name not in names:
                problem = f"found a correlation with {name!r}; needed a covariate, one of {names}{nearest(name, names)}"
                raise UserError(problem)
        if first == second or not -1 < value < 1:
            raise UserError(
                f"found [{first}, {second}, {value:g}]; needed two covariates and a number between -1 and 1"
            )
        i, j = names.index(first), names.index(second)
        matrix[i, j] = matrix[j, i] = value
    lowest = float(np.linalg.eigvalsh(matrix).min()) if names else 1.0
    if lowest <= 0:
        raise UserError(
            f"found correlations whose matrix has the eigenvalue {lowest:.3g}; needed a positive definite one "
            "(weaken the correlations or leave one out)"
        )

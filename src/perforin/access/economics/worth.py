"""What a life after an infusion is worth and costs: the numbers of values.csv times the time in each state."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perforin.access.cost import cost_rows
from perforin.access.economics.survival import Background
from perforin.evidence.parameters import Parameters, Row, choose, read_table

__all__ = ["COST", "EFFECT", "FEATURES", "background", "central", "value_parameters", "value_rows",
           "valued"]  # fmt: skip

Array = NDArray[np.float64]

FEATURES = ("first_year", "later", "active", "life_years", "crs_1", "crs_2", "crs_3", "icans_1", "icans_3",
            "severe_one", "severe_both", "infused", "apheresis", "product")  # fmt: skip
"""What is counted of a life.

Discounted years free of progression in the first year after infusion and later, and with active disease; years alive,
not discounted; shares with each highest grade, with one severe toxicity and with both; shares infused and collected
from; USD for products."""

EFFECT: Mapping[str, tuple[str, float]] = {
    "first_year": ("utility.first_year", 1), "later": ("utility.remission", 1), "active": ("utility.active_disease", 1),
    "crs_1": ("loss.crs[1]", -1), "crs_2": ("loss.crs[2]", -1), "crs_3": ("loss.crs[3]", -1),
    "icans_1": ("loss.icans[1]", -1), "icans_3": ("loss.icans[3]", -1),
}  # fmt: skip
"""Worth of a feature [year in full health]: the number, and its sign."""
COST: Mapping[str, str] = {
    "first_year": "cost.progression_free", "later": "cost.progression_free", "active": "cost.active_disease",
    "severe_one": "cost.severe[one]", "severe_both": "cost.severe[both]", "infused": "cost.care",
    "apheresis": "cost.apheresis",
}  # fmt: skip
"""Cost of a feature [USD]; products are in USD already."""


@lru_cache(maxsize=1)
def value_rows() -> tuple[Row, ...]:
    """The numbers of values.csv, and what an apheresis costs."""
    return (*read_table(Path(__file__).with_name("values.csv")), choose(cost_rows(), "cost.apheresis"))


def value_parameters() -> Parameters:
    """These numbers for a table of parameters."""
    rows = value_rows()
    return Parameters(tuple(row.parameter for row in rows), rows)


def central(name: str) -> float:
    """The central value of a number of values.csv."""
    stem, _, member = name.rstrip("]").partition("[")
    return choose(value_rows(), stem, [member] if member else []).value


def background() -> Background:
    """Mortality in lasting remission, at central values: that of people of the age of enrolment, times its excess."""
    return Background(central("background.hazard") * central("tail.excess"), central("background.slope"))


def valued(counted: Mapping[str, Array], values: Mapping[str, Array]) -> tuple[Array, Array]:
    """Cost [USD] and quality-adjusted life-years per patient enrolled, each (draws,).

    Args:
        counted: (draws,) of each of ``FEATURES``, a mean over patients.
        values: (draws,) of each number of values.csv, as ``uncertain.draw`` gives them.
    """
    effect = sum(sign * counted[name] * values[number] for name, (number, sign) in EFFECT.items())
    cost = counted["product"] + sum(counted[name] * values[number] for name, number in COST.items())
    return np.asarray(cost, dtype=np.float64), np.asarray(effect, dtype=np.float64)

"""What is left of a life where follow-up ends: until a point of cure some relapse, then none; all age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.access.economics.discounting import discount
from perforin.access.economics.lives import QUARTERS

__all__ = ["Remaining", "remaining"]

Array = NDArray[np.float64]

MONTHS_A_QUARTER = 3
STEPS_A_YEAR = 12
SMALL = 1e-300
"""Keeps a step without hazard from being divided by."""
AT_ONCE = 1000
"""Draws whose curves are held at once; nothing depends on it but memory."""


@dataclass(frozen=True)
class Remaining:
    """Expected years still to come, (draws, quarters) by the quarter year in which follow-up ended.

    Discounted to the infusion, for those free of progression: ``first_year``, ``later`` and with ``active`` disease
    after a relapse; for those with active disease: ``active_from_active``. Not discounted: ``years_free`` and
    ``years_active`` of life for either.
    """

    first_year: Array
    later: Array
    active: Array
    active_from_active: Array
    years_free: Array
    years_active: Array


def remaining(relapse: Array, death: Array, values: Mapping[str, Array], rate: float, horizon: float) -> Remaining:
    """Years to come of those who live on.

    Args:
        relapse: (draws,) hazard of those free of progression until ``tail.cure_point`` [1/year].
        death: (draws,) hazard with active disease, on top of the background [1/year].
        values: (draws,) of ``background.hazard``, ``background.slope``, ``tail.cure_point`` and ``tail.excess``.
        rate: of discounting [1/year].
        horizon: after which nothing counts [year].
    """
    parts = []
    for first in range(0, len(relapse), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        own = {name: column[some, None] for name, column in values.items()}
        parts.append(_block(relapse[some, None], death[some, None], own, rate, horizon))
    return Remaining(*(np.concatenate([part[i] for part in parts]) for i in range(6)))


def _block(relapse: Array, death: Array, values: Mapping[str, Array], rate: float, horizon: float) -> tuple[Array, ...]:
    years = np.linspace(0.0, horizon, round(horizon * STEPS_A_YEAR) + 1)
    step = years[1]
    at = slice(0, MONTHS_A_QUARTER * QUARTERS, MONTHS_A_QUARTER)
    slope = values["background.slope"]
    known = values["background.hazard"] * np.expm1(slope * years) / slope
    cure = values["tail.cure_point"]
    # Hazards that have come together; survival itself may be too small for a number.
    free = relapse * np.minimum(years, cure) + values["tail.excess"] * known
    active = death * years + known
    worth, ones = np.broadcast_to(discount(years, rate), free.shape), np.ones_like(free)
    all_free, after, plain = (
        _ahead(hazard, _pieces(hazard, flow, step)) for hazard, flow in ((free, worth), (active, worth), (active, ones))
    )
    # Of those free of progression who leave in a step, as many relapse as the hazard's share; in its middle.
    left, gone = np.diff(free), relapse * np.diff(np.minimum(years, cure))
    relapsing = -np.expm1(-left) * gone / np.maximum(left, SMALL)
    year = slice(STEPS_A_YEAR, STEPS_A_YEAR + 1)
    later = np.where(years < 1, np.exp(np.minimum(free - free[:, year], 0.0)) * all_free[:, year], all_free)
    return (
        (all_free - later)[:, at], later[:, at], _ahead(free, relapsing * _middle(after))[:, at], after[:, at],
        _ahead(free, _pieces(free, ones, step) + relapsing * _middle(plain))[:, at], plain[:, at],
    )  # fmt: skip


def _middle(values: Array) -> Array:
    return (values[:, :-1] + values[:, 1:]) / 2


def _pieces(hazard: Array, flow: Array, step: float) -> Array:
    """(draws, T - 1) what flows [1/year] in each step to those who live at its begin, by the trapezoid rule."""
    return (flow[:, :-1] + np.exp(-np.diff(hazard)) * flow[:, 1:]) * (step / 2)


def _ahead(hazard: Array, pieces: Array) -> Array:
    """(draws, T) what is still to come at each time to those who live then.

    Args:
        hazard: (draws, T) come together since time 0.
        pieces: (draws, T - 1) that come in each step to those who live at its begin.
    """
    kept, out = np.exp(-np.diff(hazard)), np.zeros_like(hazard)
    for place in range(out.shape[1] - 2, -1, -1):
        out[:, place] = pieces[:, place] + kept[:, place] * out[:, place + 1]
    return out

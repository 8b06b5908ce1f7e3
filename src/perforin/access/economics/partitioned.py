"""Partitioned survival on published curves, over many draws: time in each state is the area between the curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin import units
from perforin.access.economics.appraisal import Appraisal, Arm, Curve
from perforin.access.economics.decisions import Draws
from perforin.access.economics.discounting import discount
from perforin.access.economics.survival import Fit, fit
from perforin.access.economics.uncertain import draw, share_draws
from perforin.access.economics.worth import EFFECT, FEATURES, background, central, value_rows, valued
from perforin.errors import UserError
from perforin.evidence.parameters import Row
from perforin.streams import Streams

__all__ = ["Appraised", "Side", "appraise"]

Array = NDArray[np.float64]
STEPS_A_YEAR = 12
_UNUSED = ("tail.", "loss.", "background.", "discount.", "worth.", "horizon.")
"""Numbers that a comparison of published curves does not draw: it knows shares with severe toxicity, no grades."""


@dataclass(frozen=True)
class Side:
    """One arm's curves.

    ``alive`` and ``free`` of progression (T,), means of the draws; ``crossed`` is the share of draws in which somewhere
    fewer were alive than free of progression: there the smaller number counts for both. ``infused`` is the mean share;
    ``cost``, ``effect`` and ``life_years`` are the base case: everything at its central value.
    """

    overall: Fit
    progression_free: Fit
    alive: Array
    free: Array
    crossed: float
    infused: float
    cost: float
    effect: float
    life_years: float


@dataclass(frozen=True)
class Appraised:
    """What came out.

    ``draws`` of cost and quality-adjusted years per patient enrolled; ``life_years`` (draws, arms), not discounted; the
    ``sides`` by arm, with curves at ``years`` (T,).
    """

    draws: Draws
    life_years: Array
    years: Array
    sides: Mapping[str, Side]


def appraise(appraisal: Appraisal, count: int, streams: Streams) -> Appraised:
    """Costs and quality-adjusted life-years per patient enrolled, in each of ``count`` draws.

    Uncertain are the curves (by their fits), the share infused and with toxicity (by their counts), and each number of
    values.csv and price with a range. Those never infused live on with active disease. Numbers that arms share are
    drawn once. Half-cycle correction is the trapezoid rule on monthly steps.

    Raises:
        UserError: milestones that no curve of the family has, with the arm and the curve.
    """
    rows = [row for row in value_rows() if not row.parameter.startswith(_UNUSED)]
    none = {number: np.zeros(1) for number, _ in EFFECT.values() if number.startswith("loss.")}
    values = draw(rows, count, streams) | none
    centre = {row.parameter: np.array([row.value]) for row in rows} | none
    known = {row.parameter: values[row.parameter] for row in rows if row.low < row.high}
    horizon = central("horizon.years")
    years = np.linspace(0.0, horizon, round(horizon * STEPS_A_YEAR) + 1)
    cost, effect, life, sides = [], [], [], {}
    for name, arm in appraisal.arms.items():
        overall, free = fits = tuple(
            _fitted(curve, f"{name}, {what}") for what, curve in (
                ("overall_survival", arm.overall_survival),
                ("progression_free_survival", arm.progression_free_survival),
            )
        )  # fmt: skip
        price = arm.price.row(f"price.{name}", name)
        drawn = _drawn(name, arm, fits, price, count, streams)
        counted, areas = _lives(arm, drawn, fits, values, years)
        spent, lived = valued(counted, values)
        cost.append(spent)
        effect.append(lived)
        life.append(counted["life_years"])
        base, _ = _lives(arm, _central(arm, fits, price), fits, centre, years)
        paid, gained = valued(base, centre)
        sides[name] = Side(overall, free, areas.alive.mean(axis=0), areas.free.mean(axis=0), areas.crossed,
                           float(drawn.infused.mean()), float(paid[0]), float(gained[0]),
                           float(base["life_years"][0]))  # fmt: skip
        known |= {f"{name}: share infused": drawn.infused, f"{name}: survival of the infused": areas.alive.sum(axis=1),
                  f"{name}: time free of progression": areas.free.sum(axis=1)}  # fmt: skip
        known |= {price.parameter: drawn.paid} if price.low < price.high else {}
    draws = Draws(tuple(appraisal.arms), np.column_stack(cost), np.column_stack(effect), known)
    return Appraised(draws, np.column_stack(life), years, sides)


def _fitted(curve: Curve, place: str) -> Fit:
    try:
        return fit(curve.data(), curve.family, cure=curve.cure, background=background())
    except UserError as problem:
        raise UserError(f"{place}: {problem}") from None


@dataclass(frozen=True)
class _Inputs:
    """What an arm is in each of some draws: (draws, k) parameters of the curves, and (draws,) the rest."""

    alive: Array
    free: Array
    infused: Array
    paid: Array
    severe_one: Array
    severe_both: Array


def _drawn(name: str, arm: Arm, fits: Sequence[Fit], price: Row, count: int, streams: Streams) -> _Inputs:
    # One luck for both curves: where more live on, more do so free of progression.
    alive, free = (curve.draws(f"{name} survival", count, streams) for curve in fits)
    return _Inputs(alive, free, share_draws(f"{name} infused", arm.infused, arm.enrolled, count, streams),
                   draw([price], count, streams)[price.parameter],
                   share_draws(f"{name} severe one", arm.severe_one, arm.toxicity_of, count, streams),
                   share_draws(f"{name} severe both", arm.severe_both, arm.toxicity_of, count, streams))  # fmt: skip


def _central(arm: Arm, fits: Sequence[Fit], price: Row) -> _Inputs:
    shares = (arm.infused / arm.enrolled, price.value, arm.severe_one / arm.toxicity_of,
              arm.severe_both / arm.toxicity_of)  # fmt: skip
    return _Inputs(*(curve.estimate[None] for curve in fits), *(np.array([share]) for share in shares))


@dataclass(frozen=True)
class _Areas:
    """(draws, T) shares of the infused alive and free of progression, and the share of draws in which they cross."""

    alive: Array
    free: Array
    crossed: float


def _lives(arm: Arm, given: _Inputs, fits: Sequence[Fit], values: Mapping[str, Array],
           years: Array) -> tuple[dict[str, Array], _Areas]:  # fmt: skip
    """What is counted of the enrolled, and the curves of the infused."""
    rate, count = central("discount.rate"), len(given.infused)
    alive, unchecked = fits[0].survival(years, given.alive), fits[1].survival(years, given.free)
    free = np.minimum(alive, unchecked)
    weight = np.full(len(years), years[1] - years[0])
    weight[[0, -1]] /= 2
    wait = arm.wait.row("wait", arm.label).value / units.convert(1.0, "year", arm.wait.unit)
    worth = weight * discount(years + wait, rate)
    # Half of the step at the end of the first year still belongs to it, as the trapezoid rule has it.
    early = worth * np.clip(STEPS_A_YEAR + 0.5 - np.arange(len(years)), 0.0, 1.0)
    infused, lost = given.infused, values["lost.hazard"] * units.convert(1.0, "year", "day")
    counted = {feature: np.zeros(count) for feature in FEATURES} | {
        "infused": infused,
        "apheresis": np.full(count, float(arm.own_cells)),
        "product": infused * given.paid,
        "first_year": infused * (free @ early),
        "later": infused * (free @ (worth - early)),
        # Before the infusion, and until death without one, the disease is active.
        "active": infused * (wait + (alive - free) @ worth) + (1 - infused) / (lost + np.log1p(rate)),
        "life_years": infused * (wait + alive @ weight) + (1 - infused) / lost,
        "severe_one": infused * given.severe_one, "severe_both": infused * given.severe_both,
    }  # fmt: skip
    return counted, _Areas(alive, free, float((unchecked > alive + 1e-12).any(axis=1).mean()))

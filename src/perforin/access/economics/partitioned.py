"""Partitioned survival on published curves, over many draws: time in each state is the area between the curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin import units
from perforin.access.economics.appraisal import Appraisal, Arm
from perforin.access.economics.decisions import Draws
from perforin.access.economics.discounting import discount
from perforin.access.economics.survival import Fit, fit
from perforin.access.economics.uncertain import draw, share_draws
from perforin.access.economics.worth import EFFECT, FEATURES, background, one, value_rows, valued
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
    fewer were alive than free of progression: there the smaller number counts for both.
    """

    overall: Fit
    progression_free: Fit
    alive: Array
    free: Array
    crossed: float


@dataclass(frozen=True)
class Appraised:
    """What came out.

    ``draws`` of cost and quality-adjusted years per patient enrolled; ``life_years`` (draws, arms), not discounted; the
    ``sides`` by arm at ``years`` (T,); ``infused`` by arm, the mean share.
    """

    draws: Draws
    life_years: Array
    years: Array
    sides: Mapping[str, Side]
    infused: Mapping[str, float]


def appraise(appraisal: Appraisal, count: int, streams: Streams) -> Appraised:
    """Costs and quality-adjusted life-years per patient enrolled, in each of ``count`` draws.

    Uncertain are the curves (by their fits), the share infused and with toxicity (by their counts), and each number of
    values.csv and price with a range. Those never infused live on with active disease. Numbers that arms share are
    drawn once. Half-cycle correction is the trapezoid rule on monthly steps.

    Raises:
        UserError: milestones that no curve of the family has.
    """
    rows = [row for row in value_rows() if not row.parameter.startswith(_UNUSED)]
    values = draw(rows, count, streams)
    values |= {number: np.zeros(count) for number, _ in EFFECT.values() if number.startswith("loss.")}
    known = {row.parameter: values[row.parameter] for row in rows if row.low < row.high}
    horizon = one("horizon.years")
    years = np.linspace(0.0, horizon, round(horizon * STEPS_A_YEAR) + 1)
    cost, effect, life, sides, infused = [], [], [], {}, {}
    for name, arm in appraisal.arms.items():
        counted, side, own = _lives(name, arm, values, years, count, streams)
        spent, lived = valued(counted, values)
        cost.append(spent)
        effect.append(lived)
        life.append(counted["life_years"])
        sides[name], infused[name] = side, float(counted["infused"].mean())
        known |= own
    draws = Draws(tuple(appraisal.arms), np.column_stack(cost), np.column_stack(effect), known)
    return Appraised(draws, np.column_stack(life), years, sides, infused)


def _lives(name: str, arm: Arm, values: Mapping[str, Array], years: Array, count: int,
           streams: Streams) -> tuple[dict[str, Array], Side, dict[str, Array]]:  # fmt: skip
    known, rate = background(), one("discount.rate")
    overall, free = (fit(curve.milestones(), curve.family, cure=curve.cure, background=known)
                     for curve in (arm.overall_survival, arm.progression_free_survival))  # fmt: skip
    # One luck for both curves: where more live on, more do so free of progression.
    at, before = (curve.draws(f"{name} survival", count, streams) for curve in (overall, free))
    alive, unchecked = overall.survival(years, at), free.survival(years, before)
    progression_free = np.minimum(alive, unchecked)
    weight = np.full(len(years), years[1] - years[0])
    weight[[0, -1]] /= 2
    wait = float(arm.wait.row("wait", name).value) / units.convert(1.0, "year", arm.wait.unit)
    worth = weight * discount(years + wait, rate)
    first = years <= 1
    given = share_draws(f"{name} infused", arm.infused, arm.enrolled, count, streams)
    lost = values["lost.hazard"] * units.convert(1.0, "year", "day")
    force = np.log1p(rate)
    first_year = progression_free[:, first] @ worth[first]
    price = _price(name, arm)
    paid = draw([price], count, streams)[price.parameter]
    severe = {
        what: share_draws(f"{name} severe {what}", getattr(arm, f"severe_{what}"), arm.toxicity_of, count, streams)
        for what in ("one", "both")
    }
    counted = {feature: np.zeros(count) for feature in FEATURES} | {
        "infused": given,
        "apheresis": np.full(count, float(arm.own_cells)),
        "product": given * paid,
        "first_year": given * first_year,
        "later": given * (progression_free @ worth - first_year),
        # Before the infusion, and until death without one, the disease is active.
        "active": given * (wait + (alive - progression_free) @ worth) + (1 - given) / (lost + force),
        "life_years": given * (wait + alive @ weight) + (1 - given) / lost,
        "severe_one": given * severe["one"], "severe_both": given * severe["both"],
    }  # fmt: skip
    crossed = float((unchecked > alive + 1e-12).any(axis=1).mean())
    side = Side(overall, free, alive.mean(axis=0), progression_free.mean(axis=0), crossed)
    told = {f"{name}: share infused": given, f"{name}: survival of the infused": alive @ worth,
            f"{name}: time free of progression": progression_free @ worth}  # fmt: skip
    return counted, side, told | ({price.parameter: paid} if price.low < price.high else {})


def _price(name: str, arm: Arm) -> Row:
    return arm.price.row(f"price.{name}", name)

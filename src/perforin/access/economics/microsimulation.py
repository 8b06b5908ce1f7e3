"""Value for money of the arms of a run, over many draws: the patients' own lives, and what remains of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr

from perforin import units
from perforin.access.economics.decisions import Draws
from perforin.access.economics.lives import QUARTERS, Lives
from perforin.access.economics.remaining import Remaining, remaining
from perforin.access.economics.uncertain import draw
from perforin.access.economics.worth import central, value_rows, valued
from perforin.evidence.parameters import Row
from perforin.making.process import Process
from perforin.streams import Streams

__all__ = ["Simulated", "price_row", "value_run"]

Array = NDArray[np.float64]
RELAPSE, DEATH = "relapse after follow-up", "death with active disease"


@dataclass(frozen=True)
class Simulated:
    """What came out.

    ``draws`` of cost and quality-adjusted years per patient enrolled; ``life_years`` (draws, arms), not discounted.
    """

    draws: Draws
    life_years: Array


def price_row(process: Process) -> Row | None:
    """What a product is priced by: its list price, or its cost of goods where it has none."""
    return process.list_price or process.cost_of_goods


def value_run(lives: Lives, processes: Mapping[str, Process], count: int, streams: Streams) -> Simulated:
    """Costs and quality-adjusted life-years per patient enrolled, in each of ``count`` draws.

    Uncertain are the means over the simulated patients (a normal, with the covariance between arms of the same
    patients), the hazards after follow-up (gamma, by events and years seen), and each number of values.csv and price
    with a range. The patient model's own uncertain parameters are not among them: a run has one value of each.
    """
    rows = [row for row in value_rows() if row.stem not in ("discount.rate", "worth.healthy_year", "horizon.years")]
    values = draw(rows, count, streams)
    # How long those never infused live, a run counts itself; the published hazard only stands in where nobody was seen.
    known = {row.parameter: values[row.parameter] for row in rows if row.low < row.high and row.stem != "lost.hazard"}
    means = _means(lives, count, streams)
    cost, effect, life = [], [], []
    for arm in lives.arms:
        counted = {name: means[:, place] for name, place in lives.at(arm).items()}
        rates = _rates(lives, arm, means, values, streams)
        left = remaining(rates[RELAPSE], rates[DEATH], values, central("discount.rate"), central("horizon.years"))
        _go_on(counted, left)
        price = price_row(processes[arm])
        if price is not None and price.value > 0 and price.low < price.high:
            drawn = draw([price], count, streams)[price.parameter]
            counted["product"] = counted["product"] * drawn / price.value
            known[price.parameter] = drawn
        spent, lived = valued(counted, values)
        cost.append(spent)
        effect.append(lived)
        life.append(counted["life_years"])
        known |= {f"{arm}: {name}": drawn for name, drawn in rates.items()}
    draws = Draws(lives.arms, np.column_stack(cost), np.column_stack(effect), known)
    return Simulated(draws, np.column_stack(life))


def _means(lives: Lives, count: int, streams: Streams) -> Array:
    """(count, columns) draws of the means; what never varies needs no luck."""
    values, vectors = np.linalg.eigh(lives.covariance)
    kept = values > values[-1] * 1e-12
    ids = np.arange(count, dtype=np.int64)
    scores = [streams.normal("uncertain means", ids, place) for place in range(int(kept.sum()))]
    root = vectors[:, kept] * np.sqrt(values[kept])
    return np.asarray(lives.mean + (root @ np.reshape(scores, (-1, count))).T, dtype=np.float64)


def _rates(lives: Lives, arm: str, means: Array, values: Mapping[str, Array], streams: Streams) -> dict[str, Array]:
    """Hazards after follow-up: Jeffreys' gamma by the events and the years in which they were seen.

    A hazard has the luck of the mean number of its events: as alike in two arms as the events of the same patients.
    """
    ids, out = np.arange(len(means), dtype=np.int64), {}
    for name, events, years in ((RELAPSE, "relapses", "years_free"), (DEATH, "deaths", "years_active")):
        seen, time = lives.n * lives.of(arm, events), lives.n * lives.of(arm, years)
        place = lives.at(arm)[events]
        error = np.sqrt(max(lives.covariance[place, place], 0.0))
        luck = (means[:, place] - lives.mean[place]) / error if error > 0 else streams.normal(f"uncertain {name}", ids)
        # Nobody was seen in that state: all that is known is how those live who were never infused.
        fallback = values["lost.hazard"] * units.convert(1.0, "year", "day")
        out[name] = gammaincinv(seen + 0.5, ndtr(luck)) / time if time > 0 else fallback
    # Those deaths were of any cause, and those of age come on top again.
    out[DEATH] = np.maximum(out[DEATH] - values["background.hazard"], 0.0)
    return out


def _go_on(counted: dict[str, Array], left: Remaining) -> None:
    """Add what remains of those who live on at the end of their follow-up."""
    def of(name: str, years: Array) -> Array:
        return np.asarray(sum(counted[f"{name}_{k}"] * years[:, k] for k in range(QUARTERS)), dtype=np.float64)

    counted["first_year"] = counted["first_year"] + of("free_worth", left.first_year)
    counted["later"] = counted["later"] + of("free_worth", left.later)
    counted["active"] = (counted["active"] + of("free_worth", left.active)
                         + of("active_worth", left.active_from_active))  # fmt: skip
    counted["life_years"] = counted["life_years"] + of("free", left.years_free) + of("active", left.years_active)

"""What draws of costs and effects say: for the report of a run, and for ``perforin cost``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from perforin.access.economics import decisions
from perforin.access.economics.decisions import Draws
from perforin.access.economics.lives import count_lives
from perforin.access.economics.microsimulation import price_row, value_run
from perforin.access.economics.uncertain import spread
from perforin.access.economics.worth import central
from perforin.endpoints.survival import DAYS_PER_YEAR
from perforin.errors import UserError
from perforin.prepared import plan_of, process_of
from perforin.records import Records
from perforin.report.subject import arm_labels
from perforin.streams import Streams
from perforin.study import Study

__all__ = ["decided", "of_run"]

WORTHS = 41
"""Points along the curve of acceptability, up to three times the worth chosen (of that of values.csv, if 0)."""
_QUADRANTS = {(True, False): "costs less and gives more", (False, True): "costs more and gives less"}


def of_run(study: Study, worth: float | None = None, draws: int = 2000, seed: int = 1,
           most: int | None = None) -> tuple[dict[str, Any], Draws]:  # fmt: skip
    """Costs and effects of the arms of a finished run, and the draws behind them.

    Args:
        study: with two arms or more.
        worth: of a year in full health [USD]; that of values.csv if not given.
        draws: of all uncertain numbers.
        seed: of the draws.
        most: patients counted, about; all if not given.

    Raises:
        UserError: one arm, or nobody who is in every arm.
    """
    scenario = study.scenario
    if len(scenario.arms) < 2:
        raise UserError(f"found the run {study.folder} with one arm; needed two or more to compare")
    processes, labels = {arm: process_of(scenario, arm) for arm in scenario.arms}, arm_labels(scenario)
    own = {arm: process.starting_material == "patient" for arm, process in processes.items()}
    follow_up = max(scenario.visit_days) / DAYS_PER_YEAR
    lives = count_lives(_first(study.parts(), most), own, plan_of(scenario).criteria, follow_up)
    found = value_run(lives, processes, draws, Streams(seed))
    given = {arm: lives.of(arm, "infused") for arm in lives.arms}
    chosen = central("worth.healthy_year") if worth is None else worth
    prices = {arm: price_row(process) for arm, process in processes.items()}
    facts = {"patients": lives.n, "draws": draws, "seed": seed, "arms": {},
             "cure_point": central("tail.cure_point"),
             **decided(found.draws, labels, scenario.compared_with, chosen, given),
             "without_price": [arm for arm, process in processes.items() if process.list_price is None],
             "price_sources": [row.source for row in prices.values() if row is not None and row.source]}  # fmt: skip
    for place, arm in enumerate(lives.arms):
        answered, paid = lives.of(arm, "responded"), found.draws.mean_cost[place]
        facts["arms"][arm] = {
            "label": labels[arm], "cost": spread(found.draws.cost[:, place]),
            "qaly": spread(found.draws.effect[:, place]), "life_years": spread(found.life_years[:, place]),
            "infused": given[arm], "cost_per_infused": paid / given[arm] if given[arm] else None,
            "responders": answered, "cost_per_responder": paid / answered if answered else None,
        }  # fmt: skip
    return facts, found.draws


def _first(parts: Iterator[Records], most: int | None) -> Iterator[Records]:
    """Whole parts until so many patients are in them."""
    count = 0
    for part in parts:
        if most is not None and count >= most:
            return
        count += part.table["subject"].nunique()
        yield part


def decided(drawn: Draws, labels: Mapping[str, str], reference: str, worth: float,
            given: Mapping[str, float]) -> dict[str, Any]:  # fmt: skip
    """Ratios, chances, and the value of information.

    Args:
        drawn: costs and effects.
        labels: of the arms.
        reference: the arm that the others are compared with.
        worth: of a year in full health [USD].
        given: share infused in each arm, for the room in the price of a product.
    """
    worths = np.unique(np.append(np.linspace(0, 3 * (worth or central("worth.healthy_year")), WORTHS), worth))
    chances = decisions.acceptability(drawn, worths)
    best = decisions.frontier(drawn, worths)
    worse = decisions.dominated(drawn, labels)
    place, comparisons = drawn.place(reference), []
    for arm in (one for one in drawn.arms if one != reference):
        ratio, at = decisions.icer(drawn, arm, reference), drawn.place(arm)
        more = float(drawn.mean_cost[at] - drawn.mean_cost[place])
        gain = float(drawn.mean_effect[at] - drawn.mean_effect[place])
        comparisons.append({
            "arm": arm, "label": labels[arm], "cost": more, "qaly": gain,
            "dominated": worse.get(arm, ""), "words": _QUADRANTS.get((more < 0, gain < 0), ""),
            "icer": {"value": ratio.value, "low": ratio.low, "high": ratio.high, "method": ratio.method},
            "price_change": decisions.threshold_price(drawn, arm, reference, worth, given[arm]) if given[arm] else None,
        })  # fmt: skip
    information = [{"parameter": name, "worth": decisions.expected_value_of_parameters(drawn, worth, [name])}
                   for name in drawn.parameters]  # fmt: skip
    return {
        "worth": worth, "reference": reference, "comparisons": comparisons, "dominated": worse,
        "acceptability": [{"worth": float(x), "chance": dict(zip(drawn.arms, row.tolist(), strict=True)),
                           "chosen": drawn.arms[one]} for x, row, one in zip(worths, chances, best, strict=True)],
        "perfect_information": decisions.expected_value_of_perfect_information(drawn, worth),
        "information": sorted(information, key=lambda one: -one["worth"]),
    }  # fmt: skip

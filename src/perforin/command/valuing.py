"""What ``perforin cost`` says of a finished run and of an appraisal of published curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from perforin.errors import UserError

if TYPE_CHECKING:
    from perforin.access.economics.appraisal import Appraisal
    from perforin.access.economics.decisions import Draws
    from perforin.access.economics.partitioned import Appraised
    from perforin.report.sheet import Section

__all__ = ["appraisal_value", "run_value"]

Found = tuple[dict[str, Any], "list[Section]", str, tuple[str, ...]]

WORTHS = 41
"""Points along the curve of acceptability, up to three times the worth chosen."""
_QUADRANTS = {(True, False): "costs less and gives more", (False, True): "costs more and gives less"}
_ASSUMED = (
    "Costs of later care, utilities after the first year and what remains of life after follow-up are assumptions, "
    "marked so in values.csv: look at the value of information before the ratio."
)
_NARROW = (
    "Uncertain are the patients' luck and the economic numbers, not the parameters of the patient model: the intervals "
    "are too narrow by what these would add."
)
_FITTED = (
    "Curves are fitted to a few published points and go on from there: the share cured by a fit is an extrapolation, "
    "not an observation."
)
_NO_PRICE = (
    "cost of goods stands in its place. The room in the price says how much more it may cost and still be worth as "
    "much as the reference."
)
_CROSSED = "Fitted curves crossed somewhere in this share of the draws, where the smaller counts for both: "


def run_value(folder: str, worth: float | None, draws: int, seed: int) -> Found:
    """Costs and effects of the arms of a finished run, its sections, title and lead."""
    from perforin import study
    from perforin.access.economics.lives import count_lives
    from perforin.access.economics.microsimulation import price_row, value_run
    from perforin.access.economics.uncertain import spread
    from perforin.prepared import plan_of, process_of
    from perforin.report.subject import arm_labels
    from perforin.streams import Streams

    opened = study.open_study(folder)
    scenario = opened.scenario
    if len(scenario.arms) < 2:
        raise UserError(f"found the run {folder} with one arm; needed two or more to compare")
    processes, labels = {arm: process_of(scenario, arm) for arm in scenario.arms}, arm_labels(scenario)
    own = {arm: process.starting_material == "patient" for arm, process in processes.items()}
    follow_up = max(scenario.visit_days) / 365.0
    lives = count_lives(opened.parts(), own, plan_of(scenario).criteria, follow_up)
    found = value_run(lives, processes, draws, Streams(seed))
    given = {arm: lives.of(arm, "infused") for arm in lives.arms}
    reference = scenario.compared_with
    facts = {"run": folder, "patients": lives.n, "draws": draws, "seed": seed,
             **_decide(found.draws, labels, reference, _worth(worth), given), "arms": {}}  # fmt: skip
    for place, arm in enumerate(lives.arms):
        answered, paid = lives.of(arm, "responded"), found.draws.mean_cost[place]
        facts["arms"][arm] = {
            "label": labels[arm], "cost": spread(found.draws.cost[:, place]),
            "qaly": spread(found.draws.effect[:, place]), "life_years": spread(found.life_years[:, place]),
            "infused": given[arm], "cost_per_infused": paid / given[arm] if given[arm] else None,
            "responders": answered, "cost_per_responder": paid / answered if answered else None,
        }  # fmt: skip
    prices = [row for process in processes.values() if (row := price_row(process)) is not None]
    without = [labels[arm] for arm, process in processes.items() if process.list_price is None]
    lead = [f"{lives.n:,} virtual patients in every arm, the same in each; {draws:,} draws. {_ASSUMED}", _NARROW]
    if without:
        lead.append(f"No price is known for {', '.join(without)}: {_NO_PRICE}")
    facts["sources"] = _sources(row.source for row in prices)
    return facts, _sections(facts, found.draws, labels, reference), f"Value for money: {scenario.title}", tuple(lead)


def appraisal_value(name: str, worth: float | None, draws: int, seed: int) -> Found:
    """Costs and effects of the arms of an appraisal, its sections, title and lead."""
    from perforin.access.economics.appraisal import read_appraisal
    from perforin.access.economics.partitioned import appraise
    from perforin.access.economics.uncertain import spread
    from perforin.report.sheet import Section
    from perforin.report.value import beside_table, curves_figure
    from perforin.streams import Streams

    read, streams = read_appraisal(name), Streams(seed)
    found = appraise(read, draws, streams)
    labels = {arm: one.label for arm, one in read.arms.items()}
    reference, given = found.draws.arms[0], {arm: side.infused for arm, side in found.sides.items()}
    facts = {"appraisal": name, "draws": draws, "seed": seed,
             **_decide(found.draws, labels, reference, _worth(worth), given), "arms": {}}  # fmt: skip
    for place, arm in enumerate(found.draws.arms):
        side = found.sides[arm]
        facts["arms"][arm] = {
            "label": labels[arm], "cost": spread(found.draws.cost[:, place]),
            "qaly": spread(found.draws.effect[:, place]), "life_years": spread(found.life_years[:, place]),
            "infused": side.infused, "curves_crossed": side.crossed,
            "base_case": {"cost": side.cost, "qaly": side.effect, "life_years": side.life_years},
            "cured": {"overall_survival": side.overall.cured,
                      "progression_free_survival": side.progression_free.cured},
        }  # fmt: skip
    facts["published"] = _beside(read, found, draws, seed)
    facts["sources"] = _sources(key for arm in read.arms.values() for key in arm.sources)
    crossed = [f"{labels[arm]} {side.crossed:.0%}" for arm, side in found.sides.items() if side.crossed]
    lead = [read.summary, f"{draws:,} draws. {_ASSUMED}", _FITTED]
    if crossed:
        lead.append(_CROSSED + ", ".join(crossed) + ".")
    points = {arm: {"alive": one.overall_survival.milestones(),
                    "free of progression": one.progression_free_survival.milestones()}
              for arm, one in read.arms.items()}  # fmt: skip
    sections = _sections(facts, found.draws, labels, reference)
    caption = "Base case (every number at its central value) beside others' models of the same."
    beside = ((caption, beside_table(facts["published"])),)
    sections.append(Section("Survival", tables=beside if facts["published"] else (),
                            drawings=(curves_figure(found, labels, points),)))  # fmt: skip
    return facts, sections, read.label, tuple(lead)


def _beside(read: Appraisal, found: Appraised, draws: int, seed: int) -> list[dict[str, Any]]:
    """Published results of the same arms beside these."""
    from perforin.access.economics.partitioned import appraise
    from perforin.streams import Streams

    infused = appraise(read.of_the_infused(), draws, Streams(seed)) if any(
        one.of == "infused" for one in read.published) else found  # fmt: skip
    rows = []
    for one in read.published:
        side = (infused if one.of == "infused" else found).sides[one.arm]
        mine = {"qaly": side.effect, "cost": side.cost, "life_years": side.life_years}[one.what]
        rows.append({"arm": one.arm, "label": read.arms[one.arm].label, "what": one.what, "of": one.of,
                     "published": one.value, "found": mine, "difference": mine / one.value - 1,
                     "status": one.status, "source": one.source, "note": one.note})  # fmt: skip
    return rows


def _worth(given: float | None) -> float:
    from perforin.access.economics.worth import one

    if given is not None and not given >= 0:
        raise UserError(f"found --worth {given:g}; needed 0 or more USD for a year in full health")
    return one("worth.healthy_year") if given is None else given


def _sources(keys: Iterable[str]) -> list[str]:
    from perforin.access.economics.worth import value_rows

    return list(dict.fromkeys([key for key in keys if key] + [row.source for row in value_rows() if row.source]))


def _sections(facts: Mapping[str, Any], drawn: Draws, labels: Mapping[str, str], reference: str) -> list[Section]:
    from perforin.report.sheet import Section
    from perforin.report.value import (
        acceptability_figure,
        comparison_table,
        information_figure,
        plane_figure,
        value_table,
    )

    worth = facts["worth"]
    every = "Per patient enrolled. Mean, and range of 95 % of the draws."
    against = f"Against {labels[reference]}, at {worth:,.0f} USD for a year in full health."
    information = information_figure(facts)
    return [
        Section("Costs and effects", tables=((every, value_table(facts)), (against, comparison_table(facts))),
                drawings=(plane_figure(drawn, labels, reference, worth),)),
        Section("Which arm to choose", drawings=(acceptability_figure(facts),)),
        Section("What knowing more is worth", () if information else
                ("No number is worth knowing more of: the same arm is the best in nearly every draw.",),
                drawings=(information,) if information else ()),
    ]  # fmt: skip


def _decide(drawn: Draws, labels: Mapping[str, str], reference: str, worth: float,
            given: Mapping[str, float]) -> dict[str, Any]:  # fmt: skip
    """What the draws say: ratios, chances, value of information; ``given`` is each arm's share infused."""
    import numpy as np

    from perforin.access.economics import decisions

    worths = np.unique(np.append(np.linspace(0, 3 * worth, WORTHS), worth))
    chances = decisions.acceptability(drawn, worths)
    best = decisions.frontier(drawn, worths)
    worse = decisions.dominated(drawn)
    place, comparisons = drawn.place(reference), []
    for arm in (one for one in drawn.arms if one != reference):
        ratio, at = decisions.icer(drawn, arm, reference), drawn.place(arm)
        more = float(drawn.mean_cost[at] - drawn.mean_cost[place])
        gain = float(drawn.mean_effect[at] - drawn.mean_effect[place])
        comparisons.append({
            "arm": arm, "label": labels[arm], "cost": more, "qaly": gain,
            "words": _QUADRANTS.get((more < 0, gain < 0), ""),
            "icer": {"value": ratio.value, "low": ratio.low, "high": ratio.high, "method": ratio.method},
            "price_change": decisions.threshold_price(drawn, arm, reference, worth, max(given[arm], 1e-9)),
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

"""What ``perforin cost`` says of a finished run and of an appraisal of published curves."""

from __future__ import annotations

import math
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
_CROSSED = "Share of the draws in which the fitted curves cross somewhere; there the smaller counts for both: "


def run_value(folder: str, worth: float | None, draws: int, seed: int) -> Found:
    """Costs and effects of the arms of a finished run, its sections, title and lead."""
    from perforin import study
    from perforin.report.worth import of_run

    opened = study.open_study(folder)
    facts, drawn = of_run(opened, _worth(worth), draws, seed)
    facts = {"run": folder, **facts, "sources": _sources(facts.pop("price_sources"))}
    labels = {arm: found["label"] for arm, found in facts["arms"].items()}
    lead = [f"{facts['patients']:,} virtual patients in every arm, the same in each; {draws:,} draws. {_ASSUMED}",
            f"Nobody relapses after about {facts['cure_point']:g} years, in any disease: that is assumed too.",
            _NARROW]  # fmt: skip
    if facts["without_price"]:
        lead.append(f"No price is known for {', '.join(labels[arm] for arm in facts['without_price'])}: {_NO_PRICE}")
    sections = _sections(facts, drawn, labels, facts["reference"])
    return facts, sections, f"Value for money: {opened.scenario.title}", tuple(lead)


def appraisal_value(name: str, worth: float | None, draws: int, seed: int) -> Found:
    """Costs and effects of the arms of an appraisal, its sections, title and lead."""
    from perforin.access.economics.appraisal import read_appraisal
    from perforin.access.economics.partitioned import appraise
    from perforin.access.economics.uncertain import spread
    from perforin.report.sheet import Section
    from perforin.report.value import beside_table, curves_figure
    from perforin.report.wording import percent
    from perforin.report.worth import decided
    from perforin.streams import Streams

    read, streams = read_appraisal(name), Streams(seed)
    found = appraise(read, draws, streams)
    labels = {arm: one.label for arm, one in read.arms.items()}
    reference, given = found.draws.arms[0], {
        arm: side.infused if read.arms[arm].infused else 0.0 for arm, side in found.sides.items()
    }
    facts = {"appraisal": name, "draws": draws, "seed": seed,
             **decided(found.draws, labels, reference, _worth(worth), given), "arms": {}}  # fmt: skip
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
    crossed = [f"{labels[arm]} {percent(side.crossed)}" for arm, side in found.sides.items() if side.crossed]
    lead = [read.summary, f"{draws:,} draws. {_ASSUMED}", _FITTED]
    if crossed:
        lead.append(_CROSSED + ", ".join(crossed) + ".")
    points = {arm: {"alive": one.overall_survival.shown(),
                    "free of progression": one.progression_free_survival.shown()}
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
    from perforin.access.economics.worth import central

    if given is not None and not 0 <= given < math.inf:
        raise UserError(f"found --worth {given:g}; needed 0 or more USD for a year in full health")
    return central("worth.healthy_year") if given is None else given


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

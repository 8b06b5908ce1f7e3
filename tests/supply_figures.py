"""What perforin gives for each figure of library/supply_targets.csv: one function for each target."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from scipy.optimize import minimize_scalar

from batch_recipes import library_process, recipe_of, with_growth
from perforin import study
from perforin.access.economics.appraisal import read_appraisal
from perforin.access.economics.partitioned import appraise
from perforin.access.siting.capacity import plan_plants, plant_rows, shipped_sizes
from perforin.endpoints.catalogue import score
from perforin.evidence.parameters import Row, choose
from perforin.evidence.sources import LIBRARY
from perforin.library import default_library
from perforin.making.attrition import deadlines
from perforin.making.batch import grow
from perforin.making.batch.culture import cultivate
from perforin.making.cold_chain import deliver, frozen, read_lane
from perforin.making.cold_chain.damage import crossing_survival, freezing_survival
from perforin.making.cold_chain.deliver import quality
from perforin.making.lot import LOST
from perforin.making.make import make
from perforin.making.network.description import read_network
from perforin.making.network.figures import supply_rows
from perforin.making.network.orders import simulate
from perforin.making.process import Process, Waiting
from perforin.making.release import follow, release, specifications_of
from perforin.making.release.deciding import (
    GIVEN_AS_IT_IS,
    IN_SPECIFICATION,
    NOT_GIVEN,
    NOT_MADE,
    OUT,
    REJECTED,
    RELEASED,
    REMADE,
)
from perforin.making.steps import durations, finishes
from perforin.prepared import make_ready
from perforin.records import Records
from perforin.scenario import scenario_of
from perforin.streams import Streams
from perforin.yaml_reader import read_yaml

PATIENTS = np.arange(20_000)
LUCK = Streams(1)
DAYS_PER_MONTH = 30.4375
LYMPHOMA = supply_rows()["attrition.lymphoma"].value
"""The hazard of loss before infusion in large B-cell lymphoma [1/day]."""
TRIALS = {"JULIET": (54, 38, 153), "ZUMA-1": (24, 9, 110), "TRANSCEND": (37, 48, 342)}
"""Median days from collection to infusion, and of the patients with a product how many were not infused."""
OWN_CELLS = """
title: Own cells in large B-cell lymphoma
question: How many die within a year after waits of several lengths?
disease: lbcl
horizon: 13 month
visits: [30, 365]
arms:
  car_t: {product: car19_cd28z_autologous, lymphodepletion: flu_cy_500}
"""

CORD_BLOOD = """
title: Cells of cord blood in large B-cell lymphoma
question: How much do lots of better donors do?
disease: lbcl
horizon: 13 month
visits: [30, 90, 180, 270, 365]
arms:
  car_nk:
    product: cb_car19_il15
    process: nk_cord_blood
    schedule: [{day: 0, dose: 8e8 cell}]
    lymphodepletion: flu_cy_300
"""

Figures = dict[str, float]


def hazard_of(disease: str) -> float:
    """Loss before infusion [1/day] as the disease states it."""
    given = read_yaml(default_library().path("diseases", disease)).data["parameters"]["waiting.attrition"]
    return float(given["value"])


def as_row(row: Row, value: float) -> Row:
    return replace(row, value=value, low=min(row.low, value), high=max(row.high, value))


def waiting(process: Process, days: float) -> Process:
    """The process with another median wait, of the spread that published waits have."""
    spread = library_process("autologous_central").waiting
    assert spread is not None
    return replace(process, waiting=replace(spread, median=as_row(spread.median, days)))


def failing(process: Process, share: float) -> Process:
    return replace(process, failure=replace(as_row(process.failure, share), status="derived"))


def not_infused(process: Process, hazard: float) -> float:
    return 1 - float(make(process, PATIENTS, deadlines(hazard, PATIENTS, LUCK), LUCK).infused.mean())


def pooled_hazard(trials: Sequence[str]) -> float:
    """One constant hazard [1/day] for several trials, by maximum likelihood, everybody waiting the median."""
    counts = [TRIALS[name] for name in trials]

    def unlikely(hazard: float) -> float:
        return -sum(lost * np.log(-np.expm1(-hazard * days)) - (n - lost) * hazard * days for days, lost, n in counts)

    return float(minimize_scalar(unlikely, bounds=(1e-5, 0.1), method="bounded", options={"xatol": 1e-9}).x)


def from_the_others(trial: str) -> float:
    return pooled_hazard([name for name in TRIALS if name != trial])


def attrition() -> Figures:
    """V1: lost although a product was made; by the pooled hazard, and by that of the two other trials."""
    made = failing(library_process("autologous_central"), 0)

    def lost(days: float, hazard: float) -> float:
        found = make(waiting(made, days), PATIENTS, deadlines(hazard, PATIENTS, LUCK), LUCK)
        return float((found.reason == LOST).mean())

    pooled = {letter: lost(TRIALS[name][0], LYMPHOMA) for letter, name in zip("abc", TRIALS, strict=True)}
    return pooled | {letter: lost(TRIALS[name][0], from_the_others(name))
                     for letter, name in zip("def", TRIALS, strict=True)}  # fmt: skip


def approval_to_infusion() -> Figures:
    """V2: infused of those approved; after fifty days, and through the library's network."""
    orders = simulate(read_network("autologous_two_plants"), LUCK, replications=20).table
    decided = orders[orders["funding_day"].notna() & (orders["status"] != "in system")]
    decided = decided[decided["cause_of_loss"] != "not funded"]
    return {
        "a": 1 - not_infused(waiting(library_process("autologous_viral"), 50), LYMPHOMA),
        "b": float((decided["status"] == "infused").mean()),
    }


def community() -> Figures:
    """V3: referred and never infused; by one hazard, and by two of which the first is fitted to all years together."""
    consulted, collected, infused, lost = 11, 107, 32, 0.41
    before = (-np.log(1 - lost) - LYMPHOMA * infused) / (consulted + collected)

    def share(until_collection: float, hazard: float) -> float:
        switch = until_collection + 1e-6
        hazards = np.tile([hazard, hazard, LYMPHOMA], (len(PATIENTS), 1))
        deadline = deadlines(hazards, PATIENTS, LUCK, [0, until_collection, switch])
        return float((deadline < until_collection + infused).mean())

    from_consultation = {"c": 207, "d": 108}
    return {"a": share(consulted + collected, LYMPHOMA), "b": share(consulted + collected, before)} | {
        letter: share(consulted + days - infused, before) for letter, days in from_consultation.items()
    }


def never_infused() -> Figures:
    """V4: enrolled and never infused, for whatever reason, by trial; in lymphoma by the hazard of the two others."""
    fast, slow = library_process("autologous_central"), library_process("autologous_slow")
    return {
        "a": not_infused(slow, from_the_others("JULIET")),
        "b": not_infused(failing(waiting(slow, 45), 7 / 92), hazard_of("b_all")),
        "c": not_infused(fast, from_the_others("ZUMA-1")),
        "d": not_infused(failing(waiting(fast, TRIALS["TRANSCEND"][0]), 2 / 344), from_the_others("TRANSCEND")),
        "f": not_infused(library_process("autologous_myeloma"), hazard_of("myeloma")),
    }


def vein_to_vein() -> Figures:
    """V5: medians of published waits, and what the steps of a process add up to, by lane."""
    process = library_process("autologous_viral")

    def released(lane: str) -> float:
        lasting = durations(process.steps, PATIENTS, LUCK)
        lasting["shipping to the plant"] = deliver(read_lane(lane), frozen("T"), PATIENTS, LUCK).days
        return float(np.median(finishes(process.steps, lasting)["release tests"]))

    lower, middle, upper = np.quantile(process.wait(PATIENTS, LUCK), [0.25, 0.5, 0.75])
    at_home, abroad = released("national_air"), released("transatlantic")
    medians = {letter: float(np.median(library_process(name).wait(PATIENTS, LUCK)))
               for letter, name in (("a", "autologous_central"), ("b", "autologous_slow"))}  # fmt: skip
    return medians | {"c": float(middle), "d": float(lower), "e": float(upper), "f": at_home, "g": abroad, "h": abroad,
                      "i": abroad, "j": abroad - at_home}  # fmt: skip


def within_36_days() -> Figures:
    """V6: share infused within 36 days of collection."""
    fast = library_process("autologous_central")
    processes = {"a": fast, "b": waiting(fast, TRIALS["TRANSCEND"][0])}
    return {letter: float((one.wait(PATIENTS, LUCK) < 36).mean()) for letter, one in processes.items()}


@cache
def tested() -> tuple[Figures, Figures]:
    """V7 and V8: batches of own cells as grown, as release finds them, and what their patients are given."""
    process = library_process("autologous_viral")
    specifications = specifications_of(process)
    assert specifications is not None and specifications.remade_well is not None
    batches = grow(process, PATIENTS, LUCK)
    verdicts = release(batches, specifications, LUCK, own_cells=True)
    fate = follow(verdicts, specifications, LUCK)
    failed, out = fate[fate != IN_SPECIFICATION], verdicts.verdict == OUT
    grown = float((batches.failed != "").mean())
    first = {"a": grown, "b": float((verdicts.verdict != RELEASED).mean()), "c": grown, "d": grown,
             "e": specifications.remade_well.value}  # fmt: skip
    first |= {letter: float((failed == one).mean())
              for letter, one in (("f", GIVEN_AS_IT_IS), ("g", REMADE), ("h", NOT_GIVEN))}  # fmt: skip
    second = {"a": float(out.mean()), "b": float(np.isin(verdicts.verdict, (NOT_MADE, REJECTED)).mean())}
    why = dict(zip(verdicts.attributes, verdicts.failing[out].mean(axis=0), strict=True))
    reasons = {"c": "dose_share", "d": "viability", "e": "car_fraction", "f": "killing"}
    second |= {letter: float(why[name]) for letter, name in reasons.items()}
    return first, second


def failures() -> Figures:
    """V7: batches that fail, and what becomes of their patients."""
    return tested()[0]


def out_of_specification() -> Figures:
    """V8: lots out of specification and never made, and what those out of it failed."""
    return tested()[1]


def slot_queue() -> Figures:
    """V9: treated of those with an outcome, queue after three years, median wait [month]."""
    replications = 200
    orders = simulate(read_network("myeloma_slot_queue"), LUCK, replications=replications).table
    counts = orders["status"].value_counts()
    waited = orders.loc[orders["status"] == "infused", "waiting_slot"]
    return {
        "a": float(counts["infused"] / (counts["infused"] + counts["lost"])),
        "b": float(counts["in system"] / replications),
        "c": float(waited.median() / DAYS_PER_MONTH),
    }


def mortality_by_wait() -> Figures:
    """V10: dead within a year of enrolment, by the wait, in the patient model."""
    days = {"a": 0.0, "b": DAYS_PER_MONTH, "c": 9 * DAYS_PER_MONTH}
    ready = make_ready(scenario_of(OWN_CELLS))
    (arm,) = ready.arms
    median = library_process("autologous_central").waiting.median
    arms = [replace(arm, name=name, process=replace(arm.process, waiting=Waiting("constant", as_row(median, day))))
            for name, day in days.items()]  # fmt: skip
    records = study.simulate(replace(ready, arms=tuple(arms)), np.arange(1000), courses=False)["records"]
    return {one.arm: 1 - one.value for one in score(Records(records), ["OS_12m"], enrolled=True)}


def worth_of_waits() -> Figures:
    """V11: quality-adjusted life-years of the enrolled after 54 and after 24 days, base case on two trials' curves."""
    sides = appraise(read_appraisal("lymphoma_vein_to_vein"), 100, LUCK).sides
    return {"a": sides["after_54_days"].effect, "b": sides["after_24_days"].effect}


def better_donors() -> Figures:
    """V17: free of progression and alive at a year, the half of patients with the best killing lots and the others."""
    table = study.simulate(make_ready(scenario_of(CORD_BLOOD)), np.arange(1000), courses=False)["records"]
    function = table[table["parameter"] == "lot_killing_function"].set_index("subject")["value"]
    best = function.index[function > function.median()]
    found = {}
    for letters, chosen in (("ac", table["subject"].isin(best)), ("bd", ~table["subject"].isin(best))):
        scored = score(Records(table[chosen]), ["PFS_12m", "OS_12m"])
        found |= dict(zip(letters, (one.value for one in scored), strict=True))
    return found | {"e": found["a"] - found["b"]}


def worth_of_infusion() -> Figures:
    """V20: quality-adjusted life-years and lifetime cost of the infused of ZUMA-1, base case."""
    side = appraise(read_appraisal("lymphoma_vein_to_vein").of_the_infused(), 100, LUCK).sides["after_24_days"]
    return {"a": side.effect, "c": side.cost}


def after_thaw() -> Figures:
    """V12: NK cells alive a day after thaw, of those alive at thaw; rested ones of those frozen."""
    found = {way: quality(np.ones(1), frozen("NK", way), lambda _: np.zeros(1)) for way in ("", "pretreated", "rested")}
    day = {way: float(one.viability_24h[0] / one.viability[0]) for way, one in found.items()}
    return {"a": day[""], "b": day["pretreated"], "c": float(found["rested"].viability_24h[0])}


def warming() -> Figures:
    """V13: survivors of slow over those of fast warming when frozen gently; whether it is less when frozen harshly."""
    gentle, harsh = (freezing_survival(rate, np.array([1.6, 113.0]), frozen("T")) for rate in (1.0, 10.0))
    return {"a": float(gentle[0] / gentle[1]), "b": float(harsh[0] < harsh[1])}


def warming_events() -> Figures:
    """V14: lost by 20 warmings, and by 50 more."""
    lost = 1 - crossing_survival([20, 70], frozen())
    return {"a": float(lost[0]), "b": float(lost[1] - lost[0])}


def expansion() -> Figures:
    """V15: a bag of cytokines for 19 days, cord blood for 21 and weekly feeders for 21, without luck."""

    def harvested(name: str, days: float, cells: float) -> float:
        grown = cultivate(recipe_of(with_growth(library_process(name))), np.array([0]), np.array([cells]), np.zeros(1),
                          [0.0, days], LUCK)  # fmt: skip
        return float(grown.living[0, 1])

    return {
        "a": harvested("nk_peripheral_cytokine", 19, 4e7) / 4e7,
        "b": harvested("nk_peripheral_cytokine", 19, 4e7),
        "c": harvested("nk_cord_blood", 21, 1e7),
        "d": harvested("nk_peripheral_feeder", 21, 1e6) / 1e6,
    }


def lot_size() -> Figures:
    """V16: median doses of a batch."""
    doses = {"a": ("nk_peripheral_feeder", 1e9), "b": ("nk_cord_blood", 2e8)}
    return {letter: float(np.median(grow(library_process(name), PATIENTS[:4000], LUCK, dose).doses))
            for letter, (name, dose) in doses.items()}  # fmt: skip


def plants() -> Figures:
    """V18: fifty therapies in 130 days, in plants that are at most half full, so that nobody waits."""
    goods = sum(choose(plant_rows(), f"plant.{part}").value for part in ("materials", "quality_control"))
    plan = plan_plants(np.array([50 / 130]), np.zeros((1, 2)), shipped_sizes(), days=7, goods=goods, fullest=0.5)
    return {"b": plan.cost["facilities"], "c": plan.cost["materials and quality control"], "d": float(plan.load.mean())}


TARGETS: dict[str, Callable[[], Figures]] = {
    "V1": attrition, "V2": approval_to_infusion, "V3": community, "V4": never_infused, "V5": vein_to_vein,
    "V6": within_36_days, "V7": failures, "V8": out_of_specification, "V9": slot_queue, "V10": mortality_by_wait,
    "V11": worth_of_waits, "V12": after_thaw, "V13": warming, "V14": warming_events, "V15": expansion,
    "V16": lot_size, "V17": better_donors, "V18": plants, "V20": worth_of_infusion,
}  # fmt: skip


@cache
def figures(target: str) -> Figures:
    return TARGETS[target]()


def given(row: dict[str, str]) -> float:
    """What perforin gives for one row of the table."""
    target, letter = parts(row["id"])
    return figures(target)[letter]


def parts(name: str) -> tuple[str, str]:
    """V1b is figure b of target V1."""
    found = re.fullmatch(r"(V\d+)([a-z]?)", name)
    assert found is not None
    return found[1], found[2]


@cache
def rows() -> tuple[dict[str, str], ...]:
    """The table, row by row."""
    with (LIBRARY / "supply_targets.csv").open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))

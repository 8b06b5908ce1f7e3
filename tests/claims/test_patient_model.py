"""The composed patient model behaves as the biology says: limits, and what a change must and must not do.

A typical patient of the head-to-head scenario is copied, one number is changed in each copy, and all are solved in one
call. Nothing here depends on calibration: only directions, bounds and zeros are asked for.
"""

from __future__ import annotations

import numpy as np
import pytest

from perforin.inference.sensitivity import typical
from perforin.kernels.solution import FAILED
from perforin.patients.doses import Administration, doses_for
from perforin.prepared import make_ready
from perforin.scenario import read_scenario

DAYS = np.arange(0.0, 91.0)
NK, T = "car_nk", "car_t"


@pytest.fixture(scope="module")
def arms():
    ready = make_ready(read_scenario("cd19_lbcl_head_to_head"))
    return {arm.name: arm for arm in ready.arms} | {"": ready}


@pytest.fixture(scope="module")
def courses(arms):
    def solve(name, *changes, without=(), extra=()):
        """Courses of one typical patient for each mapping of changes; (changes, days) by observable."""
        arm, ready = arms[name], arms[""]
        centre, middle = typical(ready.scenario, arm.model)
        names = list(arm.model.parameters.names)
        numbers = np.tile(centre, (len(changes), 1))
        for row, change in zip(numbers, changes, strict=True):
            for key, value in change.items():
                chosen = [i for i, full in enumerate(names) if full == key or full.startswith(f"{key}[")]
                assert chosen, f"no parameter {key}"
                row[chosen] = value
        count = len(changes)
        columns = {key: np.repeat(value, count) for key, value in middle.items()}
        given = [one for one in arm.administrations(columns, np.ones(count)) if one.dose not in without]
        given += [Administration(dose, np.full(count, day), np.full(count, amount)) for dose, day, amount in extra]
        start = arm.model.network.start(numbers)
        doses = doses_for(arm.model.network, given, numbers)
        solution = arm.kernel.run(arm.actions.never(numbers), start, doses, DAYS, begin=arm.begin)
        assert (solution.status != FAILED).all()
        place = {out: i for i, out in enumerate(arm.kernel.outputs)}
        return {key: solution.values[:, :, place[of]] for key, of, _ in arm.model.network.observables}

    return solve


def exposure(course):
    return np.trapezoid(course["product_blood"][:, :29], DAYS[:29], axis=1)


def value(arm, name):
    return arm.model.parameters.values[[n.startswith(name) for n in arm.model.parameters.names].index(True)]


@pytest.mark.parametrize("name", [NK, T])
def test_no_product_kills_more_than_its_cells_can(arms, courses, name):
    course = courses(name, {})
    fresh = course["kill_granule"] + course["kill_death_receptor"]
    most = value(arms[name], "killing.kills_per_day") * course["product_total"]
    assert (fresh <= most * (1 + 1e-9) + 1e-3).all()
    assert fresh.max() > 0


def test_without_antigen_density_recognition_kills_nothing_and_balance_recognition_still_kills(courses):
    blind = {"CD19": 0.0}
    on_density, on_balance = courses(T, blind), courses(NK, blind)
    assert np.abs(on_density["kill_granule"]).max() <= 1e-6
    assert on_balance["kill_by_innate"].max() > 1e6
    assert np.abs(on_balance["kill_by_car"]).max() <= 1e-6 * on_balance["kill_by_innate"].max()


@pytest.mark.parametrize("name", [NK, T])
def test_lymphodepletion_raises_exposure(courses, name):
    drugs = ("fludarabine", "cyclophosphamide")
    assert exposure(courses(name, {}))[0] > 1.05 * exposure(courses(name, {}, without=drugs))[0]


def test_without_lymphodepletion_interleukin_15_does_not_surge(courses):
    drugs = ("fludarabine", "cyclophosphamide")
    assert courses(T, {})["il15"].max() > 1.2 * courses(T, {}, without=drugs)["il15"].max()


def test_hiding_hla_shortens_an_uncloaked_graft_and_a_cloak_lengthens_it(courses):
    plain, uncloaked, cloaked = exposure(courses(NK, {}, {"hidden": 1.0, "cloak": 0.0}, {"hidden": 1.0, "cloak": 1.0}))
    assert uncloaked < cloaked
    assert cloaked >= plain
    day = 28
    plain, uncloaked, cloaked = courses(NK, {}, {"hidden": 1.0, "cloak": 0.0}, {"hidden": 1.0, "cloak": 1.0})[
        "product_total"
    ][:, day]
    assert uncloaked < plain <= cloaked


def test_a_graft_without_alloreactive_receptor_injures_nobody(courses):
    donor = courses(T, {"alloreactivity": 1.0}, {"alloreactivity": 0.0})["graft_injury"]
    assert donor[0].max() > 0
    assert np.abs(donor[1]).max() == 0


def test_tocilizumab_raises_serum_interleukin_6_and_lowers_its_effect(courses):
    plain = courses(T, {})
    treated = courses(T, {}, extra=[("tocilizumab", 4.0, 600.0)])
    later = (DAYS >= 5) & (DAYS <= 14)
    assert (treated["il6"][0, later] > plain["il6"][0, later]).all()
    assert (treated["il6_signal"][0, later] < plain["il6_signal"][0, later]).all()
    assert treated["endothelial_injury"].max() <= plain["endothelial_injury"].max() * (1 + 1e-9)


def test_halving_antigen_density_never_raises_expansion(arms, courses):
    densities = {n: v for n, v in zip(arms[T].model.parameters.names, arms[T].model.parameters.values, strict=True)
                 if n.startswith("CD19[")}  # fmt: skip
    halves = [{n: v * scale for n, v in densities.items()} for scale in (1.0, 0.5, 0.25, 0.1)]
    assert (np.diff(exposure(courses(T, *halves))) <= 1e-9).all()


def test_missing_self_is_killed_better_by_balance_and_alike_by_density(courses):
    normal, low = courses(NK, {}, {"induced_ligand.baseline[hla]": 0.05})["tumour_burden"][:, 28]
    assert low < 0.9 * normal
    by_density = arms_have_no_hla(courses)
    assert by_density


def arms_have_no_hla(courses):
    same = courses(T, {}, {"induced_ligand.baseline[hla]": 0.05})["tumour_burden"][:, 28]
    return same[0] == pytest.approx(same[1], rel=1e-9)


def test_interleukin_15_of_its_own_prolongs_persistence(courses):
    silent = {"homeostatic_signals.autocrine": 0.0, "cytokine_secretion.made": 0.0}
    armed, plain = courses(NK, {}, silent)["product_total"][:, 28]
    assert armed > 3 * plain


def test_migration_creates_and_destroys_no_cell(arms):
    for name in (NK, T):
        moves = [flow for flow in arms[name].model.network.flows if flow.name.startswith("migration")]
        assert moves
        assert all(flow.source and flow.sink for flow in moves)


def test_the_deterministic_course_never_declares_a_cure(courses):
    course = courses(T, {"tumour_growth.rate": 0.0005})
    assert (course["tumour_burden"] > 0).all()

"""The composed patient model behaves as the biology says: limits, and what a change must and must not do.

A typical patient of the head-to-head scenario is copied, one number is changed in each copy, and all are solved in one
call. Nothing here depends on calibration: only directions, bounds and zeros are asked for.
"""

from __future__ import annotations

import numpy as np
import pytest

DAYS = np.arange(0.0, 366.0)
NK, T = "car_nk", "car_t"


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


@pytest.mark.parametrize("name", [NK, T])
def test_lymphodepletion_raises_exposure(courses, name):
    drugs = ("fludarabine", "cyclophosphamide")
    assert exposure(courses(name, {}))[0] > 1.05 * exposure(courses(name, {}, without=drugs))[0]


def test_without_lymphodepletion_interleukin_15_does_not_surge(courses):
    drugs = ("fludarabine", "cyclophosphamide")
    assert courses(T, {})["il15"].max() > 1.2 * courses(T, {}, without=drugs)["il15"].max()


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


def test_migration_creates_and_destroys_no_cell(arms):
    for name in (NK, T):
        moves = [flow for flow in arms[name].model.network.flows if flow.name.startswith("migration")]
        assert moves
        assert all(flow.source and flow.sink for flow in moves)


def test_the_deterministic_course_never_declares_a_cure(courses):
    course = courses(T, {"tumour_growth.rate": 0.0005})
    assert (course["tumour_burden"] > 0).all()

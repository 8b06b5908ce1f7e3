"""Killing: bounded by encounters, split into two arms, paid for in granules, ascribed without remainder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.integrate import solve_ivp

from perforin.mechanisms.killing import (
    attribution,
    bystander_killing,
    death_receptor_competence,
    fratricide,
    granule_budget,
    kill_in_company,
    killing,
    killing_strength,
    slow_death,
)

ROW = {"kills_per_day": 10.0, "encounter": 5e8, "death_receptor": 0.3}
cells = some.floats(0, 1e12)
shares = some.floats(0, 1)


@given(cells, cells, cells, shares, shares)
def test_kills_never_exceed_kills_per_day_times_killers(
    target: float, able: float, tired: float, kill: float, competence: float
) -> None:
    done = killing(target, 0.0, able, tired, target, kill, competence, **ROW)
    assert done["flux"] <= 10.0 * (able + tired) * (1 + 1e-12)
    assert killing(target, 0.0, able, 0.0, target, kill, competence, **ROW)["flux"] <= 10.0 * able * (1 + 1e-12)


def test_a_killer_alone_among_many_targets_kills_at_its_most() -> None:
    done = killing(1e13, 0.0, 1.0, 0.0, 1e13, 1.0, 1.0, **ROW)
    assert done["flux"] == pytest.approx(10.0, rel=1e-3)


def test_with_instant_encounters_the_flux_is_the_doubly_saturated_form() -> None:
    row = ROW | {"encounter": 0.0}
    assert killing(3e9, 0.0, 1e9, 0.0, 3e9, 0.5, 1.0, **row)["flux"] == pytest.approx(10 * 1e9 * 0.5 * 3e9 / 4e9)


def test_tired_cells_kill_by_death_receptors_alone() -> None:
    done = killing(1e9, 0.0, 0.0, 1e8, 1e9, 1.0, 1.0, **ROW)
    assert done["granules"] == 0
    assert done["death_receptors"] > 0
    assert killing(1e9, 0.0, 0.0, 1e8, 1e9, 1.0, 0.0, **ROW)["death_receptors"] == 0


def test_interferon_opens_the_death_receptor_arm() -> None:
    closed, opened = (death_receptor_competence(x, baseline=0.2, half=50.0)["competence"] for x in (0.0, 1e6))
    assert closed == 0.2
    assert opened == pytest.approx(1.0, rel=1e-3)


def test_the_two_arms_are_the_whole_flux_and_the_hit_is_the_flux_of_one_target() -> None:
    done = killing(2e9, 0.0, 1e8, 3e7, 4e9, 0.7, 0.6, **ROW)
    assert done["granules"] + done["death_receptors"] == pytest.approx(done["flux"])
    assert done["hit"] * 2e9 == pytest.approx(done["flux"])
    assert done["lysed"] == done["granule_kills"] == done["granules"]


@pytest.mark.parametrize("memory", [0.0, 2e8])
def test_cumulative_granule_kills_equal_the_budget_of_the_cells_spent(memory: float) -> None:
    series = 8.0

    def slope(_: float, y: np.ndarray) -> list[float]:
        effector, resting, spent, target, _ = y
        able = sum(killing_strength(c, share=s)["able"] for c, s in ((effector, 1.0), (resting, 0.3)))
        done = killing(target, 0.0, able, 0.15 * spent, target, 0.9, 1.0, **ROW)
        paid = granule_budget(effector, spent, done["work"], share=1.0, kills_in_series=series)["emptied"]
        rested = granule_budget(resting, spent, done["work"], share=0.3, kills_in_series=series)["emptied"]
        return [-paid, -rested, paid + rested, -done["flux"], done["granule_kills"]]

    end = solve_ivp(slope, (0, 20), [1e8, memory, 0, 1e11, 0], rtol=1e-9, atol=1.0).y[:, -1]
    assert end[4] == pytest.approx(series * end[2], rel=1e-6)
    assert end[4] <= series * (1e8 + memory)


def test_committed_targets_die_over_hours() -> None:
    assert slow_death(1e9, rate=3.0) == {"lysis": 3e9, "lysed": 3e9}


def test_bystanders_die_with_or_without_antigen_but_only_while_others_are_killed() -> None:
    row = {"spread": 0.05, "encounter": 1e9}
    assert bystander_killing(1e9, 0.0, 1e10, **row)["lysis"] == 0
    one, two = (bystander_killing(x, 1e9, 1e10, **row)["lysis"] for x in (1e9, 2e9))
    assert two == pytest.approx(2 * one)
    assert one <= 0.05 * 1e9


@given(shares, cells, cells)
def test_one_hit_is_killing_alone_and_more_hits_help_in_a_crowd(kill: float, able: float, living: float) -> None:
    alone = kill_in_company(kill, able, living, hits=1.0, half=1e8)["joint"]
    assert alone == pytest.approx(kill)
    assert kill - 1e-12 <= kill_in_company(kill, able, living, hits=3.0, half=1e8)["joint"] <= 1 + 1e-12


def test_kills_are_ascribed_without_remainder_and_by_signal() -> None:
    parts = attribution(1e9, 2500.0, 750.0, 0.0)
    assert sum(parts.values()) == pytest.approx(1e9)
    assert parts["by_antibody"] == 0
    assert parts["by_car"] / parts["by_innate"] == pytest.approx(2500 / 750)


def test_fratricide_is_an_option_that_follows_contacts() -> None:
    assert fratricide(1e8, 5.0, per_contact=0.0)["killed_by_fellows"] == 0
    assert fratricide(1e8, 5.0, per_contact=0.01)["killed_by_fellows"] == pytest.approx(5e6)

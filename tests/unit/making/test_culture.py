"""The culture against closed forms, where what drives it is constant, and against published expansions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import lambertw

from batch_recipes import IDEAL, library_process, recipe_of, valued, with_growth
from perforin.kernels.interpret import Interpreted
from perforin.kernels.solution import no_doses
from perforin.making.batch.culture import STATES, Culture, cultivate, culture_network, culture_rows
from perforin.making.process import Process
from perforin.streams import Streams

DAYS = [0.0, 2.0, 5.0, 9.0, 14.0]
ONE = np.array([0])


def grown(process: Process, days: list[float], cells: float = 1e6, contaminant: float = 0.0) -> Culture:
    return cultivate(recipe_of(process), ONE, np.array([cells]), np.array([contaminant]), days, Streams(0))


def bare(name: str, **changes: float) -> Process:
    """Without feeders and vectors."""
    process = with_growth(library_process(name), **(IDEAL | changes))
    recipe = recipe_of(process)
    return replace(process, batch=replace(recipe, engineering=None, growth=replace(recipe.growth, feeder=None)))


def test_cells_with_plenty_grow_exponentially() -> None:
    culture = grown(bare("nk_peripheral_feeder", **{"culture_division.rate": 0.7}), DAYS)
    assert culture.living[0] == pytest.approx(1e6 * np.exp(0.7 * np.array(DAYS)), rel=1e-4)
    assert culture["doublings"][0] == pytest.approx(0.7 * np.array(DAYS) / np.log(2), rel=1e-4)


def test_death_is_subtracted_and_dead_cells_are_counted_until_they_are_gone() -> None:
    process = bare("nk_peripheral_feeder", **{
        "culture_division.rate": 0.5, "culture_death.rate": 0.1, "culture_death.clearance": 0.3,
    })  # fmt: skip
    culture, days = grown(process, DAYS), np.array(DAYS)
    assert culture.living[0] == pytest.approx(1e6 * np.exp(0.4 * days), rel=1e-4)
    dead = 0.1 * 1e6 * (np.exp(0.4 * days) - np.exp(-0.3 * days)) / 0.7
    assert culture["dead"][0] == pytest.approx(dead, rel=1e-3)


def test_a_ceiling_of_doublings_makes_a_gompertz_curve() -> None:
    process = bare("nk_peripheral_feeder", **{"culture_division.rate": 0.9, "culture_vigour.ceiling": 12.0})
    days = np.array([0.0, 5.0, 12.0, 25.0, 60.0])
    doublings = 12 * -np.expm1(-0.9 * days / (12 * np.log(2)))
    culture = grown(process, days.tolist())
    assert culture["doublings"][0] == pytest.approx(doublings, rel=1e-4)
    assert culture.living[0] == pytest.approx(1e6 * 2**doublings, rel=1e-3)
    assert culture["doublings"].max() < 12


def test_a_vessel_that_fills_follows_lamberts_function() -> None:
    capacity, rate = 1e8, 0.8
    process = bare("nk_peripheral_feeder", **{"culture_division.rate": rate, "culture_room.capacity": capacity})
    days = np.array(DAYS)
    # dN/dt = r N K/(K+N) gives N/K exp(N/K) = N0/K exp(N0/K + r t)
    share = 1e6 / capacity
    exact = capacity * lambertw(share * np.exp(share + rate * days)).real
    assert grown(process, DAYS).living[0] == pytest.approx(exact, rel=1e-4)


def test_cytokines_alone_give_their_share_of_the_pace() -> None:
    slow = bare("nk_peripheral_feeder", **{"culture_division.rate": 0.8, "culture_stimulation.unfed": 0.25})
    assert grown(slow, [0.0, 10.0]).living[0, 1] == pytest.approx(1e6 * np.exp(0.2 * 10), rel=1e-4)


def test_feeders_are_lost_and_thinned_and_a_new_gift_adds_to_them() -> None:
    process = with_growth(library_process("nk_peripheral_feeder"),
                          **(IDEAL | {"culture_division.rate": 0.6, "culture_feeder.loss": 0.3}))  # fmt: skip
    feeder = grown(process, [0.0, 3.0, 6.999999, 7.0])["feeder"][0]
    assert feeder[0] == 2
    assert feeder[1] == pytest.approx(2 * np.exp(-0.9 * 3), rel=1e-3)
    assert feeder[3] - feeder[2] == pytest.approx(2, rel=1e-3)


@pytest.mark.parametrize("copies", [0.3, 1.0, 2.5, 6.0])
def test_vectors_leave_the_poisson_share_of_cells_without_one(copies: float) -> None:
    process = with_growth(library_process("autologous_viral"), **IDEAL)
    recipe = recipe_of(process)
    assert recipe.engineering is not None and recipe.engineering.copies is not None
    engineering = replace(recipe.engineering, copies=valued(recipe.engineering.copies, copies))
    changed = replace(process, batch=replace(recipe, engineering=engineering))
    culture = grown(changed, [0.0, 14.0])
    receptive = -np.log1p(-recipe.engineering.efficiency.value) / copies
    share = culture["engineered"][0, 1] / culture.living[0, 1]
    assert share == pytest.approx(-np.expm1(-copies * receptive), rel=1e-4)


def test_a_construct_that_costs_pace_is_diluted() -> None:
    process = with_growth(library_process("autologous_viral"), **(IDEAL | {"culture_division.fitness": 0.8}))
    early, late = (grown(process, [0.0, day]) for day in (3.0, 12.0))
    shares = [one["engineered"][0, 1] / one.living[0, 1] for one in (early, late)]
    assert shares[1] < 0.5 * shares[0]


def test_t_cells_that_came_along_grow_at_their_own_pace() -> None:
    process = bare("nk_peripheral_feeder", **{"culture_contaminant.rate": 0.2})
    assert grown(process, [0.0, 10.0], contaminant=1e4)["contaminant"][0, 1] == pytest.approx(1e4 * np.exp(2), rel=1e-4)


def test_the_compiled_culture_agrees_with_the_slow_oracle() -> None:
    process = bare("nk_peripheral_feeder", **{"culture_division.rate": 0.9, "culture_vigour.ceiling": 15.0})
    network, rows = culture_network(), culture_rows(recipe_of(process))
    start = np.zeros((1, len(network.states)))
    start[0, network.state_names.index("engineered")] = 1e6
    values = np.array([[rows[name].value for name in network.parameter_names]])
    slow = Interpreted(network, tuple(STATES)).run(values, start, no_doses(1), DAYS, rtol=1e-8)
    fast = grown(process, DAYS)
    for i, name in enumerate(STATES):
        assert fast[name][0] == pytest.approx(slow.values[0, :, i], rel=1e-4, abs=1e-6), name


def test_cells_fed_every_week_double_as_fast_as_published() -> None:
    weekly = grown(with_growth(library_process("nk_peripheral_feeder")), [0.0, 21.0]).living[0, 1] / 1e6
    assert 21 * 24 / np.log2(weekly) == pytest.approx(32.5, abs=0.5)  # hours


def test_feeders_once_give_what_another_group_saw_which_nothing_was_fitted_to() -> None:
    process = with_growth(library_process("nk_peripheral_feeder"))
    recipe = recipe_of(process)
    assert recipe.growth.feeder is not None
    once = replace(recipe.growth, feeder=replace(recipe.growth.feeder, days=(0.0,)))
    single = grown(replace(process, batch=replace(recipe, growth=once)), [0.0, 21.0]).living[0, 1] / 1e6
    assert 1450 < single < 9000  # 5,224 at 2:1 and 1,450 at 6:1
    assert single < grown(process, [0.0, 21.0]).living[0, 1] / 1e6 / 10

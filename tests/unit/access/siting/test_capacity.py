"""Plants against every choice there is, queues against Erlang's formula, and the price of a full plant."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from perforin.access.siting.capacity import Sizes, mean_queue, plan_plants, shipped_sizes
from perforin.errors import UserError

SIZES = Sizes(("small", "large"), np.array([2.0, 6.0]), np.array([1000.0, 2400.0]))


def erlang(load, lines):
    """Probability of waiting, from its sum (Erlang 1917)."""
    whole = sum(load**k / math.factorial(k) for k in range(lines))
    last = load**lines / math.factorial(lines) * lines / (lines - load)
    return last / (whole + last)


@pytest.mark.parametrize("lines, load", [(1, 0.5), (4, 3.0), (10, 9.5), (31, 20.0)])
def test_the_queue_is_that_of_erlang(lines, load):
    expected = erlang(load, lines) * load / (lines - load)
    assert float(mean_queue(load / 7, lines, 7.0)) == pytest.approx(expected, rel=1e-9)
    assert float(mean_queue(load / 7, lines, 7.0, 0.5)) == pytest.approx(expected / 2, rel=1e-9)
    assert np.isinf(mean_queue(lines / 7, lines, 7.0))


def test_plants_without_queues_are_the_best_of_every_choice():
    rng = np.random.default_rng(4)
    demand, courier = rng.uniform(0.05, 0.3, 5), rng.uniform(100, 900, (5, 3))
    found = plan_plants(demand, courier, SIZES, days=7, fullest=0.9)
    best = math.inf
    for sizes in product((-1, 0, 1), repeat=3):
        room = np.array([0.9 * SIZES.lines[k] / 7 if k >= 0 else 0.0 for k in sizes])
        if room.sum() < demand.sum():
            continue
        from scipy.optimize import linprog

        keep = np.kron(np.ones((1, 5)), np.eye(3))
        whole = np.kron(np.eye(5), np.ones((1, 3)))
        flow = linprog(courier.ravel(), A_ub=keep, b_ub=room, A_eq=whole, b_eq=demand)
        best = min(best, flow.fun + sum(SIZES.cost[k] for k in sizes if k >= 0))
    assert sum(found.cost.values()) * demand.sum() == pytest.approx(best, rel=1e-5)
    np.testing.assert_allclose(found.flow.sum(axis=1), demand, rtol=1e-6)
    assert (found.load <= 0.9 + 1e-9).all()


def test_the_dearer_a_day_in_the_queue_the_emptier_the_plants_and_the_shorter_the_wait():
    demand, courier = np.full(6, 0.2), np.full((6, 4), 300.0)
    waits, totals = [], []
    for value in (0, 500, 5000, 50000):
        found = plan_plants(demand, courier, SIZES, days=7, value_of_a_day=value)
        waits.append(float(found.wait @ found.flow.sum(axis=0)) / demand.sum())
        totals.append(found.cost["facilities"])
    assert (np.diff(waits) <= 1e-9).all() and waits[-1] < 0.2 * waits[0]
    assert (np.diff(totals) >= -1e-9).all() and totals[-1] > totals[0]


def test_straight_lines_from_below_cost_little_in_truth():
    """The programme's own objective against the exact cost of its plan."""
    demand, courier = np.full(6, 0.2), np.full((6, 4), 300.0)
    found = plan_plants(demand, courier, SIZES, days=7, value_of_a_day=2000)
    queues = [float(mean_queue(t, int(SIZES.lines[k]), 7.0)) if k >= 0 else 0.0
              for t, k in zip(found.flow.sum(axis=0), found.size, strict=True)]  # fmt: skip
    assert found.cost["waiting"] == pytest.approx(2000 * sum(queues) / demand.sum())


def test_the_bound_that_forbids_a_plan_is_named_with_what_it_would_have_to_be():
    demand, courier = np.full(4, 0.4), np.full((4, 2), 100.0)
    with pytest.raises(UserError, match="found 1000 USD a day for plants; needed 4800 .*: the budget binds"):
        plan_plants(demand, courier, SIZES, days=7, budget=1000)
    with pytest.raises(UserError, match="found at most 1 plants; needed 2 .*: the number of plants binds"):
        plan_plants(demand, courier, SIZES, days=7, most=1)
    with pytest.raises(UserError, match="found room for 1.629 therapies a day in 2 plants .*: the candidates bind"):
        plan_plants(2 * demand, courier, SIZES, days=7)
    with pytest.raises(UserError, match="found negative demand"):
        plan_plants(-demand, courier, SIZES, days=7)
    with pytest.raises(UserError, match="plant without lines"):
        Sizes(("none",), np.zeros(1), np.ones(1))


def test_the_shipped_sizes_are_those_of_the_published_study():
    assert shipped_sizes().lines.tolist() == [4, 10, 31]


def test_nothing_of_the_solver_stands_in_the_output(capfd):
    rng = np.random.default_rng(0)
    plan_plants(rng.uniform(0.01, 0.1, 40), rng.uniform(500, 4000, (40, 6)), shipped_sizes(), days=7)
    assert capfd.readouterr().out == ""

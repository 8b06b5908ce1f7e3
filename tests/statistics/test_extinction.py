"""Extinction of clones against closed forms and against exact stochastic simulation with fixed seeds."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from kernel_networks import dose_table, immune_population, network
from perforin.errors import ModelError, UserError
from perforin.kernels.build import build, no_doses
from perforin.kernels.extinction import (
    CloneRates,
    clone_outputs,
    extinction,
    fates,
    kendall,
    mean_given_survival,
    rates_from,
)
from perforin.model.functions import saturation
from perforin.model.mechanism import symbol

REPLICATES = 4000


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERFORIN_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield


def _rates(days, birth, death, change=None, bud=None, kinds=("positive",)):
    """One patient's rates from functions of the day; change and bud by (from, to)."""
    types = len(birth)
    table = np.zeros((1, len(days), types, types))
    buds = table.copy()
    for target, given in ((table, change or {}), (buds, bud or {})):
        for (j, k), rate in given.items():
            target[0, :, j, k] = rate(days)
    b, d = (np.stack([one(days) for one in rows], axis=1)[None] for rows in (birth, death))
    return CloneRates(b, d, table, buds, np.ones((1, len(days), types)), kinds=kinds)


def test_one_type_at_constant_rates_follows_the_textbook():
    days = np.linspace(0, 30, 31)
    for b, d in ((0.3, 0.2), (0.2, 0.3), (0.25, 0.25), (0.0, 0.4), (1e-9, 5.0), (0.5, 0.0)):
        grown = np.exp((b - d) * days)
        one = days * b / (1 + days * b) if b == d else d * (grown - 1) / (b * grown - d)
        flat = np.ones((1, 31))
        for cells in (1.0, 50.0):
            expected = one**cells
            found = kendall(flat * b, flat * d, days, np.array([cells]))[0]
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, err_msg=f"{b} {d}")
            rates = _rates(days, [lambda t, b=b: b + 0 * t], [lambda t, d=d: d + 0 * t])
            np.testing.assert_allclose(extinction(rates, days, np.array([[cells]]))[0], expected, rtol=1e-9, atol=1e-12)


def test_ten_thousand_million_cells_are_followed_in_log_space():
    """Survival of one cell is 1e-11 here: naive 1 - p would hold no digit of it."""
    days = np.arange(0.0, 41.0)
    birth, death = 0.05, 0.9
    one_left = (birth - death) / (birth - death * np.exp(-(birth - death) * days))
    expected = np.exp(1e10 * np.log1p(-one_left[1:]))
    rates = _rates(days, [lambda t: birth + 0 * t], [lambda t: death + 0 * t])
    cells = np.array([[1e10]])
    single = kendall(rates.birth[..., 0], rates.death[..., 0], days, cells[:, 0])
    for found in (extinction(rates, days, cells), extinction(rates, days, cells, backend="interpreted"), single):
        np.testing.assert_allclose(found[0, 1:], expected, rtol=1e-6, atol=1e-300)
        assert found[0, 20] < 1e-20 and 0.9 < found[0, 40] < 1, found[0, [20, 40]]


BIRTH = [lambda t: 0.30 - 0.1 * np.sin(t / 6), lambda t: 0.28 + 0 * t, lambda t: 0.2 + 0 * t]
DEATH = [
    lambda t: 0.15 + 0.9 * np.exp(-0.5 * (t - 7) ** 2 / 9),
    lambda t: 0.1 + 0.5 * np.exp(-t / 6),
    lambda t: 0.24 + 0 * t,
]
CHANGE = {(0, 1): lambda t: 0.05 + 0.03 * np.cos(t / 3), (1, 0): lambda t: 0.04 + 0 * t, (0, 2): lambda t: 0.02 + 0 * t}
BUD = {(1, 2): lambda t: 0.03 + 0 * t}
KINDS = ("positive", "positive", "negative")
CELLS = (6, 3, 1)


def test_several_types_equal_the_backward_equations_solved_tightly():
    fine = np.linspace(0, 20, 401)
    rates = _rates(fine, BIRTH, DEATH, CHANGE, BUD, KINDS)
    for counted in ((1, 1, 1), (1, 1, 0), (0, 0, 1)):
        def slopes(s, q):
            t = 20 - s
            out = []
            for j in range(3):
                leave = sum(rate(t) for (a, _), rate in CHANGE.items() if a == j)
                out.append((BIRTH[j](t) - DEATH[j](t) - leave) * q[j] - BIRTH[j](t) * q[j] ** 2)
                out[j] += sum(rate(t) * q[k] for (a, k), rate in CHANGE.items() if a == j)
                out[j] += sum(rate(t) * q[k] * (1 - q[j]) for (a, k), rate in BUD.items() if a == j)
            return out

        exact = solve_ivp(slopes, (0, 20), counted, rtol=1e-11, atol=1e-13).y[:, -1]
        found = extinction(rates, fine, np.array([CELLS]), counted, until=np.array([400]), coarse=0.01)[0, 0]
        np.testing.assert_allclose(found, np.prod((1 - exact) ** CELLS), rtol=2e-4)
        daily = np.linspace(0, 20, 41)
        rough = _rates(daily, BIRTH, DEATH, CHANGE, BUD, KINDS)
        coarse = extinction(rough, daily, np.array([CELLS]), counted, until=np.array([40]))[0, 0]
        np.testing.assert_allclose(coarse, found, rtol=5e-3)


def _simulate(replicates, seed, ends):
    """Exact stochastic simulation by thinning: numbers of each type on each end day."""
    random = np.random.default_rng(seed)
    moves = [(j, rate, {j: 1}) for j, rate in enumerate(BIRTH)] + [(j, rate, {j: -1}) for j, rate in enumerate(DEATH)]
    moves += [(j, rate, {j: -1, k: 1}) for (j, k), rate in CHANGE.items()]
    moves += [(j, rate, {k: 1}) for (j, k), rate in BUD.items()]
    grid = np.linspace(0, ends[-1], 2001)
    most = np.array([max(np.max(rate(grid)) * 1.001, 1e-9) for _, rate, _ in moves])
    per_cell = np.array([sum(m for m, (j, _, _) in zip(most, moves, strict=True) if j == a) for a in range(3)])
    out = np.zeros((replicates, len(ends), 3), dtype=np.int64)
    for r in range(replicates):
        number, t, place = list(CELLS), 0.0, 0
        while place < len(ends):
            total = sum(n * p for n, p in zip(number, per_cell, strict=True))
            t = t + random.exponential(1 / total) if total else np.inf
            while place < len(ends) and ends[place] < t:
                out[r, place] = number
                place += 1
            if place == len(ends):
                break
            pick = random.random() * total
            for (j, rate, effect), m in zip(moves, most, strict=True):
                pick -= number[j] * m
                if pick < 0:
                    if random.random() * m < rate(t):
                        for k, change in effect.items():
                            number[k] += change
                    break
    return out


@pytest.fixture(scope="module")
def simulated():
    return _simulate(REPLICATES, 20_240_117, np.array([4.0, 12.0, 20.0]))


@pytest.mark.parametrize("backend", ["compiled", "interpreted"])
def test_exact_simulation_agrees_within_three_standard_errors(simulated, backend):
    days = np.linspace(0, 20, 81)
    rates = _rates(days, BIRTH, DEATH, CHANGE, BUD, KINDS)
    gone = {
        (1, 1, 1): (simulated == 0).all(axis=2),
        (1, 1, 0): (simulated[:, :, :2] == 0).all(axis=2),
        (0, 0, 1): simulated[:, :, 2] == 0,
    }
    for counted, happened in gone.items():
        ends = np.array([16, 48, 80])
        p = extinction(rates, days, np.array([CELLS]), counted, until=ends, backend=backend)[0]
        error = np.sqrt(np.maximum(p * (1 - p), 1e-4) / REPLICATES)
        assert (np.abs(happened.mean(axis=0) - p) < 3 * error).all(), (counted, p, happened.mean(axis=0), error)
        assert 0.05 < p[2] < 0.95, "the comparison must not be of zeros or ones"


def test_machine_code_and_numpy_agree():
    random = np.random.default_rng(9)
    days, shape = np.cumsum(random.uniform(0.2, 4.0, 30)), (5, 30, 4)
    off = 1 - np.eye(4)
    change, bud = (random.uniform(0, 0.05, (*shape, 4)) * off for _ in range(2))
    rates = CloneRates(random.uniform(0, 0.4, shape), random.uniform(0, 0.5, shape), change, bud, np.ones(shape))
    rates.birth[2], rates.death[3, :, 1] = 0.0, np.nan
    cells = 10.0 ** random.uniform(0, 10, (5, 4))
    ends = np.array([29, 3, 0, 17, 11, 8])
    finer = extinction(rates, days, cells, until=ends, longest=0.1)
    by_code, by_numpy = (
        extinction(rates, days, cells, until=ends, coarse=0.01, backend=b) for b in ("compiled", "interpreted")
    )
    np.testing.assert_allclose(by_code, by_numpy, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(finer, by_numpy, rtol=1e-3, atol=1e-6)
    assert np.isnan(by_code[3, [0, 1]]).all() and np.isfinite(by_code[[0, 1, 2, 4]]).all()


def test_the_mean_given_survival_agrees_with_simulation(simulated):
    days = np.linspace(0, 20, 81)
    rates = _rates(days, BIRTH, DEATH, CHANGE, BUD, KINDS)
    mean = solve_ivp(lambda t, n: _mean_matrix(t) @ n, (0, 20), CELLS, rtol=1e-9).y[:, -1].sum()
    gone = extinction(rates, days, np.array([CELLS]), until=np.array([80]))
    expected = mean_given_survival(np.array([[mean]]), gone)[0, 0]
    alive = simulated[:, 2].sum(axis=1)
    alive = alive[alive > 0]
    assert abs(alive.mean() - expected) < 3 * alive.std() / np.sqrt(len(alive)), (alive.mean(), expected)


def _mean_matrix(t):
    matrix = np.diag([b(t) - d(t) for b, d in zip(BIRTH, DEATH, strict=True)])
    for (j, k), rate in CHANGE.items():
        matrix[k, j] += rate(t)
        matrix[j, j] -= rate(t)
    for (j, k), rate in BUD.items():
        matrix[k, j] += rate(t)
    return matrix


def test_extinction_never_falls_with_time_or_rises_with_cells():
    days = np.linspace(0, 20, 21)
    rates = _rates(days, BIRTH, DEATH, CHANGE, BUD, KINDS)
    small, large = (extinction(rates, days, np.array([CELLS]) * n)[0] for n in (1, 10))
    assert (np.diff(small) >= -1e-6).all() and (large <= small).all()
    assert small[0] == 0.0


def test_reported_days_do_not_change_each_other():
    days = np.linspace(0, 20, 21)
    rates = _rates(days, BIRTH, DEATH, CHANGE, BUD, KINDS)
    every = extinction(rates, days, np.array([CELLS]))[0]
    some = extinction(rates, days, np.array([CELLS]), until=np.array([20, 7]))[0]
    np.testing.assert_array_equal(some, every[[20, 7]])


def test_a_clone_without_cells_cannot_prevent_extinction():
    days = np.linspace(0, 20, 21)
    rates = _rates(days, BIRTH[1:], DEATH[1:])
    alone = extinction(_rates(days, BIRTH[1:2], DEATH[1:2]), days, np.array([[5.0]]))
    np.testing.assert_allclose(extinction(rates, days, np.array([[5.0, 0.0]])), alone)


# ---- from a network ---------------------------------------------------------------------------------------------


def _clones(net, parameters, start, doses, days, begin=0.0):
    outputs = clone_outputs(net)
    solution = build(net, outputs, backend="interpreted").run(parameters, start, doses, days, begin=begin, rtol=1e-8)
    return rates_from(net, solution, outputs)


def test_rates_are_read_from_where_flows_lead_and_how_they_vanish():
    a, b, dying, k = (symbol(n) for n in ("a", "b", "dying", "k"))
    total, division = symbol("total"), symbol("division")
    net = network(
        {"a": "cell", "b": "cell", "dying": "cell"},
        [("grow_a", division, None, "a"), ("grow_b", 0.3 * b, None, "b"), ("mutation", 0.01 * division, "a", "b"),
         ("kill", k * a * saturation(total, 1e6), "a", "dying"), ("fade", 0.1 * b, "b", None),
         ("shed", 0.02 * a * sympy.exp(-a / 1e9), None, "b"), ("clear", dying, "dying", None)],
        {"total": a + b, "division": 0.5 * a * (1 - total / 1e4)}, [("a", "positive"), ("b", "negative")],
    )  # fmt: skip
    days = np.linspace(0, 2, 5)
    rates = _clones(net, np.array([[0.7]]), np.array([[2e4, 0.0, 0.0]]), no_doses(1), days)
    cells = rates.cells[0]
    total = cells.sum(axis=1)
    growth = 0.5 * (1 - total / 1e4)
    kill = 0.7 * total / (1e6 + total)
    np.testing.assert_allclose(rates.birth[0, :, 0], np.maximum(growth, 0), rtol=1e-9)
    np.testing.assert_allclose(rates.death[0, :, 0], kill + np.maximum(-growth, 0), rtol=1e-9)
    assert growth[0] < 0, "above the capacity growth counts as death"
    np.testing.assert_allclose(rates.birth[0, :, 1], 0.3)
    np.testing.assert_allclose(rates.death[0, :, 1], 0.1)
    np.testing.assert_allclose(rates.change[0, :, 0, 1], 0.01 * np.maximum(growth, 0), atol=1e-12)
    np.testing.assert_allclose(rates.bud[0, :, 0, 1], 0.02 * np.exp(-cells[:, 0] / 1e9))
    assert rates.kinds == ("positive", "negative")


def test_cells_from_nowhere_are_refused():
    net = network({"a": "cell"}, [("seed", symbol("k"), None, "a")], clones=[("a", "positive")])
    with pytest.raises(ModelError, match="'seed' into the clone 'a', proportional to no clone"):
        clone_outputs(net)


def test_a_missing_output_is_named():
    net, parameters, start, doses = immune_population(1)
    solution = build(net, ["burden"], backend="interpreted").run(parameters, start, doses, [0.0], begin=-6.0)
    with pytest.raises(UserError, match="found no output 'tumour_high'"):
        rates_from(net, solution, ["burden"])


def test_a_deterministic_course_below_one_cell_is_not_a_cure():
    """The expected number falls to about a cell, or far below one, and grows again: chance decides, and is counted."""
    x, drug = symbol("x"), symbol("drug")
    loss = ("loss", symbol("k") * drug, "drug", None)
    flows = [("grow", 0.2 * x, None, "x"), ("kill", 3 * drug * x, "x", None), loss]
    net = network({"x": "cell", "drug": "dose"}, flows, clones=[("x", "positive")])
    doses = dose_table(net, [(0.0, "drug", 1, 1.0)], 2)
    days = np.arange(0.0, 61.0)
    rates = _clones(net, np.array([[0.11], [0.08]]), np.array([[1e9, 0.0], [1e9, 0.0]]), doses, days)
    found = fates(rates, days)
    assert 0.1 < rates.cells[0, :, 0].min() < 5 and 0.1 < found.all[0, -1] < 0.9
    assert rates.cells[1, :, 0].min() < 1e-3 and found.all[1, -1] > 0.999
    single = kendall(rates.birth[..., 0], rates.death[..., 0], days, rates.cells[:, 0, 0])
    np.testing.assert_allclose(found.all, single, atol=2e-2)
    np.testing.assert_array_equal(found.negative, 1.0)


def test_a_whole_patient_has_consistent_fates():
    net, parameters, start, doses = immune_population(3)
    days = np.arange(0.0, 61.0, 2.0)
    rates = _clones(net, parameters, start, doses, days, begin=-6.0)
    found = fates(rates, days)
    assert set(rates.kinds) == {"positive", "negative"} and rates.names[2] == "tumour_negative"
    for table in (found.all, found.positive, found.negative):
        assert ((table >= 0) & (table <= 1)).all()
    assert (found.all <= np.minimum(found.positive, found.negative) + 1e-9).all()
    assert rates.change[:, :, 0, 2].max() > 0, "mutation leads to the negative class"

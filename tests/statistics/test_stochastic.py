"""Courses of whole cells against exact answers. Seeds are fixed: each test passes always or never.

Means are held to three standard errors and variances to five, on every reported day, as the Discrete Stochastic Models
Test Suite does; its own cases are in ``tests/external/test_stochastic_suite.py``.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad
from scipy.linalg import expm

from kernel_networks import dose_table, network
from perforin.kernels.build import no_doses
from perforin.kernels.stochastic import build
from perforin.model.mechanism import symbol
from perforin.model.network import FlowRow, Network, Slot, State

REPLICATES = 10_000
DAYS = np.arange(0.0, 51.0, 5.0)


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERFORIN_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield


def _agrees(found, mean, variance):
    """(replicates, days) against exact moments on each day."""
    n = len(found)
    moving = variance > 1e-12
    np.testing.assert_allclose(found[:, ~moving], np.broadcast_to(mean, found.shape)[:, ~moving])
    z = np.sqrt(n) * (found.mean(axis=0) - mean)[moving] / np.sqrt(variance[moving])
    y = np.sqrt(n / 2) * (found.var(axis=0, ddof=1)[moving] / variance[moving] - 1)
    assert (np.abs(z) <= 3).all(), z
    assert (np.abs(y) <= 5).all(), y


def _occurs(counts, chances):
    """Counts of whole numbers against their chances: chi-square over bins that expect ten, false alarm 1e-3."""
    expected, bins = [], []
    inside = chance = 0.0
    seen = np.bincount(counts.astype(int), minlength=len(chances))
    for k, probability in enumerate(chances):
        inside, chance = inside + seen[k], chance + probability
        if chance * len(counts) >= 10:
            bins.append(inside)
            expected.append(chance * len(counts))
            inside = chance = 0.0
    bins[-1] += len(counts) - sum(bins)
    expected[-1] += len(counts) - sum(expected)
    assert stats.chisquare(bins, expected).pvalue > 1e-3


def _born_and_dying(b, d, cells, days, **how):
    x, birth, death = (symbol(name) for name in ("x", "birth", "death"))
    net = network({"x": "cell"}, [("birth", birth * x, None, "x"), ("death", death * x, "x", None)])
    mode = {"mode": how.pop("mode")} | {"counted": ["x"]} if "mode" in how else {}
    run = build(net, ["x"], **mode).run(
        np.array([[b, d]]), np.array([[cells]]), no_doses(1), days, seed=1, replicates=REPLICATES, **how
    )
    assert run.status[0] == 0, run.reasons
    return run.values[0, :, :, 0]


@pytest.mark.parametrize("b,d", [(0.1, 0.11), (0.12, 0.1), (0.0, 0.1), (0.1, 0.1)])
def test_births_and_deaths_have_the_moments_and_the_extinction_of_kendall(b, d):
    cells = 10.0
    found, grown = _born_and_dying(b, d, cells, DAYS), np.exp((b - d) * DAYS)
    spread = 2 * b * DAYS if b == d else (b + d) / (b - d) * grown * (grown - 1)
    _agrees(found, cells * grown, cells * spread)
    gone = b * DAYS / (1 + b * DAYS) if b == d else d * (grown - 1) / (b * grown - d)
    gone = gone**cells
    np.testing.assert_array_less(np.abs((found == 0).mean(axis=0) - gone), 3.5 * np.sqrt(gone / REPLICATES) + 1e-12)


def test_the_whole_distribution_of_births_and_deaths_is_right():
    """One cell's descendants: zero with chance a, and otherwise geometric with ratio c (Kendall 1948)."""
    b, d, day = 0.3, 0.2, 8.0
    found, grown = _born_and_dying(b, d, 1.0, np.array([day]))[:, 0], np.exp((b - d) * day)
    a, c = d * (grown - 1) / (b * grown - d), b * (grown - 1) / (b * grown - d)
    _occurs(found, np.concatenate([[a], (1 - a) * (1 - c) * c ** np.arange(400)]))


def test_immigration_and_death_is_poisson_at_every_time():
    x, come, death = (symbol(name) for name in ("x", "come", "death"))
    net = network({"x": "cell"}, [("immigration", come, None, "x"), ("death", death * x, "x", None)])
    run = build(net, ["x"]).run(
        np.array([[1.0, 0.1]]), np.array([[0.0]]), no_doses(1), DAYS, seed=2, replicates=REPLICATES
    )
    mean = 10 * -np.expm1(-0.1 * DAYS)
    _agrees(run.values[0, :, :, 0], mean, mean)
    for k in (2, 10):
        _occurs(run.values[0, :, k, 0], stats.poisson.pmf(np.arange(60), mean[k]))


def test_a_dose_resets_a_state_at_its_time():
    """Between reported days half of what is there is replaced: 20 survivors and newcomers from then on."""
    x, come, death = (symbol(name) for name in ("x", "come", "death"))
    net = network({"x": "cell"}, [("immigration", come, None, "x"), ("death", death * x, "x", None)])
    doses, days = dose_table(net, [(22.5, "x", 0.0, 20.0)], 1), np.array([20.0, 22.5, 25.0, 40.0])
    run = build(net, ["x"]).run(np.array([[1.0, 0.1]]), np.array([[0.0]]), doses, days, seed=6, replicates=REPLICATES)
    since = np.where(days < 22.5, days, days - 22.5)
    left, begun = np.exp(-0.1 * since), np.where(days < 22.5, 0.0, 20.0)
    come_since = 10 * (1 - left)
    _agrees(run.values[0, :, :, 0], begun * left + come_since, begun * left * (1 - left) + come_since)


def _pairing():
    single, pair, k1, k2 = (symbol(name) for name in ("single", "pair", "k1", "k2"))
    flows = (
        FlowRow("pairing", k1 * single * (single - 1) / 2, change=(("single", -2.0), ("pair", 1.0))),
        FlowRow("parting", k2 * pair, change=(("single", 2.0), ("pair", -1.0))),
    )
    parameters = (Slot("k1", "", "", "k1"), Slot("k2", "", "", "k2"))
    return Network((State("single", ""), State("pair", "")), (), flows, parameters)


def _pairs_by_master_equation(singles, k1, k2, days):
    """(days, pairs + 1) chances of each number of pairs, from none."""
    n = singles // 2
    pairs = np.arange(n + 1)
    left = singles - 2 * pairs
    up, down = k1 * left * (left - 1) / 2, k2 * pairs
    generator = np.diag(-(up + down)) + np.diag(up[:-1], 1) + np.diag(down[1:], -1)
    return np.stack([expm(generator * day)[0] for day in days])


def test_pairing_follows_its_master_equation():
    k1, k2 = 0.001, 0.01
    run = build(_pairing(), ["pair", "single"]).run(
        np.array([[k1, k2]]), np.array([[100.0, 0.0]]), no_doses(1), DAYS, seed=4, replicates=REPLICATES
    )
    chances, pairs = _pairs_by_master_equation(100, k1, k2, DAYS), np.arange(51)
    mean = chances @ pairs
    _agrees(run.values[0, :, :, 0], mean, chances @ pairs**2 - mean**2)
    _occurs(run.values[0, :, -1, 0], chances[-1])
    np.testing.assert_array_equal(run.values[0, :, :, 0] * 2 + run.values[0, :, :, 1], 100.0)


def test_arrivals_in_batches_have_the_moments_of_shot_noise():
    """Campbell's theorem: a batch that came s ago counts Binomial(size, e^(-death s)) cells."""
    x, come, death = (symbol(name) for name in ("x", "come", "death"))
    size, rate, loss = 5, 1.0, 0.2
    net = Network(
        (State("x", "cell"),), (),
        (FlowRow("arrival", come, change=(("x", float(size)),)), FlowRow("death", death * x, "x", None)),
        (Slot("come", "", "", "come"), Slot("death", "", "", "death")),
    )  # fmt: skip
    run = build(net, ["x"]).run(
        np.array([[rate, loss]]), np.array([[0.0]]), no_doses(1), DAYS, seed=5, replicates=REPLICATES
    )
    mean = [quad(lambda s: rate * size * np.exp(-loss * s), 0, day)[0] for day in DAYS]
    square = [
        quad(lambda s: rate * (size * np.exp(-loss * s) + size * (size - 1) * np.exp(-2 * loss * s)), 0, day)[0]
        for day in DAYS
    ]
    _agrees(run.values[0, :, :, 0], np.array(mean), np.array(square))


# ---- cells counted among much that is not ----------------------------------------------------------------------------


def test_events_that_drive_their_surroundings_give_the_beta_distribution_of_the_telegraph():
    """What a switch makes while it is on, and what decays, is Beta distributed in the long run."""
    switch, amount, up, down = (symbol(name) for name in ("switch", "amount", "up", "down"))
    net = network(
        {"switch": "", "amount": ""},
        [("on", up * (1 - switch), None, "switch"), ("off", down * switch, "switch", None),
         ("make", 1000 * switch, None, "amount"), ("decay", amount, "amount", None)],
    )  # fmt: skip
    run = build(net, ["amount", "switch"], mode="hybrid", counted=["switch"]).run(
        np.array([[1.5, 0.7]]), np.zeros((1, 2)), no_doses(1), [30.0], seed=1, replicates=REPLICATES
    )
    assert net.parameter_names == ("down", "up")
    on = 0.7 / 2.2
    assert abs(run.values[0, :, 0, 1].mean() - on) < 3 * np.sqrt(on * (1 - on) / REPLICATES)
    assert stats.kstest(run.values[0, :, 0, 0] / 1000, stats.beta(0.7, 1.5).cdf).pvalue > 1e-3


def _in_decaying_drug(kill, cells, replicates=REPLICATES, **how):
    """A clone that a drug kills while it lasts: the simulated and the exact chance that it has died out by each day."""
    x, drug, k = (symbol(name) for name in ("x", "drug", "k"))
    flows = [("birth", 0.3 * x, None, "x"), ("kill", k * drug * x, "x", None), ("loss", drug / 5, "drug", None)]
    net, days = network({"x": "cell", "drug": "dose"}, flows), np.array([4.0, 12.0, 30.0])
    run = build(net, ["x"], mode="hybrid", counted=["x"]).run(
        np.array([[kill]]), np.array([[cells, 1.0]]), no_doses(1), days, seed=2, replicates=replicates, **how
    )
    assert run.status[0] == 0, run.reasons

    def lost(day):
        return kill * 5 * -np.expm1(-day / 5) - 0.3 * day

    paid = np.array([quad(lambda s: 0.3 * np.exp(lost(s)), 0, day)[0] for day in days])
    return (run.values[0, :, :, 0] == 0).mean(axis=0), (1 - 1 / (np.exp(lost(days)) + paid)) ** cells


def test_a_clone_in_surroundings_that_change_dies_out_as_kendall_says():
    found, exact = _in_decaying_drug(kill=1.6, cells=50.0)
    assert 0.2 < exact[-1] < 0.8
    assert (np.abs(found - exact) < 3 * np.sqrt(exact * (1 - exact) / REPLICATES)).all(), (found, exact)


def test_a_clone_is_counted_early_enough():
    """20 000 cells, counted from ``few`` on: the error falls with ``few`` and is lost in the noise at the default."""
    errors = []
    for few in (1.0, 30.0, 1000.0):
        found, exact = _in_decaying_drug(kill=2.8, cells=20_000.0, few=few)
        errors.append(abs(found[-1] - exact[-1]) / np.sqrt(exact[-1] * (1 - exact[-1]) / REPLICATES))
    assert errors[0] > 10 and errors[0] > errors[1] and errors[2] < 3, errors


def test_coarser_surroundings_err_more():
    """The surroundings of a piece stand still; the error of that falls with the square of the change in one piece."""
    errors = []
    for change in (0.9, 0.03):
        found, exact = _in_decaying_drug(kill=1.6, cells=50.0, replicates=40_000, change=change)
        errors.append(np.abs(found - exact).max())
    assert errors[0] > 0.02 and errors[1] < 0.005, errors


@pytest.mark.slow
def test_prey_that_are_counted_and_hunters_that_are_followed_vary_as_if_both_were_counted():
    """Each acts on the other. The hunters lag behind the prey by what ``change`` allows, which calms the prey down."""
    prey, hunters = symbol("prey"), symbol("hunters")
    flows = [("birth", prey / 2, None, "prey"), ("hunt", 0.0005 * prey * hunters, "prey", None),
             ("grow", 10 * prey, None, "hunters"), ("loss", hunters / 2, "hunters", None)]  # fmt: skip
    net, n = network({"prey": "cell", "hunters": "cell"}, flows), 4000

    def spread(mode, **how):
        run = build(net, ["prey"], mode=mode, counted=["prey"]).run(
            np.zeros((1, 0)), np.array([[40.0, 1000.0]]), no_doses(1), [40.0], seed=3, replicates=n, **how
        )
        return run.values[0, :, 0, 0].std()

    exact = spread("exact")
    noise = exact / np.sqrt(n)  # of the difference of two spreads
    assert abs(spread("hybrid", change=0.3) - exact) > 10 * noise
    assert abs(spread("hybrid", change=0.03) - exact) < 3.5 * noise
    assert abs(spread("hybrid", change=0.01) - exact) < 3.5 * noise

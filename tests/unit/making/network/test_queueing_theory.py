"""The engines against what queueing and inventory theory prove."""

from __future__ import annotations

import math

import numpy as np
import pytest

from network_plans import bank, plan, shop
from perforin.making.network.plan import INFUSED, LINES, LOST, SLOTS, STOCK, Plan
from perforin.making.network.simulate import run

MANY = 400_000


def queue(servers: int, arrivals: float, service: np.ndarray, patience: float = math.inf, seed: int = 1) -> Plan:
    """Poisson arrivals into one pool."""
    luck = np.random.default_rng(seed)
    arrival = np.cumsum(luck.exponential(1 / arrivals, len(service)))
    lost = arrival + (luck.exponential(patience, len(service)) if math.isfinite(patience) else math.inf)
    return plan([LINES], service[:, None], arrival, lines=[servers], deadline=lost)


def erlang_c(servers: int, load: float) -> float:
    terms = [load**k / math.factorial(k) for k in range(servers)]
    waits = load**servers / math.factorial(servers) * servers / (servers - load)
    return waits / (sum(terms) + waits)


def erlang_a(servers: int, arrivals: float, service: float, patience: float) -> float:
    """Share lost in M/M/c+M, by the balance of flows between neighbouring numbers in the system."""
    weights = [1.0]
    for k in range(1, 400):
        leaving = min(k, servers) / service + max(k - servers, 0) / patience
        weights.append(weights[-1] * arrivals / leaving)
    waiting = np.maximum(np.arange(400) - servers, 0)
    mean = float((waiting * weights).sum() / np.sum(weights))
    return mean / patience / arrivals


@pytest.mark.parametrize("servers,arrivals,service", [(20, 16.0, 1.0), (1, 0.5, 1.0), (5, 4.0, 1.0)])
def test_mean_wait_with_many_servers_is_erlang_c(servers: int, arrivals: float, service: float) -> None:
    waits, waited = [], []
    for seed in range(8):
        luck = np.random.default_rng(100 + seed)
        out = run(queue(servers, arrivals, luck.exponential(service, MANY // 4), seed=seed))
        each = (out.started - out.entered)[0, MANY // 80 :, 0]
        waits.append(each.mean())
        waited.append((each > 0).mean())
    likely = erlang_c(servers, arrivals * service)
    for found, expected in ((waited, likely), (waits, likely / (servers / service - arrivals))):
        error = np.std(found, ddof=1) / np.sqrt(len(found))
        assert error < 0.05 * expected
        assert abs(np.mean(found) - expected) < 3.5 * error


@pytest.mark.parametrize("servers,arrivals,patience", [(2, 4.0, 12.0), (10, 9.0, 1.0), (3, 3.0, 0.5)])
def test_share_lost_while_waiting_is_erlang_a(servers: int, arrivals: float, patience: float) -> None:
    """Patience ends with the start of service, so the clock that runs on in service is not counted."""
    luck = np.random.default_rng(3)
    out = run(queue(servers, arrivals, luck.exponential(1.0, MANY), patience), "calendar")
    lost = np.isnan(out.started[0, :, 0])
    # Those who are lost in service have been served: the clock is theirs, the line is held to the end.
    assert lost.mean() == pytest.approx(erlang_a(servers, arrivals, 1.0, patience), rel=0.03)


def test_mean_wait_with_any_service_is_that_of_pollaczek_and_khinchine() -> None:
    luck = np.random.default_rng(4)
    service = luck.lognormal(-0.5, 0.8, MANY)
    out = run(queue(1, 0.6, service))
    load = 0.6 * service.mean()
    expected = 0.6 * (service**2).mean() / (2 * (1 - load))
    assert (out.started - out.entered)[0, :, 0].mean() == pytest.approx(expected, rel=0.06)


def test_random_appointments_serve_a_queue_with_loss_as_a_birth_and_death_process() -> None:
    luck = np.random.default_rng(5)
    until, arrivals, slots, patience = 60_000.0, 4.0, 2.0, 12.0
    arrival = np.sort(luck.uniform(0, until, int(arrivals * until)))
    when = np.sort(luck.uniform(0, until, int(slots * until)))
    lost = arrival + luck.exponential(patience, len(arrival))
    queued = plan([SLOTS], np.zeros((len(arrival), 1)), arrival, deadline=lost,
                  slot=np.array([0, len(when)]), slot_day=when)  # fmt: skip
    out = run(queued)
    weights = np.cumprod([1.0, *(arrivals / (slots + k / patience) for k in range(1, 400))])
    waiting = float((np.arange(400) * weights).sum() / weights.sum())
    assert (out.status == LOST).mean() == pytest.approx(waiting / patience / arrivals, rel=0.02)


def test_numbers_in_the_queue_and_waits_obey_little_on_every_path() -> None:
    out = run(shop(7, 2000, until=200.0), "calendar")
    left = np.where(np.isnan(out.started), np.where(out.status == LOST, out.day, 200.0)[None, :, None], out.started)
    wait = np.nansum((left - out.entered)[:, :, [1, 3, 6]])
    times = np.linspace(0, 200, 40_001)
    entered, gone = np.sort(out.entered[:, :, [1, 3, 6]], axis=None), np.sort(
        left[:, :, [1, 3, 6]][~np.isnan(out.entered[:, :, [1, 3, 6]])])  # fmt: skip
    inside = np.searchsorted(entered[~np.isnan(entered)], times) - np.searchsorted(gone, times)
    assert np.trapezoid(inside, times) == pytest.approx(wait, rel=2e-3)


@pytest.mark.parametrize("seed", range(5))
def test_patients_and_units_are_conserved(seed: int) -> None:
    store = bank(seed, 600, review=7.0 * (seed % 2))
    out = run(store)
    counts = np.bincount(out.status, minlength=3)
    assert counts.sum() == 600
    assert ((out.status == LOST) == (out.cause >= 0)).all()
    assert (np.isnan(out.day) == (out.status == 0)).all()
    lots = out.ledger
    there = ~np.isnan(lots.stocked)
    fates = lots.used + lots.expired + lots.refused + lots.recalled + lots.left
    np.testing.assert_array_equal(lots.made[there], fates[there])
    assert (fates[~there] == 0).all()
    assert lots.used.sum() == (~np.isnan(out.started[:, :, 1])).sum()
    after = out.started[:, :, 1] - lots.expires.ravel()[out.lot]
    last = after[out.attempt, np.arange(600)]
    assert not (last[out.lot >= 0] > 0).any(), "a unit was given after it expired"


def test_without_deadlines_nobody_is_lost_and_a_constant_hazard_loses_its_exponential_share() -> None:
    luck = np.random.default_rng(6)
    days, arrival = np.full((MANY, 2), 12.0), np.zeros(MANY)
    assert (run(plan([0, 0], days, arrival)).status == INFUSED).all()
    lost = run(plan([0, 0], days, arrival, deadline=luck.exponential(1 / 0.00442, MANY))).status == LOST
    assert lost.mean() == pytest.approx(1 - math.exp(-0.00442 * 24), abs=4 * math.sqrt(0.1 * 0.9 / MANY))


def store(s: int, S: int, demand: np.ndarray, until: float, *, lead: float = 0.0, review: float = 0.0, initial: int,  # noqa: N803
          seed: int = 8) -> Plan:  # fmt: skip
    """One hub with one class; ``lead`` is fixed, or with a review uniform from a half to one."""
    luck, lots = np.random.default_rng(seed), 20_000
    shape = (1, 1, lots)
    return plan(
        [STOCK], np.zeros((len(demand), 1)), demand, lines=[0], hub=np.array([0]), reorder=np.array([[s]]),
        up_to=np.array([[S]]), initial=np.array([[initial]]), review=np.array([review]),
        lead=luck.uniform(0.5, 1, shape) if review else np.full(shape, lead), shelf=np.full(shape, np.inf),
        rejected=np.zeros(shape, bool), recall=np.full(shape, np.inf), until=np.array([until]),
    )  # fmt: skip


def on_hand(out, demand: np.ndarray, times: np.ndarray, initial: int) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Units on hand less those owed."""
    lots = out.ledger
    came = ~np.isnan(lots.stocked[0, 0]) & (np.arange(lots.made.size) > 0)
    at = np.argsort(lots.stocked[0, 0, came])
    total = np.concatenate([[0], np.cumsum(lots.made[0, 0, came][at])])
    arrived = total[np.searchsorted(lots.stocked[0, 0, came][at], times, side="right")]
    return initial + arrived - np.searchsorted(demand, times, side="right")


def test_s_and_big_s_without_lead_time_leave_the_stock_uniform_and_order_once_a_cycle() -> None:
    luck, s, big = np.random.default_rng(9), 4, 20
    demand = np.cumsum(luck.exponential(1 / 3.0, 150_000))
    out = run(store(s, big, demand, demand[-1], initial=big))
    level = on_hand(out, demand, np.linspace(1, demand[-1] - 1, 200_001), big)
    shares = np.bincount(level, minlength=big + 1) / len(level)
    assert shares[: s + 1].sum() == 0
    np.testing.assert_allclose(shares[s + 1 :], 1 / (big - s), rtol=0.05)
    orders = (~np.isnan(out.ledger.ordered)).sum() - 1
    assert orders == pytest.approx(len(demand) / (big - s), rel=0.001)


@pytest.mark.parametrize("s,S,cost", [(20, 40, 126.61), (60, 100, 143.20)])
def test_the_store_of_law_and_kelton_costs_what_their_table_says(s: int, S: int, cost: float) -> None:  # noqa: N803
    """Theirs is one run of 120 months: the table's cost lies among those of ours, and not at their edge.

    Orders cost 32 and 3 a unit; a month costs 1 for a unit on hand and 5 for a unit owed (Law and Kelton 1991).
    """
    costs = []
    for seed in range(40):
        luck = np.random.default_rng(seed)
        when = np.cumsum(luck.exponential(0.1, 1600))
        size = luck.choice([1, 2, 3, 4], len(when), p=[1 / 6, 1 / 3, 1 / 3, 1 / 6])
        demand = np.repeat(when, size)
        demand = demand[demand < 120]
        out = run(store(s - 1, S, demand, 120.0, review=1.0, initial=60, seed=seed))
        level = on_hand(out, demand, np.linspace(0, 120, 12_001), 60)
        placed = out.ledger.made[0, 0, 1:][~np.isnan(out.ledger.ordered[0, 0, 1:])]
        placed = placed[: (out.ledger.ordered[0, 0, 1:] < 120).sum()]
        costs.append((32 * len(placed) + 3 * placed.sum()) / 120 + np.maximum(level, 0).mean()
                     + 5 * np.maximum(-level, 0).mean())  # fmt: skip
    assert abs(np.mean(costs) - cost) < 2 * np.std(costs)
    assert np.std(costs) < 8

"""All engines give the same times, and those of SimPy on the same luck."""

from __future__ import annotations

import numpy as np
import pytest

from network_oracle import World
from network_plans import bank, plan, shop
from perforin.errors import UserError
from perforin.making.network.description import network_names, read_network
from perforin.making.network.drawing import Drawing
from perforin.making.network.plan import INFUSED, LINES, LOST, SLOTS, Outcome, Plan
from perforin.making.network.simulate import chosen_engine, run
from perforin.streams import Streams

TIMES = ("entered", "started", "ended", "day")
NUMBERS = ("status", "cause", "attempt", "lot")


def agree(found: Outcome, other: Outcome | World, tolerance: float = 1e-9) -> None:
    for name in NUMBERS:
        np.testing.assert_array_equal(getattr(found, name), getattr(other, name), err_msg=name)
    for name in TIMES:
        np.testing.assert_allclose(getattr(found, name), getattr(other, name), rtol=0, atol=tolerance, err_msg=name)


def straight(seed: int, hazard: float = 0.02, closures: bool = False) -> Plan:
    """First come, first served, and nobody comes back."""
    return shop(seed, hazard=hazard, attempts=1, discipline=False, closures=closures)


@pytest.mark.parametrize("seed", range(4))
def test_the_calendar_and_simpy_give_identical_times_with_priorities_remakes_and_loss_while_waiting(seed: int) -> None:
    found = run(shop(seed), "calendar")
    agree(found, World(shop(seed)))
    assert (found.attempt > 0).sum() > 5
    assert (found.status == LOST).sum() > 20 and (found.status == INFUSED).sum() > 20


@pytest.mark.parametrize("seed", range(3))
def test_the_calendar_and_simpy_give_identical_times_with_plants_that_stop(seed: int) -> None:
    stopped = shop(seed, discipline=False, closures=True)
    found = run(stopped, "calendar")
    agree(found, World(stopped))
    began = found.started[:, stopped.pool[:, 3] == 2, 3]
    assert not ((began > 30) & (began < 41)).any()
    assert (np.abs(began - 41) < 1e-9).sum() > 1


@pytest.mark.parametrize("review", [0.0, 7.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_calendar_and_simpy_give_identical_times_and_lots_where_stock_runs_out(seed: int, review: float) -> None:
    store = bank(seed, review=review)
    found, other = run(store, "calendar"), World(store)
    agree(found, other)
    for name, units in other.ledger.items():
        np.testing.assert_array_equal(getattr(found.ledger, name), units, err_msg=name)
    waited = found.started[0, :, 1] > found.entered[0, :, 1]
    assert waited.sum() > 10, "no backorder was served"
    assert found.ledger.expired.sum() > 0 and found.ledger.recalled.sum() > 0 and found.ledger.refused.sum() > 0


@pytest.mark.parametrize("closures", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_recursion_the_calendar_and_simpy_agree_where_all_queue_as_they_come(seed: int, closures: bool) -> None:
    queue = straight(seed, closures=closures)
    assert chosen_engine(queue) == "recursion"
    fast = run(queue)
    agree(fast, run(queue, "calendar"))
    agree(fast, World(queue))


@pytest.mark.parametrize("attempts", [1, 3])
def test_the_open_loop_the_calendar_and_simpy_agree_where_nothing_is_shared(attempts: int) -> None:
    shared = shop(5, attempts=attempts)
    alone = shared._replace(kind=np.zeros(7, np.int64), again=np.array([-1, -1, -1, -1, 2, -1, -1]))
    assert chosen_engine(alone) == "open loop"
    fast = run(alone)
    agree(fast, run(alone, "calendar"))
    agree(fast, World(alone))
    assert attempts == 1 or fast.attempt.max() == attempts - 1


@pytest.mark.parametrize("name", network_names())
def test_the_networks_of_the_library_give_the_times_of_simpy(name: str) -> None:
    network, patients = read_network(name), np.arange(400)
    arrival = 600 * Streams(1).uniform("referral", patients)
    drawing = Drawing(network, patients, arrival, Streams(1), 0, 600.0)
    drawn = drawing.plan(drawing.deadline(), None, 64)
    agree(run(drawn, "calendar"), World(drawn))


def test_lines_for_everybody_are_no_lines() -> None:
    luck = np.random.default_rng(3)
    arrival, days = np.sort(luck.uniform(0, 50, 200)), luck.exponential(3, (200, 3))
    lost = arrival + luck.exponential(9, 200)
    shared = run(plan([LINES, 0, LINES], days, arrival, lines=[200, 200], deadline=lost), "calendar")
    alone = run(plan([0, 0, 0], days, arrival, deadline=lost))
    for name in ("ended", "day", "status"):
        np.testing.assert_allclose(getattr(shared, name), getattr(alone, name), atol=1e-9)


@pytest.mark.parametrize("engine", ["recursion", "calendar"])
@pytest.mark.parametrize("kind", [LINES, SLOTS])
def test_nobody_is_served_where_there_is_no_capacity(kind: int, engine: str) -> None:
    arrival = np.arange(5.0)
    lost = np.array([3.0, np.inf, 4.0, np.inf, 100.0])
    closed = plan([kind], np.ones((5, 1)), arrival, lines=[0], deadline=lost, until=np.array([50.0]))
    found = run(closed, engine)  # type: ignore[arg-type]
    assert np.isnan(found.started).all()
    assert found.status.tolist() == [LOST, 0, LOST, 0, 0]
    assert found.day[[0, 2]].tolist() == [3, 4]


def test_who_meets_the_deadline_on_the_day_is_infused_and_a_moment_later_is_lost() -> None:
    days = np.array([[2.0], [2.0]])
    for kind in (0, LINES):
        found = run(plan([kind], days, [0.0, 0.0], lines=[2] if kind else (), deadline=np.array([2.0, 1.999])))
        assert found.status.tolist() == [INFUSED, LOST]
        assert found.day.tolist() == [2.0, 1.999]


def test_a_line_is_held_to_the_end_although_its_patient_is_lost() -> None:
    found = run(plan([LINES], [[5.0], [1.0]], [0.0, 1.0], lines=[1], deadline=np.array([2.0, np.inf])), "calendar")
    assert found.started[0, 1, 0] == 5 and found.day.tolist() == [2, 6]


def test_a_patient_with_an_antibody_against_every_class_is_told_so() -> None:
    store = bank(1)
    found = run(store)
    nobody = (store.choice[:, 0] < 0) & ~np.isnan(found.entered[0, :, 1])
    assert nobody.any()
    assert (found.cause[nobody] == 1 + 3).all()


def test_an_engine_that_is_not_exact_is_refused() -> None:
    with pytest.raises(UserError, match="found the engine 'recursion' for a network that shares more"):
        run(shop(1), "recursion")
    with pytest.raises(UserError, match="needed 'recursion'"):
        run(straight(1), "open loop")


@pytest.mark.parametrize(
    "changed,message",
    [
        ({"deadline": np.full(2, np.nan)}, "no number"),
        ({"deadline": np.array([0.5, -1.0])}, "1 deadlines before the referral"),
        ({"days": np.full((1, 2, 1), -1.0)}, "a duration of -1 days"),
        ({"lines": np.array([-2])}, "found -2 lines"),
    ],
)
def test_luck_that_cannot_be_is_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        run(plan([LINES], np.ones((2, 1)), [0.0, 0.0], lines=[1])._replace(**changed))


def test_a_stock_without_an_end_is_refused() -> None:
    with pytest.raises(UserError, match="found a stock without an end"):
        run(bank(1, until=120.0)._replace(until=np.array([np.inf])))

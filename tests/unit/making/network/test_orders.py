"""A cohort through the networks of the library: luck, disciplines, matching, indicators."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perforin.errors import UserError
from perforin.making.network.description import Network, network_names, read_network
from perforin.making.network.indicators import (
    busy_lines,
    cumulative_incidence,
    funnel,
    indicators,
    queue_length,
    stock_level,
)
from perforin.making.network.orders import LOST_WAITING, Orders, simulate
from perforin.streams import Streams


def network(name: str, **changed: object) -> Network:
    return read_network(name).model_copy(update=changed)


@pytest.fixture(scope="module")
def bank() -> Orders:
    return simulate(read_network("donor_bank_two_hubs"), Streams(1), replications=4)


@pytest.fixture(scope="module")
def own() -> Orders:
    return simulate(read_network("autologous_two_plants"), Streams(1), replications=4)


@pytest.mark.parametrize("name", network_names())
def test_the_same_seed_gives_the_same_orders_and_another_gives_others(name: str) -> None:
    first, again, other = (simulate(read_network(name), Streams(seed), n=60) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.table, again.table)
    assert not first.table["referred"].equals(other.table["referred"])


def test_patients_share_their_luck_in_every_network(bank: Orders, own: Orders) -> None:
    assert bank.until == own.until
    for column in ("referred", "deadline", "consultation_day"):
        np.testing.assert_array_equal(bank.table[column], own.table[column])


def test_what_a_patient_is_given_is_not_changed_by_who_comes_after_where_nothing_is_shared() -> None:
    alone = network("autologous_two_plants", sites={}, stages=read_network("autologous_two_plants").stages[:2])
    days = np.linspace(0, 900, 50)
    few = simulate(alone, Streams(1), arrival=days[:20])
    many = simulate(alone, Streams(1), arrival=days)
    assert few.engine == many.engine == "open loop"
    pd.testing.assert_frame_equal(few.table, many.table.iloc[:20])


def test_deadlines_of_a_patient_model_are_taken_as_days_from_referral() -> None:
    slow = read_network("myeloma_slot_queue")
    found = simulate(slow, Streams(1), arrival=np.zeros(40), deadline=np.full(40, 30.0))
    lost = found.table[found.table["status"] == "lost"]
    assert len(lost) > 20
    assert set(lost["lost"]) == {30.0}
    forever = simulate(slow, Streams(1), arrival=np.zeros(40), deadline=np.full(40, np.inf))
    assert (forever.table["status"] != "lost").all()


def test_first_come_is_first_served_and_the_urgent_and_the_lucky_pass_others() -> None:
    arrival, urgency = np.arange(40.0), np.arange(40.0)
    base = {"arrival": arrival, "deadline": np.full(40, np.inf)}
    fifo = simulate(network("myeloma_slot_queue"), Streams(1), **base).table
    assert fifo["infused"].dropna().is_monotonic_increasing
    rising = simulate(network("myeloma_slot_queue", discipline="urgency"), Streams(1), urgency=urgency, **base).table
    waiting = rising[rising["referred"] > 20]
    assert waiting["infused"].dropna().corr(-waiting["referred"]) > 0
    lottery = simulate(network("myeloma_slot_queue", discipline="lottery"), Streams(1), **base).table
    assert not lottery["infused"].dropna().is_monotonic_increasing
    assert fifo["infused"].notna().sum() == rising["infused"].notna().sum() == lottery["infused"].notna().sum()


def test_without_urgency_given_the_nearest_deadline_goes_first() -> None:
    deadline = np.tile([5000.0, 50.0], 20)
    urgent = network("myeloma_slot_queue", discipline="urgency")
    found = simulate(urgent, Streams(1), arrival=np.zeros(40), deadline=deadline)
    served = found.table.dropna(subset="infused").sort_values("infused")
    assert (served["deadline"].iloc[:3] == 50).all()


def test_nobody_is_given_cells_against_an_antibody_and_better_matches_come_first(bank: Orders) -> None:
    table = bank.table
    given = table[table["lot"] >= 0]
    assert np.isfinite(given["match_score"]).all()
    assert given["match_score"].mean() > 0.4
    nobody = table["cause_of_loss"] == "no donor class without an antibody"
    assert 0 < nobody.mean() < 0.01
    assert bank.network.matching is not None and bank.network.matching.effect.value == 0


def test_a_recalled_lot_is_noted_for_all_who_were_given_it() -> None:
    lots = read_network("donor_bank_two_hubs").lots
    assert lots is not None
    often = lots.model_copy(update={"recalled": lots.recalled.model_copy(update={"value": 0.5})})
    found = simulate(network("donor_bank_two_hubs", lots=often), Streams(1))
    recalled = found.lots.loc[found.lots["recalled_on"].notna(), "lot"]
    given = found.table[found.table["lot"] >= 0]
    assert len(recalled) > 3
    np.testing.assert_array_equal(given["recalled"], given["lot"].isin(recalled))


def test_what_fails_is_made_again_and_its_stages_keep_their_order(own: Orders) -> None:
    again = own.table[(own.table["remakes"] == 1) & (own.table["status"] == "infused")]
    assert len(again) > 20
    assert (again["manufacture_day"] < again["release_day"]).all()
    assert (again["release_day"] - again["courier_in_day"] > 15).all()


def test_a_plant_that_rests_at_weekends_begins_nothing_then(own: Orders) -> None:
    begun = own.visits[own.visits["site"] == "west"]["started"].dropna()
    assert len(begun) > 100
    assert (begun % 7 < 5).all()
    assert np.isclose(begun % 7, 0).mean() > 0.05, "nobody waited for a Monday"


def test_the_funnel_loses_nobody_unseen(own: Orders) -> None:
    stages = funnel(own)
    np.testing.assert_allclose(stages["entered"].iloc[1:], stages["completed"].iloc[:-1])
    others = stages.drop(columns=["stage", "entered", "completed"]).sum(axis=1)
    np.testing.assert_allclose(stages["entered"], stages["completed"] + others)
    infused = (own.table["status"] == "infused").sum() / own.replications
    assert stages["completed"].iloc[-1] == pytest.approx(infused)


def test_cumulative_incidence_without_censoring_is_the_share_so_far() -> None:
    alone = network("autologous_two_plants", sites={}, stages=read_network("autologous_two_plants").stages[:2])
    found = simulate(alone, Streams(1), arrival=np.zeros(500))
    table, lines = found.table, cumulative_incidence(found, [10.0, 20.0, 1000.0])
    for outcome, column in (("infused", table["infused"]), (LOST_WAITING, table["lost"])):
        is_so = table["status"].eq("infused") if outcome == "infused" else table["cause_of_loss"].eq(outcome)
        expected = [(is_so & (column <= day)).mean() for day in (10, 20, 1000)]
        np.testing.assert_allclose(lines.loc[lines["outcome"] == outcome, "share"], expected, atol=1e-12)
    assert lines.groupby("day")["share"].sum().iloc[-1] == pytest.approx(1.0)


def test_cumulative_incidence_does_not_count_those_still_waiting_as_lost(own: Orders) -> None:
    ends = cumulative_incidence(own, [own.until]).set_index("outcome")["share"]
    assert ends.sum() == pytest.approx(1.0, abs=0.02)
    raw = (own.table["status"] == "infused").mean()
    assert raw < ends["infused"] < raw + 0.06


def test_queues_lines_and_stock_over_time_are_what_the_visits_say(own: Orders, bank: Orders) -> None:
    day = 500.0
    visits = own.visits[own.visits["stage"] == "apheresis"]
    waiting = ((visits["entered"] <= day) & ~(visits["left_queue"] <= day)).sum() / own.replications
    found = queue_length(own, [day]).set_index("stage")["mean"]
    assert found["apheresis"] == pytest.approx(waiting)
    lines = busy_lines(own, np.arange(0.0, 1000.0))
    assert lines["high"].max() <= 1 + 1e-12
    stock = stock_level(bank, [0.0, bank.until]).set_index(["hub", "day"])["mean"]
    assert stock["west", 0.0] == 36
    left = bank.lots.loc[bank.lots["hub"] == "west", "left"].sum() / bank.replications
    assert stock["west", bank.until] == pytest.approx(left)


@pytest.mark.parametrize("replications", [1, 5])
def test_every_indicator_lies_in_its_interval(replications: int) -> None:
    for name in network_names():
        for one in indicators(simulate(read_network(name), Streams(3), replications=replications)):
            if np.isfinite(one.low):
                assert one.low <= one.value + 1e-9 and one.value <= one.high + 1e-9, (name, one)
            assert replications == 1 or np.isfinite(one.low + one.high), (name, one)


def test_a_lost_patient_counts_the_declared_causal_share_of_delay(own: Orders) -> None:
    assert own.causal_share == 0.5


@pytest.mark.parametrize(
    "given,message",
    [
        ({"n": 0}, "found 0 patients and 1 replications"),
        ({"n": 5, "replications": 0}, "found 5 patients and 0 replications"),
        ({"n": 5, "deadline": np.ones(4)}, "found deadline of shape (4,)"),
        ({"n": 2, "deadline": np.array([1.0, -1.0])}, "1 negative; needed 2 days of 0 or more"),
        ({"arrival": np.array([1.0, np.nan])}, "found arrival of shape (2,), 1 no numbers"),
        ({"arrival": np.array([1.0, 2000.0])}, "found a referral on day 2000; needed all within the 1096 days"),
        ({"n": 5, "engine": "open loop"}, "found the engine 'open loop' for a network that shares more"),
    ],
)
def test_cohorts_that_cannot_be_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as found:
        simulate(read_network("myeloma_slot_queue"), Streams(1), **given)  # type: ignore[arg-type]
    assert message in str(found.value)

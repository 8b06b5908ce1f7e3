"""Any supply network, whatever its numbers: nobody is lost from the books, times are in order, engines agree."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from network_oracle import World
from network_plans import bank, shop
from perforin.making.network.plan import INFUSED, LINES, LOST, SLOTS, Plan
from perforin.making.network.shortcuts import fits_recursion
from perforin.making.network.simulate import run

SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=25, deadline=None)


@st.composite
def networks(draw: st.DrawFn) -> Plan:
    made = shop(
        draw(SEEDS), draw(st.integers(1, 150)), hazard=draw(st.sampled_from([1e-9, 0.01, 0.3])),
        attempts=draw(st.integers(1, 3)), discipline=draw(st.booleans()), until=draw(st.sampled_from([5.0, 60.0])),
    )  # fmt: skip
    lines = made.lines * 0 + draw(st.integers(1, 8))
    pool = made.pool.copy()
    if draw(st.booleans()):
        pool[:, 6] = pool[:, 3]
    return made._replace(lines=np.where(made.lines > 0, lines, 0), pool=pool)


@given(networks())
@FEW
def test_created_is_infused_lost_or_in_the_system_and_stages_follow_each_other(plan: Plan) -> None:
    out = run(plan, "calendar")
    assert (out.day[out.status == LOST] <= plan.deadline[out.status == LOST]).all()
    assert (np.isnan(out.day) == (out.status == 0)).all()
    assert (out.day[out.status == INFUSED] <= plan.until).all()
    with np.errstate(invalid="ignore"):
        assert not (out.entered > out.started).any() and not (out.started > out.ended).any()
        assert not (out.ended[:, :, :-1] > out.entered[:, :, 1:] + 1e-12).any()


@given(networks())
@FEW
def test_no_pool_ever_serves_more_than_its_lines_or_an_appointment_twice(plan: Plan) -> None:
    out = run(plan, "calendar")
    for pool, lines in enumerate(plan.lines):
        begun, ends = [], []
        for s in np.flatnonzero(plan.kind == LINES):
            here = (plan.pool[:, s] == pool)[None, :] & ~np.isnan(out.started[:, :, s])
            begun += out.started[:, :, s][here].tolist()
            ends += (out.started + plan.days)[:, :, s][here].tolist()
        came, went = (np.searchsorted(np.sort(times), begun, side="right") for times in (begun, ends))
        busy = came - went
        assert not begun or busy.max() <= lines
    taken = out.started[:, plan.pool[:, 1] == 0, 1]
    taken = taken[~np.isnan(taken)]
    assert plan.kind[1] == SLOTS and len(set(taken)) == len(taken)
    assert np.isin(taken, plan.slot_day[: plan.slot[1]]).all()


@given(networks())
@FEW
def test_simpy_and_where_it_is_exact_the_recursion_find_the_same_days(plan: Plan) -> None:
    found, slow = run(plan, "calendar"), World(plan)
    np.testing.assert_array_equal(found.status, slow.status)
    np.testing.assert_allclose(found.day, slow.day, rtol=0, atol=1e-9)
    if fits_recursion(plan):
        np.testing.assert_allclose(run(plan, "recursion").day, found.day, rtol=0, atol=1e-9)


@given(SEEDS, st.integers(1, 300), st.sampled_from([0.0, 3.0, 20.0]))
@FEW
def test_units_made_are_used_expired_refused_recalled_or_in_store(seed: int, n: int, review: float) -> None:
    out = run(bank(seed, n, review=review))
    lots = out.ledger
    there = ~np.isnan(lots.stocked)
    fates = lots.used + lots.expired + lots.refused + lots.recalled + lots.left
    np.testing.assert_array_equal(lots.made[there], fates[there])
    assert (lots.left >= 0).all() and lots.used.sum() == (~np.isnan(out.started[:, :, 1])).sum()

"""The event calendar: one replication of a network in which patients wait for each other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perforin.making.network.compiled import compiled
from perforin.making.network.course import (
    ENTERS,
    EXPIRES,
    GIVES_UP,
    LINE_ENDS,
    LOOKS,
    PERSON,
    RECALLED,
    STAGE,
    STOCKED,
    VISIT,
    WAKES,
    complete,
    walk,
)  # fmt: skip
from perforin.making.network.heaps import EVENT, WHO, next_event, queue_in
from perforin.making.network.plan import DEADLINE, IN_SYSTEM, LINES, LOST, Ledger, Outcome, Plan
from perforin.making.network.serving import POOL, arm_slot, demand, dispatch, give_up, serve_backlog, take_slot
from perforin.making.network.stock import LOT, SHELF, expire, open_stores, recall, review, stocked

__all__ = ["LotsSpent", "World", "run_calendar"]

Records = Any

class LotsSpent(Exception):
    """More lots were ordered than the plan has luck for; a plan with more of them gives the same for the first."""


class World(NamedTuple):
    """All that the calendar reads and changes: structured arrays, whose fields stand in the names in capitals."""

    people: Records
    visits: Records
    stages: Records
    pools: Records
    events: Records
    closed: NDArray[np.float64]
    slot_day: NDArray[np.float64]
    shelves: Records
    lots: Records
    choice: NDArray[np.int64]


def run_calendar(plan: Plan) -> Outcome:
    """What becomes of every patient of a plan, whatever is shared.

    Raises:
        LotsSpent: the plan's lots are too few.
    """
    world = _world(plan)
    order = np.lexsort((np.arange(len(plan.arrival)), plan.arrival))
    _run(*world, plan.arrival, order, plan.until[0])
    if world.shelves["spent"].any():
        raise LotsSpent
    _see_out(world.people, float(plan.until[0]))
    people, visits, lots = world.people, world.visits, world.lots
    whole = {name: people[name].astype(np.int64) for name in ("status", "cause", "attempt", "lot")}
    times = {name: visits[name].copy() for name in ("entered", "started", "ended")}
    ledger = Ledger(**{name: lots[name].copy() for name in Ledger._fields})
    return Outcome(**whole, **times, day=people["day"].copy(), ledger=ledger)


def _world(plan: Plan) -> World:
    n, attempts = len(plan.arrival), len(plan.days)
    people = _filled(PERSON, n, deadline=plan.deadline, rank=plan.rank, day=np.nan, cause=-1, lot=-1)
    visits = _filled(VISIT, plan.days.shape, days=plan.days, entered=np.nan, started=np.nan, ended=np.nan,
                     pool=plan.pool, fails=plan.fails)  # fmt: skip
    stages = _filled(STAGE, len(plan.kind), kind=plan.kind, again=plan.again)
    pools = _filled(POOL, len(plan.lines), free=plan.lines, root=-1, hub=plan.hub, closed=plan.closed[:-1],
                    closed_end=plan.closed[1:], slot=plan.slot[:-1], slot_end=plan.slot[1:])  # fmt: skip
    shelves = _filled(SHELF, plan.initial.shape, reorder=plan.reorder, up_to=plan.up_to, first=-1,
                      review=plan.review[:, None])  # fmt: skip
    lots = _filled(LOT, plan.lead.shape, ordered=np.nan, stocked=np.nan, recalled_on=np.nan, expires=np.nan,
                   lead=plan.lead, shelf=plan.shelf, recall=plan.recall, rejected=plan.rejected)  # fmt: skip
    lots["made"][:, :, :1] = plan.initial[:, :, None]
    events = np.zeros(2 + (1 + attempts) * n + 3 * lots.size + len(pools) + len(plan.review), np.dtype(EVENT))
    closed = np.column_stack([plan.closed_from, plan.closed_to])
    return World(people, visits, stages, pools, events, closed, plan.slot_day, shelves, lots, plan.choice)


def _filled(fields: list[tuple[str, str]], shape: Any, **values: Any) -> Records:
    records = np.zeros(shape, np.dtype(fields, align=True))
    for name, value in values.items():
        records[name] = value
    return records


def _see_out(people: Records, until: float) -> None:
    """Who still waits when the events end, but whose deadline came before."""
    gone = (people["status"] == IN_SYSTEM) & (people["deadline"] <= until)
    people["status"][gone], people["cause"][gone], people["day"][gone] = LOST, DEADLINE, people["deadline"][gone]


@compiled
def _run(people: Records, visits: Records, stages: Records, pools: Records, events: Records, closed: Records,
         slot_day: Records, shelves: Records, lots: Records, choice: Records, arrival: Records, order: Records,
         until: float) -> None:  # fmt: skip
    known, n = 0, len(order)
    open_stores(shelves, lots, events)
    while True:
        if known < n and (events[0].key == 0 or arrival[order[known]] <= events[1].time):
            walk(people, visits, stages, events, order[known], 0, arrival[order[known]])
            known += 1
            continue
        if events[0].key == 0 or events[1].time > until:
            break
        day, key = next_event(events)
        code, who = key >> WHO, key & ((1 << WHO) - 1)
        if code == ENTERS:
            pool = visits[people[who].attempt, who, people[who].stage].pool
            people[who].since = day
            if pools[pool].hub >= 0:
                demand(people, visits, stages, pools, events, shelves, lots, choice, who, pool, day)
                continue
            queue_in(people, pools, pool, who)
            if stages[people[who].stage].kind == LINES:
                dispatch(people, visits, pools, events, closed, pool, day)
            else:
                arm_slot(pools, events, slot_day, pool, day)
        elif code == LINE_ENDS:
            s = people[who].stage
            pool = visits[people[who].attempt, who, s].pool
            pools[pool].free += 1
            walk(people, visits, stages, events, who, complete(people, visits, stages, who, s, day), day)
            dispatch(people, visits, pools, events, closed, pool, day)
        elif code == WAKES and pools[who].slot_end == pools[who].slot:
            pools[who].armed = False
            dispatch(people, visits, pools, events, closed, who, day)
        elif code == WAKES:
            take_slot(people, visits, stages, pools, events, slot_day, who, day)
        elif code == GIVES_UP:
            give_up(people, visits, pools, shelves, choice, who, day)
        else:
            _in_store(people, visits, stages, pools, events, shelves, lots, choice, code, who, day)


@compiled
def _in_store(people: Records, visits: Records, stages: Records, pools: Records, events: Records, shelves: Records,
              lots: Records, choice: Records, code: int, who: int, day: float) -> None:  # fmt: skip
    if code == STOCKED:
        hub = stocked(shelves, lots, events, who, day)
        if hub >= 0:
            serve_backlog(people, visits, stages, pools, events, shelves, lots, choice, hub, day)
    elif code == RECALLED:
        recall(shelves, lots, events, who, day)
    elif code == EXPIRES:
        expire(shelves, lots, events, who, day)
    elif code == LOOKS:
        review(shelves, lots, events, who, day)

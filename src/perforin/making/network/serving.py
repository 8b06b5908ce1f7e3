"""How those who wait are served: by a line that comes free, an appointment, or a unit from a store."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perforin.making.network.compiled import compiled
from perforin.making.network.course import GIVES_UP, LINE_ENDS, WAKES, complete, leave, walk
from perforin.making.network.heaps import key_of, push_event, queue_in, queue_out
from perforin.making.network.plan import DEADLINE, IN_SYSTEM
from perforin.making.network.stock import reorder, take

__all__ = ["POOL", "arm_slot", "demand", "dispatch", "give_up", "opening", "serve_backlog", "take_slot"]

Records = Any

POOL = [("free", "i4"), ("root", "i4"), ("hub", "i4"), ("closed", "i8"), ("closed_end", "i8"), ("slot", "i8"),
        ("slot_end", "i8"), ("armed", "?")]  # fmt: skip
"""A pool: free lines, who is next, its hub, where its closures and its coming appointments stand, whether it wakes."""


@compiled
def _next(people: Records, pools: Records, pool: int, day: float) -> int:
    """Who is served now, -1 for nobody; those who were lost while they waited are met here."""
    while pools[pool].root >= 0:
        i = queue_out(people, pools, pool)
        if people[i].status != IN_SYSTEM:
            continue
        if people[i].deadline < day:
            leave(people, i, people[i].deadline, DEADLINE)
            continue
        return i
    return -1


@compiled
def dispatch(people: Records, visits: Records, pools: Records, events: Records, closed: Records, pool: int,
              day: float) -> None:  # fmt: skip
    """Begin what free lines of an open pool can."""
    here = pools[pool]
    if here.free == 0 or here.root < 0:
        return
    opens = opening(closed, here.closed, here.closed_end, day)
    if opens > day:
        if not here.armed and math.isfinite(opens):
            here.armed = True
            push_event(events, opens, key_of(WAKES, pool))
        return
    while here.free > 0:
        i = _next(people, pools, pool, day)
        if i < 0:
            return
        here.free -= 1
        visit = visits[people[i].attempt, i, people[i].stage]
        visit.started = day
        push_event(events, day + visit.days, key_of(LINE_ENDS, i))


@compiled
def opening(closed: Records, low: int, end: int, day: float) -> float:
    """The first time from ``day`` on outside the closures ``low`` to ``end``, which are rising and apart."""
    high = end
    while low < high:
        middle = (low + high) >> 1
        if closed[middle, 1] <= day:
            low = middle + 1
        else:
            high = middle
    if low < end and closed[low, 0] <= day:
        return float(closed[low, 1])
    return day


@compiled
def arm_slot(pools: Records, events: Records, slot_day: Records, pool: int, day: float) -> None:
    """Foresee the next appointment that somebody may take; those that passed unused are gone."""
    here = pools[pool]
    if here.armed:
        return
    while here.slot < here.slot_end and slot_day[here.slot] < day:
        here.slot += 1
    if here.slot < here.slot_end:
        here.armed = True
        push_event(events, slot_day[here.slot], key_of(WAKES, pool))


@compiled
def take_slot(people: Records, visits: Records, stages: Records, pools: Records, events: Records, slot_day: Records,
              pool: int, day: float) -> None:  # fmt: skip
    """An appointment comes: who is next has it."""
    pools[pool].armed = False
    pools[pool].slot += 1
    i = _next(people, pools, pool, day)
    if i >= 0:
        _serve(people, visits, stages, events, i, day)
    if pools[pool].root >= 0:
        arm_slot(pools, events, slot_day, pool, day)


@compiled
def _serve(people: Records, visits: Records, stages: Records, events: Records, i: int, day: float) -> None:
    """Begin a stage that holds nothing while it lasts."""
    s = people[i].stage
    visit = visits[people[i].attempt, i, s]
    visit.started = day
    end = day + visit.days
    walk(people, visits, stages, events, i, complete(people, visits, stages, i, s, end), end)


@compiled
def demand(people: Records, visits: Records, stages: Records, pools: Records, events: Records, shelves: Records,
           lots: Records, choice: Records, i: int, pool: int, day: float) -> None:  # fmt: skip
    """A unit at once, or a place among those who wait for one."""
    h, wanted = pools[pool].hub, choice[i, 0]
    if wanted < 0:
        leave(people, i, day, 1 + len(stages))
        return
    lot = take(shelves, lots, h, choice[i])
    if lot >= 0:
        people[i].lot = lot
        _serve(people, visits, stages, events, i, day)
        reorder(shelves, lots, events, h, (lot // lots.shape[2]) % lots.shape[1], day)
        return
    queue_in(people, pools, pool, i)
    shelves[h, wanted].backordered += 1
    if math.isfinite(people[i].deadline):
        push_event(events, people[i].deadline, key_of(GIVES_UP, i))
    reorder(shelves, lots, events, h, wanted, day)


@compiled
def give_up(people: Records, visits: Records, pools: Records, shelves: Records, choice: Records, i: int,
            day: float) -> None:  # fmt: skip
    """A deadline comes while a unit is awaited: it is promised to nobody any more."""
    if people[i].waiting:
        pool = visits[people[i].attempt, i, people[i].stage].pool
        shelves[pools[pool].hub, choice[i, 0]].backordered -= 1
        leave(people, i, day, DEADLINE)


@compiled
def serve_backlog(people: Records, visits: Records, stages: Records, pools: Records, events: Records,
                  shelves: Records, lots: Records, choice: Records, h: int, day: float) -> None:  # fmt: skip
    """A lot came: those who wait are served by rank, as far as they may have what is there."""
    pool, passed, count = 0, np.empty(len(people), np.int64), 0
    while pools[pool].hub != h:
        pool += 1
    while shelves[h]["on_hand"].sum() > 0:
        i = _next(people, pools, pool, day)
        if i < 0:
            break
        lot = take(shelves, lots, h, choice[i])
        if lot < 0:
            passed[count] = i
            count += 1
            continue
        people[i].lot = lot
        shelves[h, choice[i, 0]].backordered -= 1
        _serve(people, visits, stages, events, i, day)
    for k in range(count):
        queue_in(people, pools, pool, passed[k])

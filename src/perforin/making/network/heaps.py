"""Two orders: of coming events, a binary heap; and of those who wait, a skew heap for each pool."""

from __future__ import annotations

from typing import Any

from perforin.making.network.compiled import compiled

__all__ = ["EVENT", "WHO", "key_of", "next_event", "push_event", "queue_in", "queue_out"]

Records = Any
"""A structured array; its fields stand in the name beside it in capitals."""

EVENT = [("time", "f8"), ("key", "i8")]
"""An event: its day, and its code with whom it concerns. Record 0 of the heap keeps the number of events as its key."""
WHO = 40
"""Bits of an event's key below its code."""


@compiled
def key_of(code: int, who: int) -> int:
    """Events at one time come by code and then by number, whatever the order in which they were foreseen."""
    return (code << WHO) | who


@compiled
def push_event(events: Records, time: float, key: int) -> None:
    """Foresee an event."""
    events[0].key += 1
    at = events[0].key
    while at > 1:
        above = at >> 1
        if time > events[above].time or (time == events[above].time and key >= events[above].key):
            break
        events[at].time, events[at].key = events[above].time, events[above].key
        at = above
    events[at].time, events[at].key = time, key


@compiled
def next_event(events: Records) -> tuple[float, int]:
    """Take out the event that comes first: its time and key."""
    first = events[1].time, events[1].key
    size = events[0].key
    time, key = events[size].time, events[size].key
    size -= 1
    events[0].key = size
    at, below = 1, 2
    while below <= size:
        a, b = events[below], events[min(below + 1, size)]
        if b.time < a.time or (b.time == a.time and b.key < a.key):
            a = b
            below += 1
        if a.time > time or (a.time == time and a.key >= key):
            break
        events[at].time, events[at].key = a.time, a.key
        at = below
        below = 2 * at
    events[at].time, events[at].key = time, key
    return first


@compiled
def _before(people: Records, i: int, j: int) -> bool:
    if people[i].rank != people[j].rank:
        return bool(people[i].rank < people[j].rank)
    if people[i].since != people[j].since:
        return bool(people[i].since < people[j].since)
    return i < j


@compiled
def _merged(people: Records, a: int, b: int) -> int:
    """Two skew heaps as one (Sleator and Tarjan 1986), from the top down."""
    if a < 0:
        return b
    if b < 0:
        return a
    if _before(people, b, a):
        a, b = b, a
    root = a
    while True:
        following = people[a].right
        people[a].right = people[a].left
        if following < 0:
            people[a].left = b
            return root
        if _before(people, b, following):
            following, b = b, following
        people[a].left = following
        a = following


@compiled
def queue_in(people: Records, pools: Records, pool: int, i: int) -> None:
    """Patient ``i`` waits in a pool."""
    people[i].left = -1
    people[i].right = -1
    people[i].waiting = True
    pools[pool].root = _merged(people, pools[pool].root, i)


@compiled
def queue_out(people: Records, pools: Records, pool: int) -> int:
    """Take out who is next."""
    i = pools[pool].root
    pools[pool].root = _merged(people, people[i].left, people[i].right)
    people[i].waiting = False
    return int(i)

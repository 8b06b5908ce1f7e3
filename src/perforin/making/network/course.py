"""How one patient goes through the stages, as the event calendar sees it."""

from __future__ import annotations

from typing import Any

from perforin.making.network.compiled import compiled
from perforin.making.network.heaps import key_of, push_event
from perforin.making.network.plan import DEADLINE, DELAY, INFUSED, LOST

__all__ = ["ENTERS", "EXPIRES", "GIVES_UP", "LINE_ENDS", "LOOKS", "PERSON", "RECALLED", "STAGE", "STOCKED", "VISIT",
           "WAKES", "complete", "leave", "walk"]  # fmt: skip

Records = Any

LINE_ENDS, STOCKED, RECALLED, EXPIRES, ENTERS, GIVES_UP, LOOKS, WAKES = range(8)
"""Codes of events, in the order in which those of one time are taken."""

PERSON = [("deadline", "f8"), ("rank", "f8"), ("since", "f8"), ("day", "f8"), ("left", "i4"), ("right", "i4"),
          ("stage", "i4"), ("attempt", "i4"), ("status", "i4"), ("cause", "i4"), ("lot", "i8"),
          ("waiting", "?")]  # fmt: skip
"""A patient: as in the plan and the outcome; when the wait began, below whom others wait, at which stage."""
VISIT = [("days", "f8"), ("entered", "f8"), ("started", "f8"), ("ended", "f8"), ("pool", "i4"), ("fails", "?")]
"""A patient in a stage, at one attempt: what is drawn and what happened."""
STAGE = [("kind", "i4"), ("again", "i4")]


@compiled
def leave(people: Records, i: int, day: float, cause: int) -> None:
    """Patient ``i`` is lost."""
    people[i].status = LOST
    people[i].cause = cause
    people[i].day = day
    people[i].waiting = False


@compiled
def complete(people: Records, visits: Records, stages: Records, i: int, s: int, day: float) -> int:
    """A stage ends on ``day``: the stage that follows, which is an earlier one for another attempt; -1 if lost."""
    if people[i].deadline < day:
        leave(people, i, people[i].deadline, DEADLINE)
        return -1
    attempt = people[i].attempt
    visits[attempt, i, s].ended = day
    if not visits[attempt, i, s].fails:
        return s + 1
    if stages[s].again < 0 or attempt + 1 == len(visits):
        leave(people, i, day, 1 + s)
        return -1
    people[i].attempt = attempt + 1
    return int(stages[s].again)


@compiled
def walk(people: Records, visits: Records, stages: Records, events: Records, i: int, s: int, day: float) -> None:
    """From the entry into stage ``s`` to the next stage that is shared, or to the end."""
    while 0 <= s < len(stages):
        attempt = people[i].attempt
        visits[attempt, i, s].entered = day
        if stages[s].kind != DELAY:
            people[i].stage = s
            push_event(events, day, key_of(ENTERS, i))
            return
        visits[attempt, i, s].started = day
        day += visits[attempt, i, s].days
        s = complete(people, visits, stages, i, s, day)
    if s == len(stages):
        people[i].status = INFUSED
        people[i].day = day

"""Events that may happen at one moment: a network's act one after the other, and read what those before them set."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import sympy
from sympy.core.relational import Relational

__all__ = ["Acting", "clash"]


class Acting(NamedTuple):
    """What of an event matters for its order.

    ``condition``: with the values of parameters put in. ``sets``: states. ``condition_reads`` and ``values_read``:
    names, through levels too. ``persistent``: whether it happens although its condition has gone by then. ``early``:
    whether its values are those of the moment at which the condition became true. ``at_start``: whether it may happen
    at time zero.
    """

    name: str
    condition: sympy.Basic
    sets: frozenset[str]
    condition_reads: frozenset[str]
    values_read: frozenset[str]
    persistent: bool
    early: bool
    at_start: bool
    priority: float


def clash(events: Sequence[Acting]) -> tuple[str, str] | None:
    """Two events whose order or moment would decide what happens, otherwise than the file says; None where none do."""
    for first, second in itertools.permutations(events, 2):
        if first.priority >= second.priority and _disturbs(first, second) and _may_meet(first, second, events):
            return first.name, second.name
    return None


def _disturbs(first: Acting, second: Acting) -> bool:
    """Whether a file that lets the second go on as if the first had not been means another thing than a network."""
    gone = second.persistent and first.sets & second.condition_reads
    changed = second.early and first.sets & second.values_read
    return bool(gone or changed)


def _may_meet(first: Acting, second: Acting, events: Sequence[Acting]) -> bool:
    """Whether two conditions can become true at one moment: together, or by what a third event does then."""
    others = [event for event in events if event not in (first, second)]

    def follows(one: Acting, other: Acting) -> bool:
        return any(third.sets & one.condition_reads and _together(third, other) for third in others)

    both = any(one.sets & first.condition_reads and one.sets & second.condition_reads for one in others)
    return _together(first, second) or both or follows(first, second) or follows(second, first)


def _together(first: Acting, second: Acting) -> bool:
    """Whether two events wait for one relation, or both may happen at the start."""
    relations = [{one.canonical for one in event.condition.atoms(Relational)} for event in (first, second)]
    return bool(relations[0] & relations[1]) or (first.at_start and second.at_start)

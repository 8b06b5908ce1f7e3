"""What an engine is given and what it gives back: arrays only, so that every engine reads the same luck."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["DEADLINE", "DELAY", "INFUSED", "IN_SYSTEM", "LINES", "LOST", "SLOTS", "STOCK", "Ledger", "Outcome", "Plan"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]

DELAY, LINES, SLOTS, STOCK = 0, 1, 2, 3
"""Kinds of stage: time alone; a line that is held for the duration; an appointment that passes unused if nobody waits;
a unit from a store."""
IN_SYSTEM, INFUSED, LOST = 0, 1, 2
DEADLINE = 0
"""The cause of those who died or became ineligible; ``1 + s`` failed in stage ``s`` and ``1 + stages`` has no donor."""


class Plan(NamedTuple):
    """n patients, a attempts, s stages, p pools of a resource, h hubs, c donor classes, k lots of a hub and class.

    ``arrival`` and ``deadline`` (n,) [day]; ``rank`` (n,) who is lower goes first, then who came first; ``kind`` (s,);
    ``days`` (a, n, s) in a stage [day]; ``fails`` (a, n, s); ``again`` (s,) the stage at which the next attempt begins
    after a failure, -1 for none; ``pool`` (n, s) which pool serves the patient; ``lines`` (p,) served at once;
    ``closed`` (p + 1,) offsets into ``closed_from`` and ``closed_to`` (rising, apart), when no service starts;
    ``slot`` (p + 1,) offsets into ``slot_day`` (rising in each pool).

    Stock: ``hub`` (p,) number of the hub, -1 for none; ``choice`` (n, c) donor classes by preference, -1 after the
    last; ``reorder`` and ``up_to`` (h, c) units, ``initial`` (h, c); ``review`` (h,) days between looks, 0 for always;
    of each lot (h, c, k): ``lead`` days from order to stock, ``shelf`` days it keeps, ``rejected``, ``recall`` days
    from stock to recall, infinite for never. Lot 0 is the initial stock. ``until`` (1,) is the end [day].
    """

    arrival: Array
    deadline: Array
    rank: Array
    kind: Whole
    days: Array
    fails: Mask
    again: Whole
    pool: Whole
    lines: Whole
    closed: Whole
    closed_from: Array
    closed_to: Array
    slot: Whole
    slot_day: Array
    hub: Whole
    choice: Whole
    reorder: Whole
    up_to: Whole
    initial: Whole
    review: Array
    lead: Array
    shelf: Array
    rejected: Mask
    recall: Array
    until: Array


class Ledger(NamedTuple):
    """Units of each lot (h, c, k), ``made`` and what became of them, and days, NaN for never.

    ``made`` = ``used`` + ``expired`` + ``refused`` + ``recalled`` + ``left``, once a lot has arrived.
    """

    made: Whole
    used: Whole
    expired: Whole
    refused: Whole
    recalled: Whole
    left: Whole
    ordered: Array
    stocked: Array
    recalled_on: Array
    expires: Array


class Outcome(NamedTuple):
    """What became of everybody.

    ``entered``, ``started`` and ``ended`` (a, n, s) each stage [day], NaN for never; of each patient (n,) the
    ``status``, the ``cause`` of a loss (-1: none), the ``day`` of infusion or loss (NaN: neither), the number of
    ``attempt`` begun from 0 and the ``lot`` (flat number of hub, class and lot, -1 for none); the ``ledger``.
    """

    entered: Array
    started: Array
    ended: Array
    status: Whole
    cause: Whole
    day: Array
    attempt: Whole
    lot: Whole
    ledger: Ledger

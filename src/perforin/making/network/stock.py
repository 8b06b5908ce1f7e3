"""Units in store by hub and donor class: first expired first out, reorder policies, recall of a whole lot."""

from __future__ import annotations

import math
from typing import Any

from perforin.making.network.compiled import compiled
from perforin.making.network.course import EXPIRES, LOOKS, RECALLED, STOCKED
from perforin.making.network.heaps import key_of, push_event

__all__ = ["LOT", "SHELF", "expire", "open_stores", "recall", "reorder", "review", "stocked", "take"]

Records = Any

SHELF = [("reorder", "i8"), ("up_to", "i8"), ("on_hand", "i8"), ("on_order", "i8"), ("backordered", "i8"),
         ("first", "i8"), ("ordered", "i8"), ("review", "f8"), ("spent", "?")]  # fmt: skip
"""A donor class in a hub: its policy, units, the lot that expires first, lots ordered, and whether luck ran out."""
LOT = [("made", "i8"), ("used", "i8"), ("expired", "i8"), ("refused", "i8"), ("recalled", "i8"), ("left", "i8"),
       ("ordered", "f8"), ("stocked", "f8"), ("recalled_on", "f8"), ("expires", "f8"), ("after", "i8"), ("lead", "f8"),
       ("shelf", "f8"), ("recall", "f8"), ("rejected", "?")]  # fmt: skip
"""A lot: what became of its units and when, the next to expire, and what is drawn (see ``Plan``)."""


@compiled
def open_stores(shelves: Records, lots: Records, events: Records) -> None:
    """Day 0: the initial stock is lot 0 of each class; then each hub looks at it."""
    for h in range(shelves.shape[0]):
        for c in range(shelves.shape[1]):
            shelves[h, c].ordered = 1
            lots[h, c, 0].ordered = 0.0
            if lots[h, c, 0].made > 0:
                _shelve(shelves, lots, events, h, c, 0, 0.0)
        push_event(events, 0.0, key_of(LOOKS, h))


@compiled
def review(shelves: Records, lots: Records, events: Records, h: int, day: float) -> None:
    """A hub looks at its stock, and orders what its policy says."""
    for c in range(shelves.shape[1]):
        _order(shelves, lots, events, h, c, day)
    if shelves[h, 0].review > 0:
        push_event(events, day + shelves[h, 0].review, key_of(LOOKS, h))


@compiled
def reorder(shelves: Records, lots: Records, events: Records, h: int, c: int, day: float) -> None:
    """After a change, a hub that always looks orders; its first look comes at the end of the first moment."""
    if shelves[h, c].review == 0 and day > 0:
        _order(shelves, lots, events, h, c, day)


@compiled
def _order(shelves: Records, lots: Records, events: Records, h: int, c: int, day: float) -> None:
    shelf = shelves[h, c]
    position = shelf.on_hand + shelf.on_order - shelf.backordered
    units = shelf.up_to - position
    if position > shelf.reorder or units <= 0:
        return
    k = shelf.ordered
    if k == lots.shape[2]:
        shelf.spent = True
        return
    shelf.ordered = k + 1
    shelf.on_order += units
    lots[h, c, k].made = units
    lots[h, c, k].ordered = day
    push_event(events, day + lots[h, c, k].lead, key_of(STOCKED, _number(lots, h, c, k)))


@compiled
def _number(lots: Records, h: int, c: int, k: int) -> int:
    return int((h * lots.shape[1] + c) * lots.shape[2] + k)


@compiled
def _place(lots: Records, lot: int) -> tuple[int, int, int]:
    """Hub, class and order of a lot's number."""
    shelf, k = divmod(lot, lots.shape[2])
    h, c = divmod(shelf, lots.shape[1])
    return h, c, k


@compiled
def stocked(shelves: Records, lots: Records, events: Records, lot: int, day: float) -> int:
    """An ordered lot arrives: at which hub it may be used, -1 if it is rejected."""
    h, c, k = _place(lots, lot)
    shelves[h, c].on_order -= lots[h, c, k].made
    if lots[h, c, k].rejected:
        lots[h, c, k].refused = lots[h, c, k].made
        lots[h, c, k].stocked = day
        reorder(shelves, lots, events, h, c, day)
        return -1
    _shelve(shelves, lots, events, h, c, k, day)
    return h


@compiled
def _shelve(shelves: Records, lots: Records, events: Records, h: int, c: int, k: int, day: float) -> None:
    """Put a lot among those of its class, the first to expire in front."""
    lot = lots[h, c, k]
    lot.left = lot.made
    lot.stocked = day
    lot.expires = day + lot.shelf
    shelves[h, c].on_hand += lot.made
    before, at = -1, shelves[h, c].first
    while at >= 0 and lots[h, c, at].expires <= lot.expires:
        before, at = at, lots[h, c, at].after
    lot.after = at
    if before < 0:
        shelves[h, c].first = k
    else:
        lots[h, c, before].after = k
    if math.isfinite(lot.expires):
        push_event(events, lot.expires, key_of(EXPIRES, _number(lots, h, c, k)))
    if math.isfinite(lot.recall):
        push_event(events, day + lot.recall, key_of(RECALLED, _number(lots, h, c, k)))


@compiled
def _unlink(shelves: Records, lots: Records, h: int, c: int, k: int) -> None:
    before, at = -1, shelves[h, c].first
    while at != k:
        before, at = at, lots[h, c, at].after
    if before < 0:
        shelves[h, c].first = lots[h, c, k].after
    else:
        lots[h, c, before].after = lots[h, c, k].after


@compiled
def _withdraw(shelves: Records, lots: Records, events: Records, lot: int, day: float) -> int:
    """Take a lot out of the store: the units that it still held."""
    h, c, k = _place(lots, lot)
    units = lots[h, c, k].left
    if units > 0:
        lots[h, c, k].left = 0
        shelves[h, c].on_hand -= units
        _unlink(shelves, lots, h, c, k)
        reorder(shelves, lots, events, h, c, day)
    return int(units)


@compiled
def expire(shelves: Records, lots: Records, events: Records, lot: int, day: float) -> None:
    """What is left of a lot is past its shelf life."""
    h, c, k = _place(lots, lot)
    lots[h, c, k].expired = _withdraw(shelves, lots, events, lot, day)


@compiled
def recall(shelves: Records, lots: Records, events: Records, lot: int, day: float) -> None:
    """A lot is recalled: what is left of it goes, and the day is kept for those who were given it."""
    h, c, k = _place(lots, lot)
    lots[h, c, k].recalled_on = day
    lots[h, c, k].recalled = _withdraw(shelves, lots, events, lot, day)


@compiled
def take(shelves: Records, lots: Records, h: int, wanted: Records) -> int:
    """The lot of which one unit was taken, of the first class of ``wanted`` in store; -1 if there is none."""
    for c in wanted:
        if c < 0:
            return -1
        if shelves[h, c].on_hand > 0:
            k = shelves[h, c].first
            lots[h, c, k].left -= 1
            lots[h, c, k].used += 1
            shelves[h, c].on_hand -= 1
            if lots[h, c, k].left == 0:
                _unlink(shelves, lots, h, c, k)
            return _number(lots, h, c, k)
    return -1

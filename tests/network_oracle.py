"""A supply network as SimPy processes: one for each patient, hub, lot and book of appointments. Slow and plain."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from perforin.making.network.plan import DEADLINE, DELAY, INFUSED, LINES, LOST, SLOTS, Plan

Process = Generator[simpy.Event, Any, None]


class Hub:
    """A store: lots on shelves, patients who wait with the event that will wake them."""

    def __init__(self, world: World, h: int) -> None:
        self.world, self.env, self.plan, self.h = world, world.env, world.plan, h
        classes = range(self.plan.initial.shape[1])
        self.shelves: list[list[dict[str, Any]]] = [[] for _ in classes]
        self.coming, self.made = [0 for _ in classes], [0 for _ in classes]
        self.waiting: list[tuple[tuple[float, float, int], int, simpy.Event]] = []
        for c in classes:
            self.made[c] = 1
            self.put(c, 0, int(self.plan.initial[h, c]))
        self.env.process(self.looks())

    def put(self, c: int, k: int, units: int) -> None:
        if units:
            lot = {"k": k, "left": units, "expires": self.env.now + self.plan.shelf[self.h, c, k]}
            self.shelves[c].append(lot)
            for name, luck in (("expired", self.plan.shelf), ("recalled", self.plan.recall)):
                delay = luck[self.h, c, k]
                if math.isfinite(delay):
                    self.env.process(self.withdrawn(c, lot, delay, name))

    def withdrawn(self, c: int, lot: dict[str, Any], delay: float, name: str) -> Process:
        yield self.env.timeout(delay)
        if name == "recalled":
            self.world.ledger["recalled_on"][self.h, c, lot["k"]] = self.env.now
        if lot["left"] and lot in self.shelves[c]:
            self.world.ledger[name][self.h, c, lot["k"]] = lot["left"]
            self.shelves[c].remove(lot)
            self.always(c)

    def looks(self) -> Process:
        while True:
            yield self.env.timeout(0)
            for c in range(len(self.shelves)):
                self.order(c)
            if not self.plan.review[self.h]:
                return
            yield self.env.timeout(self.plan.review[self.h])

    def always(self, c: int) -> None:
        if not self.plan.review[self.h] and self.env.now > 0:
            self.order(c)

    def order(self, c: int) -> None:
        promised = sum(self.plan.choice[i, 0] == c for _, i, _ in self.waiting)
        position = sum(lot["left"] for lot in self.shelves[c]) + self.coming[c] - promised
        units = int(self.plan.up_to[self.h, c] - position)
        if position <= self.plan.reorder[self.h, c] and units > 0:
            self.coming[c] += units
            self.made[c] += 1
            self.env.process(self.lot(c, self.made[c] - 1, units))

    def lot(self, c: int, k: int, units: int) -> Process:
        yield self.env.timeout(self.plan.lead[self.h, c, k])
        self.coming[c] -= units
        if self.plan.rejected[self.h, c, k]:
            self.world.ledger["refused"][self.h, c, k] = units
            self.always(c)
            return
        self.put(c, k, units)
        for entry in sorted(self.waiting):
            found = self.take(entry[1])
            if found is not None:
                self.waiting.remove(entry)
                entry[2].succeed(found)

    def take(self, i: int) -> int | None:
        for c in self.plan.choice[i]:
            if c < 0:
                return None
            if self.shelves[c]:
                lot = min(self.shelves[c], key=lambda one: one["expires"])
                lot["left"] -= 1
                self.world.ledger["used"][self.h, c, lot["k"]] += 1
                if not lot["left"]:
                    self.shelves[c].remove(lot)
                return int(np.ravel_multi_index((self.h, c, lot["k"]), self.plan.lead.shape))
        return None


class World:
    """Runs a plan; ``entered``, ``started``, ``ended``, ``status``, ``cause``, ``day``, ``attempt``, ``lot`` follow."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.env = plan, simpy.Environment()
        n = len(plan.arrival)
        self.entered, self.started, self.ended = (np.full(plan.days.shape, np.nan) for _ in range(3))
        self.status, self.attempt = np.zeros(n, int), np.zeros(n, int)
        self.cause, self.lot, self.day = np.full(n, -1), np.full(n, -1), np.full(n, np.nan)
        self.ledger = {name: np.zeros(plan.lead.shape, int) for name in ("used", "expired", "refused", "recalled")}
        self.ledger["recalled_on"] = np.full(plan.lead.shape, np.nan)
        self.lines = {p: simpy.PriorityResource(self.env, int(c)) for p, c in enumerate(plan.lines) if c > 0}
        self.books: dict[int, list[tuple[tuple[float, float, int], simpy.Event]]] = defaultdict(list)
        for p in range(len(plan.lines)):
            self.env.process(self.book(p))
        self.hubs = {p: Hub(self, int(h)) for p, h in enumerate(plan.hub) if h >= 0}
        for i in range(n):
            self.env.process(self.patient(i))
            self.env.process(self.clock(i))
        until = float(plan.until[0])
        self.env.run(until=None if math.isinf(until) else np.nextafter(until, math.inf))

    def book(self, p: int) -> Process:
        """The appointments of a pool: each goes to who is next, or to nobody."""
        for day in self.plan.slot_day[self.plan.slot[p] : self.plan.slot[p + 1]]:
            yield self.env.timeout(day - self.env.now)
            if self.books[p]:
                entry = min(self.books[p], key=lambda one: one[0])
                self.books[p].remove(entry)
                entry[1].succeed()

    def clock(self, i: int) -> Process:
        """Death, whatever happens meanwhile."""
        if math.isfinite(self.plan.deadline[i]):
            yield self.env.timeout(self.plan.deadline[i])
            if self.status[i] == 0:
                self.leave(i, self.plan.deadline[i], DEADLINE)

    def patient(self, i: int) -> Process:
        plan, s = self.plan, 0
        yield self.env.timeout(plan.arrival[i])
        while s < len(plan.kind):
            self.entered[self.attempt[i], i, s] = self.env.now
            if plan.kind[s] == LINES:
                served = yield from self.on_line(i, s)
            else:
                served = yield from self.off_line(i, s)
            if not served or self.status[i] == LOST:
                return
            self.ended[self.attempt[i], i, s] = self.env.now
            if not plan.fails[self.attempt[i], i, s]:
                s += 1
            elif plan.again[s] < 0 or self.attempt[i] + 1 == len(plan.days):
                return self.leave(i, self.env.now, 1 + s)
            else:
                self.attempt[i] += 1
                s = int(plan.again[s])
        self.status[i], self.day[i] = INFUSED, self.env.now

    def leave(self, i: int, day: float, cause: int) -> None:
        self.status[i], self.cause[i], self.day[i] = LOST, cause, day

    def key(self, i: int) -> tuple[float, float, int]:
        return float(self.plan.rank[i]), float(self.env.now), i

    def patience(self, i: int) -> simpy.Event:
        left = self.plan.deadline[i] - self.env.now
        return self.env.timeout(left) if math.isfinite(left) else self.env.event()

    def on_line(self, i: int, s: int) -> Generator[simpy.Event, Any, bool]:
        pool = int(self.plan.pool[i, s])
        gone = self.patience(i)
        if pool not in self.lines:
            yield gone
            return False
        with self.lines[pool].request(priority=self.key(i)) as request:
            yield request | gone
            if not request.triggered:
                return False
            opens = self.opening(pool)
            yield self.env.timeout(opens - self.env.now) | gone
            if self.env.now < opens:
                return False
            self.started[self.attempt[i], i, s] = self.env.now
            end = self.env.now + self.plan.days[self.attempt[i], i, s]
            yield self.env.timeout(self.plan.days[self.attempt[i], i, s])
            assert self.env.now == end
        return True

    def opening(self, pool: int) -> float:
        for k in range(self.plan.closed[pool], self.plan.closed[pool + 1]):
            if self.plan.closed_from[k] <= self.env.now < self.plan.closed_to[k]:
                return float(self.plan.closed_to[k])
        return float(self.env.now)

    def off_line(self, i: int, s: int) -> Generator[simpy.Event, Any, bool]:
        plan, kind = self.plan, self.plan.kind[s]
        if kind != DELAY:
            pool = int(plan.pool[i, s])
            mine, gone = self.env.event(), self.patience(i)
            if kind == SLOTS:
                entry: Any = (self.key(i), mine)
                self.books[pool].append(entry)
                yield mine | gone
                if not mine.triggered:
                    self.books[pool].remove(entry)
                    return False
            else:
                hub = self.hubs[pool]
                if plan.choice[i, 0] < 0:
                    self.leave(i, self.env.now, 1 + len(plan.kind))
                    return False
                found = hub.take(i)
                if found is None:
                    entry = (self.key(i), i, mine)
                    hub.waiting.append(entry)
                    hub.always(int(plan.choice[i, 0]))
                    yield mine | gone
                    if not mine.triggered:
                        hub.waiting.remove(entry)
                        return False
                    found = mine.value
                else:
                    hub.always(int(np.unravel_index(found, plan.lead.shape)[1]))
                self.lot[i] = found
        self.started[self.attempt[i], i, s] = self.env.now
        yield self.env.timeout(plan.days[self.attempt[i], i, s])
        return True

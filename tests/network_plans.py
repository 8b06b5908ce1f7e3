"""Plans of supply networks with drawn luck, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from perforin.making.network.plan import LINES, SLOTS, STOCK, Plan


def plan(kinds: list[int], days: Any, arrival: Any, *, lines: Any = (), **changed: Any) -> Plan:
    """A plan in which each shared stage has a pool of its own, nothing fails and nobody is lost.

    Args:
        kinds: of the stages.
        days: (n, stages) or (attempts, n, stages).
        arrival: (n,).
        lines: of the pools, in the order of the shared stages.
        changed: other fields, as they stand in a plan.
    """
    days = np.asarray(days, float)
    days = days if days.ndim == 3 else days[None]
    n, count = len(arrival), sum(kind != 0 for kind in kinds)
    place = np.cumsum([kind != 0 for kind in kinds]) - 1
    pool = np.where(np.array(kinds) != 0, place, -1)
    none = np.empty((0, 1, 1))
    parts: dict[str, Any] = {
        "arrival": np.asarray(arrival, float), "deadline": np.full(n, np.inf), "rank": np.zeros(n),
        "kind": np.array(kinds), "days": days, "fails": np.zeros(days.shape, bool), "again": np.full(len(kinds), -1),
        "pool": np.tile(pool, (n, 1)), "lines": np.array([*lines] or [0] * count, np.int64),
        "closed": np.zeros(count + 1, np.int64), "closed_from": np.empty(0), "closed_to": np.empty(0),
        "slot": np.zeros(count + 1, np.int64), "slot_day": np.empty(0), "hub": np.full(count, -1),
        "choice": np.zeros((n, 1), np.int64), "reorder": np.zeros((0, 1), np.int64),
        "up_to": np.zeros((0, 1), np.int64), "initial": np.zeros((0, 1), np.int64),
        "review": np.empty(0), "lead": none, "shelf": none, "rejected": none > 0,
        "recall": none, "until": np.array([np.inf]),
    }  # fmt: skip
    return Plan(**parts | changed)


def shop(seed: int, n: int = 300, *, hazard: float = 0.02, attempts: int = 2, discipline: bool = True,
         closures: bool = False, until: float = 60.0) -> Plan:  # fmt: skip
    """Two centres' appointments, two plants' lines, release with remakes, lines for lymphodepletion; all drawn."""
    luck = np.random.default_rng(seed)
    kinds = [0, SLOTS, 0, LINES, 0, 0, LINES]
    days = luck.exponential([2, 1, 1, 5, 3, 1, 2], (attempts, n, 7))
    arrival = np.sort(luck.uniform(0, until, n))
    pool = np.full((n, 7), -1)
    pool[:, 1], pool[:, 3], pool[:, 6] = luck.integers(0, 2, n), luck.integers(2, 4, n), 4
    fails = np.zeros(days.shape, bool)
    fails[:, :, 0], fails[:, :, 4] = luck.random((attempts, n)) < 0.05, luck.random((attempts, n)) < 0.3
    slots = [np.sort(luck.uniform(0, until, int(2 * until))) for _ in range(2)]
    windows = np.array([[5, 7], [12, 14.5], [30, 41]]) if closures else np.empty((0, 2))
    many = len(windows)
    return plan(
        kinds, days, arrival, lines=[0, 0, 7, 4, 6], deadline=arrival + luck.exponential(1 / hazard, n),
        rank=luck.random(n) if discipline else np.zeros(n), fails=fails, again=np.array([-1, -1, -1, -1, 3, -1, -1]),
        pool=pool, closed=np.array([0, 0, 0, many, many, many]), closed_from=windows[:, 0].copy(),
        closed_to=windows[:, 1].copy(), slot=np.cumsum([0, *map(len, slots), 0, 0, 0]),
        slot_day=np.concatenate(slots), hub=np.full(5, -1), until=np.array([until]),
    )  # fmt: skip


def bank(seed: int, n: int = 400, *, review: float = 0.0, until: float = 120.0) -> Plan:
    """Two hubs with three donor classes each: lots that come late, are rejected, expire and are recalled."""
    luck = np.random.default_rng(seed)
    kinds, shape = [0, STOCK, 0], (2, 3, 200)
    arrival = np.sort(luck.uniform(0, until, n))
    days = luck.exponential([2, 1, 3], (2, n, 3))
    choice = np.argsort(luck.random((n, 3)), axis=1)
    choice[luck.random(n) < 0.2, 2] = -1
    choice[luck.random(n) < 0.1, 1:] = -1
    choice[luck.random(n) < 0.02] = -1
    fails = np.zeros(days.shape, bool)
    fails[:, :, 2] = luck.random((2, n)) < 0.1
    hub = luck.integers(0, 2, n)
    return plan(
        kinds, days, arrival, lines=[0, 0], deadline=arrival + luck.exponential(25, n), rank=luck.random(n),
        fails=fails, again=np.array([-1, -1, 1]), pool=np.column_stack([np.full(n, -1), hub, np.full(n, -1)]),
        closed=np.zeros(3, np.int64), slot=np.zeros(3, np.int64), hub=np.array([0, 1]), choice=choice,
        reorder=np.full((2, 3), 4), up_to=np.full((2, 3), 12), initial=np.full((2, 3), 8),
        review=np.array([0.0, review]), lead=luck.uniform(3, 15, shape), shelf=luck.uniform(5, 40, shape),
        rejected=(luck.random(shape) < 0.15) & (np.arange(200) > 0),
        recall=np.where(luck.random(shape) < 0.1, luck.uniform(1, 20, shape), np.inf), until=np.array([until]),
    )  # fmt: skip

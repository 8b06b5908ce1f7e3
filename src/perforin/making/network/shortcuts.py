"""Two shorter ways to the same times: no calendar where all queue as they come, all at once where nothing is shared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perforin.making.network.compiled import compiled
from perforin.making.network.plan import DEADLINE, DELAY, INFUSED, LINES, LOST, STOCK, Ledger, Outcome, Plan
from perforin.making.network.serving import opening

__all__ = ["blank", "fits_open_loop", "fits_recursion", "run_open_loop", "run_recursion"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


def fits_open_loop(plan: Plan) -> bool:
    """Whether nothing is shared."""
    return bool((plan.kind == DELAY).all())


def fits_recursion(plan: Plan) -> bool:
    """Whether all wait in order of arrival, no pool is met twice, and there is no stock."""
    ordered = len(plan.days) == 1 and (plan.rank == plan.rank[:1]).all() and (plan.kind != STOCK).all()
    pools = [np.unique(plan.pool[:, s]) for s in np.flatnonzero(plan.kind != DELAY)]
    return bool(ordered and len(np.unique(np.concatenate([*pools, [-1]]))) == 1 + sum(map(len, pools)))


def run_open_loop(plan: Plan) -> Outcome:
    """What becomes of every patient where nothing is shared: all patients at once, stage by stage."""
    out = blank(plan)
    at = np.zeros(len(plan.arrival), np.int64)
    day = plan.arrival.copy()
    for attempt in range(len(plan.days)):
        for s in range(len(plan.kind)):
            here = np.flatnonzero((at == s) & (out.status == 0) & (out.attempt == attempt))
            out.entered[attempt, here, s] = out.started[attempt, here, s] = day[here]
            day[here] += plan.days[attempt, here, s]
            stayed = _complete(plan, out, here, s, day[here])
            at[stayed] = s + 1
            failed = here[out.attempt[here] > attempt]
            at[failed] = plan.again[s]
    _infuse(out, np.flatnonzero((at == len(plan.kind)) & (out.status == 0)), day)
    return out


def run_recursion(plan: Plan) -> Outcome:
    """What becomes of every patient where each stage is first come, first served (Kiefer and Wolfowitz 1955).

    Who is lost while waiting takes no line, so the recursion over starts holds with those left out.
    """
    out = blank(plan)
    alive = np.arange(len(plan.arrival))
    day = plan.arrival.copy()
    for s, kind in enumerate(plan.kind):
        out.entered[0, alive, s] = day[alive]
        starts = day[alive]
        if kind != DELAY:
            order = alive[np.lexsort((alive, starts))]
            pool, lasts = plan.pool[:, s], plan.days[0, :, s]
            begun = np.full(len(day), np.nan)
            if kind == LINES:
                closed = np.column_stack([plan.closed_from, plan.closed_to])
                _lines(plan.lines, plan.closed, closed, pool, order, day, lasts, plan.deadline, begun)
            else:
                _slots(plan.slot, plan.slot_day, pool, order, day, plan.deadline, begun)
            starts = begun[alive]
            lost = ~(starts <= plan.deadline[alive])
            _lose(out, alive[lost], plan.deadline[alive[lost]])
            alive, starts = alive[~lost], starts[~lost]
        out.started[0, alive, s] = starts
        day[alive] = starts + plan.days[0, alive, s]
        alive = _complete(plan, out, alive, s, day[alive])
    _infuse(out, alive, day)
    return out


def blank(plan: Plan) -> Outcome:
    """An outcome of which nothing has happened yet; it has no stock."""
    n, lots = len(plan.arrival), plan.lead.shape
    never = [np.full(plan.days.shape, np.nan) for _ in range(3)]
    none = np.full(n, -1, np.int64)
    units: dict[str, Any] = {name: np.zeros(lots, np.int64) for name in Ledger._fields[:6]}
    times: dict[str, Any] = {name: np.full(lots, np.nan) for name in Ledger._fields[6:]}
    status = np.zeros(n, np.int64)
    return Outcome(
        entered=never[0], started=never[1], ended=never[2], status=status, cause=none, day=np.full(n, np.nan),
        attempt=status.copy(), lot=none.copy(), ledger=Ledger(**units, **times),
    )  # fmt: skip


def _lose(out: Outcome, who: Whole, deadline: Array) -> None:
    """Those whose deadline passed; who waits for ever without one is still there."""
    known = np.isfinite(deadline)
    out.status[who[known]], out.cause[who[known]], out.day[who[known]] = LOST, DEADLINE, deadline[known]


def _infuse(out: Outcome, who: Whole, day: Array) -> None:
    out.status[who], out.day[who] = INFUSED, day[who]


def _complete(plan: Plan, out: Outcome, who: Whole, s: int, day: Array) -> Whole:
    """A stage ends for those whose deadline has not come; who goes on to the next."""
    late = plan.deadline[who] < day
    _lose(out, who[late], plan.deadline[who[late]])
    who, day = who[~late], day[~late]
    attempt = out.attempt[who]
    out.ended[attempt, who, s] = day
    failed = plan.fails[attempt, who, s]
    back = failed & (plan.again[s] >= 0) & (attempt + 1 < len(plan.days))
    out.attempt[who[back]] += 1
    gone = failed & ~back
    out.status[who[gone]], out.cause[who[gone]], out.day[who[gone]] = LOST, 1 + s, day[gone]
    return np.asarray(who[~failed], dtype=np.int64)


@compiled
def _lines(lines: Whole, offsets: Whole, closed: Array, pool: Whole, order: Whole, day: Array, lasts: Array,
           deadline: Array, begun: Array) -> None:  # fmt: skip
    """Starts of those in ``order``: each pool keeps when its lines come free, the first on top of a heap."""
    first = np.zeros(len(lines) + 1, np.int64)
    first[1:] = np.cumsum(lines)
    free = np.zeros(first[-1])
    for i in order:
        p = pool[i]
        low, many = first[p], lines[p]
        if many == 0:
            continue
        begun[i] = opening(closed, offsets[p], offsets[p + 1], max(day[i], free[low]))
        if deadline[i] < begun[i]:
            continue
        end, at = begun[i] + lasts[i], 0
        while True:
            below = 2 * at + 1
            if below >= many:
                break
            if below + 1 < many and free[low + below + 1] < free[low + below]:
                below += 1
            if free[low + below] >= end:
                break
            free[low + at] = free[low + below]
            at = below
        free[low + at] = end


@compiled
def _slots(offsets: Whole, slot_day: Array, pool: Whole, order: Whole, day: Array, deadline: Array,
           begun: Array) -> None:  # fmt: skip
    """Starts of those in ``order``: the first appointment after their coming that is not taken."""
    following = offsets[:-1].copy()
    for i in order:
        p = pool[i]
        at, end = following[p], offsets[p + 1]
        while at < end and slot_day[at] < day[i]:
            at += 1
        following[p] = at
        if at == end:
            continue
        begun[i] = slot_day[at]
        if deadline[i] >= begun[i]:
            following[p] = at + 1

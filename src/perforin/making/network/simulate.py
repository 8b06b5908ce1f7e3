"""From a plan to what becomes of every patient, by the shortest way that is exact."""

from __future__ import annotations

from typing import Literal

import numpy as np

from perforin.errors import UserError
from perforin.making.network.calendar import run_calendar
from perforin.making.network.plan import IN_SYSTEM, STOCK, Outcome, Plan
from perforin.making.network.shortcuts import fits_open_loop, fits_recursion, run_open_loop, run_recursion

__all__ = ["Engine", "chosen_engine", "run"]

Engine = Literal["open loop", "recursion", "calendar"]

_ENGINES = {"open loop": run_open_loop, "recursion": run_recursion, "calendar": run_calendar}


def chosen_engine(plan: Plan) -> Engine:
    """The fastest engine that is exact for a plan; all that are give the same times."""
    if fits_open_loop(plan):
        return "open loop"
    return "recursion" if fits_recursion(plan) else "calendar"


def run(plan: Plan, engine: Engine | None = None) -> Outcome:
    """One replication.

    Args:
        plan: the network with everybody's luck.
        engine: which; the fastest that is exact if not given.

    Returns:
        Everything until ``plan.until``; who is neither infused nor lost by then is in the system.

    Raises:
        UserError: an engine that is not exact here, stock without an end, a number that is none.
        LotsSpent: the plan's lots are too few.
    """
    _check(plan)
    wanted = engine or chosen_engine(plan)
    if (wanted == "open loop" and not fits_open_loop(plan)) or (wanted == "recursion" and not fits_recursion(plan)):
        raise UserError(f"found the engine {wanted!r} for a network that shares more; needed {chosen_engine(plan)!r}")
    return _until(_ENGINES[wanted](plan), float(plan.until[0]))


def _check(plan: Plan) -> None:
    if np.isnan(plan.deadline).any() or not np.isfinite(plan.arrival).all():
        raise UserError("found an arrival or a deadline that is no number; needed days, infinity for no deadline")
    if not (plan.days >= 0).all():
        raise UserError(f"found a duration of {np.nanmin(plan.days):g} days; needed 0 or more")
    if (plan.deadline < plan.arrival).any():
        late = int((plan.deadline < plan.arrival).sum())
        raise UserError(f"found {late} deadlines before the referral; needed days counted as those of the referrals")
    if (plan.lines < 0).any():
        raise UserError(f"found {plan.lines.min()} lines; needed 0 or more")
    if (plan.kind == STOCK).any() and not np.isfinite(plan.until[0]):
        raise UserError("found a stock without an end of the simulation; needed a finite number of days")


def _until(out: Outcome, until: float) -> Outcome:
    """What was foreseen beyond the end has not happened."""
    for times in (out.entered, out.started, out.ended):
        times[times > until] = np.nan
    begun = np.isfinite(out.entered).any(axis=2)
    out.attempt[:] = (begun * np.arange(begun.shape[0])[:, None]).max(axis=0)
    beyond = out.day > until
    out.status[beyond], out.cause[beyond], out.day[beyond] = IN_SYSTEM, -1, np.nan
    return out

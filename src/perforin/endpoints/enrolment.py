"""Before and around infusion: who got it, after how long, at what cost."""

from __future__ import annotations

import numpy as np

from perforin.endpoints.arm import Arm, align
from perforin.endpoints.registry import endpoint
from perforin.endpoints.response import best_is_response
from perforin.endpoints.samples import Mean, Median, Ratio, Sample, Share

__all__ = ["cost", "cost_per_responder", "infused_share", "lot_quality", "time_to_infusion"]


@endpoint("infused_share", better=1)
def infused_share(arm: Arm) -> Sample | None:
    """Share of the enrolled who were infused."""
    if not arm.has("infused"):
        return None
    once = arm.once("infused")
    return Share(once.subjects, once.value == 1)


@endpoint("time_to_infusion", unit="day", better=-1)
def time_to_infusion(arm: Arm) -> Sample | None:
    """Median days from enrolment to infusion, among the infused."""
    if not arm.has("time_to_infusion"):
        return None
    once = arm.once("time_to_infusion")
    given = ~once.censored
    return Median(once.subjects[given], once.value[given]) if given.any() else None


@endpoint("cost", unit="USD", better=-1)
def cost(arm: Arm) -> Sample | None:
    """Mean cost per enrolled patient."""
    if not arm.has("cost"):
        return None
    once = arm.once("cost")
    return Mean(once.subjects, once.value)


@endpoint("cost_per_responder", unit="USD", better=-1)
def cost_per_responder(arm: Arm) -> Sample | None:
    """Cost of all enrolled patients over the number of those whose best response is a response."""
    found = best_is_response(arm)
    if found is None or not arm.has("cost"):
        return None
    once = arm.once("cost")
    place, there = align(once.subjects, found.subjects)
    assert isinstance(found, Share)
    return Ratio(once.subjects, once.value, there & found.hits[place])


@endpoint("lot_quality", better=1)
def lot_quality(arm: Arm) -> Sample | None:
    """Mean over the infused of what arrived: living cells over the planned dose, times their killing function."""
    if not arm.has("lot_living_share"):
        return None
    living = arm.once("lot_living_share")
    if not arm.has("lot_killing_function"):
        return Mean(living.subjects, living.value)
    killing = arm.once("lot_killing_function")
    place, there = align(living.subjects, killing.subjects)
    return Mean(living.subjects, living.value * np.where(there, killing.value[place], 1.0))

"""Before and around infusion: who got it, after how long, at what cost."""

from __future__ import annotations

from perforin.endpoints.arm import Arm
from perforin.endpoints.registry import endpoint
from perforin.endpoints.samples import Mean, Median, Sample, Share

__all__ = ["cost", "infused_share", "time_to_infusion"]


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

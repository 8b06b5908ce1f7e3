"""Response at visit days, best response, and what relapsed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perforin.endpoints.arm import Arm, align
from perforin.endpoints.criteria import MRD, measured_at, responses
from perforin.endpoints.registry import endpoint
from perforin.endpoints.samples import Sample, Share

__all__ = ["best_is", "best_is_complete", "best_is_response", "complete_at", "mrd_negative", "relapse_antigen_negative",
           "relapses", "response_at", "response_counts"]  # fmt: skip


def _counted(arm: Arm, hits: NDArray[np.bool_]) -> Share:
    """Hits of the infused as a share of the arm's population: nobody else is a responder."""
    place, there = align(arm.subjects, arm.infused)
    return Share(arm.subjects, there & hits[place] if len(hits) else there)


@endpoint("ORR_d28", better=1, day=28)
@endpoint("ORR_d30", better=1, day=30)
@endpoint("ORR_d60", better=1, day=60)
@endpoint("ORR_d90", better=1, day=90)
@endpoint("ORR_d100", better=1, day=100)
@endpoint("ORR_d180", better=1, day=180)
@endpoint("ORR_12m", better=1, day=365)
def response_at(arm: Arm, day: float) -> Sample | None:
    """Share in response at the visit nearest day {day}; no visit within the window counts as no response."""
    found = responses(arm)
    return None if found is None else _counted(arm, found.at(day, arm.window) >= found.response)


@endpoint("CR_d30", better=1, day=30)
@endpoint("CR_d90", better=1, day=90)
@endpoint("CR_6m", better=1, day=182.5)
@endpoint("CR_12m", better=1, day=365)
def complete_at(arm: Arm, day: float) -> Sample | None:
    """Share in complete response at the visit nearest day {day}."""
    found = responses(arm)
    return None if found is None else _counted(arm, found.at(day, arm.window) >= found.complete)


@endpoint("ORR_best", better=1)
def best_is_response(arm: Arm) -> Sample | None:
    """Share whose best response is a response."""
    found = responses(arm)
    return None if found is None else _counted(arm, found.best(arm.confirmed) >= found.response)


@endpoint("CR_best", better=1)
def best_is_complete(arm: Arm) -> Sample | None:
    """Share whose best response is complete."""
    found = responses(arm)
    return None if found is None else _counted(arm, found.best(arm.confirmed) >= found.complete)


@endpoint("SD_best", code=1)
@endpoint("PD_best", better=-1, code=0)
def best_is(arm: Arm, code: int) -> Sample | None:
    """Share whose best response is progression (code 0) or stable disease (code 1); here code {code}."""
    found = responses(arm)
    return None if found is None else _counted(arm, found.best(arm.confirmed) == code)


@endpoint("MRD_negative", better=1)
def mrd_negative(arm: Arm) -> Sample | None:
    """Share with a marrow free of residual disease (1e-4) at any visit."""
    if not arm.has("mrd"):
        return None
    wide = arm.wide("mrd")
    place, there = align(arm.infused, wide.subjects)
    clear = np.asarray((wide.values <= MRD) & (wide.days > 0), dtype=np.bool_).any(axis=1)
    return _counted(arm, there & np.asarray(clear)[place])


def response_counts(arm: Arm, day: float) -> dict[str, int]:
    """Infused subjects by category at the visit nearest a day, ``not evaluable`` the rest; empty if not assessed."""
    found = responses(arm)
    if found is None:
        return {}
    codes = found.at(day, arm.window)
    counts = {name: int((codes == code).sum()) for code, name in reversed(list(enumerate(found.categories)))}
    return counts | {"not evaluable": int((codes < 0).sum())}


def relapses(arm: Arm) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Subjects who progressed after a response, and whether most of the tumour had then lost the antigen.

    From ``relapse_antigen`` where recorded, else from ``antigen_negative_fraction`` (above one half) at the visit of
    progression; subjects without either are left out.
    """
    if arm.has("relapse_antigen"):
        once = arm.once("relapse_antigen")
        return once.subjects, once.value == 1
    found = responses(arm)
    if found is None or not arm.has("antigen_negative_fraction"):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.bool_)
    again = np.isfinite(found.progression) & (found.since(found.response) < found.progression)
    negative = measured_at(arm, "antigen_negative_fraction", found)
    column = np.minimum(np.searchsorted(found.days, found.progression), max(len(found.days) - 1, 0))
    share = negative[np.arange(len(negative)), column] if len(found.days) else np.full(len(negative), np.nan)
    known = again & ~np.isnan(share)
    return found.subjects[known], share[known] > 0.5


@endpoint("relapse_antigen_negative_share")
def relapse_antigen_negative(arm: Arm) -> Sample | None:
    """Share of relapses after a response in which most of the tumour had lost the antigen."""
    subjects, negative = relapses(arm)
    return Share(subjects, negative) if len(subjects) else None

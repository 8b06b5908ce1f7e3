"""Every endpoint by name, and the one function that scores records, simulated or published."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np

import perforin.endpoints
from perforin.endpoints.arm import Arm
from perforin.endpoints.registry import ENDPOINTS, Endpoint
from perforin.endpoints.samples import Reported, Sample, Share
from perforin.errors import UserError, nearest
from perforin.records import Estimate, Records

__all__ = ["HEADLINE", "arm_of", "arms", "catalogue", "estimate", "estimate_of", "find", "sample", "score"]

HEADLINE = (
    "ORR_d30", "ORR_best", "CR_best", "PFS_6m", "PFS_12m", "OS_12m", "CRS_any", "CRS_ge3", "ICANS_any", "ICANS_ge3",
    "GvHD_ge2", "Cmax", "Tmax", "AUC0_28", "last_detectable_day", "infused_share", "time_to_infusion", "cost",
    "cost_per_responder",
)  # fmt: skip
"""The endpoints that every run reports."""


@cache
def catalogue() -> Mapping[str, Endpoint]:
    """Every endpoint by name; each module of this folder adds its own."""
    for module in pkgutil.iter_modules(perforin.endpoints.__path__):
        importlib.import_module(f"perforin.endpoints.{module.name}")
    return ENDPOINTS


def find(name: str) -> Endpoint:
    """One endpoint.

    Raises:
        UserError: no such endpoint (nearest name suggested).
    """
    known = catalogue()
    if name not in known:
        raise UserError(f"found the endpoint {name!r}; needed one of the catalogue{nearest(name, known)}")
    return known[name]


def arm_of(records: Records, name: str, *, criteria: str = "lugano", enrolled: bool = False, confirmed: bool = False,
           window: float = 14.0) -> Arm:  # fmt: skip
    """One arm of the records.

    Raises:
        UserError: no such arm, or unknown criteria.
    """
    own = Records(records.table[records.table["arm"] == name])
    if own.table.empty:
        known = arms(records)
        raise UserError(f"found no arm {name!r} in the records; needed one of {known}{nearest(name, known)}")
    return Arm(own, name, criteria, "enrolled" if enrolled else "infused", confirmed, window)


def arms(records: Records) -> list[str]:
    """Names of the arms, in order of appearance."""
    return [str(name) for name in records.table["arm"].unique()]


def sample(arm: Arm, name: str) -> Sample | None:
    """The sample of an endpoint; None where the records do not hold it.

    A published count of patients (``outcome:`` and the name) is a share like any other; a published number
    (``summary:``) stands for itself.
    """
    entry = find(name)
    if arm.has(f"outcome:{name}"):
        once = arm.once(f"outcome:{name}")
        return Share(once.subjects, once.value == 1)
    if arm.has(f"summary:{name}"):
        return Reported(float(arm.rows(f"summary:{name}")["value"].iloc[0]))
    return entry.make(arm)


def estimate(arm: Arm, name: str, level: float = 0.95) -> Estimate | None:
    """The estimate of an endpoint in an arm; None where the records do not hold it."""
    found = sample(arm, name)
    if found is None:
        return None
    rows = [arm.rows(f"{kind}:{name}") for kind in ("outcome", "summary")]
    sources = tuple(sorted({str(source) for part in rows for source in part["source"]} - {""}))
    units = {str(unit) for unit in rows[1]["unit"]}
    plain = estimate_of(found, name, arm.name, level)
    return replace(plain, unit=units.pop() if units else plain.unit, sources=sources)


def estimate_of(found: Sample, name: str, arm: str, level: float = 0.95) -> Estimate:
    """The estimate that a sample of an endpoint gives."""
    result = found.result(level)
    return Estimate(name, arm, result.value, result.low, result.high, len(np.unique(found.subjects)), find(name).unit,
                    result.method, details=result.details)  # fmt: skip


def score(
    records: Records,
    endpoints: Iterable[str] | None = None,
    *,
    criteria: str = "lugano",
    enrolled: bool = False,
    confirmed: bool = False,
    window: float = 14.0,
    level: float = 0.95,
) -> list[Estimate]:
    """Estimates of every arm, in the order of the arms and then of the endpoints.

    An endpoint that the records of an arm do not hold is left out there.

    Args:
        records: simulated or published.
        endpoints: names; all of the catalogue if None.
        criteria: of response: ``lugano``, ``recist``, ``leukaemia`` or ``myeloma``.
        enrolled: response and survival in everybody enrolled, from enrolment, and not in the infused.
        confirmed: whether best responses need confirmation.
        window: days before or after its nominal day on which a visit still counts [day].
        level: of the intervals.

    Raises:
        UserError: an unknown endpoint or criterion (nearest name suggested).
    """
    wanted = list(catalogue()) if endpoints is None else [find(name).name for name in endpoints]
    found = []
    for name in arms(records):
        arm = arm_of(records, name, criteria=criteria, enrolled=enrolled, confirmed=confirmed, window=window)
        found += [one for one in (estimate(arm, what, level) for what in wanted) if one is not None]
    return found

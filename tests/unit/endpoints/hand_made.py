"""Records written by hand: a few patients with a few visits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perforin.endpoints.arm import Arm
from perforin.records import Records


def once(parameter: str, values: Mapping[int, float], days: Mapping[int, float] | None = None,
         censored: Sequence[int] = (), arm: str = "a") -> Records:  # fmt: skip
    """One row per subject."""
    return Records.build(
        subject=list(values), arm=arm, parameter=parameter, value=list(values.values()),
        day=[float((days or {}).get(who, 0.0)) for who in values], censored=[who in censored for who in values],
    )  # fmt: skip


def visits(parameter: str, series: Mapping[int, Mapping[float, float]], limit: float = float("-inf"),
           arm: str = "a") -> Records:  # fmt: skip
    """Values by subject and day; below the limit they are censored at it."""
    rows = [(who, day, value) for who, days in series.items() for day, value in days.items()]
    return Records.build(
        subject=[who for who, _, _ in rows], arm=arm, parameter=parameter, day=[day for _, day, _ in rows],
        value=[max(value, limit) for _, _, value in rows], censored=[value < limit for _, _, value in rows],
    )  # fmt: skip


def arm_of(*parts: Records, criteria: str = "lugano", **rules: object) -> Arm:
    """An arm with these records."""
    return Arm(Records.concat(parts), "a", criteria, **rules)  # type: ignore[arg-type]

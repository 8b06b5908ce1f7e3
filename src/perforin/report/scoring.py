"""Endpoints of a study's records in the forms that the report draws; the only file of the report that scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from perforin.endpoints.catalogue import arm_of, score
from perforin.endpoints.compare import compare_all
from perforin.endpoints.response import relapses, response_counts
from perforin.endpoints.survival import What, curve
from perforin.endpoints.toxicity import grade_counts
from perforin.records import Estimate, Records
from perforin.report.curves import Point, Survival
from perforin.report.findings import Comparison, Published

__all__ = ["comparisons", "estimates", "grades", "relapse_types", "responses", "survival"]

TOXICITIES = {"CRS": "crs", "ICANS": "icans", "GvHD": "gvhd"}
MONTH = 365.0 / 12


def estimates(records: Records, endpoints: Iterable[str], criteria: str) -> tuple[Estimate, ...]:
    """Every endpoint of every arm that holds it."""
    return tuple(score(records, endpoints, criteria=criteria)) if len(records.table) else ()


def comparisons(records: Records, reference: str, endpoints: Iterable[str], criteria: str) -> tuple[Comparison, ...]:
    """Every other arm against the reference, paired by patient; none where there is one arm."""
    if len(records.arms) < 2 or reference not in records.arms:
        return ()
    found = compare_all(records, reference, endpoints, criteria=criteria)
    return tuple(
        Comparison(one.endpoint, one.arm, one.reference, one.value, one.low, one.high, one.better, one.unit)
        for one in found
    )


def survival(
    records: Records, arms: Iterable[str], beside: Sequence[Published], criteria: str
) -> dict[str, dict[str, Survival]]:
    """Kaplan-Meier curves by what is survived and arm, with the published milestones as points."""
    names: tuple[What, ...] = ("PFS", "OS", "DOR")
    out: dict[str, dict[str, Survival]] = {}
    for name in names:
        drawn = {}
        for arm in arms:
            found = curve(arm_of(records, arm, criteria=criteria), name) if arm in records.arms else None
            if found is not None:
                points = tuple(_points(beside, arm, name))
                drawn[arm] = Survival(found.day, found.share, found.low, found.high, found.last_seen, points)
        if drawn:
            out[name] = drawn
    return out


def _points(beside: Sequence[Published], arm: str, name: str) -> Iterable[Point]:
    for one in beside:
        stem, _, months = one.endpoint.partition("_")
        if one.arm == arm and stem == name and months.endswith("m") and months[:-1].isdigit():
            yield Point(MONTH * int(months[:-1]), one.value, one.low, one.high, one.shown)


def responses(
    records: Records, labels: Mapping[str, str], visits: Iterable[float], criteria: str
) -> tuple[tuple[str, str, Mapping[str, float]], ...]:
    """Visit, arm label and number of infused patients in each category, visit by visit; day 0 is no response."""
    arms = {arm: arm_of(records, arm, criteria=criteria) for arm in labels if arm in records.arms}
    rows = []
    for day in visits:
        for arm, one in arms.items():
            counts = {name: float(count) for name, count in response_counts(one, day).items()} if day > 0 else {}
            if counts:
                rows.append((f"Day {day:g}", labels[arm], counts))
    return tuple(rows)


def grades(records: Records) -> dict[str, dict[str, tuple[int, ...]]]:
    """Patients at each highest grade from none upwards, by toxicity and arm."""
    out: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, kind in TOXICITIES.items():
        counts = {arm: tuple(grade_counts(arm_of(records, arm), kind)) for arm in records.arms}
        if any(any(row) for row in counts.values()):
            out[name] = counts
    return out


def relapse_types(records: Records, criteria: str) -> dict[str, tuple[int, int]]:
    """Relapses after response, (antigen-positive, antigen-negative), by arm."""
    out = {}
    for arm in records.arms:
        _, negative = relapses(arm_of(records, arm, criteria=criteria))
        out[arm] = (int((~negative).sum()), int(negative.sum()))
    return out

"""Endpoints of a study's records in the forms that the report draws; the only file of the report that scores.

Records are read some patients at a time, and only what is needed of them is kept: an entry per patient and endpoint,
and counts that add up. A patient's entries come from the patient's own records, so that nothing depends on the parts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perforin.endpoints.arm import Arm
from perforin.endpoints.catalogue import arm_of, estimate_of, sample
from perforin.endpoints.compare import Scored, difference
from perforin.endpoints.response import relapses, response_counts
from perforin.endpoints.samples import joined
from perforin.endpoints.survival import What, survival_times
from perforin.endpoints.toxicity import grade_counts
from perforin.records import Estimate, Records
from perforin.report.curves import Point, Survival
from perforin.report.findings import Comparison, Published, Third
from perforin.report.supply import thirds

__all__ = ["Scores", "comparisons", "enrolled", "estimates", "grades", "losses", "lot_effect", "read", "relapse_types",
           "responses", "survival", "waits"]  # fmt: skip

TOXICITIES = {"CRS": "crs", "ICANS": "icans", "GvHD": "gvhd"}
SURVIVALS: tuple[What, ...] = ("PFS", "OS", "DOR")
WAIT, QUALITY, RESPONSE = "time_to_infusion", "lot_quality", "ORR_best"
LOST = "lost:"
MONTH = 365.0 / 12
ROWS = 500_000
"""Rows of records that are scored at a time, where the parts are smaller."""


@dataclass(frozen=True)
class Scores:
    """One arm: a sample by endpoint, the times of each survival, and how many patients have what."""

    samples: Mapping[str, Any]
    times: Mapping[str, Any]
    counts: Counter[tuple[Any, ...]]

    def counted(self, *what: Any) -> dict[Any, int]:
        """Patients by the last word of the counts that begin with ``what``."""
        return {key[-1]: count for key, count in self.counts.items() if key[:-1] == what}


def read(
    parts: Iterable[Records], endpoints: Iterable[str], criteria: str, visits: Iterable[float] = ()
) -> dict[str, Scores]:
    """Score every arm of records.

    Args:
        parts: each with all rows of its patients, in the order of patients.
        endpoints: names.
        criteria: of response.
        visits: days on which responses are counted; on day 0 there are none.
    """
    wanted, days = dict.fromkeys([*endpoints, WAIT, QUALITY, RESPONSE]), [day for day in visits if day > 0]
    found: dict[str, list[Scores]] = {}
    for part in _gathered(parts):
        for name in part.arms:
            found.setdefault(name, []).append(_scores(arm_of(part, name, criteria=criteria), wanted, days))
    return {name: _whole(scores) for name, scores in found.items()}


def _gathered(parts: Iterable[Records]) -> Iterator[Records]:
    held: list[Records] = []
    for part in parts:
        held.append(part)
        if sum(len(one.table) for one in held) >= ROWS:
            yield Records.concat(held)
            held = []
    if held:
        yield Records.concat(held)


def _scores(arm: Arm, endpoints: Iterable[str], visits: Iterable[float]) -> Scores:
    counts: Counter[tuple[Any, ...]] = Counter({("enrolled",): len(arm.enrolled)})
    for day in visits:
        counts.update({("response", day, name): count for name, count in response_counts(arm, day).items()})
    for name, kind in TOXICITIES.items():
        counts.update({("grade", name, grade): count for grade, count in enumerate(grade_counts(arm, kind))})
    rows = arm.records.table["parameter"]
    for lost, count in rows[rows.str.startswith(LOST)].value_counts().items() if len(rows) else ():
        counts["lost", str(lost).removeprefix(LOST)] += int(count)
    counts.update(("relapse", negative) for negative in relapses(arm)[1].tolist())
    known: list[NDArray[np.int64]] = []
    samples = {name: _held(found, known) for name in endpoints if (found := sample(arm, name)) is not None}
    survived = {str(name): survival_times(arm, name) for name in SURVIVALS}
    return Scores(samples, {name: _held(one, known) for name, one in survived.items() if one is not None}, counts)


def _whole(parts: Sequence[Scores]) -> Scores:
    """An arm's scores from those of its parts."""
    known: list[NDArray[np.int64]] = []

    def together(tables: Sequence[Any]) -> dict[str, Any]:
        names = dict.fromkeys(name for table in tables for name in table)
        return {name: _held(joined([table.pop(name) for table in tables if name in table]), known) for name in names}

    counts: Counter[tuple[Any, ...]] = Counter()
    for part in parts:
        counts.update(part.counts)
    return Scores(together([part.samples for part in parts]), together([part.times for part in parts]), counts)


def _held(one: Any, known: list[NDArray[np.int64]]) -> Any:
    """A sample that keeps no more than its own: views of records are copied, and equal subjects are held once."""
    if hasattr(one, "times"):
        return replace(one, times=_held(one.times, known))
    arrays = {name: value for name, value in vars(one).items() if isinstance(value, np.ndarray)}
    own = {name: value if value.base is None else value.copy() for name, value in arrays.items()}
    same = next((subjects for subjects in known if np.array_equal(subjects, one.subjects)), None)
    if same is None:
        known.append(own["subjects"])
    return replace(one, **own | ({} if same is None else {"subjects": same}))


def estimates(scores: Mapping[str, Scores], endpoints: Iterable[str]) -> tuple[Estimate, ...]:
    """Every endpoint of every arm that holds it."""
    wanted = list(endpoints)
    known = [(arm, name, one.samples.get(name)) for arm, one in scores.items() for name in wanted]
    return tuple(estimate_of(found, name, arm) for arm, name, found in known if found is not None)


def comparisons(scores: Mapping[str, Scores], reference: str, endpoints: Iterable[str]) -> tuple[Comparison, ...]:
    """Every other arm against the reference, paired by patient; none where there is one arm."""
    if reference not in scores:
        return ()
    wanted, base = list(endpoints), scores[reference].samples
    found = [
        difference(name, Scored(arm, one.samples.get(name)), Scored(reference, base.get(name)))
        for arm, one in scores.items()
        for name in wanted
        if arm != reference
    ]
    return tuple(
        Comparison(one.endpoint, one.arm, one.reference, one.value, one.low, one.high, one.better, one.unit)
        for one in found
        if one is not None
    )


def survival(
    scores: Mapping[str, Scores], arms: Iterable[str], beside: Sequence[Published]
) -> dict[str, dict[str, Survival]]:
    """Kaplan-Meier curves by what is survived and arm, with the published milestones as points."""
    out: dict[str, dict[str, Survival]] = {}
    for arm in arms:
        for name, times in scores[arm].times.items() if arm in scores else ():
            if len(times.time):
                found, points = times.curve(), tuple(_points(beside, arm, name))
                curve = Survival(found.day, found.share, found.low, found.high, found.last_seen, points)
                out.setdefault(name, {})[arm] = curve
    return {name: out[name] for name in SURVIVALS if name in out}


def _points(beside: Sequence[Published], arm: str, name: str) -> Iterable[Point]:
    for one in beside:
        stem, _, months = one.endpoint.partition("_")
        if one.arm == arm and stem == name and months.endswith("m") and months[:-1].isdigit():
            yield Point(MONTH * int(months[:-1]), one.value, one.low, one.high, one.shown)


def responses(
    scores: Mapping[str, Scores], labels: Mapping[str, str], visits: Iterable[float]
) -> tuple[tuple[str, str, Mapping[str, float]], ...]:
    """Visit, arm label and number of infused patients in each category, visit by visit."""
    return tuple(
        (f"Day {day:g}", labels[arm], {name: float(count) for name, count in counts.items()})
        for day in visits
        for arm in labels
        if arm in scores and (counts := scores[arm].counted("response", day))
    )


def grades(scores: Mapping[str, Scores]) -> dict[str, dict[str, tuple[int, ...]]]:
    """Patients at each highest grade from none upwards, by toxicity and arm."""
    out = {
        name: {arm: tuple(one.counted("grade", name).values()) for arm, one in scores.items()} for name in TOXICITIES
    }
    return {name: counts for name, counts in out.items() if any(any(row) for row in counts.values())}


def relapse_types(scores: Mapping[str, Scores]) -> dict[str, tuple[int, int]]:
    """Relapses after response, (antigen-positive, antigen-negative), by arm."""
    return {arm: (one.counts["relapse", False], one.counts["relapse", True]) for arm, one in scores.items()}


def waits(scores: Mapping[str, Scores]) -> dict[str, NDArray[np.float64]]:
    """Days from enrolment to infusion of the infused, by arm."""
    return {arm: one.samples[WAIT].values if WAIT in one.samples else np.empty(0) for arm, one in scores.items()}


def lot_effect(scores: Mapping[str, Scores], arm: str) -> tuple[Third, ...]:
    """Responses by the quality of the lots, in thirds; none where lots are alike."""
    samples = scores[arm].samples if arm in scores else {}
    return thirds(arm, samples.get(QUALITY), samples.get(RESPONSE))


def losses(scores: Mapping[str, Scores]) -> dict[str, dict[str, int]]:
    """Patients never infused by reason, by arm."""
    return {arm: {reason: n for reason, n in one.counted("lost").items() if n} for arm, one in scores.items()}


def enrolled(scores: Mapping[str, Scores]) -> dict[str, int]:
    """Patients enrolled, by arm."""
    return {arm: one.counts[("enrolled",)] for arm, one in scores.items()}

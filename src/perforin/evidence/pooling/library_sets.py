"""What the library can pool: study sets rebuilt from the literature, and the cohorts of the trial library."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from functools import lru_cache

from perforin.errors import UserError, nearest
from perforin.evidence.pooling.studies import LeftOut, Study, StudySet
from perforin.evidence.pooling.table import read_studies
from perforin.evidence.published import Finding, trial, trials
from perforin.evidence.reviews import reviews
from perforin.evidence.sources import LIBRARY

__all__ = ["Review", "reviews_of", "study_set", "trial_set"]

SETS = LIBRARY / "study_sets"
FOLLOWS = "follows from no case of any grade"


@dataclass(frozen=True)
class Review:
    """A pooled value as another meta-analysis published it; shares with their 95 % limits."""

    endpoint: str
    therapy: str
    value: float
    low: float
    high: float
    k: int
    n: int
    status: str
    source: str
    locator: str
    note: str


def _index() -> list[dict[str, str]]:
    with (SETS / "index.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def reviews_of(endpoint: str, therapy: str) -> tuple[Review, ...]:
    """What the review that the therapy's study set is held against pooled over its trials, with an interval."""
    known = {row["review"] for row in _index() if row["therapy"] == therapy}
    return tuple(
        Review(endpoint, therapy, one.value, one.low, one.high, one.k, one.n, one.status, one.source, one.locator,
               one.note)
        for one in reviews()
        if one.endpoint == endpoint and one.source in known
        and one.low is not None and one.high is not None and one.k is not None and one.n is not None
    )  # fmt: skip


@lru_cache(maxsize=32)
def study_set(endpoint: str, therapy: str) -> StudySet:
    """The library's studies of one outcome: a rebuilt study set where there is one, else the trial library.

    Raises:
        UserError: a therapy that no trial has, or an outcome that none of its trials counts.
    """
    for row in _index():
        if row["therapy"] == therapy and endpoint in row["endpoints"].split(";"):
            found = read_studies(SETS / row["file"], endpoint, row["title"])
            return replace(found, warnings=(row["note"], *found.warnings))
    return trial_set(endpoint, therapy)


def trial_set(endpoint: str, therapy: str) -> StudySet:
    """The trial library's cohorts that count the outcome; of cohorts that share patients the largest is taken.

    Raises:
        UserError: a therapy that no trial has, or an outcome that none of its trials counts.
    """
    therapies = sorted({trial(name).therapy for name in trials()})
    if therapy not in therapies:
        raise UserError(f"found the therapy {therapy!r}; needed one of {', '.join(therapies)}"
                        f"{nearest(therapy, therapies)}")  # fmt: skip
    studies, left, flags = [], [], []
    outcomes: set[str] = set()
    for name in trials():
        if trial(name).therapy != therapy:
            continue
        outcomes |= {row.endpoint for row in trial(name).endpoints if row.events is not None}
        rows = _counts(name, endpoint)
        whole = next((row for row in rows if not row.subgroup), None)  # a trial that gives it twice is refused
        if whole is not None:
            studies.append(_study(name, whole))
            flags += [f"{name}: {whole.doubt}."] if whole.doubt else []
        else:
            left.append(LeftOut(name, "counts it in parts of the cohort only" if rows else "gives no count of it"))
    if not studies:
        known = sorted(outcomes)
        raise UserError(f"found no {therapy} trial that counts {endpoint!r}; needed one of {', '.join(known)}"
                        f"{nearest(endpoint, known)}")  # fmt: skip
    found = StudySet.without_overlap(studies, endpoint=endpoint, title=f"{therapy} cohorts of the trial library",
                                     left_out=left, warnings=tuple(flags))  # fmt: skip
    inferred = [one.name for one in found.studies if one.note.startswith(FOLLOWS)]
    if not inferred:
        return found
    said = f"{len(inferred)} of {len(found.studies)} counts follow from no case of any grade: {', '.join(inferred)}."
    return replace(found, warnings=(*found.warnings, said))


def _counts(name: str, endpoint: str) -> list[Finding]:
    """The trial's counts of an outcome; where no patient had it at any grade, none had it at a grade or more."""
    stem, _, grade = endpoint.rpartition("_ge")
    counts = [row for row in trial(name).endpoints if row.events is not None]
    found = [row for row in counts if row.endpoint == endpoint]
    if found or not grade.isdigit():
        return found
    return [
        row.model_copy(update={
            "status": "memory" if row.status == "memory" else "derived",
            "note": "; ".join(filter(None, (FOLLOWS, row.note))),
        })
        for row in counts if row.endpoint == f"{stem}_any" and row.events == 0
    ]  # fmt: skip


def _study(name: str, row: Finding) -> Study:
    one = trial(name)
    groups = {"target": one.target, "costimulation": one.costimulation, "product": one.product,
              "cell_source": one.cell_source, "indication": one.indication, "line": one.line}  # fmt: skip
    return Study(name, row.events or 0, row.denominator or 0, groups, row.scale, row.status, row.source, row.locator,
                 one.overlaps, row.note)  # fmt: skip

"""The pooled values that every report shows: neurotoxicity and cytokine release by therapy, and by class of CAR-T."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from perforin.evidence.pooling.library_sets import Review, reviews_of, study_set
from perforin.evidence.pooling.pool import Pooled, pool

__all__ = ["SPREAD", "Line", "shipped"]

CLASSES = {"CD19, CD28": "CAR-T, CD19 with CD28", "CD19, 4-1BB": "CAR-T, CD19 with 4-1BB",
           "BCMA, 4-1BB": "CAR-T, BCMA with 4-1BB"}  # fmt: skip
SPREAD = (
    "Trials differ far more than chance allows, so the prediction interval, which says what the next trial may see, is "
    "much wider than the interval of the pooled value: one comparator for all CAR-T would mislead."
)


@dataclass(frozen=True)
class Line:
    """One pooled value: the outcome, what was given, and what limits it.

    ``memory`` counts studies whose number was written from memory; where nobody had the event, ``without_memory`` is
    what the others give; ``reviews`` holds what others published.
    """

    endpoint: str
    label: str
    therapy: str
    pooled: Pooled
    memory: int
    title: str
    reviews: tuple[Review, ...] = ()
    without_memory: Pooled | None = None


@lru_cache(maxsize=1)
def shipped() -> tuple[Line, ...]:
    """The lines, by outcome; computed once."""
    return tuple(_lines())


def _lines() -> Iterator[Line]:
    for endpoint, therapies in (("ICANS_any", ("CAR-T", "CAR-NK")), ("ICANS_ge3", ("CAR-T", "CAR-NK")),
                                ("CRS_any", ("CAR-T", "CAR-NK")), ("CRS_ge3", ("CAR-T", "CAR-NK"))):  # fmt: skip
        for therapy in therapies:
            studies = study_set(endpoint, therapy)
            reviews = reviews_of(endpoint, therapy)
            parts = {therapy: studies}
            if reviews:
                classes = studies.by(("target", "costimulation"))
                parts |= {label: classes[name] for name, label in CLASSES.items()}
            for label, part in parts.items():
                memory = sum(one.status == "memory" for one in part.studies)
                found, read = pool(part), part.without_memory()
                without = pool(read) if read and found.events == 0 else None
                yield Line(endpoint, label, therapy, found, memory, studies.title,
                           reviews if label == therapy else (), without)  # fmt: skip

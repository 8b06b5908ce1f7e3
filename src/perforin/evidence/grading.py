"""What a grade of toxicity means at the bedside: the consensus scale to which published and simulated grades refer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import pydantic

from perforin.evidence.parameters import known_unit
from perforin.evidence.sources import LIBRARY
from perforin.yaml_reader import Strict, read_yaml, validated

__all__ = ["Fever", "GradedToxicity", "GradingScale", "criteria_of", "grading_scale"]

Criterion = str | tuple[int, int]
"""In words, or from how many points to how many."""


class Fever(Strict):
    """The fever without which there is no grade, except after drugs that take it away."""

    at_least: float
    unit: str
    not_needed_after: tuple[str, ...]

    @pydantic.field_validator("unit")
    @classmethod
    def _unit_is_known(cls, unit: str) -> str:
        if not known_unit(unit):
            raise ValueError(f"found the unit {unit!r}, which nobody knows")
        return unit


class GradedToxicity(Strict):
    """How one toxicity is graded.

    Attributes:
        rule: how the grade follows from the elements.
        fever: what must be there for any grade; None where nothing must.
        points: how many points each part of the bedside score gives; empty where there is no score.
        elements: element -> grade, 1 to 5 -> what is seen.
    """

    rule: str
    fever: Fever | None = None
    points: Mapping[str, pydantic.PositiveInt] = {}
    elements: Mapping[str, Mapping[int, Criterion]]

    @pydantic.model_validator(mode="after")
    def _grades_and_points_exist(self) -> GradedToxicity:
        best = sum(self.points.values())
        for element, by_grade in self.elements.items():
            if not set(by_grade) <= set(range(1, 6)):
                raise ValueError(f"found the grades {sorted(by_grade)} of {element}; needed some of 1 to 5")
            ranges = [one for _, one in sorted(by_grade.items()) if not isinstance(one, str)]
            ends = [best, *(end for low, high in ranges for end in (high, low)), 0]
            if ranges and ends != sorted(ends, reverse=True):
                raise ValueError(f"found the points {ranges} of {element}; needed fewer of {best} with each grade")
        return self

    @property
    def grades(self) -> tuple[int, ...]:
        """The grades that an element has, in order."""
        return tuple(sorted({grade for by_grade in self.elements.values() for grade in by_grade}))

    def words(self, element: str, grade: int) -> str:
        """What is seen of one element at one grade; empty where the element does not make that grade."""
        found = self.elements[element].get(grade, "")
        return found if isinstance(found, str) else f"{found[0]} to {found[1]} points"


class GradingScale(Strict):
    """One scale with its source; ``scale`` is the word that the numbers of published trials use for it."""

    label: str
    scale: str
    status: str
    source: str
    locator: str
    toxicities: Mapping[str, GradedToxicity]


@lru_cache(maxsize=1)
def grading_scale() -> GradingScale:
    """The consensus scale of the American Society for Transplantation and Cellular Therapy (Lee 2019).

    Raises:
        UserError: a key, grade or number of points that cannot be (file:line).
    """
    return validated(GradingScale, read_yaml(LIBRARY / "grading" / "astct_2019.yaml"))


def criteria_of(endpoint: str) -> str:
    """What is seen at the lowest grade that an endpoint counts, such as 3 of ``CRS_ge3``, and how elements combine.

    Empty for an endpoint that counts no grade of the scale.
    """
    scale = grading_scale()
    name, _, least = endpoint.partition("_")
    if name not in scale.toxicities or not re.fullmatch(r"any|ge[1-5]", least):
        return ""
    found, grade = scale.toxicities[name], 1 if least == "any" else int(least.removeprefix("ge"))
    seen = "; ".join(f"{one}: {words}" for one in found.elements if (words := found.words(one, grade)))
    return f"{scale.scale} grade {grade}: {seen} ({found.rule})"

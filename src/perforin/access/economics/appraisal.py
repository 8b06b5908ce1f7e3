"""A comparison of published treatments as a file: curves by their milestones, who was infused, prices, toxicity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pydantic
from numpy.typing import NDArray

from perforin import units
from perforin.access.economics.survival import FAMILIES, Milestones, Seen
from perforin.endpoints.survival import DAYS_PER_YEAR
from perforin.errors import UserError, nearest
from perforin.evidence.curves.curve_file import read_curve
from perforin.evidence.curves.reconstruction import reconstruct
from perforin.evidence.sources import LIBRARY
from perforin.nouns import Number
from perforin.yaml_reader import Strict, find_yaml, problem_at, read_yaml, validated

__all__ = ["Appraisal", "Arm", "Curve", "Point", "Published", "appraisal_names", "read_appraisal"]

Array = NDArray[np.float64]

FOLDER = LIBRARY / "appraisals"
MONTHS = 12


def _usd(found: Number) -> Number:
    if found.unit != "USD" or found.value is None or not found.value >= 0:
        raise ValueError(f"found {found.value} {found.unit}; needed USD, 0 or more")
    low, high = (found.value if end is None else end for end in (found.low, found.high))
    if not low <= found.value <= high:
        raise ValueError(f"found low {low:g}, value {found.value:g}, high {high:g}; needed low <= value <= high")
    return found


def _time(found: Number) -> Number:
    try:
        units.convert(1.0, found.unit, "day")
    except UserError:
        raise ValueError(f"found {found.value} {found.unit}; needed a time, such as 54 day") from None
    if found.value is None or not found.value >= 0:
        raise ValueError(f"found {found.value} {found.unit}; needed 0 or more")
    return found


class Point(Strict):
    """A share free of the event after so many months, with where it was read."""

    months: Annotated[float, pydantic.Field(gt=0)]
    share: Annotated[float, pydantic.Field(ge=0, le=1)]
    status: Literal["read", "memory", "derived"]
    source: str
    locator: str = ""
    note: str = ""


class Curve(Strict):
    """A published curve of the infused, and the family that goes on from it.

    Either ``points`` among ``patients``, or a ``digitised`` curve: a file beside the appraisal, with numbers at risk,
    from whose reconstructed patients the family is fitted.
    """

    family: Literal[tuple(FAMILIES)] = "weibull"  # type: ignore[valid-type]
    cure: bool = True
    patients: Annotated[int, pydantic.Field(ge=2)] | None = None
    points: tuple[Point, ...] = ()
    digitised: str = ""

    @pydantic.model_validator(mode="after")
    def _falls(self) -> Curve:
        if bool(self.digitised) == bool(self.points) or bool(self.points) != (self.patients is not None):
            message = "found both or neither of points among patients and a digitised curve; needed one"
            raise problem_at("points" if self.points else "family", message, under="")
        try:
            self.data()
        except UserError as problem:
            raise problem_at("digitised" if self.digitised else "points", str(problem)) from None
        return self

    def data(self) -> Seen | Milestones:
        """What the family is fitted to, in years."""
        if self.digitised:
            patients = reconstruct(read_curve(self.digitised))
            return Seen(patients.time / DAYS_PER_YEAR, patients.event)
        years = np.array([point.months for point in self.points]) / MONTHS
        return Milestones(years, np.array([point.share for point in self.points]), self.patients or 0)

    def shown(self) -> tuple[Array, Array]:
        """Years and shares of what was published."""
        if self.digitised:
            curve = read_curve(self.digitised)
            return curve.day / DAYS_PER_YEAR, curve.share
        return (np.array([point.months for point in self.points]) / MONTHS,
                np.array([point.share for point in self.points]))  # fmt: skip


class Arm(Strict):
    """One treatment: ``infused`` of ``enrolled`` patients after ``wait``; curves count from infusion.

    ``severe_one`` and ``severe_both`` of ``toxicity_of`` infused had one of the two toxicities at grade 3 or worse, or
    both; ``price`` is paid for each infused.
    """

    label: str
    enrolled: Annotated[int, pydantic.Field(ge=1)]
    infused: Annotated[int, pydantic.Field(ge=0)]
    infused_source: str
    wait: Annotated[Number, pydantic.AfterValidator(_time)]
    price: Annotated[Number, pydantic.AfterValidator(_usd)]
    own_cells: bool = True
    overall_survival: Curve
    progression_free_survival: Curve
    toxicity_of: Annotated[int, pydantic.Field(ge=1)]
    severe_one: Annotated[int, pydantic.Field(ge=0)]
    severe_both: Annotated[int, pydantic.Field(ge=0)] = 0
    toxicity_source: str
    toxicity_note: str = ""

    @pydantic.model_validator(mode="after")
    def _counts(self) -> Arm:
        if self.infused > self.enrolled:
            raise problem_at("infused", f"found {self.infused} infused of {self.enrolled} enrolled; needed at most all")
        severe = self.severe_one + self.severe_both
        if severe > self.toxicity_of:
            raise problem_at("severe_one", f"found {severe} with toxicity among {self.toxicity_of}; needed at most all")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys of the bibliography that its numbers come from."""
        curves = (self.overall_survival, self.progression_free_survival)
        points = [point.source for curve in curves for point in curve.points]
        points += [read_curve(curve.digitised).facts.get("source", "") for curve in curves if curve.digitised]
        found = (self.infused_source, self.toxicity_source, self.wait.source, self.price.source, *points)
        return tuple(dict.fromkeys(key for key in found if key))


class Published(Strict):
    """What others found for an arm with a model of their own."""

    arm: str
    what: Literal["life_years", "qaly", "cost"]
    of: Literal["enrolled", "infused"] = "enrolled"
    value: Annotated[float, pydantic.Field(gt=0)]
    status: Literal["read", "memory", "derived"]
    source: str
    note: str = ""


class Appraisal(Strict):
    """A comparison of two or more arms; the first is the reference."""

    label: str
    summary: str = ""
    arms: Mapping[str, Arm]
    published: tuple[Published, ...] = ()

    def of_the_infused(self) -> Appraisal:
        """The same where everybody is infused at once: what analyses of the infused compare."""
        at_once = "an analysis of the infused counts from infusion"
        changed = {"wait": Number(value=0.0, unit="day", note=at_once)}
        arms = {name: arm.model_copy(update={"infused": arm.enrolled, **changed}) for name, arm in self.arms.items()}
        return self.model_copy(update={"arms": arms})

    @pydantic.model_validator(mode="after")
    def _complete(self) -> Appraisal:
        if len(self.arms) < 2:
            raise problem_at("arms", f"found {len(self.arms)} arms; needed two or more to compare")
        for one in self.published:
            if one.arm not in self.arms:
                raise problem_at("published", f"found the arm {one.arm!r}; needed one of {list(self.arms)}"
                                 f"{nearest(one.arm, self.arms)}")  # fmt: skip
        return self


def appraisal_names() -> list[str]:
    """Those of the library."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_appraisal(name: str | Path) -> Appraisal:
    """An appraisal of the library by its name, or a file.

    Raises:
        UserError: neither, or a file that does not fit; each problem with its line.
    """
    path = find_yaml(FOLDER, name, "appraisal")
    document = read_yaml(path)
    return validated(Appraisal, document, _beside(document.data, path.parent))


def _beside(data: Any, folder: Path) -> Any:
    """The same with the files of digitised curves looked for beside the appraisal."""
    if isinstance(data, Mapping):
        return {key: str(folder / value) if key == "digitised" and isinstance(value, str) else _beside(value, folder)
                for key, value in data.items()}  # fmt: skip
    return data

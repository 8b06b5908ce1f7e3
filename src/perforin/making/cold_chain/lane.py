"""A lane as its file says it: the legs between the plant's store and the bedside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pydantic

from perforin.errors import UserError
from perforin.making.network.figures import Figure, Share
from perforin.yaml_reader import Strict, find_yaml, problem_at, read_yaml, validated

__all__ = ["Delay", "Lane", "Leg", "lane_names", "read_lane"]

FOLDER = Path(__file__).parents[2] / "library" / "lanes"
KINDS = ("pack", "road", "customs", "air", "receive", "store", "thaw")
SHIPPED = KINDS[:5]
COLDEST, WARMEST = -196.0, 60.0
"""Limits of a surrounding temperature [degrees Celsius]: boiling nitrogen, an apron in the sun."""


def _in(unit: str, least: float, most: float = np.inf) -> Callable[[Figure], Figure]:
    def check(figure: Figure) -> Figure:
        found = figure.in_unit(unit)
        if not least <= found.value <= most:
            needed = f"{least:g} or more" if most == np.inf else f"a number from {least:g} to {most:g}"
            raise ValueError(f"found {found.value:g} {unit}; needed {needed}")
        try:
            found.row("lane.figure", "lane")
        except UserError as problem:
            raise ValueError(str(problem).partition("lane.figure: ")[2] or str(problem)) from None
        return found

    return check


def _celsius(figure: Figure) -> Figure:
    """No scale turns kelvins or degrees Fahrenheit into degrees Celsius, so that nobody converts them in passing."""
    if figure.unit not in ("degC", "celsius"):
        raise ValueError(f"found a temperature in {figure.unit!r}; needed it in degC")
    return _in("degC", COLDEST, WARMEST)(figure)


Hours = Annotated[Figure, pydantic.AfterValidator(_in("hour", 0.0))]
Seconds = Annotated[Figure, pydantic.AfterValidator(_in("second", 0.0))]
Celsius = Annotated[Figure, pydantic.AfterValidator(_celsius)]


class Delay(Strict):
    """What now and then comes on top of a leg: a missed flight, papers that customs want to see."""

    probability: Share
    duration: Hours


class Leg(Strict):
    """One stretch of the way.

    ``pack``, ``road``, ``customs``, ``air`` and ``receive`` are spent in the shipper, ``store`` in a freezer, ``thaw``
    between the water bath and the end of the infusion. ``ambient`` is what surrounds the shipper, and for ``store`` the
    temperature kept; ``out_of_cold`` how long the container stands in ambient air, when the leg begins or, in
    ``receive``, when it ends; ``tilt`` the probability that the shipper lies on its side for the whole leg.
    """

    kind: Literal["pack", "road", "customs", "air", "receive", "store", "thaw"]
    name: str = ""
    duration: Hours
    ambient: Celsius | None = None
    out_of_cold: Seconds | None = None
    tilt: Share | None = None
    delay: Delay | None = None

    @pydantic.model_validator(mode="after")
    def _surrounded(self) -> Leg:
        if self.ambient is None and self.kind != "thaw":
            raise ValueError(f"found the leg {self.called!r} without ambient; needed a temperature in degC")
        if self.tilt is not None and self.kind not in SHIPPED:
            raise ValueError(f"found tilt in the leg {self.called!r}; needed it where a shipper travels, in {SHIPPED}")
        if self.kind == "receive" and self.out_of_cold is None:
            raise ValueError("found receive without out_of_cold; needed the seconds between shipper and store")
        if self.kind in ("store", "thaw") and self.out_of_cold is not None:
            raise ValueError(f"found out_of_cold in {self.kind}; needed it where a container changes places, such as "
                             "pack and receive")  # fmt: skip
        if self.kind == "thaw" and self.ambient is not None:
            raise ValueError("found ambient in thaw; needed none, for these cells are meant to warm")
        return self

    @property
    def called(self) -> str:
        """Its name, else its kind; what keys its luck."""
        return self.name or self.kind


class Lane(Strict):
    """The way of a frozen product from the plant's store to the patient, and what holds it.

    ``cooling`` and ``warming`` are the rates of freezing and thaw, the usual ones of the container if not given.
    """

    label: str
    summary: str = ""
    container: Literal["vial", "bag"] = "bag"
    cooling: Annotated[Figure, pydantic.AfterValidator(_in("K/min", 0.01))] | None = None
    warming: Annotated[Figure, pydantic.AfterValidator(_in("K/min", 0.01))] | None = None
    legs: tuple[Leg, ...] = pydantic.Field(min_length=1)

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> Lane:
        kinds = [leg.kind for leg in self.legs]
        later = [KINDS.index(kind) if kind in KINDS[4:] else 0 for kind in kinds]
        if later != sorted(later) or "pack" in kinds[1:]:
            raise problem_at("legs", f"found the legs {kinds}; needed pack first, then road, customs and air in any "
                             "order, then receive, store, thaw", under="legs")  # fmt: skip
        if kinds[-1] != "thaw" or kinds.count("thaw") > 1 or not set(kinds) & {*SHIPPED}:
            raise problem_at("legs", f"found the legs {kinds}; needed one that travels, and one thaw at the end",
                             under="legs")  # fmt: skip
        names = [leg.called for leg in self.legs]
        for place, name in enumerate(names):
            if name in names[:place]:
                raise problem_at("legs", f"found two legs called {name!r}; needed a name for each, such as "
                                 f"name: {name} 2", under="legs")  # fmt: skip
        return self

    @property
    def figures(self) -> Mapping[str, Figure]:
        """Every number with its source, by where it stands."""
        found = {name: getattr(self, name) for name in ("cooling", "warming")}
        for leg in self.legs:
            parts = {"duration": leg.duration, "ambient": leg.ambient, "out_of_cold": leg.out_of_cold,
                     "tilt": leg.tilt}  # fmt: skip
            if leg.delay is not None:
                parts |= {"delay.probability": leg.delay.probability, "delay.duration": leg.delay.duration}
            found |= {f"{leg.called}.{name}": figure for name, figure in parts.items()}
        return {name: figure for name, figure in found.items() if figure is not None}


def lane_names() -> list[str]:
    """Lanes that come with perforin."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_lane(name: str | Path) -> Lane:
    """A lane from its YAML file.

    Args:
        name: a file, or the name of a lane that comes with perforin.

    Raises:
        UserError: a file that does not fit; each problem with its line.
    """
    return validated(Lane, read_yaml(find_yaml(FOLDER, name, "lane")))

"""Places with people, and the hours it takes to drive between them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perforin.errors import Location, UserError, nearest
from perforin.evidence.parameters import Row, choose, read_table
from perforin.evidence.sources import LIBRARY

__all__ = ["COLUMNS", "Places", "hours_between", "read_places", "shipped_places", "travel_rows"]

Array = NDArray[np.float64]

COLUMNS = ("place", "region", "latitude", "longitude", "people")
"""Columns of a file of places. ``people`` may be patients a year; only shares of it count. ``region`` may be blank."""
EARTH_RADIUS = 6371.0088
"""Mean radius [km] of the International Union of Geodesy and Geophysics."""


@dataclass(frozen=True)
class Places:
    """``name`` and ``region`` (n,) texts; ``latitude`` and ``longitude`` (n,) [degree]; ``people`` (n,)."""

    name: tuple[str, ...]
    region: tuple[str, ...]
    latitude: Array
    longitude: Array
    people: Array

    def __len__(self) -> int:
        return len(self.name)

    def only(self, chosen: NDArray[np.intp]) -> Places:
        """The chosen places, in this order."""
        names, regions = (tuple(texts[i] for i in chosen.tolist()) for texts in (self.name, self.region))
        return Places(names, regions, self.latitude[chosen], self.longitude[chosen], self.people[chosen])

    def largest(self, count: int) -> Places:
        """The ``count`` places with most people, the largest first."""
        return self.only(np.argsort(-self.people, kind="stable")[:count])


def shipped_places() -> tuple[str, ...]:
    """Names of the files of places that come with perforin."""
    return tuple(sorted(path.stem for path in (LIBRARY / "places").glob("*.csv")))


def read_places(where: str | Path) -> Places:
    """Places of a CSV file, or of the library by name.

    Raises:
        UserError: no such file, missing columns, coordinates that are missing or not on the globe, a number of people
            that is negative, a place twice, nobody anywhere (file:line).
    """
    path = Path(where)
    if str(where) in shipped_places():
        path = LIBRARY / "places" / f"{where}.csv"
    if not path.is_file():
        raise UserError(f"found no file {where}; needed a CSV of places or one of {list(shipped_places())}"
                        f"{nearest(str(where), shipped_places())}")  # fmt: skip
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name != "region" and name not in (reader.fieldnames or ())]
        if missing:
            hint = nearest(missing[0], reader.fieldnames or ())
            raise UserError(f"found no columns {missing}; needed {list(COLUMNS)}{hint}", Location(str(path), 1))
        rows = [(reader.line_num, row) for row in reader]
    names = [row["place"] for _, row in rows]
    regions = [row.get("region") or "" for _, row in rows]
    _refuse_repeats(list(zip(regions, names, strict=True)), [line for line, _ in rows], path)
    latitude, longitude, people = (
        np.array([_number(row, name, limit, Location(str(path), line)) for line, row in rows], dtype=np.float64)
        for name, limit in (("latitude", (-90, 90)), ("longitude", (-180, 180)), ("people", (0, np.inf)))
    )
    if not people.sum():
        raise UserError("found nobody at any place; needed people above 0 somewhere", Location(str(path), 1))
    return Places(tuple(names), tuple(regions), latitude, longitude, people)


def _number(row: Mapping[str, str], name: str, limit: tuple[float, float], where: Location) -> float:
    text = (row.get(name) or "").strip()
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"found {row['place']!r} with the {name} {text!r}; needed a number", where) from None
    if not limit[0] <= value <= limit[1] or np.isinf(value):
        raise UserError(f"found {row['place']!r} with the {name} {value:g}; needed {limit[0]:g} to {limit[1]:g}", where)
    return value


def _refuse_repeats(keys: Sequence[tuple[str, str]], lines: Sequence[int], path: Path) -> None:
    seen: dict[tuple[str, str], int] = {}
    for key, line in zip(keys, lines, strict=True):
        if key in seen:
            where = Location(str(path), line)
            raise UserError(f"found {key[1]!r} twice, first on line {seen[key]}; needed it once in a region", where)
        seen[key] = line


@lru_cache(maxsize=1)
def travel_rows() -> tuple[Row, ...]:
    """The numbers of travel.csv."""
    return read_table(Path(__file__).with_name("travel.csv"))


def hours_between(from_: Places, to: Places, speed: float | None = None, detour: float | None = None) -> Array:
    """(from, to) hours by road: great circle (haversine) times a detour over a speed.

    Args:
        from_: where patients live.
        to: where they are treated.
        speed: [km/hour]; that of travel.csv if not given.
        detour: road over great circle; that of travel.csv if not given.

    Raises:
        UserError: a speed of 0 or less, or a detour below 1.
    """
    speed = choose(travel_rows(), "travel.speed").value if speed is None else speed
    detour = choose(travel_rows(), "travel.detour").value if detour is None else detour
    if not speed > 0 or not detour >= 1:
        raise UserError(f"found a speed of {speed:g} km/hour and a detour of {detour:g}; needed above 0 and at least 1")
    a, b = np.radians([from_.latitude, from_.longitude]), np.radians([to.latitude, to.longitude])
    north, east = ((a[i][:, None] - b[i][None, :]) / 2 for i in (0, 1))
    half_chord = np.sin(north) ** 2 + np.cos(a[0])[:, None] * np.cos(b[0])[None, :] * np.sin(east) ** 2
    kilometres = 2 * EARTH_RADIUS * np.arcsin(np.sqrt(np.minimum(half_chord, 1.0)))
    return np.asarray(kilometres * detour / speed, dtype=np.float64)

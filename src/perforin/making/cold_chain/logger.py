"""What a logger's temperatures did to the cells beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perforin.making.cold_chain.damage import GAS, arrhenius_straight, crossing_survival, freezing_survival
from perforin.making.cold_chain.deliver import Quality, quality
from perforin.making.cold_chain.frozen import KELVIN, Frozen
from perforin.making.cold_chain.readings import Readings, read_readings

__all__ = ["Excursion", "Logged", "score_logger"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Excursion:
    """A stretch above the glass transition: hours from the first reading, the warmest reading, lines of the file."""

    begin: float
    end: float
    warmest: float
    first_line: int
    last_line: int


@dataclass(frozen=True)
class Logged:
    """A logger's file, scored.

    ``hours_above`` by limit [degrees Celsius]; ``loss`` the Arrhenius exponent above the glass transition and
    ``survival`` the share that outlived it and the ``crossings``; ``kinetic`` the mean kinetic temperature of the time
    above [degrees Celsius], not a number if there was none; ``quality`` of the cells, were they thawed now (1,).
    """

    readings: Readings
    hours_above: dict[float, float]
    excursions: tuple[Excursion, ...]
    loss: float
    survival: float
    kinetic: float
    quality: Quality

    @property
    def crossings(self) -> int:
        """How often the glass transition was crossed upwards; a log that begins above counts as one."""
        return len(self.excursions)


def score_logger(path: str | Path, cells: Frozen) -> Logged:
    """Score a logger's file; between readings the temperature runs straight.

    Args:
        path: a CSV file (see ``read_readings``).
        cells: what travelled beside the logger; typical of their kind, frozen and thawed as usual.

    Raises:
        UserError: a file that cannot be read as temperatures over time, with its line.
    """
    readings = read_readings(path)
    glass = cells["glass.transition"]
    begin, end, hours = _above(readings, glass)
    heat = cells["glass.activation_energy"] / GAS
    reference = cells.kelvin("glass.reference")
    loss = cells["glass.loss_rate"] * float(arrhenius_straight(begin, end, hours, heat, reference).sum())
    excursions = _excursions(readings, glass)
    survival = float(np.exp(-loss) * crossing_survival(len(excursions), cells))
    survival *= float(freezing_survival(cells["freezing.cooling"], cells["thaw.warming"], cells))
    limits = {cells[name] for name in ("transport.limit", "receipt.limit", "glass.transition", "glass.reference")}
    return Logged(
        readings=readings,
        hours_above={limit: float(_above(readings, limit)[2].sum()) for limit in sorted(limits)},
        excursions=excursions, loss=loss, survival=survival, kinetic=_kinetic(begin, end, hours, cells),
        quality=quality(np.array([survival]), cells, lambda _: np.zeros(1)),
    )  # fmt: skip


def _above(readings: Readings, limit: float) -> tuple[Array, Array, Array]:
    """The parts of the straight pieces above a limit: temperatures at both ends [K], hours."""
    first, last, hours = readings.celsius[:-1], readings.celsius[1:], np.diff(readings.hours)
    warm = np.maximum(first, last) > limit
    first, last, hours = first[warm], last[warm], hours[warm]
    begin, end = np.maximum(first, limit), np.maximum(last, limit)
    change = np.where(first == last, 1.0, last - first)
    share = np.where(first == last, 1.0, (end - begin) / change)
    return begin + KELVIN, end + KELVIN, hours * share


def _excursions(readings: Readings, limit: float) -> tuple[Excursion, ...]:
    warm = np.concatenate([[False], readings.celsius > limit, [False]])
    starts, stops = np.flatnonzero(~warm[:-1] & warm[1:]), np.flatnonzero(warm[:-1] & ~warm[1:]) - 1
    return tuple(
        Excursion(_crossed(readings, i - 1, i, limit), _crossed(readings, j, j + 1, limit),
                  float(readings.celsius[i : j + 1].max()), int(readings.lines[i]), int(readings.lines[j]))
        for i, j in zip(starts.tolist(), stops.tolist(), strict=True)
    )  # fmt: skip


def _crossed(readings: Readings, before: int, after: int, limit: float) -> float:
    """When the straight line between two readings meets the limit; the log's own ends where there is no reading."""
    if before < 0:
        return float(readings.hours[0])
    if after == len(readings.hours):
        return float(readings.hours[-1])
    return float(np.interp(0.0, *_rising(readings.celsius[[before, after]] - limit, readings.hours[[before, after]])))


def _rising(x: Array, y: Array) -> tuple[Array, Array]:
    order = np.argsort(x)
    return x[order], y[order]


def _kinetic(begin: Array, end: Array, hours: Array, cells: Frozen) -> float:
    """The mean kinetic temperature (Haynes 1971, ICH Q1A): the one at which a reaction would run as far."""
    total = float(hours.sum())
    if total == 0:
        return float("nan")
    heat, warmest = cells["logger.heat"] / GAS, float(max(begin.max(), end.max()))
    # Relative to the warmest reading, so that the exponentials of cold ones do not vanish.
    mean = float(arrhenius_straight(begin, end, hours, heat, warmest).sum()) / total
    return heat / (heat / warmest - math.log(mean)) - KELVIN

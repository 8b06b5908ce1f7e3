"""What a visit shows: lesions on a scan, marrow, M-protein, the antigen and the healthy cells that share it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.patients.course import Course, interpolate
from perforin.streams import Streams
from perforin.trial.numbers import Numbers
from perforin.trial.plan import TrialPlan
from perforin.trial.rows import Rows, Writer
from perforin.trial.tumour import Tumour

__all__ = ["Lesions", "diameter", "lesions", "m_protein", "reading", "sphere", "visit_rows"]

Array = NDArray[np.float64]
MM_PER_CM = 10.0
HOURS = 24


def sphere(diameter_mm: float) -> float:
    """Volume [mL] of a sphere of the given diameter [mm]."""
    return math.pi / 6 * (diameter_mm / MM_PER_CM) ** 3


def diameter(volume: Array) -> Array:
    """Diameter [mm] of spheres of the given volumes [mL]."""
    return np.asarray(np.cbrt(volume * 6 / math.pi) * MM_PER_CM, dtype=np.float64)


def reading(name: str, spread: float, patients: NDArray[np.int64], days: tuple[float, ...], streams: Streams) -> Array:
    """(N, K) factors exp(spread z) of measurement error, by patient and day: a visit more changes none."""
    hours = np.array([round(day * HOURS) for day in days])
    luck = streams.normal(f"reading of {name}", np.repeat(patients, len(days)), np.tile(hours, len(patients)))
    return np.exp(spread * luck.reshape(len(patients), len(days)))


@dataclass(frozen=True)
class Lesions:
    """Target lesions of equal size: ``count`` (N,), ``diameter`` (N, K) [mm] as read, 0 where too small to see."""

    count: Array
    diameter: Array

    @property
    def sum_longest(self) -> Array:
        """(N, K) sum of longest diameters [mm], in proportion to the cube root of the volume."""
        return self.count[:, None] * self.diameter

    @property
    def sum_products(self) -> Array:
        """(N, K) sum of products of perpendicular diameters [cm^2], in proportion to the volume to the power 2/3."""
        return self.count[:, None] * (self.diameter / MM_PER_CM) ** 2


def lesions(volume: Array, baseline: Array, drawn: Array, error: Array, numbers: Numbers) -> Lesions:
    """Target lesions on scans.

    Args:
        volume: (N, K) tumour volume [mL].
        baseline: (N,) volume at baseline [mL]; each target lesion was measurable then, or there was only one.
        drawn: (N,) number of lesions a patient would have with room for all.
        error: (N, K) factors of measurement error of a diameter.
        numbers: of the observation.
    """
    room = np.floor(np.nan_to_num(baseline) / sphere(numbers["imaging.measurable_diameter"]))
    count = np.maximum(np.minimum(np.rint(drawn), room), 1)
    true = diameter(volume / count[:, None])
    return Lesions(count, np.where(true < numbers["imaging.visible_diameter"], 0.0, true * error))


def _new_lesion(course: Course, volume: Array, days: tuple[float, ...], rise: Array, smallest: float) -> Array:
    """(N, K) 1 where the volume, at least one measurable lesion, has risen from its nadir by the patient's factor."""
    nadir = np.fmin.accumulate(np.where(course.days >= 0, volume, np.inf), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shown = (volume >= rise[:, None] * nadir) & (volume >= smallest) & (course.days > 0)
    at = np.searchsorted(course.days, days, side="right") - 1
    return shown[:, np.maximum(at, 0)].astype(np.float64)


def m_protein(days: Array, cells: Array, baseline: Array, numbers: Numbers) -> Array:
    """M-protein that follows the living tumour with a lag.

    Made in proportion to (cells / cells on the first day) to a power and lost at a constant rate, solved exactly for
    production that is constant between days. The rate of loss is that of Singh 2021.

    Args:
        days: (D,) [day].
        cells: (N, D) living tumour cells.
        baseline: (N,) level on the first day, taken as steady [g/L].
        numbers: of the observation.

    Returns:
        (N, D) [g/L].
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        made = np.where(cells > 0, (cells / cells[:, :1]) ** numbers["m_protein.exponent"], 0.0)
    kept = np.exp(-numbers["m_protein.loss"] * np.diff(days))
    relative = np.ones_like(cells)
    for i, share in enumerate(kept):
        relative[:, i + 1] = relative[:, i] * share + made[:, i + 1] * (1 - share)
    return baseline[:, None] * relative


@dataclass(frozen=True)
class _Visits:
    course: Course
    tumour: Tumour
    plan: TrialPlan
    streams: Streams
    writer: Writer
    seen: NDArray[np.bool_]

    def error(self, name: str, spread: str) -> Array:
        return reading(name, self.plan.numbers[spread], self.course.patients, self.plan.visits, self.streams)

    def daily(self, parameter: str, values: Array, unit: str = "", limit: float = -np.inf) -> Rows:
        return self.writer.daily(parameter, self.plan.visits, values, unit, self.seen, limit)

    def at(self, values: Array) -> Array:
        return interpolate(self.course.days, values, self.plan.visits)

    def imaging(self) -> Iterator[Rows]:
        numbers, patients = self.plan.numbers, self.course.patients
        density = numbers.draw("imaging.cells_per_volume", patients, self.streams)
        volume = self.tumour.mass / density[:, None]
        at_visits, error = self.at(volume), self.error("a diameter", "imaging.error")
        drawn = numbers.draw("imaging.lesions", patients, self.streams)
        found = lesions(at_visits, at_visits[:, 0], drawn, error, numbers)
        rise = numbers.draw("imaging.new_lesion_rise", patients, self.streams)
        smallest = sphere(numbers["imaging.measurable_diameter"])
        yield self.daily("tumour_volume", at_visits * error**3, "mL")
        yield self.daily("sum_product_diameters", found.sum_products, "cm^2")
        yield self.daily("sum_longest_diameters", found.sum_longest, "mm")
        yield self.daily("longest_diameter", found.diameter, "mm")
        yield self.daily("new_lesion", _new_lesion(self.course, volume, self.plan.visits, rise, smallest))

    def marrow(self) -> Iterator[Rows]:
        numbers = self.plan.numbers
        normal = numbers.draw("marrow.normal_cells", self.course.patients, self.streams)[:, None]
        cells = self.at(self.tumour.living)
        odds = cells / normal * self.error("a marrow", "marrow.error")
        share = odds / (1 + odds)
        yield self.daily("marrow_blasts", share)
        yield self.daily("mrd", share, limit=numbers["marrow.mrd_limit"])

    def m_protein(self) -> Iterator[Rows]:
        numbers = self.plan.numbers
        baseline = numbers.draw("m_protein.baseline", self.course.patients, self.streams)
        level = self.at(m_protein(self.course.days, self.tumour.living, baseline, numbers))
        read = level * self.error("an M-protein", "m_protein.error")
        yield self.daily("m_protein", read, "g/L", numbers["m_protein.limit"])


def visit_rows(
    course: Course, tumour: Tumour, plan: TrialPlan, streams: Streams, writer: Writer, last: Array
) -> Iterator[Rows]:
    """Rows of every visit up to each patient's last day of follow-up.

    Args:
        course: what happened, (N,) patients.
        tumour: what of it is there to be seen.
        plan: visit days and criteria.
        streams: shared luck of readings and of the patients' lesions.
        writer: of the arm.
        last: (N,) last day of follow-up [day]; NaN for patients never infused, who have no visits.
    """
    seen = np.asarray(plan.visits)[None, :] <= np.nan_to_num(last, nan=-np.inf)[:, None]
    visits = _Visits(course, tumour, plan, streams, writer, seen)
    yield visits.daily("tumour_cells", visits.at(tumour.living), "cell")
    if plan.assesses("imaging"):
        yield from visits.imaging()
    if plan.assesses("marrow"):
        yield from visits.marrow()
    if plan.assesses("m_protein"):
        yield from visits.m_protein()
    with np.errstate(invalid="ignore", divide="ignore"):
        negative = np.where(tumour.living > 0, tumour.negative / tumour.living, np.nan)
    yield visits.daily("antigen_negative_fraction", visits.at(negative))
    yield visits.daily("healthy_fraction", course.at("healthy_fraction", plan.visits))

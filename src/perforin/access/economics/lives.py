"""The lives of simulated patients, counted from their records: time in each state, toxicity, products, what is left.

A microsimulation: each patient's own course decides. Whoever lives on at the end of follow-up is counted there, by
state and time, and goes on as ``remaining`` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.access.cost import cost_rows
from perforin.access.economics.discounting import discount, present_value
from perforin.access.economics.worth import FEATURES, central
from perforin.endpoints.arm import Arm, align
from perforin.endpoints.response import best_is_response
from perforin.endpoints.samples import Share
from perforin.endpoints.survival import DAYS_PER_YEAR, survival_times
from perforin.errors import UserError
from perforin.evidence.parameters import choose
from perforin.records import Records

__all__ = ["QUARTERS", "Lives", "count_lives"]

Array = NDArray[np.float64]

QUARTERS = 41
"""Quarter years at which those who live on are counted, each at the two beside them; the last holds all later ones."""
_RATES = ("relapses", "years_free", "deaths", "years_active", "responded")
_LEFT = tuple(f"{name}_{k}" for name in ("free", "active", "free_worth", "active_worth") for k in range(QUARTERS))
_COLUMNS = (*FEATURES, *_RATES, *_LEFT)


@dataclass(frozen=True)
class Lives:
    """Means over the ``n`` patients of every arm, and their uncertainty.

    ``mean`` (arms * columns,) and ``covariance`` of it, of the same patients in every arm, column by column and arm by
    arm. ``relapses`` in ``years_free`` count the second half of follow-up; ``deaths`` in ``years_active`` all of it.
    Those who live on count by state and quarter: as heads, and (``_worth``) discounted from infusion to enrolment.
    """

    arms: tuple[str, ...]
    n: int
    mean: Array
    covariance: Array

    def at(self, arm: str) -> dict[str, int]:
        """Place of each column of an arm."""
        begin = self.arms.index(arm) * len(_COLUMNS)
        return {name: begin + place for place, name in enumerate(_COLUMNS)}

    def of(self, arm: str, column: str) -> float:
        """A mean over the patients of an arm."""
        return float(self.mean[self.at(arm)[column]])


def count_lives(parts: Iterable[Records], own_cells: Mapping[str, bool], criteria: str, follow_up: float) -> Lives:
    """Count the lives of all patients, part by part: a patient's arms must lie in the same part.

    Args:
        parts: records of some patients each, all arms.
        own_cells: by arm, whether everybody's cells are collected.
        criteria: of response.
        follow_up: planned, from infusion [year].

    Raises:
        UserError: no patients, or arms with different ones.
    """
    arms, n = tuple(own_cells), 0
    total, products = np.zeros(len(arms) * len(_COLUMNS)), np.zeros((len(arms) * len(_COLUMNS),) * 2)
    for part in parts:
        blocks = []
        for name in arms:
            rows = part.table[part.table["arm"] == name]
            subjects, block = _arm(Records(rows), name, own_cells[name], criteria, follow_up)
            blocks.append((subjects, block))
        if any(not np.array_equal(blocks[0][0], other) for other, _ in blocks):
            blocks = _common(blocks)
        matrix = np.hstack([block for _, block in blocks])
        n += len(matrix)
        total += matrix.sum(axis=0)
        products += matrix.T @ matrix
    if n < 2:
        raise UserError(f"found {n} patients who are in every arm; needed 2 or more")
    mean = total / n
    return Lives(arms, n, mean, (products / n - np.outer(mean, mean)) / (n - 1))


def _common(blocks: list[tuple[NDArray[np.int64], Array]]) -> list[tuple[NDArray[np.int64], Array]]:
    """Patients whose equations failed in one arm are compared in none."""
    shared = blocks[0][0]
    for subjects, _ in blocks[1:]:
        shared = np.intersect1d(shared, subjects)
    return [(shared, block[np.isin(subjects, shared)]) for subjects, block in blocks]


def _arm(records: Records, name: str, own: bool, criteria: str, follow_up: float) -> tuple[NDArray[np.int64], Array]:
    """Subjects, and (n, columns) what is counted of each."""
    arm, rate = Arm(records, name, criteria), central("discount.rate")
    subjects = arm.enrolled
    out = {column: np.zeros(len(subjects)) for column in _COLUMNS}
    waited = _once(arm, "time_to_infusion", subjects) / DAYS_PER_YEAR
    infused = _once(arm, "infused", subjects) == 1
    death = arm.once("death")
    place, _ = align(subjects, death.subjects)
    end, died = death.day[place] / DAYS_PER_YEAR, death.value[place] == 1
    free_until, relapsed = _free(arm, subjects, infused, end, died)
    # Infused: days count from infusion; the others' from enrolment, and their disease is active all the time.
    begin = np.where(infused, waited, 0.0)
    last = begin + end
    turn = begin + free_until
    out["first_year"] = np.where(infused, present_value(begin, np.minimum(turn, begin + 1), rate), 0.0)
    out["later"] = np.where(infused, present_value(begin + 1, turn, rate), 0.0)
    out["active"] = np.where(infused, present_value(0, begin, rate), 0.0) + present_value(turn, last, rate)
    out["life_years"] = last
    out |= _toxicity(arm, subjects)
    out["infused"] = infused.astype(np.float64)
    out["apheresis"] = np.full(len(subjects), float(own))
    fees = choose(cost_rows(), "cost.apheresis").value * own
    care = choose(cost_rows(), "cost.post_infusion_care").value
    out["product"] = _once(arm, "cost", subjects) - fees - care * infused
    half = follow_up / 2
    out["relapses"] = (infused & relapsed & (free_until > half)).astype(np.float64)
    out["years_free"] = np.where(infused, np.maximum(free_until - half, 0.0), 0.0)
    active = ~infused | relapsed
    out["deaths"] = (active & died).astype(np.float64)
    out["years_active"] = np.where(active, end - free_until, 0.0)
    out["responded"] = _responded(arm, subjects)
    quarter, worth = np.minimum(end * 4, QUARTERS - 1), discount(begin, rate)
    for state, those in (("free", ~active & ~died), ("active", active & ~died)):
        for k in range(QUARTERS):
            near = np.where(those, np.maximum(1 - np.abs(quarter - k), 0.0), 0.0)
            out[f"{state}_{k}"], out[f"{state}_worth_{k}"] = near, near * worth
    return subjects, np.column_stack([out[column] for column in _COLUMNS])


def _once(arm: Arm, parameter: str, subjects: NDArray[np.int64]) -> Array:
    """(n,) a value of each subject; 0 where there is none."""
    if not arm.has(parameter):
        return np.zeros(len(subjects))
    found = arm.once(parameter)
    place, there = align(subjects, found.subjects)
    return np.asarray(np.where(there, found.value[place], 0.0), dtype=np.float64)


def _free(arm: Arm, subjects: NDArray[np.int64], infused: NDArray[np.bool_], end: Array,
          died: NDArray[np.bool_]) -> tuple[Array, NDArray[np.bool_]]:  # fmt: skip
    """(n,) years from infusion free of progression, and whether that ended while the patient lived on.

    Leukaemia that does not respond is active disease though it does not grow: it counts free of events (EFS).
    """
    if not infused.any():
        return np.zeros(len(subjects)), infused
    times = survival_times(arm, "EFS" if arm.criteria == "leukaemia" else "PFS")
    if times is None:
        raise UserError(f"found no visits in the records of the arm {arm.name!r}; needed them for progression")
    place, there = align(subjects, times.subjects)
    seen = there & infused
    event = seen & times.event[place]
    until = np.where(event, np.minimum(times.time[place] / DAYS_PER_YEAR, end), end)
    # On the last day itself an event is the death of those who died, and a progression of those who live on.
    return np.where(infused, until, 0.0), event & ((until < end) | ~died)


def _responded(arm: Arm, subjects: NDArray[np.int64]) -> Array:
    found = best_is_response(arm)
    if not isinstance(found, Share):
        return np.zeros(len(subjects))
    place, there = align(subjects, found.subjects)
    return np.asarray(there & found.hits[place], dtype=np.float64)


def _toxicity(arm: Arm, subjects: NDArray[np.int64]) -> dict[str, Array]:
    crs, icans = (_once(arm, f"{name}_max_grade", subjects) for name in ("crs", "icans"))
    severe = (crs >= 3).astype(int) + (icans >= 3)
    found = {"crs_1": crs == 1, "crs_2": crs == 2, "crs_3": crs >= 3, "icans_1": (icans > 0) & (icans < 3),
             "icans_3": icans >= 3, "severe_one": severe == 1, "severe_both": severe == 2}  # fmt: skip
    return {name: there.astype(np.float64) for name, there in found.items()}

"""How many lines where: plants opened at one of several sizes, with the queue before each priced into the choice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import LinearConstraint
from scipy.sparse import coo_array

from perforin.access.siting.solving import solve
from perforin.errors import UserError
from perforin.evidence.parameters import Row, choose, read_table

__all__ = ["CapacityPlan", "Sizes", "mean_queue", "plan_plants", "plant_rows", "shipped_sizes"]

Array = NDArray[np.float64]
TANGENTS = 24
"""Straight lines from below that stand for the curve of a queue against its load."""


@lru_cache(maxsize=1)
def plant_rows() -> tuple[Row, ...]:
    """The numbers of plants.csv."""
    return read_table(Path(__file__).with_name("plants.csv"))


@dataclass(frozen=True)
class Sizes:
    """Sizes in which a plant may be built: ``name``, ``lines`` and ``cost`` [USD/day], all (sizes,)."""

    name: tuple[str, ...]
    lines: Array
    cost: Array

    def __post_init__(self) -> None:
        if not len(self.name) == len(self.lines) == len(self.cost):
            raise UserError("found sizes of plants with columns of different lengths; needed one entry each")
        if (self.lines < 1).any() or (self.cost < 0).any() or (self.lines % 1).any():
            raise UserError("found a plant without lines, with part of one or of negative cost; needed 1, 2, ... lines")


def shipped_sizes() -> Sizes:
    """Small, medium and large plants of plants.csv, capital and running cost together."""
    names = ("small", "medium", "large")
    lines = [choose(plant_rows(), "plant.lines", [one]).value for one in names]
    cost = [sum(choose(plant_rows(), f"plant.{kind}", [one]).value for kind in ("capital", "running")) for one in names]
    return Sizes(names, np.array(lines), np.array(cost))


def mean_queue(arrivals: ArrayLike, lines: int, days: float, variability: float = 1.0) -> Array:
    """Patients who wait for a line, on average: Erlang's formula, times ``variability`` (Allen 1978, Cunneen).

    Args:
        arrivals: a day, any shape.
        lines: that work side by side.
        days: that a therapy holds a line.
        variability: (ca^2 + cs^2) / 2; 1 is exact for Poisson arrivals and exponential times.

    Returns:
        Patients in the queue; infinite where the lines cannot keep up.
    """
    load = np.asarray(arrivals, dtype=np.float64) * days
    blocked = np.ones_like(load)
    for busy in range(1, lines + 1):  # Erlang B by its recursion
        blocked = load * blocked / (busy + load * blocked)
    free = 1 - load / lines
    with np.errstate(divide="ignore", invalid="ignore"):
        waits = blocked / (free + (1 - free) * blocked)
        queue = variability * waits * (load / lines) / free
    return np.asarray(np.where(free > 0, queue, np.inf), dtype=np.float64)


@dataclass(frozen=True)
class CapacityPlan:
    """Which plants stand, how large, and what they do.

    ``size`` (plants,) index of the size, -1 for none; ``flow`` (sites, plants) therapies a day; ``load`` (plants,)
    share of the lines that work; ``wait`` (plants,) mean days before a line is free; ``cost`` USD per therapy by part
    (facilities, couriers, materials and quality control, waiting); ``gap`` relative, between the best found and the
    best possible.
    """

    size: NDArray[np.intp]
    flow: Array
    load: Array
    wait: Array
    cost: dict[str, float]
    gap: float


def plan_plants(demand: Array, courier: Array, sizes: Sizes, *, days: float, goods: float = 0.0,
                value_of_a_day: float = 0.0, variability: float = 1.0, fullest: float = 0.95,
                most: int | None = None, budget: float = np.inf) -> CapacityPlan:  # fmt: skip
    """The cheapest plants that make every therapy, a patient's day in the queue being worth something.

    The queue before a plant is a convex curve of its load (a clearing function): straight lines from below stand for it
    in a mixed integer programme. Without it a plan fills lines to the brim and pays in lost patients.

    Args:
        demand: (sites,) therapies a day.
        courier: (sites, plants) USD for a therapy's way there and back.
        sizes: in which a plant may be built.
        days: that a therapy holds a line.
        goods: materials and quality control [USD] of a therapy.
        value_of_a_day: USD of a day that a patient waits for a line; 0 prices no queue.
        variability: of arrivals and line times, see ``mean_queue``.
        fullest: share of its lines up to which a plant may be planned.
        most: at most so many plants.
        budget: facilities cost at most this [USD/day].

    Raises:
        UserError: negative numbers, or no plan does all of this (the message says which bound stands in the way).
    """
    if (demand < 0).any() or (courier < 0).any() or min(goods, value_of_a_day, variability, budget) < 0 or days <= 0:
        raise UserError("found negative demand, costs, days or budget; needed 0 or more, and days above 0")
    if not 0 < fullest < 1 or not demand.sum() > 0:
        raise UserError(f"found plants to be filled to {fullest:g} for {demand.sum():g} therapies a day; "
                        "needed a share between 0 and 1 and some therapies")  # fmt: skip
    problem = _Programme(demand, courier, sizes, days, value_of_a_day, variability, fullest)
    found = problem.solve(most, budget)
    if found is None:
        raise UserError(problem.what_binds(most, budget))
    return problem.plan(found, goods)


class _Programme:
    """Columns: opened (plants, sizes), flow (sites, plants), throughput and queue (plants, sizes)."""

    def __init__(self, demand: Array, courier: Array, sizes: Sizes, days: float, value_of_a_day: float,
                 variability: float, fullest: float) -> None:  # fmt: skip
        self.demand, self.courier, self.sizes, self.days = demand, courier, sizes, days
        self.value_of_a_day, self.variability, self.fullest = value_of_a_day, variability, fullest
        (sites, plants), kinds = courier.shape, len(sizes.name)
        starts = np.cumsum([0, plants * kinds, sites * plants, plants * kinds, plants * kinds])
        self.opened, self.flow, self.through, self.queue = (
            np.arange(a, b).reshape(shape)
            for a, b, shape in zip(starts, starts[1:], ((plants, kinds), (sites, plants), (plants, kinds),
                                                        (plants, kinds)), strict=False)
        )  # fmt: skip
        self.columns = int(starts[-1])
        self.most_through = fullest * sizes.lines / days
        self.cost = np.zeros(self.columns)
        self.cost[self.opened] = sizes.cost
        self.cost[self.flow] = courier
        self.cost[self.queue] = value_of_a_day
        self.rules = [*self._rules()]

    def _rules(self) -> list[LinearConstraint]:
        (plants, kinds), ones = self.opened.shape, np.ones
        made = [([*self.flow[i]], ones(plants), d, d) for i, d in enumerate(self.demand)]
        for m in range(plants):
            made.append(([*self.opened[m]], ones(kinds), 0, 1))
            both = np.concatenate([ones(kinds), -ones(len(self.demand))])
            made.append(([*self.through[m], *self.flow[:, m]], both, 0, 0))
            for k in range(kinds):
                through, opened = self.through[m, k], self.opened[m, k]
                made.append(([through, opened], np.array([1, -self.most_through[k]]), -np.inf, 0))
                for slope, start in self._tangents(k):
                    made.append(([self.queue[m, k], through, opened], np.array([1, -slope, -start]), 0, np.inf))
        return [self._matrix(made)]

    def _tangents(self, kind: int) -> list[tuple[float, float]]:
        """Slope and value at nought of lines that touch the queue of a size from below."""
        if not self.value_of_a_day:
            return []
        at = self.most_through[kind] * (1 - np.linspace(1, 0, TANGENTS) ** 2)
        step = 1e-6 * self.most_through[kind]
        lines = int(self.sizes.lines[kind])
        low, high = (mean_queue(np.maximum(at + d, 0), lines, self.days, self.variability) for d in (-step, step))
        slope = (high - low) / np.where(at > step, 2 * step, step)
        value = mean_queue(at, lines, self.days, self.variability)
        return list(zip(slope.tolist(), (value - slope * at).tolist(), strict=True))

    def _matrix(self, made: Sequence[tuple[Sequence[int], Array, float, float]]) -> LinearConstraint:
        rows = np.repeat(np.arange(len(made)), [len(columns) for columns, *_ in made])
        columns = np.concatenate([np.asarray(one[0]) for one in made])
        values = np.concatenate([one[1] for one in made])
        matrix = coo_array((values, (rows, columns)), shape=(len(made), self.columns))
        return LinearConstraint(matrix.tocsr(), [one[2] for one in made], [one[3] for one in made])

    def solve(self, most: int | None, budget: float, cost: Array | None = None) -> Any:
        """The result of HiGHS, or nothing where no plan does it."""
        rules = list(self.rules)
        opened = np.zeros(self.columns)
        opened[self.opened] = 1
        if most is not None:
            rules.append(LinearConstraint(opened, 0, most))
        if np.isfinite(budget):
            price = np.zeros(self.columns)
            price[self.opened] = self.sizes.cost
            rules.append(LinearConstraint(price, 0, budget))
        top = np.full(self.columns, np.inf)
        top[self.opened] = 1
        return solve(self.cost if cost is None else cost, rules, opened, np.zeros(self.columns), top, gap=1e-6)

    def what_binds(self, most: int | None, budget: float) -> str:
        """Which bound forbids a plan, and what it would have to be."""
        asked = f"{self.demand.sum():.4g} therapies a day, {self.fullest:.0%} full"
        facilities, number = np.zeros(self.columns), np.zeros(self.columns)
        facilities[self.opened], number[self.opened] = self.sizes.cost, 1
        if np.isfinite(budget) and (cheapest := self.solve(most, np.inf, facilities)) is not None:
            return f"found {budget:.4g} USD a day for plants; needed {cheapest.fun:.4g} for {asked}: the budget binds"
        if most is not None and (fewest := self.solve(None, np.inf, number)) is not None:
            return f"found at most {most} plants; needed {round(fewest.fun)} for {asked}: the number of plants binds"
        plants, largest = self.opened.shape[0], float(self.most_through.max())
        return (f"found room for {plants * largest:.4g} therapies a day in {plants} plants of the largest size; needed "
                f"{asked}: the candidates bind")  # fmt: skip

    def plan(self, found: Any, goods: float) -> CapacityPlan:
        """What a solution means, with the queues exact and not by their tangents."""
        opened = found.x[self.opened] > 0.5
        size = np.where(opened.any(axis=1), opened.argmax(axis=1), -1)
        flow = np.maximum(found.x[self.flow], 0.0)
        through = flow.sum(axis=0)
        load, wait = np.zeros(len(size)), np.zeros(len(size))
        for m in np.flatnonzero(size >= 0):
            lines = int(self.sizes.lines[size[m]])
            load[m] = through[m] * self.days / lines
            queue = float(mean_queue(through[m], lines, self.days, self.variability))
            wait[m] = queue / through[m] if through[m] > 0 else 0.0
        total = float(self.demand.sum())
        cost = {
            "facilities": float(self.sizes.cost[size[size >= 0]].sum()) / total,
            "couriers": float((flow * self.courier).sum()) / total,
            "materials and quality control": goods,
            "waiting": float(wait @ through) * self.value_of_a_day / total,
        }
        return CapacityPlan(size, flow, load, wait, cost, float(found.mip_gap or 0.0))

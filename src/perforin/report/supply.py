"""What happened between enrolment and infusion: who was lost and why, what lots arrived, and what that did."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perforin.making.batch import grow
from perforin.making.process import read_process
from perforin.records import exact_interval
from perforin.report.findings import Third
from perforin.report.tables import Cell, Table, plain
from perforin.report.wording import interval, number, percent
from perforin.scenario import Scenario
from perforin.streams import Streams

__all__ = ["batch_table", "doses_per_batch", "loss_table", "quality_table", "thirds"]

Array = NDArray[np.float64]

BATCHES = 500
"""Batches grown for the distribution of doses."""
FEWEST = 30
"""Infused patients below which thirds of them say nothing."""


def thirds(arm: str, quality: Any, responded: Any) -> tuple[Third, ...]:
    """Thirds of the infused by the quality of what they got; none where all lots are alike or patients are few.

    Args:
        arm: its name.
        quality: a mean of a value by subject, or None.
        responded: a share of the same subjects, or None.
    """
    if quality is None or responded is None or len(quality.values) < FEWEST or np.ptp(quality.values) == 0:
        return ()
    both, here, there = np.intersect1d(quality.subjects, responded.subjects, return_indices=True)
    value, hit = quality.values[here], responded.hits[there]
    order = np.argsort(value, kind="stable")
    parts = np.array_split(order, 3) if len(both) >= FEWEST else []
    return tuple(
        Third(arm, name, float(value[part].min()), float(value[part].max()), int(hit[part].sum()), len(part))
        for name, part in zip(("worst", "middle", "best"), parts, strict=False)
    )


def doses_per_batch(scenario: Scenario) -> dict[str, Array]:
    """Doses of batches of each arm's process, where it says how they grow (batches,)."""
    out = {}
    for arm in scenario.arms:
        for one in list(scenario.products(arm).values())[:1]:
            process = read_process(one.process, *scenario.library.process(one.process)) if one.process else None
            if process is not None and process.batch is not None and process.starting_material != "patient":
                out[arm] = grow(process, np.arange(BATCHES), Streams(scenario.seed)).doses.astype(np.float64)
    return out


def loss_table(losses: Mapping[str, Mapping[str, int]], enrolled: Mapping[str, int],
               labels: Mapping[str, str]) -> Table | None:  # fmt: skip
    """Reasons why enrolled patients were never infused, by arm; None where everybody was."""
    reasons = sorted({reason for counts in losses.values() for reason in counts},
                     key=lambda reason: -sum(counts.get(reason, 0) for counts in losses.values()))  # fmt: skip
    if not reasons:
        return None
    arms = [arm for arm in labels if arm in losses]

    def row(name: str, counts: Iterable[int]) -> list[str]:
        return [name, *[_share(count, enrolled[arm]) for count, arm in zip(counts, arms, strict=True)]]

    rows = [row(reason, [losses[arm].get(reason, 0) for arm in arms]) for reason in reasons]
    rows.append(row("never infused, in all", [sum(losses[arm].values()) for arm in arms]))
    return plain(["Of those enrolled", *[labels[arm] for arm in arms]], rows, range(1, len(arms) + 1))


def _share(count: int, n: int) -> str:
    low, high = exact_interval(count, n)
    return f"{count} of {n}: {percent(count / n)} ({interval(low, high, True)})" if n else "none enrolled"


def quality_table(found: Sequence[Third], labels: Mapping[str, str]) -> Table | None:
    """Responses by the quality of what arrived."""
    if not found:
        return None
    rows = []
    for one in found:
        named = Cell(labels.get(one.arm, one.arm)), Cell(f"{one.name} third")
        rows.append((*named, Cell(f"{number(one.low)} to {number(one.high)}"), Cell(_share(one.responders, one.n))))
    heads = ("Arm", "Lots", "Living cells over the planned dose, times killing function", "Best response, any")
    return Table(heads, tuple(rows), frozenset({2, 3}))


def batch_table(doses: Mapping[str, Array], labels: Mapping[str, str]) -> Table | None:
    """Doses of a batch: median, the middle nine in ten, and how many batches give none."""
    if not doses:
        return None
    rows = []
    for arm, values in doses.items():
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95]).tolist()
        none = float((values == 0).mean())
        middle = math.floor(middle)
        rows.append([labels.get(arm, arm), f"{middle:,.0f} ({low:,.0f} to {high:,.0f})", percent(none)])
    return plain(["Arm", "Doses of a batch (nine in ten)", "Batches without a dose"], rows, range(1, 3))

"""What many batches say about a process: medians, ranges, failures by reason, and what published batches gave."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from perforin.making.batch.batches import Batches
from perforin.making.batch.growing import donor_share
from perforin.making.process import Process
from perforin.making.steps import critical_path
from perforin.streams import Streams

__all__ = ["SPREAD", "spread", "summarise"]

SPREAD = (0.5, 0.05, 0.95)
"""Median, and the range of nine batches in ten."""


def spread(values: NDArray[Any]) -> dict[str, float]:
    """Median, 5 % and 95 % quantile, each a value that was seen."""
    median, low, high = np.quantile(np.asarray(values, dtype=np.float64), SPREAD, method="inverted_cdf")
    return {"median": float(median), "low": float(low), "high": float(high)}


def summarise(process: Process, batches: Batches, streams: Streams) -> dict[str, Any]:
    """Plain data for a table, a page or a machine: all batches count, those that failed with no doses.

    Raises:
        UserError: a process that does not say how a batch is made.
    """
    assert process.batch is not None
    n, share = len(batches), process.batch.material.share
    steps = [
        {
            "name": step.name, "after": list(step.after), "days": step.duration.value,
            "yield": step.recovered.value if step.recovered else None,
            "failure": step.failure.value if step.failure else None,
            "cost": step.cost.value if step.cost else None,
            "stored": step.stored, "critical": step.name in critical_path(process.steps),
            "made_to_stock": step in process.batch_steps, "waited_for": step in process.order_steps,
        }
        for step in process.steps
    ]  # fmt: skip
    return {
        "process": process.name,
        "label": process.label,
        "starting_material": process.starting_material,
        "steps": steps,
        "wait": process.typical_wait,
        "share": {"median": share.value, "low": share.low, "high": share.high},
        "batches": n,
        "planned_dose": float(batches.planned_dose[0]),
        "doses": spread(batches.doses),
        "doses_mean": float(batches.doses.mean()),
        "doses_worth": spread(batches.cells_filled / batches.planned_dose),
        "short": float(np.mean(batches.cells_filled < batches.planned_dose)),
        "days": spread(batches.days),
        "cells_started": spread(batches.cells_started),
        "cells_harvested": spread(batches.cells_harvested),
        "fold": spread(batches.fold),
        "doublings": spread(batches.doublings),
        "car_fraction": spread(batches.car_fraction),
        "vector_copies": spread(batches.vector_copies),
        "viability": spread(batches.viability),
        "residual_t_cells": spread(batches.residual_t_cells),
        "failed": float(np.mean(batches.failed != "")),
        "reasons": {reason: count / n for reason, count in batches.reasons.items()},
        "donor_share_of_variance": donor_share(process, streams) if process.batch.history is None else None,
        "published": [
            {"what": one.what, "value": one.number.value, "low": one.number.low, "high": one.number.high,
             "source": one.number.source, "note": one.number.note}
            for one in process.batch.published
        ],
    }  # fmt: skip

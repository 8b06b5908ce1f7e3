"""A made-up arm: smooth courses with known peaks, so that what a trial should see can be worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from perforin.making.lot import LOST, Lots
from perforin.patients.course import Course

DAYS = np.arange(0.0, 731.0)


def rows(values: Any, n: int) -> np.ndarray:
    """(n, D) from a number or one row."""
    return np.broadcast_to(np.asarray(values, dtype=float), (n, len(DAYS))).copy()


def pulse(peak: float, day: float, width: float) -> np.ndarray:
    """A bell of the given peak, day and width."""
    return peak * np.exp(-0.5 * ((DAYS - day) / width) ** 2)


def course(n: int = 200, **changed: Any) -> Course:
    """A course without any toxicity or tumour, but for what is changed."""
    never = np.full(n, np.inf)
    observables = {
        "tumour_burden": 0.0, "tumour_negative": 0.0, "dying_cells": 0.0, "product_blood": 0.0, "il6": 1.0,
        "ifn_gamma": 1.0, "il15": 5.0, "endothelial_injury": 0.0, "graft_injury": 0.0, "healthy_fraction": 1.0,
        "neutrophils": 4000.0,
    }  # fmt: skip
    columns: dict[str, Any] = {
        "patients": np.arange(n), "days": DAYS, "infused": np.ones(n, bool), "status": np.zeros(n, np.int8),
        "extinct_day": never, "positive_extinct_day": never, "negative_extinct_day": never, "wait": np.full(n, 20.0),
        "cost": np.full(n, 1000.0),
    }  # fmt: skip
    columns |= {name: changed.pop(name) for name in list(changed) if name in columns}
    observables |= changed
    made = {name: rows(values, n) for name, values in observables.items()}
    return Course(observables=made, covariates=pd.DataFrame({"age": np.full(n, 60.0)}), **columns)


def lots(of: Course, reason: str = LOST) -> Lots:
    """What arrived for the patients of a course."""
    reasons = np.where(of.infused, "", reason).astype(str)
    return Lots(of.patients, of.wait, of.infused, reasons, np.where(of.infused, 0.8, 0.0), of.cost)

"""Blood samples: the product by transgene and by flow cytometry, and cytokines, with each assay's limit and error."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from perforin.patients.course import Course
from perforin.streams import Streams
from perforin.trial.numbers import Numbers
from perforin.trial.plan import TrialPlan
from perforin.trial.rows import Rows, Writer
from perforin.trial.visits import reading

__all__ = ["sampling_rows", "transgene"]

Array = NDArray[np.float64]
UL_PER_L = 1e6
CYTOKINES = ("il6", "ifn_gamma", "il15")


def transgene(cells: Array, numbers: Numbers) -> Array:
    """Transgene copies per microgram of DNA [copy/ug] for product cells in blood [cell/uL] (Singh 2021)."""
    return cells * UL_PER_L * numbers["kinetics.copies_per_cell_per_litre"]


def sampling_rows(
    course: Course, plan: TrialPlan, streams: Streams, writer: Writer, last: Array
) -> Iterator[Rows]:
    """Rows of every sample up to each patient's last day of follow-up.

    Args:
        course: what happened, (N,) patients.
        plan: sampling days.
        streams: shared luck of the assays.
        writer: of the arm.
        last: (N,) last day of follow-up [day]; NaN for patients never infused, who are not sampled.
    """
    numbers, days = plan.numbers, plan.samples
    seen = np.asarray(days)[None, :] <= np.nan_to_num(last, nan=-np.inf)[:, None]

    def error(name: str, spread: str) -> Array:
        return reading(name, numbers[spread], course.patients, days, streams)

    cells = course.at("product_blood", days)
    copies = transgene(cells, numbers) * error("transgene", "kinetics.error")
    counted = cells * error("product cells", "kinetics.cell_error")
    yield writer.daily("transgene_copies", days, copies, "copy/ug", seen, numbers["kinetics.limit"])
    yield writer.daily("product_cells", days, counted, "cell/uL", seen, numbers["kinetics.cell_limit"])
    for name in CYTOKINES:
        level = course.at(name, days) * error(name, "cytokine.error")
        yield writer.daily(name, days, level, "pg/mL", seen)

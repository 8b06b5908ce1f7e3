"""From a study to findings: the only file of the report that knows scenario, endpoints and evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perforin.records import Records

if TYPE_CHECKING:
    from perforin.report.findings import Findings

__all__ = ["gather", "grades", "relapses", "transgene", "waits"]

GRADES = {"CRS": "crs_max_grade", "ICANS": "icans_max_grade", "GvHD": "gvhd_max_grade"}
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def waits(records: Records) -> dict[str, NDArray[np.float64]]:
    """Days from enrolment to infusion of the infused, by arm."""
    rows = records.of("time_to_infusion")
    return {arm: rows[(rows["arm"] == arm) & ~rows["censored"]]["value"].to_numpy(dtype=float) for arm in records.arms}


def enrolled(records: Records) -> dict[str, int]:
    """Patients enrolled, by arm."""
    rows = records.of("enrolled")
    return {arm: int((rows["arm"] == arm).sum()) for arm in records.arms}


def grades(records: Records) -> dict[str, dict[str, tuple[int, ...]]]:
    """Patients at each highest grade 0 to 5, by toxicity and arm; a toxicity that was not recorded is left out."""
    out: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, parameter in GRADES.items():
        rows = records.of(parameter)
        if len(rows):
            out[name] = {
                str(arm): tuple(int((part["value"] == grade).sum()) for grade in range(6))
                for arm, part in rows.groupby("arm", sort=False)
            }
    return out


def relapses(records: Records) -> dict[str, tuple[int, int]]:
    """Relapses after response, (antigen-positive, antigen-negative), by arm."""
    rows = records.of("relapse_antigen")
    return {
        arm: (
            int(((rows["arm"] == arm) & (rows["value"] == 0)).sum()),
            int(((rows["arm"] == arm) & (rows["value"] == 1)).sum()),
        )
        for arm in records.arms
    }


def transgene(records: Records) -> tuple[pd.DataFrame, float | None, str]:
    """Quantiles over patients of the measured transgene by day, the assay's limit, and the unit.

    A value below the limit is held at the limit, so a lower quantile that lies on the line is "at most the limit".
    """
    rows = records.of("transgene_copies")
    if not len(rows):
        return pd.DataFrame(), None, ""
    table = rows.groupby(["arm", "day"], sort=False)["value"].quantile(list(QUANTILES.values())).unstack()
    table.columns = pd.Index(list(QUANTILES))
    below = rows[rows["censored"]]["value"]
    return table.reset_index(), (float(below.max()) if len(below) else None), str(rows["unit"].iloc[0])

"""How many of those enrolled have been infused by a day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from perforin.errors import UserError
from perforin.records import Records, exact_interval

__all__ = ["share_infused"]


def share_infused(records: Records, days: Sequence[float]) -> pd.DataFrame:
    """Share of the enrolled patients infused by each day, per arm.

    Loss before infusion competes with infusion and is no censoring: the lost stay in the denominator.

    Args:
        records: with ``time_to_infusion`` [day], one row per enrolled subject, censored where never infused.
        days: days from enrolment.

    Returns:
        Columns arm, day, share, low, high (Clopper-Pearson, 95 %), n.

    Raises:
        UserError: no waiting times, or a subject twice in an arm.
    """
    waits = records.of("time_to_infusion")
    if waits.empty:
        raise UserError("found no records of 'time_to_infusion'; needed one row per enrolled subject")
    if waits.duplicated(["arm", "subject"]).any():
        raise UserError("found a subject with several records of 'time_to_infusion'; needed one row per subject")
    lines = []
    for arm, rows in waits.groupby("arm", sort=False):
        infused_on = np.where(rows["censored"], np.inf, rows["value"])
        for day in days:
            count = int((infused_on <= day).sum())
            low, high = exact_interval(count, len(rows))
            lines.append((arm, float(day), count / len(rows), low, high, len(rows)))
    return pd.DataFrame(lines, columns=["arm", "day", "share", "low", "high", "n"])

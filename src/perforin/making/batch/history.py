"""A user's table of historical batches in place of the model of growth: batches are drawn from its rows by luck."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perforin.errors import Location, UserError, nearest
from perforin.streams import Streams

__all__ = ["COLUMNS", "bootstrap", "read_history"]

COLUMNS = ("donor", "days", "cells_started", "cells_harvested", "car_fraction", "vector_copies", "viability",
           "residual_t_cells", "residual_feeder", "doublings")  # fmt: skip
"""Columns of a table; all but ``NEEDED`` may be left out. ``residual_t_cells`` counts those of the whole harvest."""
NEEDED = ("days", "cells_started", "cells_harvested", "car_fraction", "viability")
_SHARES = ("car_fraction", "viability")


def read_history(path: Path) -> pd.DataFrame:
    """The table, one historical batch a row.

    Raises:
        UserError: no such file, a column that is missing or unknown, no rows, a cell that is no number, is negative,
            or is a share above 1 (file:line).
    """
    try:
        table = pd.read_csv(path, skipinitialspace=True)
    except (OSError, ValueError) as problem:
        raise UserError(f"found a table of batches that cannot be read, {path} ({problem}); needed a CSV") from None
    where = Location(str(path), 1)
    for stray in table.columns.difference(list(COLUMNS)):
        hint = nearest(str(stray), COLUMNS)
        raise UserError(f"found the column {stray!r}; needed one of {list(COLUMNS)}{hint}", where)
    for missing in [name for name in NEEDED if name not in table.columns]:
        raise UserError(f"found no column {missing!r}; needed {list(NEEDED)}", where)
    if table.empty:
        raise UserError("found a table without batches; needed at least one row", where)
    numbers: pd.DataFrame = table.apply(pd.to_numeric, errors="coerce")
    for name in numbers.columns:
        column = numbers[name].to_numpy(dtype=np.float64)
        most = 1.0 if name in _SHARES else np.inf
        least = np.nextafter(0, 1) if name in ("cells_started", "cells_harvested", "car_fraction") else 0.0
        for row in np.flatnonzero(~(np.isfinite(column) & (column >= least) & (column <= most))):
            needed = "a share from 0 to 1" if most == 1 else "a number above 0" if least else "a number, 0 or more"
            found = f"{name}: found {str(table[name].iloc[row])!r}"
            raise UserError(f"{found}; needed {needed}", Location(str(path), int(row) + 2))
    return numbers


def bootstrap(path: Path, batches: NDArray[np.int64], streams: Streams) -> dict[str, Any]:
    """Columns of drawn batches (n,), with replacement; purpose "historical batch".

    Raises:
        UserError: see ``read_history``.
    """
    table = read_history(path)
    row = np.floor(streams.uniform("historical batch", batches) * len(table)).astype(np.int64)
    drawn = {name: table[name].to_numpy(dtype=np.float64)[row] for name in table.columns}
    fold = drawn["cells_harvested"] / drawn["cells_started"]
    usual = {
        "donor": row, "vector_copies": np.ones(len(row)), "residual_t_cells": np.zeros(len(row)),
        "residual_feeder": np.zeros(len(row)), "doublings": np.maximum(0.0, np.log2(fold)),
    }  # fmt: skip
    drawn = usual | drawn
    drawn["contaminant"] = drawn.pop("residual_t_cells")
    drawn["donor"] = drawn["donor"].astype(np.int64)
    return drawn

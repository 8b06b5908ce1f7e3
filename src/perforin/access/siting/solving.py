"""HiGHS through SciPy, silent: some of its messages pass by every option and would stand in a program's output."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from perforin.errors import ComputeError

__all__ = ["solve"]

INFEASIBLE = 2
_ONE_AT_A_TIME = threading.Lock()


def solve(cost: NDArray[np.float64], rules: Sequence[LinearConstraint], whole: NDArray[np.float64],
          low: NDArray[np.float64], high: NDArray[np.float64], gap: float = 1e-9) -> Any:  # fmt: skip
    """The cheapest point, or None where no point keeps the rules.

    Args:
        cost: (columns,).
        rules: linear, on all columns.
        whole: (columns,) 1 where a value must be whole.
        low: (columns,).
        high: (columns,).
        gap: relative, between the best found and the best possible, at which the search may end.

    Raises:
        ComputeError: HiGHS gives up.
    """
    with _ONE_AT_A_TIME, _silence():
        found = milp(cost, constraints=rules, integrality=whole, bounds=Bounds(low, high), options={"mip_rel_gap": gap})
    if found.x is None and found.status != INFEASIBLE:
        raise ComputeError(f"HiGHS found no solution: {found.message}")
    return None if found.x is None else found


@contextmanager
def _silence() -> Iterator[None]:
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)

"""What a derivative costs: every parameter of one patient over a year, kept like the other results.

The error is that of derivatives at the default tolerance beside those at ``TIGHT``, as tests/external/test_gradients.py
defines it (there, beside another solver): the largest over days and states, the median over parameters.
"""

from __future__ import annotations

import statistics
import sys
import time
from importlib.metadata import version

import numpy as np
import results
from numpy.typing import NDArray
from problems import SCENARIO, Model, model
from results import OURS
from scoring import rounded

from perforin.kernels.build import Doses, build
from perforin.kernels.sensitivity import Sensitivities, derivatives

MODELS = ("reference", f"{SCENARIO}/car_nk", f"{SCENARIO}/car_t")
REPEATS = 3
TIGHT = 1e-10
DAYS = (7.0, 28.0, 90.0, 360.0)


def once(one: Model, rtol: float | None = None) -> Sensitivities:
    """Derivatives of every state by every parameter; starts and doses are those of the patient."""
    kernel, doses = build(one.network, one.network.state_names, backend="compiled"), one.doses

    def given(_: NDArray[np.float64], who: NDArray[np.int64]) -> tuple[NDArray[np.float64], Doses]:
        return one.start[who], Doses(doses.when[who], doses.state, doses.keep, doses.add[who])

    accuracy = {} if rtol is None else {"rtol": rtol}
    return derivatives(kernel, one.parameters, given, np.array(DAYS), begin=one.begin, **accuracy)


def error(one: Model) -> float:
    """Median over parameters."""
    found, expected = once(one).values, once(one, TIGHT).values
    by = np.where(one.parameters == 0, 1.0, np.abs(one.parameters))[:, None, None, :]
    size = np.abs(expected * by)
    scale = size + 1e-3 * size.max(axis=(1, 3), keepdims=True) + 100 * one.network.absolute_tolerances[:, None]
    return float(np.median((np.abs(found - expected) * by / scale).max(axis=(0, 1, 2))))


def row(name: str) -> dict[str, object]:
    """CPU milliseconds per parameter and patient-year, the median of ``REPEATS``, as a row of the results."""
    one, times = model(name, 1), []
    mistake = error(one)
    for _ in range(REPEATS):
        since = time.process_time()
        once(one)
        times.append((time.process_time() - since) * 1e3)
    units = len(one.network.parameters) * (DAYS[-1] - one.begin) / 365.25
    return {
        "bench": f"{name}/gradient", "tool": OURS, "version": version(OURS),
        "unit_of_work": "parameter and patient-year", "ms_per_unit": rounded(statistics.median(times) / units),
        "median_error": rounded(mistake, 2), "ratio_to_perforin": 1.0, "ratio_low": 1.0, "ratio_high": 1.0,
    }  # fmt: skip


def main(words: list[str]) -> int:
    """Measure and print; with --keep also write the results and the README's table."""
    rows = [row(name) for name in MODELS]
    for one in rows:
        print(f"{one['bench']}: {one['ms_per_unit']} ms, median error {one['median_error']}")
    if "--keep" in words:
        results.write(results.LATEST, rows)
        results.write_table()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

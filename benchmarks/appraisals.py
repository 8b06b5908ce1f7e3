"""A probabilistic analysis of two arms: perforin's, beside a script that takes one draw after the other.

Both cut the same curves into 480 months and add up; the script is given the draws of the curves, so that it finds the
same time free of progression, or the bench stops. It does one arm, and neither costs nor decisions.
"""

from __future__ import annotations

import statistics
import time
from importlib.metadata import version

import numpy as np
from measuring import Tell
from numpy.typing import NDArray
from registry import Bench
from results import OURS
from scoring import Row, rounded

from perforin.access.economics.appraisal import read_appraisal
from perforin.access.economics.decisions import acceptability, expected_value_of_perfect_information
from perforin.access.economics.partitioned import Appraised, appraise
from perforin.access.economics.survival import Fit
from perforin.errors import ComputeError
from perforin.streams import Streams

__all__ = ["one_by_one", "raced_appraisals"]

Array = NDArray[np.float64]

APPRAISAL, WORTH, SLOWER = "lymphoma_vein_to_vein", 150_000, 20
"""What is appraised, USD for a year in full health, and on how many times fewer draws the script is timed."""
SCRIPT = "NumPy, draw by draw"


def one_by_one(found: Appraised, count: int) -> Array:
    """(count,) months free of progression of the infused of the first arm, by a loop over draws."""
    name, side = next(iter(found.sides.items()))
    years = np.linspace(0, 40, 481)
    draws = [fit.draws(f"{name} survival", count, Streams(1)) for fit in (side.overall, side.progression_free)]
    months = np.empty(count)
    for i in range(count):
        alive, free = (_curve(fit, own[i], years) for fit, own in zip((side.overall, side.progression_free), draws,
                                                                       strict=True))  # fmt: skip
        months[i] = np.minimum(alive, free).sum()
    return months


def _curve(fit: Fit, own: Array, years: Array) -> Array:
    cured, scale, shape = 1 / (1 + np.exp(-own[0])), np.exp(own[1]), np.exp(own[2])
    known = np.exp(-fit.background.hazard * np.expm1(fit.background.slope * years) / fit.background.slope)
    return np.asarray(known * (cured + (1 - cured) * np.exp(-((years / scale) ** shape))))


def raced_appraisals(bench: Bench, repeats: int, tell: Tell) -> tuple[list[Row], dict[str, str]]:
    """Rows of both, taken in turn.

    Raises:
        ComputeError: they do not find the same years.
    """
    appraisal, times = read_appraisal(APPRAISAL), dict[str, list[float]]()
    part = bench.patients // SLOWER
    small = appraise(appraisal, part, Streams(1))
    mine = small.draws.parameters[f"{small.draws.arms[0]}: time free of progression"]
    theirs = one_by_one(small, part)
    if not np.allclose(mine, theirs, rtol=1e-9):
        raise ComputeError("the script and perforin do not find the same years")
    arms = len(appraisal.arms)
    for repeat in range(repeats):
        tell(f"{bench.name}: repeat {repeat + 1} of {repeats}")
        since = time.process_time()
        found = appraise(appraisal, bench.patients, Streams(1)).draws
        acceptability(found, np.linspace(0, 3 * WORTH, 41))
        expected_value_of_perfect_information(found, WORTH)
        times.setdefault(OURS, []).append((time.process_time() - since) * 1e3 / bench.patients / arms)
        since = time.process_time()
        one_by_one(small, part)
        times.setdefault(SCRIPT, []).append((time.process_time() - since) * 1e3 / part)
    rows = []
    for tool, each in times.items():
        beside = [one / ours for one, ours in zip(each, times[OURS], strict=True)]
        three = map(rounded, (statistics.median(beside), min(beside), max(beside)))
        release = version(OURS if tool == OURS else "numpy")
        rows.append(Row(bench.name, tool, release, bench.unit, rounded(statistics.median(each)), None, *three))
    return rows, {}

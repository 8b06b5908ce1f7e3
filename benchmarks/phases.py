"""What surrounds solving: composing, reducing, writing, the whole pipeline and the start of the command."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from problems import SCENARIO, model, scenario
from registry import Bench, Phase

from perforin import study
from perforin.kernels.build import build
from perforin.kernels.reductions import Reduction
from perforin.prepared import make_ready
from perforin.runs import RunFolder
from perforin.scenario import read_scenario

__all__ = ["PHASES"]

KINDS = ("peak", "peak_day", "nadir", "area")
"""Found for every state where reducing is measured."""

Once = Callable[[], float]
"""Milliseconds per unit of doing it once."""


def _cpu(work: Callable[[], object], units: float = 1.0) -> float:
    since = time.process_time()
    work()
    return (time.process_time() - since) * 1e3 / units


def composing(bench: Bench) -> Once:
    """Nouns, wiring, units and rows of one arm, composed anew."""
    arm = bench.model.rpartition("/")[2]
    return lambda: _cpu(lambda: read_scenario(SCENARIO).model(arm))


def reducing(bench: Bench) -> Once:
    """Solving at the default tolerance for numbers of every state, no trajectory kept."""
    one = model(bench.model, bench.patients)
    kernel = build(one.network, one.network.state_names, backend="compiled")
    wanted = [Reduction(kind, state) for state in one.network.state_names for kind in KINDS]
    units = bench.patients * one.years

    def once() -> float:
        return _cpu(lambda: kernel.run(one.parameters, one.start, one.doses, one.days[-1:], begin=one.begin,
                                       reductions=wanted), units)  # fmt: skip

    once()
    return once


def writing(bench: Bench) -> Once:
    """Records of all arms to Parquet."""
    ready = make_ready(scenario())
    records = study.simulate(ready, np.arange(bench.patients), courses=False)["records"]
    units = bench.patients * len(ready.arms)

    def once() -> float:
        with tempfile.TemporaryDirectory() as folder:
            return _cpu(lambda: RunFolder.at(Path(folder)).write_table("records.parquet", records), units)

    return once


def simulating(bench: Bench) -> Once:
    """Everything from enrolment to records, all arms."""
    ready = make_ready(scenario())
    return lambda: _cpu(lambda: study.simulate(ready, np.arange(bench.patients)), bench.patients * len(ready.arms))


def helping(_: Bench) -> Once:
    """A new process that prints the help."""
    line = [sys.executable, "-c", "from perforin.command import main; main()", "--help"]

    def once() -> float:
        since = time.perf_counter()
        subprocess.run(line, capture_output=True, check=True)
        return (time.perf_counter() - since) * 1e3

    return once


PHASES: dict[Phase, Callable[[Bench], Once]] = {
    "compose": composing, "reduce": reducing, "write": writing, "simulate": simulating, "help": helping,
}  # fmt: skip

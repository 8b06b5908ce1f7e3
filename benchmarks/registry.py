"""What is measured: each entry says what it does, in which unit, and how to do it once."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from perforin import study
from perforin.kernels.build import build
from perforin.prepared import Ready, make_ready
from perforin.scenario import Scenario, read_scenario

SCENARIO = "cd19_lbcl_head_to_head"


@dataclass(frozen=True)
class BenchSpec:
    """One measurement; ``repeat`` times, of which the best counts."""

    name: str
    unit: str
    once: Callable[[], float]
    repeat: int = 3


def seconds(work: Callable[[], object]) -> float:
    """How long it takes to do some work."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@cache
def scenario() -> Scenario:
    """The question that is measured."""
    return read_scenario(SCENARIO)


@cache
def ready() -> Ready:
    """Its models and kernels."""
    return make_ready(scenario())


def show_help() -> float:
    """A new process that prints the help."""
    line = [sys.executable, "-c", "from perforin.command import main; main()", "--help"]
    return seconds(lambda: subprocess.run(line, capture_output=True, check=False))


def compose() -> float:
    """Nouns, wiring, units and rows of one arm, composed again."""
    arm = next(iter(scenario().arms))
    return seconds(lambda: read_scenario(SCENARIO).model(arm))


def compile_kernel() -> float:
    """C of one arm's network written and compiled, nothing cached."""
    network = ready().arms[0].model.network
    with tempfile.TemporaryDirectory() as empty:
        return seconds(lambda: build(network, backend="compiled", cache=empty))


def simulate() -> float:
    """Patients a second and core, all arms and everything from enrolment to records."""
    patients = 250
    took = seconds(lambda: study.simulate(ready(), np.arange(patients)))
    return patients * len(ready().arms) / took


BENCHES = (
    BenchSpec("help", "s", show_help),
    BenchSpec("compose", "s", compose),
    BenchSpec("compile", "s", compile_kernel, repeat=1),
    BenchSpec("simulate", "patients/s", simulate),
)

"""What is measured: models, phases and tolerances; and with which tools. Nothing else decides it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import rivals
from problems import SCENARIO
from tools.problem import LeftOut

__all__ = ["BENCHES", "TOOLS", "TRUTH", "Bench", "Phase", "Tool"]

Phase = Literal["compose", "compile", "solve", "reduce", "write", "simulate", "help", "orders", "psa"]

OURS = (3e-3, 1e-3, 3e-4, 1e-4, 5e-5, 2e-5, 1e-5, 3e-6, 1e-6, 1e-7, 1e-8)
THEIRS = (1e-4, 1e-5, 1e-6, 3e-7, 1e-7, 1e-8)
"""Relative tolerances; perforin's are dense, for its time is read off between them at the error of each other tool."""


@dataclass(frozen=True)
class Bench:
    """One measurement: a phase of a model, in so many patients."""

    model: str
    phase: Phase
    unit: str
    patients: int = 1

    @property
    def name(self) -> str:
        """As in the results."""
        return self.model if self.phase in ("orders", "psa") else f"{self.model}/{self.phase}"


@dataclass(frozen=True)
class Tool:
    """Something that solves: its name, the module in ``tools/``, tolerances, and what must be installed for it.

    ``variable`` names the environment variable that holds a path to the tool where a user must have installed it.
    """

    name: str
    module: str
    packages: tuple[str, ...] = ()
    variable: str = ""
    sweep: tuple[float, ...] = THEIRS

    def python(self, tell: Callable[[str], None]) -> Path:
        """The Python that runs its worker, its packages installed.

        Raises:
            LeftOut: a package cannot be installed, or no path was given.
        """
        if self.variable and not os.environ.get(self.variable):
            raise LeftOut(f"not asked for: set {self.variable} to {_PATHS[self.variable]}")
        if self.variable == "PERFORIN_BENCH_AMICI":
            return Path(os.environ[self.variable])
        if self.packages and (reason := rivals.install(self.packages, tell)):
            raise LeftOut(reason)
        return rivals.environment() if self.packages else Path(sys.executable)


_PATHS = {
    "PERFORIN_BENCH_RSCRIPT": "an Rscript whose library has mrgsolve or rxode2",
    "PERFORIN_BENCH_AMICI": "a Python that has amici",
}

_SCIPY = ("with_scipy", ("numpy", "numba", "scipy"))
TOOLS = (
    Tool("perforin", "with_perforin", sweep=OURS),
    Tool("libRoadRunner", "with_roadrunner", ("numpy", "libroadrunner")),
    Tool("CasADi CVODES", "with_casadi", ("numpy", "casadi")),
    Tool("SciPy odeint", *_SCIPY),
    Tool("SciPy LSODA", *_SCIPY),
    Tool("SciPy BDF", *_SCIPY, sweep=(1e-5, 1e-6, 1e-7)),
    Tool("diffrax Tsit5", "with_diffrax", ("numpy", "jax", "diffrax")),
    Tool("mrgsolve", "with_r", variable="PERFORIN_BENCH_RSCRIPT"),
    Tool("rxode2", "with_r", variable="PERFORIN_BENCH_RSCRIPT"),
    Tool("AMICI CVODES", "with_amici", variable="PERFORIN_BENCH_AMICI"),
)

TRUTH = Tool("truth", *_SCIPY)
"""What solves for the truth at a relative tolerance of 1e-12."""

_ARMS = tuple(f"{SCENARIO}/{arm}" for arm in ("car_nk", "car_t"))
BENCHES = (
    *(Bench(model, phase, unit, patients) for model, patients in (("reference", 16), *((arm, 8) for arm in _ARMS))
      for phase, unit in (("compile", "kernel"), ("solve", "patient-year"))),
    *(Bench(model, "reduce", "patient-year", 512) for model in ("reference", *_ARMS)),
    *(Bench(arm, "compose", "model") for arm in _ARMS),
    Bench(SCENARIO, "simulate", "patient and arm", 250),
    Bench(SCENARIO, "write", "patient and arm", 250),
    Bench("command", "help", "call"),
    Bench("orders", "orders", "patient-order", 200_000),
    Bench("orders/without_deaths", "orders", "patient-order", 200_000),
    Bench("psa", "psa", "draw and arm", 10_000),
)  # fmt: skip

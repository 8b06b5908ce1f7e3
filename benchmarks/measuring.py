"""Every tool solves the same patients, in turn, so that a busy spell of the machine hits all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from problems import Model
from registry import TRUTH, Tool
from rivals import Worker
from scoring import Point, errors
from tools.problem import LeftOut

__all__ = ["Race", "Tell"]

Array = NDArray[np.float64]
Tell = Callable[[str], None]

EXACT = 1e-12
"""Relative tolerance of the truth, and of the other method that says how good it is."""
PATIENCE = 900.0
"""Seconds after which a tool that does not answer is left out; numba compiles the largest network for one minute."""
ENOUGH = 30.0
"""A tool that took so many seconds for the patients is asked for no tighter tolerance."""


@dataclass
class Race:
    """One model, and what its tools found: points, (version, seconds to compile), and why one is left out."""

    model: Model
    tell: Tell
    points: list[Point] = field(default_factory=list)
    prepared: dict[str, tuple[str, float]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    doubt: float = 0.0

    def run(self, tools: Sequence[Tool], repeats: int) -> None:
        """Prepare each tool, let each solve once for its error, then all in turn for their time.

        Raises:
            LeftOut: what solves for the truth is missing, without which there is no error.
        """
        self._tell("writing the equations")
        self._problem = self.model.problem()
        self._workers, self._broken = dict[str, Worker](), dict[str, LeftOut]()
        try:
            truth = self._truth()
            ready = [tool for tool in tools if self._prepared(tool)]
            found = {tool.name: self._errors(tool, truth) for tool in ready}
            for (name, rtol), times in self._times(ready, found, repeats).items():
                if len(times) == repeats:
                    errors_there = tuple(found[name][rtol].tolist())
                    self.points.append(Point(name, self.prepared[name][0], rtol, tuple(times), errors_there))
        finally:
            for worker in self._workers.values():
                worker.close()

    def _prepared(self, tool: Tool) -> bool:
        """Whether a tool is ready to solve; else it is noted why not."""
        try:
            hello = self._worker(tool).hello
        except LeftOut as reason:
            self.left_out[tool.name] = str(reason)
            return False
        if tool.name not in hello["tools"]:
            self.left_out[tool.name] = f"found only {', '.join(hello['tools'])} where it should be"
            return False
        self.prepared[tool.name] = hello["version"], hello["prepare_seconds"]
        return True

    def _worker(self, tool: Tool) -> Worker:
        """The process that holds a tool, started where it is not yet running."""
        if tool.module in self._broken:
            raise self._broken[tool.module]
        if tool.module not in self._workers:
            python = tool.python(self._tell)
            self._tell(f"compiling: {tool.name}")
            try:
                self._workers[tool.module] = Worker(python, tool.module, self._problem.folder, PATIENCE)
            except LeftOut as reason:
                self._broken[tool.module] = reason
                raise
        return self._workers[tool.module]

    def _truth(self) -> Array:
        """(patients, days, states) from one method at ``EXACT``; kept, for it is slow. ``doubt`` is from another."""
        kept = self._problem.folder / "truth.npz"
        if not kept.exists():
            worker = self._worker(TRUTH)
            self._tell("solving for the truth")
            values, others = (self._solved(worker, name, EXACT) for name in (TRUTH.name, "SciPy odeint"))
            np.savez(kept, values=values, doubt=errors(others, values, self._problem.tolerances))
        with np.load(kept) as arrays:
            self.doubt = float(arrays["doubt"].max())
            return np.array(arrays["values"])

    def _solved(self, worker: Worker, tool: str, rtol: float) -> Array:
        file = self._problem.folder / "values.npy"
        worker.solve(tool, rtol, file)
        return np.load(file)

    def _errors(self, tool: Tool, truth: Array) -> dict[float, Array]:
        """Each patient's error by tolerance, as far as the tool goes."""
        found: dict[float, Array] = {}
        for rtol in tool.sweep:
            self._tell(f"error of {tool.name} at {rtol:g}")
            since = time.perf_counter()
            try:
                values = self._solved(self._workers[tool.module], tool.name, rtol)
            except LeftOut as reason:
                self.left_out[f"{tool.name} at {rtol:g} and tighter"] = str(reason)
                break
            found[rtol] = errors(values, truth, self._problem.tolerances)
            took = time.perf_counter() - since
            if took > ENOUGH and rtol != tool.sweep[-1]:
                self.left_out[f"{tool.name} tighter than {rtol:g}"] = f"{took:.0f} seconds for the patients at {rtol:g}"
                break
        return found

    def _times(self, tools: Sequence[Tool], found: Mapping[str, Mapping[float, Array]],
               repeats: int) -> dict[tuple[str, float], list[float]]:  # fmt: skip
        """Milliseconds of CPU time per patient-year, by tool and tolerance; tools take turns at each step."""
        times: dict[tuple[str, float], list[float]] = {}
        sweeps = {tool: list(found[tool.name]) for tool in tools}
        for repeat in range(repeats):
            for step in range(max(map(len, sweeps.values()), default=0)):
                for tool, sweep in sweeps.items():
                    for rtol in sweep[step : step + 1]:
                        self._tell(f"repeat {repeat + 1} of {repeats}: {tool.name} at {rtol:g}")
                        try:
                            seconds, patients = self._workers[tool.module].solve(tool.name, rtol)
                        except LeftOut as reason:
                            self.left_out[tool.name] = str(reason)
                            sweep.clear()
                            continue
                        times.setdefault((tool.name, rtol), []).append(seconds / patients / self.model.years * 1e3)
        return times

    def _tell(self, what: str) -> None:
        self.tell(f"{self.model.name}: {what}")

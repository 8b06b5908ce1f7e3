"""A compiled kernel: hands arrays to machine code, splits patients over threads, retries and names failures."""

from __future__ import annotations

import ctypes
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.errors import UserError
from perforin.kernels.compile import Built, Compiler, built
from perforin.kernels.reductions import KEPT, Reduction, Watches, watches
from perforin.kernels.solution import FAILED, OK, RETRIED, Doses, Problem, Solution, prepare
from perforin.model.network import Network

__all__ = ["ATTEMPTS", "Call", "Compiled", "Machine", "Results", "Task"]

Array = NDArray[np.float64]

ATTEMPTS = ((1.0, 0.03), (1.0, 1e-6), (0.1, 1e-6), (10.0, 1e-6))
"""Tolerance as a multiple of the one asked for, and first step [day], of each attempt in turn."""

CHUNK = 512
"""Patients per call: between calls an interrupt is heard."""

SMALLEST_STEP = 1e-12
MOST_STEPS = 100_000
ENDLESS = 4
_WHY = {1: "a value that is not finite", 2: f"steps below {SMALLEST_STEP:g} day", 3: f"more than {MOST_STEPS} steps",
        ENDLESS: "events that cause one another without end"}  # fmt: skip

_FIELDS = (
    "count who parameters start begin events when add column stride state keep days day rtol atol first least most "
    "out code place steps failed edges edge watches kind watched from until level reduced fired together"
)


_KINDS: dict[str, Any] = {
    **dict.fromkeys(("count", "events", "stride", "days", "edges", "watches"), ctypes.c_int64),
    **dict.fromkeys(("rtol", "first", "least"), ctypes.c_double),
    **dict.fromkeys(("most", "together"), ctypes.c_int32),
}


class Task(ctypes.Structure):
    """The C structure of the same name, field by field."""

    _fields_ = tuple((name, _KINDS.get(name, ctypes.c_void_p)) for name in _FIELDS.split())


class Machine(ABC):
    """A network as machine code (Rodas5P): attempts, statuses and reasons, whatever the code runs on."""

    def __init__(self, network: Network, outputs: Sequence[str], lanes: int) -> None:
        self.network = network
        self.outputs = tuple(outputs)
        self.lanes = lanes

    def run(self, parameters: Array, start: Array, doses: Doses, days: ArrayLike, *, begin: ArrayLike = 0.0,
            rtol: float = 1e-5, threads: int = 1, reductions: Sequence[Reduction] = (),
            together: bool = False) -> Solution:  # fmt: skip
        """Solve for all patients; see ``Kernel.run``.

        With ``together`` the patients come in groups of ``lanes`` who begin and are dosed on the same days and share
        every step, so that differences between them are smooth; a group fails as one.

        Raises:
            UserError: also fewer than one thread, and events of the network, which patients who go together would
                have at different times.
        """
        if threads < 1:
            raise UserError(f"found {threads} threads; needed 1 or more")
        problem = prepare(self.network, parameters, start, doses, days, begin, rtol)
        n = len(problem.start)
        if together and (self.network.events or n % self.lanes or len(problem.runnable) < n):
            raise UserError(
                f"found {n} patients to go together, {len(problem.runnable)} of them with finite numbers, and "
                f"{len(self.network.events)} events; needed groups of {self.lanes} and no event"
            )
        seen = watches(reductions, self.outputs, n)
        edges = np.unique([*seen.edges, *(d for row in self.network.running for d in row[3:] if np.isfinite(d))])
        work = Results(n, len(problem.days), len(self.outputs), len(seen.kind), len(self.network.events))
        status = np.full(n, FAILED, np.int8)
        left = problem.runnable
        reasons = list(problem.reasons)
        for attempt, (factor, first) in enumerate(ATTEMPTS):
            if not len(left):
                break
            work.code[left] = 0
            tolerance = min(rtol * factor, 0.1)
            tolerances = self.network.absolute_tolerances * (tolerance / 1e-5)
            self._solve(Call(problem, seen, work, edges, tolerance, tolerances, first, threads, together), left)
            failed = work.code[left] != 0
            status[left[~failed]] = RETRIED if attempt else OK
            left = left[failed]
        for who in left:
            code = int(work.code[who])
            where = "" if code == ENDLESS else f" in {self.network.state_names[work.place[who]]}"
            reasons[who] = f"{_WHY[code]} at day {work.failed[who]:.6g}{where}"
        work.fired[left] = np.nan, 0.0
        reduced = seen.read(work.reduced)
        reduced[status == FAILED] = np.nan
        return Solution(work.values, status, tuple(reasons), work.steps, reduced, work.fired[:, :, 0],
                        work.fired[:, :, 1].astype(np.int32))  # fmt: skip

    @abstractmethod
    def _solve(self, call: Call, who: NDArray[np.int64]) -> None:
        """Fill the results of the patients ``who``; a code of 0 says that one is solved."""


class Compiled(Machine):
    """Machine code for the processor, one patient per SIMD lane."""

    def __init__(self, network: Network, outputs: Sequence[str], compiler: Compiler, *, lanes: int | None = None,
                 cache: str | Path | None = None) -> None:  # fmt: skip
        self.built: Built = built(network, outputs, compiler, lanes=lanes, cache=cache)
        super().__init__(network, outputs, int(self.built.notes["lanes"]))
        self._library = ctypes.CDLL(str(self.built.library))

    def _solve(self, call: Call, who: NDArray[np.int64]) -> None:
        size = min(CHUNK, -(-len(who) // call.threads)) if call.threads > 1 else CHUNK
        size = -(-size // self.lanes) * self.lanes
        chunks = [who[k : k + size] for k in range(0, len(who), size)]

        def one(part: NDArray[np.int64]) -> None:
            if self._library.perforin_run(ctypes.byref(call.task(part, _address))):
                raise MemoryError

        if call.threads == 1 or len(chunks) == 1:
            for part in chunks:
                one(part)
            return
        with ThreadPoolExecutor(call.threads) as pool:
            list(pool.map(one, chunks))

    def linearise(self, state: Array, parameters: Array) -> tuple[Array, Array]:
        """Slopes (states,) and Jacobian (states, states) of one patient at one state."""
        n, entries = len(self.network.states), self.built.notes["entries"]
        slopes, values = np.empty(n), np.empty(len(entries))
        arrays = [np.ascontiguousarray(x, dtype=np.float64) for x in (state, parameters)] + [slopes, values]
        self._library.perforin_linearise(*(ctypes.c_void_p(x.ctypes.data) for x in arrays))
        matrix = np.zeros((n, n))
        rows, columns = np.array(entries).T
        matrix[rows, columns] = values
        return slopes, matrix


class Results:
    """Arrays that machine code fills, by patient."""

    def __init__(self, patients: int, days: int, outputs: int, watched: int, events: int) -> None:
        self.values = np.full((patients, days, outputs), np.nan)
        self.code = np.zeros(patients, np.int8)
        self.place = np.zeros(patients, np.int32)
        self.steps = np.zeros(patients, np.int32)
        self.failed = np.zeros(patients)
        self.reduced = np.full((patients, watched, KEPT), np.nan)
        self.fired = np.tile([np.nan, 0.0], (patients, events, 1)).reshape(patients, events, 2)


def _address(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


@dataclass(frozen=True)
class Call:
    """One attempt: what is asked for, how accurately and from what first step [day], and where results go."""

    problem: Problem
    seen: Watches
    results: Results
    edges: Array
    rtol: float
    tolerances: Array
    first: float
    threads: int
    together: bool

    def task(self, who: NDArray[np.int64], at: Callable[[NDArray[Any]], ctypes.c_void_p]) -> Task:
        """The structure for machine code; ``at`` gives the address of an array where the code runs."""
        problem, seen, results, events = self.problem, self.seen, self.results, len(self.problem.state)
        return Task(
            len(who), at(who), at(problem.parameters), at(problem.start), at(problem.begin), events, at(problem.when),
            at(problem.add), at(problem.column), events, at(problem.state), at(problem.keep), len(problem.days),
            at(problem.days), self.rtol, at(self.tolerances), self.first, SMALLEST_STEP, MOST_STEPS,
            at(results.values), at(results.code), at(results.place), at(results.steps), at(results.failed),
            len(self.edges), at(self.edges), len(seen.kind), at(seen.kind), at(seen.output), at(seen.begin),
            at(seen.end), at(seen.level), at(results.reduced), at(results.fired), self.together,
        )  # fmt: skip

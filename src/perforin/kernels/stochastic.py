"""Courses in which cells are whole: the flows of a network happen one event at a time."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.errors import UserError
from perforin.kernels.compile import find_compiler, kept
from perforin.kernels.solution import FAILED, OK, Doses, Problem, prepare
from perforin.kernels.source import default_outputs
from perforin.kernels.stochastic_code import VERSION, events_of, generate
from perforin.model.network import Network
from perforin.streams import Streams

__all__ = ["Realisations", "Stochastic", "build"]

Array = NDArray[np.float64]
PURPOSE = "events of a stochastic course"
CHUNK = 64
"""Replicates per call: between calls an interrupt is heard."""

_FIELDS = (
    "parameters start begin doses when add column state keep days day key patient first replicates most out happened "
    "failed failed_day code place"
)
_KINDS: dict[str, Any] = {
    **dict.fromkeys("doses days patient first replicates most failed".split(), ctypes.c_int64),
    **dict.fromkeys("begin failed_day".split(), ctypes.c_double),
    **dict.fromkeys("code place".split(), ctypes.c_int32),
    "key": ctypes.c_uint32 * 2,
}


class _Task(ctypes.Structure):
    """The C structure of the same name, field by field."""

    _fields_ = tuple((name, _KINDS.get(name, ctypes.c_void_p)) for name in _FIELDS.split())


@dataclass(frozen=True)
class Realisations:
    """Outputs of every replicate of every patient.

    values: (patients, replicates, days, outputs); NaN for a failed patient and for days before a patient begins.
    status: (patients,) 0 ok, 2 failed: one replicate that cannot be followed fails the patient, for a mean over the
    others would be biased. reasons: why, "" for the others. events: (patients, replicates) how many happened.
    """

    values: Array
    status: NDArray[np.int8]
    reasons: tuple[str, ...]
    events: NDArray[np.int64]


class Stochastic:
    """A network whose flows happen event by event; made by ``build``."""

    def __init__(self, network: Network, outputs: Sequence[str], *, cache: str | Path | None = None) -> None:
        compiler = find_compiler()
        if compiler is None:
            raise UserError("found no C compiler; needed one; pip install perforin[compiler]")
        self.network = network
        self.outputs = tuple(outputs)
        self.counted = network.state_names
        self.events = tuple(flow.name for flow in events_of(network, self.counted))
        key = ["stochastic", VERSION, network.hash, list(self.outputs), list(self.counted)]
        made = kept(key, lambda: (generate(network, self.outputs, self.counted), {}), compiler, cache)
        self._library = ctypes.CDLL(str(made.library))

    def run(self, parameters: Array, start: Array, doses: Doses, days: ArrayLike, *, seed: int,
            patients: ArrayLike | None = None, replicates: int = 1, begin: ArrayLike = 0.0,
            most_events: int = 10**9, threads: int = 1) -> Realisations:  # fmt: skip
        """Follow every patient ``replicates`` times.

        Args:
            parameters: (patients, parameters).
            start: (patients, states) whole numbers at ``begin``.
            doses: what is given when.
            days: (days,) on which outputs are reported, rising.
            seed: of the random numbers, which depend on it, the patient's number and the replicate only.
            patients: (patients,) numbers that key the luck; 0, 1, 2... when None.
            replicates: courses per patient.
            begin: day on which the patients (or each patient) begin.
            most_events: a replicate with more fails its patient.
            threads: how many cores to use; results do not depend on it.

        Raises:
            UserError: arrays that do not fit together.
        """
        problem = prepare(self.network, parameters, start, doses, days, begin, 1e-5)
        n = len(problem.start)
        who = np.arange(n) if patients is None else np.asarray(patients, dtype=np.int64)
        out = np.full((n, replicates, len(problem.days), len(self.outputs)), np.nan)
        happened = np.zeros((n, replicates), np.int64)
        reasons = list(problem.reasons)
        key = Streams(seed).key(PURPOSE)

        def one(unit: tuple[int, int]) -> tuple[int, str]:
            i, first = unit
            part = slice(first, first + CHUNK)
            task = self._task(problem, i, out[i, part], happened[i, part])
            task.key, task.patient, task.first, task.most = (ctypes.c_uint32 * 2)(*key), int(who[i]), first, most_events
            self._library.perforin_courses(ctypes.byref(task))
            return i, self._reason(task, most_events)

        units = [(int(i), first) for i in problem.runnable for first in range(0, replicates, CHUNK)]
        if threads == 1:
            found = list(map(one, units))
        else:
            with ThreadPoolExecutor(threads) as pool:
                found = list(pool.map(one, units))
        for i, reason in found:
            reasons[i] = reasons[i] or reason
        failed = np.array([bool(reason) for reason in reasons], dtype=bool)
        out[failed] = np.nan
        return Realisations(out, np.where(failed, FAILED, OK).astype(np.int8), tuple(reasons), happened)

    def _task(self, problem: Problem, i: int, out: Array, happened: NDArray[np.int64]) -> _Task:
        def at(array: NDArray[Any]) -> ctypes.c_void_p:
            return ctypes.c_void_p(array.ctypes.data)

        return _Task(
            at(problem.parameters[i]), at(problem.start[i]), problem.begin[i], len(problem.state), at(problem.when[i]),
            at(problem.add[i]), at(problem.column[i]), at(problem.state), at(problem.keep), len(problem.days),
            at(problem.days), replicates=len(out), out=at(out), happened=at(happened),
        )  # fmt: skip

    def _reason(self, task: _Task, most: int) -> str:
        if not task.code:
            return ""
        event = self.events[task.place] if task.code <= 3 and self.events else ""
        state = self.network.state_names[task.place] if task.code > 3 else ""
        why = {
            1: f"the rate of {event} is negative",
            2: f"the rate of {event} is not finite",
            3: f"{event} takes what is not there",
            4: f"more than {most:g} events",
            5: f"{state} is not a whole number of cells",
        }[task.code]
        return f"{why} at day {task.failed_day:.6g} in replicate {task.failed}"


def build(network: Network, outputs: Sequence[str] | None = None, *, cache: str | Path | None = None) -> Stochastic:
    """The stochastic reading of a network.

    Args:
        network: what to simulate.
        outputs: states, levels and flows to report; all states and levels when None.
        cache: folder for compiled code; see ``compile.cache_folder``.
    """
    return Stochastic(network, default_outputs(network) if outputs is None else tuple(outputs), cache=cache)

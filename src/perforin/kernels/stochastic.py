"""Courses in which cells are whole: what is rare happens one event at a time, what is plentiful flows.

Exact courses are Gillespie's direct method (1977). Hybrid ones are piecewise deterministic Markov processes: states
that are few change by events, all others follow their differential equations (Crudu 2009, partition by numbers as in
Hepp 2015); an event comes when the integral of all rates along that path reaches an exponential number (Alfonsi 2005).
Rates are held for so long that they change by a given share at most, the leap condition of Cao (2006).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.errors import ModelError, UserError, nearest
from perforin.kernels.compile import find_compiler, kept
from perforin.kernels.solution import FAILED, OK, Doses, Problem, prepare
from perforin.kernels.source import default_outputs
from perforin.kernels.stochastic_code import VERSION, events_of, generate
from perforin.model.network import Network
from perforin.streams import Streams

__all__ = ["MODES", "Realisations", "Stochastic", "build"]

Array = NDArray[np.float64]
MODES = ("exact", "hybrid")
PURPOSE = "events of a stochastic course"
TIME = "time"
"""A state of this name runs as the days do; it is never counted."""
ROUNDED = ("-ffp-contract=off",)
"""Every operation is rounded by itself, so that the same seed gives the same bytes whatever the compiler."""
FINEST = 1e-3
CHUNK = 256
"""Replicates per call: between calls an interrupt is heard."""

_FIELDS = (
    "parameters start begin doses when add column state keep days day key patient first replicates most few change "
    "rtol atol shared out happened failed failed_day code place"
)
_KINDS: dict[str, Any] = {
    **dict.fromkeys("doses days patient first replicates most shared failed".split(), ctypes.c_int64),
    **dict.fromkeys("begin few change rtol failed_day".split(), ctypes.c_double),
    **dict.fromkeys("code place".split(), ctypes.c_int32),
    "key": ctypes.c_uint32 * 2,
}
_WHY = {
    1: "the rate of {event} is negative",
    2: "the rate of an event is not finite",
    3: "{event} takes cells that are not there",
    4: "more than {most:g} events",
    5: "{state} is not a whole number of cells",
    6: "the surroundings have no solution in {state}",
    7: "{action} is called for again and again",
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
    """A network in which events happen one by one; made by ``build``."""

    def __init__(self, network: Network, outputs: Sequence[str], counted: Sequence[str], mode: str, *,
                 cache: str | Path | None = None) -> None:  # fmt: skip
        compiler = find_compiler()
        if compiler is None:
            raise UserError("found no C compiler; needed one; pip install perforin[compiler]")
        self.network = network
        self.outputs = tuple(outputs)
        self.counted = tuple(counted)
        self.mode = mode
        self.events = tuple(flow.name for flow in events_of(network, self.counted))
        key = ["stochastic", VERSION, network.hash, list(self.outputs), list(self.counted), mode]

        def write() -> tuple[str, dict[str, Any]]:
            return generate(network, self.outputs, self.counted, followed=mode == "hybrid"), {}

        made = kept(key, write, compiler, cache, extra=ROUNDED)
        self._library = ctypes.CDLL(str(made.library))

    def run(self, parameters: Array, start: Array, doses: Doses, days: ArrayLike, *, seed: int,
            patients: ArrayLike | None = None, replicates: int = 1, begin: ArrayLike = 0.0, few: float = 1000.0,
            change: float = 0.03, rtol: float = 1e-5, shared: bool = False, most_events: int = 10**9,
            threads: int = 1) -> Realisations:  # fmt: skip
        """Follow every patient ``replicates`` times.

        Args:
            parameters: (patients, parameters).
            start: (patients, states) at ``begin``; whole numbers in an exact course.
            doses: what is given when.
            days: (days,) on which outputs are reported, rising; which they are changes no course.
            seed: of the random numbers, which depend on it, on the patient's number and on the replicate only.
            patients: (patients,) numbers that key the luck; 0, 1, 2... when None.
            replicates: courses per patient.
            begin: day on which the patients (or each patient) begin.
            few: at most so many cells of a state are counted one by one; above twice as many they are followed.
            change: relative change of the rates of events, and of the surroundings by events, that goes unnoticed.
            rtol: relative tolerance of what is followed; the absolute one is the network's, in proportion.
            shared: counted cells do not act back on the surroundings, which all replicates of a patient then share
                until a counted state outgrows ``few``: much faster, and right for few cells among very many.
            most_events: a replicate with more fails its patient.
            threads: how many cores to use; results do not depend on it.

        Raises:
            UserError: arrays that do not fit together, or a setting outside its range.
        """
        problem = prepare(self.network, parameters, start, doses, days, begin, rtol)
        n = len(problem.start)
        _sensible(few, change, replicates)
        who = np.arange(n) if patients is None else np.asarray(patients, dtype=np.int64)
        if who.shape != (n,):
            raise UserError(f"found patients of shape {who.shape}; needed {(n,)}: a number for each")
        out = np.full((n, replicates, len(problem.days), len(self.outputs)), np.nan)
        happened = np.zeros((n, replicates), np.int64)
        reasons = list(problem.reasons)
        key, atol = (ctypes.c_uint32 * 2)(*Streams(seed).key(PURPOSE)), self.network.absolute_tolerances / 1e-5

        def one(unit: tuple[int, int]) -> tuple[int, str]:
            i, first = unit
            part = slice(first, first + CHUNK)
            task = _task(problem, i, out[i, part], happened[i, part])
            task.key, task.patient, task.first, task.most = key, int(who[i]), first, most_events
            task.few, task.change = (np.inf, 0.0) if self.mode == "exact" else (few, change)
            task.rtol, task.atol, task.shared = rtol, atol.ctypes.data, shared
            self._library.perforin_courses(ctypes.byref(task))
            return i, self._reason(task)

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

    def _reason(self, task: _Task) -> str:
        if not task.code:
            return ""
        event = self.events[task.place] if task.code in (1, 3) else ""
        state = self.network.state_names[task.place] if task.code in (5, 6) else ""
        action = self.network.events[task.place].name if task.code == 7 else ""
        why = _WHY[task.code].format(event=event, state=state, action=action, most=task.most)
        return f"{why} at day {task.failed_day:.6g} in replicate {task.failed}"


def _sensible(few: float, change: float, replicates: int) -> None:
    if not FINEST <= change < 1:
        raise UserError(f"found a change of {change:g}; needed a number from {FINEST:g} to 1, such as 0.03")
    if not few >= 0:
        raise UserError(f"found few = {few:g}; needed a number of cells, such as 1000")
    if replicates < 1:
        raise UserError(f"found {replicates} replicates; needed one at least")


def _task(problem: Problem, i: int, out: Array, happened: NDArray[np.int64]) -> _Task:
    def at(array: NDArray[Any]) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    return _Task(
        at(problem.parameters[i]), at(problem.start[i]), problem.begin[i], len(problem.state), at(problem.when[i]),
        at(problem.add[i]), at(problem.column[i]), at(problem.state), at(problem.keep), len(problem.days),
        at(problem.days), replicates=len(out), out=at(out), happened=at(happened),
    )  # fmt: skip


def build(network: Network, outputs: Sequence[str] | None = None, *, mode: str = "exact",
          counted: Sequence[str] | None = None, cache: str | Path | None = None) -> Stochastic:  # fmt: skip
    """The stochastic reading of a network: ``build(network).run(parameters, start, doses, days, seed=1)``.

    Args:
        network: what to simulate.
        outputs: states, levels and flows to report; all states and levels when None.
        mode: "exact" (every state is counted and every flow is one kind of event) or "hybrid" (states are counted
            while they are few, and otherwise follow their differential equations).
        counted: in a hybrid, the states that may be counted; the network's clones when None.
        cache: folder for compiled code; see ``compile.cache_folder``.

    Raises:
        UserError: an unknown mode, output or counted state, nothing to count, or no compiler.
        ModelError: events that are not of whole cells, rates that know the time in an exact course, or a memory of
            the course.
    """
    wanted = default_outputs(network) if outputs is None else tuple(outputs)
    if mode not in MODES:
        raise UserError(f"found the mode {mode!r}; needed one of {MODES}{nearest(mode, MODES)}")
    if network.running:
        name = network.running[0].name
        raise ModelError(f"found {name!r}, which remembers the course; needed conditions of the moment")
    names = network.state_names
    if mode == "exact":
        chosen = names
    else:
        chosen = tuple(name for name, _ in network.clones) if counted is None else tuple(counted)
    if TIME in chosen:
        raise ModelError("found the state 'time' among what is counted; needed mode='hybrid' and it to be followed")
    for name in chosen:
        if name not in names:
            raise UserError(f"found the counted state {name!r}; needed a state of the network{nearest(name, names)}")
    if not chosen:
        raise UserError("found no state to count; needed the names of some in counted, for the network has no clones")
    return Stochastic(network, wanted, chosen, mode, cache=cache)

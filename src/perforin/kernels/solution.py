"""What goes into a kernel and what comes out: doses, solutions, and the checks both backends share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.errors import UserError
from perforin.kernels.reductions import Reduction
from perforin.model.network import Network

__all__ = ["FAILED", "OK", "RETRIED", "Doses", "Kernel", "Problem", "Solution", "no_doses", "prepare"]

Array = NDArray[np.float64]
OK, RETRIED, FAILED = 0, 1, 2


@dataclass(frozen=True)
class Doses:
    """What is given when: at ``when`` a state becomes state*keep + add; rows at one time are one event.

    when: (patients, events) [day], in any order, inf for never; state: (events,) index of the state;
    keep: (events,) fraction kept; add: (patients, events) amount added, in the state's unit. Rows at one time act in
    the order of their columns.
    """

    when: Array
    state: NDArray[np.int32]
    keep: Array
    add: Array


def no_doses(patients: int) -> Doses:
    """Doses of nothing."""
    none = np.zeros((patients, 0))
    return Doses(none, np.zeros(0, np.int32), np.zeros(0), none)


@dataclass(frozen=True)
class Solution:
    """Outputs of every patient on every day.

    values: (patients, days, outputs), NaN for a failed patient and for days before a patient begins. A day on which
    doses are given reports the value just after them.
    status: (patients,) 0 ok, 1 retried (solved with a smaller first step or another tolerance), 2 failed.
    reasons: why each patient failed, "" for the others. steps: (patients,) steps taken.
    reduced: (patients, reductions). event_day, event_count: (patients, events) of the network, the first day of each
    (NaN for never) and how often it happened.
    """

    values: Array
    status: NDArray[np.int8]
    reasons: tuple[str, ...]
    steps: NDArray[np.int32]
    reduced: Array = field(default_factory=lambda: np.empty((0, 0)))
    event_day: Array = field(default_factory=lambda: np.empty((0, 0)))
    event_count: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 0), np.int32))


class Kernel(Protocol):
    """A network that can be run for many patients."""

    @property
    def network(self) -> Network:
        """What is solved."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """States, levels and flows reported, in order."""
        ...

    def run(
        self,
        parameters: Array,
        start: Array,
        doses: Doses,
        days: ArrayLike,
        *,
        begin: ArrayLike = 0.0,
        rtol: float = 1e-5,
        threads: int = 1,
        reductions: Sequence[Reduction] = (),
    ) -> Solution:
        """Solve for all patients.

        Args:
            parameters: (patients, parameters).
            start: (patients, states) at ``begin``.
            doses: what is given when; see ``Doses``.
            days: (days,) on which outputs are reported, rising.
            begin: day on which the patients (or each patient) begin.
            rtol: relative tolerance; the absolute one is the network's, in proportion.
            threads: how many cores to use; results do not depend on it.
            reductions: numbers to find while solving, up to the last of the days. With that day alone in ``days`` no
                trajectory is stored.

        Raises:
            UserError: arrays that do not fit together; a dose before a patient begins; an impossible reduction.
        """
        ...


@dataclass(frozen=True)
class Problem:
    """Checked input: contiguous arrays, events in order of time for each patient, and patients who cannot be run."""

    parameters: Array
    start: Array
    begin: Array
    when: Array
    add: Array
    column: NDArray[np.int32]
    state: NDArray[np.int32]
    keep: Array
    days: Array
    reasons: tuple[str, ...]

    @property
    def runnable(self) -> NDArray[np.int64]:
        """Patients whose numbers are all finite."""
        return np.flatnonzero([not reason for reason in self.reasons]).astype(np.int64)


def _fits(what: str, found: tuple[int, ...], needed: tuple[int, ...], why: str) -> None:
    if found != needed:
        raise UserError(f"found {what} of shape {found}; needed {needed}: {why}")


def prepare(network: Network, parameters: Array, start: Array, doses: Doses, days: ArrayLike,
            begin: ArrayLike, rtol: float) -> Problem:  # fmt: skip
    """Check shapes and order events; see ``Kernel.run``."""
    parameters = np.ascontiguousarray(parameters, dtype=np.float64)
    start = np.ascontiguousarray(start, dtype=np.float64)
    days = np.ascontiguousarray(days, dtype=np.float64)
    n, events = len(start), len(doses.state)
    _fits("parameters", parameters.shape, (n, len(network.parameters)), "patients by parameters of the network")
    _fits("start", start.shape, (n, len(network.states)), "patients by states of the network")
    _fits("doses.when", doses.when.shape, (n, events), "patients by events")
    _fits("doses.add", doses.add.shape, (n, events), "patients by events")
    _fits("doses.keep", doses.keep.shape, (events,), "one per event")
    if days.ndim != 1 or not np.isfinite(days).all() or (np.diff(days) <= 0).any():
        raise UserError("found sampling days that are not finite and rising; needed each day once, in order")
    for into in doses.state[(doses.state < 0) | (doses.state >= len(network.states))]:
        raise UserError(f"found a dose into state {into}; needed 0 to {len(network.states) - 1}")
    for event in np.flatnonzero(~np.isfinite(doses.keep)):
        into = network.state_names[doses.state[event]]
        raise UserError(f"found a dose that keeps {doses.keep[event]} of {into}; needed a finite fraction")
    if not 1e-13 <= rtol <= 0.1:
        raise UserError(f"found a relative tolerance of {rtol:g}; needed 1e-13 to 0.1")
    first = np.asarray(begin, dtype=np.float64)
    if first.ndim:
        _fits("begin", first.shape, (n,), "one day, or one per patient")
    first = np.ascontiguousarray(np.broadcast_to(first, (n,)))
    column = np.argsort(doses.when, axis=1, kind="stable").astype(np.int32)
    when = np.ascontiguousarray(np.take_along_axis(doses.when, column, axis=1), dtype=np.float64)
    add = np.ascontiguousarray(np.take_along_axis(doses.add, column, axis=1), dtype=np.float64)
    early = np.argwhere((when < first[:, None]) & np.isfinite(first)[:, None])
    if len(early):
        who, event = early[0]
        into = network.state_names[doses.state[column[who, event]]]
        raise UserError(
            f"found a dose into {into} on day {when[who, event]:g}; "
            f"needed day {first[who]:g} or later, when patient {who} begins"
        )
    state = np.ascontiguousarray(doses.state, dtype=np.int32)
    keep = np.ascontiguousarray(doses.keep, dtype=np.float64)
    into = [network.state_names[k] for k in state]
    reasons = _not_numbers(network, parameters, start, first, doses, into)
    return Problem(parameters, start, first, when, add, column, state, keep, days, reasons)


def _not_numbers(
    network: Network, parameters: Array, start: Array, begin: Array, doses: Doses, into: Sequence[str]
) -> tuple[str, ...]:
    """Why a patient cannot be run: the first number that is not finite; "" for the others."""
    reasons = [""] * len(start)
    bad = np.isnan(doses.when) | (np.isfinite(doses.when) & ~np.isfinite(doses.add))
    for who, event in np.argwhere(bad)[::-1]:
        day, amount = doses.when[who, event], doses.add[who, event]
        reasons[who] = f"a dose into {into[event]} on day {day:g} is {amount:g}"
    for who in np.flatnonzero(~np.isfinite(begin)):
        reasons[who] = f"the first day is {begin[who]}"
    tables = (("start of", network.state_names, start), ("parameter", network.parameter_names, parameters))
    for kind, names, table in tables:
        for who, where in np.argwhere(~np.isfinite(table))[::-1]:
            reasons[who] = f"{kind} {names[where]} is {table[who, where]}"
    return tuple(reasons)

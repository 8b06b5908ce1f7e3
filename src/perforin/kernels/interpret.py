"""The slow oracle: the same Network through SymPy's printer and SciPy's solvers, independent of the compiled kernel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import BDF, DOP853, LSODA, Radau

from perforin.errors import ComputeError, UserError, nearest
from perforin.kernels.moments import Moments, Watch, safely
from perforin.kernels.python_text import SPACE, TIME, python_text
from perforin.kernels.reductions import KEPT, Reduction, Tally, watches
from perforin.kernels.solution import FAILED, OK, RETRIED, Doses, Problem, Solution, prepare
from perforin.model.network import Network

__all__ = ["METHODS", "Interpreted"]

_SOLVERS: dict[str, Any] = {"LSODA": LSODA, "Radau": Radau, "BDF": BDF, "DOP853": DOP853}
METHODS = tuple(_SOLVERS)
MOST_STEPS = 200_000
"""Steps of one method in one patient: a rate that slides along its jump would need more than anybody waits for."""
Array = NDArray[np.float64]


class Interpreted:
    """A network solved by SciPy, one patient after another.

    Args:
        network: what to solve.
        outputs: states, levels and flows to report.
        method: SciPy's solver; when it fails the next of ``METHODS`` is tried (status 1).
    """

    def __init__(self, network: Network, outputs: Sequence[str], method: str = "LSODA") -> None:
        if method not in METHODS:
            raise UserError(f"found the method {method!r}; needed one of {METHODS}{nearest(method, METHODS)}")
        self.network = network
        self.outputs = tuple(outputs)
        self.method = method
        self.moments = Moments(network)
        space: dict[str, Any] = dict(SPACE)
        exec(compile(python_text(network, outputs), f"<network {network.hash}>", "exec"), space)  # noqa: S102 our own text
        self._slopes: Callable[..., None] = space["slopes"]
        self._observe: Callable[..., None] = space["observe"]

    def run(self, parameters: Array, start: Array, doses: Doses, days: ArrayLike, *, begin: ArrayLike = 0.0,
            rtol: float = 1e-5, threads: int = 1,  # noqa: ARG002
            reductions: Sequence[Reduction] = ()) -> Solution:  # fmt: skip
        """Solve for all patients; see ``Kernel.run``. One thread whatever is asked for: SciPy holds the lock."""
        problem = prepare(self.network, parameters, start, doses, days, begin, rtol)
        n, events = len(problem.start), len(self.network.events)
        seen = watches(reductions, self.outputs, n)
        kept = np.full((n, len(seen.kind), KEPT), np.nan)
        event_day, event_count = np.full((n, events), np.nan), np.zeros((n, events), np.int32)
        values = np.full((n, len(problem.days), len(self.outputs)), np.nan)
        status, steps = np.full(n, FAILED, np.int8), np.zeros(n, np.int32)
        reasons = list(problem.reasons)
        for who in problem.runnable:
            for method in (self.method, *(m for m in ("LSODA", "Radau", "BDF") if m != self.method)):
                course = _Course(self, problem, int(who), method, rtol)
                course.tally = Tally(seen, int(who)) if len(seen.kind) else None
                reasons[who] = course.outcome()
                steps[who] += course.taken
                if not reasons[who]:
                    status[who] = OK if method == self.method else RETRIED
                    values[who] = course.values
                    if course.tally:
                        kept[who] = course.tally.kept
                    if course.watch:
                        event_day[who], event_count[who] = course.watch.first_day, course.watch.fired
                    break
        return Solution(values, status, tuple(reasons), steps, seen.read(kept), event_day, event_count)

    def slopes(self, state: Array, parameters: Sequence[float]) -> Array:
        """(states,) slopes of one patient; NaN where they cannot be computed."""
        size = max(len(self.network.states), 1)
        return np.array(safely(self._slopes, list(map(float, state)), parameters, size=size))

    def observe(self, state: Array, parameters: Sequence[float]) -> Array:
        """(outputs,) values at a state."""
        return np.array(safely(self._observe, list(map(float, state)), parameters, size=len(self.outputs)), dtype=float)


class _NoSolutionError(Exception):
    """A solver gave up."""


class _Course:
    """One patient, from dose to dose and from event to event."""

    def __init__(self, kernel: Interpreted, problem: Problem, who: int, method: str, rtol: float) -> None:
        self.kernel, self.problem, self.who, self.method, self.rtol = kernel, problem, who, method, rtol
        self.row: list[float] = problem.parameters[who].tolist()
        self.values = np.full((len(problem.days), len(kernel.outputs)), np.nan)
        self.tolerances = kernel.network.absolute_tolerances * (rtol / 1e-5)
        self.state, self.now = problem.start[who].copy(), float(problem.begin[who])
        self.watch = Watch(kernel.moments, self.row) if kernel.moments else None
        self.tally: Tally | None = None
        self.taken = self.steps = 0
        names, first = kernel.network.state_names, float(problem.begin[who])
        rates = dict(zip(names, kernel.network.slopes(), strict=True))
        self.clock = names.index(TIME) if rates.get(TIME) == 1 else None
        self.ahead = self.state[self.clock] - first if self.clock is not None else 0.0

    def outcome(self) -> str:
        """Solve; why there is no solution, or nothing."""
        try:
            self.follow()
        except (_NoSolutionError, ComputeError) as problem:
            return str(problem)
        except ValueError as problem:  # SciPy's, for a Jacobian that is not finite
            return f"{self.method} found no solution after day {self.now:.6g} ({problem})"
        return ""

    def exactly(self, now: float, state: Array) -> Array:
        """A state in which the time is exact."""
        state = state.copy()
        if self.clock is not None:
            state[self.clock] = self.ahead + now
        return state

    def follow(self) -> None:
        """Solve until the last day that is asked for."""
        last, when = self.problem.days[-1:], self.problem.when[self.who]
        for stop in np.unique([self.now, *when[when <= last.max(initial=-np.inf)], *last]).tolist():
            if stop < self.now:
                continue
            while self.now < stop:
                self.stretch(stop)
            for dose in np.flatnonzero(when == self.now):
                column = self.problem.column[self.who, dose]
                into = self.problem.state[column]
                self.state[into] = self.state[into] * self.problem.keep[column] + self.problem.add[self.who, dose]
            if self.watch:
                self.state = self.watch.happen(self.now, self.state)
            self.report(self.problem.days == self.now, self.state)

    def stretch(self, stop: float) -> None:
        """Solve to a day, or to the first moment before it at which something happens."""
        if np.nextafter(self.now, np.inf) * (1 + 4e-16) >= stop:
            self.now = stop
            return
        rates, row = self.kernel.slopes, self.row
        if not (finite := np.isfinite(rates(self.state, row))).all():
            where = self.kernel.network.state_names[finite.argmin()]
            raise _NoSolutionError(f"a value that is not finite at day {self.now:.6g} in {where}")
        solver = _SOLVERS[self.method](
            lambda _, y: rates(y, row), self.now, self.state, stop, rtol=self.rtol, atol=self.tolerances
        )
        while solver.status == "running":
            problem, self.steps = solver.step(), self.steps + 1
            if self.steps > MOST_STEPS:
                raise _NoSolutionError(f"{self.method} took more than {MOST_STEPS} steps until day {self.now:.6g}")
            if solver.status == "failed" or not np.isfinite(solver.y).all():
                self.taken += solver.nfev
                raise _NoSolutionError(self.reason(solver.y, problem))
            if self.step(solver):
                break
        self.taken += solver.nfev

    def step(self, solver: Any) -> bool:
        """Report the days of a step; whether something happened in it, after which the solver must begin anew."""
        begin, end, smooth = self.now, float(solver.t), cache(solver.dense_output)

        def dense(now: float) -> Array:
            return self.exactly(now, solver.y if now == end else smooth()(now))

        turn = self.watch.first_turn(dense, begin, end, self.state) if self.watch else None
        self.now = end if turn is None else turn
        state = dense(self.now)
        days = self.problem.days
        for place in np.flatnonzero((days > begin) & (days < self.now)):
            self.report(days == days[place], dense(days[place]))
        if self.tally:
            self.tally.take(lambda day: self.kernel.observe(dense(day), self.row), begin, self.now)
        if self.watch:
            self.watch.running = self.watch.run_on(dense, begin, self.now)
            if turn is not None:
                state = self.watch.happen(self.now, state)
        self.state = state
        self.report(days == self.now, self.state)
        return turn is not None

    def report(self, places: NDArray[np.bool_], state: Array) -> None:
        """Write down what is asked for on a day."""
        if places.any():
            self.values[places] = self.kernel.observe(state, self.row)

    def reason(self, found: Array, said: str | None) -> str:
        """Why there is no solution, naming the state."""
        bad = np.flatnonzero(~np.isfinite(found))
        where = f" in {self.kernel.network.state_names[bad[0]]}" if len(bad) else ""
        why = f" ({said})" if said and not len(bad) else ""
        return f"{self.method} found no solution after day {self.now:.6g}{where}{why}"

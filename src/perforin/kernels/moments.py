"""When something happens in a course of the slow oracle: events at the moment their condition becomes true."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from perforin.errors import ComputeError
from perforin.kernels.python_text import SPACE, TIME, moments_text, turning_points
from perforin.model.network import Network

__all__ = ["Moments", "Watch", "safely"]

Array = NDArray[np.float64]
Dense = Callable[[float], Array]

SAMPLES = 16
"""Points of a step at which relations and running quantities are looked at."""

MOST_AT_ONCE = 10_000
"""Events at one moment after which they are taken to set each other off without end."""


def safely(function: Callable[..., None], *given: Any, size: int) -> list[Any]:
    """What a function of the text fills in: by Python's floats, or as C does it where Python would raise."""
    out: list[Any] = [math.nan] * size
    try:
        function(*given, out)
    except (ArithmeticError, ValueError, TypeError):
        out = [math.nan] * size
        with np.errstate(all="ignore"):
            try:
                function(*[np.asarray(one, dtype=np.float64) if np.ndim(one) else one for one in given], out)
            except (ArithmeticError, ValueError, TypeError):
                return [math.nan] * size
    return out


class Moments:
    """What of a network happens at moments, compiled once."""

    def __init__(self, network: Network) -> None:
        self.network = network
        deciding, jumping = turning_points(network)
        self.sides = len(deciding) + len(jumping)
        levels = {level.name: level.expression for level in network.levels}
        self.closely = bool(deciding) or any(TIME in _reads(one, levels) for one in jumping)
        space = dict(SPACE)
        exec(compile(moments_text(network), f"<moments of {network.hash}>", "exec"), space)  # noqa: S102 our own text
        self.text: dict[str, Any] = space
        places = {name: i for i, name in enumerate(network.state_names)}
        self.targets = [[places[state] for state, _ in event.assignments] for event in network.events]

    def __bool__(self) -> bool:
        return bool(self.sides or self.network.events or self.network.running)


class Watch:
    """The events and running quantities of one patient.

    Args:
        moments: what to watch for.
        parameters: of the patient.
        now: first day.
    """

    def __init__(self, moments: Moments, parameters: Sequence[float]) -> None:
        self.moments = moments
        self.parameters = list(parameters)
        empty = {"peak": -math.inf, "nadir": math.inf, "days": 0.0}
        self.running = [empty[row.kind] for row in moments.network.running]
        self.held = [event.initially for event in moments.network.events]
        self.fired = [0] * len(self.held)
        self.first_day = [math.nan] * len(self.held)

    def sides(self, now: float, state: Array, running: Sequence[float]) -> list[Any]:
        """On which side each relation is."""
        text, size = self.moments.text["sides"], self.moments.sides
        return safely(text, now, list(map(float, state)), self.parameters, running, size=size)

    def first_turn(self, dense: Dense, begin: float, end: float, state: Array) -> float | None:
        """The first moment of a step, to the last digit, at which a relation has changed its side.

        Args:
            dense: the state at any moment of the step.
            begin: of the step.
            end: of the step.
            state: at the beginning, which ``dense`` gives with rounding only.
        """
        if not self.moments.sides:
            return None
        before = self.sides(begin, state, self.running)

        def turned(now: float) -> bool:
            return self.sides(now, dense(now), self.run_on(dense, begin, now)) != before

        samples = SAMPLES if self.moments.closely else 1
        low = begin
        for high in np.linspace(begin, end, samples + 1)[1:].tolist():
            if turned(high):
                break
            low = high
        else:
            return None
        while low < (middle := low + (high - low) / 2) < high:
            if turned(middle):
                high = middle
            else:
                low = middle
        return float(high)

    def run_on(self, dense: Dense, begin: float, end: float) -> list[float]:
        """Running quantities at the end of a stretch."""
        out = list(self.running)
        for i, row in enumerate(self.moments.network.running):
            first, last = max(begin, row.begin), min(end, row.end)
            if first > last:
                continue
            points = np.linspace(first, last, SAMPLES + 1)

            def watched(now: float, i: int = i) -> float:
                return float(self._watched(now, dense(now))[i])

            if row.kind == "days":
                out[i] += _days_above(watched, points)
            elif row.kind == "peak":
                out[i] = max(out[i], -_lowest(lambda now, f=watched: -f(now), points))  # type: ignore[misc]
            else:
                out[i] = min(out[i], _lowest(watched, points))
        return out

    def _watched(self, now: float, state: Array) -> list[Any]:
        text, size = self.moments.text["watched"], len(self.running)
        return safely(text, now, list(map(float, state)), self.parameters, size=size)

    def happen(self, now: float, state: Array) -> Array:
        """Fire the events whose conditions have become true, in their order; the new state.

        After each, every condition is looked at again: one that is no longer true does not fire, others may join.

        Raises:
            ComputeError: events that set each other off without end.
        """
        events, state, waiting = self.moments.network.events, state.copy(), set[int]()
        for _ in range(MOST_AT_ONCE):
            self.running = self.run_on(lambda _, y=state: y, now, now)  # type: ignore[misc]
            held = [bool(one) for one in self._conditions(now, state)]
            waiting |= {k for k, (was, true) in enumerate(zip(self.held, held, strict=True)) if true and not was}
            waiting = {k for k in waiting if held[k] and self.fired[k] != events[k].most}
            self.held = held
            if not waiting:
                return state
            first = min(waiting)
            waiting.discard(first)
            state = self._fire(first, now, state)
        raise ComputeError(f"found events that set each other off without end on day {now:.6g}")

    def _conditions(self, now: float, state: Array) -> list[Any]:
        text, size = self.moments.text["conditions"], len(self.held)
        return safely(text, now, list(map(float, state)), self.parameters, self.running, size=size)

    def _fire(self, which: int, now: float, state: Array) -> Array:
        targets, text = self.moments.targets[which], self.moments.text["assign"]
        found = safely(text, which, now, list(map(float, state)), self.parameters, self.running, size=len(targets))
        state = state.copy()
        state[targets] = np.array(found, dtype=np.float64)
        self.fired[which] += 1
        if self.fired[which] == 1:
            self.first_day[which] = now
        return state


def _reads(one: sympy.Basic, levels: Mapping[str, sympy.Expr]) -> set[str]:
    """Names that an expression reads, directly or through levels."""
    names = {symbol.name for symbol in one.free_symbols}
    return names.union(*(_reads(levels[name], levels) for name in names & levels.keys()))


def _lowest(function: Callable[[float], float], points: Array) -> float:
    """The lowest value on a stretch: the lowest of the points, or a valley beside it."""
    values = [function(one) for one in points.tolist()]
    best = int(np.nanargmin(values)) if not np.isnan(values).all() else 0
    if 0 < best < len(points) - 1 and points[best - 1] < points[best + 1]:
        between = (points[best - 1], points[best + 1])
        found = minimize_scalar(function, bounds=between, method="bounded", options={"xatol": 1e-12})
        return min(values[best], float(found.fun))
    return values[best]


def _days_above(function: Callable[[float], float], points: Array) -> float:
    """Length of the parts of a stretch on which a function is above zero."""
    total = 0.0
    for a, b in zip(points.tolist(), points[1:].tolist(), strict=False):
        first, last = function(a), function(b)
        if first > 0 and last > 0:
            total += b - a
        elif first > 0 or last > 0:
            turn = brentq(function, a, b, xtol=1e-13) if first * last < 0 else (a if last > 0 else b)
            total += turn - a if first > 0 else b - turn
    return total

"""Network: states, levels, parameters, flows. The only thing that crosses from biology to machine code."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray

from perforin.model.functions import NUMERIC, Larger, Power, Step
from perforin.model.mechanism import symbol

__all__ = ["Entry", "EventRow", "FlowRow", "LevelRow", "Network", "RunningRow", "Slot", "State", "absolute_tolerance"]


CLONE_TOLERANCE = 1e-6
"""Absolute error of a clone [cell]: far below one cell, for an error there grows with the clone for years."""


def absolute_tolerance(unit: str) -> float:
    """Absolute error that a state may carry at a relative tolerance of 1e-5: 1e-2 cell, 1e-5 cell/uL, else 1e-8."""
    return {"cell": 1e-2, "cell/uL": 1e-5}.get(unit, 1e-8)


Product: TypeAlias = tuple[str | float, ...]
"""Numbers and names of parameters, multiplied."""


class State(NamedTuple):
    """A quantity with a memory; ``start`` is a product, or an expression of parameters.

    ``tolerance``: absolute error that it may carry at a relative tolerance of 1e-5, where its unit does not tell.
    """

    name: str
    unit: str
    start: Product | sympy.Expr = (0.0,)
    tolerance: float | None = None


class LevelRow(NamedTuple):
    """A quantity that follows from states; in an order in which levels can be evaluated."""

    name: str
    expression: sympy.Expr
    unit: str


class FlowRow(NamedTuple):
    """A rate from ``source`` to ``sink``; None is nowhere.

    A flow of another shape (two cells fuse, one cell leaves five fragments) has neither, but a ``change`` per state:
    (state, coefficient). The rate counts events: all changes of one event happen together.
    """

    name: str
    rate: sympy.Expr
    source: str | None = None
    sink: str | None = None
    change: tuple[tuple[str, float], ...] = ()

    @property
    def changes(self) -> tuple[tuple[str, float], ...]:
        """(state, coefficient): what one event of this flow does."""
        ends = ((self.source, -1.0), (self.sink, 1.0))
        return self.change or tuple((state, sign) for state, sign in ends if state is not None)


class Slot(NamedTuple):
    """A place for a parameter's value: ``mechanism.parameter[product,member]``; ``mechanism`` is "" for a noun's."""

    name: str
    unit: str
    mechanism: str
    parameter: str
    product: str = ""
    members: tuple[str, ...] = ()


class Entry(NamedTuple):
    """What one dose does to one state: state = state*keep + constant + amount*product(factors)."""

    dose: str
    unit: str
    state: str
    keep: float = 1.0
    constant: float = 0.0
    factors: tuple[str | float, ...] = ()


class RunningRow(NamedTuple):
    """What a course has shown so far, which conditions of events may read.

    ``kind``: "peak" or "nadir" of the expression, or "days" with it above zero; from ``begin`` to ``end`` [day].
    """

    name: str
    kind: Literal["peak", "nadir", "days"]
    expression: sympy.Expr
    begin: float = -math.inf
    end: float = math.inf


class EventRow(NamedTuple):
    """What happens at the moment a condition becomes true.

    ``condition``: relations, joined by And, Or and Not, of states, levels, parameters, running quantities and ``time``
    [day]. ``assignments``: (state, expression), all read before any is written. ``initially``: what the condition is
    taken to have been just before the start. ``most``: how often it may happen in one patient, None for any number.
    """

    name: str
    condition: sympy.Basic
    assignments: tuple[tuple[str, sympy.Expr], ...]
    initially: bool = False
    most: int | None = None


@dataclass(frozen=True)
class Network:
    """A composed model; hashable and serialisable. Rates do not know the time: one that must is given a state for it.

    ``observables`` names what is measured in a patient: (name, state or level, unit).
    ``clones`` lists the states whose extinction is counted: (state, "positive" or "negative").
    """

    states: tuple[State, ...]
    levels: tuple[LevelRow, ...]
    flows: tuple[FlowRow, ...]
    parameters: tuple[Slot, ...]
    entries: tuple[Entry, ...] = ()
    observables: tuple[tuple[str, str, str], ...] = ()
    clones: tuple[tuple[str, str], ...] = ()
    citations: tuple[str, ...] = ()
    events: tuple[EventRow, ...] = ()
    running: tuple[RunningRow, ...] = ()

    @cached_property
    def state_names(self) -> tuple[str, ...]:
        """Names of the states, in order."""
        return tuple(state.name for state in self.states)

    @cached_property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of the parameters, in order."""
        return tuple(slot.name for slot in self.parameters)

    @cached_property
    def level_names(self) -> tuple[str, ...]:
        """Names of the levels, in an order in which they can be evaluated."""
        return tuple(level.name for level in self.levels)

    @cached_property
    def flow_names(self) -> tuple[str, ...]:
        """Names of the flows, in order."""
        return tuple(flow.name for flow in self.flows)

    @cached_property
    def absolute_tolerances(self) -> NDArray[np.float64]:
        """(states,) absolute tolerance at a relative tolerance of 1e-5: by unit, and ``CLONE_TOLERANCE`` for clones."""
        clones = {name for name, _ in self.clones}
        usual = [CLONE_TOLERANCE if s.name in clones else absolute_tolerance(s.unit) for s in self.states]
        return np.array([t if s.tolerance is None else s.tolerance for s, t in zip(self.states, usual, strict=True)])

    @cached_property
    def hash(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the canonical text."""
        text = json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __hash__(self) -> int:
        return int(self.hash, 16)

    def start(self, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """State at the beginning.

        Args:
            parameters: (patients, parameters) values, columns in the order of ``parameter_names``.

        Returns:
            (patients, states) values.
        """
        return np.column_stack([self._start(state, parameters) for state in self.states])

    def _start(self, state: State, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        if isinstance(state.start, tuple):
            return self.product(state.start, parameters)
        with np.errstate(all="ignore"):  # a start that is not a number is named where patients are checked
            found = sympy.lambdify([symbol(name) for name in self.parameter_names], state.start, [NUMERIC, "numpy"])
            return np.broadcast_to(np.asarray(found(*parameters.T), dtype=np.float64), len(parameters))

    def product(self, factors: Product, parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """(patients,) product of numbers and named parameters."""
        column = {name: i for i, name in enumerate(self.parameter_names)}
        out = np.ones(len(parameters))
        for factor in factors:
            out = out * (parameters[:, column[factor]] if isinstance(factor, str) else factor)
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and strings; expressions as SymPy's srepr."""
        return {
            "states": [
                [n, u, list(start) if isinstance(start, tuple) else sympy.srepr(start), *([] if t is None else [t])]
                for n, u, start, t in self.states
            ],
            "levels": [[n, sympy.srepr(e), u] for n, e, u in self.levels],
            "flows": [[*(n, sympy.srepr(r), a, b), [list(one) for one in c]] for n, r, a, b, c in self.flows],
            "parameters": [[*slot[:5], list(slot.members)] for slot in self.parameters],
            "entries": [[*entry[:5], list(entry.factors)] for entry in self.entries],
            "observables": [list(row) for row in self.observables],
            "clones": [list(row) for row in self.clones],
            "citations": list(self.citations),
            "events": [
                [n, sympy.srepr(c), [[state, sympy.srepr(e)] for state, e in a], initially, most]
                for n, c, a, initially, most in self.events
            ],
            "running": [[n, kind, sympy.srepr(e), *map(str, window)] for n, kind, e, *window in self.running],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Network:
        """The inverse of ``to_dict``."""
        names = {"Larger": Larger, "Power": Power, "Step": Step}

        def read(text: str) -> sympy.Expr:
            return sympy.sympify(text, locals=names)

        return cls(
            states=tuple(
                State(n, u, read(start) if isinstance(start, str) else tuple(start), *tolerance)
                for n, u, start, *tolerance in data["states"]
            ),
            levels=tuple(LevelRow(n, read(e), u) for n, e, u in data["levels"]),
            flows=tuple(FlowRow(n, read(r), a, b, tuple((s, k) for s, k in c)) for n, r, a, b, c in data["flows"]),
            parameters=tuple(Slot(n, u, by, stem, of, tuple(m)) for n, u, by, stem, of, m in data["parameters"]),
            entries=tuple(Entry(d, u, s, keep, plus, tuple(by)) for d, u, s, keep, plus, by in data["entries"]),
            observables=tuple((a, b, c) for a, b, c in data["observables"]),
            clones=tuple((a, b) for a, b in data["clones"]),
            citations=tuple(data["citations"]),
            events=tuple(
                EventRow(n, read(c), tuple((s, read(e)) for s, e in a), initially, most)
                for n, c, a, initially, most in data["events"]
            ),
            running=tuple(RunningRow(n, k, read(e), float(a), float(b)) for n, k, e, a, b in data["running"]),
        )

    def slopes(self) -> tuple[sympy.Expr, ...]:
        """Right-hand side of each state: flows in less flows out (levels stay symbols)."""
        total: dict[str, sympy.Expr] = dict.fromkeys(self.state_names, sympy.Integer(0))
        for flow in self.flows:
            for state, coefficient in flow.changes:
                total[state] += flow.rate * (int(coefficient) if coefficient == int(coefficient) else coefficient)
        return tuple(total.values())

    def symbols(self) -> dict[str, sympy.Symbol]:
        """Symbol of every state, level and parameter by name."""
        return {name: symbol(name) for name in (*self.state_names, *self.level_names, *self.parameter_names)}

"""A network's events as C text: how fast each happens where the patient stands, and what it changes."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files

from perforin.errors import ModelError, UserError, nearest
from perforin.kernels import rosenbrock
from perforin.kernels.jacobian import jacobian
from perforin.kernels.lu import decomposition, fill, solution
from perforin.kernels.nodes import MOVING, Graph, Reader
from perforin.kernels.sharing import share
from perforin.kernels.writing import Writer
from perforin.model.network import FlowRow, Network

__all__ = ["VERSION", "events_of", "generate"]

VERSION = "10"
"""Part of the cache's key: raise it whenever the generated text would change."""
SMALLEST = 1e-300
"""Below this the base of a power counts as this."""


class _Staged(Graph):
    """A graph that tells what changes with every event (2) from the surroundings (1) and from parameters (0).

    Products take their factors in this order, so that what the surroundings contribute is a node of its own.
    """

    def __init__(self, counted: Sequence[int]) -> None:
        super().__init__()
        self.counted = frozenset(counted)
        self.moving: list[int] = []  # type: ignore[assignment]

    def node(self, *operation: object) -> int:
        """The number of an operation, new or known."""
        found = super().node(*operation)
        if operation[0] in MOVING:
            self.moving[found] = 2 if operation[0] == "state" and operation[1] in self.counted else 1
        else:
            self.moving[found] = max((self.moving[k] for k in self.operands(found)), default=0)
        return found

    def power(self, base: int, exponent: int) -> int:
        """base**exponent; the logarithm of a base that events do not change is taken once for all of them."""
        if self.moving[exponent] > self.moving[base]:
            logarithm = self.node("log", self.node("larger", base, self.number(SMALLEST)))
            return self.node("exp", self.product(exponent, logarithm))
        return super().power(base, exponent)

    def of_events(self) -> Graph:
        """The same graph in which only what changes with events moves."""
        out = copy.copy(self)
        out.moving = [stage == 2 for stage in self.moving]
        return out


def events_of(network: Network, counted: Sequence[str]) -> tuple[FlowRow, ...]:
    """Flows that change a counted state.

    Raises:
        ModelError: an event that changes a counted state by a number that is not whole.
    """
    out = []
    for flow in network.flows:
        steps = {state: change for state, change in flow.changes if state in counted}
        for state, change in steps.items():
            if change != int(change):
                raise ModelError(
                    f"found the flow {flow.name!r} that changes {state!r} by {change:g}; needed a whole number, for "
                    "cells are counted one by one"
                )
        if any(steps.values()):
            out.append(flow)
    return tuple(out)


class _Reading:
    """The expressions of a network as nodes of one graph."""

    def __init__(self, network: Network, counted: Sequence[str]) -> None:
        self.network = network
        self.place = {name: i for i, name in enumerate(network.state_names)}
        self.graph = _Staged([self.place[name] for name in counted])
        self.states = [self.graph.node("state", i) for i in self.place.values()]
        names = dict(zip(self.place, self.states, strict=True))
        names |= {name: self.graph.node("parameter", i) for i, name in enumerate(network.parameter_names)}
        self.reader = Reader(self.graph, names)
        for level in network.levels:
            self.reader.names[level.name] = self.reader.read(level.expression)
        # Rates do not know the time, conditions do.
        self.conditions = Reader(self.graph, {"time": self.graph.node("time"), **self.reader.names})
        self.levels = {name: self.reader.names[name] for name in (*network.state_names, *network.level_names)}

    def slopes(self) -> list[int]:
        """The slope of every state."""
        terms: dict[str, list[tuple[float, int]]] = {name: [] for name in self.place}
        for flow in self.network.flows:
            for state, change in flow.changes:
                terms[state].append((change, self.reader.read(flow.rate)))
        return share(self.graph, [self.graph.sum(parts) for parts in terms.values()])

    def reported(self, outputs: Sequence[str]) -> list[int]:
        """States, levels and flows by name, in this order where they share one."""
        network = self.network
        known = {flow.name: self.reader.read(flow.rate) for flow in network.flows} | self.levels
        for name in outputs:
            if name not in known:
                hint = nearest(name, known)
                raise UserError(f"found the output {name!r}; needed a state, a level or a flow of the network{hint}")
            if network.flow_names.count(name) > 1 and name not in self.levels:
                raise ModelError(f"found two flows named {name!r}; needed one to report it")
        return [known[name] for name in outputs]


def _mother(graph: _Staged, node: int) -> int:
    """The counted state that is a factor of a node just once, or -1."""
    states, left = [], [node]
    while left:
        name, *rest = graph.operations[graph.scaled(left.pop())[1]]
        if name == "product":
            left += rest
        elif name == "state" and rest[0] in graph.counted:
            states.append(rest[0])
    return min((i for i in states if states.count(i) == 1), default=-1)


Pieces = dict[str, int | str | list[str]]


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values)) or "0"


def _rows(table: Sequence[Sequence[float]]) -> str:
    return ", ".join("{" + _listed(map(repr, row)) + "}" for row in table)


def _sums(sizes: Sequence[int]) -> str:
    return _listed(sum(sizes[:k]) for k in range(len(sizes) + 1))


def _stores(into: str, places: Iterable[int]) -> list[str]:
    return [f"{into}[{k}] = {{}};" for k in places]


def generate(network: Network, outputs: Sequence[str], counted: Sequence[str], *, followed: bool) -> str:
    """Write the C source of a network's stochastic reading.

    Args:
        network: what to simulate.
        outputs: states, levels and flows to report.
        counted: states that can be counted cell by cell.
        followed: whether states that are not counted, or too many, follow differential equations.

    Raises:
        UserError: an output that the network does not have.
        ModelError: a function that kernels do not know, or an event that is not one of whole cells.
    """
    read = _Reading(network, counted)
    graph = read.graph
    events, seen = events_of(network, counted), read.reported(outputs)
    rates = [read.reader.read(flow.rate) for flow in events]
    inner = Writer(graph.of_events(), rates)
    conditions = [read.conditions.read(event.condition) for event in network.events]
    answers = [read.conditions.read(value) for event in network.events for _, value in event.assignments]
    slopes = read.slopes() if followed else []
    entries = jacobian(graph, slopes, read.states) if followed else {}
    outer = Writer(graph, [*inner.fixed, *seen, *conditions, *answers, *slopes, *entries.values()])
    folder = files("perforin.kernels")
    text = folder.joinpath("vector.c").read_text() + folder.joinpath("stochastic.c").read_text()
    pieces: Pieces = {
        "SURROUNDINGS": folder.joinpath("surroundings.c").read_text() if followed else "",
        "RESPONDING": folder.joinpath("responses.c").read_text() if network.events else "",
        "FOLLOWED": int(followed),
        "LANES": 1,
        "STATES": len(read.place),
        "FIXED": max(1, len(outer.fixed)),
        "AROUND": max(1, len(inner.fixed)),
        "OUTPUTS": len(outputs),
        "COUNTED": _listed(int(name in counted) for name in read.place),
        "DERIVE": outer.derive(),
        "SURROUND": outer.body([*inner.fixed], _stores("E", inner.fixed.values())),
        "OBSERVE": outer.body(seen, _stores("O", range(len(seen)))),
        "RESPONSES": len(network.events),
        "INITIALLY": _listed(int(event.initially) for event in network.events),
        "MOST": _listed(2**31 - 1 if event.most is None else event.most for event in network.events),
        "ASSIGNMENT": _sums([len(event.assignments) for event in network.events]),
        "TARGET": _listed(read.place[state] for event in network.events for state, _ in event.assignments),
        "JUDGE": outer.body(conditions, _stores("C", range(len(conditions)))),
        "ANSWER": outer.body(answers, _stores("A", range(len(answers)))),
    }
    pieces |= _of_events(read, events, rates, inner)
    if followed:
        pieces |= _equations(outer, slopes, entries)
    for name, piece in pieces.items():
        text = text.replace(f"@{name}@", "\n".join(piece) if isinstance(piece, list) else str(piece))
    return text


def _of_events(read: _Reading, events: Sequence[FlowRow], rates: Sequence[int], writer: Writer) -> Pieces:
    """How fast each kind of event happens, and what it changes."""
    changes = [[(read.place[s], c) for s, c in flow.changes if read.place[s] in read.graph.counted] for flow in events]
    mothers = [*(_mother(read.graph, rate) for rate in rates), -1]
    others = [k for k in range(len(rates)) if mothers[k] < 0]
    return {
        "EVENTS": len(events),
        "FIRST": _sums([len(row) for row in changes]),
        "WHERE": _listed(i for row in changes for i, _ in row),
        "CHANGE": _listed(c for row in changes for _, c in row),
        "RATES": writer.body(rates, _stores("A", range(len(rates)))),
        "MOTHER": _listed(max(mother, 0) for mother in mothers),
        "PROPORTIONAL": _listed(-int(mother >= 0) for mother in mothers),
        "OTHER_RATES": writer.body([rates[k] for k in others], _stores("A", others)),
    }


def _equations(writer: Writer, slopes: Sequence[int], entries: Mapping[tuple[int, int], int]) -> Pieces:
    """What surroundings.c needs: slopes, Jacobian and its factors, and the coefficients of the method."""
    n = len(slopes)
    pattern = fill(entries, n)
    slot = pattern.slot
    into_w = [f"W[{slot[entry]}] = -{{}};" for entry in entries]
    empty = [f"W[{k}] = vset(0.0);" for entry, k in slot.items() if entry not in entries]
    return {
        "FACTORS": len(slot),
        "SLOPE": writer.body(slopes, _stores("F", range(n))),
        "LINEARISE": [*writer.body([*slopes, *entries.values()], [*_stores("F", range(n)), *into_w]), *empty],
        "DECOMPOSE": decomposition(pattern),
        "SOLVE": solution(pattern),
        "ROW": _listed(i for i, _ in slot),
        "COLUMN": _listed(j for _, j in slot),
        "DIAGONAL": _listed(slot[i, i] for i in range(n)),
        "STAGE_A": _rows(rosenbrock.A),
        "STAGE_C": _rows(rosenbrock.C),
        "DENSE": _rows(rosenbrock.DENSE),
        "INVERSE_GAMMA": repr(1 / rosenbrock.GAMMA),
    }

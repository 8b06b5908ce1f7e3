"""A network's events as C text: how fast each happens where the patient stands, and what it changes."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from importlib.resources import files

from perforin.errors import ModelError, UserError, nearest
from perforin.kernels import rosenbrock
from perforin.kernels.jacobian import jacobian
from perforin.kernels.lu import decomposition, fill, solution
from perforin.kernels.nodes import Graph, Reader
from perforin.kernels.sharing import share
from perforin.kernels.writing import Writer
from perforin.model.network import FlowRow, Network

__all__ = ["VERSION", "events_of", "generate"]

VERSION = "5"
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
        if operation[0] == "state":
            self.moving[found] = 2 if operation[1] in self.counted else 1
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
        self.levels = {name: self.reader.names[name] for name in (*network.state_names, *network.level_names)}

    def slopes(self) -> list[int]:
        """The slope of every state."""
        terms: dict[str, list[tuple[float, int]]] = {name: [] for name in self.place}
        for flow in self.network.flows:
            for state, change in flow.changes:
                terms[state].append((change, self.reader.read(flow.rate)))
        return share(self.graph, [self.graph.sum(parts) for parts in terms.values()])

    def reported(self, outputs: Sequence[str]) -> list[int]:
        """States, levels and flows by name."""
        rates = {flow.name: flow.rate for flow in self.network.flows}
        for name in outputs:
            if name not in self.levels and name not in rates:
                hint = nearest(name, [*self.levels, *rates])
                raise UserError(f"found the output {name!r}; needed a state, a level or a flow of the network{hint}")
        return [self.levels[name] if name in self.levels else self.reader.read(rates[name]) for name in outputs]


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


def _rows(table: Sequence[Sequence[float]]) -> str:
    return ", ".join("{" + ", ".join(map(repr, row or (0.0,))) + "}" for row in table)


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
    graph, n, place = read.graph, len(read.place), read.place
    events = events_of(network, counted)
    rates, seen = [read.reader.read(flow.rate) for flow in events], read.reported(outputs)
    inner = Writer(graph.of_events(), rates)
    around = [*inner.fixed]
    slopes = read.slopes() if followed else []
    entries = jacobian(graph, slopes, read.states) if followed else {}
    outer = Writer(graph, [*around, *seen, *slopes, *entries.values()])
    changes = [[(place[s], c) for s, c in flow.changes if s in counted and c] for flow in events]
    mothers = [_mother(graph, rate) for rate in rates]
    others = [k for k, mother in enumerate(mothers) if mother < 0]
    pieces: Pieces = {
        "SURROUNDINGS": files("perforin.kernels").joinpath("surroundings.c").read_text() if followed else "",
        "FOLLOWED": int(followed),
        "LANES": 1,
        "STATES": n,
        "FIXED": max(1, len(outer.fixed)),
        "AROUND": max(1, len(around)),
        "OUTPUTS": len(outputs),
        "EVENTS": len(events),
        "COUNTED": ", ".join(str(int(name in counted)) for name in place),
        "FIRST": ", ".join(str(sum(map(len, changes[:k]))) for k in range(len(changes) + 1)),
        "WHERE": ", ".join([str(i) for row in changes for i, _ in row] or ["0"]),
        "CHANGE": ", ".join([repr(c) for row in changes for _, c in row] or ["0"]),
        "DERIVE": outer.derive(),
        "SURROUND": outer.body(around, [f"E[{k}] = {{}};" for k in range(len(around))]),
        "RATES": inner.body(rates, [f"A[{k}] = {{}};" for k in range(len(rates))]),
        "MOTHER": ", ".join(str(max(mother, 0)) for mother in [*mothers, 0]),
        "PROPORTIONAL": ", ".join(str(-int(mother >= 0)) for mother in [*mothers, -1]),
        "OTHER_RATES": inner.body([rates[k] for k in others], [f"A[{k}] = {{}};" for k in others]),
        "OBSERVE": outer.body(seen, [f"O[{k}] = {{}};" for k in range(len(seen))]),
    }
    if followed:
        pieces |= _equations(outer, slopes, entries)
    folder = files("perforin.kernels")
    text = folder.joinpath("vector.c").read_text() + folder.joinpath("stochastic.c").read_text()
    for name, piece in pieces.items():
        text = text.replace(f"@{name}@", "\n".join(piece) if isinstance(piece, list) else str(piece))
    return text


def _equations(writer: Writer, slopes: Sequence[int], entries: Mapping[tuple[int, int], int]) -> Pieces:
    """What surroundings.c needs: slopes, Jacobian and its factors, and the coefficients of the method."""
    n = len(slopes)
    pattern = fill(entries, n)
    slot = pattern.slot
    into_f = [f"F[{i}] = {{}};" for i in range(n)]
    into_w = [f"W[{slot[entry]}] = -{{}};" for entry in entries]
    empty = [f"W[{k}] = vset(0.0);" for entry, k in slot.items() if entry not in entries]
    return {
        "FACTORS": len(slot),
        "SLOPE": writer.body(slopes, into_f),
        "LINEARISE": [*writer.body([*slopes, *entries.values()], [*into_f, *into_w]), *empty],
        "DECOMPOSE": decomposition(pattern),
        "SOLVE": solution(pattern),
        "ROW": ", ".join(str(i) for i, _ in slot),
        "DIAGONAL": ", ".join(str(slot[i, i]) for i in range(n)),
        "STAGE_A": _rows(rosenbrock.A),
        "STAGE_C": _rows(rosenbrock.C),
        "DENSE": _rows(rosenbrock.DENSE),
        "INVERSE_GAMMA": repr(1 / rosenbrock.GAMMA),
    }

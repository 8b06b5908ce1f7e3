"""A network's events as C text: how fast each happens where the patient stands, and what it changes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from importlib.resources import files

from perforin.errors import ModelError, UserError, nearest
from perforin.kernels.nodes import Graph, Reader
from perforin.kernels.source import _Writer
from perforin.model.network import FlowRow, Network

__all__ = ["VERSION", "events_of", "generate"]

VERSION = "1"
"""Part of the cache's key: raise it whenever the generated text would change."""


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


def generate(network: Network, outputs: Sequence[str], counted: Sequence[str]) -> str:
    """Write the C source of a network's stochastic reading.

    Args:
        network: what to simulate.
        outputs: states, levels and flows to report.
        counted: states that are counted cell by cell.

    Raises:
        UserError: an output that the network does not have.
        ModelError: a function that kernels do not know, or an event that is not one of whole cells.
    """
    place = {name: i for i, name in enumerate(network.state_names)}
    graph = _Staged([place[name] for name in counted])
    names = {name: graph.node("state", i) for name, i in place.items()}
    names |= {name: graph.node("parameter", i) for i, name in enumerate(network.parameter_names)}
    reader = Reader(graph, names)
    for level in network.levels:
        reader.names[level.name] = reader.read(level.expression)
    events = events_of(network, counted)
    rates = [reader.read(flow.rate) for flow in events]
    known = {name: reader.names[name] for name in (*network.state_names, *network.level_names)}
    known |= {flow.name: reader.read(flow.rate) for flow in network.flows if flow.name in outputs}
    for name in outputs:
        if name not in known:
            hint = nearest(name, [*known, *network.flow_names])
            raise UserError(f"found the output {name!r}; needed a state, a level or a flow of the network{hint}")
    seen = [known[name] for name in outputs]
    inner = _Writer(graph.of_events(), rates)
    around = [*inner.fixed]
    outer = _Writer(graph, [*around, *seen])
    changes = [[(place[s], c) for s, c in flow.changes if s in counted and c] for flow in events]
    first = [sum(map(len, changes[:k])) for k in range(len(changes) + 1)]
    pieces = {
        "LANES": 1,
        "STATES": len(place),
        "PARAMETERS": max(1, len(network.parameters)),
        "FIXED": max(1, len(outer.fixed)),
        "AROUND": max(1, len(around)),
        "OUTPUTS": max(1, len(outputs)),
        "EVENTS": len(events),
        "COUNTED": ", ".join(str(int(name in counted)) for name in place),
        "FIRST": ", ".join(map(str, first)),
        "WHERE": ", ".join([str(i) for row in changes for i, _ in row] or ["0"]),
        "CHANGE": ", ".join([f"{c!r}" for row in changes for _, c in row] or ["0"]),
        "DERIVE": outer.derive(),
        "SURROUND": outer.body(around, [f"E[{k}] = {{}};" for k in range(len(around))]),
        "RATES": inner.body(rates, [f"A[{k}] = {{}};" for k in range(len(rates))]),
        "OBSERVE": outer.body(seen, [f"O[{k}] = {{}};" for k in range(len(seen))]),
    }
    folder = files("perforin.kernels")
    text = folder.joinpath("vector.c").read_text() + folder.joinpath("stochastic.c").read_text()
    for name, piece in pieces.items():
        text = text.replace(f"@{name}@", "\n".join(piece) if isinstance(piece, list) else str(piece))
    return text

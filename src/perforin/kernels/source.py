"""Network to C text: one straight-line function each for slopes, Jacobian, LU, solve and outputs."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from perforin.errors import ModelError, UserError, nearest
from perforin.kernels import rosenbrock
from perforin.kernels.jacobian import jacobian
from perforin.kernels.lu import Pattern, decomposition, fill, solution
from perforin.kernels.nodes import Graph, Reader
from perforin.kernels.sharing import share
from perforin.kernels.writing import Writer
from perforin.model.network import Network

__all__ = ["CUDA_PARTS", "VERSION", "Source", "default_outputs", "generate"]

VERSION = "12"
"""Part of the cache's key: raise it whenever the generated text would change."""


PARTS = ("vector.c", "step.c", "reductions.c", "events.c", "driver.c", "host.c")
CUDA_PARTS = ("cuda.c", *PARTS[:-1], "device.c")


@dataclass(frozen=True)
class Source:
    """C text with what a caller must know about it."""

    text: str
    entries: tuple[tuple[int, int], ...]
    facts: Mapping[str, float]


@dataclass(frozen=True)
class _Read:
    """A network as nodes of a graph."""

    graph: Graph
    states: tuple[int, ...]
    slopes: tuple[int, ...]
    outputs: tuple[int, ...]
    running: tuple[int, ...]
    conditions: tuple[int, ...]
    assigned: tuple[int, ...]


def default_outputs(network: Network) -> tuple[str, ...]:
    """States, then levels: what a kernel returns when nothing is asked for."""
    return (*network.state_names, *network.level_names)


def _read(network: Network, outputs: Sequence[str]) -> _Read:
    graph = Graph()
    states = tuple(graph.node("state", i) for i in range(len(network.states)))
    names = dict(zip(network.state_names, states, strict=True))
    names |= {name: graph.node("parameter", i) for i, name in enumerate(network.parameter_names)}
    reader = Reader(graph, names)
    for level in network.levels:
        reader.names[level.name] = reader.read(level.expression)
    rates = [reader.read(flow.rate) for flow in network.flows]
    terms: dict[str, list[tuple[float, int]]] = {name: [] for name in network.state_names}
    for flow, rate in zip(network.flows, rates, strict=True):
        for state, coefficient in flow.changes:
            terms[state].append((coefficient, rate))
    slopes = tuple(graph.sum(parts) for parts in terms.values())
    # A flow may have the name of a parameter: production.rate is both what flows and what it is proportional to.
    # Where a flow has the name of a state or a level, the name is theirs.
    known = dict(zip(network.flow_names, rates, strict=True))
    known |= {name: reader.names[name] for name in (*network.state_names, *network.level_names)}
    for name in outputs:
        if name not in known:
            hint = nearest(name, known)
            raise UserError(f"found the output {name!r}; needed a state, a level or a flow of the network{hint}")
        if network.flow_names.count(name) > 1 and name not in (*network.state_names, *network.level_names):
            raise ModelError(f"found two flows named {name!r}; needed one to report it")
    running, conditions, assigned = _events(network, reader)
    parts = (slopes, tuple(known[name] for name in outputs), running, conditions, assigned)
    shared = iter(share(graph, [node for part in parts for node in part]))
    return _Read(graph, states, *(tuple(next(shared) for _ in part) for part in parts))


def _events(network: Network, reader: Reader) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Expressions of running quantities, conditions, and what assignments give; these alone may read the time."""
    reader.names.setdefault("time", reader.graph.node("time"))
    running = tuple(reader.read(row.expression) for row in network.running)
    reader.names |= {row.name: reader.graph.node("running", i) for i, row in enumerate(network.running)}
    conditions = tuple(reader.read(event.condition) for event in network.events)
    return running, conditions, tuple(reader.read(value) for event in network.events for _, value in event.assignments)


def _event_pieces(network: Network, read: _Read, writer: Writer) -> dict[str, int | str | list[str]]:
    def listed(values: Sequence[object]) -> str:
        return ", ".join(map(str, values)) or "0"

    def stored(targets: Sequence[int], into: str) -> list[str]:
        return writer.body(targets, [f"{into}[{i}] = {{}};" for i in range(len(targets))])

    place = {name: i for i, name in enumerate(network.state_names)}
    counts = [len(event.assignments) for event in network.events]
    window = {-math.inf: "-INFINITY", math.inf: "INFINITY"}
    return {
        "EVENTS": len(network.events),
        "RUNNING": len(network.running),
        "JUDGE": stored(read.conditions, "C"),
        "FOLLOW": stored(read.running, "E"),
        "ANSWER": stored(read.assigned, "A"),
        "MOST": listed([2**31 - 1 if event.most is None else event.most for event in network.events]),
        "INITIALLY": listed([int(event.initially) for event in network.events]),
        "FIRST": listed([sum(counts[:k]) for k in range(len(counts) + 1)]),
        "TARGET": listed([place[state] for event in network.events for state, _ in event.assignments]),
        "RUNNING_KIND": listed([("peak", "nadir", "days").index(row.kind) for row in network.running]),
        "RUNNING_FROM": listed([window.get(row.begin, row.begin) for row in network.running]),
        "RUNNING_UNTIL": listed([window.get(row.end, row.end) for row in network.running]),
    }


def _stages() -> list[str]:
    lines = []
    for i in range(1, rosenbrock.STAGES):
        u = " + ".join(["Y[m]", *(f"({a!r})*k{j}" for j, a in enumerate(rosenbrock.A[i]))])
        if i > rosenbrock.STAGES - 3:
            u = f"U[m] + k{i - 1}"
        c = " + ".join(f"({c!r})*k{j}" for j, c in enumerate(rosenbrock.C[i]))
        known = " ".join(f"V k{j} = K[{j}][m];" for j in range(i))
        lines += [
            f"  for (int m = 0; m < STATES; m++) {{ {known} U[m] = {u}; K[{i}][m] = ih*({c}); }}",
            f"  slope(U, R, K[{i}]);",
            f"  solve(W, K[{i}]);",
        ]
    return lines


def _matrix(
    graph: Graph, entries: Mapping[tuple[int, int], int], pattern: Pattern
) -> tuple[list[int], list[str], list[str]]:
    """Targets and stores of 1/(h gamma) - J, and the statements for entries without a slope."""
    slot, targets, stores = pattern.slot, [], []
    for (i, j), node in entries.items():
        factor, inner = graph.scaled(node)
        whole = abs(factor) == 1.0
        targets.append(inner if whole else node)
        stores.append(f"W[{slot[i, j]}] = {'ihg ' if i == j else ''}{'+' if whole and factor < 0 else '-'} {{}};")
    rest = [f"W[{k}] = {'ihg' if i == j else 'vset(0.0)'};" for (i, j), k in slot.items() if (i, j) not in entries]
    return targets, stores, rest


def _joined(parts: Sequence[str], pieces: Mapping[str, int | str | list[str]]) -> str:
    folder = files("perforin.kernels")
    text = "".join(folder.joinpath(part).read_text() for part in parts)
    for name, piece in pieces.items():
        text = text.replace(f"@{name}@", "\n".join(piece) if isinstance(piece, list) else str(piece))
    return text


def generate(network: Network, outputs: Sequence[str], lanes: int = 8, parts: Sequence[str] = PARTS) -> Source:
    """Write the C source of a network's kernel.

    Args:
        network: what to solve.
        outputs: states, levels and flows to report.
        lanes: patients per vector; 1 gives scalar code.
        parts: files joined into the text; ``CUDA_PARTS``, with one lane, gives CUDA.

    Raises:
        UserError: an output that the network does not have.
        ModelError: a function that kernels do not know.
    """
    clock = time.perf_counter()
    read = _read(network, outputs)
    graph, n = read.graph, len(read.states)
    entries = jacobian(graph, read.slopes, read.states)
    pattern = fill(entries, n)
    targets, stores, rest = _matrix(graph, entries, pattern)
    followed = [*read.outputs, *read.running, *read.conditions, *read.assigned]
    writer = Writer(graph, [*read.slopes, *targets, *followed])
    position = {node: i for i, node in enumerate(read.states)}
    seen = sorted(position[node] for node in graph.needed(read.outputs) if node in position)
    if network.events:  # a step that an event cuts short ends in all states
        seen = list(range(n))
    into_f = [f"F[{i}] = {{}};" for i in range(n)]
    pieces: dict[str, int | str | list[str]] = {
        "STATES": n,
        "PARAMETERS": max(1, len(network.parameters)),
        "FIXED": max(1, len(writer.fixed)),
        "OUTPUTS": max(1, len(outputs)),
        "FACTORS": len(pattern.filled),
        "DENSE": len(seen),
        "LANES": lanes,
        "DERIVE": writer.derive(),
        "SLOPE": (slope := writer.body(read.slopes, [f"F[{i}] += {{}};" for i in range(n)])),
        "LINEARISE": (linearise := writer.body([*read.slopes, *targets], [*into_f, *stores]) + rest),
        "DECOMPOSE": decomposition(pattern),
        "SOLVE": solution(pattern),
        "OBSERVE": writer.body(read.outputs, [f"O[{i}] = {{}};" for i in range(len(outputs))]),
        "DENSE_C": ", ".join("{" + ", ".join(map(repr, row)) + "}" for row in rosenbrock.DENSE),
        "SEEN": ", ".join(map(str, [*seen, 0])),
        "PIVOT": ", ".join(str(pattern.slot[i, i]) for i in range(n)),
        "INVERSE_GAMMA": repr(1 / rosenbrock.GAMMA),
        "STAGES_C": _stages(),
    }
    pieces |= _event_pieces(network, read, writer)
    text = _joined(parts, pieces)
    facts = {
        "states": n,
        "jacobian_entries": len(entries),
        "factor_entries": len(pattern.filled),
        "slope_statements": len(slope),
        "linearise_statements": len(linearise),
        "fixed": len(writer.fixed),
        "kilobytes": round(len(text) / 1000),
        "generate_seconds": round(time.perf_counter() - clock, 3),
    }
    return Source(text, pattern.filled, facts)

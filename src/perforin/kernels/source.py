"""Network to C text: one straight-line function each for slopes, Jacobian, LU, solve and outputs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from perforin.errors import ModelError, UserError, nearest
from perforin.kernels import rosenbrock
from perforin.kernels.jacobian import jacobian
from perforin.kernels.lu import Pattern, decomposition, fill, solution
from perforin.kernels.nodes import CONDITIONS, Graph, Reader
from perforin.kernels.sharing import share
from perforin.model.network import Network

__all__ = ["VERSION", "Source", "default_outputs", "generate"]

VERSION = "5"
"""Part of the cache's key: raise it whenever the generated text would change."""


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
    known = {name: reader.names[name] for name in (*network.state_names, *network.level_names)}
    known |= dict(zip(network.flow_names, rates, strict=True))
    for name in outputs:
        if name not in known:
            hint = nearest(name, known)
            raise UserError(f"found the output {name!r}; needed a state, a level or a flow of the network{hint}")
        if network.flow_names.count(name) > 1:
            raise ModelError(f"found two flows named {name!r}; needed one to report it")
    shared = share(graph, [*slopes, *(known[name] for name in outputs)])
    return _Read(graph, states, tuple(shared[: len(states)]), tuple(shared[len(states) :]))


class _Writer:
    """Statements for nodes; parameter-only nodes that moving ones read are kept per patient in R."""

    def __init__(self, graph: Graph, targets: Iterable[int]) -> None:
        self.graph = graph
        wanted = dict.fromkeys(targets)
        border = {k: None for k in wanted if not graph.moving[k] and graph.value(k) is None}
        for node in graph.needed(wanted):
            if graph.moving[node]:
                border |= {k: None for k in graph.operands(node) if not graph.moving[k] and graph.value(k) is None}
        self.fixed = {node: k for k, node in enumerate(border)}

    def derive(self) -> list[str]:
        """Statements that fill R from the parameters P."""
        lines = [self._statement(node) for node in self.graph.needed(self.fixed)]
        return [*filter(None, lines), *(f"R[{k}] = (V){self._name(node)};" for node, k in self.fixed.items())]

    def body(self, targets: Sequence[int], stores: Sequence[str]) -> list[str]:
        """Statements that compute moving targets and store each as ``stores`` says (``{}`` is the value)."""
        lines, done, loaded = [], set[int](), set[int]()
        for target, store in zip(targets, stores, strict=True):
            for node in self.graph.needed([target]) if target not in done else ():
                if node in done or not (self.graph.moving[node] or node == target):
                    continue
                done.add(node)
                for k in (node, *self.graph.operands(node)):
                    if k in self.fixed and k not in loaded:
                        loaded.add(k)
                        lines.append(f"const {self._type(k)} n{k} = ({self._type(k)})R[{self.fixed[k]}];")
                if self.graph.moving[node]:
                    lines.append(self._statement(node))
            lines.append(store.format(self._vector(target)))
        return [line for line in lines if line]

    def _type(self, node: int) -> str:
        return "M" if self.graph.operations[node][0] in CONDITIONS else "V"

    def _name(self, node: int) -> str:
        value = self.graph.value(node)
        return f"n{node}" if value is None else repr(value)

    def _vector(self, node: int) -> str:
        value = self.graph.value(node)
        return f"n{node}" if value is None else f"vset({value!r})"

    def _statement(self, node: int) -> str:
        name, *rest = self.graph.operations[node]
        if name == "number":
            return ""
        if name in ("state", "parameter"):
            text = f"{'Y' if name == 'state' else 'P'}[{rest[0]}]"
        elif name == "sum":
            text = self._sum(rest[0], rest[1:])
        else:
            text = self._call(str(name), [self._vector(k) for k in rest])
        return f"const {self._type(node)} n{node} = {text};"

    def _sum(self, constant: float, terms: Sequence[tuple[float, int]]) -> str:
        parts = []
        for factor, node in sorted(terms, key=lambda term: (term[0] < 0, term[1])):
            size = "" if abs(factor) == 1.0 else f"{abs(factor)!r}*"
            parts.append(f"{'-' if factor < 0 else '+'} {size}n{node}")
        if constant:
            parts.append(f"{'-' if constant < 0 else '+'} {abs(constant)!r}")
        return " ".join(parts).removeprefix("+ ")

    def _call(self, name: str, a: list[str]) -> str:
        infix = {"product": "*", "less": "<", "at_most": "<=", "equal": "==", "and": "&", "or": "|"}
        if name in infix:
            return f" {infix[name]} ".join(a)
        if name == "inverse":
            return f"1.0/{a[0]}"
        if name == "not":
            return f"~{a[0]}"
        calls = {"where": "vsel", "power": "vpow", "larger": "vmax", "step": "vstep"}
        return f"{calls.get(name, 'v' + name)}({', '.join(a)})"


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


def generate(network: Network, outputs: Sequence[str], lanes: int = 8) -> Source:
    """Write the C source of a network's kernel.

    Args:
        network: what to solve.
        outputs: states, levels and flows to report.
        lanes: patients per vector; 1 gives scalar code.

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
    writer = _Writer(graph, [*read.slopes, *targets, *read.outputs])
    position = {node: i for i, node in enumerate(read.states)}
    seen = sorted(position[node] for node in graph.needed(read.outputs) if node in position)
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
        "INVERSE_GAMMA": repr(1 / rosenbrock.GAMMA),
        "STAGES_C": _stages(),
    }
    folder = files("perforin.kernels")
    text = folder.joinpath("vector.c").read_text() + folder.joinpath("driver.c").read_text()
    for name, piece in pieces.items():
        text = text.replace(f"@{name}@", "\n".join(piece) if isinstance(piece, list) else str(piece))
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

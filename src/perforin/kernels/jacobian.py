"""The exact sparse Jacobian by eliminating the vertices of the graph of operations, the cheapest first."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence

from perforin.kernels.nodes import Graph

__all__ = ["jacobian", "partials"]


STEEPEST = 1e6
"""The slope of x**n at zero is infinite for n < 1; bounded, it keeps the factors finite (steps do the rest)."""


def _at_most(graph: Graph, node: int, most: float) -> int:
    return graph.sum([(-1.0, graph.node("larger", graph.sum([(-1.0, node)]), graph.number(-most)))])


def partials(graph: Graph, node: int) -> dict[int, int]:
    """Slope of one operation by each operand that moves, as nodes."""
    name, *rest = graph.operations[node]
    one, zero = graph.number(1.0), graph.number(0.0)
    found: list[tuple[int, int]] = []
    match name:
        case "sum":
            found = [(operand, graph.number(factor)) for factor, operand in rest[1:]]
        case "product":
            found = [(rest[0], rest[1]), (rest[1], rest[0])]
        case "inverse":
            found = [(rest[0], graph.sum([(-1.0, graph.product(node, node))]))]
        case "sqrt":
            found = [(rest[0], graph.sum([(0.5, graph.inverse(node))]))]
        case "exp":
            found = [(rest[0], node)]
        case "log":
            found = [(rest[0], graph.inverse(rest[0]))]
        case "power":
            base, exponent = rest
            safe = graph.node("larger", base, graph.number(1e-300))
            steep = _at_most(graph, graph.product(node, graph.inverse(safe)), STEEPEST)
            found = [(base, graph.product(exponent, steep)), (exponent, graph.product(node, graph.node("log", safe)))]
        case "larger":
            test = graph.node("less", rest[1], rest[0])
            found = [(rest[0], graph.where(test, one, zero)), (rest[1], graph.where(test, zero, one))]
        case "where":
            found = [(rest[1], graph.where(rest[0], one, zero)), (rest[2], graph.where(rest[0], zero, one))]
    out: dict[int, int] = {}
    for operand, slope in found:
        if graph.moving[operand] and graph.value(slope) != 0.0:
            out[operand] = graph.sum([(1.0, out[operand]), (1.0, slope)]) if operand in out else slope
    return out


class _Elimination:
    """Edges of the graph with their slopes; outputs are vertices below zero."""

    def __init__(self, graph: Graph, slopes: Sequence[int], states: Sequence[int]) -> None:
        self.graph, self.states = graph, set(states)
        self.into: dict[int, dict[int, int]] = {}
        self.out: defaultdict[int, set[int]] = defaultdict(set)
        for node in graph.needed(slopes):
            if graph.moving[node] and node not in self.states:
                self.into[node] = partials(graph, node)
        self.middle = set(self.into)
        for i, slope in enumerate(slopes):
            self.into[-1 - i] = {slope: graph.number(1.0)} if graph.moving[slope] else {}
        for node, edges in self.into.items():
            for operand in edges:
                self.out[operand].add(node)

    def price(self, node: int) -> int:
        return len(self.into[node]) * len(self.out[node])

    def waits(self, node: int) -> bool:
        """A choice waits for its branches, so that an infinite slope of the branch not taken is never used."""
        return self.graph.operations[node][0] in ("where", "larger") and any(k in self.middle for k in self.into[node])

    def remove(self, node: int) -> set[int]:
        """Join every user of a vertex to everything it reads; returns the vertices whose price changed."""
        graph, edges = self.graph, self.into.pop(node)
        users = self.out.pop(node, set())
        for user in sorted(users):
            row = self.into[user]
            outer = row.pop(node)
            for operand, inner in edges.items():
                slope = graph.product(outer, inner)
                row[operand] = graph.sum([(1.0, row[operand]), (1.0, slope)]) if operand in row else slope
                self.out[operand].add(user)
        for operand in edges:
            self.out[operand].discard(node)
        self.middle.discard(node)
        return {k for k in users | edges.keys() if k in self.middle}

    def run(self) -> None:
        heap = [(self.price(node), node) for node in self.middle]
        heapq.heapify(heap)
        waiting: set[int] = set()
        while heap:
            price, node = heapq.heappop(heap)
            if node not in self.middle or price != self.price(node):
                continue
            if self.waits(node):
                waiting.add(node)
                continue
            changed = self.remove(node)
            ready = {k for k in waiting if not self.waits(k)}
            waiting -= ready
            for other in changed | ready:
                heapq.heappush(heap, (self.price(other), other))


def jacobian(graph: Graph, slopes: Sequence[int], states: Sequence[int]) -> dict[tuple[int, int], int]:
    """Nodes of the entries d slope_i / d state_j that are not zero.

    Levels and flows are eliminated, never inlined: each product of slopes is formed once (Griewank and Walther 2008,
    chapter 10; Markowitz order).
    """
    work = _Elimination(graph, slopes, states)
    work.run()
    column = {node: j for j, node in enumerate(states)}
    return {
        (i, column[node]): slope
        for i in range(len(slopes))
        for node, slope in work.into[-1 - i].items()
        if graph.value(slope) != 0.0
    }

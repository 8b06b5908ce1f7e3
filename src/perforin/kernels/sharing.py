"""Common parts of products and sums: the pair found most often is computed once, again and again until none repeats."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from perforin.kernels.nodes import LEAVES, Graph

__all__ = ["share"]

Part = tuple[float, Hashable]
"""A factor (with 1.0) or a term (with its number) of one product or sum."""
Pair = tuple[Hashable, Hashable, float]


@dataclass
class _Pairs:
    """Lists of parts in which pairs are replaced; a pair stands for ``a*b`` or ``a + ratio*b``."""

    rows: dict[int, list[Part]]
    ratio: Callable[[Part, Part], float]
    made: dict[Hashable, Pair] = field(default_factory=dict)
    count: Counter[Pair] = field(default_factory=Counter)
    where: defaultdict[Pair, set[int]] = field(default_factory=lambda: defaultdict(set))
    heap: list[tuple[int, str, Pair]] = field(default_factory=list)

    def pairs(self, row: Sequence[Part]) -> set[Pair]:
        ordered = sorted(row, key=lambda part: (str(type(part[1])), part[1]))
        return {(a[1], b[1], self.ratio(a, b)) for i, a in enumerate(ordered) for b in ordered[i + 1 :]}

    def enter(self, name: int, sign: int) -> None:
        for pair in self.pairs(self.rows[name]):
            self.count[pair] += sign
            (self.where[pair].add if sign > 0 else self.where[pair].discard)(name)
            if self.count[pair] > 1:
                heapq.heappush(self.heap, (-self.count[pair], str(pair), pair))

    def run(self) -> None:
        for name in self.rows:
            self.enter(name, 1)
        while self.heap:
            size, _, pair = heapq.heappop(self.heap)
            if self.count[pair] != -size or -size < 2:
                continue
            self.replace(pair)

    def replace(self, pair: Pair) -> None:
        new = f"pair{len(self.made):06d}"
        self.made[new] = pair
        for name in sorted(self.where[pair]):
            self.enter(name, -1)
            row = self.rows[name]
            first = next(part for part in row if part[1] == pair[0])
            row.remove(first)
            row.remove(next(part for part in row if part[1] == pair[1] and self.ratio(first, part) == pair[2]))
            row.append((first[0], new))
            self.enter(name, 1)


def _factors(graph: Graph, node: int) -> list[Part]:
    operation = graph.operations[node]
    if operation[0] != "product":
        return [(1.0, node)]
    return [*_factors(graph, operation[1]), *_factors(graph, operation[2])]


def share(graph: Graph, targets: Iterable[int]) -> list[int]:
    """Targets rebuilt in the same graph so that common parts of products and of sums are single nodes."""
    targets = list(targets)
    order = [node for node in graph.needed(targets) if graph.moving[node]]
    name = {node: graph.operations[node][0] for node in order}
    roots = {node for node in targets if name.get(node) == "product"}
    for node in order:
        if name[node] != "product":
            roots |= {k for k in graph.operands(node) if name.get(k) == "product"}
    products = _Pairs({node: _factors(graph, node) for node in order if node in roots}, lambda *_: 1.0)
    terms = {n: list(graph.operations[n][2:]) for n in order if name[n] == "sum" and len(graph.operations[n]) > 3}
    sums = _Pairs(terms, lambda a, b: b[0] / a[0])
    products.run()
    sums.run()
    build = _Builder(graph, products, sums)
    return [build(node) for node in targets]


class _Builder:
    """Rebuilds nodes from their operands up."""

    def __init__(self, graph: Graph, products: _Pairs, sums: _Pairs) -> None:
        self.graph, self.products, self.sums = graph, products, sums
        self.known: dict[Any, int] = {}

    def __call__(self, node: Any) -> int:
        if node not in self.known:
            self.known[node] = self._new(node)
        return self.known[node]

    def _part(self, pairs: _Pairs, node: Any) -> int:
        if not isinstance(node, str):
            return self(node)
        key = (id(pairs), node)
        if key not in self.known:
            a, b, ratio = pairs.made[node]
            first, second = self._part(pairs, a), self._part(pairs, b)
            if pairs is self.products:
                self.known[key] = self.graph.product(first, second)
            else:
                self.known[key] = self.graph.sum([(1.0, first), (ratio, second)])
        return self.known[key]

    def _new(self, node: int) -> int:
        graph = self.graph
        if not graph.moving[node]:
            return node
        name, *rest = graph.operations[node]
        if node in self.products.rows:
            return graph.product_of([self._part(self.products, k) for _, k in self.products.rows[node]])
        if name == "sum":
            terms = self.sums.rows.get(node, rest[1:])
            return graph.sum([(factor, self._part(self.sums, k)) for factor, k in terms], rest[0])
        if name in LEAVES:
            return node
        if name == "product":
            return graph.product(self(rest[0]), self(rest[1]))
        return graph.node(name, *(self(k) for k in rest))

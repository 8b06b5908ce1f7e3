"""Nodes of a graph as straight-line C."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from perforin.kernels.nodes import CONDITIONS, Graph

__all__ = ["Writer"]

LEAVES = {"state": "Y[{}]", "parameter": "P[{}]", "running": "Q[{}]", "time": "time"}


class Writer:
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
        if name in LEAVES:
            text = LEAVES[name].format(*rest)
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

"""Operations as a graph in which each is stored once; what depends on parameters only is marked as fixed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import sympy

from perforin.errors import ModelError
from perforin.model.functions import Larger, Power, Step

__all__ = ["Graph", "Operation", "Reader"]

Operation = tuple[Any, ...]
Term = tuple[float, int]
MOVING = ("state", "time", "running")
LEAVES = ("number", "parameter", *MOVING)
CONDITIONS = ("less", "at_most", "equal", "and", "or", "not")


class Graph:
    """Every operation has a number; equal operations have the same one, so sharing needs no search.

    Operations are tuples: ("number", value), ("state", i), ("parameter", i), ("time",), ("running", i),
    ("sum", constant, (factor, node), ...), ("product", a, b), ("inverse", a), ("sqrt", a), ("exp", a), ("log", a),
    ("power", a, b), ("larger", a, b), ("step", a), ("where", condition, a, b) and the conditions ("less", a, b),
    ("at_most", a, b), ("equal", a, b), ("and", ...), ("or", ...), ("not", a).
    """

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.moving: list[bool] = []
        self._known: dict[Operation, int] = {}

    def node(self, *operation: object) -> int:
        """The number of an operation, new or known."""
        found = self._known.get(operation)
        if found is None:
            found = self._known[operation] = len(self.operations)
            self.operations.append(operation)
            self.moving.append(operation[0] in MOVING or any(self.moving[k] for k in self.operands(found)))
        return found

    def operands(self, node: int) -> tuple[int, ...]:
        """What an operation reads."""
        name, *rest = self.operations[node]
        if name in LEAVES:
            return ()
        if name == "sum":
            return tuple(operand for _, operand in rest[1:])
        return tuple(rest)

    def number(self, value: float) -> int:
        """A constant."""
        return self.node("number", float(value))

    def value(self, node: int) -> float | None:
        """The value of a constant, else None."""
        operation = self.operations[node]
        return float(operation[1]) if operation[0] == "number" else None

    def scaled(self, node: int) -> Term:
        """A node as (factor, node): a sum of one term without constant is opened."""
        operation = self.operations[node]
        if operation[0] == "sum" and len(operation) == 3 and operation[1] == 0.0:
            factor, inner = operation[2]
            return factor, inner
        return 1.0, node

    def sum(self, terms: Iterable[Term], constant: float = 0.0) -> int:
        """A linear combination; parameter-only terms are grouped so that they are added once per patient."""
        factors: dict[int, float] = {}
        for factor, node in terms:
            number = self.value(node)
            if number is not None:
                constant += factor * number
                continue
            inner, base = self.scaled(node)
            factors[base] = factors.get(base, 0.0) + factor * inner
        kept = {node: factor for node, factor in factors.items() if factor != 0.0}
        still = [node for node in kept if not self.moving[node]]
        if len(kept) > len(still) and (len(still) > 1 or (still and constant != 0.0)):
            group = self.sum([(kept.pop(node), node) for node in still], constant)
            kept[group], constant = 1.0, 0.0
        if not kept:
            return self.number(constant)
        if constant == 0.0 and list(kept.values()) == [1.0]:
            return next(iter(kept))
        return self.node("sum", constant, *((kept[node], node) for node in sorted(kept)))

    def product(self, first: int, second: int) -> int:
        """A product of two; numbers become factors, and a mask of ones and zeros becomes a choice."""
        (a, first), (b, second) = self.scaled(first), self.scaled(second)
        for one, other in ((first, second), (second, first)):
            number = self.value(one)
            if number is not None:
                return self.sum([(a * b * number, other)])
            mask = self.operations[one]
            if mask[0] == "where" and {self.value(mask[2]), self.value(mask[3])} == {0.0, 1.0}:
                chosen = self.sum([(a * b, other)])
                branches = [chosen if self.value(k) == 1.0 else k for k in mask[2:]]
                return self.node("where", mask[1], *branches)
        return self.sum([(a * b, self.node("product", min(first, second), max(first, second)))])

    def product_of(self, factors: Iterable[int]) -> int:
        """A product of many: parameters first (once per patient), then the rest in a fixed order."""
        ordered = sorted(factors, key=lambda node: (self.moving[node], node))
        return reduce(self.product, ordered, self.number(1.0))

    def inverse(self, node: int) -> int:
        """One over a node."""
        factor, inner = self.scaled(node)
        number = self.value(inner)
        if number is not None:
            return self.number(1.0 / (factor * number))
        return self.sum([(1.0 / factor, self.node("inverse", inner))])

    def power(self, base: int, exponent: int) -> int:
        """base**exponent: whole exponents by squaring, halves by square roots, the rest for base >= 0."""
        number = self.value(exponent)
        if number is not None and number == int(number):
            whole, square, left = self.number(1.0), base, abs(int(number))
            while left:
                if left & 1:
                    whole = self.product(whole, square)
                square, left = self.product(square, square), left >> 1
            return whole if number >= 0 else self.inverse(whole)
        if number is not None and abs(number) == 0.5:
            root = self.node("sqrt", base)
            return root if number > 0 else self.inverse(root)
        return self.node("power", base, exponent)

    def where(self, condition: int, first: int, second: int) -> int:
        """A choice between two."""
        return first if first == second else self.node("where", condition, first, second)

    def needed(self, targets: Iterable[int]) -> list[int]:
        """Every node that the targets need, operands before their users, in the order of the targets."""
        done: dict[int, None] = {}
        for target in targets:
            stack = [(target, False)]
            while stack:
                node, ready = stack.pop()
                if node in done:
                    continue
                if ready:
                    done[node] = None
                else:
                    stack.append((node, True))
                    stack.extend((k, False) for k in reversed(self.operands(node)) if k not in done)
        return list(done)


class Reader:
    """Reads SymPy expressions into a graph; ``names`` says which node each symbol is."""

    def __init__(self, graph: Graph, names: Mapping[str, int]) -> None:
        self.graph = graph
        self.names = dict(names)
        self._read: dict[sympy.Basic, int] = {}

    def read(self, expression: sympy.Basic) -> int:
        """The node of an expression.

        Raises:
            ModelError: a symbol without a meaning, or a function that kernels do not know.
        """
        found = self._read.get(expression)
        if found is None:
            found = self._read[expression] = self._new(expression)
        return found

    def _new(self, expression: sympy.Basic) -> int:
        graph = self.graph
        if isinstance(expression, sympy.Symbol):
            if expression.name not in self.names:
                raise ModelError(f"found the symbol {expression.name!r}; needed a state, a level or a parameter")
            return self.names[expression.name]
        if isinstance(expression, sympy.Expr) and expression.is_number and not expression.has(Larger, Power, Step):
            return graph.number(float(expression))
        if isinstance(expression, sympy.Add):
            return graph.sum([self._term(part) for part in expression.args])
        if isinstance(expression, sympy.Mul):
            return graph.product_of([self.read(part) for part in expression.args])
        if isinstance(expression, sympy.Piecewise):
            return self._piecewise(expression)
        inside = [self.read(part) for part in expression.args]
        if isinstance(expression, sympy.Pow | Power):
            return graph.power(*inside)
        if isinstance(expression, Larger):
            return graph.node("larger", *inside)
        if isinstance(expression, Step | sympy.exp | sympy.log):
            return graph.node(expression.func.__name__.lower(), *inside)
        return self._condition(expression, inside)

    def _term(self, part: sympy.Expr) -> Term:
        factor, rest = part.as_coeff_Mul()
        return float(factor), self.read(rest)

    def _piecewise(self, expression: sympy.Piecewise) -> int:
        *pieces, (last, always) = expression.args
        if always is not sympy.true:
            raise ModelError(f"found a choice without an 'otherwise': {expression}; needed where(test, a, b)")
        out = self.read(last)
        for value, test in reversed(pieces):
            out = self.graph.where(self.read(test), self.read(value), out)
        return out

    def _condition(self, expression: sympy.Basic, inside: list[int]) -> int:
        node = self.graph.node
        match expression:
            case sympy.logic.boolalg.BooleanTrue() | sympy.logic.boolalg.BooleanFalse():
                return node("less", self.graph.number(0.0), self.graph.number(float(bool(expression))))
            case sympy.StrictLessThan():
                return node("less", *inside)
            case sympy.StrictGreaterThan():
                return node("less", *reversed(inside))
            case sympy.LessThan():
                return node("at_most", *inside)
            case sympy.GreaterThan():
                return node("at_most", *reversed(inside))
            case sympy.Equality():
                return node("equal", *inside)
            case sympy.Unequality():
                return node("not", node("equal", *inside))
            case sympy.And() | sympy.Or() | sympy.Not():
                return node(type(expression).__name__.lower(), *inside)
        known = "+ - * / ** exp log sqrt power maximum minimum where"
        raise ModelError(f"found the function {type(expression).__name__} in a rate; kernels know {known}")

"""LU factors with a fixed pattern: the order is chosen once, so the code has no loops and no tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Pattern", "decomposition", "fill", "solution"]


@dataclass(frozen=True)
class Pattern:
    """Where the factors of a matrix have entries, in which order rows are eliminated, and where each is stored."""

    size: int
    order: tuple[int, ...]
    entries: frozenset[tuple[int, int]]
    filled: tuple[tuple[int, int], ...]

    @property
    def slot(self) -> dict[tuple[int, int], int]:
        """Place of each entry in the stored factors."""
        return {entry: k for k, entry in enumerate(self.filled)}


def fill(entries: Iterable[tuple[int, int]], size: int) -> Pattern:
    """Pivots down the diagonal in Markowitz order (1957): the pivot that can fill least goes first."""
    given = frozenset(entries) | {(i, i) for i in range(size)}
    rows = {i: {j for a, j in given if a == i} for i in range(size)}
    columns = {j: {i for i, b in given if b == j} for j in range(size)}
    left, order, filled = set(range(size)), [], set(given)
    while left:
        pivot = min(left, key=lambda k: ((len(rows[k] & left) - 1) * (len(columns[k] & left) - 1), k))
        left.discard(pivot)
        order.append(pivot)
        for i in columns[pivot] & left:
            for j in rows[pivot] & left:
                filled.add((i, j))
                rows[i].add(j)
                columns[j].add(i)
    place = {k: q for q, k in enumerate(order)}
    ranked = sorted(filled, key=lambda entry: (min(place[entry[0]], place[entry[1]]), place[entry[0]], place[entry[1]]))
    return Pattern(size, tuple(order), given, tuple(ranked))


def decomposition(pattern: Pattern) -> list[str]:
    """Statements that turn the matrix stored in W into its factors; the diagonal is stored inverted."""
    slot, lines = pattern.slot, []
    for q, k in enumerate(pattern.order):
        later = pattern.order[q + 1 :]
        lines.append(f"W[{slot[k, k]}] = 1.0/W[{slot[k, k]}];")
        for i in later:
            if (i, k) not in slot:
                continue
            lines.append(f"{{V x = W[{slot[i, k]}] = W[{slot[i, k]}]*W[{slot[k, k]}];")
            lines += [f"W[{slot[i, j]}] -= x*W[{slot[k, j]}];" for j in later if (k, j) in slot]
            lines.append("}")
    return lines


def solution(pattern: Pattern) -> list[str]:
    """Statements that solve in place for the right-hand side B."""
    slot, order = pattern.slot, pattern.order
    lines = [f"V b{i} = B[{i}];" for i in range(pattern.size)]
    for q, i in enumerate(order):
        terms = "".join(f" - W[{slot[i, k]}]*b{k}" for k in order[:q] if (i, k) in slot)
        if terms:
            lines.append(f"b{i} = b{i}{terms};")
    for q in range(pattern.size - 1, -1, -1):
        i = order[q]
        # What becomes known last is subtracted last, so that long sums do not wait for it.
        terms = "".join(f" - W[{slot[i, j]}]*b{j}" for j in reversed(order[q + 1 :]) if (i, j) in slot)
        lines.append(f"b{i} = (b{i}{terms})*W[{slot[i, i]}];")
    return [*lines, *(f"B[{i}] = b{i};" for i in range(pattern.size))]

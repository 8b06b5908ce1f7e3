"""The steps of a process: what comes after what, how long it takes, what is lost, and the path that decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perforin.errors import nearest
from perforin.evidence.parameters import Row
from perforin.making.numbers import Reader
from perforin.streams import Streams

__all__ = ["Step", "critical_path", "downstream", "durations", "finishes", "read_steps", "upstream"]

Array = NDArray[np.float64]

_KEYS = ("name", "after", "duration", "yield", "failure", "cost", "line", "stored", "note")


@dataclass(frozen=True)
class Step:
    """One step: it begins when all those in ``after`` have ended.

    ``duration`` [day] with its spread between batches; ``recovered`` the share of cells that come out (``yield`` in
    the file; None: all), ``failure`` the share of batches lost in it, ``cost`` of its materials and services [USD];
    ``on_line`` (``line`` in the file): it holds a production line; ``stored``: finished doses rest here until somebody
    needs them.
    """

    name: str
    after: tuple[str, ...]
    duration: Row
    recovered: Row | None = None
    failure: Row | None = None
    cost: Row | None = None
    stored: bool = False
    on_line: bool = False

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its numbers."""
        return tuple(row for row in (self.duration, self.recovered, self.failure, self.cost) if row is not None)


def read_steps(reader: Reader, items: Any) -> tuple[Step, ...]:
    """Steps in an order in which they can be done.

    Raises:
        UserError: no list, a step without a name or twice, one that comes after a step that is not there or after
            itself (the cycle is spelt out), a yield or failure above 1, a negative duration or cost, two stores.
    """
    if not isinstance(items, Sequence) or isinstance(items, str) or not items:
        raise reader.refuse(f"found steps that are {items!r}; needed a list, each with name and duration", ("steps",))
    steps: dict[str, Step] = {}
    for place, item in enumerate(items):
        step = _read(reader, item, place)
        if step.name in steps:
            raise reader.refuse(f"found the step {step.name!r} twice; needed it once", ("steps", place, "name"))
        steps[step.name] = step
    names = list(steps)
    for place, step in enumerate(steps.values()):
        for other in step.after:
            if other not in steps:
                problem = f"step {step.name!r}: found it after {other!r}, which is no step; needed one of {names}"
                raise reader.refuse(problem + nearest(other, names), ("steps", place, "after"))
    try:
        order = list(TopologicalSorter({step.name: step.after for step in steps.values()}).static_order())
    except CycleError as problem:
        circle = problem.args[1][::-1]
        where = ("steps", names.index(circle[0]), "after")
        raise reader.refuse(f"found steps that wait for each other: {' -> '.join(circle)}; needed one that begins",
                            where) from None  # fmt: skip
    stores = [name for name in names if steps[name].stored]
    if len(stores) > 1:
        raise reader.refuse(f"found {len(stores)} steps with 'stored', {stores}; needed at most one", ("steps",))
    return tuple(steps[name] for name in order)


def _read(reader: Reader, item: Any, place: int) -> Step:
    at = ("steps", place)
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise reader.refuse(f"found the step {item!r}; needed a mapping with name and duration", at)
    reader.check_keys(item, at, _KEYS)
    after = item.get("after", [])
    if not isinstance(after, list) or not all(isinstance(name, str) for name in after):
        raise reader.refuse(f"found after: {after!r}; needed a list of steps", (*at, "after"))
    for mark in ("stored", "line"):
        if not isinstance(item.get(mark, False), bool):
            raise reader.refuse(f"found {mark}: {item[mark]!r}; needed true or false", (*at, mark))
    return Step(
        name=item["name"], after=tuple(after), stored=item.get("stored", False), on_line=item.get("line", False),
        duration=reader.number(item, (*at, "duration"), "day"),
        recovered=reader.positive(item, (*at, "yield"), "", 1.0) if item.get("yield") is not None else None,
        failure=reader.optional(item, (*at, "failure"), "", 1.0),
        cost=reader.optional(item, (*at, "cost"), "USD"),
    )  # fmt: skip


def durations(steps: Sequence[Step], ids: NDArray[np.int64], streams: Streams) -> dict[str, Array]:
    """(n,) days of each step for each batch or patient; a step's luck is its own, and the same in every process."""
    return {
        step.name: step.duration.quantile(streams.normal(f"duration of {step.name}", ids)) for step in steps
    }


def finishes(steps: Sequence[Step], lasting: Mapping[str, Any]) -> dict[str, Any]:
    """When each step ends, from the start of the first [day]; steps that are not among these count as done.

    Args:
        steps: in an order in which they can be done.
        lasting: days of each step, numbers or arrays.
    """
    ends: dict[str, Any] = {}
    for step in steps:
        begin: Any = 0.0
        for name in step.after:
            begin = np.maximum(begin, ends.get(name, 0.0))
        ends[step.name] = begin + lasting[step.name]
    return ends


def critical_path(steps: Sequence[Step]) -> tuple[str, ...]:
    """Names of the steps that decide how long it takes at the central durations, first to last."""
    if not steps:
        return ()
    by_name = {step.name: step for step in steps}
    ends = finishes(steps, {step.name: step.duration.value for step in steps})
    path = [max(ends, key=lambda name: ends[name])]
    while known := [name for name in by_name[path[0]].after if name in ends]:
        path.insert(0, max(known, key=lambda name: ends[name]))
    return tuple(path)


def upstream(steps: Sequence[Step], name: str) -> tuple[Step, ...]:
    """The step of that name and all that must be done before it, in order."""
    by_name, wanted = {step.name: step for step in steps}, {name}
    for step in reversed(steps):
        if step.name in wanted:
            wanted |= set(by_name[step.name].after)
    return tuple(step for step in steps if step.name in wanted)


def downstream(steps: Sequence[Step], name: str) -> tuple[Step, ...]:
    """All that must wait for the step of that name, in order, without it."""
    reached = {name}
    for step in steps:
        if reached & set(step.after):
            reached.add(step.name)
    return tuple(step for step in steps if step.name in reached - {name})

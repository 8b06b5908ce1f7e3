"""A network with values, start and doses, in the form that SBML and Antimony share."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import sympy
from numpy.typing import NDArray

from perforin.errors import UserError, nearest
from perforin.model.network import Network
from perforin.model.write.formula import infix
from perforin.model.write.names import Identifiers
from perforin.model.write.unit_table import UnitTable
from perforin.units import same

__all__ = ["Dose", "Event", "Exchange", "Function", "Quantity", "Transfer", "Values", "exchange"]

Values: TypeAlias = Mapping[str, float] | Sequence[float] | NDArray[np.float64]
Dose: TypeAlias = tuple[float, str, float, float]
"""(day, state, keep, add): at that day state = state*keep + add."""


class Quantity(NamedTuple):
    """A state, level or parameter: identifier, name, unit, and a number or a formula."""

    id: str
    name: str
    unit: str
    value: float = math.nan
    formula: str = ""


class Transfer(NamedTuple):
    """A flow between identifiers ("" is nowhere); ``reads`` are the counted states its rate names directly."""

    id: str
    name: str
    unit: str
    rate: str
    source: str
    sink: str
    reads: tuple[str, ...]


class Function(NamedTuple):
    """A formula with its arguments, used where a formula names a level more than once or inside a function.

    Tools that put the formula of a level in place of its name, as libRoadRunner does, would otherwise need time and
    memory that grow exponentially with the depth of levels; a call reads each argument once.
    """

    id: str
    arguments: tuple[str, ...]
    body: str


class Event(NamedTuple):
    """Doses of one time: (state's identifier, keep, identifier of the amount, amount, unit) for each state."""

    id: str
    time: float
    changes: tuple[tuple[str, float, str, float, str], ...]


@dataclass(frozen=True)
class Exchange:
    """What is written: counted states with reactions between them, other states with rates, levels, parameters."""

    title: str
    begin: float
    units: UnitTable
    counted: tuple[Quantity, ...]
    measured: tuple[Quantity, ...]
    parameters: tuple[Quantity, ...]
    levels: tuple[Quantity, ...]
    reactions: tuple[Transfer, ...]
    rates: tuple[Transfer, ...]
    slopes: Mapping[str, str]
    functions: tuple[Function, ...]
    events: tuple[Event, ...]
    citations: tuple[str, ...]

    @property
    def rows(self) -> tuple[Quantity | Transfer, ...]:
        """Everything that has a name in the network."""
        return (*self.counted, *self.measured, *self.parameters, *self.levels, *self.reactions, *self.rates)


def _numbers(given: Values, names: Sequence[str], what: str) -> dict[str, float]:
    if isinstance(given, Mapping):
        for name in names:
            if name not in given:
                raise UserError(f"found no value for the {what} {name!r}{nearest(name, given)}; needed one for each")
        return {name: float(given[name]) for name in names}
    numbers = np.asarray(given, dtype=float).ravel()
    if len(numbers) != len(names):
        raise UserError(f"found {len(numbers)} values of {what}s; needed {len(names)}, one for each")
    return dict(zip(names, map(float, numbers), strict=True))


class _Formulas:
    """Writes expressions, as calls of a function where a level stands in them more than once."""

    def __init__(self, ids: Mapping[str, str], levels: Iterable[str], give: Identifiers) -> None:
        self.ids, self.levels, self.give = ids, {ids[name] for name in levels}, give
        self.functions: list[Function] = []

    def write(self, expression: sympy.Expr, identifier: str) -> str:
        text = infix(expression, self.ids)
        words = re.findall(r"[A-Za-z_]\w*", text)
        once = all(words.count(level) == 1 for level in self.levels.intersection(words))
        if once and not any(self._reads_level(part) for part in sympy.preorder_traversal(expression)):
            return text
        arguments = tuple(sorted(self.ids[symbol.name] for symbol in expression.free_symbols))
        function = Function(self.give.give(f"form_of_{identifier}"), arguments, text)
        self.functions.append(function)
        return f"{function.id}({', '.join(arguments)})"

    def _reads_level(self, part: sympy.Basic) -> bool:
        """Whether this is a function, choice or power with a level inside, which libRoadRunner reads twice."""
        plain = not isinstance(part, sympy.Function | sympy.Pow) or (part.is_Pow and part.exp == -1)
        return not plain and any(self.ids[symbol.name] in self.levels for symbol in part.free_symbols)


def _events(doses: Iterable[Dose], begin: float, states: Mapping[str, Quantity], give: Identifiers) -> list[Event]:
    days: dict[float, dict[str, tuple[float, float]]] = {}
    for day, state, keep, add in doses:
        if state not in states:
            raise UserError(f"found a dose into {state!r}, which is not a state{nearest(state, states)}")
        if math.isinf(day) and day > 0:
            continue
        if not day >= begin:
            raise UserError(f"found a dose on day {day:g}; needed day {begin:g}, where the simulation begins, or later")
        before = days.setdefault(float(day), {}).get(state, (1.0, 0.0))
        days[float(day)][state] = (float(before[0] * keep), float(before[1] * keep + add))
    events = []
    for number, (day, changes) in enumerate(sorted(days.items()), start=1):
        name = give.give(f"dose_{number}")
        rows = [
            (states[state].id, keep, give.give(f"{name}_{states[state].id}"), add, states[state].unit)
            for state, (keep, add) in sorted(changes.items())
        ]
        events.append(Event(name, day - begin, tuple(rows)))
    return events


def exchange(
    network: Network, values: Values, start: Values, doses: Iterable[Dose] = (), *, begin: float = 0.0, title: str = ""
) -> Exchange:
    """Give every part an identifier and every expression a text.

    Args:
        network: the model.
        values: one number for each parameter, by name or in the network's order.
        start: one number for each state, by name or in the network's order.
        doses: (day, state, keep, add): at that day state = state*keep + add; infinite days never come.
        begin: the day that is time zero in the file [day].
        title: what the model is called.

    Raises:
        UserError: a missing value, a dose into no state, or one before ``begin``.
    """
    units = UnitTable()
    for rows in (network.states, network.levels, network.parameters):
        for row in rows:
            units.identifier(row.unit)
    for unit in ("day", *(_per_day(state.unit) for state in network.states)):
        units.identifier(unit)
    give = Identifiers([*units.definitions, "body"])
    ids = {name: give.give(name) for name in (*network.state_names, *network.level_names, *network.parameter_names)}
    numbers = _numbers(values, network.parameter_names, "parameter")
    starts = _numbers(start, network.state_names, "state")
    states = {s.name: Quantity(ids[s.name], s.name, s.unit, starts[s.name]) for s in network.states}
    counts = {name for name, row in states.items() if same(row.unit, "cell")}
    formulas = _Formulas(ids, network.level_names, give)
    reactions, rates, slopes = [], [], {states[name].id: "" for name in states if name not in counts}
    for name, rate, source, sink, _ in network.flows:
        ends = [ids[end] if end else "" for end in (source, sink)]
        unit = _per_day(states[str(source or sink)].unit)
        reads = sorted(ids[s.name] for s in rate.free_symbols if s.name in counts and s.name not in (source, sink))
        own = give.give(name, "flow")
        moved = Transfer(own, name, unit, formulas.write(rate, own), ends[0], ends[1], tuple(reads))
        if (source or sink) in counts:
            reactions.append(moved)
            continue
        rates.append(moved)
        for end, sign in zip(ends, "-+", strict=True):
            if end:
                slopes[end] += f" {sign} {moved.id}"
    return Exchange(
        title=title,
        begin=begin,
        units=units,
        counted=tuple(row for name, row in states.items() if name in counts),
        measured=tuple(row for name, row in states.items() if name not in counts),
        parameters=tuple(Quantity(ids[p.name], p.name, p.unit, numbers[p.name]) for p in network.parameters),
        levels=tuple(Quantity(ids[n], n, u, formula=formulas.write(e, ids[n])) for n, e, u in network.levels),
        reactions=tuple(reactions),
        rates=tuple(rates),
        slopes={name: text.removeprefix(" + ").strip() for name, text in slopes.items() if text},
        functions=tuple(formulas.functions),
        events=tuple(_events(doses, begin, states, give)),
        citations=network.citations,
    )


def _per_day(unit: str) -> str:
    return f"({unit})/day" if unit else "1/day"

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

from perforin.errors import ModelError, UserError, nearest
from perforin.model.mechanism import symbol
from perforin.model.network import Network
from perforin.model.write.formula import infix
from perforin.model.write.names import Identifiers
from perforin.model.write.unit_table import UnitTable, is_substance
from perforin.units import same

__all__ = ["Dose", "Event", "Exchange", "Function", "Happening", "Quantity", "Transfer", "Values", "exchange"]

TIME = "time"
"""The state that tells rates the time is not written: other formats have a word of the same name for it."""

Values: TypeAlias = Mapping[str, float] | Sequence[float] | NDArray[np.float64]
Dose: TypeAlias = tuple[float, str, float, float]
"""(day, state, keep, add): at that day state = state*keep + add."""


class Quantity(NamedTuple):
    """A state, level or parameter: identifier, name, unit, and a number or a formula (of a state: where it begins)."""

    id: str
    name: str
    unit: str
    value: float = math.nan
    formula: str = ""


class Transfer(NamedTuple):
    """A flow: (identifier, coefficient) of each counted state it changes, and those that its rate names besides."""

    id: str
    name: str
    unit: str
    rate: str
    changes: tuple[tuple[str, float], ...]
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


class Happening(NamedTuple):
    """An event of the network: the formula of its condition, and (identifier, formula) for each assignment."""

    id: str
    name: str
    condition: str
    initially: bool
    assignments: tuple[tuple[str, str], ...]
    priority: int


@dataclass(frozen=True)
class Exchange:
    """What is written: counted states with reactions between them, other states with rates, levels, parameters."""

    title: str
    begin: float
    time: str
    substance: str
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
    happenings: tuple[Happening, ...]
    citations: tuple[str, ...]

    @property
    def rows(self) -> tuple[Quantity | Transfer | Happening, ...]:
        """Everything that has a name in the network."""
        quantities = (*self.counted, *self.measured, *self.parameters, *self.levels)
        return (*quantities, *self.reactions, *self.rates, *self.happenings)


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
        self.moment = give.give("moment")

    def write(self, expression: sympy.Expr, identifier: str) -> str:
        text = infix(expression, self.ids)
        words = re.findall(r"[A-Za-z_]\w*", text)
        once = all(words.count(level) == 1 for level in self.levels.intersection(words))
        if once and not any(self._reads_level(part) for part in sympy.preorder_traversal(expression)):
            return text
        given = tuple(sorted(self.ids[symbol.name] for symbol in expression.free_symbols))
        if TIME in given:  # an argument may not have the name of the time
            text = infix(expression, {**self.ids, TIME: self.moment})
        arguments = tuple(self.moment if one == TIME else one for one in given)
        function = Function(self.give.give(f"form_of_{identifier}"), arguments, text)
        self.functions.append(function)
        return f"{function.id}({', '.join(given)})"

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
    network: Network,
    values: Values,
    start: Values | None = None,
    doses: Iterable[Dose] = (),
    *,
    begin: float = 0.0,
    title: str = "",
    time: str = "day",
) -> Exchange:
    """Give every part an identifier and every expression a text.

    Args:
        network: the model.
        values: one number for each parameter, by name or in the network's order.
        start: one number for each state, by name or in the network's order; None for the network's own start, which
            then stays a formula of parameters where it is one.
        doses: (day, state, keep, add): at that day state = state*keep + add; infinite days never come.
        begin: the day that is time zero in the file [day].
        title: what the model is called.
        time: unit of time, "" where nobody knows.

    Raises:
        UserError: a missing value, a dose into no state, or one before ``begin``.
        ModelError: a running quantity, which no other format has.
    """
    return _Exchanged(network, values, start, begin, time).whole(list(doses), title)


class _Exchanged:
    def __init__(self, network: Network, values: Values, start: Values | None, begin: float, time: str) -> None:
        if network.running:
            name = network.running[0].name
            raise ModelError(f"found the running quantity {name!r}, which other tools cannot read; needed none")
        self.network, self.begin, self.time = network, begin, time
        self.clocked = dict(zip(network.state_names, network.slopes(), strict=True)).get(TIME) == 1
        self.states = [state for state in network.states if not (self.clocked and state.name == TIME)]
        self.flows = [flow for flow in network.flows if not (self.clocked and flow.changes == ((TIME, 1.0),))]
        self.numbers = _numbers(values, network.parameter_names, "parameter")
        self.substance = _substance([state.unit for state in self.states])
        self.units = self.known_units()
        self.give = Identifiers([*self.units.definitions, "body"])
        named = (*(state.name for state in self.states), *network.level_names, *network.parameter_names)
        self.ids = {name: self.give.give(name) for name in named} | ({TIME: TIME} if self.clocked else {})
        self.counts = {state.name for state in self.states if same(state.unit, self.substance)}
        self.formulas = _Formulas(self.ids, network.level_names, self.give)
        self.begins = self.starts(start)

    def known_units(self) -> UnitTable:
        """Every unit that is used, so that no identifier takes its name."""
        units = UnitTable()
        for rows in (self.states, self.network.levels, self.network.parameters):
            for row in rows:
                units.identifier(row.unit)
        for unit in (self.time, *(self.per_time(state.unit) for state in self.states)):
            units.identifier(unit)
        return units

    def per_time(self, unit: str) -> str:
        """The unit of a rate."""
        if not self.time:
            return ""
        return f"({unit})/{self.time}" if unit else f"1/{self.time}"

    def starts(self, start: Values | None) -> dict[str, Quantity]:
        """States with where they begin."""
        network = self.network
        own = network.start(np.array([[self.numbers[name] for name in network.parameter_names]]))[0]
        given = dict(zip(network.state_names, map(float, own), strict=True))
        given = given if start is None else _numbers(start, network.state_names, "state")
        rows = {}
        for state in self.states:
            whole = state.start
            if isinstance(whole, tuple):
                whole = sympy.Mul(*[symbol(part) if isinstance(part, str) else sympy.Float(part) for part in whole])
            formula = infix(whole, self.ids) if start is None and whole.free_symbols else ""
            rows[state.name] = Quantity(self.ids[state.name], state.name, state.unit, given[state.name], formula)
        return rows

    def whole(self, doses: list[Dose], title: str) -> Exchange:
        """Everything, flows and levels in the network's order."""
        reactions, rates, slopes = self.moved()
        network, ids = self.network, self.ids
        levels = tuple(Quantity(ids[n], n, u, formula=self.formulas.write(e, ids[n])) for n, e, u in network.levels)
        parameters = tuple(Quantity(ids[p.name], p.name, p.unit, self.numbers[p.name]) for p in network.parameters)
        happenings, counters = self.happenings()
        return Exchange(
            title=title,
            begin=self.begin,
            time=self.time,
            substance=self.substance,
            units=self.units,
            counted=tuple(row for name, row in self.begins.items() if name in self.counts),
            measured=(*(row for name, row in self.begins.items() if name not in self.counts), *counters),
            parameters=parameters,
            levels=levels,
            reactions=tuple(reactions),
            rates=tuple(rates),
            slopes=slopes,
            functions=tuple(self.formulas.functions),
            events=tuple(_events(doses, self.begin, self.begins, self.give)),
            happenings=happenings,
            citations=network.citations,
        )

    def moved(self) -> tuple[list[Transfer], list[Transfer], dict[str, str]]:
        """Reactions of counted states; rates and slopes of the others.

        A slope that is one flow is written out, so that reading it back gives one flow again.
        """
        reactions: list[Transfer] = []
        rates: list[Transfer] = []
        terms: dict[str, list[tuple[float, str]]] = {n: [] for n in self.begins if n not in self.counts}
        alone = {n: [flow for flow in self.flows if n in dict(flow.changes)] for n in terms}
        for flow in self.flows:
            counted = tuple((self.ids[s], c) for s, c in flow.changes if s in self.counts)
            measured = [(s, c) for s, c in flow.changes if s not in self.counts]
            own = self.give.give(flow.name, "flow")
            rate = self.formulas.write(flow.rate, own)
            only = measured[0][0] if flow.changes == tuple(measured) and len(measured) == 1 else ""
            if only and measured == [(only, 1.0)] and alone[only] == [flow]:
                terms[only].append((1.0, rate))
                continue
            ends = {s for s, _ in flow.changes}
            reads = sorted(self.ids[s.name] for s in flow.rate.free_symbols if s.name in self.counts - ends)
            unit = self.per_time(self.begins[flow.changes[0][0]].unit if flow.changes else self.substance)
            row = Transfer(own, flow.name, unit, rate, counted, tuple(reads))
            (reactions if counted or not measured else rates).append(row)
            for name, size in measured:
                terms[name].append((size, own))
        slopes = {self.ids[n]: _joined(rows) for n, rows in terms.items() if rows}
        return reactions, rates, slopes

    def happenings(self) -> tuple[tuple[Happening, ...], list[Quantity]]:
        """Events of the network; one that may happen so often and no more counts itself."""
        names = self.ids if self.clocked else {**self.ids, TIME: f"(time + {self.begin!r})" if self.begin else TIME}
        rows, counters, last = [], [], len(self.network.events)
        for number, event in enumerate(self.network.events):
            own = self.give.give(event.name, "event")
            condition = infix(event.condition, names)
            changes = [(self.ids[s], infix(e, names)) for s, e in event.assignments]
            if event.most is not None:
                counter = self.give.give(f"times_of_{own}")
                counters.append(Quantity(counter, f"times of {event.name}", "", 0.0))
                condition = f"({condition}) && ({counter} < {event.most})"
                changes.append((counter, f"{counter} + 1"))
            rows.append(Happening(own, event.name, condition, event.initially, tuple(changes), last - number))
        return tuple(rows), counters


def _joined(terms: Sequence[tuple[float, str]]) -> str:
    """A slope: the sum of rates by their coefficients."""
    text = ""
    for size, rate in terms:
        factor = "" if abs(size) == 1 else f"{abs(size)!r} * "
        text += f" {'-' if size < 0 else '+'} {factor}{rate}"
    return text.removeprefix(" + ").strip()


def _substance(units: Sequence[str]) -> str:
    """The unit in which states are counted: cells where there are any, else the first that SBML allows of species."""
    if any(same(unit, "cell") for unit in units):
        return "cell"
    return next((unit for unit in units if is_substance(unit)), "cell")

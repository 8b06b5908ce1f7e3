"""From what a file holds to a Network: what is a state, what a level, what a parameter, and where each begins."""

from __future__ import annotations

import math
from collections.abc import Iterable

import sympy

from perforin.model.mechanism import symbol
from perforin.model.network import EventRow, FlowRow, LevelRow, Network, Slot, State, absolute_tolerance
from perforin.model.read.contents import Contents, Happening, Part, Reaction, SpeciesPart
from perforin.model.read.imported import Imported
from perforin.model.read.mathml import TIME, exact, folded
from perforin.model.read.order import Acting, clash

__all__ = ["assemble"]


def assemble(found: Contents) -> Imported:
    """The network of a file.

    Species are states in amounts, their concentrations levels ``concentration[species]``; a reaction is one flow, the
    flow of a rate rule is called ``change[variable]``, and a rate that formulas name is a level ``rate[reaction]``.

    Raises:
        UserError: rules that go in circles, a value that is used and missing, a stoichiometry that varies.
    """
    return _Assembly(found).imported()


class _Assembly:
    def __init__(self, found: Contents) -> None:
        self.found = found
        self.levels: dict[str, sympy.Expr] = {}
        self.states: dict[str, sympy.Expr] = {}
        self.parameters: dict[str, float] = {name: value for name, (_, _, value, _) in found.local.items()}
        self.fixed: dict[str, sympy.Expr] = {}
        self.first: dict[str, sympy.Expr] = {}
        self.resolving: list[str] = []
        struck = {target for event in found.events for target, _ in event.assignments}
        terms = (term for reaction in found.reactions for term in reaction.terms)
        reacting = {name for name, _, _ in terms if not self.species(name).held}
        self.moving = struck | reacting | set(found.changing)
        self.flows: list[FlowRow] = []

    def species(self, name: str) -> SpeciesPart:
        """What a species has that other parts have not."""
        own = self.found.parts[name].species
        assert own is not None
        return own

    def imported(self) -> Imported:
        """Sort, resolve, join."""
        found = self.found
        for part in found.parts.values():
            self.place(part)
        for reaction in found.reactions:
            self.levels[f"rate[{reaction.id}]"] = reaction.rate
        for name, start in self.fixed.items():
            first = self.resolved(name, start)
            if not first.free_symbols:
                self.parameters[name] = float(first)
            else:
                self.levels[name] = first
        starts = {name: self.resolved(name, start) for name, start in self.states.items()}
        events = self.events()
        for name, rate in found.changing.items():
            self.flows.append(FlowRow(f"change[{name}]", self.slope(name, rate), None, self.state_of(name)))
        flows = [*map(self.reaction, found.reactions), *self.flows]
        return self.joined(starts, flows, events)

    def place(self, part: Part) -> None:
        """Decide what a part is."""
        name, own, found = part.id, part.species, self.found
        given = found.initial.get(name, exact(part.value))
        if own is not None and not own.amount:
            self.place_in_volume(part, own)
            return
        if own is not None and not own.given_as_amount and name not in found.initial:
            given = given * symbol(own.compartment)
        if name in found.assigned:
            self.levels[name] = found.assigned[name]
        elif name in self.moving:
            self.states[name] = given
        elif given.free_symbols:
            self.fixed[name] = given
        else:
            self.parameters[name] = float(given)

    def place_in_volume(self, part: Part, own: SpeciesPart) -> None:
        """A species that formulas name by its concentration: the amount is the state, for it is what reactions move."""
        name, density, volume, found = part.id, f"concentration[{part.id}]", symbol(own.compartment), self.found
        by_density = name in found.initial or not own.given_as_amount
        given = found.initial.get(name, exact(part.value))
        amount, concentration = symbol(name), symbol(density)
        if name in found.assigned:
            self.levels |= {density: found.assigned[name], name: concentration * volume}
        elif name in found.changing and own.compartment in found.assigned:
            self.states[density] = given if by_density else given / volume
            self.levels[name] = concentration * volume
        elif name in self.moving:
            self.states[name] = given * volume if by_density else given
            self.levels[density] = amount / volume
        elif by_density and own.compartment not in {*self.moving, *found.assigned}:
            self.fixed[density] = given
            self.levels[name] = concentration * volume
        else:
            self.fixed[name] = given * volume if by_density else given
            self.levels[density] = amount / volume

    def state_of(self, name: str) -> str:
        """The state that holds a variable."""
        return name if name in self.states else f"concentration[{name}]"

    def resolved(self, name: str, start: sympy.Expr) -> sympy.Expr:
        """A value at time zero, as a formula of parameters."""
        if name in self.first:
            return self.first[name]
        if name in self.resolving:
            circle = " -> ".join([*self.resolving[self.resolving.index(name) :], name])
            line = self.found.lines.get(name, 0)
            raise self.found.wrong(f"found assignments that go in a circle: {circle}; needed an order", line)
        self.resolving.append(name)
        known: dict[sympy.Basic, sympy.Expr] = {TIME: sympy.Integer(0)}
        for one in sorted(start.free_symbols - {TIME}, key=str):
            known[one] = self.beginning(one.name)
        self.resolving.pop()
        self.first[name] = folded(start.xreplace(known))
        return self.first[name]

    def beginning(self, name: str) -> sympy.Expr:
        """What a symbol is at time zero."""
        for table in (self.states, self.fixed, self.levels):
            if name in table:
                return self.resolved(name, table[name])
        self.value(name)
        return symbol(name)

    def value(self, name: str) -> float:
        """The value of a parameter that is used."""
        value = self.parameters[name]
        if math.isnan(value):
            line = self.found.parts[name].line if name in self.found.parts else 0
            raise self.found.wrong(f"found no value for {name!r}, which formulas name; needed one", line)
        return value

    def slope(self, name: str, rate: sympy.Expr) -> sympy.Expr:
        """A rate rule as the slope of its state: that of an amount where the rule gives a concentration's."""
        own = self.found.parts[name].species
        if own is None or own.amount or name not in self.states:
            return rate
        swelling = self.found.changing.get(own.compartment, sympy.Integer(0))
        return rate * symbol(own.compartment) + symbol(f"concentration[{name}]") * swelling

    def reaction(self, one: Reaction) -> FlowRow:
        """A reaction as one flow; what goes in and comes out alike is no change."""
        total: dict[str, float] = {}
        for name, sign, count in one.terms:
            own = self.species(name)
            if own.held:
                continue
            factor = self.number(count, f"a stoichiometry of {name!r} in the reaction {one.id!r}", one.line)
            if own.conversion:
                what = f"the conversion factor of {name!r}"
                factor *= self.number(symbol(own.conversion), what, one.line)
            total[name] = total.get(name, 0.0) + sign * factor
        changes = tuple((name, size) for name, size in total.items() if size != 0)
        sizes = [size for _, size in changes]
        name = symbol(f"rate[{one.id}]")
        if sizes in ([-1.0], [1.0], [-1.0, 1.0], [1.0, -1.0]):
            ends = {size: state for state, size in changes}
            return FlowRow(one.id, name, ends.get(-1.0), ends.get(1.0))
        return FlowRow(one.id, name, None, None, changes)

    def number(self, formula: sympy.Expr, what: str, line: int) -> float:
        """A formula of constants as a number, noted where it reads any; refused where it varies."""
        if not formula.free_symbols:
            return float(folded(formula))
        for one in formula.free_symbols:
            self.refuse_varying(one.name, what, line)
        first = formula.xreplace({one: self.beginning(one.name) for one in formula.free_symbols})
        value = float(folded(first.xreplace({one: exact(self.value(one.name)) for one in first.free_symbols})))
        if first.free_symbols:
            note = f"{what} is fixed at {value:g}, the value of {first}"
            if note not in self.found.notes:
                self.found.notes.append(note)
        return value

    def refuse_varying(self, name: str, what: str, line: int) -> None:
        """Refuse a stoichiometry or conversion that is not constant."""
        if name == TIME.name or name in self.states:
            message = f"found {what} that varies with {name!r}, which is not supported; needed one that is constant"
            kind = "variable priority" if "priority" in what else "variable stoichiometry"
            raise self.found.unsupported(kind, message, line)
        for one in self.levels.get(name, sympy.Integer(0)).free_symbols:
            self.refuse_varying(one.name, what, line)

    def events(self) -> list[EventRow]:
        """Events, the most urgent first; refused where a network's order would mean another thing than the file."""
        acting = [self.acting(one) for one in self.found.events]
        refused = clash(acting)
        if refused:
            message = (
                f"found the events {refused[0]!r} and {refused[1]!r}, which may happen at one moment, and the second "
                "reads what the first sets, which is not supported; needed events that do not, or one event of both"
            )
            line = next(one.line for one in self.found.events if one.id == refused[1])
            raise self.found.unsupported("simultaneous events", message, line)
        ranks = {one.name: -one.priority for one in acting}
        return [self.event(one) for one in sorted(self.found.events, key=lambda one: ranks[one.id])]

    def acting(self, one: Happening) -> Acting:
        """What of an event matters for its order."""
        values = {symbol(name): exact(value) for name, value in self.parameters.items()}
        first = {s: self.beginning(s.name) for s in one.condition.free_symbols - {TIME}} | {TIME: sympy.Integer(0)}
        return Acting(
            name=one.id,
            condition=one.condition.xreplace(values),
            sets=frozenset(self.state_of(name) for name, _ in one.assignments),
            condition_reads=self.reads(one.condition),
            values_read=frozenset().union(*(self.reads(formula) for _, formula in one.assignments)),
            persistent=one.persistent,
            early=one.early,
            at_start=not one.initially and one.condition.xreplace(first).xreplace(values) != sympy.false,
            priority=self.number(one.priority, f"the priority of the event {one.id!r}", one.line),
        )

    def reads(self, formula: sympy.Basic) -> frozenset[str]:
        """Names that a formula reads, directly or through levels."""
        names = frozenset(one.name for one in formula.free_symbols)
        return names.union(*(self.reads(self.levels[name]) for name in names & self.levels.keys()))

    def event(self, one: Happening) -> EventRow:
        """An event; a concentration is set by setting the amount, in the volume just before."""
        rows = []
        for name, formula in one.assignments:
            own = self.found.parts[name].species
            if own is None or own.amount or name not in self.states:
                rows.append((self.state_of(name), formula))
            else:
                rows.append((name, formula * symbol(own.compartment)))
        return EventRow(one.id, one.condition, tuple(rows), initially=one.initially)

    def joined(self, starts: dict[str, sympy.Expr], flows: list[FlowRow], events: list[EventRow]) -> Imported:
        """The network, without what nothing reads."""
        rates = {symbol(f"rate[{one.id}]"): one.rate for one in self.found.reactions}
        named = [e for name, e in self.levels.items() if not name.startswith("rate[")]
        named += [one.rate for one in self.found.reactions] + list(self.found.changing.values())
        named += [e for event in events for e in (event.condition, *(e for _, e in event.assignments))]
        read = {one for e in named for one in e.free_symbols}
        for one in rates:
            if one not in read:
                del self.levels[one.name]
        flows = [f if f.rate in read else f._replace(rate=rates.get(f.rate, f.rate)) for f in flows]
        moments = [*self.levels.values(), *(flow.rate for flow in flows)]
        moments += [e for event in events for _, e in event.assignments]
        states = self.begun(starts)
        if any(TIME in e.free_symbols for e in moments):
            states.append(State(TIME.name, self.found.time))
            flows.append(FlowRow("time passes", sympy.Integer(1), None, TIME.name))
        if not states:
            message = "found a model without states: nothing in it changes; needed something that does"
            raise self.found.unsupported("no states", message)
        used = read | {one for start in starts.values() for one in start.free_symbols}
        slots = tuple(self.slot(name) for name in self.parameters if self.kept(name, symbol(name) in used))
        network = Network(tuple(states), self.ordered(), tuple(flows), slots, events=tuple(events))
        values = {slot.name: self.parameters[slot.name] for slot in slots}
        found = self.found
        where = {part.id: part.species.compartment for part in found.parts.values() if part.species}
        left = {name: value for name, value in self.parameters.items() if name not in values}
        return Imported(network, values, found.title, found.time, found.labels, where, left, tuple(found.notes))

    def kept(self, name: str, used: bool) -> bool:
        """Whether a constant belongs to the network: not a compartment that no formula names."""
        if used:
            self.value(name)
            return True
        part = self.found.parts.get(name)
        return not (math.isnan(self.parameters[name]) or (part is not None and part.kind == "compartment"))

    def slot(self, name: str) -> Slot:
        """The place of a parameter."""
        if name in self.found.local:
            reaction, stem, _, unit = self.found.local[name]
            return Slot(name, unit, reaction, stem)
        return Slot(name, self.unit(name), "", name)

    def begun(self, starts: dict[str, sympy.Expr]) -> list[State]:
        """States, with an absolute error of their own where a model's numbers are smaller than its units suggest.

        A state that begins at nothing is taken to be as small as the smallest of those that do not.
        """
        values = {symbol(name): exact(value) for name, value in self.parameters.items()}
        sizes = {name: abs(float(folded(formula.xreplace(values)))) for name, formula in starts.items()}
        smallest = min((size for size in sizes.values() if size > 0), default=1.0)
        states = []
        for name, formula in starts.items():
            if math.isnan(sizes[name]):
                line = self.found.parts[name].line if name in self.found.parts else 0
                raise self.found.wrong(f"found no value at the start for {name!r}; needed one", line)
            size, unit = sizes[name] or smallest, self.unit(name)
            tolerance = absolute_tolerance(unit) * size if size < 1 else None
            states.append(State(name, unit, formula if formula.free_symbols else (float(formula),), tolerance))
        return states

    def unit(self, name: str) -> str:
        """The unit of a state, level or parameter."""
        if name.startswith("rate["):
            return ""
        if not name.startswith("concentration["):
            return self.found.parts[name].unit
        part = self.found.parts[name[len("concentration[") : -1]]
        volume = self.found.parts[self.species(part.id).compartment].unit
        return f"({part.unit})/({volume})" if part.unit and volume else ""

    def ordered(self) -> tuple[LevelRow, ...]:
        """Levels, each after those that it reads."""
        done: dict[str, None] = {}
        for name in self.levels:
            self.visit(name, done, [])
        return tuple(LevelRow(name, self.levels[name], self.unit(name)) for name in done)

    def visit(self, name: str, done: dict[str, None], path: list[str]) -> None:
        """Enter a level after those it reads."""
        if name in done or name not in self.levels:
            return
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            line = self.found.lines.get(name, 0)
            raise self.found.wrong(f"found assignments that go in a circle: {circle}; needed an order", line)
        for one in _names(self.levels[name].free_symbols):
            self.visit(one, done, [*path, name])
        done[name] = None


def _names(symbols: Iterable[sympy.Symbol]) -> list[str]:
    return sorted(one.name for one in symbols)

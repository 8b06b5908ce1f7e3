"""Mechanisms and wiring in, Network out: resolve names once, add flows, order levels, check that the joints fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

import sympy

from perforin.errors import ModelError, nearest
from perforin.model.mechanism import ANY, Flow, Level, Placement, symbol
from perforin.model.network import Entry, FlowRow, LevelRow, Network, Slot, State
from perforin.units import same, short

__all__ = ["compose", "parameter_name"]


def parameter_name(stem: str, product: str = "", members: Iterable[str] = ()) -> str:
    """``killing.kills_per_day`` for the patient, ``killing.kills_per_day[graft]`` for a product's, then members."""
    inside = [part for part in (product, *members) if part]
    return f"{stem}[{','.join(inside)}]" if inside else stem


def _filled(unit: str, bound: str) -> str:
    """A unit with the unit variable replaced by what it is bound to."""
    return bound if unit == ANY else unit.replace(ANY, f"({bound or 'dimensionless'})")


@dataclass
class _Joints:
    """What has been read so far."""

    states: Mapping[str, State]
    levels: dict[str, Any] = field(default_factory=dict)
    given: dict[str, tuple[str, str]] = field(default_factory=dict)
    flows: list[FlowRow] = field(default_factory=list)
    slots: dict[str, Slot] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    wanted: list[tuple[str, str, str, str]] = field(default_factory=list)
    citations: set[str] = field(default_factory=set)

    def read(self, placed: Placement) -> None:
        """Add one placement's flows and levels."""
        verb, wiring, label = placed.mechanism, placed.wiring, placed.label
        known = [*verb.ports, *verb.parameters, *verb.levels]
        for stray in wiring.keys() - set(known):
            hint = nearest(stray, known)
            raise ModelError(f"{label} has no port, parameter or level {stray!r}{hint}; it has {sorted(known)}")
        numbers, bound = self._ports(placed)
        numbers |= self._parameters(placed, bound)
        for item in verb.function(**numbers):
            if isinstance(item, Level):
                name = wiring.get(item.name, item.name)
                self._add_level(name, item.value, label, _filled(verb.levels[item.name], bound))
            else:
                self._add_flow(label, item)
        self.citations |= set(verb.citations)

    def _ports(self, placed: Placement) -> tuple[dict[str, Any], str]:
        bound, numbers = ANY, {}
        for port, needed in placed.mechanism.ports.items():
            name = placed.wiring.get(port, port)
            if not isinstance(name, str):
                numbers[port] = sympy.sympify(name)
                continue
            numbers[port] = symbol(name)
            if needed == ANY and name in self.states:
                found = self.states[name].unit
                if bound != ANY and not same(found, bound):
                    problem = f"found {name} in [{short(found)}]; needed [{short(bound)}], as its other ports have"
                    raise ModelError(f"{placed.label}.{port}: {problem}")
                bound = found
            self.wanted.append((placed.label, port, name, needed))
        return numbers, bound

    def _parameters(self, placed: Placement, bound: str) -> dict[str, Any]:
        verb, numbers = placed.mechanism, {}
        for parameter, needed in verb.parameters.items():
            wired = placed.wiring.get(parameter, "")
            if not isinstance(wired, str):
                numbers[parameter] = sympy.sympify(wired)
                continue
            members = tuple(filter(None, wired.strip("[]").split(",")))
            stem = f"{verb.name}.{parameter}"
            name = parameter_name(stem, placed.product, members)
            row = Slot(name, _filled(needed, bound), verb.name, stem, placed.product, members)
            numbers[parameter] = symbol(name)
            earlier = self.slots.setdefault(name, row)
            owner = self.owners.setdefault(name, verb.place)
            if owner != verb.place:
                raise ModelError(f"{placed.label}: parameter {name} belongs to {owner} and to {verb.place}; rename one")
            if not same(earlier.unit, row.unit):
                raise ModelError(
                    f"{placed.label}: parameter {name} is [{short(earlier.unit)}] elsewhere and [{short(row.unit)}] "
                    f"here; give each its own member, for example {parameter}: '[{placed.label}]'"
                )
        return numbers

    def _add_level(self, name: str, value: Any, label: str, unit: str) -> None:
        if name in self.states:
            raise ModelError(f"{label} writes the level {name!r}, which is a state")
        self.levels[name] = self.levels.get(name, 0) + value
        giver, earlier = self.given.setdefault(name, (label, unit))
        if not same(earlier, unit):
            raise ModelError(f"{label}: its share of {name} is [{short(unit)}]; {giver} gives [{short(earlier)}]")

    def _add_flow(self, label: str, item: Flow) -> None:
        ends: list[str | None] = []
        for end in (item.source, item.sink):
            name = None if end is None else str(end)
            if name is not None and name not in self.states:
                raise ModelError(
                    f"{label}.{item.name} moves {name!r}, which is not a state{nearest(name, self.states)}"
                )
            ends.append(name)
        if item.rate != 0:
            name = f"{label}.{item.name}"
            if any(flow.name == name for flow in self.flows):
                raise ModelError(f"two flows are called {name}; give each placement its own wiring or member")
            self.flows.append(FlowRow(name, sympy.sympify(item.rate), ends[0], ends[1]))

    def check(self, constants: Mapping[str, Slot]) -> None:
        """Every port reads something, in its unit."""
        for label, port, name, needed in self.wanted:
            if name in self.states:
                origin, found = "the state", self.states[name].unit
            elif name in self.given:
                origin, found = self.given[name]
            elif name in constants:
                origin, found = "a parameter", constants[name].unit
                self.slots[name] = constants[name]
            else:
                everything = [*self.states, *self.levels, *constants]
                raise ModelError(
                    f"{label}.{port} reads {name!r}, which no state, level or parameter provides"
                    f"{nearest(name, everything)}"
                )
            if needed != ANY and not same(found, needed):
                raise ModelError(
                    f"{label}.{port}: found {name} in [{short(found)}] ({origin}); needed [{short(needed)}]"
                )


def _ordered(levels: Mapping[str, Any], units: Mapping[str, tuple[str, str]]) -> tuple[LevelRow, ...]:
    expressions = {name: sympy.sympify(value) for name, value in sorted(levels.items())}
    reads = {n: sorted({s.name for s in e.free_symbols} & expressions.keys()) for n, e in expressions.items()}
    try:
        order = list(TopologicalSorter(reads).static_order())
    except CycleError as problem:
        circle = " -> ".join(problem.args[1])
        raise ModelError(f"levels read each other in a circle: {circle}; make one of them a state") from None
    return tuple(LevelRow(name, expressions[name], units[name][1]) for name in order)


def compose(
    placements: Iterable[Placement],
    states: Iterable[State],
    *,
    sums: Mapping[str, str] | None = None,
    constants: Iterable[Slot] = (),
    entries: Iterable[Entry] = (),
    observables: Iterable[tuple[str, str, str]] = (),
    clones: Iterable[tuple[str, str]] = (),
) -> Network:
    """Read every placement with symbols, join what has one name and check units; the order given does not matter.

    Args:
        placements: mechanisms with their wiring.
        states: name, unit and start of each.
        sums: unit of each level that may get no share (it is then 0).
        constants: parameters of nouns that ports, starts and doses may read.
        entries: what each dose does to each state.
        observables: (name, state or level, unit).
        clones: (state, "positive" or "negative") whose extinction is counted.

    Raises:
        ModelError: names, units, ownership or order do not fit; the message names mechanism, flow, found and needed.
    """
    table: dict[str, State] = {}
    for state in states:
        if state.name in table:
            raise ModelError(f"the state {state.name!r} is declared twice; let one noun own it")
        table[state.name] = state
    joints = _Joints(table)
    for name, unit in (sums or {}).items():
        joints.levels[name], joints.given[name] = sympy.Integer(0), ("a declared sum", unit)
    for placed in placements:
        joints.read(placed)
    known = {slot.name: slot for slot in constants}
    joints.check(known)
    entries = sorted(entries)
    for factors in [*(s.start for s in table.values()), *(e.factors for e in entries)]:
        for factor in factors:
            if isinstance(factor, str) and factor not in joints.slots:
                if factor not in known:
                    hint = nearest(factor, [*known, *joints.slots])
                    raise ModelError(f"a start or dose reads {factor!r}, which is not a parameter{hint}")
                joints.slots[factor] = known[factor]
    for name, target, unit in (observables := sorted(observables)):
        if target not in table and target not in joints.levels:
            raise ModelError(f"observable {name!r} reads {target!r}, which is neither state nor level")
        found = table[target].unit if target in table else joints.given[target][1]
        if not same(found, unit):
            raise ModelError(f"observable {name!r}: found {target} in [{short(found)}]; needed [{short(unit)}]")
    return Network(
        states=tuple(sorted(table.values())),
        levels=_ordered(joints.levels, joints.given),
        flows=tuple(sorted(joints.flows, key=lambda flow: flow.name)),
        parameters=tuple(sorted(joints.slots.values())),
        entries=tuple(entries),
        observables=tuple(observables),
        clones=tuple(sorted(clones)),
        citations=tuple(sorted(joints.citations)),
    )

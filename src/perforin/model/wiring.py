"""The one wiring rule: brackets name members, and a name is looked up in the product before the patient.

1. A port, level or parameter takes its own name unless the wiring gives another.
2. In brackets, a member picks one (``effector[blood]``) and a family repeats the placement (``effector[site]``).
3. A name is looked up first in the product that places the mechanism, then in the patient; a level is written where
   the mechanism is placed, unless its name begins with ``patient.``.
4. A parameter is ``mechanism.parameter``, then its product and members in brackets: ``migration.out[graft,blood]``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from perforin.errors import ModelError, nearest
from perforin.model.compose import parameter_name
from perforin.model.mechanism import Mechanism, Placement, grid
from perforin.model.network import Slot, State

__all__ = ["RULE", "Scope", "Wired", "constant_slot", "expand", "resolve", "wire"]

RULE = (__doc__ or "").split("\n\n", 1)[1].strip()
PATIENT = "patient."
_BRACKETS = re.compile(r"\[([^\]]*)\]")

Families = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Scope:
    """What one noun group (the patient, or one product) brings to a model; names may hold families in brackets."""

    product: str = ""
    states: tuple[State, ...] = ()
    sums: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    mechanisms: tuple[tuple[Mechanism, Mapping[str, Any]], ...] = ()


def _families(text: object, families: Families) -> Iterator[str]:
    if isinstance(text, str):
        for inside in _BRACKETS.findall(text):
            yield from (part for part in inside.split(",") if part in families)


def _fill(text: Any, index: Mapping[str, str]) -> Any:
    if not isinstance(text, str):
        return text
    return _BRACKETS.sub(lambda m: "[" + ",".join(index.get(p, p) for p in m.group(1).split(",")) + "]", text)


def expand(name: str, families: Families) -> list[str]:
    """All members of a name: ``effector[site]`` gives ``effector[blood]`` and so on."""
    used = dict.fromkeys(_families(name, families))
    return [_fill(name, index) for index in grid(**{f: families[f] for f in used})]


def _written(scope: Scope, families: Families) -> set[str]:
    names = {n for state in scope.states for n in expand(state.name, families)}
    names |= {n for total in scope.sums for n in expand(total, families)}
    for verb, wiring in scope.mechanisms:
        for level in verb.levels:
            names |= set(expand(str(wiring.get(level, level)), families))
    return {name for name in names if not name.startswith(PATIENT)}


def constant_slot(name: str, unit: str, product: str = "") -> Slot:
    """The slot of a noun's own parameter: ``CD19[high]`` of the patient, ``viability[graft]`` of a product."""
    stem, _, inside = name.rstrip("]").partition("[")
    members = tuple(filter(None, inside.split(",")))
    return Slot(parameter_name(stem, product, members), unit, "", stem, product, members)


def resolve(name: Any, scope: Scope, families: Families, own: set[str] | None = None) -> Any:
    """Rule 3: the full name of ``name`` as read in a scope; numbers pass through."""
    if not isinstance(name, str):
        return name
    if name.startswith(PATIENT):
        return name.removeprefix(PATIENT)
    if not scope.product:
        return name
    if name in (_written(scope, families) if own is None else own):
        return f"{scope.product}.{name}"
    if name in {one for constant in scope.constants for one in expand(constant, families)}:
        return constant_slot(name, "", scope.product).name
    return name


def _placements(scope: Scope, families: Families) -> Iterator[Placement]:
    own = _written(scope, families)
    listed = list(_listed(scope, families, own))
    labels = Counter(placed.label for placed in listed)
    for placed in listed:
        if labels[placed.label] == 1:
            yield placed
        else:
            wired = [str(placed.wiring[port]) for port in placed.mechanism.ports]
            inside = ",".join(filter(None, [scope.product, *wired]))
            yield placed._replace(label=f"{placed.mechanism.name}[{inside}]")


def _listed(scope: Scope, families: Families, own: set[str]) -> Iterator[Placement]:
    for verb, wiring in scope.mechanisms:
        known = [*verb.ports, *verb.parameters, *verb.levels]
        for stray in wiring.keys() - set(known):
            hint = nearest(stray, known)
            raise ModelError(f"{verb.name} has no port, parameter or level {stray!r}{hint}; it has {known}")
        used = dict.fromkeys(f for text in wiring.values() for f in _families(text, families))
        for index in grid(**{family: families[family] for family in used}):
            filled = {key: _fill(text, index) for key, text in wiring.items()}
            names = {p: filled.get(p, p) for p in [*verb.ports, *verb.levels]}
            joined = {p: resolve(name, scope, families, own) for p, name in names.items()}
            given = {key: text for key, text in filled.items() if key in verb.parameters}
            fixed = _fixed_members(verb, wiring) if not used else ()
            inside = ",".join([*([scope.product] if scope.product else []), *index.values(), *fixed])
            yield Placement(verb, joined | given, verb.name + (f"[{inside}]" if inside else ""), scope.product)


def _fixed_members(verb: Mechanism, wiring: Mapping[str, Any]) -> tuple[str, ...]:
    """Members written out in the wiring of a placement that is not repeated, so that labels stay distinct."""
    found = [m for p in verb.ports for m in _BRACKETS.findall(str(wiring.get(p, "")))]
    plain = [str(wiring[p]) for p in verb.ports if isinstance(wiring.get(p), str) and wiring[p] != p]
    return tuple(dict.fromkeys(found)) or tuple(dict.fromkeys(plain[:1]))


class Wired(NamedTuple):
    """Everything ``compose`` needs, with full names."""

    placements: list[Placement]
    states: list[State]
    sums: dict[str, str]
    constants: list[Slot]


def wire(scopes: Iterable[Scope], families: Families) -> Wired:
    """Apply the rule to every scope."""
    placements: list[Placement] = []
    states: dict[str, State] = {}
    sums: dict[str, str] = {}
    constants: dict[str, Slot] = {}
    for scope in scopes:
        prefix = f"{scope.product}." if scope.product else ""
        for state in scope.states:
            for index in grid(**{f: families[f] for f in dict.fromkeys(_families(state.name, families))}):
                name = prefix + _fill(state.name, index)
                if name in states:
                    raise ModelError(f"the state {name!r} is declared twice; let one noun own it")
                start = tuple(resolve(_fill(part, index), scope, families) for part in state.start)
                states[name] = State(name, state.unit, start)
        for total, unit in scope.sums.items():
            sums |= dict.fromkeys((prefix + name for name in expand(total, families)), unit)
        for constant, unit in scope.constants.items():
            slots = (constant_slot(name, unit, scope.product) for name in expand(constant, families))
            constants |= {slot.name: slot for slot in slots}
        placements += _placements(scope, families)
    return Wired(placements, list(states.values()), sums, list(constants.values()))

"""The model that a disease, products and drugs make together: their nouns wired, with the numbers that win."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perforin import units
from perforin.distributions import Covariate
from perforin.errors import ModelError, UserError, nearest
from perforin.evidence.parameters import Parameters, Row
from perforin.model.compose import compose, parameter_name
from perforin.model.mechanism import Mechanism
from perforin.model.network import Entry, Network, Slot, State
from perforin.model.wiring import Scope, Wired, constant_slot, expand, resolve, wire
from perforin.nouns import Noun, Number, Product, add_words
from perforin.overriding import Change, Extrapolation, Layer, check_matched, winning_row
from perforin.shelf import Found, Library, default_library
from perforin.yaml_reader import validated

__all__ = ["Library", "Model", "build_model", "default_library", "parameter_columns", "targets"]

Array = NDArray[np.float64]

Families = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Model:
    """A composed model with the numbers that won.

    ``constants`` are numbers of nouns that the equations do not read, such as ``waiting.attrition``; ``idle`` are
    overrides of nouns that speak of a mechanism which this model lacks; ``quality`` has the names of the parameters
    that each property of a product's lot multiplies.
    """

    network: Network
    parameters: Parameters
    citations: tuple[str, ...]
    wired: Wired
    constants: Mapping[str, Row] = field(default_factory=dict)
    extrapolations: tuple[Extrapolation, ...] = ()
    idle: tuple[str, ...] = ()
    quality: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Side:
    """The patient, or one product: its nouns with their words filled in."""

    product: str
    nouns: tuple[tuple[Found, Noun], ...]
    keys: Mapping[str, str]
    words: Mapping[str, str]

    def scope(self, library: Library) -> Scope:
        """What it brings, for wiring; a mechanism that two nouns place alike is placed once."""
        states: dict[str, State] = {}
        sums: dict[str, str] = {}
        constants: dict[str, str] = {}
        placed: list[tuple[Mechanism, Mapping[str, Any]]] = []
        for found, noun in self.nouns:
            for name, text in noun.states.items():
                state = State(name, text.unit, text.factors)
                if states.setdefault(name, state) != state:
                    raise ModelError(
                        f"{found.document.file}: found the state {name!r} declared otherwise by another noun"
                    )
            sums |= noun.sums
            for name, number in noun.parameters.items():
                if number.value is not None and "." not in name:
                    constants.setdefault(name, number.unit)
            for i, item in enumerate(noun.mechanisms):
                for name, wiring in item.items():
                    if name not in library.mechanisms:
                        hint = nearest(name, library.mechanisms)
                        where = found.document.location(("mechanisms", i))
                        raise UserError(f"found the mechanism {name!r}; needed one of perforin.mechanisms{hint}", where)
                    for level in library.mechanisms[name].levels.keys() & wiring.keys():
                        if not isinstance(wiring[level], str):
                            where = found.document.location(("mechanisms", i))
                            raise UserError(f"found the level {name}.{level} wired to a number; needed a name", where)
                    if (library.mechanisms[name], wiring) not in placed:
                        placed.append((library.mechanisms[name], wiring))
        return Scope(self.product, tuple(states.values()), sums, constants, tuple(placed))

    def layers(self, families: Families) -> Iterator[Layer]:
        """Overrides and own numbers of each noun, farthest first; families in names are spelt out."""
        for found, noun in self.nouns:
            written = list(found.noun.parameters)
            changes = [
                Change(one, number, found.place("parameters", written[i]))
                for i, (name, number) in enumerate(noun.parameters.items())
                for one in expand(name, families)
            ]
            yield Layer(found.reference, tuple(changes), self.product)


def build_model(
    disease: str,
    products: Mapping[str, Product] | None = None,
    drugs: Iterable[str] = (),
    *,
    changes: Sequence[Layer] = (),
    library: Library | None = None,
) -> Model:
    """Compose what a disease, products and drugs bring, and choose every number.

    Args:
        disease: its name.
        products: by the key that names their states and doses; none for an untreated patient.
        drugs: names of the drugs that may be given.
        changes: overrides of the scenario, farthest first.
        library: where nouns are found; the one that comes with perforin if not given.

    Raises:
        UserError: names, units or numbers that do not fit; the message says what was found, needed and where.
    """
    library = library or default_library()
    patient = _side(library, "", [f"diseases/{disease}", *(f"drugs/{name}" for name in dict.fromkeys(drugs))])
    sides = [patient]
    for key, product in (products or {}).items():
        sides.append(_side(library, key, [*product.parts, f"products/{product.name}"], patient))
    families = {name: members for _, noun in patient.nouns for name, members in noun.families.items()}
    _no_families(sides[1:])
    scopes = [side.scope(library) for side in sides]
    pairs = list(zip(sides, scopes, strict=True))
    wired = wire(scopes, families)
    network = compose(
        wired.placements, wired.states, sums=wired.sums, constants=wired.constants,
        entries=[row for pair in pairs for row in _entries(*pair, families)],
        observables=[row for pair in pairs for row in _observables(*pair, families)],
        clones=[row for pair in pairs for row in _clones(*pair, families)],
    )  # fmt: skip
    layers = [
        *(layer for side in sides for layer in side.layers(families)),
        *(replace(c, scenario=True) for c in changes),
    ]
    keys = {side.product: side.keys for side in sides}
    flagged: list[Extrapolation] = []
    nearest_first = layers[::-1]
    rows = [
        winning_row(slot, nearest_first, library.tables, keys[slot.product], flagged) for slot in network.parameters
    ]
    constants = _constants(network.parameters, nearest_first, keys)
    idle = _idle(library, layers, network.parameters)
    check_matched([layer for layer in layers if layer.scenario], [*network.parameters, *constants], library.stems)
    cited = {row.source for row in (*rows, *constants.values()) if row.source}
    cited |= {key for side in sides for _, noun in side.nouns for key in noun.sources}
    return Model(
        network=network,
        parameters=Parameters.of(network.parameters, rows),
        citations=tuple(sorted(cited | set(network.citations))),
        wired=wired,
        constants={slot.name: row for slot, row in constants.items()},
        extrapolations=tuple(flagged), idle=idle,
        quality=_quality(sides[1:], network.parameters),
    )  # fmt: skip


def _quality(products: Iterable[_Side], slots: Sequence[Slot]) -> dict[str, tuple[str, ...]]:
    """Names of the slots that each property of a lot multiplies, by what the products' nouns say."""
    out: dict[str, tuple[str, ...]] = {}
    for side in products:
        for found, noun in side.nouns:
            for name, wanted in noun.quality.items():
                changes = [Change(one, Number(value=0.0), found.place("quality", name)) for one in wanted]
                own = [s.name for s in slots if s.product == side.product and any(c.fits(s) for c in changes)]
                out[name] = tuple(dict.fromkeys((*out.get(name, ()), *own)))
    return out


def _no_families(sides: Sequence[_Side]) -> None:
    for side in sides:
        for found, noun in side.nouns:
            if noun.families:
                where = found.document.location(("families",))
                raise UserError("found families in a product's noun; needed them in the disease", where)


def _side(library: Library, product: str, references: Sequence[str], patient: _Side | None = None) -> _Side:
    found = library.gather(references)
    own: dict[str, str] = dict(patient.keys) if patient else {}
    words: dict[str, str] = dict(patient.words) if patient else {}
    for one in found:
        own |= one.noun.keys
        words |= one.noun.words
    filled = []
    for one in found:
        if words or "$" in str(one.document.data):
            text = add_words({k: v for k, v in one.document.data.items() if k != "words"}, words, one.document.file)
            filled.append((one, validated(type(one.noun), one.document, text)))
        else:
            filled.append((one, one.noun))
    return _Side(product, tuple(filled), own, words)


def _entries(side: _Side, scope: Scope, families: Families) -> Iterator[Entry]:
    for found, noun in side.nouns:
        unit = noun.doses.unit if noun.doses else ""
        dose = side.product or found.reference.partition("/")[2]
        for into in noun.doses.into if noun.doses else ():
            texts = [into.state, *(factor for factor in into.factors if isinstance(factor, str))]
            for joined in expand(" | ".join(texts), families):
                state, *names = joined.split(" | ")
                filled = iter(names)
                factors = [next(filled) if isinstance(factor, str) else factor for factor in into.factors]
                yield Entry(
                    dose, unit, resolve(state, scope, families), into.keep, into.constant,
                    tuple(_full(factor, scope, families) for factor in factors),
                )  # fmt: skip


def _full(factor: str | float, scope: Scope, families: Families) -> str | float:
    """A factor's full name: a noun's own number, or ``mechanism.parameter[member]`` of this scope."""
    if isinstance(factor, str) and "." in factor and not factor.startswith("patient."):
        stem, _, inside = factor.rstrip("]").partition("[")
        return parameter_name(stem, scope.product, filter(None, inside.split(",")))
    name: str | float = resolve(factor, scope, families)
    return name


def _observables(side: _Side, scope: Scope, families: Families) -> Iterator[tuple[str, str, str]]:
    for _, noun in side.nouns:
        for name, seen in noun.observables.items():
            full = f"{side.product}.{name}" if side.product else name
            yield full, resolve(seen.of, scope, families), seen.unit


def _clones(side: _Side, scope: Scope, families: Families) -> Iterator[tuple[str, str]]:
    for _, noun in side.nouns:
        for name, sign in noun.clones.items():
            yield from ((resolve(one, scope, families), sign) for one in expand(name, families))


def _constants(
    slots: Sequence[Slot], layers: Sequence[Layer], keys: Mapping[str, Mapping[str, str]]
) -> dict[Slot, Row]:
    """Numbers of nouns that the network has no slot for."""
    taken = {slot.name for slot in slots}
    out: dict[Slot, Row] = {}
    for layer in layers:
        for change in layer.changes:
            slot = constant_slot(change.name, change.number.unit, layer.product)
            own = change.number.value is not None and not layer.scenario
            if not own or slot.name in taken or any(slot.name == known.name for known in out):
                continue
            if not any(change.fits(other) for other in slots if layer.product in ("", other.product)):
                out[slot] = winning_row(slot, layers, {}, keys.get(layer.product, {}))
    return out


def _idle(library: Library, layers: Sequence[Layer], slots: Sequence[Slot]) -> tuple[str, ...]:
    """Overrides of nouns for mechanisms that are not placed here.

    Raises:
        UserError: the mechanism has no such parameter, or its name is a slip of one that exists.
    """
    out = []
    for layer in layers:
        for change in layer.changes:
            verb, dot, parameter = change.stem.partition(".")
            if layer.scenario or not dot:
                continue
            known = library.mechanisms.get(verb)
            slip = difflib.get_close_matches(verb, library.mechanisms, 1, 0.8)
            if known is None and change.number.times is None and not slip:
                continue
            if known is None or parameter not in known.parameters:
                hint = nearest(change.stem, library.stems)
                problem = f"found {change.name!r}, which is no parameter of a mechanism{hint}"
                raise UserError(f"{change.place}: {problem}")
            if not any(change.fits(slot) for slot in slots):
                out.append(f"{layer.name} changes {change.name}, which this model does not have ({change.place})")
    return tuple(out)


def targets(covariate: Covariate) -> tuple[str, ...]:
    """Parameters that a covariate acts on."""
    sets = covariate.sets if isinstance(covariate.sets, Mapping) else filter(None, [covariate.sets])
    return (*sets, *covariate.multiplies)


def parameter_columns(
    covariates: Mapping[str, Covariate], model: Model, columns: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """What covariates do to a model's parameters; a parameter that this model lacks is passed over.

    Args:
        covariates: how each is distributed and what it acts on.
        model: of one arm.
        columns: (n,) values by covariate.

    Returns:
        Values in place of parameters, in their units, and factors on parameters: (n,) by the slot's name.

    Raises:
        UserError: a covariate of another dimension than the parameter that it sets.
    """
    set_by: dict[str, Array] = {}
    multiplied_by: dict[str, Array] = {}
    for name, covariate in covariates.items():
        sets = covariate.sets if isinstance(covariate.sets, Mapping) else dict.fromkeys(filter(None, [covariate.sets]))
        for target, texts in sets.items():
            for slot in _slots(model, target):
                try:
                    if texts:
                        values = {level: units.parse_quantity(text, slot.unit)[0] for level, text in texts.items()}
                        set_by[slot.name] = covariate.by_level(columns[name], values)
                    else:
                        scale = units.convert(1.0, covariate.written_unit, slot.unit)
                        set_by[slot.name] = columns[name] * scale
                except UserError as problem:
                    raise UserError(f"covariate {name!r}, which sets {slot.name}: {problem}") from None
        factors = covariate.multiplies
        for target in factors:
            by = covariate.by_level(columns[name], factors[target]) if isinstance(factors, Mapping) else columns[name]
            for slot in _slots(model, target):
                multiplied_by[slot.name] = multiplied_by.get(slot.name, np.ones(len(by))) * by
    return set_by, multiplied_by


def _slots(model: Model, target: str) -> list[Slot]:
    wanted = Change(target, Number(value=0.0), "")
    return [slot for slot in model.network.parameters if wanted.fits(slot)]

"""What an SBML file holds, as plain tuples with formulas in SymPy: everything after this knows no libSBML."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sympy

from perforin.errors import Location, UserError
from perforin.model.mechanism import symbol
from perforin.model.read.imported import UnsupportedError
from perforin.model.read.mathml import Definition, Formulas, exact
from perforin.model.read.unit_text import BUILT_IN, Factor, unit_text

__all__ = ["Contents", "Happening", "Part", "Reaction", "SpeciesPart", "plain", "read_contents"]


class SpeciesPart(NamedTuple):
    """What only species have: formulas name the amount or the concentration; the value given is one of the two."""

    compartment: str
    amount: bool
    given_as_amount: bool
    held: bool
    conversion: str


class Part(NamedTuple):
    """A compartment, species, parameter or stoichiometry; the value is NaN where the file gives none."""

    id: str
    kind: str
    unit: str
    value: float
    line: int
    constant: bool
    species: SpeciesPart | None = None


class Reaction(NamedTuple):
    """A reaction; ``terms`` are (species, sign, stoichiometry) with a formula of what is constant."""

    id: str
    rate: sympy.Expr
    terms: tuple[tuple[str, int, sympy.Expr], ...]
    line: int


class Happening(NamedTuple):
    """An event: (identifier, formula) for each assignment; ``early`` values are those of the moment of the trigger."""

    id: str
    condition: sympy.Basic
    initially: bool
    assignments: tuple[tuple[str, sympy.Expr], ...]
    priority: sympy.Expr
    persistent: bool
    early: bool
    line: int


@dataclass
class Contents:
    """A file's contents, by identifier; ``meaning`` is the symbol that stands for each in formulas."""

    file: str
    title: str = ""
    time: str = ""
    parts: dict[str, Part] = field(default_factory=dict)
    meaning: dict[str, sympy.Basic] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    local: dict[str, tuple[str, str, float, str]] = field(default_factory=dict)
    assigned: dict[str, sympy.Expr] = field(default_factory=dict)
    changing: dict[str, sympy.Expr] = field(default_factory=dict)
    initial: dict[str, sympy.Expr] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    reactions: list[Reaction] = field(default_factory=list)
    events: list[Happening] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def place(self, line: int) -> Location | None:
        """Where an error stands, if the line is known."""
        return Location(self.file, line) if line else None

    def wrong(self, message: str, line: int = 0) -> UserError:
        """An error at a line of the file."""
        return UserError(message if line else f"{self.file}: {message}", self.place(line))

    def unsupported(self, construct: str, message: str, line: int = 0) -> UnsupportedError:
        """A refusal at a line of the file."""
        return UnsupportedError(construct, message if line else f"{self.file}: {message}", self.place(line))


def plain(identifier: str) -> str:
    """The name in a network: the identifier, but ``time`` is taken."""
    return "time_" if identifier == "time" else identifier


def _each(owner: Any, what: str) -> Iterator[Any]:
    count, get = getattr(owner, f"getNum{what if what.endswith('s') else what + 's'}"), getattr(owner, f"get{what}")
    return (get(i) for i in range(count()))


class _Reader:
    def __init__(self, libsbml: Any, model: Any, file: str) -> None:
        self.libsbml, self.model = libsbml, model
        self.level = model.getLevel()
        self.found = Contents(file, title=model.getName() or model.getId())
        self.units = {"": ""}
        functions = {}
        for one in _each(model, "FunctionDefinition"):
            if one.isSetMath() and one.getMath().isLambda():
                names = tuple(one.getArgument(i).getName() for i in range(one.getNumArguments()))
                functions[one.getId()] = Definition(names, one.getBody())
        self.formulas = Formulas(libsbml, functions)

    def unit(self, given: str) -> str:
        """A unit of the file as text, "" where it is not known; what has no word here is noted."""
        if given not in self.units:
            definition = self.model.getUnitDefinition(given)
            if definition is None:
                kind = Factor(given, 1.0, 0.0, 1.0)
                text = BUILT_IN.get(given) if self.level == 2 and given in BUILT_IN else unit_text([kind])
            else:
                text = unit_text(
                    Factor(
                        self.libsbml.UnitKind_toString(one.getKind()),
                        one.getExponentAsDouble(),
                        one.getScale(),
                        one.getMultiplier(),
                    )
                    for one in _each(definition, "Unit")
                )
            if text is None:
                self.found.notes.append(f"the unit {given!r} has no word here; what has it is shown without a unit")
            self.units[given] = text or ""
        return self.units[given]

    def default(self, attribute: str, level_2: str) -> str:
        """A unit that the whole model shares."""
        return level_2 if self.level == 2 else str(getattr(self.model, f"get{attribute}Units")())

    def formula(self, owner: Any, what: str, names: Mapping[str, sympy.Basic] | None = None,
                *, truth: bool = False) -> Any:  # fmt: skip
        """The formula of an element, or its condition; None where it has none."""
        if owner is None or not owner.isSetMath():
            return None
        read = self.formulas.truth if truth else self.formulas.number
        try:
            return read(owner.getMath(), self.found.meaning if names is None else names)
        except UnsupportedError as problem:
            raise self.found.unsupported(problem.construct, f"in {what}: {problem}", owner.getLine()) from None
        except UserError as problem:
            raise self.found.wrong(f"in {what}: {problem}", owner.getLine()) from None

    def add(self, element: Any, kind: str, unit: str, value: float, species: SpeciesPart | None = None) -> None:
        """Enter a thing that has a value."""
        given = element.getId()
        name = plain(given)
        if given in self.found.meaning:
            raise self.found.wrong(f"found the identifier {given!r} twice; needed one of its own", element.getLine())
        concentration = species is not None and not species.amount
        constant = bool(element.getConstant()) if kind != "stoichiometry" else False
        self.found.parts[name] = Part(name, kind, self.unit(unit), value, element.getLine(), constant, species)
        self.found.meaning[given] = symbol(f"concentration[{name}]" if concentration else name)
        label = element.getName() if kind != "stoichiometry" else ""
        if label and label != name:
            self.found.labels[name] = label

    def quantities(self) -> None:
        """Compartments, species, parameters and stoichiometries that have an identifier."""
        model, size = self.model, {1: "Length", 2: "Area", 3: "Volume"}
        points = set()
        for one in _each(model, "Compartment"):
            dimensions = one.getSpatialDimensionsAsDouble()
            word = size.get(3 if math.isnan(dimensions) else int(dimensions), "")
            value = one.getSize() if one.isSetSize() else math.nan
            if dimensions == 0 and not one.isSetSize():
                points.add(one.getId())
            unit = one.getUnits() or (self.default(word, word.lower()) if word else "")
            self.add(one, "compartment", unit, value)
        for one in _each(model, "Species"):
            if model.getCompartment(one.getCompartment()) is None:
                message = f"found the species {one.getId()!r} in the unknown compartment {one.getCompartment()!r}"
                raise self.found.wrong(f"{message}; needed one of the file", one.getLine())
            given = one.isSetInitialAmount()
            value = one.getInitialAmount() if given else one.getInitialConcentration()
            known = given or one.isSetInitialConcentration()
            given = given or (one.getCompartment() in points)
            amount = one.getHasOnlySubstanceUnits() or one.getCompartment() in points
            conversion = (one.getConversionFactor() or model.getConversionFactor()) if self.level > 2 else ""
            held = one.getBoundaryCondition() or one.getConstant()
            own = SpeciesPart(plain(one.getCompartment()), amount, given, held, plain(conversion))
            unit = one.getSubstanceUnits() or self.default("Substance", "substance")
            self.add(one, "species", unit, value if known else math.nan, own)
        for one in _each(model, "Parameter"):
            self.add(one, "parameter", one.getUnits(), one.getValue() if one.isSetValue() else math.nan)
        for reaction in _each(model, "Reaction"):
            self.found.meaning[reaction.getId()] = symbol(f"rate[{plain(reaction.getId())}]")
            for one in (*_each(reaction, "Reactant"), *_each(reaction, "Product")):
                if one.getId():
                    self.add(one, "stoichiometry", "dimensionless", self.stoichiometry(one))
        time = self.default("Time", "time")
        self.found.time = self.unit(time)

    def stoichiometry(self, reference: Any) -> float:
        """The number of a reference, NaN where the file gives none."""
        if self.level == 2 and not reference.isSetStoichiometryMath():
            return float(reference.getStoichiometry())
        return float(reference.getStoichiometry()) if reference.isSetStoichiometry() else math.nan

    def rules(self) -> None:
        """Assignment and rate rules, and initial assignments."""
        for rule in _each(self.model, "Rule"):
            target = plain(rule.getVariable())
            word = "rate" if rule.isRate() else "assignment"
            self.target(rule.getVariable(), f"the {word} rule", rule.getLine())
            if target in self.found.assigned or target in self.found.changing:
                raise self.found.wrong(f"found two rules for {target!r}; needed one", rule.getLine())
            formula = self.formula(rule, f"the {word} rule of {target!r}")
            if formula is not None:
                (self.found.changing if rule.isRate() else self.found.assigned)[target] = formula
                self.found.lines[target] = rule.getLine()
        for one in _each(self.model, "InitialAssignment"):
            target = plain(one.getSymbol())
            self.target(one.getSymbol(), "the initial assignment", one.getLine())
            formula = self.formula(one, f"the initial assignment of {target!r}")
            if formula is not None:
                self.found.initial[target] = formula
                self.found.lines.setdefault(target, one.getLine())

    def target(self, given: str, what: str, line: int) -> None:
        """Refuse to set what has no value, or later than at the start what is constant."""
        part = self.found.parts.get(plain(given))
        if part is None:
            message = f"found {what} that sets {given!r}; needed a compartment, species or parameter"
            raise self.found.wrong(message, line)
        if part.constant and "initial" not in what:
            raise self.found.wrong(f"found {what} that sets {given!r}, which is constant; needed one that is not", line)

    def reactions(self) -> None:
        """Reactions with their kinetic laws; parameters of a law are named ``reaction.parameter``."""
        for one in _each(self.model, "Reaction"):
            name = plain(one.getId())
            what = f"the kinetic law of the reaction {name!r}"
            law = one.getKineticLaw()
            if law is None:
                raise self.found.wrong(f"found the reaction {name!r} without a kinetic law; needed one", one.getLine())
            names: dict[str, sympy.Basic] = {}
            for own in _each(law, "LocalParameter" if self.level > 2 else "Parameter"):
                value = own.getValue() if own.isSetValue() else math.nan
                local = f"{name}.{plain(own.getId())}"
                self.found.local[local] = (name, own.getId(), value, self.unit(own.getUnits()))
                names[own.getId()] = symbol(local)
            rate = self.formula(law, what, {**self.found.meaning, **names} if names else self.found.meaning)
            if rate is None:
                raise self.found.wrong(f"found {what} without a formula; needed one", law.getLine())
            terms = [(end, -1) for end in _each(one, "Reactant")] + [(end, 1) for end in _each(one, "Product")]
            rows = tuple((self.species_of(end, name), sign, self.count(end, name)) for end, sign in terms)
            self.found.reactions.append(Reaction(name, rate, rows, one.getLine()))
            if one.getName() and one.getName() != name:
                self.found.labels[name] = one.getName()

    def species_of(self, reference: Any, reaction: str) -> str:
        """The species that a reference of a reaction names."""
        part = self.found.parts.get(plain(reference.getSpecies()))
        if part is None or part.species is None:
            message = f"reaction {reaction!r} names the unknown species {reference.getSpecies()!r}"
            raise self.found.wrong(f"{message}; needed one of the file", reference.getLine())
        return part.id

    def count(self, reference: Any, reaction: str) -> sympy.Expr:
        """A stoichiometry: a number, or a formula in Level 2, or the symbol of one that has an identifier."""
        if self.level == 2 and reference.isSetStoichiometryMath():
            return self.formula(reference.getStoichiometryMath(), f"a stoichiometry of the reaction {reaction!r}")
        if reference.getId():
            return self.found.meaning[reference.getId()]
        value = self.stoichiometry(reference)
        if math.isnan(value):
            species = reference.getSpecies()
            message = f"found no stoichiometry of {species!r} in the reaction {reaction!r}; needed a number"
            raise self.found.wrong(message, reference.getLine())
        return exact(value)

    def events(self) -> None:
        """Events: conditions and assignments."""
        for number, one in enumerate(_each(self.model, "Event"), 1):
            name = plain(one.getId()) or f"event_{number}"
            what = f"the event {name!r}"
            trigger = one.getTrigger()
            condition = self.formula(trigger, f"the trigger of {what}", truth=True)
            if condition is None:
                continue
            if one.isSetDelay() and self.formula(one.getDelay(), f"the delay of {what}") != 0:
                message = f"found the delay of {what}, which is not supported; needed an event without delay"
                raise self.found.unsupported("delay", message, one.getLine())
            rows = []
            for change in _each(one, "EventAssignment"):
                self.target(change.getVariable(), what, change.getLine())
                formula = self.formula(change, f"an assignment of {what}")
                if formula is not None:
                    rows.append((plain(change.getVariable()), formula))
            settings = (trigger.getInitialValue(), trigger.getPersistent()) if self.level > 2 else (True, True)
            first = self.formula(one.getPriority(), f"the priority of {what}") or sympy.Integer(0)
            early = one.getUseValuesFromTriggerTime()
            happening = Happening(name, condition, settings[0], tuple(rows), first, settings[1], early, one.getLine())
            self.found.events.append(happening)


def read_contents(libsbml: Any, model: Any, file: str) -> Contents:
    """Everything of a model that has a meaning here.

    Raises:
        UserError: a formula or an element that cannot be read, with its line.
    """
    reader = _Reader(libsbml, model, file)
    reader.quantities()
    reader.rules()
    reader.reactions()
    reader.events()
    return reader.found

"""SBML Level 3 Version 2 with units: counted states are species, flows between them reactions, the rest rate rules."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from perforin.errors import ModelError, UserError
from perforin.model.network import Network
from perforin.model.write.exchange import (
    Dose,
    Event,
    Exchange,
    Function,
    Happening,
    Quantity,
    Transfer,
    Values,
    exchange,
)
from perforin.units import same

__all__ = ["libsbml_library", "to_sbml"]

# Terms of the Systems Biology Ontology, as close as they come.
_MODEL, _CELLS, _QUANTITY, _RATE_CONSTANT = 293, 240, 2, 9
_CONVERSION, _GAIN, _LOSS, _MODIFIER = 182, 393, 179, 19


def to_sbml(
    network: Network, values: Values, start: Values | None = None, doses: Iterable[Dose] = (), *,
    title: str = "perforin model", begin: float = 0.0, dois: Mapping[str, str] | None = None, time: str = "day",
) -> str:  # fmt: skip
    """The network as SBML Level 3 Version 2 text, checked by libSBML.

    States in cells (in a network without cells: in the first unit that SBML allows) are species counted by amount, in
    a compartment of size 1 that no formula uses; flows between them are reactions. Other states are parameters with
    rate rules, because SBML allows species no unit such as pg/mL. Levels are assignment rules; doses and events are
    events, those of the network in its order by their priorities. A formula that names a level twice is a function of
    its own, which reads it once. Times are counted from ``begin``.

    Args:
        network: the model.
        values: (parameters,) by name or in the network's order.
        start: (states,) by name or in the network's order, before any dose; None for the network's own.
        doses: (day, state, keep, add): on that day state = state*keep + add.
        title: name of the model.
        begin: day that is time zero of the file [day].
        time: unit of time, "" where nobody knows.
        dois: DOI of each citation key that has one; each becomes an ``isDescribedBy`` annotation.

    Raises:
        UserError: python-libsbml is absent, or a value, start or dose does not fit the network.
        ModelError: libSBML finds an error in the document, or the network has running quantities.

    Source: Hucka and others (2019), SBML Level 3 Version 2 Core, doi:10.1515/jib-2019-0021.
    """
    libsbml = libsbml_library("writes SBML")
    model = exchange(network, values, start, doses, begin=begin, title=title, time=time)
    document = libsbml.SBMLDocument(3, 2)
    writer = _Writer(libsbml, document.createModel())
    writer.head(model, dois or {})
    writer.units(model)
    for function in model.functions:
        writer.function(function)
    for row in model.counted:
        writer.species(row)
    for row in model.measured:
        writer.parameter(row, constant=False, term=_QUANTITY)
        writer.initial(row)
        if row.id in model.slopes:
            writer.rule(writer.model.createRateRule(), row.id, model.slopes[row.id])
    for row in model.parameters:
        writer.parameter(row, constant=True, term=_RATE_CONSTANT if same(row.unit, "1/day") else _QUANTITY)
    for row in (*model.levels, *(Quantity(r.id, r.name, r.unit, formula=r.rate) for r in model.rates)):
        writer.parameter(row, constant=False, term=_QUANTITY)
        writer.rule(writer.model.createAssignmentRule(), row.id, row.formula)
    for reaction in model.reactions:
        writer.reaction(reaction)
    for event in model.events:
        writer.event(event)
    for happening in model.happenings:
        writer.happening(happening)
    return writer.numbers.put_in(_checked(libsbml, document))


def libsbml_library(purpose: str) -> Any:
    """The libSBML module, which ``purpose`` (reads SBML, writes SBML) needs.

    Raises:
        UserError: it is not installed.
    """
    try:
        import libsbml
    except ImportError:
        raise UserError(f"found no python-libsbml, which {purpose}; needed: pip install perforin[sbml]") from None
    return libsbml


def _checked(libsbml: Any, document: Any) -> str:
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, False)
    document.checkConsistency()
    log = document.getErrorLog()
    found = [log.getError(i) for i in range(log.getNumErrors())]
    for problem in found:
        if problem.getSeverity() >= libsbml.LIBSBML_SEV_ERROR:
            raise ModelError(f"libSBML refuses the model: {problem.getMessage().strip()}")
    return str(libsbml.writeSBMLToString(document))


class _Numbers:
    """Every digit of numbers of which libSBML writes fifteen, so that a model read back is the same model."""

    def __init__(self) -> None:
        self.whole: dict[str, str] = {}

    def keep(self, value: float) -> float:
        """Remember a number."""
        short = f"{value:.15g}"
        if math.isfinite(value) and float(short) != value:
            self.whole[short] = repr(value)
        return value

    def put_in(self, text: str) -> str:
        """The text with whole numbers."""
        place = r'(?<= value=")[^"]+|(?<= initialAmount=")[^"]+|(?<=> )[^ <>]+(?= <)'
        return re.sub(place, lambda found: self.whole.get(found[0], found[0]), text)


class _Writer:
    """Adds parts to one libSBML model."""

    def __init__(self, libsbml: Any, model: Any) -> None:
        self.libsbml, self.model = libsbml, model
        self.numbers = _Numbers()

    def head(self, model: Exchange, dois: Mapping[str, str]) -> None:
        """Name, defaults, citations and the compartment."""
        one = self.model
        one.setId("perforin_model")
        one.setMetaId("perforin_model")
        one.setName(model.title)
        one.setSBOTerm(_MODEL)
        self.clock = model.units.identifier(model.time)
        self.substance = "item" if model.substance == "cell" else model.units.identifier(model.substance)
        if model.time:
            one.setTimeUnits(self.clock)
        one.setSubstanceUnits(self.substance)
        one.setExtentUnits(self.substance)
        one.setVolumeUnits("dimensionless")
        cited = ", ".join(model.citations) or "none"
        since = f"Time zero is day {model.begin:g}. " if model.time == "day" else ""
        lines = (
            f"{since}Molecules, cells and doses are counted as items.",
            f"Citations, as keys of perforin's sources.bib: {cited}.",
        )
        text = "".join(f"<p>{escape(line)}</p>" for line in lines)
        one.setNotes(f'<body xmlns="http://www.w3.org/1999/xhtml">{text}</body>')
        for key in model.citations:
            if dois.get(key):
                term = self.libsbml.CVTerm(self.libsbml.MODEL_QUALIFIER)
                term.setModelQualifierType(self.libsbml.BQM_IS_DESCRIBED_BY)
                term.addResource(f"https://identifiers.org/doi/{dois[key]}")
                one.addCVTerm(term)
        if not model.counted:
            return
        body = one.createCompartment()
        body.setId("body")
        body.setName("holds amounts; its size enters no formula")
        body.setSpatialDimensions(3)
        body.setSize(1.0)
        body.setUnits("dimensionless")
        body.setConstant(True)

    def units(self, model: Exchange) -> None:
        """Every unit definition."""
        for name, factors in model.units.definitions.items():
            definition = self.model.createUnitDefinition()
            definition.setId(name)
            for factor in factors:
                unit = definition.createUnit()
                unit.setKind(self.libsbml.UnitKind_forName(factor.kind))
                unit.setExponent(factor.exponent)
                unit.setScale(factor.scale)
                unit.setMultiplier(factor.multiplier)
        self.table = model.units

    def function(self, row: Function) -> None:
        """A formula that calls name."""
        one = self.model.createFunctionDefinition()
        one.setId(row.id)
        one.setMath(self.read(f"lambda({', '.join(row.arguments)}, {row.body})"))

    def species(self, row: Quantity) -> None:
        """A state in cells."""
        one = self.model.createSpecies()
        one.setId(row.id)
        one.setName(row.name)
        one.setSBOTerm(_CELLS)
        one.setCompartment("body")
        one.setSubstanceUnits(self.substance)
        one.setHasOnlySubstanceUnits(True)
        one.setBoundaryCondition(False)
        one.setConstant(False)
        if not row.formula:
            one.setInitialAmount(self.numbers.keep(row.value))
        self.initial(row)

    def initial(self, row: Quantity) -> None:
        """Where a state begins, if a formula says so."""
        if row.formula:
            one = self.model.createInitialAssignment()
            one.setSymbol(row.id)
            one.setMath(self.read(row.formula))

    def parameter(self, row: Quantity, *, constant: bool, term: int) -> None:
        """Anything that is no species: a constant, a level or a state with another unit."""
        one = self.model.createParameter()
        one.setId(row.id)
        one.setName(row.name)
        one.setSBOTerm(term)
        one.setUnits(self.table.identifier(row.unit))
        one.setConstant(constant)
        if not row.formula:
            one.setValue(self.numbers.keep(row.value))

    def rule(self, rule: Any, variable: str, formula: str) -> None:
        """An assignment or rate rule."""
        rule.setVariable(variable)
        rule.setMath(self.read(formula))

    def reaction(self, row: Transfer) -> None:
        """A flow of cells."""
        one = self.model.createReaction()
        one.setId(row.id)
        one.setName(row.name)
        one.setReversible(False)
        signs = {size < 0 for _, size in row.changes}
        one.setSBOTerm(_CONVERSION if len(signs) > 1 else _LOSS if True in signs else _GAIN)
        for name, size in row.changes:
            species = one.createReactant() if size < 0 else one.createProduct()
            species.setSpecies(name)
            species.setStoichiometry(abs(size))
            species.setConstant(True)
        for name in row.reads:
            modifier = one.createModifier()
            modifier.setSpecies(name)
            modifier.setSBOTerm(_MODIFIER)
        one.createKineticLaw().setMath(self.read(row.rate))

    def event(self, row: Event) -> None:
        """All doses of one time; the trigger also fires at time zero."""
        one = self.model.createEvent()
        one.setId(row.id)
        one.setUseValuesFromTriggerTime(True)
        trigger = one.createTrigger()
        trigger.setInitialValue(False)
        trigger.setPersistent(True)
        trigger.setMath(self.read(f"time >= {row.time!r}", self.clock))
        for state, keep, amount, add, unit in row.changes:
            self.parameter(Quantity(amount, amount, unit, add), constant=True, term=_QUANTITY)
            change = one.createEventAssignment()
            change.setVariable(state)
            change.setMath(self.read(f"{state} * {keep!r} + {amount}"))

    def happening(self, row: Happening) -> None:
        """An event of the network; each looks at its condition again when its turn comes."""
        one = self.model.createEvent()
        one.setId(row.id)
        one.setName(row.name)
        one.setUseValuesFromTriggerTime(False)
        trigger = one.createTrigger()
        trigger.setInitialValue(row.initially)
        trigger.setPersistent(False)
        trigger.setMath(self.read(row.condition))
        one.createPriority().setMath(self.read(str(row.priority)))
        for name, formula in row.assignments:
            change = one.createEventAssignment()
            change.setVariable(name)
            change.setMath(self.read(formula))

    def read(self, formula: str, unit: str = "dimensionless") -> Any:
        """Formula text as MathML, its numbers marked with a unit."""
        tree = self.libsbml.parseL3Formula(formula)
        if tree is None:
            raise ModelError(f"libSBML cannot read {formula!r}: {self.libsbml.getLastParseL3Error()}")
        self._mark(tree, unit, zero=unit != "dimensionless")
        return tree

    def _mark(self, tree: Any, unit: str, *, zero: bool) -> None:
        """Zero fits any unit, so it is marked only where it is a factor or a time."""
        if tree.isNumber():
            e_notation = tree.getType() == self.libsbml.AST_REAL_E
            self.numbers.keep(tree.getMantissa() if e_notation else tree.getValue())
            if zero or tree.getValue() != 0:
                tree.setUnits(unit)
            return
        lib, kind = self.libsbml, tree.getType()
        power = kind in (lib.AST_POWER, lib.AST_FUNCTION_POWER)
        for i in range(1 if power else tree.getNumChildren()):
            self._mark(tree.getChild(i), unit, zero=unit != "dimensionless" or kind == lib.AST_TIMES)

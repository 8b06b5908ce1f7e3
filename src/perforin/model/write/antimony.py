"""Antimony: the same model as SBML, as text that people read and diff; needs no other package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from perforin.model.network import Network
from perforin.model.write.exchange import Dose, Exchange, Values, exchange
from perforin.model.write.unit_table import BaseUnit

__all__ = ["to_antimony"]


def to_antimony(
    network: Network,
    values: Values,
    start: Values | None = None,
    doses: Iterable[Dose] = (),
    *,
    title: str = "perforin model",
    begin: float = 0.0,
    dois: Mapping[str, str] | None = None,
    time: str = "day",
) -> str:
    """The network as Antimony text; arguments and choices are those of ``to_sbml``.

    Raises:
        UserError: a value, start or dose does not fit the network.

    Source: Smith and others (2009), Antimony: a modular model definition language, doi:10.1093/bioinformatics/btp401.
    """
    model = exchange(network, values, start, doses, begin=begin, title=title, time=time)
    blocks = (
        ("Units", _units(model)),
        (f"States counted in {model.substance or 'numbers'}s, and the flows between them", _counted(model)),
        ("States in other units, and the flows that change them", _measured(model)),
        ("Levels: they follow from the states", (f"{row.id} := {row.formula};" for row in model.levels)),
        ("Doses", _doses(model)),
        ("Events", _happenings(model)),
        ("Values at the start", _starts(model)),
        ("Parameters", (f"{row.id} = {row.value!r};" for row in model.parameters)),
        ("What is constant, and units", _declared(model)),
        ("Names", _names(model)),
        ("Sources", _sources(model, dois or {})),
    )
    since = f"{model.time or 'unit'}s since {model.time or 'unit'} {model.begin:g}"
    lines = [f"// {title}; time in {since}", ""]
    for row in model.functions:
        lines += [f"function {row.id}({', '.join(row.arguments)})", f"  {row.body};", "end", ""]
    lines.append("model perforin_model()")
    for heading, block in blocks:
        rows = list(block)
        lines += ["", f"  // {heading}", *(f"  {row}" for row in rows)] if rows else []
    return "\n".join([*lines, "end", "", f'perforin_model is "{_plain(title)}"', ""])


def _plain(text: str) -> str:
    return text.replace('"', "'")


def _factor(unit: BaseUnit) -> str:
    size = unit.multiplier * 10.0**unit.scale
    power = abs(unit.exponent)
    inside = unit.kind if size == 1.0 else f"{size!r} {unit.kind}"
    return inside if power == 1 else f"({inside})^{power:g}"


def _units(model: Exchange) -> Iterator[str]:
    for name, factors in model.units.definitions.items():
        above = " * ".join(_factor(one) for one in factors if one.exponent > 0) or "1"
        below = "".join(f" / {_factor(one)}" for one in factors if one.exponent < 0)
        yield f"unit {name} = {above}{below};"
    substance = "item" if model.substance == "cell" else model.units.identifier(model.substance)
    yield f"unit time_unit = {model.units.identifier(model.time)};" if model.time else "// the unit of time is unknown"
    yield f"unit substance = {substance};"
    yield f"unit extent = {substance};"


def _counted(model: Exchange) -> Iterator[str]:
    if model.counted:
        yield "compartment body = 1;"
    for row in model.counted:
        yield f"substanceOnly species {row.id} in body;"
    for flow in model.reactions:
        ends = [_side(flow.changes, sign) for sign in (-1, 1)]
        yield f"{flow.id}: {ends[0]} => {ends[1]}; {flow.rate};"


def _side(changes: Iterable[tuple[str, float]], sign: int) -> str:
    counted = [(name, sign * size) for name, size in changes if sign * size > 0]
    return " + ".join(name if size == 1 else f"{size!r} {name}" for name, size in counted)


def _measured(model: Exchange) -> Iterator[str]:
    for name, slope in model.slopes.items():
        yield f"{name}' = {slope};"
    for flow in model.rates:
        yield f"{flow.id} := {flow.rate};"


def _doses(model: Exchange) -> Iterator[str]:
    for event in model.events:
        changes = ", ".join(f"{state} = {state}*{keep!r} + {amount}" for state, keep, amount, _, _ in event.changes)
        yield f"{event.id}: at time >= {event.time!r}, t0 = false, persistent = true: {changes};"
    for event in model.events:
        for _, _, amount, add, _ in event.changes:
            yield f"{amount} = {add!r};"


def _happenings(model: Exchange) -> Iterator[str]:
    for row in model.happenings:
        changes = ", ".join(f"{name} = {formula}" for name, formula in row.assignments)
        settings = f"t0 = {str(row.initially).lower()}, persistent = false, fromTrigger = false"
        yield f"{row.id}: at {row.condition}, {settings}, priority = {row.priority}: {changes};"


def _starts(model: Exchange) -> Iterator[str]:
    for row in (*model.counted, *model.measured):
        yield f"{row.id} = {row.formula or repr(row.value)};"


def _declared(model: Exchange) -> Iterator[str]:
    amounts = [(amount, unit) for event in model.events for _, _, amount, _, unit in event.changes]
    constant = [(row.id, row.unit) for row in model.parameters] + amounts
    moving = [(row.id, row.unit) for rows in (model.measured, model.levels) for row in rows]
    moving += [(row.id, row.unit) for row in model.rates]
    yield from (f"const {name};" for name, _ in constant)
    yield from (f"var {name};" for name, _ in moving)
    yield from (f"{name} has {model.units.identifier(unit)};" for name, unit in (*moving, *constant))


def _names(model: Exchange) -> Iterator[str]:
    for row in model.rows:
        if row.name != row.id:
            yield f'{row.id} is "{_plain(row.name)}";'


def _sources(model: Exchange, dois: Mapping[str, str]) -> Iterator[str]:
    for key in model.citations:
        if dois.get(key):
            yield f'model publication "https://identifiers.org/doi/{dois[key]}";'
        yield f"// {key}"

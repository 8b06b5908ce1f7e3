"""Which number wins: scenario over product, edits, payloads, construct, cell and disease, and these over the tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from perforin import units
from perforin.errors import UserError, nearest
from perforin.evidence.parameters import Row, choose
from perforin.model.network import Slot
from perforin.nouns import Number

__all__ = ["Change", "Extrapolation", "Layer", "check_matched", "in_unit", "winning_row"]


@dataclass(frozen=True)
class Change:
    """One override and where it stands."""

    name: str
    number: Number
    place: str

    @property
    def stem(self) -> str:
        """The name without brackets."""
        return self.name.partition("[")[0]

    @property
    def members(self) -> frozenset[str]:
        """What stands in the brackets."""
        return frozenset(filter(None, self.name.rstrip("]").partition("[")[2].split(",")))

    def fits(self, slot: Slot) -> bool:
        """Whether it speaks of this slot; a name without brackets speaks of all members."""
        return self.stem == slot.parameter and self.members <= {slot.product, *slot.members}


@dataclass(frozen=True)
class Layer:
    """The overrides of one noun or of the scenario; ``product`` limits them to one product's slots.

    ``scenario`` marks the user's own changes, which must speak of something; with ``anywhere`` a parameter that some
    other arm has is enough.
    """

    name: str
    changes: tuple[Change, ...]
    product: str = ""
    scenario: bool = False
    anywhere: bool = False

    def change(self, slot: Slot) -> Change | None:
        """The most specific override of a slot.

        Raises:
            UserError: two fit equally well.
        """
        if self.product and self.product != slot.product:
            return None
        fitting = sorted((one for one in self.changes if one.fits(slot)), key=lambda one: -len(one.members))
        if len(fitting) > 1 and len(fitting[0].members) == len(fitting[1].members):
            both = f"{fitting[0].name} and {fitting[1].name}"
            raise UserError(f"{fitting[1].place}: found {both}, which fit {slot.name} equally well; needed one of them")
        return fitting[0] if fitting else None


@dataclass(frozen=True)
class Extrapolation:
    """Something outside the range in which the model's numbers were found: shown in amber, never an error."""

    name: str
    message: str
    place: str = ""

    def __str__(self) -> str:
        return self.message


def in_unit(row: Row, unit: str) -> Row:
    """The row in another unit of the same dimension.

    Raises:
        UserError: another dimension.
    """
    if units.same(row.unit, unit):
        return row
    try:
        scale = units.convert(1.0, row.unit, unit)
    except UserError as problem:
        raise UserError(f"{row.place}: {row.parameter}: {problem}") from None
    return replace(row, value=row.value * scale, low=row.low * scale, high=row.high * scale, unit=unit)


def winning_row(
    slot: Slot,
    layers: Sequence[Layer],
    tables: Mapping[str, Sequence[Row]],
    keys: Mapping[str, str],
    flagged: list[Extrapolation] | None = None,
) -> Row:
    """The number of one slot, in the slot's unit.

    Args:
        slot: a place for a parameter.
        layers: overrides, nearest first.
        tables: rows by stem.
        keys: what is modelled, such as ``{"cell": "T", "disease": "lbcl"}``.
        flagged: receives scenario values outside the range of the row beneath.

    Raises:
        UserError: no row fits, or an override has another dimension.
    """
    for place, layer in enumerate(layers):
        change = layer.change(slot)
        if change is None:
            continue
        if layer.scenario and not change.number.note:
            change = replace(change, number=change.number.model_copy(update={"note": "set in the scenario"}))
        try:
            beneath = winning_row(slot, layers[place + 1 :], tables, keys)
        except UserError:
            if change.number.times is not None:
                raise
            beneath = None
        row = _changed(change, slot, beneath)
        if layer.scenario and flagged is not None and beneath is not None and beneath.low < beneath.high:
            _flag(row, beneath, change, flagged)
        return row
    if slot.parameter in tables:
        return in_unit(choose(tables[slot.parameter], slot.parameter, slot.members, keys), slot.unit)
    hint = nearest(slot.parameter, tables)
    raise UserError(f"found no number for the parameter {slot.name}; needed a row in a table or in a noun{hint}")


def _changed(change: Change, slot: Slot, beneath: Row | None) -> Row:
    number = change.number
    if number.times is not None and beneath is not None:
        kinds = {number.kind, beneath.kind}
        factor, note = number.times, f"{number.times:g} times {beneath.value:g} ({beneath.place}); {number.note}"
        return replace(
            beneath, place=change.place,
            value=beneath.value * factor, low=beneath.low * factor, high=beneath.high * factor,
            between_patient_cv=beneath.between_patient_cv if number.cv is None else number.cv,
            kind="assumed" if "assumed" in kinds else "fitted" if "fitted" in kinds else "measured",
            status=number.status, source=number.source or beneath.source,
            locator=number.locator or beneath.locator, note=note.strip("; "),
        )  # fmt: skip
    row = number.row(change.name, change.place)
    if number.unit == "" and not units.same("", slot.unit):
        raise UserError(
            f"{change.place}: found {change.name} {row.value:g} with no unit; needed [{units.short(slot.unit)}], "
            f"for example '{row.value:g} {slot.unit}'"
        )
    row = in_unit(row, slot.unit)
    if number.cv is None and beneath is not None:
        fraction = row.high <= 1 or beneath.distribution != "logitnormal"
        row = replace(
            row,
            between_patient_cv=beneath.between_patient_cv,
            distribution=beneath.distribution if fraction else "fixed",
        )
    return row


def _flag(row: Row, beneath: Row, change: Change, flagged: list[Extrapolation]) -> None:
    if beneath.low <= row.value <= beneath.high:
        return
    unit = f" {beneath.unit}" if beneath.unit else ""
    valid = f"{beneath.low:g} to {beneath.high:g}{unit}, the range of {beneath.place}"
    message = f"{change.name} = {row.value:g}{unit} lies outside {valid}"
    if message not in {one.message for one in flagged}:
        flagged.append(Extrapolation(change.name, message, change.place))


def check_matched(layers: Iterable[Layer], slots: Sequence[Slot], elsewhere: Iterable[str]) -> None:
    """Every override of a scenario must speak of something.

    Args:
        layers: the scenario's.
        slots: of the model and of the nouns' own numbers.
        elsewhere: ``mechanism.parameter`` of every mechanism there is, for layers that concern all arms.

    Raises:
        UserError: it names no parameter of the model (nearest suggested).
    """
    elsewhere = set(elsewhere)
    for layer in layers:
        for change in layer.changes:
            own = [slot for slot in slots if layer.product in ("", slot.product)]
            if any(change.fits(slot) for slot in own) or (layer.anywhere and change.stem in elsewhere):
                continue
            names = sorted({slot.parameter for slot in own} | {slot.name for slot in own})
            hint = nearest(change.name, names) or nearest(change.stem, names)
            raise UserError(f"{change.place}: found {change.name!r}, which is no parameter of this model{hint}")

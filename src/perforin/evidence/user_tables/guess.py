"""A first mapping for a table nobody has described: by the names of its columns, their units, and what they hold."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from perforin.errors import UserError
from perforin.evidence.user_tables.mapping import OPEN, Mapping, Measured
from perforin.evidence.user_tables.reading import Decimal, Table, decimal_sign, is_missing, number, read_cell
from perforin.evidence.user_tables.words import (
    bare,
    column_words,
    parameter_units,
    parameter_words,
    split_header,
    unit_of,
)

__all__ = ["Guess", "guess"]

NEAR = 0.85
"""How alike a column's name and a usual name have to be (difflib's ratio) for the one to be taken for the other."""
TIMES = ("day", "hour", "week", "month", "minute")


@dataclass(frozen=True)
class Guess:
    """A mapping, and by what each column got its role: its name, a similar name, or its content."""

    mapping: Mapping
    reasons: dict[str, str]


def guess(table: Table, arm: str) -> Guess:
    """Guess what the columns of a table are; what cannot be guessed is left open.

    Args:
        table: as read.
        arm: the name of the arm where no column has it.
    """
    columns, reasons = _by_name(table)
    decimal = decimal_sign([cell for line in table.lines for cell in line.cells], table.separator)
    if "events" in columns and "n" in columns and "subject" not in columns:
        return Guess(_summary(columns, decimal), reasons)
    columns = {role: name for role, name in columns.items() if role not in ("study", "events", "n")}
    wide = _wide(table, columns, decimal)
    if wide and "value" in columns and "parameter" not in columns:
        wide.insert(0, columns.pop("value"))
    columns |= _by_content(table, columns, wide, decimal, reasons)
    value = columns.pop("value", "")
    if "parameter" in columns and value:
        values = _long(table, columns, value)
    else:
        values = [_measured(name) for name in ([value] if value and not wide else wide)]
        if "unit" in columns:
            values = [one.model_copy(update={"unit": ""}) if one.unit == OPEN else one for one in values]
        columns.pop("parameter", None)
    found = Mapping(kind="observations", decimal=decimal, time_unit=_time_unit(columns),
                    arm="" if "arm" in columns else arm, columns=columns, values=tuple(values))  # fmt: skip
    return Guess(found, reasons)


def _summary(columns: dict[str, str], decimal: Decimal) -> Mapping:
    kept = {role: columns[role] for role in ("study", "events", "n", "parameter") if role in columns}
    study = {"study": columns.get("arm", OPEN)}
    values = () if "parameter" in kept else (Measured(column=columns["events"], parameter=OPEN),)
    return Mapping(kind="summary", decimal=decimal, columns=study | kept, values=values)


def _by_name(table: Table) -> tuple[dict[str, str], dict[str, str]]:
    columns: dict[str, str] = {}
    reasons: dict[str, str] = {}
    words = column_words()
    stems = {name: bare(split_header(name)[0]) for name in table.header}
    for name, stem in stems.items():
        role = words.get(stem)
        if role is not None and role not in columns:
            columns[role], reasons[name] = name, "its name"
    for name, stem in stems.items():
        near = difflib.get_close_matches(stem, words, 1, NEAR) if len(stem) > 3 else []
        if name not in reasons and near and words[near[0]] not in columns and stem not in parameter_words():
            columns[words[near[0]]], reasons[name] = name, f"a name like {near[0]!r}"
    return columns, reasons


def _is_numeric(cells: Sequence[str], decimal: str) -> bool:
    filled = [cell for cell in cells if not is_missing(cell)]
    good = 0
    for cell in filled:
        try:
            read_cell(cell, decimal)
            good += 1
        except ValueError:
            pass
    return bool(filled) and good > len(filled) / 2


def _wide(table: Table, columns: dict[str, str], decimal: str) -> list[str]:
    """Columns whose name says what was measured."""
    free = [name for name in table.header if name not in columns.values()]
    named = [name for name in free if bare(split_header(name)[0]) in parameter_words()]
    return [name for name in named if _is_numeric(table.column(name), decimal)]


def _by_content(table: Table, columns: dict[str, str], wide: Sequence[str], decimal: str,
                reasons: dict[str, str]) -> dict[str, str]:  # fmt: skip
    """Subject: the first free column whose entries repeat. Day: the first free numbers that rise within each subject.

    Value: the last free column of numbers, where no column names what it measures.
    """
    found: dict[str, str] = {}
    free = [name for name in table.header if name not in columns.values() and name not in wide]
    if "subject" not in columns:
        repeated = [name for name in free if 1 < len(set(table.column(name))) < len(table.lines)]
        found["subject"] = repeated[0] if repeated else OPEN
        free = [name for name in free if name != found["subject"]]
    subject = columns.get("subject", found.get("subject"))
    numeric = [name for name in free if _is_numeric(table.column(name), decimal)]
    if "day" not in columns and subject in table.header:
        rising = [name for name in numeric if _rises(table, str(subject), name, decimal)]
        if rising and (len(numeric) > 1 or wide or "value" in columns):
            found["day"] = rising[0]
            numeric.remove(rising[0])
    if "value" not in columns and not wide and numeric:
        found["value"] = numeric[-1]
    reasons |= {name: "its content" for name in found.values() if name != OPEN}
    return found


def _rises(table: Table, subject: str, name: str, decimal: str) -> bool:
    last: dict[str, float] = {}
    more = False
    for who, cell in zip(table.column(subject), table.column(name), strict=True):
        try:
            now = number(cell, decimal)
        except ValueError:
            return False
        if now < last.get(who, now):
            return False
        more |= now > last.get(who, now)
        last[who] = now
    return more


def _long(table: Table, columns: dict[str, str], value: str) -> list[Measured]:
    texts = list(dict.fromkeys(text for text in table.column(columns["parameter"]) if not is_missing(text)))
    return [_named(value, text, "unit" in columns) for text in texts]


def _named(column: str, text: str, has_unit: bool) -> Measured:
    stem, unit = split_header(text)
    parameter = parameter_words().get(bare(stem)) or (OPEN if stem.isdigit() else stem)
    return Measured(column=column, text=text, parameter=parameter, unit=_unit(parameter, unit, text, has_unit))


def _measured(column: str) -> Measured:
    stem, unit = split_header(column)
    parameter = parameter_words().get(bare(stem), OPEN)
    return Measured(column=column, parameter=parameter, unit=_unit(parameter, unit, column, has_unit=False))


def _unit(parameter: str, written: str, name: str, has_unit: bool) -> str:
    """The unit that a name states; none where a column has it or the parameter has none; else open.

    Raises:
        UserError: a unit nobody knows.
    """
    if written:
        try:
            return unit_of(written)
        except UserError as problem:
            raise UserError(f"{name!r}: {problem}") from None
    return "" if has_unit or parameter_units().get(parameter, OPEN) == "" else OPEN


def _time_unit(columns: dict[str, str]) -> str:
    if "day" not in columns:
        return ""
    stem, unit = split_header(columns["day"])
    if unit:
        return _time(unit) or OPEN
    words = stem.replace("_", " ").replace("-", " ").split()
    return next((known for word in words if (known := _time(word))), OPEN)


def _time(text: str) -> str:
    if len(text) == 1 and text.casefold() not in "dhw":
        return ""
    try:
        unit = unit_of(text)
    except UserError:
        return "day" if bare(text).startswith("day") or bare(text).endswith("day") else ""
    return unit if unit in TIMES else ""

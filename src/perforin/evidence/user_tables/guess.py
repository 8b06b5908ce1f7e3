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
    factor,
    parameter_units,
    parameter_words,
    split_header,
    unit_of,
)

__all__ = ["Guess", "guess"]

NEAR = 0.85
"""How alike a column's name and a usual name have to be (difflib's ratio) for the one to be taken for the other."""
GRADES = {"aetoxgr", "toxgr", "grade"}
"""Names of columns whose numbers have no unit."""
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
    events = columns.get("events", "")
    if events and not _is_numeric(table.column(events), decimal):
        columns.setdefault("parameter", events)  # names of adverse events
    columns = {role: name for role, name in columns.items() if role not in ("study", "events", "n")}
    wide = _wide(table, columns, decimal)
    if wide and "value" in columns and "parameter" not in columns:
        wide.insert(0, columns.pop("value"))
    columns |= _by_content(table, columns, wide, decimal, reasons)
    value = columns.pop("value", "")
    if "parameter" in columns and value:
        values = _long(table, columns, value)
    else:
        has_unit = "unit" in columns
        values = [_measured(name, has_unit=has_unit) for name in ([value] if value and not wide else wide)]
        columns.pop("parameter", None)
    columns = {role: OPEN if name in table.twins else name for role, name in columns.items()}
    values = [one.model_copy(update={"column": OPEN}) if one.column in table.twins else one for one in values]
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
    """Columns whose name says what was measured, or in what unit."""
    free = {name: split_header(name) for name in table.header if name not in columns.values()}
    named = [name for name, (stem, unit) in free.items()
             if bare(stem) in parameter_words() or (unit and bare(stem) not in column_words())]  # fmt: skip
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
    """What each text of the parameter column means, told by the units of its rows where the text has two meanings."""
    units: dict[str, set[str]] = {}
    given = table.column(columns["unit"]) if "unit" in columns else [""] * len(table.lines)
    for text, unit in zip(table.column(columns["parameter"]), given, strict=True):
        if not is_missing(text):
            units.setdefault(text, set()).add("" if is_missing(unit) else unit)
    return [_measured(value, text, next(iter(written)) if len(written) == 1 else "", "unit" in columns)
            for text, written in units.items()]  # fmt: skip


def _measured(column: str, text: str = "", in_rows: str = "", has_unit: bool = False) -> Measured:
    """What a column of numbers holds, by its name or by the text beside it."""
    stem, written = split_header(text or column)
    unit = _unit(written, text or column)
    parameter = _parameter(stem, unit or _unit(in_rows, text or column), is_role=bare(stem) in column_words())
    if not unit and not has_unit and parameter_units().get(parameter, OPEN) and bare(column) not in GRADES:
        unit = OPEN
    return Measured(column=column, text=text, parameter=parameter, unit=unit)


def _parameter(stem: str, unit: str, is_role: bool) -> str:
    """The one known parameter that a name and a unit fit; else the name itself, if it is one that says something."""
    known = parameter_units()
    meant = parameter_words().get(bare(stem), ())
    if not meant and is_role and unit:
        meant = tuple(known)
    fitting = [name for name in meant if not unit or _fits(unit, known[name])]
    if len(fitting) == 1:
        return fitting[0]
    return OPEN if meant or is_role or stem.isdigit() else stem


def _fits(given: str, needed: str) -> bool:
    try:
        factor(given, needed)
    except UserError:
        return False
    return True


def _unit(written: str, name: str) -> str:
    """A unit as perforin writes it, empty for none.

    Raises:
        UserError: a unit nobody knows, with the name of its column.
    """
    try:
        return unit_of(written)
    except UserError as problem:
        raise UserError(f"{name!r}: {problem}") from None


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
        return "day" if bare(text).startswith("day") or bare(text).endswith(("day", "dy")) else ""
    return unit if unit in TIMES else ""

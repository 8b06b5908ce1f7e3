"""A user's table, by its mapping, as Records: every row becomes records, or is named with the reason why not."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from perforin.errors import UserError
from perforin.evidence.user_tables import mapping as maps
from perforin.evidence.user_tables.reading import Cell, Line, Table, is_missing, number, read_cell
from perforin.evidence.user_tables.words import bare, factor, highest, parameter_units, unit_of
from perforin.records import COLUMNS, Records

__all__ = ["Converted", "Problem", "convert"]

YES = {"1", "y", "yes", "true", "t"}
NO = {"0", "n", "no", "false", "f", ""}


@dataclass(frozen=True)
class Problem:
    """What is wrong with one line of the file."""

    line: int
    text: str


@dataclass(frozen=True)
class Converted:
    """What became of a table.

    Attributes:
        records: of every row that could be read.
        errors: rows that could not be read, by line.
        warnings: what was read but looks odd, or was left out by rule.
        lines: rows of the file, without header and blank rows.
        subjects: the number in ``records`` of each subject of the file; none for a table of studies.
    """

    records: Records
    errors: tuple[Problem, ...]
    warnings: tuple[str, ...]
    lines: int
    subjects: Mapping[str, int]


@dataclass
class _Rows:
    """What is collected while the lines are walked."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    doses: list[int] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    unflagged: list[int] = field(default_factory=list)
    lower: list[int] = field(default_factory=list)
    seen: dict[tuple[Any, ...], list[int]] = field(default_factory=lambda: defaultdict(list))


class _BadRow(Exception):
    """A row that cannot be read; says why."""


def convert(table: Table, mapping: maps.Mapping) -> Converted:
    """Read every line of a table by its mapping.

    Values below the assay limit are kept: ``censored``, with the limit as their value.

    Args:
        table: as read.
        mapping: complete; see ``open_questions``.

    Raises:
        UserError: an open question in the mapping.
    """
    if questions := list(maps.open_questions(mapping)):
        raise UserError("found an incomplete mapping; needed " + "; ".join(questions))
    found = _Rows()
    for line in table.lines:
        try:
            cells = _cells(line, table)
            if mapping.kind == "summary":
                found.rows += _study(line, cells, mapping, found)
            else:
                found.rows += _observations(line, cells, mapping, found)
        except (_BadRow, UserError) as problem:
            found.errors.append(Problem(line.number, str(problem)))
    found.rows = _highest_grades(found)
    numbers: dict[str, int] = {}
    if mapping.kind == "observations":
        numbers = _numbers(list(dict.fromkeys(row["subject"] for row in found.rows)))
        found.rows = [row | {"subject": numbers[row["subject"]]} for row in found.rows]
    warnings = tuple(_warnings(table, mapping, found))
    return Converted(_records(found.rows), tuple(found.errors), warnings, len(table.lines), numbers)


def _records(rows: Sequence[Mapping[str, Any]]) -> Records:
    if not rows:
        return Records.empty()
    columns = {name: [row[name] for row in rows] for name in COLUMNS if name in rows[0]}
    return Records.build(**columns, origin="observed", source="")


def _cells(line: Line, table: Table) -> Mapping[str, str]:
    wide = len(table.header)
    if len(line.cells) < wide or any(line.cells[wide:]):
        raise _BadRow(f"found {len(line.cells)} cells; needed {wide}, one for each column")
    return dict(zip(table.header, line.cells, strict=False))


def _highest_grades(found: _Rows) -> list[dict[str, Any]]:
    """The rows, with one of each subject's maximum grades: the highest, and the earliest of these."""
    best: dict[tuple[Any, ...], dict[str, Any]] = {}
    rows = []
    for row in found.rows:
        if not row["parameter"].endswith("_max_grade"):
            rows.append(row)
            continue
        before = best.setdefault((row["subject"], row["arm"], row["parameter"]), row)
        if before is row:
            rows.append(row)
            continue
        if (row["value"], -row["day"]) > (before["value"], -before["day"]):
            found.lower.append(before["line"])
            before |= row
        else:
            found.lower.append(row["line"])
    return rows


def _numbers(subjects: Sequence[str]) -> dict[str, int]:
    """The subjects' own numbers where all have one, else 1, 2, ... in order of appearance."""
    if all(name.isascii() and name.isdigit() and len(name) < 19 for name in subjects):
        own = {name: int(name) for name in subjects}
        if len(set(own.values())) == len(own):
            return own
    return {name: place for place, name in enumerate(subjects, 1)}


def _get(cells: Mapping[str, str], mapping: maps.Mapping, role: str) -> str:
    """The cell of a role; the empty text where no column has it or the cell says that there is nothing."""
    name = mapping.columns.get(role)
    text = cells[name] if name else ""
    return "" if is_missing(text) else text


def _flag(cells: Mapping[str, str], mapping: maps.Mapping, role: str) -> bool:
    text = _get(cells, mapping, role)
    if text.casefold() in YES:
        return True
    if text.casefold() in NO:
        return False
    raise _BadRow(f"found {text!r} in the column {mapping.columns[role]!r}; needed 1 or 0, yes or no")


def _observations(line: Line, cells: Mapping[str, str], mapping: maps.Mapping, found: _Rows) -> list[dict[str, Any]]:
    if _get(cells, mapping, "evid") not in ("", "0"):
        found.doses.append(line.number)
        return []
    subject = _get(cells, mapping, "subject")
    if not subject:
        raise _BadRow(f"found no subject in the column {mapping.columns['subject']!r}; needed one")
    arm = _get(cells, mapping, "arm") if "arm" in mapping.columns else mapping.arm
    if not arm:
        raise _BadRow("found no arm; needed one, or 'arm: NAME' in the mapping")
    written = _get(cells, mapping, "parameter")
    measured = [one for one in mapping.values if not one.text or one.text == written]
    if not measured:
        known = ", ".join(repr(one.text) for one in mapping.values)
        raise _BadRow(f"found {written!r} in the column {mapping.columns['parameter']!r}; needed one of {known}")
    rows = []
    for one in measured:
        if (_flag(cells, mapping, "mdv") or is_missing(cells[one.column])) and not _is_below(cells, mapping, one):
            found.empty.append(line.number)
            continue
        row = {"line": line.number, "subject": subject, "arm": arm, "parameter": one.parameter,
               "day": _day(cells, mapping, one.parameter)}  # fmt: skip
        is_time = one.parameter.startswith("time:")
        row |= _time(cells, mapping, one) if is_time else _value(line, cells, mapping, one, found)
        rows.append(row)
    for row in rows:
        found.seen[subject, arm, row["parameter"], row["day"]].append(line.number)
    return rows


def _day(cells: Mapping[str, str], mapping: maps.Mapping, parameter: str) -> float:
    if "day" not in mapping.columns:
        return 0.0
    text = _get(cells, mapping, "day")
    if not text and parameter.endswith("_grade"):  # who had no event has no day of it
        return math.nan
    try:
        return number(text, mapping.decimal) * factor(unit_of(mapping.time_unit), "day")
    except ValueError:
        raise _BadRow(f"found {text!r} in the column {mapping.columns['day']!r}; needed a number "
                      f"[{mapping.time_unit}]") from None  # fmt: skip


def _is_below(cells: Mapping[str, str], mapping: maps.Mapping, one: maps.Measured) -> bool:
    return not one.parameter.startswith("time:") and _flag(cells, mapping, "below")


def _cell(cells: Mapping[str, str], mapping: maps.Mapping, one: maps.Measured) -> Cell:
    text = cells[one.column]
    try:
        return Cell(None, below=True) if is_missing(text) else read_cell(text, mapping.decimal)
    except ValueError:
        sign = f" (decimal sign {mapping.decimal!r})" if "," in text or "." in text else ""
        raise _BadRow(f"found {text!r} in the column {one.column!r}; needed a number{sign}, or '<' and an assay "
                      "limit") from None  # fmt: skip


def _limit(cells: Mapping[str, str], mapping: maps.Mapping, one: maps.Measured) -> float | None:
    text = _get(cells, mapping, "limit")
    if not text:
        return one.limit
    try:
        return number(text, mapping.decimal)
    except ValueError:
        raise _BadRow(f"found {text!r} in the column {mapping.columns['limit']!r}; needed a number") from None


def _scale(cells: Mapping[str, str], mapping: maps.Mapping, one: maps.Measured,
           needed: str | None) -> tuple[float, str]:  # fmt: skip
    """By how much the number is multiplied, and the unit it has then."""
    given = unit_of(one.unit or _get(cells, mapping, "unit"))
    if needed is None:
        return 1.0, given
    if needed and not given:
        raise _BadRow(f"found no unit of {one.parameter}; needed one such as {needed!r}")
    return (factor(given, needed) if given else 1.0), needed


def _value(line: Line, cells: Mapping[str, str], mapping: maps.Mapping, one: maps.Measured,
           found: _Rows) -> dict[str, Any]:  # fmt: skip
    cell, limit = _cell(cells, mapping, one), _limit(cells, mapping, one)
    below = cell.below or _is_below(cells, mapping, one)
    value = cell.value
    if below and not (cell.below and value is not None):
        value = limit if limit is not None else value
        if value is None or value <= 0:
            raise _BadRow(f"found {cells[one.column] or 'nothing'!r} below an assay limit that is not stated; needed a "
                          "column with the limit, or 'limit: NUMBER' in the mapping")  # fmt: skip
    elif not below and limit is not None and value is not None and value < limit:
        found.unflagged.append(line.number)
    scale, unit = _scale(cells, mapping, one, parameter_units().get(one.parameter))
    value = (value or 0.0) * scale
    if one.parameter in parameter_units() and not 0 <= value <= highest().get(one.parameter, value):
        most = f" to {highest()[one.parameter]:g}" if one.parameter in highest() else " or more"
        raise _BadRow(f"found {one.parameter} {value:g}; needed 0{most}")
    return {"value": value, "unit": unit, "censored": below}


def _time(cells: Mapping[str, str], mapping: maps.Mapping, one: maps.Measured) -> dict[str, Any]:
    """A time to an event: its day, 1 where the event was seen, 0 and censored where it was not."""
    role = "unseen" if "unseen" in mapping.columns else "below"
    if role not in mapping.columns:
        raise _BadRow(f"found no column that says whether {one.parameter} was seen to its end; needed one "
                      "(columns: unseen, 1 where it was not)")  # fmt: skip
    unseen, cell = _flag(cells, mapping, role), _cell(cells, mapping, one)
    scale, _ = _scale(cells, mapping, one, "day")
    if cell.value is None or cell.value < 0:
        raise _BadRow(f"found {cells[one.column]!r} as a time; needed 0 or more")
    return {"day": cell.value * scale, "value": float(not unseen), "unit": "", "censored": unseen}


def _study(line: Line, cells: Mapping[str, str], mapping: maps.Mapping, found: _Rows) -> list[dict[str, Any]]:
    study = _get(cells, mapping, "study")
    if not study:
        raise _BadRow(f"found no study in the column {mapping.columns['study']!r}; needed one")
    outcome = _get(cells, mapping, "parameter") or (mapping.values[0].parameter if mapping.values else "")
    if not outcome:
        raise _BadRow(f"found no outcome in the column {mapping.columns['parameter']!r}; needed one")
    events, n = (_count(cells, mapping, role) for role in ("events", "n"))
    if n == 0 or events > n:
        raise _BadRow(f"found {events} events among {n} patients; needed at least one patient and no more events than "
                      "patients")  # fmt: skip
    earlier = found.seen[study, outcome]
    earlier.append(line.number)
    if len(earlier) > 1:
        raise _BadRow(f"found {outcome} of {study!r} twice, first in line {earlier[0]}; needed it once")
    common = {"arm": study, "parameter": f"outcome:{outcome}", "day": 0.0, "unit": "", "censored": False}
    return [common | {"subject": place, "value": float(place < events)} for place in range(n)]


def _count(cells: Mapping[str, str], mapping: maps.Mapping, role: str) -> int:
    text = _get(cells, mapping, role)
    try:
        value = number(text, mapping.decimal)
    except ValueError:
        value = -1.0
    if value < 0 or value != int(value):
        raise _BadRow(f"found {text!r} in the column {mapping.columns[role]!r}; needed a count, 0 or more")
    return int(value)


def _warnings(table: Table, mapping: maps.Mapping, found: _Rows) -> Iterator[str]:
    yield from table.warnings
    if bare(mapping.columns.get("day", "")).endswith("dy"):
        yield f"study days such as {mapping.columns['day']} begin at 1, not 0, in CDISC tables; they stay as written"
    for lines, what in (
        (table.blank, "blank rows were passed over"),
        (found.doses, f"rows are no observations ({mapping.columns.get('evid')} is not 0) and give no record"),
        (found.empty, "times a value is missing, which gives no record"),
        (found.lower, "lower or later grades stand beside a subject's highest, which alone is kept"),
        (found.unflagged, "values lie below the limit of their row but are not flagged; they were kept as measured"),
    ):
        if lines:
            yield f"{len(lines)} {what}: {_places(lines)}"
    if mapping.kind == "observations":
        again = [line for lines in found.seen.values() for line in lines if len(lines) > 1]
        if again:
            yield f"{len(again)} values share subject, parameter and day with another; all were kept: {_places(again)}"
        unknown = sorted({one.parameter for one in mapping.values} - set(parameter_units()))
        if unknown:
            yield f"no endpoint knows {', '.join(map(repr, unknown))}; kept under this name, in its own unit"


def _places(lines: Sequence[int]) -> str:
    several = list(dict.fromkeys(lines))
    shown = ", ".join(map(str, several[:8])) + (f" and {len(several) - 8} more" if len(several) > 8 else "")
    return f"line{'s' if len(several) > 1 else ''} {shown}"

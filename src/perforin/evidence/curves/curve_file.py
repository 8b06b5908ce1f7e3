"""The file of a digitised curve: CSV, with what it is on lines above the columns."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from perforin.errors import Location, UserError, nearest
from perforin.evidence.curves.digitised import Column, Digitised, Risk, checked

__all__ = ["FACTS", "read_curve"]

FACTS = ("unit", "n", "events", "source", "locator", "status")
"""What may stand above the columns, as ``# unit: month``; status is read, memory or derived."""
CURVE, RISK = ("time", "survival"), ("time", "at_risk")


def read_curve(
    path: str | Path,
    at_risk: str | Path | None = None,
    *,
    unit: str | None = None,
    n: int | None = None,
    events: int | None = None,
) -> Digitised:
    """A curve from a CSV file with the columns ``time``, ``survival`` and, if wanted, ``at_risk``.

    A row may leave ``survival`` or ``at_risk`` blank. Without a line of names the columns are time and survival, as
    digitising programs write them. Cells are parted by semicolons, tabs or commas; a decimal comma is read where
    commas do not part cells.

    Args:
        path: of the curve.
        at_risk: of a second file with ``time`` and ``at_risk``, in place of that column.
        unit: of times, in place of the file's.
        n: patients at the start, likewise.
        events: in total, likewise.

    Raises:
        UserError: as for ``digitised``, with the line; no such file, an unknown column or a cell that is no number.
    """
    facts, columns = _table(Path(path), (*CURVE, "at_risk"), CURVE)
    curve, risk = _there(columns, "survival"), _there(columns, "at_risk")
    if at_risk is not None:
        if risk is not None:
            raise UserError(f"found numbers at risk in {path} and in {at_risk}; needed them in one of the two")
        risk = _there(_table(Path(at_risk), RISK, RISK)[1], "at_risk")
    if curve is None:
        raise UserError(f"found no survival in {path}; needed a curve")
    known = {name: facts[name] for name in FACTS[3:] if facts.get(name)}
    return checked(*curve, risk, unit or facts.get("unit", ""), _whole(n, "n", facts, path),
                   _whole(events, "events", facts, path), known)  # fmt: skip


def _whole(given: int | None, name: str, facts: Mapping[str, str], path: str | Path) -> int | None:
    text = facts.get(name)
    if given is not None or text is None:
        return given
    if not text.isdigit():
        raise UserError(f"found {name} {text!r}; needed a whole number", Location(str(path), 1))
    return int(text)


def _there(columns: Mapping[str, Column], name: str) -> Risk | None:
    """The times at which a column is not blank, and its values; None where it always is."""
    if name not in columns:
        return None
    time, column = columns["time"], columns[name]
    rows = np.flatnonzero(~np.isnan(column.values)).tolist()
    places = [time.places[i] for i in rows]
    shown = name.replace("at_risk", "number at risk")
    return (Column("time", time.values[rows], places), Column(shown, column.values[rows], places)) if rows else None


def _table(path: Path, known: Sequence[str], needed: Sequence[str]) -> tuple[dict[str, str], dict[str, Column]]:
    """The facts above the columns, and the columns by name; blank cells are NaN."""
    facts: dict[str, str] = {}
    rows: list[tuple[Location, str]] = []
    for number, line in enumerate(_lines(path), 1):
        where = Location(str(path), number)
        if line.startswith("#"):
            facts |= _fact(line, where)
        elif line.strip(" ;,\t"):
            rows.append((where, line))
    if not rows:
        raise UserError(f"found no rows in {path}; needed the columns {', '.join(needed)}")
    mark = next((mark for mark in ";\t," if mark in rows[0][1]), ",")
    cells = [(where, [cell.strip() for cell in next(csv.reader([line], delimiter=mark))]) for where, line in rows]
    names = list(needed)
    if _number(cells[0][1][0], mark) is None:
        where, head = cells.pop(0)
        names = _names(head, known, needed, where)
    for where, row in cells:
        if len(row) != len(names):
            raise UserError(f"found {len(row)} cells; needed {len(names)}: {', '.join(names)}", where)
    places = [where for where, _ in cells]
    columns = {}
    for i, name in enumerate(names):
        values = [_cell(row[i], mark, name, where) for where, row in cells]
        columns[name] = Column(name, np.array(values, dtype=np.float64), places)
    return facts, columns


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise UserError(f"found no file {path}; needed a CSV file") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise UserError(f"found a file that cannot be read, {path} ({problem}); needed a CSV file in UTF-8") from None


def _fact(line: str, where: Location) -> dict[str, str]:
    name, colon, text = (part.strip() for part in line[1:].partition(":"))
    if colon and name not in FACTS:
        raise UserError(f"found {name!r} above the columns; needed one of {list(FACTS)}{nearest(name, FACTS)}", where)
    return {name: text} if colon else {}


def _names(head: Sequence[str], known: Sequence[str], needed: Sequence[str], where: Location) -> list[str]:
    names = [name.lower() for name in head]
    for name in names:
        if name not in known:
            raise UserError(f"found the column {name!r}; needed {', '.join(known)}{nearest(name, known)}", where)
    if missing := [name for name in needed if name not in names]:
        raise UserError(f"found no column {missing[0]!r}; needed {', '.join(known)}", where)
    return names


def _number(text: str, mark: str) -> float | None:
    try:
        return float(text if mark == "," else text.replace(",", "."))
    except ValueError:
        return None


def _cell(text: str, mark: str, name: str, where: Location) -> float:
    if not text and name != "time":
        return float("nan")
    value = _number(text, mark)
    if value is None or not np.isfinite(value):
        raise UserError(f"found {name} {text!r}; needed a number", where)
    return value

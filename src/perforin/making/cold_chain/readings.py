"""A temperature logger's file as times and temperatures: units found out, faults refused with their line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perforin.errors import Location, UserError
from perforin.evidence.user_tables.reading import Table, decimal_sign, is_missing, number, read_table

__all__ = ["Readings", "read_readings"]

Array = NDArray[np.float64]

BOILING_NITROGEN, BOILING_WATER = -196.0, 100.0
SLACK = 4.0
"""Degrees below boiling nitrogen that a probe may read by its own error."""
WIDEST = 5.0
"""How many usual intervals may pass between two readings before that is a gap."""
_TIME = re.compile(r"\b(?:date|time|timestamp|datetime|elapsed|hours?|minutes?|days?)\b")
_TEMPERATURE = re.compile(r"temp|°|℃|℉|probe|channel|\bdegc\b|\bdegf\b|celsius|fahrenheit|kelvin")
_SCALES = {
    "Celsius": re.compile(r"(?:°\s*|\bdeg\s*|[\[(_,\s])c\b|^c\b|celsius|℃|\bdegc\b"),
    "Fahrenheit": re.compile(r"(?:°\s*|\bdeg\s*|[\[(_,\s])f\b|^f\b|fahrenheit|℉|\bdegf\b"),
    "Kelvin": re.compile(r"(?:[\[(_,\s])k\b|^k\b|kelvin"),
}
_PERIODS = {
    "second": (re.compile(r"[\[(_,\s](?:s|secs?|seconds?)\b"), 1 / 3600),
    "minute": (re.compile(r"[\[(_,\s](?:min|minutes?)\b|^minutes?\b"), 1 / 60),
    "hour": (re.compile(r"[\[(_,\s](?:h|hrs?|hours?)\b|^hours?\b"), 1.0),
    "day": (re.compile(r"[\[(_,\s](?:d|days?)\b|^days?\b"), 24.0),
}
_DATES = ("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M")
"""Beside ISO 8601; day/month/year and month/day/year cannot be told apart and are refused."""


@dataclass(frozen=True)
class Readings:
    """What a logger wrote down.

    ``hours`` (n,) since its first reading, ``celsius`` (n,), and the ``lines`` (n,) of the file where they stand;
    ``notes`` how the file was read.
    """

    file: str
    hours: Array
    celsius: Array
    lines: NDArray[np.int64]
    notes: tuple[str, ...]


def read_readings(path: str | Path) -> Readings:
    """Read a logger's CSV file: one column of times, one of temperatures.

    Times are dates (ISO 8601, 2026/03/01 12:00 or 01.03.2026 12:00) or numbers whose header names their unit.
    Temperatures are in the scale that the header, or the cells, name; nothing is guessed, filled in or left out.

    Raises:
        UserError: no column of either kind or several, no scale, a scale that the values contradict, a missing value, a
            time that cannot be read, stands twice or runs backward, a gap; with the file's line.
    """
    table = read_table(path)
    when, what = _columns(table)
    lines = np.array([line.number for line in table.lines], dtype=np.int64)
    if len(lines) < 2:
        raise UserError("found one reading; needed two or more", Location(table.file, int(lines[0])))
    hours = _hours(table, when)
    celsius, scale = _celsius(table, what)
    _check_order(table, hours)
    said = [f"{len(lines)} readings of {what!r} in degrees {scale}".replace("degrees Kelvin", "kelvins")]
    said += ["converted to degrees Celsius"] if scale != "Celsius" else []
    return Readings(table.file, hours - hours[0], celsius, lines, (", ".join(said), *table.warnings))


def _columns(table: Table) -> tuple[str, str]:
    heads = {name: name.casefold() for name in table.header}
    where = Location(table.file, 1)
    measured = [name for name, head in heads.items() if _TEMPERATURE.search(head)]
    timed = [name for name, head in heads.items() if _TIME.search(head) and name not in measured]
    for found, kind, example in ((timed, "time", "time [h]"), (measured, "temperature", "temperature [degC]")):
        if len(found) != 1:
            problem = f"found {len(found)} columns of {kind}, {found}," if found else f"found no column of {kind}"
            raise UserError(f"{problem} among {list(table.header)}; needed one, such as {example!r}", where)
    return timed[0], measured[0]


def _hours(table: Table, name: str) -> Array:
    cells = table.column(name)
    numeric = not any(":" in cell or cell.count("-") > 1 or "/" in cell for cell in cells)
    sign = decimal_sign(cells, table.separator)
    periods = [(word, size) for word, (pattern, size) in _PERIODS.items() if pattern.search(name.casefold())]
    if numeric and len(periods) != 1:
        raise UserError(f"found times that are numbers under {name!r}, which names no unit of time; needed one, such "
                        "as 'time [h]'", Location(table.file, 1))  # fmt: skip
    out, aware = np.empty(len(cells)), set()
    for place, (cell, line) in enumerate(zip(cells, table.lines, strict=True)):
        where = Location(table.file, line.number)
        if is_missing(cell):
            raise UserError("found no time; needed one for each reading", where)
        if numeric:
            out[place] = _number(cell, sign, "time", where) * periods[0][1]
            continue
        moment = _moment(cell, where)
        aware.add(moment.tzinfo is not None)
        if len(aware) > 1:
            raise UserError(f"found {cell!r}, and times before with and without a time zone; needed all alike", where)
        seconds = (moment - datetime(1970, 1, 1, tzinfo=moment.tzinfo)).total_seconds()
        offset = moment.utcoffset()
        out[place] = (seconds - (offset.total_seconds() if offset else 0.0)) / 3600
    return out


def _moment(cell: str, where: Location) -> datetime:
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        pass
    for form in _DATES:
        try:
            return datetime.strptime(cell, form)  # noqa: DTZ007 - a logger without a zone has one clock
        except ValueError:
            continue
    raise UserError(f"found the time {cell!r}; needed one such as 2026-03-01 12:00:00 (day and month of 03/01/2026 "
                    "cannot be told apart)", where)  # fmt: skip


def _celsius(table: Table, name: str) -> tuple[Array, str]:
    stripped = re.compile(r"(?<=\d)\s*(?:(?:°|deg)?\s*[cfk]|℃|℉)$", re.IGNORECASE)
    raw = table.column(name)
    marks = {match[0].strip().casefold() for cell in raw if (match := stripped.search(cell))}
    cells = [stripped.sub("", cell) for cell in raw]
    stated = {scale for text in (name.casefold(), *(f" {mark}" for mark in marks)) for scale, pattern in _SCALES.items()
              if pattern.search(text)}  # fmt: skip
    sign = decimal_sign(cells, table.separator)
    values = np.empty(len(cells))
    for place, (cell, line) in enumerate(zip(cells, table.lines, strict=True)):
        where = Location(table.file, line.number)
        if is_missing(cell):
            raise UserError("found no temperature; needed one for each reading (leave the reading out if the logger "
                            "took none)", where)  # fmt: skip
        values[place] = _number(cell, sign, "temperature", where)
    return _converted(values, stated, name, table), next(iter(stated))


def _converted(values: Array, stated: set[str], name: str, table: Table) -> Array:
    head, lowest = Location(table.file, 1), float(values.min())
    looks = "; values below -200 can only be degrees Fahrenheit" if lowest < BOILING_NITROGEN - SLACK else ""
    if len(stated) != 1:
        found = f"two scales for {name!r}, {sorted(stated)}" if stated else f"no scale for {name!r}"
        raise UserError(f"found {found}; needed one in the header, such as 'temperature [degC]' or "
                        f"'temperature [degF]'{looks}", head)  # fmt: skip
    (scale,) = stated
    celsius = {"Celsius": values, "Fahrenheit": (values - 32) / 1.8, "Kelvin": values - 273.15}[scale]
    wrong = np.flatnonzero((celsius < BOILING_NITROGEN - SLACK) | (celsius > BOILING_WATER))
    if len(wrong):
        hint = " (is it in degrees Fahrenheit?)" if scale == "Celsius" and looks else ""
        unit = "K" if scale == "Kelvin" else f"degrees {scale}"
        raise UserError(f"found {values[wrong[0]]:g} {unit}; needed a temperature between boiling nitrogen and boiling "
                        f"water{hint}", Location(table.file, table.lines[wrong[0]].number))  # fmt: skip
    return np.asarray(celsius, dtype=np.float64)


def _number(cell: str, sign: str, what: str, where: Location) -> float:
    try:
        return number(cell, sign)
    except ValueError:
        raise UserError(f"found the {what} {cell!r}; needed a number", where) from None


def _check_order(table: Table, hours: Array) -> None:
    steps = np.diff(hours)
    for place, step in enumerate(steps, 1):
        line, before = table.lines[place].number, table.lines[place - 1].number
        if step == 0:
            raise UserError(f"found the time of line {before} again; needed each time once", Location(table.file, line))
        if step < 0:
            raise UserError(f"found a time {_span(-step)} before that of line {before}; needed times that go forward",
                            Location(table.file, line))  # fmt: skip
    usual = float(np.median(steps))
    wide = np.flatnonzero(steps > WIDEST * usual * (1 + 1e-9))
    if len(wide):
        line, before = table.lines[wide[0] + 1].number, table.lines[wide[0]].number
        more = f", the first of {len(wide)} gaps" if len(wide) > 1 else ""
        raise UserError(f"found {_span(float(steps[wide[0]]))} without a reading since line {before}{more}; needed one "
                        f"at least every {_span(WIDEST * usual)}, five of the usual intervals: nobody knows how warm "
                        "it was in between", Location(table.file, line))  # fmt: skip


def _span(hours: float) -> str:
    for size, word in ((24.0, "d"), (1.0, "h"), (1 / 60, "min")):
        if hours >= 2 * size:
            return f"{hours / size:.3g} {word}"
    return f"{hours * 3600:.3g} s"


"""Studies from a table: the library's study sets and a user's ``study,events,n`` are read by the same code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from perforin.errors import Location, UserError, nearest
from perforin.evidence.pooling.studies import Kind, LeftOut, Study, StudySet
from perforin.evidence.user_tables.reading import Line, Table, decimal_sign, is_missing, number, read_table

__all__ = ["impossible_share", "read_studies"]

TEXTS = ("scale", "status", "source", "locator", "note")
KNOWN = ("study", "events", "percent", "n", "time", "endpoint", "overlaps", *TEXTS)
STATUSES = ("", "read", "memory", "derived")


def impossible_share(share: float, n: int, decimals: int) -> bool:
    """Whether no whole number of n patients gives this share, printed with so many decimals (Brown 2017)."""
    slack = 0.5 * 10.0**-decimals + 1e-9
    return not any(abs(count / n - share) <= slack for count in (math.floor(share * n), math.ceil(share * n)))


def read_studies(path: str | Path, endpoint: str = "events", title: str = "") -> StudySet:
    """Read a table with a row per study.

    Columns: ``study``; ``events``, or ``percent`` where only that is printed; ``n`` patients, or ``time`` under
    observation, which makes it a rate. May also hold ``endpoint`` (only rows of this one are read), ``overlaps`` (names
    of studies that share patients, parted by semicolons), ``scale``, ``status``, ``source``, ``locator`` and ``note``.
    Every other column is a moderator. Separator, decimal sign and encoding are found out.

    Args:
        path: the file.
        endpoint: what the events are.
        title: of the set; the file's name if not given.

    Raises:
        UserError: a missing column, a row with more cells than the header, a cell that is no number, events above n,
            n of 0, a study twice, an overlap with none of the studies (file:line).
    """
    table = read_table(path)
    columns = _columns(table)
    kind: Kind = "share" if "n" in columns else "rate"
    lines = table.lines
    known = {_text(line, columns, "study") for line in lines}
    if "endpoint" in columns:
        lines = tuple(line for line in lines if _text(line, columns, "endpoint") == endpoint)
        if not lines:
            found = sorted({_text(line, columns, "endpoint") for line in table.lines})
            raise UserError(f"found no row of {endpoint!r} in {path}; needed one of {', '.join(found)}"
                            f"{nearest(endpoint, found)}")  # fmt: skip
    numbers: dict[str, str] = {name: decimal_sign(table.column(table.header[columns[name]]), table.separator)
               for name in columns if name not in ("study", "endpoint", "overlaps", *TEXTS)}  # fmt: skip
    studies, flags = [], list(table.warnings)
    seen: dict[str, int] = {}
    for line in lines:
        study, flag = _study(line, columns, table.header, numbers, Location(table.file, line.number))
        for other in study.overlaps:
            if other == study.name or other not in known:
                hint = nearest(other, known - {study.name})
                raise UserError(f"found the overlap {other!r} of {study.name!r}; needed another study of it{hint}",
                                Location(table.file, line.number))  # fmt: skip
        if study.name in seen:
            raise UserError(f"found the study {study.name!r} twice, first in line {seen[study.name]}; needed each "
                            "cohort once", Location(table.file, line.number))  # fmt: skip
        seen[study.name] = line.number
        studies.append(study)
        flags += [flag] if flag else []
    passed = [LeftOut(f"line {line}", "blank") for line in table.blank]
    return StudySet.without_overlap(studies, endpoint=endpoint, kind=kind, title=title or Path(path).name,
                                    left_out=passed, warnings=tuple(flags))  # fmt: skip


def _columns(table: Table) -> dict[str, int]:
    places = {name.casefold().strip(): i for i, name in enumerate(table.header)}
    for either in (("study",), ("events", "percent"), ("n", "time")):
        present = [name for name in either if name in places]
        if len(present) != 1:
            found = " and ".join(present) if present else f"the columns {', '.join(table.header)}"
            raise UserError(f"found {found}; needed {'one column of ' if len(either) > 1 else 'a column '}"
                            f"{' or '.join(either)}{nearest(either[0], table.header) if not present else ''}",
                            Location(table.file, 1))  # fmt: skip
    return places


def _text(line: Line, columns: dict[str, int], name: str) -> str:
    place = columns.get(name)
    return line.cells[place] if place is not None and place < len(line.cells) else ""


def _plain(text: str, sign: str) -> str:
    """A number with a decimal point, whatever the table writes; any other text as it is."""
    try:
        return f"{number(text, sign):.15g}"
    except ValueError:
        return "" if is_missing(text) else text


def _study(line: Line, columns: dict[str, int], header: Sequence[str], signs: dict[str, str],
           where: Location) -> tuple[Study, str]:  # fmt: skip
    def value(name: str) -> float:
        text = _text(line, columns, name)
        try:
            return number(text.removesuffix("%").strip(), signs[name])
        except ValueError:
            found = "an empty cell" if is_missing(text) else repr(text)
            raise UserError(f"found {found} under {name}; needed a number", where) from None

    if len(line.cells) > len(header):
        raise UserError(f"found {len(line.cells)} cells; needed {len(header)}, as in the header", where)
    name = _text(line, columns, "study")
    if not name:
        raise UserError("found a row without the name of its study; needed one", where)
    size = value("n" if "n" in columns else "time")
    flag = ""
    if "percent" in columns:
        percent = value("percent")
        if not 0 <= percent <= 100 or "n" not in columns:
            raise UserError(f"found {percent:g} percent; needed 0 to 100, of n patients", where)
        events = round(percent / 100 * size)
        text = _text(line, columns, "percent").removesuffix("%").strip()
        decimals = len(text.partition("," if "," in text else ".")[2])
        if size >= 1 and impossible_share(percent / 100, int(size), decimals + 2):
            flag = f"{name}: no whole number of {size:g} patients gives {text} %; {events} was taken ({where})."
    else:
        given = value("events")
        if given != int(given):
            raise UserError(f"found {given:g} events; needed a whole number", where)
        events = int(given)
    if "n" in columns and (size != int(size) or events > size):
        raise UserError(f"found {events} events of {size:g} patients; needed whole numbers, with no more events than "
                        "patients", where)  # fmt: skip
    texts = {key: _text(line, columns, key) for key in TEXTS}
    if texts["status"] not in STATUSES:
        raise UserError(f"found the status {texts['status']!r}; needed read, memory or derived", where)
    groups = {header[i].strip(): _plain(_text(line, columns, key), signs.get(key, ""))
              for key, i in columns.items() if key not in KNOWN}  # fmt: skip
    overlaps = tuple(part.strip() for part in _text(line, columns, "overlaps").split(";") if part.strip())
    try:
        return Study(name, events, size, groups, overlaps=overlaps, **texts), flag
    except UserError as problem:
        raise UserError(str(problem), where) from None

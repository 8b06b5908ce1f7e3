"""A user's text table as rows with line numbers: encoding, separator and header found out, and said."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from perforin.errors import Location, UserError

__all__ = ["Cell", "Decimal", "Line", "Table", "decimal_sign", "is_missing", "number", "read_cell", "read_table"]

SEPARATORS = (",", ";", "\t", "|")
MISSING = {"", ".", "na", "n/a", "nan", "null", "none", "-", "missing", "not done"}
_BELOW = re.compile(r"(?:<|≤|&lt;)\s*(.*)", re.DOTALL)
_BELOW_WORDS = {"blq", "bloq", "bql", "blod", "lloq", "loq", "lod", "below lloq", "below loq", "below lod",
                "below limit of quantification", "below detection limit", "not detected", "undetectable"}  # fmt: skip
_POINT = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:,\d{3})+)?(?:\.\d*)?(?:[eE][-+]?\d+)?")
_COMMA = re.compile(r"[-+]?(?:\d+|\d{1,3}(?:\.\d{3})+)?(?:,\d*)?(?:[eE][-+]?\d+)?")

Decimal = Literal[".", ","]


@dataclass(frozen=True)
class Line:
    """One row of the file: the line where it starts, and its cells without surrounding spaces."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A file as read.

    Attributes:
        file: its name in messages.
        header: names of the columns, made unique: a second ``DV`` in column 5 is ``DV, column 5``.
        lines: all rows below the header, blank ones left out.
        blank: line numbers of blank rows.
        encoding: ``utf-8``, ``cp1252``, ``utf-16`` or ``mixed``.
        separator: of the cells.
        warnings: what was odd and how it was read.
        twins: columns that stand twice under one name with other content.
    """

    file: str
    header: tuple[str, ...]
    lines: tuple[Line, ...]
    blank: tuple[int, ...]
    encoding: str
    separator: str
    warnings: tuple[str, ...]
    twins: frozenset[str] = frozenset()

    def column(self, name: str) -> list[str]:
        """The cells of one column; rows that are too short give the empty text."""
        place = self.header.index(name)
        return [line.cells[place] if place < len(line.cells) else "" for line in self.lines]


@dataclass(frozen=True)
class Cell:
    """What a cell says: a number, or that the value lies below a limit; both None where the limit is not stated."""

    value: float | None
    below: bool


def read_table(path: str | Path) -> Table:
    """Read a table of comma-, semicolon-, tab- or bar-separated text.

    Raises:
        UserError: no such file, a workbook, no text, no header, fewer than two columns, or no rows (file:line).
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise UserError(f"found a file that cannot be read, {path} ({problem.strerror}); needed a CSV file") from None
    text, encoding, warnings = _decoded(raw, str(path))
    separator = _separator(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    rows, blank, last = [], [], 0
    try:
        for cells in reader:
            line = Line(last + 1, tuple(cell.replace("\xa0", " ").strip() for cell in cells))
            last = reader.line_num
            if any(line.cells):
                rows.append(line)
            else:
                blank.append(line.number)
    except csv.Error as problem:
        raise UserError(f"found a row that cannot be taken apart ({problem})", Location(str(path), last + 1)) from None
    if not rows:
        raise UserError("found an empty file; needed a header and rows", Location(str(path), 1))
    header, twins, more = _header(rows[0], rows[1:], str(path))
    below = tuple(line for line in blank if line > rows[0].number)
    return Table(str(path), header, tuple(rows[1:]), below, encoding, separator, (*warnings, *more), twins)


def _decoded(raw: bytes, file: str) -> tuple[str, str, list[str]]:
    if raw[:4] == b"PK\x03\x04" or raw[:4] == b"\xd0\xcf\x11\xe0":
        raise UserError(f"found a workbook, {file}; needed text: save the sheet as CSV")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace"), "utf-16", []
    if b"\x00" in raw:
        raise UserError(f"found a file that is no text, {file}; needed CSV in UTF-8 or Latin-1")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        return raw.decode("utf-8"), "utf-8", []
    except UnicodeDecodeError:
        pass
    texts, foreign, utf = [], [], 0
    for number, part in enumerate(raw.split(b"\n"), 1):
        try:
            texts.append(part.decode("utf-8"))
            utf += not part.isascii()
        except UnicodeDecodeError:
            texts.append(part.decode("cp1252", "replace"))
            foreign.append(number)
    if not utf:
        return "\n".join(texts), "cp1252", []
    said = f"found two encodings: {_some(foreign)} in Latin-1, the rest in UTF-8; each was read in its own"
    return "\n".join(texts), "mixed", [said]


def _some(lines: Sequence[int], most: int = 5) -> str:
    shown = ", ".join(map(str, lines[:most])) + (f" and {len(lines) - most} more" if len(lines) > most else "")
    return f"line{'s' if len(lines) > 1 else ''} {shown}"


def _separator(text: str) -> str:
    """What parts the most rows into the same number of cells, two or more."""
    sample = "\n".join([line for line in text.splitlines() if line.strip()][:60])

    def fit(separator: str) -> tuple[int, int]:
        sizes = Counter(len(row) for row in csv.reader(io.StringIO(sample), delimiter=separator))
        size, rows = max(sizes.items(), key=lambda item: (item[0] > 1, item[1])) if sizes else (1, 0)
        return (rows if size > 1 else 0, size)

    return max(SEPARATORS, key=fit)


def _header(first: Line, rows: Sequence[Line], file: str) -> tuple[tuple[str, ...], frozenset[str], list[str]]:
    where = Location(file, first.number)
    if len(first.cells) < 2:
        found = f"found one column, {first.cells[0]!r}"
        raise UserError(f"{found}; needed columns parted by comma, semicolon or tab", where)
    if not rows:
        raise UserError("found a header and no rows; needed rows", where)
    if all(_POINT.fullmatch(cell) or _COMMA.fullmatch(cell) for cell in first.cells if cell):
        raise UserError(f"found numbers in the first row, {list(first.cells)}; needed names of columns", where)
    names: list[str] = []
    twins, said = set(), []
    for place, cell in enumerate(first.cells):
        name = cell or f"column {place + 1}"
        if name in names:
            same = all(row.cells[names.index(name)] == row.cells[place] for row in rows if len(row.cells) > place)
            content = "the same content" if same else "other content"
            said.append(f"found the column {name!r} twice, with {content}; the second is called "
                        f"'{name}, column {place + 1}'")  # fmt: skip
            twins |= set() if same else {name}
            name = f"{name}, column {place + 1}"
        names.append(name)
    return tuple(names), frozenset(twins), said


def is_missing(text: str) -> bool:
    """Whether a cell says that there is no value."""
    return text.casefold() in MISSING


def decimal_sign(cells: Sequence[str], separator: str) -> Decimal:
    """``,`` or ``.``: what parts whole from fraction in these cells.

    Where every comma stands before three digits it may group thousands; in a file parted by commas it is taken so.
    """
    bodies = [_BELOW.sub(r"\1", cell) for cell in cells]
    commas = [body for body in bodies if "," in body and _COMMA.fullmatch(body)]
    points = [body for body in bodies if "." in body and _POINT.fullmatch(body) and not is_missing(body)]
    fractions = [body for body in commas if not re.search(r",\d{3}$", body)]
    if fractions:
        return ","
    return "," if commas and not points and separator != "," else "."


def number(text: str, decimal: str) -> float:
    """A cell as a number.

    Raises:
        ValueError: no finite number with this decimal sign.
    """
    plain = text.replace("\u2212", "-").replace(" ", "").replace("\u202f", "")
    if not (_COMMA if decimal == "," else _POINT).fullmatch(plain) or not any(map(str.isdigit, plain)):
        raise ValueError(text)
    grouping = "." if decimal == "," else ","
    value = float(plain.replace(grouping, "").replace(",", "."))
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def read_cell(text: str, decimal: str) -> Cell:
    """A cell of a value column: ``12.5``, ``<5``, ``<LLOQ``, ``BLQ``.

    Raises:
        ValueError: neither a number nor a value below a limit.
    """
    if text.casefold() in _BELOW_WORDS:
        return Cell(None, below=True)
    if (match := _BELOW.fullmatch(text)) is not None:
        inner = match[1].strip()
        return Cell(None if inner.casefold() in _BELOW_WORDS else number(inner, decimal), below=True)
    return Cell(number(text, decimal), below=False)

"""How the columns of a user's table become Records: asked or guessed once, kept as YAML beside the data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pydantic
import yaml

from perforin.errors import Location, UserError, nearest
from perforin.evidence.user_tables.reading import Table
from perforin.evidence.user_tables.words import parameter_units, unit_of
from perforin.yaml_reader import Strict, read_yaml, validated

__all__ = ["NEEDED", "OPEN", "ROLES", "Mapping", "Measured", "mapping_path", "open_questions", "read_mapping",
           "write_mapping"]  # fmt: skip

OPEN = "?"
"""Stands where nobody has answered yet."""
NEEDED = {"observations": ("subject",), "summary": ("study", "events", "n")}
"""Columns without which a table of each kind cannot be read."""
ROLES = ("subject", "arm", "day", "parameter", "unit", "below", "limit", "unseen", "evid", "mdv",
         "study", "events", "n")  # fmt: skip
"""What a column may be; ``evidence/user_tables/column_words.csv`` says what each means."""


class Measured(Strict):
    """What one column, or the rows of it that carry one text, hold."""

    column: str = pydantic.Field(description="the column of the number")
    text: str = pydantic.Field(default="", description="the text in the parameter column; empty: every row")
    parameter: str = pydantic.Field(description="its name in Records")
    unit: str = pydantic.Field(default="", description="empty: in the unit column, or a number without unit")
    limit: float | None = pydantic.Field(default=None, description="the assay limit, where no column has it")


class Mapping(Strict):
    """The whole mapping of one table."""

    kind: Literal["observations", "summary"] = "observations"
    decimal: Literal[".", ","] = "."
    time_unit: str = pydantic.Field(default="", description="of the day column")
    arm: str = pydantic.Field(default="", description="the arm of every row, where no column has it")
    columns: dict[str, str] = pydantic.Field(description="the column of each role")
    values: tuple[Measured, ...] = ()

    @pydantic.model_validator(mode="after")
    def _sound(self) -> Mapping:
        for role in self.columns:
            if role not in ROLES:
                raise ValueError(f"found the role {role!r}; needed one of {list(ROLES)}{nearest(role, ROLES)}")
        numbers = {one.column for one in self.values}
        for role in ("below", "limit"):
            if role in self.columns and len(numbers) > 1:
                found = f"found one column {self.columns[role]!r} for {len(numbers)} columns of numbers"
                raise ValueError(f"{found}; needed one column of numbers, or '<5' in the cells")
        return self


def mapping_path(data: str | Path) -> Path:
    """Where the mapping of a table is kept: ``trial.csv`` has ``trial.mapping.yaml`` beside it."""
    return Path(data).with_suffix(".mapping.yaml")


def read_mapping(path: str | Path, table: Table) -> Mapping:
    """Read a mapping and hold it against the table it is for.

    Raises:
        UserError: no mapping, an open question, a column that the table lacks, or an unknown unit (file:line).
    """
    document = read_yaml(path)
    mapping = validated(Mapping, document)
    if questions := list(open_questions(mapping)):
        raise UserError("found '?' in the mapping; needed " + "; ".join(questions), document.location())
    for role, name in mapping.columns.items():
        _known_column(name, table, document.location(("columns", role)))
    for place, one in enumerate(mapping.values):
        _known_column(one.column, table, document.location(("values", place, "column")))
        _known_unit(one.unit, document.location(("values", place, "unit")))
    _known_unit(mapping.time_unit, document.location(("time_unit",)))
    return mapping


def _known_column(name: str, table: Table, where: Location) -> None:
    if name not in table.header:
        raise UserError(f"found the column {name!r}, which {table.file} lacks; needed one of {list(table.header)}"
                        f"{nearest(name, table.header)}", where)  # fmt: skip


def _known_unit(text: str, where: Location) -> None:
    try:
        unit_of(text)
    except UserError as problem:
        raise UserError(str(problem), where) from None


def write_mapping(path: str | Path, mapping: Mapping, data: str) -> None:
    """Write a mapping as YAML that a person can change."""
    head = f"# How perforin reads {Path(data).name}. Change what is wrong; '{OPEN}' stands where an answer is needed.\n"
    content = mapping.model_dump(exclude_defaults=True) | {"kind": mapping.kind, "decimal": mapping.decimal}
    order = [name for name in Mapping.model_fields if name in content]
    plain = {name: list(content[name]) if name == "values" else content[name] for name in order}
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=False, width=120)
    Path(path).write_text(head + text, encoding="utf-8")


def open_questions(mapping: Mapping) -> Iterator[str]:
    """What has to be answered before the table can be read."""
    for role in dict.fromkeys([*NEEDED[mapping.kind], *mapping.columns]):
        if mapping.columns.get(role, OPEN if role in NEEDED[mapping.kind] else "") == OPEN:
            yield f"the column of the {role} (columns: {role})"
    if mapping.time_unit == OPEN:
        yield f"the unit of the column {mapping.columns.get('day')!r} (time_unit: day, hour or week)"
    if not mapping.values and (mapping.kind == "observations" or "parameter" not in mapping.columns):
        yield "a column with numbers (values)"
    for one in mapping.values:
        if one.column == OPEN:
            yield "the column of the numbers, one of those that stand twice (values: column)"
        what = f"{one.text!r} in the column {one.column!r}" if one.text else f"the column {one.column!r}"
        if one.parameter == OPEN and mapping.kind == "summary":
            yield f"the outcome that {what} counts (parameter: ORR_best, CRS_any or a name of your own)"
        elif one.parameter == OPEN:
            yield f"what {what} is (parameter: {', '.join(list(parameter_units())[:3])}, ... or a name of your own)"
        if one.unit == OPEN:
            yield f"the unit of {what} (unit)"

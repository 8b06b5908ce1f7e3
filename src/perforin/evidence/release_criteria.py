"""Release criteria that were read in guidances, papers and product information, by region and authority."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass, fields
from functools import lru_cache

from perforin.errors import Location, UserError
from perforin.evidence.sources import LIBRARY

__all__ = ["Criterion", "criteria"]


@dataclass(frozen=True)
class Criterion:
    """What one product or authority asks of one attribute; ``authority`` may be a trial's own specification."""

    attribute: str
    criterion: str
    product: str
    region: str
    authority: str
    method: str
    status: str
    source: str
    locator: str
    note: str

    def as_dict(self) -> dict[str, str]:
        """Plain types, for JSON."""
        return asdict(self)


@lru_cache(maxsize=1)
def criteria() -> tuple[Criterion, ...]:
    """The rows of ``library/release_criteria.csv``, in its order.

    Raises:
        UserError: other columns, or a row without attribute, criterion, region or source (file:line).
    """
    path, names = LIBRARY / "release_criteria.csv", [one.name for one in fields(Criterion)]
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != names:
            raise UserError(f"found the columns {reader.fieldnames}; needed {names}", Location(str(path), 1))
        rows = []
        for cells in reader:
            row = Criterion(**cells)
            if not all((row.attribute, row.criterion, row.region, row.source)):
                needed = "needed attribute, criterion, region and source"
                raise UserError(f"found {cells}; {needed}", Location(str(path), reader.line_num))
            rows.append(row)
    return tuple(rows)

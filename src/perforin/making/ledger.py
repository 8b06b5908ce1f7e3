"""All that the supply of a product rests on: every number with its source, and a mark that any change of it changes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pydantic

from perforin.evidence.parameters import Row
from perforin.making.batch.culture import culture_rows
from perforin.making.cold_chain import way_of
from perforin.making.network.description import Network
from perforin.making.network.figures import Figure
from perforin.making.process import Process
from perforin.making.release import specifications_of

__all__ = ["mark", "numbers"]


def numbers(process: Process, network: Network | None = None) -> tuple[Row, ...]:
    """Every number by which a product is made, tested, shipped and waited for, with its source.

    Those of the process, of the tables of growth by which its batches grow, of its specifications, of its lane and the
    frozen cells on it, and of the supply network, whose own days and attrition give way to the patients' deadlines. A
    user's table of batches is data and has no rows.

    Raises:
        UserError: a process that names specifications or a lane that are not there or do not fit.
    """
    found = list(process.rows)
    if process.batch is not None and process.batch.history is None:
        own = process.batch.growth.parameters
        found += [row for row in culture_rows(process.batch).values() if row.stem not in own]
    if (specifications := specifications_of(process)) is not None:
        found += specifications.rows
    if (way := way_of(process)) is not None:
        lane, cells = way
        found += [*_rows("lane", lane.figures, process.lane), *cells.rows.values()]
    if network is not None:
        used = {name: one for name, one in network.figures.items() if name != "days" and "attrition." not in name}
        found += _rows("network", used, network.label)
    return tuple(found)


def _rows(begin: str, figures: Mapping[str, Figure], place: str) -> list[Row]:
    """Figures of a lane or a network as rows, named by where they stand in it."""
    return [figure.row(f"{begin}.{re.sub(r'[^A-Za-z0-9_.]+', '_', name)}", place) for name, figure in figures.items()]


def mark(process: Process, network: Network | None, *more: object) -> str:
    """First 16 hexadecimal digits of the SHA-256 of all that a supply's files say, wherever they lie.

    Args:
        process: with the specifications and the lane that it names, and the table of batches.
        network: the supply network, if there is one.
        more: what else shall be part of it, such as ``numbers``.
    """
    said = [process, specifications_of(process), way_of(process), network, *more]
    return hashlib.sha256(json.dumps(_said(said), sort_keys=True).encode()).hexdigest()[:16]


def _said(part: Any) -> Any:
    """What a part says, as lists and mappings; a file by its content, and not where a number stands."""
    if isinstance(part, pydantic.BaseModel):
        return part.model_dump(mode="json")
    if is_dataclass(part):
        return {one.name: _said(getattr(part, one.name)) for one in fields(part) if one.name != "place"}
    if isinstance(part, Mapping):
        return {str(name): _said(one) for name, one in part.items()}
    if isinstance(part, Path):
        return part.read_text(encoding="utf-8")
    return [_said(one) for one in part] if isinstance(part, Sequence) and not isinstance(part, str) else part

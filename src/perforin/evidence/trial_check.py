"""What is wrong with trials, and what is doubtful: the library's own, or a user's folder, trial.yaml or CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pydantic

from perforin.errors import Location, UserError, nearest
from perforin.evidence.pooling.table import impossible_share
from perforin.evidence.published import Finding, Trial, problems_of, trial, trials
from perforin.evidence.sources import LIBRARY, Source, bibliography, read_bib
from perforin.evidence.user_tables.reading import read_table

__all__ = ["Checked", "Remark", "check_trials", "read_trials"]


@dataclass(frozen=True)
class Remark:
    """One thing that is wrong (an error) or doubtful (a warning), and where it stands."""

    kind: Literal["error", "warning"]
    where: str
    text: str


@dataclass(frozen=True)
class Checked:
    """The trials that could be read, by name, and every remark on them and on those that could not."""

    trials: Mapping[str, Trial]
    remarks: tuple[Remark, ...]

    @property
    def errors(self) -> int:
        """Number of errors; a trial with an error must not be used."""
        return sum(one.kind == "error" for one in self.remarks)


def read_trials(path: str | Path) -> dict[str, Trial]:
    """Trials of a user, by name.

    Args:
        path: a trial.yaml, its folder, a folder of such folders, or a CSV with a row per number and a column ``trial``.

    Raises:
        UserError: the first error (file:line), no trial, or a name that the library has.
    """
    found, remarks = _read(Path(path))
    for one in remarks:
        if one.kind == "error":
            raise UserError(f"{one.where}: {one.text}")
    return found


def check_trials(path: str | Path | None = None) -> Checked:
    """Check the library, or the trials at ``path`` beside the library: schema, counts, sources, overlaps, duplicates.

    Raises:
        UserError: nothing to check at ``path``.
    """
    library = {name: trial(name) for name in trials()} if path is not None else {}
    found, remarks = _read(LIBRARY / "trials" if path is None else Path(path))
    sources = dict(bibliography())
    beside = Path(path).parent / "sources.bib" if path is not None and Path(path).is_file() else None
    beside = Path(path) / "sources.bib" if path is not None and Path(path).is_dir() else beside
    if beside is not None and beside.exists():
        sources |= read_bib(beside)
    every = library | found
    for name, one in found.items():
        remarks += _on_numbers(name, one, sources)
        remarks += _on_overlaps(name, one, every)
    return Checked(found, tuple(remarks))


def _read(path: Path) -> tuple[dict[str, Trial], list[Remark]]:
    if path.is_file() and path.suffix.casefold() == ".csv":
        return _from_table(path)
    paths = [path] if path.is_file() else [path / "trial.yaml"] if (path / "trial.yaml").exists() else []
    paths = paths or sorted(path.glob("*/trial.yaml"))
    if not paths:
        raise UserError(f"found no trial at {path}; needed a trial.yaml, a folder of trials or a CSV")
    found: dict[str, Trial] = {}
    remarks: list[Remark] = []
    for file in paths:
        one, problems = problems_of(file)
        remarks += [Remark("error", str(where), text) for where, text in problems]
        name = file.resolve().parent.name
        if path != LIBRARY / "trials" and name in trials():
            remarks.append(Remark("error", str(file), f"found the name {name}, which the library has; needed another"))
        elif one is not None:
            found[name] = one
    return found, remarks


def _from_table(path: Path) -> tuple[dict[str, Trial], list[Remark]]:
    table = read_table(path)
    known = ["trial", *(set(Trial.model_fields) - {"arms", "baseline", "endpoints"}), *Finding.model_fields]
    remarks = [Remark("warning", str(path), text) for text in table.warnings]
    for name in table.header:
        if name not in known:
            raise UserError(f"found the column {name!r}; needed one of a trial or of a finding{nearest(name, known)}",
                            Location(str(path), 1))  # fmt: skip
    if "trial" not in table.header:
        raise UserError("found no column trial; needed one with the name of the cohort", Location(str(path), 1))
    cohorts: dict[str, tuple[int, dict[str, Any]]] = {}
    for line in table.lines:
        if len(line.cells) != len(table.header):
            remarks.append(Remark("error", f"{path}:{line.number}", f"found {len(line.cells)} cells; needed "
                                  f"{len(table.header)}, as in the header"))  # fmt: skip
            continue
        row: dict[str, Any] = {head: cell for head, cell in zip(table.header, line.cells, strict=True) if cell.strip()}
        name = row.pop("trial", "")
        about = {key: row.pop(key) for key in list(row) if key in Trial.model_fields and key not in ("source", "note")}
        _, cohort = cohorts.setdefault(name, (line.number, {"endpoints": [], "source": row.get("source", "")}))
        for key, text in about.items():
            value = tuple(text.split(";")) if key == "overlaps" else text
            if cohort.setdefault(key, value) != value:
                remarks.append(Remark("error", f"{path}:{line.number}", f"found {key} {text!r} of {name}; needed "
                                      f"{cohort[key]!r} as before"))  # fmt: skip
        cohort["endpoints"].append(row)
    found: dict[str, Trial] = {}
    for name, (number, cohort) in cohorts.items():
        if not name or name in trials():
            what = f"the name {name}, which the library has" if name else "a row without the name of its trial"
            remarks.append(Remark("error", f"{path}:{number}", f"found {what}; needed another"))
            continue
        try:
            found[name] = Trial.model_validate(cohort)
        except pydantic.ValidationError as problem:
            remarks += [Remark("error", f"{path}:{number}", f"{name}: {'.'.join(map(str, one['loc']))} "
                               f"{one['msg'].removeprefix('Value error, ')}") for one in problem.errors()]  # fmt: skip
    return found, remarks


def _on_numbers(name: str, one: Trial, sources: Mapping[str, Source]) -> Iterator[Remark]:
    for key in dict.fromkeys((one.source, *(row.source for row in one.endpoints))):
        if key not in sources:
            yield Remark("error", name, f"found the source {key!r}; needed a key of sources.bib{nearest(key, sources)}")
    for row in one.endpoints:
        n = row.denominator or 0
        decimals = max(2, len(repr(row.share).partition(".")[2]))
        if row.share is not None and impossible_share(row.share, n, decimals):
            yield Remark("warning", name, f"{row.endpoint}: no whole number of {n} patients gives {row.share:.4g}; "
                                          f"{row.events} was taken")  # fmt: skip
        if row.status == "read" and not row.locator:
            yield Remark("warning", name, f"{row.endpoint}: read, but where is not said (locator)")
    memory = sum(row.status == "memory" for row in one.endpoints)
    if memory:
        yield Remark("warning", name, f"{memory} of {len(one.endpoints)} numbers stand on memory alone")


def _on_overlaps(name: str, one: Trial, every: Mapping[str, Trial]) -> Iterator[Remark]:
    for other in one.overlaps:
        if other not in every:
            yield Remark("error", name, f"found the overlap {other!r}; needed a trial{nearest(other, every)}")
    numbers = set(filter(None, one.registration.split("/")))
    for other, second in every.items():
        if other == name or other in one.overlaps or name in second.overlaps:
            continue
        if not numbers & set(second.registration.split("/")):
            continue
        if (one.enrolled, one.infused) == (second.enrolled, second.infused):
            yield Remark("error", name, f"found the cohort of {other} again: same registration, same patients")
        else:
            yield Remark("warning", name, f"shares its registration with {other}; name it in overlaps if it shares "
                                          "patients")  # fmt: skip

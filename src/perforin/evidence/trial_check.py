"""What is wrong with trials, and what is doubtful: the library's own, or a user's folder, trial.yaml or CSV."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pydantic

from perforin.errors import Location, UserError, nearest
from perforin.evidence.published import Finding, Trial, problems_of, trial, trials
from perforin.evidence.sources import LIBRARY, Source, bibliography, read_bib
from perforin.evidence.user_tables.reading import Decimal, decimal_sign, number, read_table
from perforin.yaml_reader import Document, problems_in

__all__ = ["Checked", "Remark", "check_trials", "read_trials"]

NUMBERS = ("count", "share", "value", "low", "high", "denominator", "enrolled", "infused")


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


def read_trials(path: str | Path, endpoints: Collection[str] = ()) -> Checked:
    """Trials of a user, checked; arguments as for ``check_trials``.

    Raises:
        UserError: the first error that ``check_trials`` finds.
    """
    found = check_trials(path, endpoints)
    for one in found.remarks:
        if one.kind == "error":
            raise UserError(f"{one.where}: {one.text}")
    return found


def check_trials(path: str | Path | None = None, endpoints: Collection[str] = ()) -> Checked:
    """Check the library, or the trials at ``path`` beside the library: schema, counts, sources, overlaps, duplicates.

    Args:
        path: a trial.yaml, its folder, a folder of such folders, or a CSV with a row per number and a column ``trial``.
        endpoints: names that a model can be scored by; those of the library's trials are known without.

    Raises:
        UserError: nothing to check at ``path``.
    """
    library = {name: trial(name) for name in trials()}
    found, remarks = _read(LIBRARY / "trials" if path is None else Path(path))
    sources = dict(bibliography())
    beside = Path(path).parent / "sources.bib" if path is not None and Path(path).is_file() else None
    beside = Path(path) / "sources.bib" if path is not None and Path(path).is_dir() else beside
    if beside is not None and beside.exists():
        sources |= read_bib(beside)
    known = {*endpoints, *(row.endpoint for one in library.values() for row in one.endpoints)}
    for name, one in found.items():
        remarks += _on_numbers(name, one, sources, known)
        remarks += _on_overlaps(name, one, library | found)
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
    remarks += [Remark("warning", f"{path}:{line}", "found a blank line; it was passed over") for line in table.blank]
    for name in table.header:
        if name not in known:
            raise UserError(f"found the column {name!r}; needed one of a trial or of a finding{nearest(name, known)}",
                            Location(str(path), 1))  # fmt: skip
    if "trial" not in table.header:
        raise UserError("found no column trial; needed one with the name of the cohort", Location(str(path), 1))
    signs = {head: decimal_sign(table.column(head), table.separator) for head in table.header if head in NUMBERS}
    cohorts: dict[str, dict[str, Any]] = {}
    places: dict[str, dict[tuple[str | int, ...], Location]] = {}
    for line in table.lines:
        where = Location(str(path), line.number)
        if len(line.cells) != len(table.header):
            remarks.append(Remark("error", str(where), f"found {len(line.cells)} cells; needed {len(table.header)}, as "
                                  "in the header"))  # fmt: skip
            continue
        row = {head: _cell(text, signs.get(head)) for head, text in zip(table.header, line.cells, strict=True) if text}
        name = row.pop("trial", "")
        about = {key: row.pop(key) for key in list(row) if key in Trial.model_fields and key not in ("source", "note")}
        cohort = cohorts.setdefault(name, {"endpoints": [], "source": row.get("source", "")})
        for key, text in about.items():
            value = tuple(text.split(";")) if key == "overlaps" else text
            if cohort.setdefault(key, value) != value:
                remarks.append(Remark("error", str(where), f"found {key} {text!r} of {name}; needed {cohort[key]!r} "
                                      "as before"))  # fmt: skip
        places.setdefault(name, {(): where})["endpoints", len(cohort["endpoints"])] = where
        cohort["endpoints"].append(row)
    found: dict[str, Trial] = {}
    for name, cohort in cohorts.items():
        document = Document(str(path), cohort, places[name])
        if not name or name in trials():
            what = f"the name {name}, which the library has" if name else "a row without the name of its trial"
            remarks.append(Remark("error", str(document.location()), f"found {what}; needed another"))
            continue
        try:
            found[name] = Trial.model_validate(cohort)
        except pydantic.ValidationError as problem:
            remarks += [Remark("error", str(at), f"{name}: {text}") for at, text in problems_in(problem, document)]
    return found, remarks


def _cell(text: str, sign: Decimal | None) -> Any:
    """A cell as a number where its column holds numbers; a text that is none is left for the schema to refuse."""
    try:
        return number(text, sign) if sign else text
    except ValueError:
        return text


def _on_numbers(name: str, one: Trial, sources: Mapping[str, Source], known: Collection[str]) -> Iterator[Remark]:
    for key in dict.fromkeys((one.source, *(row.source for row in one.endpoints))):
        if key not in sources:
            yield Remark("error", name, f"found the source {key!r}; needed a key of sources.bib{nearest(key, sources)}")
    for row in one.endpoints:
        if row.endpoint not in known and not row.milestone:
            yield Remark("warning", name, f"found the endpoint {row.endpoint!r}, which no other trial and no model "
                                          f"gives{nearest(row.endpoint, known)}")  # fmt: skip
        if row.doubt:
            yield Remark("warning", name, f"{row.endpoint}: {row.doubt}")
        if row.status == "read" and not row.locator:
            yield Remark("warning", name, f"{row.endpoint}: read, but where is not said (locator)")
    memory = sum(row.status == "memory" for row in one.endpoints)
    if memory:
        yield Remark("warning", name, f"{memory} of {len(one.endpoints)} numbers stand on memory alone")


def _on_overlaps(name: str, one: Trial, every: Mapping[str, Trial]) -> Iterator[Remark]:
    for other in one.overlaps:
        if other == name:
            yield Remark("error", name, "found the trial itself in its overlaps; needed other trials")
        elif other not in every:
            yield Remark("error", name, f"found the overlap {other!r}; needed a trial{nearest(other, every)}")
    numbers = set(filter(None, one.registration.split("/")))
    for other, second in every.items():
        if other == name or other in one.overlaps or name in second.overlaps:
            continue
        if (one.product, one.endpoints) == (second.product, second.endpoints):
            yield Remark("error", name, f"found the cohort of {other} again: same product, same numbers")
            continue
        if not numbers & set(second.registration.split("/")):
            continue
        if (one.enrolled, one.infused) == (second.enrolled, second.infused):
            yield Remark("error", name, f"found the cohort of {other} again: same registration, same patients")
        else:
            yield Remark("warning", name, f"shares its registration with {other}; name it in overlaps if it shares "
                                          "patients")  # fmt: skip

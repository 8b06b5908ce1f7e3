"""From the words of a command line to a scenario, and from a run folder to findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perforin.command.console import table
from perforin.errors import UserError, nearest

if TYPE_CHECKING:
    from perforin.report.findings import Findings
    from perforin.scenario import Scenario

__all__ = [
    "findings_of",
    "fresh_folder",
    "groups",
    "load",
    "machine_copy",
    "print_estimates",
    "print_parameters",
    "scenario_path",
    "settings",
]


def settings(assignments: list[str] | None) -> dict[str, str]:
    """``["arms.nk.doses.0.amount=1e9 cell"]`` as path and text.

    Raises:
        UserError: an assignment without ``=``.
    """
    out: dict[str, str] = {}
    for text in assignments or []:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise UserError(f"found --set {text!r}; needed PATH=VALUE, for example --set patients.n=100")
        out[path.strip()] = value.strip()
    return out


def load(
    name: str, *, n: int | None = None, seed: int | None = None, changes: Mapping[str, str] | None = None
) -> Scenario:
    """Read a scenario and change what the command line changes.

    Args:
        name: a file, or the name of a scenario that comes with perforin.
        n: virtual patients in each arm.
        seed: of all random numbers.
        changes: texts by path, as ``settings`` gives them.

    Raises:
        UserError: anything that does not fit.
    """
    from perforin.scenario import read_scenario

    own: dict[str, Any] = {"patients.n": n, "seed": seed}
    every = {path: value for path, value in own.items() if value is not None} | dict(changes or {})
    scenario = read_scenario(name)
    return scenario.with_changes(every) if every else scenario


def scenario_path(name: str) -> Path:
    """The file of a scenario.

    Raises:
        UserError: no such scenario (nearest suggested).
    """
    from perforin.scenario import read_scenario

    return Path(read_scenario(name).file)


def fresh_folder(out: str | None, name: str) -> str:
    """The folder of a new run: ``out`` if given, else runs/<date>-<time>-<scenario>.

    Raises:
        UserError: the folder holds another run already.
    """
    from perforin.runs import RunFolder

    folder = out or f"runs/{datetime.now().astimezone():%Y-%m-%d-%H%M%S}-{name}"
    if RunFolder.at(folder).has("manifest.json"):
        raise UserError(f"found a run in {folder} already; needed another --out, or: perforin resume {folder}")
    return folder


def findings_of(folder: str) -> Findings:
    """Open a run and score its endpoints again, without simulating.

    Raises:
        UserError: no run there, or a truncated one.
    """
    from perforin import study
    from perforin.report.gather import gather

    return gather(study.open_study(folder))


def groups(folder: str, by: str | None) -> list[tuple[str, Findings]]:
    """The findings of a run, whole, or split at the median (or by the levels) of one covariate.

    Raises:
        UserError: a covariate that the run's patients do not have.
    """
    from perforin import study
    from perforin.report.gather import gather

    opened = study.open_study(folder)
    if by is None:
        return [("", gather(opened))]
    covariates = opened.cohort
    known = [str(name) for name in covariates.columns if name != "subject"]
    if by not in known:
        raise UserError(f"found --by {by!r}; needed a covariate of the run, one of {known}{nearest(by, known)}")
    column = covariates[by]
    if column.dtype == object or column.nunique() <= 4:
        parts = [(f"{by} {level}", column == level) for level in sorted(column.unique())]
    else:
        middle = float(column.median())
        parts = [(f"{by} at most {middle:.3g}", column <= middle), (f"{by} above {middle:.3g}", column > middle)]
    return [(label, gather(opened, covariates.loc[rows, "subject"])) for label, rows in parts if rows.any()]


def machine_copy(findings: Findings, endpoints: Sequence[str] | None = None) -> dict[str, Any]:
    """What ``--json`` prints of a run: estimates with the published values beside them."""
    from perforin.report.page import as_json

    full = as_json(findings)
    left_out = ("title", "question", "arms", "manifest")
    copy = {name: value for name, value in full.items() if name not in left_out}
    if endpoints is not None:
        for name in ("estimates", "comparisons"):
            copy[name] = [one for one in copy[name] if one["endpoint"] in endpoints]
    return {**copy, "folder": findings.folder}


def print_estimates(findings: Findings, endpoints: Sequence[str] | None = None, title: str = "") -> None:
    """A line for each endpoint: every arm's prediction, what was published, and the difference."""
    from perforin.report.answer import chance
    from perforin.report.tables import predicted, published_line
    from perforin.report.wording import difference, endpoint

    wanted = [name for name in (endpoints or findings.endpoints) if name in findings.endpoints]
    rows = []
    for name in wanted:
        row = [endpoint(name).label]
        for arm in findings.arms:
            one = findings.estimate(arm, name)
            cell = predicted(one)
            beside = [published_line(other, one.unit if one else "") for other in findings.beside(arm, name)]
            row.append(
                "\n".join([f"{cell.text}  ({cell.small.split(' · ')[0]})" if cell.small else cell.text, *beside])
            )
        for arm in findings.arms:
            found = findings.comparison(arm, name)
            if found is not None:
                better = "" if found.better is None else f"\nP(better) {chance(found.better)}"
                row.append(difference(found.value, found.unit, endpoint(name).share) + better)
            elif arm != findings.reference:
                row.append("-")
        rows.append([cell.replace("\u00a0", " ") for cell in row])
    others = [arm for arm in findings.arms if arm != findings.reference]
    heads = ["", *findings.arms.values(), *(f"Difference of {arm}" for arm in others)]
    table(heads, rows, title or findings.title)


def print_parameters(rows: Iterable[dict[str, Any]], title: str) -> None:
    """Parameters with value, unit, range, kind and source."""
    from perforin.report.wording import number

    shown = [
        (str(row["name"]), number(float(row["value"])), str(row["unit"] or "-"),
         f"{number(float(row['low']))} to {number(float(row['high']))}", str(row["kind"]), str(row["source"] or "-"))
        for row in rows
    ]  # fmt: skip
    table(("Parameter", "Value", "Unit", "Range", "Kind", "Source"), shown, title, numeric=(1, 3))

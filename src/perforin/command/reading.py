"""Verbs that read a finished run: compare, report, explain; and replay, which repeats one patient."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from perforin.command import loading, models
from perforin.command.console import emit, table
from perforin.command.running import DEMO, Machine
from perforin.errors import UserError, nearest

__all__ = ["EXAMPLES", "compare", "explain", "replay", "report"]

Run = Annotated[str, typer.Argument(help="The folder of a run, or its URL.")]


def compare(
    runs: Annotated[list[str], typer.Argument(help="Folders of one or more runs.")],
    endpoint: Annotated[
        list[str] | None, typer.Option("--endpoint", help="Only this endpoint; may be repeated.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="A covariate: score patients below and above its median apart.")
    ] = None,
    json: Machine = False,
) -> None:
    """Score runs again, side by side; nothing is simulated."""
    parts = [(folder, group, findings) for folder in runs for group, findings in loading.groups(folder, by)]
    wanted = _chosen(endpoint, list(dict.fromkeys(name for _, _, found in parts for name in found.endpoints)))
    if json:
        emit(
            {
                "runs": [
                    {"run": run, "group": group, **loading.machine_copy(found, wanted)} for run, group, found in parts
                ]
            }
        )
        return
    for run, group, found in parts:
        loading.print_estimates(found, wanted, title=" · ".join(part for part in (run, group) if part))
    from perforin.report.answer import warning

    for text in dict.fromkeys(warning(found) for _, _, found in parts):
        typer.echo(text)


def report(folder: Run, json: Machine = False) -> None:
    """Write the report of a run again; nothing is simulated."""
    from perforin.report.page import as_json, write

    findings = loading.findings_of(folder)
    page = write(findings, folder)
    if json:
        emit({**as_json(findings), "report": page})
    else:
        typer.echo(f"Report: {page}")


def explain(
    name: Annotated[
        str, typer.Argument(help="A parameter such as killing.kills_per_day, or an endpoint such as PFS_12m.")
    ],
    scenario: Annotated[str, typer.Option("--in", help="The scenario whose values are shown.")] = DEMO,
    json: Machine = False,
) -> None:
    """Say what a parameter or an endpoint is.

    With value, unit, range and source in each arm of a scenario.
    """
    from perforin.endpoints.catalogue import catalogue
    from perforin.evidence.grading import criteria_of
    from perforin.report.wording import endpoint

    known = catalogue()
    if name in known:
        better = {1: "more is better", -1: "less is better", 0: "neither direction is better"}[known[name].better]
        said = {"endpoint": name, "label": endpoint(name).label, "meaning": known[name].meaning, "better": better}
        criteria = criteria_of(name)
        _tell(said | {"unit": known[name].unit} | ({"criteria": criteria} if criteria else {}), json)
        return
    rows = models.parameter_rows(loading.load(scenario))
    names = list(dict.fromkeys(row["name"] for row in rows))
    found = [row for row in rows if row["name"] == name or row["name"].split("[")[0] == name]
    if not found:
        stems = sorted({one.split("[")[0] for one in names})
        raise UserError(
            f"found {name!r}, which is no endpoint and no parameter of {scenario}; needed a name that "
            f"'perforin show parameters {scenario}' lists{nearest(name, [*known, *names, *stems])}"
        )
    words = models.mechanism_words(name)
    if json:
        emit({"parameter": name, "mechanism": words, "values": found})
        return
    if words:
        typer.echo(words + "\n")
    loading.print_parameters(found, name)


def _tell(facts: dict[str, Any], machine: bool) -> None:
    if machine:
        emit(facts)
        return
    for key, text in facts.items():
        typer.echo(f"{key}: {text}")


def replay(
    folder: Run,
    patient: Annotated[int, typer.Option("--patient", help="Number of the patient.")],
    arm: Annotated[str | None, typer.Option("--arm", help="Name of the arm.", show_default="the first arm")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the trajectory to this CSV file.")] = None,
    json: Machine = False,
) -> None:
    """Repeat one patient of a run, bit for bit.

    The whole trajectory is given, on every day of the run.
    """
    from perforin import study

    opened = study.open_study(folder)
    arms = list(opened.scenario.arms)
    chosen = arms[0] if arm is None else arm
    if chosen not in arms:
        raise UserError(f"found the arm {chosen!r}; needed one of {arms}{nearest(chosen, arms)}")
    course = study.replay(folder, patient, chosen)
    if out is not None:
        course.to_csv(out, index=False)
    if json:
        emit({"run": folder, "patient": patient, "arm": chosen, "course": course.to_dict("list")})
        return
    step = max(1, len(course) // 20)
    shown = course.iloc[::step]
    columns = [str(column) for column in shown.columns][:9]
    rows = [[f"{row[column]:.4g}" if isinstance(row[column], float) else str(row[column]) for column in columns]
            for row in shown[columns].to_dict("records")]  # fmt: skip
    table(columns, rows, f"patient {patient}, {chosen}", numeric=range(len(columns)))
    typer.echo(
        f"{len(course)} days, {len(course.columns)} columns" + (f", all in {out}" if out else "; --out FILE writes all")
    )


def _chosen(asked: list[str] | None, known: list[str]) -> list[str]:
    for name in asked or []:
        if name not in known:
            raise UserError(f"found the endpoint {name!r}; needed one of {known}{nearest(name, known)}")
    return asked or known


EXAMPLES = {
    "compare": """\b
Examples:
  perforin compare runs/first
  perforin compare runs/first runs/second --endpoint PFS_12m
  perforin compare runs/first --by burden""",
    "report": """\b
Examples:
  perforin report runs/first""",
    "explain": """\b
Examples:
  perforin explain PFS_12m
  perforin explain killing.kills_per_day --in cd19_lbcl_head_to_head""",
    "replay": """\b
Examples:
  perforin replay runs/first --patient 137 --arm cart
  perforin replay runs/first --patient 137 --out patient-137.csv""",
}

"""perforin evidence list, show, check, grading: the published trials, and every number with its source."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perforin.command.console import emit, note, table
from perforin.command.running import Machine
from perforin.errors import UserError, nearest

if TYPE_CHECKING:
    from perforin.evidence.published import Finding, Trial, TrialArm

__all__ = ["EXAMPLES", "evidence_check", "evidence_list", "evidence_show", "grading"]

Folder = Annotated[
    Path | None, typer.Option("--trials", metavar="PATH", help="Trials of your own beside ours: a folder or a CSV.")
]
UNSTATED = "not stated"


def evidence_list(
    therapy: Annotated[str | None, typer.Option("--therapy", help="Only this therapy, such as CAR-NK.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Only this target, such as CD19.")] = None,
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="Only trials that give this endpoint.")] = None,
    trials: Folder = None,
    json: Machine = False,
) -> None:
    """List the published trials, and how many of their numbers stand on memory alone."""
    every = _trials(trials)
    found = every
    if therapy is not None:
        found = _only(found, therapy, "therapy", {name: {one.therapy} for name, one in every.items()})
    if target is not None:
        found = _only(found, target, "target", {name: {one.target} for name, one in every.items()})
    if endpoint is not None:
        given = {name: {row.endpoint for row in one.endpoints} for name, one in every.items()}
        found = _only(found, endpoint, "endpoint", given)
    rows = [_row(name, one) for name, one in found.items()]
    if json:
        emit({"count": len(rows), "trials": rows})
        return
    table(("Trial", "Patients", "Therapy", "Target, CAR", "Values"),
          [(row["trial"], f"{_text(row['enrolled'])}/{_text(row['infused'])}", row["therapy"],
            f"{row['target']}, {_text(row['costimulation'])}", f"{row['values']} ({row['memory']})") for row in rows],
          numeric=(1, 4), unbroken=(0, 1, 2, 4))  # fmt: skip
    typer.echo("Patients: enrolled/infused. CAR: costimulation. Values: how many, and from memory.\n"
               "A dash: not stated. Line of therapy, arms and scales: perforin evidence show TRIAL")  # fmt: skip
    typer.echo(f"{len(rows)} trials, {sum(row['values'] for row in rows)} values, "
               f"{sum(row['memory'] for row in rows)} of them from memory")  # fmt: skip


def _trials(own: Path | None) -> dict[str, Trial]:
    from perforin.endpoints.catalogue import catalogue
    from perforin.evidence.published import trial, trials
    from perforin.evidence.trial_check import read_trials

    library = {name: trial(name) for name in trials()}
    if own is None:
        return library
    found = read_trials(own, catalogue())
    for one in found.remarks:
        note(f"warning: {one.where}: {one.text}")
    return library | dict(found.trials)


def _only(found: dict[str, Trial], wanted: str, what: str, given: dict[str, set[str]]) -> dict[str, Trial]:
    known = sorted(set().union(*given.values()))
    if wanted not in known:
        raise UserError(f"found the {what} {wanted!r}; needed one that a trial has{nearest(wanted, known)}")
    return {name: one for name, one in found.items() if wanted in given[name]}


def _row(name: str, one: Trial) -> dict[str, Any]:
    status = Counter(row.status for row in one.endpoints)
    return {
        "trial": name, "label": one.label, "enrolled": one.enrolled, "infused": one.infused, "therapy": one.therapy,
        "target": one.target, "costimulation": one.costimulation, "line": one.line, "payload": one.payload,
        "arms": [arm.name for arm in one.arms],
        "scales": sorted({row.scale for row in one.endpoints if row.scale}), "values": len(one.endpoints),
        "memory": status["memory"], "overlaps": list(one.overlaps), "source": one.source,
    }  # fmt: skip


def _text(value: object) -> str:
    return "-" if value in (None, "") else str(value)


def evidence_show(
    name: Annotated[str, typer.Argument(metavar="TRIAL", help="A trial of 'perforin evidence list'.")],
    trials: Folder = None,
    json: Machine = False,
) -> None:
    """Print every number of one trial, with its exact interval, its population and its source."""
    from perforin.evidence.published import share_with_interval
    from perforin.evidence.sources import bibliography

    every = _trials(trials)
    if name not in every:
        raise UserError(f"found the trial {name!r}; needed one of the library{nearest(name, every)}")
    one = every[name]
    shares = [share_with_interval(name, row) for row in one.endpoints]
    memory = sum(row.status == "memory" for row in one.endpoints)
    told = f"{memory} of {len(one.endpoints)} numbers stand on memory alone: no source was read for them"
    warning = told if memory else ""
    sources = {key: str(bibliography().get(key, "not in the library's sources.bib"))
               for key in sorted({one.source, *(row.source for row in one.endpoints)})}  # fmt: skip
    if json:
        values = [row.model_dump() | {"events": row.events, "value": value["value"], "low": value["low"],
                  "high": value["high"], "method": value["method"]}
                  for row, value in zip(one.endpoints, shares, strict=True)]  # fmt: skip
        emit(one.model_dump(exclude={"endpoints"}) | {"trial": name, "values": values, "references": sources,
             "warning": warning})  # fmt: skip
        return
    for head, text in _head(one):
        typer.echo(f"{head:15}{text}")
    origins = ["; ".join(filter(None, (row.source, row.locator, row.note))) for row in one.endpoints]
    numbers = {text: str(number) for number, text in enumerate(dict.fromkeys(origins), 1)}
    table(("Endpoint", "Patients", "Value", "Known", "From"),
          [(*_shown(row, value["value"], value["low"], value["high"]), numbers[origin])
           for row, value, origin in zip(one.endpoints, shares, origins, strict=True)],
          numeric=(4,), unbroken=(1, 2, 3, 4))  # fmt: skip
    for text, number in numbers.items():
        typer.echo(f"{number:>3}  {text}")
    typer.echo()
    for key, text in sources.items():
        typer.echo(f"{key}: {text}")
    if one.overlaps:
        note(f"warning: shares patients with {', '.join(one.overlaps)}; never pool both")
    if warning:
        note(f"warning: {warning}")


def evidence_check(
    path: Annotated[
        Path | None, typer.Argument(help="A trial.yaml, its folder, a folder of trials or a CSV; else the library.")
    ] = None,
    json: Machine = False,
) -> int:
    """Check trials: form, counts, denominators, sources, overlaps, cohorts that stand twice.

    Errors make a trial unusable. Warnings are for you to judge: a percentage that no whole number of patients gives, a
    registration shared with another trial, a number without its place in the source, numbers from memory.
    """
    from perforin.endpoints.catalogue import catalogue
    from perforin.evidence.trial_check import check_trials

    found = check_trials(path, catalogue())
    warnings = len(found.remarks) - found.errors
    if json:
        emit({"ok": not found.errors, "trials": list(found.trials), "errors": found.errors, "warnings": warnings,
              "remarks": [{"kind": one.kind, "where": one.where, "text": one.text} for one in found.remarks]})
        return int(found.errors > 0)
    remarks = sorted(found.remarks, key=lambda one: one.kind)
    if remarks:
        table(("", "Where", "What"), [(one.kind, one.where, one.text) for one in remarks])
    numbers = sum(len(one.endpoints) for one in found.trials.values())
    typer.echo(f"{len(found.trials)} trials with {numbers} numbers read; {found.errors} errors, {warnings} warnings")
    return int(found.errors > 0)


def grading(json: Machine = False) -> None:
    """Print what the grades of cytokine release and neurotoxicity mean (ASTCT 2019).

    Grades of simulated patients are cut from a severity that the model computes, and stand for these; trials that were
    graded on another scale (Lee, Penn, CTCAE) say so beside each number.
    """
    from perforin.evidence.grading import grading_scale
    from perforin.evidence.sources import cite

    scale = grading_scale()
    reference = cite([scale.source])[0]
    if json:
        emit(scale.model_dump() | {"reference": reference})
        return
    rows = [(name, element, str(grade), one.words(element, grade)) for name, one in scale.toxicities.items()
            for element, by_grade in one.elements.items() for grade in by_grade]  # fmt: skip
    table(("Toxicity", "Element", "Grade", "What is seen"), rows, scale.label, numeric=(2,))
    for name, one in scale.toxicities.items():
        typer.echo(f"{name}: {one.rule}")
        if one.fever:
            typer.echo(f"{name} needs fever of {one.fever.at_least:g} {one.fever.unit} or more, except after "
                       f"{' or '.join(one.fever.not_needed_after)}")  # fmt: skip
        if one.points:
            parts = ", ".join(f"{part} {points}" for part, points in one.points.items())
            typer.echo(f"{name} points: {parts}; {sum(one.points.values())} in all")
    typer.echo(f"{scale.source}: {reference} ({scale.status}, {scale.locator})")


def _head(one: Trial) -> list[tuple[str, str]]:
    return [("Trial", one.label), ("Registration", one.registration or UNSTATED),
            ("Product", f"{one.product}, {one.therapy} against {one.target}, {one.cell_source}"),
            ("Costimulation", one.costimulation or UNSTATED), ("Payload", one.payload or UNSTATED),
            ("Indication", f"{one.indication}; line of therapy: {one.line or UNSTATED}"),
            ("Patients", f"{_text(one.enrolled)} enrolled, {_text(one.infused)} infused"),
            ("Arms", "; ".join(_arm(one, arm) for arm in one.arms) or "none named"),
            ("Note", one.note or "-")]  # fmt: skip


def _arm(one: Trial, arm: TrialArm) -> str:
    return f"{arm.name} ({_text(one.patients_in(arm))} patients)" if arm.product else f"{arm.name} (not collected)"


def _shown(row: Finding, value: float, low: float | None, high: float | None) -> tuple[str, ...]:
    patients = f"{row.events}/{row.denominator}" if row.events is not None else f"n={_text(row.denominator)}"
    ends = "" if low is None or high is None else f"\n{low:.3g} to {high:.3g}"
    known = "\n".join(filter(None, (row.status, row.scale)))
    return (row.endpoint + (f"\n{row.subgroup}" if row.subgroup else ""), f"{patients}\n{row.population}",
            f"{value:.3g} {row.unit}".strip() + ends, known)  # fmt: skip


EXAMPLES = {
    "evidence_check": """\b
Examples:
  perforin evidence check
  perforin evidence check my_trials
  perforin evidence check my_trials.csv --json""",
    "evidence_list": """\b
Examples:
  perforin evidence list
  perforin evidence list --therapy CAR-NK --endpoint CRS_any
  perforin evidence list --trials my_trials --json""",
    "evidence_show": """\b
Intervals of shares are exact (Clopper and Pearson, 95 %); others are as published.

\b
Examples:
  perforin evidence show zuma_1
  perforin evidence show my_trial --trials my_trials --json""",
    "grading": """\b
Examples:
  perforin evidence grading
  perforin evidence grading --json""",
}

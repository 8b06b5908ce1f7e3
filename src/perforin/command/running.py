"""Verbs that simulate: demo, new, check, run, resume."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perforin.command import loading, models
from perforin.command.console import emit, interruptible, note, progress_bar, table
from perforin.errors import UserError

if TYPE_CHECKING:
    from perforin.report.findings import Findings
    from perforin.scenario import Scenario

__all__ = ["EXAMPLES", "check", "demo", "new", "resume", "run"]

DEMO = "cd19_lbcl_head_to_head"
STOPPED, SOME_FAILED = 130, 2
SIX = ("ORR_d30", "CR_best", "PFS_12m", "CRS_ge3", "ICANS_ge3", "time_to_infusion")

Machine = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.")]
Patients = Annotated[
    int | None, typer.Option("--n", help="Virtual patients in each arm.", show_default="the scenario's")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Seed of all random numbers.", show_default="the scenario's")]
Workers = Annotated[int, typer.Option("--workers", help="Processes; the numbers do not depend on it.")]
Out = Annotated[
    str | None,
    typer.Option("--out", help="Folder of the run, or a URL: s3://bucket/run.", show_default="runs/<date>-<scenario>"),
]
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", help="Address of a Dask scheduler, or local: one on this machine.", show_default="none"),
]
Name = Annotated[str, typer.Argument(help="A scenario file, or the name of one in the library.")]
Setting = Annotated[list[str] | None, typer.Option("--set", help="PATH=VALUE, changes one entry; may be repeated.")]


def demo(
    n: Annotated[int, typer.Option("--n", help="Virtual patients in each arm.")] = 200,
    seed: Seed = None,
    workers: Workers = 1,
    out: Out = None,
    show: Annotated[bool | None, typer.Option("--open/--no-open", help="Open the report in a browser.")] = None,
    json: Machine = False,
) -> int:
    """CAR-NK against CAR-T in lymphoma: six numbers and a report.

    CD19 CAR-NK/IL-15 from cord blood and CD19 CAR-T are given to the same virtual patients with large B-cell lymphoma.

    The first time, the model is compiled for this machine (seconds); after that it comes from the cache.
    """
    import sys

    code, findings, folder = _simulate(loading.load(DEMO, n=n, seed=seed), out, workers, None, json)
    if findings is None:
        return code
    if json:
        emit(loading.machine_copy(findings))
        return code
    _six_lines(findings)
    page = _page(folder)
    typer.echo(f"Report: {page}")
    if show or (show is None and sys.stdout.isatty()):
        import webbrowser

        webbrowser.open(page if "://" in page else Path(page).as_uri())
    return code


def new(
    path: Annotated[Path, typer.Argument(help="The file to write.")],
    source: Annotated[str, typer.Option("--from", help="A scenario of the library to start from.")] = DEMO,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
    json: Machine = False,
) -> None:
    """Write a commented scenario that you can change and run."""
    origin = loading.scenario_path(source)
    if path.exists() and not force:
        raise UserError(f"found a file {path} already; needed a new name, or --force to overwrite it")
    if not path.parent.is_dir():
        raise UserError(f"found no folder {path.parent}; needed one that exists")
    shutil.copyfile(origin, path)
    if json:
        emit({"written": str(path), "from": source})
    else:
        typer.echo(f"Wrote {path}, a copy of {source}. Next: perforin check {path}")


def check(scenario: Name, settings: Setting = None, json: Machine = False) -> None:
    """Read a scenario and say what is in it.

    Units, names and ranges are checked, every arm's model is composed, and what says how its product is made, tested,
    shipped and waited for is read; nothing is simulated.
    """
    from perforin.prepared import supply_of

    read = loading.load(scenario, changes=loading.settings(settings))
    for arm in read.arms:
        supply_of(read, arm)
    facts = models.facts(read)
    if json:
        emit(facts)
        return
    rows = [
        (arm, row["label"], str(row["states"]), str(row["parameters"]), str(row["assumed"]), row["network_hash"])
        for arm, row in facts["arms"].items()
    ]
    heads = ("Arm", "What it is", "States", "Parameters", "Assumed", "Network")
    table(heads, rows, facts["title"], numeric=(2, 3, 4))
    typer.echo(f"{facts['patients']} virtual patients in each arm, {facts['horizon']:g} days, seed {facts['seed']}.")
    for remark in facts["remarks"]:
        typer.echo(f"- {remark}")
    typer.echo(f"Nothing is wrong with it. Next: perforin run {scenario} --quick")


def run(
    scenario: Name,
    n: Patients = None,
    seed: Seed = None,
    settings: Setting = None,
    workers: Workers = 1,
    cluster: Cluster = None,
    out: Out = None,
    quick: Annotated[bool, typer.Option("--quick", help="50 patients, to see whether it works.")] = False,
    json: Machine = False,
) -> int:
    """Simulate a scenario and write its report.

    Every arm gets the same virtual patients; the endpoints are scored beside what trials published.

    Ctrl-C keeps what is finished; the command that goes on from there is then printed.
    """
    if quick and n is not None:
        raise UserError("found --quick and --n; needed one of them (--quick means --n 50)")
    read = loading.load(scenario, n=50 if quick else n, seed=seed, changes=loading.settings(settings))
    return _told(*_simulate(read, out, workers, cluster, json), json)


def resume(
    folder: Annotated[str, typer.Argument(help="The folder of a run that was stopped, or its URL.")],
    workers: Workers = 1,
    cluster: Cluster = None,
    json: Machine = False,
) -> int:
    """Go on with a run that was stopped.

    Finished chunks are not simulated again, and the numbers are those of an undisturbed run.
    """
    return _told(*_simulate(None, folder, workers, cluster, json), json)


def _page(folder: str) -> str:
    from perforin.runs import RunFolder

    return f"{RunFolder.at(folder)}/report.html"


def _told(code: int, findings: Findings | None, folder: str, machine: bool) -> int:
    if findings is None:
        return code
    if machine:
        emit(loading.machine_copy(findings))
        return code
    loading.print_estimates(findings)
    if len(findings.failed):
        note(f"{len(findings.failed)} courses failed and are left out; the report names them")
    typer.echo(f"Report: {_page(folder)}")
    typer.echo(f"Run: {folder}")
    return code


def _simulate(
    scenario: Scenario | None, out: str | None, workers: int, cluster: str | None, quiet: bool
) -> tuple[int, Findings | None, str]:
    """Run (or resume, where ``scenario`` is None) with a bar; the findings are None when it was stopped."""
    from perforin import study
    from perforin.inference.sensitivity import with_ledger
    from perforin.report.gather import gather
    from perforin.report.page import write
    from perforin.runs import RunFolder

    if workers < 1:
        raise UserError(f"found --workers {workers}; needed 1 or more")
    folder = out or ""
    if scenario is not None:
        folder = loading.fresh_folder(out, scenario.name)
    began = time.perf_counter()
    with progress_bar(quiet) as moved:
        try:
            with interruptible() as stop:
                told: dict[str, Any] = {"workers": workers, "cluster": cluster, "progress": moved, "interrupted": stop}
                done = study.resume(folder, **told) if scenario is None else study.run(scenario, folder=folder, **told)
        except (study.Interrupted, KeyboardInterrupt) as stopped:
            if not RunFolder.at(folder).has("manifest.json"):
                raise
            said = f"{stopped} " if str(stopped) else ""
            note(f"stopped: {said}Finished chunks are kept in {folder}. To go on: perforin resume {folder}")
            return STOPPED, None, folder
        findings = gather(done if len(done.ledger) else with_ledger(done), progress=moved)
    write(findings, folder)
    if not quiet:
        note(f"{time.perf_counter() - began:.1f} s")
    return (SOME_FAILED if len(findings.failed) else 0), findings, folder


def _six_lines(findings: Findings) -> None:
    loading.print_estimates(findings, SIX)
    from perforin.report.answer import NOT_CALIBRATED, warning

    typer.echo(warning(findings))
    if not findings.calibrated:
        typer.echo(NOT_CALIBRATED.split(". ", 1)[0] + ".")


EXAMPLES = {
    "demo": """\b
Examples:
  perforin demo
  perforin demo --n 1000 --workers 2 --no-open""",
    "new": """\b
Examples:
  perforin new mine.yaml
  perforin new mine.yaml --from cd19_lbcl_head_to_head""",
    "check": """\b
Examples:
  perforin check mine.yaml
  perforin check mine.yaml --set patients.n=20""",
    "run": """\b
Examples:
  perforin run mine.yaml --quick
  perforin run cd19_lbcl_head_to_head --n 500 --seed 1 --workers 2 --out runs/first
  perforin run cd19_lbcl_head_to_head --n 500 --seed 1 --json > result.json
  perforin run mine.yaml --n 1000000 --cluster tcp://head:8786 --out s3://bucket/big""",
    "resume": """\b
Examples:
  perforin resume runs/first""",
}

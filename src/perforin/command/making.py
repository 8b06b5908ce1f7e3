"""perforin make: grow batches by one or several processes, beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perforin.command.console import emit, show, table
from perforin.command.running import Machine
from perforin.errors import UserError

if TYPE_CHECKING:
    from perforin.evidence.parameters import Row
    from perforin.making.process import Process
    from perforin.report.making import Made

__all__ = ["EXAMPLES", "make", "read_a_process"]

DRAWN = 1000
"""Cultures whose course is kept for the figure; more would change no band and fill the memory."""

STEPS = "How long each step takes, the share of cells that it keeps, of batches that it loses, and what it costs."


def make(
    processes: Annotated[
        list[str] | None, typer.Argument(metavar="PROCESS|FILE...", help="Processes of the library, or YAML files.")
    ] = None,
    batches: Annotated[int, typer.Option("--batches", help="Batches of each process.")] = 200,
    dose: Annotated[
        str | None,
        typer.Option("--dose", help="Planned dose, such as '2e8 cell'.", show_default="each process's own"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all random numbers.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Write figures into this folder: making.html.")] = None,
    json: Machine = False,
) -> None:
    """Grow batches and release them: doses, fold, share and copies of the construct, failures, verdicts, days.

    Without a process, lists those of the library that say how a batch is made.
    """
    if not processes:
        _list(json)
        return
    made = _make([read_a_process(one) for one in processes], batches, dose, seed)
    summaries = [one.summary for one in made]
    page = _draw(out, made, batches, seed, [read_a_process(one) for one in processes]) if out is not None else ""
    if json:
        emit({"seed": seed, "processes": summaries, **({"page": page} if page else {})})
        return
    from perforin.report.making import made_table, published_table, steps_table
    from perforin.report.release import release_table, tests_table

    for summary in summaries:
        show(steps_table(summary), f"{summary['label']}: steps")
    show(made_table(summaries), f"{batches} batches of each process: median (5 to 95 %)")
    if (published := published_table(summaries)) is not None:
        show(published, "Published batches beside the model's")
    tested = [one for one in summaries if "release" in one]
    if tested:
        show(release_table(tested), "Release: share of all batches")
    for summary in tested:
        show(tests_table(summary), f"{summary['label']}: tests")
    if page:
        typer.echo(f"Figures: {page}")


def _list(machine: bool) -> None:
    from perforin.library import default_library

    library = default_library()
    found = [one for name in library.names("processes") if (one := read_a_process(name)).batch is not None]
    if machine:
        emit({"processes": [{"process": p.name, "label": p.label, "starting_material": p.starting_material,
                             "summary": p.summary} for p in found]})  # fmt: skip
        return
    rows = [(p.name, p.label, p.starting_material.replace("_", " "), p.summary) for p in found]
    table(("Process", "", "Starting material", ""), rows, "Processes that say how a batch is made")


def read_a_process(name: str) -> Process:
    """A process of the library, or of a YAML file.

    Raises:
        UserError: no such process, or one that does not fit.
    """
    from perforin.library import default_library
    from perforin.making.process import read_process
    from perforin.yaml_reader import read_yaml

    if name.endswith((".yaml", ".yml")):
        return read_process(Path(name).stem, read_yaml(name).data, name)
    return read_process(name, *default_library().process(name))


def _make(processes: Sequence[Process], count: int, dose: str | None, seed: int) -> list[Made]:
    import numpy as np

    from perforin import units
    from perforin.making.batch import culture_of, grow, summarise
    from perforin.making.release import release, specifications_of
    from perforin.making.release.summary import summarise_release
    from perforin.report.making import Made
    from perforin.streams import Streams

    if count < 1:
        raise UserError(f"found --batches {count}; needed 1 or more")
    planned = units.parse_quantity(dose, "cell")[0] if dose is not None else None
    ids, streams, made = np.arange(count, dtype=np.int64), Streams(seed), []
    for process in processes:
        grown = grow(process, ids, streams, planned)
        days, cells = np.zeros(0), np.zeros((0, 0))
        if process.batch is not None and process.batch.history is None:
            length = next(step.duration.value for step in process.steps if step.name == process.batch.growth.step)
            days = np.linspace(0.0, length, 4 * int(np.ceil(length)) + 1)
            cells = culture_of(process, ids[:DRAWN], streams, list(days)).living
        summary = summarise(process, grown, streams)
        specifications = specifications_of(process)
        if specifications is not None:
            own = process.starting_material == "patient"
            verdicts = release(grown, specifications, streams, own_cells=own)
            summary["release"] = summarise_release(process, grown, verdicts, specifications, streams)
        made.append(Made(summary, days, cells, grown.cells_filled / grown.planned_dose))
    return made


def _draw(folder: Path, made: Sequence[Made], count: int, seed: int, processes: Sequence[Process]) -> str:
    from perforin.report.making import (
        doses_figure,
        growth_figure,
        made_table,
        published_table,
        steps_figure,
        steps_table,
    )
    from perforin.report.release import release_section
    from perforin.report.sheet import Section, write_sheet

    grown, summaries = [one for one in made if len(one.days)], [one.summary for one in made]
    tables = [("Median, and the range of nine batches in ten.", made_table(summaries))]
    if (published := published_table(summaries)) is not None:
        tables.append(("Published batches beside the model's.", published))
    sections = [
        Section("Doses of a batch", tables=tuple(tables), drawings=(doses_figure(made),)),
        *release_section(summaries),
        *([Section("Cells in culture", drawings=(growth_figure(grown),))] if grown else []),
        *(Section(f"Steps: {m.summary['label']}", tables=((STEPS, steps_table(m.summary)),),
                  drawings=(steps_figure(m.summary),)) for m in made),
    ]  # fmt: skip
    shared = "Batches share their luck: batch 7 has a good donor in all processes or in none."
    assumed = "Many numbers are assumptions, marked so in the file of the process; how much donors differ matters most."
    lead = (f"{count} simulated batches of each process, seed {seed}. {shared}", assumed)
    names = " · ".join(one["label"] for one in summaries) if len(made) < 4 else f"{len(made)} processes"
    rows = [row for process in processes for row in (*process.rows, *_specified(process))]
    sources = dict.fromkeys(row.source for row in rows if row.source)
    return str(write_sheet(folder, "making", f"Making: {names}", lead, sections, sources))


def _specified(process: Process) -> Sequence[Row]:
    from perforin.making.release import specifications_of

    found = specifications_of(process)
    return found.rows if found else ()


EXAMPLES = {
    "make": """\b
Examples:
  perforin make
  perforin make nk_peripheral_feeder
  perforin make nk_peripheral_cytokine nk_peripheral_feeder nk_ipsc --dose '1e9 cell' --out figures
  perforin make my_process.yaml --batches 1000 --json""",
}

"""perforin cost: what products cost to make, and what treatments are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perforin.command.console import emit, show, table
from perforin.command.running import Machine
from perforin.errors import UserError, nearest

if TYPE_CHECKING:
    from perforin.making.process import Process
    from perforin.report.sheet import Section

__all__ = ["EXAMPLES", "cost"]

BATCHES = 1000
"""Batches grown and tested for the doses of one."""
VOLUMES = (30, 100, 300, 1000, 3000, 10_000, 30_000)
"""Doses a year along the curve of cost."""


def cost(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROCESS...|RUN|APPRAISAL", help="Processes, the folder of a run, or an appraisal."),
    ] = None,
    doses_a_year: Annotated[float, typer.Option("--doses-a-year", help="Of a process: doses made a year.")] = 1000,
    own_plant: Annotated[
        bool, typer.Option("--own-plant", help="Of a process: pay for whole plants, used or not.")
    ] = False,
    worth: Annotated[
        float | None,
        typer.Option("--worth", help="Of a year in full health, USD.", show_default="that of values.csv"),
    ] = None,
    draws: Annotated[int, typer.Option("--draws", help="Draws of all uncertain numbers.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all random numbers.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Write figures into this folder: cost.html.")] = None,
    json: Machine = False,
) -> None:
    """Say what products cost to make, and what treatments are worth.

    Processes: cost of goods by step and by doses a year. A finished run: costs and quality-adjusted life-years of its
    patients' own courses. An appraisal: the same from published curves. Without any, lists what there is.
    """
    if not what:
        _list(json)
        return
    if draws < 100:
        raise UserError(f"found --draws {draws}; needed 100 or more")
    kind = _kind(what)
    lead: tuple[str, ...]
    if kind == "processes":
        facts, sections = _goods(what, doses_a_year, own_plant, draws, seed)
        title, lead = "Cost of goods", (_PAID, _READ)
    else:
        from perforin.command import valuing

        value = valuing.run_value if kind == "run" else valuing.appraisal_value
        facts, sections, title, lead = value(what[0], worth, draws, seed)
    if out is not None:
        from perforin.report.sheet import write_sheet

        facts["page"] = str(write_sheet(out, "cost", title, lead, sections, facts["sources"]))
    if json:
        emit(facts)
        return
    for section in sections:
        for caption, shown in section.tables:
            show(shown, caption)
    for sentence in lead:
        typer.echo(sentence)
    if out is not None:
        typer.echo(f"Figures: {facts['page']}")


_PAID = (
    "What a batch costs step by step, and a dose that may be given: failed and rejected batches are paid for too. "
    "Prices are another matter."
)
_READ = (
    "Costs of lines, materials and tests were read for products of one patient's own cells; how they grow with the "
    "batch, and what making many teaches, is assumed. Licences, development and overheads are not in it."
)


def _kind(words: Sequence[str]) -> str:
    from perforin.access.economics.appraisal import appraisal_names
    from perforin.yaml_reader import read_yaml

    def one(word: str) -> str:
        path = Path(word)
        if path.is_dir() or "://" in word:
            return "run"
        data = read_yaml(path).data if path.suffix in (".yaml", ".yml") and path.is_file() else None
        if isinstance(data, Mapping) and "patients" in data:
            raise UserError(f"found the scenario {word}; needed the folder of its run: perforin run {word}")
        if word in appraisal_names() or (isinstance(data, Mapping) and "arms" in data):
            return "appraisal"
        return "processes"

    kinds = [one(word) for word in words]
    if len(words) > 1 and set(kinds) != {"processes"}:
        raise UserError(f"found {', '.join(words)}; needed processes only, or one run, or one appraisal")
    if kinds[0] == "processes":
        known = [name for name, _ in _processes()] + appraisal_names()
        for word in words:
            if word not in known and not Path(word).is_file():
                raise UserError(f"found {word!r}; needed a process or an appraisal, one of {known}, a file, or the "
                                f"folder of a run{nearest(word, known)}")  # fmt: skip
    return kinds[0]


def _processes() -> list[tuple[str, Process]]:
    from perforin.command.making import read_a_process
    from perforin.library import default_library

    found = [(name, read_a_process(name)) for name in default_library().names("processes")]
    return [(name, process) for name, process in found if process.batch is not None]


def _list(machine: bool) -> None:
    from perforin.access.economics.appraisal import appraisal_names, read_appraisal

    rows = [(name, "process", process.label) for name, process in _processes()]
    rows += [(name, "appraisal", read_appraisal(name).label) for name in appraisal_names()]
    if machine:
        emit({"known": [{"name": name, "kind": kind, "label": label} for name, kind, label in rows]})
        return
    table(("Name", "Kind", ""), rows, "What can be costed; also the folder of a run")


def _goods(names: Sequence[str], doses_a_year: float, own_plant: bool, draws: int,
           seed: int) -> tuple[dict[str, Any], list[Section]]:  # fmt: skip
    from perforin.access.economics.goods import goods_rows
    from perforin.access.siting.capacity import plant_rows
    from perforin.command.making import read_a_process
    from perforin.evidence.published_costs import published_costs
    from perforin.report.goods import by_step_figure, goods_table, published_table, steps_table, volume_figure
    from perforin.report.sheet import Section

    processes = [read_a_process(name) for name in names]
    found = [_one_process(process, doses_a_year, own_plant, draws, seed) for process in processes]
    published = [row for row in published_costs() if row["kind"] == "goods"]
    plant = "whole plants" if own_plant else "lines paid while they work"
    caption = f"At {doses_a_year:,g} doses a year, {plant}. Mean and range of 95 % of {draws:,} draws."
    sections = [
        Section("Cost of goods", tables=((caption, goods_table(found)),),
                drawings=(volume_figure(found, "at each volume a year's batches have been made before"),)),
        *(Section(f"Steps: {one['label']}", tables=((f"{one['label']}: means of the draws.", steps_table(one)),),
                  drawings=(by_step_figure(one),)) for one in found),
        Section("Published", tables=(("Published costs, in their own currency, not converted.",
                                      published_table(published)),)),
    ]  # fmt: skip
    rows = [*goods_rows(), *plant_rows(), *(row for one in processes for row in one.rows)]
    keys = dict.fromkeys([row.source for row in rows if row.source] + [row["source"] for row in published])
    return {"doses_a_year": doses_a_year, "own_plant": own_plant, "draws": draws, "seed": seed, "processes": found,
            "published": published, "sources": list(keys)}, sections  # fmt: skip


def _one_process(process: Process, doses_a_year: float, own_plant: bool, draws: int, seed: int) -> dict[str, Any]:
    from perforin.access.economics.goods import cost_of_goods, output_of
    from perforin.access.economics.uncertain import spread
    from perforin.streams import Streams

    streams = Streams(seed)
    output = output_of(process, BATCHES, streams)
    found = cost_of_goods(process, output, doses_a_year, own_plant=own_plant, count=draws, streams=streams)
    volumes = []
    for volume in VOLUMES:
        both = {name: spread(cost_of_goods(process, output, volume, own_plant=own, streams=streams).per_dose)
                for name, own in (("contract", False), ("own_plant", True))}  # fmt: skip
        volumes.append({"doses_a_year": volume, **both})
    steps = [{"step": one.name, "each_order": one.each_order, "materials": one.materials, "people": one.people,
              "plant": one.plant, "total": one.total} for one in found.steps]  # fmt: skip
    return {"process": process.name, "label": process.label, "doses_per_batch": output.doses,
            "batches_per_dose_given": output.batches, "batches_a_year": found.batches_a_year, "lines": found.lines,
            "per_batch": spread(found.per_batch), "per_dose": spread(found.per_dose), "steps": steps,
            "volumes": volumes}  # fmt: skip


EXAMPLES = {
    "cost": """\b
Examples:
  perforin cost
  perforin cost autologous_viral nk_cord_blood nk_peripheral_feeder --doses-a-year 2000 --out figures
  perforin cost lymphoma_vein_to_vein --out figures
  perforin cost RUN --worth 100000 --json""",
}

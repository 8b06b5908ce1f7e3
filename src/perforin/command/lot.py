"""perforin lot: where cells came from, who was given them, and what lots must show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perforin.command.console import emit, note, table
from perforin.command.making import read_a_process
from perforin.command.running import Machine
from perforin.errors import UserError, nearest

if TYPE_CHECKING:
    from perforin.making.release import Genealogy

__all__ = ["EXAMPLES", "criteria", "export", "recall", "trace"]

Graph = Annotated[Path, typer.Argument(metavar="FILE", help="A genealogy: CSV, or EPCIS 2.0 (.jsonld, .json).")]
Item = Annotated[str, typer.Argument(metavar="ID", help="A donor, batch, lot, vial or patient of it.")]


def export(
    process: Annotated[str, typer.Argument(metavar="PROCESS|FILE", help="A process of the library, or a YAML file.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="FILE.jsonld for EPCIS 2.0, FILE.csv for a table.")],
    batches: Annotated[int, typer.Option("--batches", help="Batches to make.")] = 20,
    patients: Annotated[int, typer.Option("--patients", help="Patients of a bank, one dose each, in turn.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all random numbers.")] = 1,
    json: Machine = False,
) -> None:
    """Make, test and give lots, and write where every dose came from and went."""
    import numpy as np

    from perforin.making.batch import grow
    from perforin.making.release import genealogy_of, release, serve, specifications_of
    from perforin.making.release.epcis import write_epcis
    from perforin.making.release.genealogy import KINDS, inventory, write_genealogy
    from perforin.streams import Streams

    if batches < 1 or patients < 0:
        raise UserError(f"found --batches {batches} and --patients {patients}; needed 1 or more, and 0 or more")
    _ending(out)
    made, streams = read_a_process(process), Streams(seed)
    specifications = specifications_of(made)
    if specifications is None:
        problem = f"found the process {made.name!r} without 'specifications'"
        raise UserError(f"{problem}; needed one that says how it is released")
    own = made.starting_material == "patient"
    grown = grow(made, np.arange(batches, dtype=np.int64), streams)
    verdicts = release(grown, specifications, streams, own_cells=own)
    given = None if own else serve(verdicts, patients)
    family = genealogy_of(made, grown, verdicts, given)
    (write_genealogy if out.suffix == ".csv" else write_epcis)(out, family)
    counts = family.nodes["kind"].value_counts().to_dict()
    vials = inventory(grown, verdicts, given, own_cells=own) if given is not None else None
    if json:
        emit({"file": str(out), "nodes": counts, "links": len(family.links), "vials": vials})
        return
    many = {kind: f"{kind}es" if kind == "batch" else f"{kind}s" for kind in counts}
    typer.echo(f"{out}: " + ", ".join(f"{counts[kind]} {many[kind]}" for kind in KINDS if kind in counts))
    if vials is not None:
        typer.echo("Vials: " + ", ".join(f"{count} {what}" for what, count in vials.items()))


def trace(file: Graph, item: Item, json: Machine = False) -> None:
    """Print all that an item came from and all that came of it."""
    rows = _read(file).trace(item)
    if json:
        emit({"item": item, "family": rows.to_dict("records")})
        return
    shown = [[str(cell) for cell in row] for row in rows[["kind", "id", "status"]].to_numpy()]
    table(("Kind", "Id", "Verdict"), shown, f"{item}: where from, where to")


def recall(file: Graph, item: Item, json: Machine = False) -> None:
    """Print the patients who were given anything of an item."""
    family = _read(file)
    patients = family.recall(item)
    if json:
        emit({"item": item, "patients": patients})
        return
    note(f"{len(patients)} patients were given something of {item}")
    for one in patients:
        typer.echo(one)


def criteria(
    region: Annotated[str | None, typer.Argument(help="Only this region, such as 'European Union'.")] = None,
    json: Machine = False,
) -> None:
    """List release criteria that were read, by region, each with its source."""
    from perforin.evidence.release_criteria import criteria as read

    rows = read()
    regions = list(dict.fromkeys(row.region for row in rows))
    if region is not None and region not in regions:
        raise UserError(f"found the region {region!r}; needed one of {regions}{nearest(region, regions)}")
    chosen = [row for row in rows if region in (None, row.region)]
    if json:
        emit({"criteria": [row.as_dict() for row in chosen]})
        return
    shown = [(r.region, r.attribute, r.criterion, r.product, r.authority, " ".join(filter(None, (r.source, r.locator))))
             for r in chosen]  # fmt: skip
    table(("Region", "Attribute", "Criterion", "Product", "Authority", "Source"), shown, "Release criteria as read")
    note("Limits of a product are its own specification; this is no list of what an authority requires.")


def _ending(path: Path) -> None:
    if path.suffix not in (".csv", ".jsonld", ".json"):
        raise UserError(f"found the file {path.name!r}; needed one that ends with .csv, .jsonld or .json")


def _read(path: Path) -> Genealogy:
    from perforin.making.release.epcis import read_epcis
    from perforin.making.release.genealogy import read_genealogy

    _ending(path)
    return (read_genealogy if path.suffix == ".csv" else read_epcis)(path)


EXAMPLES = {
    "export": """\b
Examples:
  perforin lot export nk_cord_blood lots.jsonld --patients 300
  perforin lot export autologous_viral lots.csv --batches 100""",
    "trace": """\b
Examples:
  perforin lot trace lots.jsonld patient-17
  perforin lot trace lots.csv lot-3 --json""",
    "recall": """\b
Examples:
  perforin lot recall lots.jsonld donor-2
  perforin lot recall lots.csv lot-3""",
    "criteria": """\b
Examples:
  perforin lot criteria
  perforin lot criteria 'European Union' --json""",
}

"""perforin ship: frozen cells on their way to the bedside, simulated or as a logger recorded them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perforin.command.console import emit, show, table
from perforin.command.running import Machine
from perforin.errors import UserError, nearest

if TYPE_CHECKING:
    from perforin.making.cold_chain.deliver import Delivered
    from perforin.making.cold_chain.frozen import Frozen
    from perforin.making.cold_chain.lane import Lane
    from perforin.making.cold_chain.logger import Logged
    from perforin.report.sheet import Section

__all__ = ["EXAMPLES", "ship"]

FIRST, WARMEST = 3, 3
"""Shipments whose temperature is drawn: the first, and those longest above the glass transition."""
SHOWN = "Medians with the range that holds 95 % of shipments; shares with exact 95 % intervals."
_CELL = re.compile(r"(\w+)(?:\[(\w+)\])?")


def ship(
    name: Annotated[
        str | None, typer.Argument(metavar="LANE|FILE", help="A lane of the library, or a YAML file.")
    ] = None,
    product: Annotated[
        str | None,
        typer.Option("--product", help="A product, a process, or a kind of cells: nk, nk[pretreated], nk[rested], t.",
                     show_default="cells of an unknown kind"),
    ] = None,
    shipments: Annotated[int, typer.Option("--shipments", help="How many.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all random numbers.")] = 1,
    logger: Annotated[
        Path | None, typer.Option("--logger", help="Score this file of a temperature logger in place of a lane.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write figures into this folder: shipping.html.")] = None,
    json: Machine = False,
) -> None:  # fmt: skip
    """Ship frozen cells: transit, temperature, viability at thaw and a day later, killing and motility.

    Without a lane, lists those of the library. With --logger, scores your own temperatures.
    """
    if name is not None and logger is not None:
        raise UserError(f"found the lane {name!r} and --logger; needed one of them")
    if logger is not None:
        _score(logger, product, out, json)
    elif name is None:
        _list(json)
    else:
        _ship(name, product, shipments, seed, out, json)


def _list(machine: bool) -> None:
    from perforin.making.cold_chain.lane import lane_names, read_lane

    found = {name: read_lane(name) for name in lane_names()}
    if machine:
        emit({"lanes": [{"lane": name, "label": one.label, "container": one.container, "summary": one.summary,
                         "legs": [leg.called for leg in one.legs]} for name, one in found.items()]})  # fmt: skip
        return
    table(("Lane", "", ""), [(name, one.label, one.summary) for name, one in found.items()], "Lanes of the library")


def _frozen(product: str | None, container: str) -> Frozen:
    """The rows of what ``--product`` names: a product's or a process's cells, or a kind with its preparation."""
    from perforin.library import default_library
    from perforin.making.cold_chain.frozen import cells_known, frozen

    library, cell = default_library(), product or ""
    if cell in library.names("products"):
        nouns = library.gather([f"cells/{library.product(cell).cell}"])
        keys: dict[str, str] = {}
        for one in nouns:
            keys |= one.noun.keys
        return frozen(keys.get("cell", ""), _preparation(library.process(library.product(cell).process)[0]), container)
    if cell in library.names("processes"):
        process = library.process(cell)[0]
        kind = (process.get("batch") or {}).get("keys", {}).get("cell", "")
        if not kind:
            raise UserError(f"found the process {cell!r}, which does not say what cells it makes; needed a product, or "
                            "a kind of cells such as nk or t")  # fmt: skip
        return frozen(kind, _preparation(process), container)
    written = _CELL.fullmatch(cell)
    if product and (written is None or written[1].upper() not in cells_known()):
        raise UserError(f"found --product {product!r}; needed a kind of cells, such as nk, nk[pretreated], "
                        "nk[rested] or t, or a product or process of the library"
                        f"{nearest(product, [*library.names('products'), *library.names('processes')])}")  # fmt: skip
    return frozen(written[1].upper(), written[2] or "", container) if written else frozen(container=container)


def _preparation(process: Mapping[str, Any]) -> str:
    return str((process.get("thaw") or {}).get("preparation") or "")


def _ship(name: str, product: str | None, shipments: int, seed: int, out: Path | None, machine: bool) -> None:
    import numpy as np

    from perforin.making.cold_chain import deliver, read_lane
    from perforin.streams import Streams

    if shipments < 1:
        raise UserError(f"found --shipments {shipments}; needed 1 or more")
    lane, streams = read_lane(name), Streams(seed)
    cells = _frozen(product, lane.container)
    found = deliver(lane, cells, np.arange(shipments, dtype=np.int64), streams)
    summary = _summary(found, lane, cells, Path(name).stem, seed)
    page = _draw(out, lane, cells, found, summary, streams) if out is not None else ""
    if machine:
        emit(summary | ({"page": page} if page else {}))
        return
    from perforin.report.shipping import arrivals_table

    typer.echo(f"{lane.label}: {shipments} shipments, {_words(cells)}")
    show(arrivals_table(summary), "What arrives")
    if page:
        typer.echo(f"Figures: {page}")


def _words(cells: Frozen) -> str:
    kind = f"{cells.cell} cells" if cells.cell else "cells of an unknown kind"
    return f"{kind}{f' ({cells.preparation})' if cells.preparation else ''} in a {cells.container}"


def _summary(found: Delivered, lane: Lane, cells: Frozen, name: str, seed: int) -> dict[str, Any]:
    import numpy as np

    from perforin.records import exact_interval

    def spread(values: Any) -> dict[str, float]:
        low, middle, high = (float(x) for x in np.quantile(values, [0.025, 0.5, 0.975]))
        return {"median": middle, "low": low, "high": high, "mean": float(np.mean(values))}

    def share(which: Any) -> dict[str, float]:
        low, high = exact_interval(int(which.sum()), len(which))
        return {"share": float(which.mean()), "low": low, "high": high, "count": int(which.sum())}

    return {
        "lane": name, "label": lane.label, "cell": cells.cell, "preparation": cells.preparation,
        "container": cells.container, "shipments": len(found), "seed": seed, "days": spread(found.days),
        "above_glass_in_transit": share(found.received > cells["glass.transition"]),
        "above_glass": share(found.hours_above_glass > 0), "rejected": share(found.rejected), "late": share(found.late),
        "hours_above_glass": spread(found.hours_above_glass),
        **{one: spread(getattr(found, one)) for one in ("viability", "viability_24h", "killing_function",
                                                        "motile_fraction")},
    }  # fmt: skip


def _draw(out: Path, lane: Lane, cells: Frozen, found: Delivered, summary: dict[str, Any], streams: Any) -> str:
    import numpy as np

    from perforin.making.cold_chain.journey import travel
    from perforin.report.sheet import Section
    from perforin.report.shipping import alive_figure, arrivals_table, quality_figure, traces_figure

    worst = np.argsort(-found.hours_above_glass, kind="stable")[:WARMEST]
    worst = worst[found.hours_above_glass[worst] > 0]
    chosen = np.array([*range(min(FIRST, len(found))), *(one for one in worst if one >= FIRST)], dtype=np.int64)
    journey = travel(lane, cells, chosen, streams)
    traces = [(f"shipment {one + 1}", *journey.trace(place)) for place, one in enumerate(chosen.tolist())]
    sections = [
        Section("What arrives", tables=((SHOWN, arrivals_table(summary)),), drawings=(quality_figure(found),)),
        Section("On the way", drawings=(traces_figure(traces, cells),)),
        Section("After thaw", drawings=(alive_figure(found, cells),)),
    ]  # fmt: skip
    figures = lane.figures.values()
    assumed = sum(one.kind == "assumed" for one in figures) + sum(row.kind == "assumed" for row in cells.rows.values())
    lead = (lane.summary, f"{len(found)} shipments of {_words(cells)}, seed {summary['seed']}.",
            f"{assumed} of {len(figures) + len(cells.rows)} numbers are assumptions.")  # fmt: skip
    sources = dict.fromkeys((*cells.sources, *(one.source for one in figures if one.source)))
    return _write(out, f"Cold chain: {lane.label}", lead, sections, sources)


def _score(path: Path, product: str | None, out: Path | None, machine: bool) -> None:
    from perforin.making.cold_chain import score_logger
    from perforin.report.sheet import Section
    from perforin.report.shipping import excursions_table, logger_figure, logger_table

    cells = _frozen(product, "bag")
    found = score_logger(path, cells)
    page = ""
    if out is not None:
        tables = [("Time above limits, and typical cells were they thawed now.", logger_table(found))]
        tables += [("Times above the glass transition.", excursions_table(found))] if found.crossings else []
        section = Section("What the logger recorded", found.readings.notes, tuple(tables),
                          (logger_figure(found, cells),))  # fmt: skip
        page = _write(out, f"Logger: {path.name}", (f"Scored for {_words(cells)}.",), [section], cells.sources,
                      "recorded")  # fmt: skip
    if machine:
        emit(_logged(found, cells) | ({"page": page} if page else {}))
        return
    typer.echo(f"{path}: {'; '.join(found.readings.notes)}; scored for {_words(cells)}")
    show(logger_table(found), "Time above limits, and typical cells were they thawed now")
    if found.crossings:
        show(excursions_table(found), "Excursions above the glass transition")
    if page:
        typer.echo(f"Figures: {page}")


def _logged(found: Logged, cells: Frozen) -> dict[str, Any]:
    names = ("viability", "viability_24h", "killing_function", "motile_fraction")
    return {
        "file": found.readings.file, "notes": list(found.readings.notes), "readings": len(found.readings.hours),
        "hours": float(found.readings.hours[-1]), "warmest": float(found.readings.celsius.max()),
        "cell": cells.cell, "preparation": cells.preparation, "container": cells.container,
        "hours_above": {f"{limit:g}": hours for limit, hours in found.hours_above.items()},
        "glass_transition": cells["glass.transition"], "crossings": found.crossings, "loss_exponent": found.loss,
        "survival": found.survival, "mean_kinetic_temperature": found.kinetic,
        "excursions": [vars(one) for one in found.excursions],
        **{name: float(getattr(found.quality, name)[0]) for name in names},
    }  # fmt: skip


def _write(out: Path, title: str, lead: Sequence[str], sections: Sequence[Section], sources: Any,
           kind: str = "simulated") -> str:  # fmt: skip
    from perforin.report.sheet import write_sheet

    try:
        return str(write_sheet(out, "shipping", title, lead, sections, sources, kind))
    except OSError as problem:
        raise UserError(f"found the folder {out}, which cannot be written ({problem.strerror})") from None


EXAMPLES = {
    "ship": """\b
Examples:
  perforin ship
  perforin ship transatlantic --product nk
  perforin ship road_regional --product nk[rested] --shipments 10000 --out figures
  perforin ship --logger my_logger.csv --product t --json"""
}

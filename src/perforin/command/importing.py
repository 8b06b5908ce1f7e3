"""perforin import: a model that others wrote, read, shown and solved."""

from __future__ import annotations

import csv
import json as json_text
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perforin.command.console import emit, note, table
from perforin.command.running import Machine
from perforin.errors import ComputeError, UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from perforin.model.read import Imported

__all__ = ["EXAMPLES", "import_"]

POINTS = 201
"""Moments at which a course is written."""


def import_(
    model: Annotated[Path, typer.Argument(help="An SBML file, Level 2 or 3.")],
    until: Annotated[float | None, typer.Option(help="Solve from time 0 to this, in the model's time.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for network.json and, when solved, course.csv and course.html.")
    ] = None,
    json: Machine = False,
) -> None:
    """Read a model from SBML as a network: states, levels, flows and events.

    With --until it is solved; with --out its network, its course and a plot are written.
    """
    from perforin.model.read import read_sbml

    if until is not None and not (math.isfinite(until) and until > 0):
        raise UserError(f"found --until {until:g}; needed a time after 0")
    found = read_sbml(model)
    facts = _facts(model, found)
    course = _course(found, until) if until is not None else None
    if course:
        days, names, values = course
        facts["course"] = {"time": days.tolist()} | {
            name: values[:, i].tolist() for i, name in enumerate(names)
        }  # fmt: skip
    if out is not None:
        facts["written"] = [str(path) for path in _write(out, found, course)]
    if json:
        emit(facts)
        return
    _show(found, facts)


def _facts(path: Path, found: Imported) -> dict[str, Any]:
    network = found.network
    return {
        "file": str(path),
        "title": found.title,
        "time": found.time,
        "network_hash": network.hash,
        "states": len(network.states),
        "levels": len(network.levels),
        "flows": len(network.flows),
        "parameters": len(network.parameters),
        "events": len(network.events),
        "notes": list(found.notes),
    }


def _course(found: Imported, until: float) -> tuple[NDArray[np.float64], tuple[str, ...], NDArray[np.float64]]:
    import numpy as np

    from perforin.kernels.build import build, no_doses

    names = (*found.network.state_names, *found.network.level_names)
    days = np.linspace(0.0, until, POINTS)
    kernel = build(found.network, names)
    solution = kernel.run(found.parameters, found.start, no_doses(1), days, rtol=1e-8)
    if solution.reasons[0]:
        raise ComputeError(f"the model could not be solved: {solution.reasons[0]}")
    return days, names, solution.values[0]


def _write(out: Path, found: Imported, course: tuple[Any, tuple[str, ...], Any] | None) -> list[Path]:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise UserError(f"found a folder that cannot be written, {out} ({problem.strerror})") from None
    written = [out / "network.json"]
    content = {"title": found.title, "time": found.time, "values": dict(found.values)}
    written[0].write_text(json_text.dumps(content | {"network": found.network.to_dict()}, indent=1) + "\n")
    if course:
        days, names, values = course
        written += [out / "course.csv", out / "course.html"]
        with written[1].open("w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["time", *names])
            rows.writerows([day, *row] for day, row in zip(days.tolist(), values.tolist(), strict=True))
        written[2].write_text(_plot(found, days, values), encoding="utf-8")
    return written


def _plot(found: Imported, days: NDArray[np.float64], values: NDArray[np.float64]) -> str:
    """A page with one curve per state; names are shown and hidden by a click."""
    import plotly.graph_objects as go

    unit = f" [{found.time}]" if found.time else ""
    figure = go.Figure(
        [
            go.Scatter(x=days, y=values[:, i], name=found.labels.get(state.name, state.name), mode="lines")
            for i, state in enumerate(found.network.states)
        ],
        {"title": found.title or "imported model", "template": "plotly_white", "xaxis": {"title": f"time{unit}"},
         "yaxis": {"title": "state"}},
    )  # fmt: skip
    return str(figure.to_html(include_plotlyjs=True, full_html=True))


def _show(found: Imported, facts: dict[str, Any]) -> None:
    typer.echo(found.title or facts["file"])
    typer.echo(
        f"network {facts['network_hash']}: {facts['states']} states, {facts['levels']} levels, {facts['flows']} flows, "
        f"{facts['parameters']} parameters, {facts['events']} events; time in {found.time or 'the units of the file'}"
    )
    start = found.start[0].tolist()
    last = {name: values[-1] for name, values in facts.get("course", {}).items()}
    heads = ("State", "Unit", "At the start", *((f"At {last['time']:g}",) if last else ()))
    rows = [
        (state.name, state.unit or "-", f"{first:.6g}", *((f"{last[state.name]:.6g}",) if last else ()))
        for state, first in zip(found.network.states, start, strict=True)
    ]
    table(heads, rows, numeric=(2, 3) if last else (2,))
    for remark in found.notes:
        note(remark)
    for path in facts.get("written", []):
        note(f"wrote {path}")


EXAMPLES = {
    "import_": """\b
Examples:
  perforin import model.xml
  perforin import model.xml --until 100 --out imported
  perforin import model.xml --until 100 --json > course.json"""
}

"""Figures of how products are made: cells in culture, doses of a batch, and the steps in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from perforin.report.bars import wrapped
from perforin.report.style import DASHES, FAINT, INK, Drawing, Look, blank, looks, pattern, see_through
from perforin.report.tables import Cell, Table, plain
from perforin.report.wording import interval, number, percent

__all__ = [
    "Made", "doses_figure", "growth_figure", "made_table", "published_table", "steps_figure", "steps_table",
]  # fmt: skip

Array = NDArray[np.float64]
WAITED, STOCKED, DECIDING = "#0072B2", "#B8C0C8", "#D55E00"
_ROWS: tuple[tuple[str, str, bool], ...] = (
    ("share", "Wanted cells among those collected (published range)", True),
    ("doses", "Doses of a batch", False), ("doses_worth", "Cells filled, in planned doses", False),
    ("cells_started", "Cells put into culture", False), ("fold", "Fold expansion", False),
    ("cells_harvested", "Living cells harvested", False), ("doublings", "Doublings", False),
    ("car_fraction", "Share with the construct", True), ("vector_copies", "Copies in these", False),
    ("viability", "Viability at harvest", True), ("residual_t_cells", "Residual T cells in a dose", False),
    ("days", "Days until finished doses", False),
)  # fmt: skip
_PUBLISHED = {"fold": "fold expansion", "cells_harvested": "living cells", "doses": "doses of a batch",
              "days": "days", "car_fraction": "share with the construct", "vector_copies": "copies",
              "failed": "failed batches"}  # fmt: skip
_SHARES = ("car_fraction", "failed")


@dataclass(frozen=True)
class Made:
    """What one process made.

    Its ``summary``; living ``cells`` of the first cultures (k, D) on ``days`` (D,), none where batches are historical;
    and what every batch filled, in planned doses (n,).
    """

    summary: Mapping[str, Any]
    days: Array
    cells: Array
    worth: Array


def _looks(made: Sequence[Made]) -> list[Look]:
    """More than six curves take a second dash for the colours that come again."""
    chosen = looks({one.summary["process"]: one.summary["label"] for one in made}).values()
    return [replace(look, dash=DASHES[(i + i // len(DASHES)) % len(DASHES)]) for i, look in enumerate(chosen)]


def growth_figure(made: Sequence[Made]) -> Drawing:
    """Living cells in culture: medians, and bands that hold nine batches in ten."""
    figure = blank(460)
    for one, look in zip(made, _looks(made), strict=True):
        low, middle, high = np.quantile(one.cells, [0.05, 0.5, 0.95], axis=0)
        days = one.days.tolist()
        figure.add_trace(go.Scatter(x=[*days, *days[::-1]], y=[*high, *low[::-1]], fill="toself", hoverinfo="skip",
                                    fillcolor=see_through(look.colour, 0.12), line={"width": 0},
                                    showlegend=False))  # fmt: skip
        figure.add_trace(go.Scatter(x=days, y=middle.tolist(), name=look.label, mode="lines",
                                    line={"color": look.colour, "width": 2.4, "dash": look.dash},
                                    hovertemplate="day %{x:.3g}: %{y:.3g} cells<extra>" + look.label +
                                    "</extra>"))  # fmt: skip
    figure.update_yaxes(type="log", title_text="Living cells", exponentformat="power", dtick=1)
    figure.update_xaxes(title_text="Days in culture", rangemode="tozero")
    said = "; ".join(f"{one.summary['label']} {number(float(np.median(one.cells[:, -1])))}" for one in made)
    caption = "Living cells of the wanted kind in culture: median, and the band that holds nine batches in ten."
    return Drawing("growth", figure, caption, f"Cells in culture over time. Medians at harvest: {said}.",
                   narrow={"margin.l": 48, "legend.font.size": 11})  # fmt: skip


def doses_figure(made: Sequence[Made]) -> Drawing:
    """What a batch fills, in planned doses: quartiles, and whiskers that hold nine batches in ten."""
    figure = blank(150 + 46 * len(made), showlegend=False)
    for one, look in zip(made, _looks(made), strict=True):
        low, first, middle, third, high = (
            float(x) for x in np.quantile(np.maximum(one.worth, 1e-3), [0.05, 0.25, 0.5, 0.75, 0.95])
        )
        figure.add_trace(go.Box(
            y=[wrapped(look.label, 26)], lowerfence=[low], q1=[first], median=[middle], q3=[third], upperfence=[high],
            orientation="h", name=look.label, line={"color": look.colour, "width": 1.8},
            fillcolor=see_through(look.colour, 0.25), hoverinfo="x",
        ))  # fmt: skip
    figure.add_vline(x=1, line={"color": FAINT, "width": 1.2, "dash": "dot"})
    figure.update_xaxes(type="log", title_text="Planned doses filled from a batch", showgrid=True,
                        exponentformat="power", dtick=1)  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="")
    said = "; ".join(f"{o.summary['label']} {number(float(np.median(o.worth)))}" for o in made)
    caption = (
        "Living cells with the construct after washing and filling, in planned doses: median, quartiles, and whiskers "
        "that hold nine batches in ten. Left of the dotted line a batch holds less than one dose. Batches that failed "
        "for another reason are drawn too."
    )
    return Drawing("doses", figure, caption, f"Planned doses filled from a batch. Medians: {said}.",
                   narrow={"margin.l": 8, "yaxis.tickfont.size": 10})  # fmt: skip


def steps_figure(summary: Mapping[str, Any]) -> Drawing:
    """The steps in time, at their central durations; those that decide how long it takes are framed."""
    steps = summary["steps"]
    ends: dict[str, float] = {}
    figure = blank(120 + 30 * len(steps), barmode="overlay", bargap=0.35)
    shown: dict[str, bool] = {}
    for step in steps:
        begin = max((ends[name] for name in step["after"]), default=0.0)
        ends[step["name"]] = begin + step["days"]
        name, colour, hatch = (
            ("The patient waits", WAITED, "") if step["waited_for"] else ("Made to stock", STOCKED, "/")
        )
        figure.add_trace(go.Bar(
            x=[step["days"]], base=[begin], y=[step["name"]], orientation="h", name=name, legendgroup=name,
            showlegend=not shown.get(name), marker={
                "color": colour, "pattern": pattern(hatch),
                "line": {"color": DECIDING if step["critical"] else "#ffffff", "width": 2.5 if step["critical"] else 0},
            },
            text=[f"{step['days']:g} d"], textposition="outside", cliponaxis=False, textfont={"color": INK, "size": 12},
            hovertemplate=f"{step['name']}: day {begin:g} to {ends[step['name']]:g}<extra></extra>",
        ))  # fmt: skip
        shown[name] = True
    figure.update_xaxes(title_text="Days from the first step", showgrid=True, range=[0, max(ends.values()) * 1.08])
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="")
    path = [step["name"] for step in steps if step["critical"]]
    caption = (
        f"{summary['label']}: steps at their central durations. A frame marks the longest path, which decides how "
        f"long it takes: {max(ends.values()):g} days. A patient waits {summary['wait']:g} days."
    )
    alt = f"Steps in time; the longest path: {', '.join(path)}."
    return Drawing(f"steps-{summary['process']}", figure, caption, alt,
                   narrow={"margin.l": 8, "yaxis.tickfont.size": 10})  # fmt: skip


def steps_table(summary: Mapping[str, Any]) -> Table:
    """The steps with their duration, what is lost and what they cost."""
    def shown(value: float | None, share: bool) -> str:
        return "" if value is None else percent(value) if share else number(value)

    rows = [
        (
            step["name"], ", ".join(step["after"]), number(step["days"]), "longest path" if step["critical"] else "",
            shown(step["yield"], True), shown(step["failure"], True), shown(step["cost"], False),
        )
        for step in summary["steps"]
    ]  # fmt: skip
    heads = ("Step", "After", "Days", "Decides", "Cells kept", "Batches lost", "Cost, USD")
    return plain(heads, rows, (2, 4, 5, 6))


def made_table(summaries: Sequence[Mapping[str, Any]]) -> Table:
    """What batches came out as, one column per process: medians, with the range of nine batches in ten."""
    rows = [(Cell("Starting material"), *(Cell(s["starting_material"].replace("_", " ")) for s in summaries)),
            (Cell("Planned dose, cells"), *(Cell(number(s["planned_dose"])) for s in summaries))]  # fmt: skip
    rows += [(Cell(label), *(Cell(*_texts(s[key], share)) for s in summaries)) for key, label, share in _ROWS]
    rows.append((Cell("Batches with less than one dose of cells"), *(Cell(percent(s["short"])) for s in summaries)))
    rows.append((Cell("Failed batches"), *(Cell(percent(s["failed"])) for s in summaries)))
    for reason in dict.fromkeys(name for s in summaries for name in s["reasons"]):
        rows.append((Cell(f"— {reason}"), *(Cell(percent(s["reasons"].get(reason, 0.0))) for s in summaries)))
    rows.append((Cell("Share of variance between donors"),
                 *(Cell("" if (share := s["donor_share_of_variance"]) is None else percent(share))
                   for s in summaries)))  # fmt: skip
    rows.append((Cell("Days a patient waits"), *(Cell(number(s["wait"])) for s in summaries)))
    return Table(("", *(s["label"] for s in summaries)), tuple(rows), frozenset(range(1, len(summaries) + 1)))


def published_table(summaries: Sequence[Mapping[str, Any]]) -> Table | None:
    """What published batches gave, beside the model's median and range; None where nothing is published."""
    rows = []
    for summary in summaries:
        for one in summary["published"]:
            share, mine = one["what"] in _SHARES, summary[one["what"]]
            value = percent(one["value"]) if share else number(one["value"])
            limits = interval(one["low"], one["high"], share) if one["low"] < one["high"] else ""
            ours, range_ = (percent(mine), "") if isinstance(mine, float) else _texts(mine, share)
            rows.append((Cell(summary["label"]), Cell(_PUBLISHED[one["what"]]), Cell(value, limits),
                         Cell(ours, range_), Cell(f"{one['source']}: {one['note']}" if one["note"]
                                                  else one["source"])))  # fmt: skip
    heads = ("Process", "", "Published", "Model", "Source")
    return Table(heads, tuple(rows), frozenset((2, 3))) if rows else None


def _texts(found: Mapping[str, float], share: bool) -> tuple[str, str]:
    """The median, and the range of nine batches in ten where there is one."""
    text = percent(found["median"]) if share else number(found["median"])
    return text, "" if found["low"] == found["high"] else interval(found["low"], found["high"], share)

"""Figures and tables of cost of goods: step by step, and against the number of doses made a year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from perforin.report.style import COLOURS, Drawing, blank, looks, pattern, see_through
from perforin.report.tables import Cell, Table, plain
from perforin.report.wording import interval, number

__all__ = ["by_step_figure", "goods_table", "published_table", "steps_table", "volume_figure"]

PARTS = (("materials", "Materials, tests and services", COLOURS[0], ""), ("people", "People", COLOURS[1], "/"),
         ("plant", "Plant", COLOURS[5], "x"))  # fmt: skip


def goods_table(found: Sequence[Mapping[str, Any]]) -> Table:
    """What a dose and a batch cost, one row per process: means, and the range of 95 % of the draws."""
    rows = [
        (Cell(one["label"]), Cell(number(one["per_dose"]["mean"]), interval(*_ends(one["per_dose"]), False)),
         Cell(number(one["per_batch"]["mean"]), interval(*_ends(one["per_batch"]), False)),
         Cell(number(one["doses_per_batch"])), Cell(number(one["batches_a_year"])), Cell(str(one["lines"])))
        for one in found
    ]  # fmt: skip
    heads = ("Process", "A dose, USD", "A batch, USD", "Doses a batch", "Batches a year", "Lines")
    return Table(heads, tuple(rows), frozenset(range(1, len(heads))))


def steps_table(one: Mapping[str, Any]) -> Table:
    """What each step costs a batch, or each dose sent."""
    rows = [
        (step["step"], "dose sent" if step["each_order"] else "batch", number(step["materials"]),
         number(step["people"]), number(step["plant"]), number(step["total"]))
        for step in one["steps"] if step["total"]
    ]  # fmt: skip
    return plain(("Step", "Paid for each", "Materials, USD", "People, USD", "Plant, USD", "All, USD"), rows,
                 (2, 3, 4, 5))  # fmt: skip


def published_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Published costs as they stand in the library, in their own currency."""
    shown = [
        (Cell(row["what"], row["context"]), Cell(number(row["value"]) + f" {row['unit']}".rstrip(), _range(row)),
         Cell("from memory" if row["status"] == "memory" else row["status"]), Cell(row["source"], row["note"]))
        for row in rows
    ]  # fmt: skip
    return Table(("Published", "", "Status", "Source"), tuple(shown), frozenset((1,)))


def _range(row: Mapping[str, Any]) -> str:
    low, high = row["low"], row["high"]
    return "" if low is None or high is None else interval(low, high, False)


def _ends(spread: Mapping[str, float]) -> tuple[float, float]:
    return spread["low"], spread["high"]


def by_step_figure(one: Mapping[str, Any]) -> Drawing:
    """Costs of a batch by step, stacked by what they are for."""
    steps = [step for step in one["steps"] if step["total"] and not step["each_order"]]
    names = [step["step"] for step in steps]
    figure = blank(150 + 34 * len(steps), barmode="stack", bargap=0.35)
    for part, label, colour, hatch in PARTS:
        figure.add_trace(go.Bar(
            y=names, x=[step[part] for step in steps], name=label, orientation="h",
            marker={"color": colour, "pattern": pattern(hatch)},
            hovertemplate="%{y}: %{x:,.0f} USD<extra>" + label + "</extra>",
        ))  # fmt: skip
    figure.update_xaxes(title_text="USD of a batch", showgrid=True, rangemode="tozero", separatethousands=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="")
    said = "; ".join(f"{step['step']} {number(step['total'])} USD" for step in steps)
    return Drawing(f"goods-{one['process']}", figure, f"{one['label']}: what each step costs a batch, means of the "
                   "draws.", f"Cost of a batch by step: {said}.",
                   narrow={"margin.l": 8, "yaxis.tickfont.size": 10})  # fmt: skip


def volume_figure(found: Sequence[Mapping[str, Any]], years_of: str) -> Drawing:
    """Cost of a dose against the doses made a year, with lines by contract (full) and in plants of one's own (dotted).

    Args:
        found: processes with ``volumes``: rows with doses_a_year, contract and own_plant, each with mean, low and high.
        years_of: words for what the made batches are.
    """
    figure = blank(420)
    chosen = looks({one["process"]: one["label"] for one in found})
    for one in found:
        look, rows = chosen[one["process"]], one["volumes"]
        x = [row["doses_a_year"] for row in rows]
        low, high = ([row["contract"][end] for row in rows] for end in ("low", "high"))
        figure.add_trace(go.Scatter(x=[*x, *x[::-1]], y=[*high, *low[::-1]], fill="toself", mode="lines",
                                    fillcolor=see_through(look.colour, 0.12), line={"width": 0}, hoverinfo="skip",
                                    showlegend=False))  # fmt: skip
        for way, dash in (("contract", "solid"), ("own_plant", "dot")):
            label = look.label + ("" if way == "contract" else ", own plant")
            figure.add_trace(go.Scatter(
                x=x, y=[row[way]["mean"] for row in rows], mode="lines", name=label,
                line={"color": look.colour, "width": 2.4 if way == "contract" else 1.6, "dash": dash},
                hovertemplate="%{x:,} doses a year: %{y:,.0f} USD<extra>" + label + "</extra>",
            ))  # fmt: skip
    figure.update_xaxes(type="log", title_text="Doses made a year", exponentformat="power", dtick=1)
    figure.update_yaxes(type="log", title_text="USD of a dose", exponentformat="power", dtick=1)
    said = "; ".join(f"{one['label']} {number(one['volumes'][-1]['contract']['mean'])} USD at "
                     f"{number(one['volumes'][-1]['doses_a_year'])} doses" for one in found)  # fmt: skip
    caption = (f"Cost of goods of a dose; {years_of}. Full lines pay for a production line while it works, dotted ones "
               "for whole plants, used or not. Bands hold 95 % of the draws.")  # fmt: skip
    return Drawing("volume", figure, caption, f"Cost of a dose by the doses made a year: {said}.",
                   narrow={"margin.l": 52, "legend.font.size": 10})  # fmt: skip

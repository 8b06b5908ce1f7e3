"""Figures and tables of value for money: costs and effects of arms, and what decides between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from perforin.access.economics.decisions import Draws
from perforin.access.economics.partitioned import Appraised
from perforin.report.bars import wrapped
from perforin.report.style import COLOURS, FAINT, Drawing, blank, looks
from perforin.report.tables import Cell, Table, plain
from perforin.report.wording import interval, number, percent

__all__ = ["acceptability_figure", "beside_table", "comparison_table", "curves_figure", "information_figure",
           "plane_figure", "value_table"]  # fmt: skip

Points = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Years and shares."""

SHOWN = 1000
"""Draws in the plane: more would hide each other."""
LEAST = 1.0
"""USD a patient: a number whose knowledge is worth less is not drawn."""


def value_table(found: Mapping[str, Any]) -> Table:
    """One column per arm: means over the draws, and the range of 95 % of them."""
    lines = (("Lifetime cost of a patient enrolled, USD", "cost"), ("Quality-adjusted life-years", "qaly"),
             ("Life-years, not discounted", "life_years"), ("Infused", "infused"),
             ("Quality-adjusted life-years, base case", "base_case"),
             ("Lifetime cost of a patient infused, USD", "cost_per_infused"), ("Responders", "responders"),
             ("Lifetime cost of a responder, USD", "cost_per_responder"))  # fmt: skip
    rows = []
    for label, key in lines:
        if any(key in arm for arm in found["arms"].values()):
            rows.append((Cell(label), *(_cell(arm.get(key), key) for arm in found["arms"].values())))
    heads = ("", *(arm["label"] for arm in found["arms"].values()))
    return Table(heads, tuple(rows), frozenset(range(1, len(heads))))


def _cell(value: Any, key: str) -> Cell:
    if value is None:
        return Cell("–", kind="faint")
    if key == "base_case":
        return Cell(number(value["qaly"]))
    if key in ("infused", "responders"):
        return Cell(percent(value))
    if isinstance(value, Mapping):
        return Cell(number(value["mean"]), interval(value["low"], value["high"], False))
    return Cell(number(value))


def comparison_table(found: Mapping[str, Any]) -> Table:
    """Each arm against the reference: ratio, what other arm makes it pointless, and the room in its price."""
    rows = []
    for one in found["comparisons"]:
        ratio = one["icer"]
        limits = interval(ratio["low"], ratio["high"], False) if np.isfinite(ratio["low"]) else "no interval"
        if one["cost"] < 0 and one["qaly"] < 0:
            limits += ", saved for each one given up"
        rows.append((
            Cell(one["label"], "" if one["words"] else one["dominated"]),
            Cell(number(one["cost"])), Cell(number(one["qaly"])),
            Cell(one["words"] or number(ratio["value"]), "" if one["words"] else limits),
            _cell(one["price_change"], "price_change"),
        ))  # fmt: skip
    heads = ("Against the reference", "More cost, USD", "More quality-adjusted life-years",
             "USD for one more", "Room in the price of a treatment, USD")  # fmt: skip
    return Table(heads, tuple(rows), frozenset(range(1, len(heads))))


def beside_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """What others' models found beside this one."""
    words = {"qaly": "quality-adjusted life-years", "life_years": "life-years", "cost": "cost, USD"}
    shown = [
        (f"{row['label']}: {words[row['what']]} of the {row['of']}", number(row["published"]), number(row["found"]),
         f"{round(row['difference'], 2) + 0.0:+.0%}".replace("-", "−"), row["source"])
        for row in rows
    ]  # fmt: skip
    return plain(("", "Published", "Here", "Difference", "Source"), shown, (1, 2, 3))


def plane_figure(draws: Draws, labels: Mapping[str, str], reference: str, worth: float) -> Drawing:
    """Cost against effect of every other arm, less the reference's, one point a draw."""
    figure, place = blank(420), draws.place(reference)
    others = [arm for arm in draws.arms if arm != reference]
    chosen, ends = looks(labels), [0.0]
    for arm in others:
        at, look = draws.place(arm), chosen[arm]
        effect = draws.effect[:SHOWN, at] - draws.effect[:SHOWN, place]
        cost = draws.cost[:SHOWN, at] - draws.cost[:SHOWN, place]
        ends += [float(effect.min()), float(effect.max())]
        figure.add_trace(go.Scattergl(
            x=effect.tolist(), y=cost.tolist(), mode="markers", name=look.label,
            marker={"size": 4, "color": look.colour, "symbol": look.symbol, "opacity": 0.35},
            hovertemplate="%{x:.2f} years, %{y:,.0f} USD<extra></extra>",
        ))  # fmt: skip
    line = [min(ends), max(ends)]
    figure.add_trace(go.Scatter(x=line, y=[worth * end for end in line], mode="lines",
                                name=f"{worth:,.0f} USD for a year in full health",
                                line={"color": FAINT, "dash": "dash", "width": 1.4}))  # fmt: skip
    figure.add_hline(y=0, line={"color": FAINT, "width": 1})
    figure.add_vline(x=0, line={"color": FAINT, "width": 1})
    figure.update_layout(legend={"itemsizing": "constant"})
    figure.update_xaxes(title_text="More quality-adjusted life-years of a patient enrolled", showgrid=True)
    figure.update_yaxes(title_text="More cost, USD", separatethousands=True)
    caption = (f"Each point is one of {min(SHOWN, len(draws)):,} draws, less {labels[reference]} in the same draw. "
               "Below the dashed line an arm is worth its cost.")  # fmt: skip
    said = "; ".join(f"{labels[arm]} {draws.mean_effect[draws.place(arm)] - draws.mean_effect[place]:+.2f} years, "
                     f"{draws.mean_cost[draws.place(arm)] - draws.mean_cost[place]:+,.0f} USD" for arm in others)
    return Drawing("plane", figure, caption, f"Cost-effectiveness plane. Means: {said}.", narrow={"margin.l": 60})


def acceptability_figure(found: Mapping[str, Any]) -> Drawing:
    """Chance that each arm is the best, by what a year in full health is worth."""
    figure, rows = blank(380), found["acceptability"]
    labels = {name: arm["label"] for name, arm in found["arms"].items()}
    x = [row["worth"] for row in rows]
    for arm, look in looks(labels).items():
        figure.add_trace(go.Scatter(
            x=x, y=[100 * row["chance"][arm] for row in rows], mode="lines", name=look.label,
            line={"color": look.colour, "width": 2.4, "dash": look.dash},
            hovertemplate="%{x:,.0f} USD: %{y:.0f} %<extra>" + look.label + "</extra>",
        ))  # fmt: skip
    figure.add_vline(x=found["worth"], line={"color": FAINT, "dash": "dot", "width": 1})
    figure.update_xaxes(title_text="Worth of a year in full health, USD", separatethousands=True, rangemode="tozero")
    figure.update_yaxes(title_text="Chance of the highest net benefit, %", range=[0, 100])
    at = min(rows, key=lambda row: abs(row["worth"] - found["worth"]))["chance"]
    said = "; ".join(f"{labels[arm]} {percent(share)}" for arm, share in at.items())
    caption = "Share of the draws in which an arm has the highest net benefit. The dotted line is the worth chosen."
    return Drawing("acceptability", figure, caption, f"Acceptability at {found['worth']:,.0f} USD: {said}.",
                   narrow={"margin.l": 48})  # fmt: skip


def information_figure(found: Mapping[str, Any]) -> Drawing | None:
    """What knowing each uncertain number would be worth; nothing where none is worth anything."""
    rows = [row for row in found["information"] if row["worth"] >= LEAST][:10]
    if not rows:
        return None
    labels = {name: arm["label"] for name, arm in found["arms"].items()}
    names = [_named(row["parameter"], labels) for row in rows]
    figure = blank(130 + 34 * len(rows), showlegend=False)
    figure.add_trace(go.Bar(
        y=[wrapped(name, 34) for name in names], x=[row["worth"] for row in rows], orientation="h",
        marker={"color": COLOURS[0]}, hovertemplate="%{x:,.0f} USD a patient<extra></extra>",
    ))  # fmt: skip
    figure.update_xaxes(title_text="USD a patient", showgrid=True, rangemode="tozero", separatethousands=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="")
    said = "; ".join(f"{name} {row['worth']:,.0f} USD" for name, row in zip(names[:3], rows[:3], strict=True))
    caption = (f"What knowing one number would add to a patient's net benefit. Knowing all of them would add "
               f"{found['perfect_information']:,.0f} USD.")  # fmt: skip
    return Drawing("information", figure, caption, f"Expected value of knowing one number: {said}.",
                   narrow={"margin.l": 8, "yaxis.tickfont.size": 10})  # fmt: skip


def _named(parameter: str, labels: Mapping[str, str]) -> str:
    """A drawn number with its arm's label in place of the arm's name."""
    arm, colon, what = parameter.partition(": ")
    return f"{labels[arm]}: {what}" if colon and arm in labels else parameter


def curves_figure(appraised: Appraised, labels: Mapping[str, str], points: Mapping[str, Mapping[str, Points]],
                  until: float = 10.0) -> Drawing:  # fmt: skip
    """Fitted curves of the infused with the published points they were fitted to."""
    figure = blank(420)
    kept = appraised.years <= until
    for arm, look in looks(labels).items():
        side = appraised.sides[arm]
        for what, curve, dash in (("alive", side.alive, "solid"), ("free of progression", side.free, "dot")):
            figure.add_trace(go.Scatter(
                x=appraised.years[kept].tolist(), y=(100 * curve[kept]).tolist(), mode="lines",
                name=f"{look.label}, {what}", line={"color": look.colour, "dash": dash, "width": 2.2},
                hovertemplate="%{x:.1f} years: %{y:.0f} %<extra>" + f"{look.label}, {what}</extra>",
            ))  # fmt: skip
            when, share = points[arm][what]
            figure.add_trace(go.Scatter(
                x=when.tolist(), y=(100 * share).tolist(), mode="markers", showlegend=False,
                marker={"color": look.colour, "size": 9, "symbol": look.symbol,
                        "line": {"color": "#ffffff", "width": 1}},
                hovertemplate="published: %{y:.0f} % at %{x:.1f} years<extra></extra>",
            ))  # fmt: skip
    figure.update_xaxes(title_text="Years from infusion")
    figure.update_yaxes(title_text="Of the infused, %", range=[0, 100])
    return Drawing("curves", figure, "Means of the draws; marks are published points.",
                   f"Survival of the infused in {len(labels)} arms, fitted to published points.",
                   narrow={"margin.l": 48, "legend.font.size": 10})  # fmt: skip

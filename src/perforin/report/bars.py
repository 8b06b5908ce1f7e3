"""Figures of shares and amounts: response by visit, toxicity, kill budget, relapse types, tornado."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from perforin.records import Estimate
from perforin.report.style import FAINT, Drawing, Look, blank, pattern, see_through
from perforin.report.wording import endpoint, interval, number, percent

__all__ = [
    "PATHWAYS",
    "SIGNALS",
    "Category",
    "interval_figure",
    "kill_budget",
    "relapse_figure",
    "responses_figure",
    "stacked",
    "tornado",
    "wrapped",
]


@dataclass(frozen=True)
class Category:
    """One part of a stacked bar."""

    label: str
    colour: str
    pattern: str = ""


PATHWAYS = {
    "kill_granule": Category("Granules (perforin and granzyme)", "#0072B2"),
    "kill_death_receptor": Category("Death receptors", "#56B4E9", "/"),
    "kill_bystander": Category("Bystander killing", "#009E73", "."),
    "kill_host": Category("The host's own cells", "#CC79A7", "x"),
    "kill_chemotherapy": Category("Chemotherapy", "#E69F00", "\\"),
}
SIGNALS = {
    "kill_by_car": Category("Through the CAR", "#0072B2"),
    "kill_by_innate": Category("Through innate receptors", "#D55E00", "/"),
    "kill_by_antibody": Category("Through antibody and CD16", "#009E73", "."),
}
RESPONSES = {
    "sCR": Category("Stringent complete", "#003F66", "x"),
    "CR": Category("Complete", "#0072B2"),
    "VGPR": Category("Very good partial", "#009E73", "."),
    "PR": Category("Partial", "#56B4E9", "/"),
    "MR": Category("Minimal", "#CC79A7", "+"),
    "SD": Category("Stable", "#E6C34A", "."),
    "PD": Category("Progression or death", "#D55E00", "x"),
    "not evaluable": Category("Not evaluable", "#B8C0C8"),
}
"""Categories of all criteria, best first, as ``endpoints.response`` names them."""
RELAPSES = {
    "antigen-positive": Category("Antigen-positive", "#0072B2"),
    "antigen-negative": Category("Antigen-negative", "#D55E00", "/"),
}


def wrapped(text: str, width: int = 22) -> str:
    """A label in lines of at most ``width`` letters."""
    return "<br>".join(textwrap.wrap(text, width)) or text


def stacked(
    key: str,
    rows: Sequence[tuple[str, Mapping[str, float]]],
    categories: Mapping[str, Category],
    caption: str,
    axis: str,
    *,
    groups: Sequence[str] = (),
) -> Drawing | None:
    """Horizontal bars of shares that add to one; None when every row is empty.

    Args:
        key: identifier of the figure on the page.
        rows: label and amount of each category, from top to bottom; amounts are divided by their sum.
        categories: what is stacked, in order.
        caption: the sentence under the figure.
        axis: title of the horizontal axis.
        groups: a heading for each row, where rows belong together.
    """
    sums = [sum(parts.values()) for _, parts in rows]
    if not any(total > 0 for total in sums):
        return None
    labels = [wrapped(label) for label, _ in rows]
    places: object = [list(groups), labels] if groups else labels
    figure = blank(150 + 46 * len(rows), barmode="stack", bargap=0.28)
    for name, look in categories.items():
        share = [
            parts.get(name, 0.0) / total if total > 0 else 0.0 for (_, parts), total in zip(rows, sums, strict=True)
        ]
        if not any(share):
            continue
        figure.add_trace(
            go.Bar(
                x=share,
                y=places,
                orientation="h",
                name=look.label,
                marker={
                    "color": look.colour,
                    "line": {"color": "#ffffff", "width": 1},
                    "pattern": pattern(look.pattern),
                },
                text=[percent(s) if s >= 0.06 else "" for s in share],
                textposition="inside",
                insidetextanchor="middle",
                textfont={"color": _ink_on(look.colour), "size": 12},
                textangle=0,
                constraintext="none",
                hovertemplate="%{x:.1%}<extra>" + look.label + "</extra>",
            )
        )
    figure.update_xaxes(title_text=axis, tickformat=".0%", range=[0, 1])
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="")
    alt = "; ".join(f"{label}: " + _shares(parts, categories) for label, parts in rows if sum(parts.values()) > 0)
    return Drawing(key, figure, caption, f"{axis}. {alt}.", narrow={"margin.l": 8, "yaxis.tickfont.size": 11})


def _shares(parts: Mapping[str, float], categories: Mapping[str, Category]) -> str:
    total = sum(parts.values())
    return ", ".join(
        f"{look.label} {percent(parts[name] / total)}" for name, look in categories.items() if parts.get(name)
    )


def _ink_on(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#ffffff" if 0.299 * red + 0.587 * green + 0.114 * blue < 140 else "#1d2733"


def kill_budget(
    key: str, courses: pd.DataFrame, categories: Mapping[str, Category], look: Mapping[str, Look], caption: str
) -> tuple[Drawing | None, pd.DataFrame]:
    """Cells killed over the whole course by pathway, and the figure of the shares.

    The integral is taken of the median rate over patients, so it speaks of a typical patient, not of the mean.

    Args:
        key: identifier of the figure on the page.
        courses: tidy courses; columns arm, day, observable, median.
        categories: observables [cell/day] that add to all killing.
        look: how each arm is drawn.
        caption: the sentence under the figure.

    Returns:
        The figure, and a table of arm, observable and killed [cell].
    """
    rows = courses[courses["observable"].isin(list(categories)) & courses["arm"].isin(list(look))]
    killed = [
        {"arm": arm, "observable": name, "killed": _area(part)}
        for (arm, name), part in rows.groupby(["arm", "observable"], sort=False)
    ]
    table = pd.DataFrame(killed, columns=["arm", "observable", "killed"])
    amounts = {
        arm: dict(zip(part["observable"], part["killed"], strict=True))
        for arm, part in table.groupby("arm", sort=False)
    }
    bars = [(look[arm].label, amounts.get(arm, {})) for arm in look]
    return stacked(key, bars, categories, caption, "Share of tumour cells killed"), table


def _area(part: pd.DataFrame) -> float:
    ordered = part.sort_values("day")
    return float(
        np.trapezoid(np.nan_to_num(ordered["median"].to_numpy(dtype=float)), ordered["day"].to_numpy(dtype=float))
    )


def relapse_figure(counts: Mapping[str, tuple[int, int]], look: Mapping[str, Look]) -> Drawing | None:
    """Relapses after response by type; ``counts`` holds (antigen-positive, antigen-negative) by arm."""
    rows = [
        (f"{look[arm].label}, n = {sum(two)}", dict(zip(RELAPSES, map(float, two), strict=True)))
        for arm, two in counts.items()
    ]
    caption = "Relapses after a response, by whether the relapsing tumour still carries the antigen."
    return stacked("relapse", rows, RELAPSES, caption, "Share of relapses")


def interval_figure(key: str, estimates: Sequence[Estimate], look: Mapping[str, Look], caption: str) -> Drawing | None:
    """Grouped bars of shares with exact intervals; a bar of height zero keeps its upper bound.

    Args:
        key: identifier of the figure on the page.
        estimates: shares of every arm.
        look: how each arm is drawn.
        caption: the sentence under the figure.
    """
    names = list(dict.fromkeys(one.endpoint for one in estimates))
    if not names:
        return None
    found = {(one.arm, one.endpoint): one for one in estimates}
    figure = blank(110 + (26 * len(look) + 18) * len(names), barmode="group", bargap=0.3, bargroupgap=0.12)
    for arm, shown in look.items():
        mine = [found.get((arm, name)) for name in names]
        value = [one.value if one else None for one in mine]
        figure.add_trace(
            go.Bar(
                y=[wrapped(endpoint(name).label, 16) for name in names],
                x=value,
                name=shown.label,
                orientation="h",
                marker={
                    "color": see_through(shown.colour, 0.82),
                    "line": {"color": shown.colour, "width": 1.5},
                    "pattern": pattern(shown.pattern),
                },
                error_x={
                    "type": "data",
                    "array": [one.high - one.value if one else 0 for one in mine],
                    "arrayminus": [one.value - one.low if one else 0 for one in mine],
                    "color": "#1d2733",
                    "thickness": 1.4,
                    "width": 5,
                },
                text=[
                    f"{one.value:.1%} ({interval(one.low, one.high, True)}), n = {one.n}" if one else "" for one in mine
                ],
                textposition="none",
                hovertemplate="%{y}: %{text}<extra>" + shown.label + "</extra>",
            )
        )
    figure.update_xaxes(tickformat=".0%", rangemode="tozero", title_text="Share of infused patients", showgrid=True)
    figure.update_yaxes(ticks="", autorange="reversed", showgrid=False)
    alt = "; ".join(
        f"{endpoint(one.endpoint).label}, {look[one.arm].label}: {percent(one.value)} "
        f"({interval(one.low, one.high, True)})"
        for one in estimates
        if one.arm in look
    )
    return Drawing(key, figure, caption, alt + ".", narrow={"margin.l": 8, "yaxis.tickfont.size": 11})


def tornado(name: str, ledger: pd.DataFrame, swing: str, look: Mapping[str, Look], most: int = 12) -> Drawing | None:
    """The parameters that move one endpoint most between the ends of their ranges.

    Args:
        name: the endpoint.
        ledger: assumption ledger; columns parameter, arm, kind and ``swing``.
        swing: the column of signed changes of the endpoint.
        look: how each arm is drawn.
        most: how many parameters are drawn.
    """
    rows = ledger.dropna(subset=[swing])
    rows = rows[rows[swing].abs() > 0].reset_index(drop=True)
    order = (
        rows.groupby("parameter")[swing].apply(lambda part: part.abs().max()).sort_values(ascending=False).index[:most]
    )
    if not len(order):
        return None
    share = endpoint(name).share
    figure = blank(130 + 30 * len(order), barmode="group", bargap=0.25)
    for arm, shown in look.items():
        mine = rows[rows["arm"] == arm].drop_duplicates("parameter").set_index("parameter").reindex(order)
        if mine[swing].notna().any():
            figure.add_trace(
                go.Bar(
                    x=mine[swing].tolist(),
                    y=list(order),
                    orientation="h",
                    name=shown.label,
                    marker={
                        "color": shown.colour,
                        "line": {"color": shown.colour, "width": 1},
                        "pattern": pattern(shown.pattern),
                    },
                    hovertemplate="%{y}: %{x:+.3g}<extra>" + shown.label + "</extra>",
                )
            )
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", tickfont={"size": 12})
    what = endpoint(name).label
    figure.update_xaxes(
        title_text=wrapped(f"{what}: change", 30),
        tickformat="+.0%" if share else None,
        showgrid=True,
        zeroline=True,
        zerolinecolor=FAINT,
    )
    first = rows.to_dict("records")[int(np.argmax(rows[swing].abs().to_numpy()))]
    size = percent(float(first[swing])) if share else number(float(first[swing]))
    return Drawing(
        "tornado-" + re.sub(r"\W+", "-", name).strip("-"),
        figure,
        f"Change of “{what}” when one parameter moves from the low to the high end of its range, all others held.",
        f"Tornado for {what}: the largest change, {size}, comes from {first['parameter']}.",
        narrow={"yaxis.tickfont.size": 10, "margin.l": 8},
    )


def responses_figure(rows: Sequence[tuple[str, str, Mapping[str, float]]]) -> Drawing | None:
    """Response categories by visit and arm; each row is (visit, arm label, count of each of CR PR SD PD NE)."""
    bars = [(label, parts) for _, label, parts in rows]
    caption = "Response at each visit, of all infused patients; progression and death are carried forward."
    return stacked("response", bars, RESPONSES, caption, "Share of patients", groups=[visit for visit, _, _ in rows])

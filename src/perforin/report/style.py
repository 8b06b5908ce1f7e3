"""Colours, dashes and layout of every figure: told apart without colour, legible on paper and on a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

__all__ = ["COLOURS", "DASHES", "Drawing", "Look", "blank", "dress", "looks", "pattern", "see_through", "ticks"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's palette, in the order in which arms take it."""
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
PATTERNS = ("", "/", "x", ".", "-", "+")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "cross")
INK, FAINT, RULE = "#1d2733", "#5b6875", "#dfe4e8"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Look:
    """How one arm (or one category) is drawn everywhere."""

    label: str
    colour: str
    dash: str
    pattern: str
    symbol: str


@dataclass(frozen=True)
class Drawing:
    """A figure with the words that stand for it: ``alt`` for those who cannot see it, ``caption`` for all.

    ``narrow`` holds layout changes for screens below 600 px, in Plotly's dotted names.
    """

    key: str
    figure: go.Figure
    caption: str
    alt: str
    narrow: Mapping[str, Any] = field(default_factory=dict)


def looks(labels: Mapping[str, str]) -> dict[str, Look]:
    """A look for each arm, by its place in the scenario."""
    size = len(COLOURS)
    return {
        arm: Look(label, COLOURS[i % size], DASHES[i % size], PATTERNS[i % size], SYMBOLS[i % size])
        for i, (arm, label) in enumerate(labels.items())
    }


def see_through(colour: str, opacity: float) -> str:
    """``#0072B2`` as ``rgba(0,114,178,0.2)``."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def pattern(shape: str) -> dict[str, Any]:
    """White hatching over the colour of a bar, so that bars differ without colour."""
    return {"shape": shape, "fillmode": "overlay", "fgcolor": "#ffffff", "fgopacity": 0.6, "size": 7, "solidity": 0.2}


def blank(height: int = 380, **layout: Any) -> go.Figure:
    """An empty figure in the house style."""
    figure = go.Figure(layout={"template": "none"})
    dress(figure, height)
    figure.update_layout(**layout)
    return figure


def dress(figure: go.Figure, height: int) -> None:
    """Give a figure the house style; axes stay the caller's."""
    figure.update_layout(
        template="none",
        height=height,
        font={"family": FONT, "size": 13, "color": INK},
        margin={"l": 64, "r": 20, "t": 16, "b": 48},
        paper_bgcolor="#ffffff",
        plot_bgcolor="#ffffff",
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.02,
            "yanchor": "bottom",
            "font": {"size": 13},
            "traceorder": "normal",
        },
        hoverlabel={"font": {"family": FONT, "size": 13}},
        hovermode="closest",
    )
    axis = {
        "gridcolor": RULE,
        "linecolor": FAINT,
        "tickcolor": FAINT,
        "ticks": "outside",
        "zeroline": False,
        "automargin": True,
        "title": {"standoff": 10, "font": {"size": 13}},
        "tickfont": {"size": 12},
    }
    figure.update_xaxes(showline=True, showgrid=False, **axis)
    figure.update_yaxes(showline=False, showgrid=True, **axis)


def ticks(days: Sequence[float]) -> tuple[list[float], list[str], str]:
    """Tick days, tick words and the axis title: months beyond half a year, else days."""
    last = max(days) if len(days) else 0.0
    if last <= 190:
        step = next((s for s in (1, 2, 7, 14, 28) if last / s <= 8), 28)
        marks = [float(day) for day in range(0, int(last) + 1, step)]
        return marks, [f"{day:g}" for day in marks], "Days"
    months = last / 30.4375
    step = next((s for s in (1, 2, 3, 6, 12) if months / s <= 8.5), 12)
    places = list(range(0, int(months + 0.05) + 1, step))
    return [min(m * 30.4375, last) for m in places], [str(m) for m in places], "Months"

"""Figures of siting: a map of places and sites, reach against number, and reach by region."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from perforin.access.siting.places import Places
from perforin.report.style import COLOURS, FAINT, INK, Drawing, blank

__all__ = ["curve_figure", "map_figure", "regions_figure"]

Array = NDArray[np.float64]
NEAR, FAR, SITE = COLOURS[4], COLOURS[5], COLOURS[0]


def map_figure(homes: Places, chosen: Places, served: Array, hours: Array, within: float) -> Drawing:
    """Places by whether they lie within reach, sized by people, and the sites.

    Args:
        homes: where people live.
        chosen: the sites.
        served: (sites,) people nearest to each.
        hours: (homes,) to the nearest site.
        within: hours that count as within reach.
    """
    middle = float(np.cos(np.radians(homes.latitude.mean())))
    figure = blank(520)
    size = 2 + 16 * np.sqrt(homes.people / homes.people.max())
    for near, colour, symbol, name in ((False, FAR, "circle-open", f"beyond {within:g} h"),
                                       (True, NEAR, "circle", f"within {within:g} h")):  # fmt: skip
        who = np.flatnonzero((hours <= within) == near)
        part = homes.only(who)
        words = [f"{name_}, {region}: {people:,.0f} people, {drive:.1f} h" for name_, region, people, drive in zip(
            part.name, part.region, part.people.tolist(), hours[who].tolist(), strict=True)]  # fmt: skip
        figure.add_trace(go.Scattergl(
            x=part.longitude.tolist(), y=part.latitude.tolist(), mode="markers", name=name, text=words,
            hovertemplate="%{text}<extra></extra>",
            marker={"size": size[who].tolist(), "color": colour, "symbol": symbol, "opacity": 0.8},
        ))  # fmt: skip
    words = [f"{name}, {region}: nearest site of {people:,.0f} people" for name, region, people in zip(
        chosen.name, chosen.region, served.tolist(), strict=True)]  # fmt: skip
    figure.add_trace(go.Scattergl(  # as the places, for those are drawn above everything that is not
        x=chosen.longitude.tolist(), y=chosen.latitude.tolist(), mode="markers", name="site", text=words,
        hovertemplate="%{text}<extra></extra>",
        marker={"size": 13, "color": INK, "symbol": "star", "line": {"color": "#ffffff", "width": 1}},
    ))  # fmt: skip
    figure.update_layout(legend_itemsizing="constant")
    figure.update_xaxes(title_text="Longitude, degrees east", showgrid=True)
    figure.update_yaxes(title_text="Latitude, degrees north", scaleanchor="x", scaleratio=1 / middle)
    share = float(homes.people[hours <= within].sum() / homes.people.sum())
    alt = f"Map of {len(homes)} places and {len(chosen)} sites; {share:.1%} of the people live within {within:g} h."
    caption = "A circle is a place, its area its people; stars are sites."
    return Drawing("map", figure, caption, alt, narrow={"height": 380, "margin.l": 44, "legend.font.size": 11})


def curve_figure(curve: Sequence[Mapping[str, Any]], within: float, number: int) -> Drawing:
    """The most people that so many sites can have within reach.

    Args:
        curve: rows with sites, share and mean_hours.
        within: hours.
        number: of the sites on the map, which is marked.
    """
    figure = blank(340, showlegend=False)
    x, y = [row["sites"] for row in curve], [100 * row["share"] for row in curve]
    figure.add_trace(go.Scatter(x=x, y=y, mode="lines+markers", line={"color": SITE, "width": 2.4},
                                hovertemplate="%{x} sites: %{y:.1f} %<extra></extra>"))  # fmt: skip
    figure.add_vline(x=number, line={"color": FAINT, "dash": "dot", "width": 1})
    figure.update_xaxes(title_text="Sites, each time placed anew", rangemode="tozero")
    figure.update_yaxes(title_text=f"People within {within:g} h, %", range=[0, 100])
    said = "; ".join(f"{a} sites {b:.0f} %" for a, b in zip(x, y, strict=True))
    return Drawing("curve", figure, "Most people within reach, by the number of sites; the dotted line is the map's.",
                   f"Share of people within reach: {said}.", narrow={"margin.l": 48})  # fmt: skip


def regions_figure(by_region: Sequence[Mapping[str, Any]], within: float) -> Drawing:
    """Share of each region's people within reach, the least reached first.

    Args:
        by_region: rows with region and share (None where nobody lives).
        within: hours.
    """
    rows = [row for row in by_region if row["share"] is not None]
    figure = blank(90 + 19 * len(rows), showlegend=False, bargap=0.3)
    shares = [100 * row["share"] for row in rows]
    figure.add_trace(go.Bar(x=shares, y=[row["region"] for row in rows], orientation="h", marker={"color": SITE},
                            hovertemplate="%{y}: %{x:.1f} %<extra></extra>"))  # fmt: skip
    figure.update_xaxes(title_text=f"People within {within:g} h, %", range=[0, 100], showgrid=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", tickfont={"size": 11, "color": INK})
    said = "; ".join(f"{row['region']} {share:.0f} %" for row, share in zip(rows, shares, strict=True))
    return Drawing("regions", figure, "Share of each region's people within reach.", f"By region: {said}.",
                   narrow={"margin.l": 8})  # fmt: skip

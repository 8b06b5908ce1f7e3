"""The registry landscape as one HTML file that needs no network: a figure per facet, and the published count beside."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import jinja2
import pandas as pd
import plotly.graph_objects as go
import plotly.offline
from markupsafe import Markup

from perforin.evidence.registry.comparison import Comparison
from perforin.evidence.registry.landscape import KINDS
from perforin.evidence.sources import cite
from perforin.report.bars import Category, wrapped
from perforin.report.page import script_json
from perforin.report.style import Drawing, blank, pattern

__all__ = ["FACET_TITLES", "facet_figure", "write_landscape"]

FACET_TITLES: Mapping[str, str] = {
    "year": "Year of the stated start",
    "target": "Target",
    "source": "Source of the cells",
    "phase": "Phase",
    "country": "Country",
    "area": "Indication",
    "status": "Status on the registry",
}
LOOKS = {
    KINDS[0]: Category("CAR-NK", "#0072B2"),
    KINDS[1]: Category("Suspected bulk registration", "#E69F00", "/"),
    KINDS[2]: Category("Borderline", "#CC79A7", "x"),
}
MOST = 20
"""Bars of a figure; what is beyond stands together in the last."""


def facet_figure(by: str, counts: pd.DataFrame) -> Drawing:
    """Stacked bars of records by one facet and by kind.

    Args:
        by: the facet.
        counts: columns ``value`` and ``KINDS``, as ``Landscape.count`` gives them.
    """
    shown = counts
    if len(counts) > MOST:
        rest = counts.iloc[MOST - 1 :]
        last = pd.DataFrame([{"value": f"{len(rest)} others", **rest[list(KINDS)].sum()}])
        shown = pd.concat([counts.iloc[: MOST - 1], last], ignore_index=True)
    labels = [wrapped(str(value), 24) for value in shown["value"]]
    tall = 36 if any("<br>" in label for label in labels) else 26
    figure = blank(130 + tall * len(labels), barmode="stack", bargap=0.25)
    for kind, look in LOOKS.items():
        if shown[kind].sum():
            figure.add_trace(
                go.Bar(
                    x=shown[kind].tolist(), y=labels, orientation="h", name=look.label,
                    marker={"color": look.colour, "line": {"color": "#ffffff", "width": 1},
                            "pattern": pattern(look.pattern)},
                    hovertemplate="%{y}: %{x}<extra>" + look.label + "</extra>",
                )
            )  # fmt: skip
    totals = shown[list(KINDS)].sum(axis=1)
    figure.add_trace(
        go.Scatter(x=totals.tolist(), y=labels, mode="text", text=[f" {total}" for total in totals],
                   textposition="middle right", showlegend=False, hoverinfo="skip", cliponaxis=False)
    )  # fmt: skip
    figure.update_xaxes(title_text="Records", rangemode="tozero", showgrid=True, range=[0, float(totals.max()) * 1.12])
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", type="category")
    several = " A record that names two counts under each." if by in ("target", "country") else ""
    alt = "; ".join(f"{value}: {total}" for value, total in zip(shown["value"], totals, strict=True))
    narrow = {"margin.l": 8, "yaxis.tickfont.size": 11, "legend.font.size": 11}
    caption = f"The number at a bar counts all kinds.{several}"
    return Drawing(by, figure, caption, f"Records by {by}: {alt}.", narrow=narrow)


def write_landscape(folder: Path | str, title: str, included: Sequence[str], counts: Mapping[str, pd.DataFrame],
                    comparisons: Sequence[Comparison], sources: Sequence[str]) -> Path:  # fmt: skip
    """Write ``landscape.html`` into a folder and return its path.

    Args:
        folder: made if it is not there.
        title: of the page.
        included: sentences that say which records are counted.
        counts: by facet, as ``Landscape.count`` gives them.
        comparisons: published counts beside ours.
        sources: keys of sources.bib.
    """
    drawn = [facet_figure(by, table) for by, table in counts.items()]
    text = resources.files("perforin.report").joinpath("landscape.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    page = environment.from_string(text).render(
        title=title,
        included=included,
        drawn=drawn,
        headings=FACET_TITLES,
        comparisons=comparisons,
        kinds=KINDS,
        sources=cite(sources),
        specs=script_json(
            {one.key: {"figure": json.loads(one.figure.to_json()), "narrow": dict(one.narrow)} for one in drawn}
        ),
        plotly=Markup(plotly.offline.get_plotlyjs()),  # noqa: S704 - the library itself
    )
    path = Path(folder) / "landscape.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path

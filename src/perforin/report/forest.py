"""Forest plots of pooled studies, and the page of one synthesis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go

from perforin.evidence.pooling.pool import Pooled
from perforin.evidence.pooling.sparse import exact_limits
from perforin.evidence.pooling.synthesis import Synthesis
from perforin.evidence.pooling.words import estimate, heterogeneity, percent
from perforin.report.sheet import Section, write_sheet
from perforin.report.style import COLOURS, FAINT, INK, Drawing, blank
from perforin.report.tables import Table, plain
from perforin.report.wording import endpoint

__all__ = ["forest_figure", "write_synthesis"]

ROW = 24
"""Height of a row [pixel]."""


def forest_figure(key: str, found: Synthesis, caption: str) -> Drawing:
    """Each study with its exact interval, then the pooled values as diamonds on their prediction intervals.

    Args:
        key: identifier of the figure on the page.
        found: what is drawn.
        caption: the sentence under the figure.
    """
    share = found.studies.kind == "share"
    pooled = {"All studies": found.pooled, **found.groups}
    names = [one.name + (" *" if one.status == "memory" else "") for one in found.studies.studies]
    limits = [exact_limits(one.events, one.n, found.studies.kind) for one in found.studies.studies]
    values = [one.events / one.n for one in found.studies.studies]
    largest = max(one.n for one in found.studies.studies)
    figure = blank(110 + ROW * (len(names) + len(pooled)), showlegend=False)
    said = [f"{one.events} of {one.n:g}: {_interval(value, low, high, share)}"
            for one, value, (low, high) in zip(found.studies.studies, values, limits, strict=True)]  # fmt: skip
    figure.add_trace(go.Scatter(
        x=values, y=names, mode="markers", text=said, hovertemplate="%{y}, %{text}<extra></extra>", cliponaxis=False,
        marker={"symbol": "square", "color": COLOURS[0], "size": [5 + 8 * (one.n / largest) ** 0.5
                                                                  for one in found.studies.studies]},
        error_x=_whiskers(values, limits, FAINT, 1.3),
    ))  # fmt: skip
    _add_pooled(figure, pooled, share)
    for review in found.reviews:
        figure.add_vrect(x0=review.low, x1=review.high, fillcolor=COLOURS[5], opacity=0.22, line_width=0, layer="below")
        figure.add_vline(x=review.value, line={"color": COLOURS[5], "width": 1.5, "dash": "dot"}, layer="below")
    figure.update_xaxes(title_text="Share of patients" if share else "Rate", tickformat=".0%" if share else "",
                        range=[-0.01, 1.01] if share else None, rangemode="tozero", showgrid=True)  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", type="category",
                        categoryorder="array", categoryarray=[*names, *pooled])  # fmt: skip
    alt = "; ".join(f"{name}: {estimate(one, share)}" for name, one in pooled.items())
    narrow = {"margin.l": 8, "margin.r": 8, "yaxis.tickfont.size": 10, "xaxis.tickfont.size": 11}
    return Drawing(key, figure, caption, f"Forest plot of {len(names)} studies. {alt}.", narrow=narrow)


def _interval(value: float, low: float, high: float, share: bool) -> str:
    return percent(value, low, high) if share else f"{value:.3g} ({low:.3g} to {high:.3g})"


def _whiskers(values: Sequence[float], limits: Sequence[tuple[float, float]], colour: str,
              thick: float) -> dict[str, object]:  # fmt: skip
    return {
        "type": "data", "symmetric": False, "color": colour, "thickness": thick, "width": 0,
        "array": [high - value for value, (_, high) in zip(values, limits, strict=True)],
        "arrayminus": [value - low for value, (low, _) in zip(values, limits, strict=True)],
    }  # fmt: skip


def _add_pooled(figure: go.Figure, pooled: dict[str, Pooled], share: bool) -> None:
    values, names = [one.value for one in pooled.values()], list(pooled)
    wide = [(one.prediction_low, one.prediction_high) for one in pooled.values()]
    ends = [(value if low is None else low, value if high is None else high)
            for value, (low, high) in zip(values, wide, strict=True)]  # fmt: skip
    figure.add_trace(go.Scatter(x=values, y=names, mode="markers", hoverinfo="skip", marker={"opacity": 0},
                                error_x=_whiskers(values, ends, COLOURS[1], 1.2)))  # fmt: skip
    figure.add_trace(go.Scatter(
        x=values, y=names, mode="markers", text=[estimate(one, share) for one in pooled.values()], cliponaxis=False,
        hovertemplate="%{y}: %{text}<extra></extra>",
        marker={"symbol": "diamond", "color": COLOURS[1], "size": 12, "line": {"color": INK, "width": 1}},
        error_x=_whiskers(values, [(one.low, one.high) for one in pooled.values()], COLOURS[1], 5),
    ))  # fmt: skip


def _caption(found: Synthesis) -> str:
    text = (
        "Squares are studies with exact 95 % intervals, larger with more patients. Diamonds are pooled values: the "
        "thick line is the 95 % interval, the thin line the prediction interval, where the next trial may lie."
    )
    if any(one.status == "memory" for one in found.studies.studies):
        text += " * A count written from memory."
    if found.reviews:
        text += " The shaded band is the published pooled value with its interval."
    return text


def write_synthesis(folder: Path | str, found: Synthesis) -> Path:
    """Write ``meta.html`` into a folder and return its path."""
    share = found.studies.kind == "share"
    lead = [f"{found.studies.title}. {estimate(found.pooled, share)}; {heterogeneity(found.pooled)}.",
            *(f"Published: {percent(one.value, one.low, one.high)}, {one.k} studies, {one.n} patients."
              for one in found.reviews)]  # fmt: skip
    notes = (found.pooled.method, *found.pooled.warnings, *found.studies.said, *found.notes,
             *(f"Left out: {one.name}: {one.why}." for one in found.studies.left_out))  # fmt: skip
    sections = [
        Section("Forest plot", (), (), (forest_figure("forest", found, _caption(found)),)),
        Section("How it was pooled", tuple(notes), (("Pooled by every method", _methods(found, share)),)),
        Section("Studies", (), (("Counts and where they stand", _studies(found, share)),)),
    ]
    sources = [*(one.source for one in found.studies.studies), *(one.source for one in found.reviews)]
    known = sources if found.therapy else ()  # a user's own sources are in no bibliography of ours
    title = f"{endpoint(found.studies.endpoint).label}, pooled"
    return write_sheet(folder, "meta", title, lead, sections, known, "published evidence")


def _methods(found: Synthesis, share: bool) -> Table:
    rows = [[name, estimate(one, share), heterogeneity(one)] for name, one in found.by_method.items()]
    return plain(["Method", "Pooled", "Heterogeneity"], rows, ())


def _studies(found: Synthesis, share: bool) -> Table:
    rows = [[one.name, f"{one.events} of {one.n:g}",
             _interval(one.events / one.n, *exact_limits(one.events, one.n, found.studies.kind), share),
             ", ".join(value for value in one.groups.values() if value), one.scale, one.status,
             " ".join(filter(None, (one.source, one.locator, one.note)))]
            for one in found.studies.studies]  # fmt: skip
    heads = ["Study", "Events", "Share" if share else "Rate", "Groups", "Scale", "Status", "Source"]
    return plain(heads, rows, (1,))

"""Forest plots: the studies of one set, and the pooled values of several."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from perforin.evidence.pooling.pool import Pooled
from perforin.evidence.pooling.shipped import Line
from perforin.evidence.pooling.sparse import exact_limits
from perforin.evidence.pooling.synthesis import Synthesis
from perforin.evidence.pooling.words import estimate, heterogeneity, limits, percent
from perforin.report.bars import wrapped
from perforin.report.style import COLOURS, FAINT, INK, Drawing, blank
from perforin.report.tables import Cell, Table
from perforin.report.wording import endpoint

__all__ = ["forest_figure", "summary_figure", "summary_table"]

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
    ends = [exact_limits(one.events, one.n, found.studies.kind) for one in found.studies.studies]
    values = [one.events / one.n for one in found.studies.studies]
    largest = max(one.n for one in found.studies.studies)
    figure = blank(110 + ROW * (len(names) + len(pooled)), showlegend=False)
    said = [f"{one.events} of {one.n:g}: {limits(value, low, high, share)}"
            for one, value, (low, high) in zip(found.studies.studies, values, ends, strict=True)]  # fmt: skip
    figure.add_trace(go.Scatter(
        x=values, y=names, mode="markers", text=said, hovertemplate="%{y}, %{text}<extra></extra>", cliponaxis=False,
        marker={"symbol": "square", "color": COLOURS[0], "size": [5 + 8 * (one.n / largest) ** 0.5
                                                                  for one in found.studies.studies]},
        error_x=_whiskers(values, ends, FAINT, 1.3),
    ))  # fmt: skip
    _add_pooled(figure, pooled, share)
    for review in found.reviews:
        figure.add_vrect(x0=review.low, x1=review.high, fillcolor=COLOURS[5], opacity=0.22, line_width=0, layer="below")
        figure.add_vline(x=review.value, line={"color": COLOURS[5], "width": 1.5, "dash": "dot"}, layer="below")
    figure.update_xaxes(title_text="Share of patients" if share else "Rate", tickformat=".0%" if share else "",
                        range=[-0.03, 1.01] if share else None, rangemode="tozero", showgrid=True)  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", type="category",
                        categoryorder="array", categoryarray=[*names, *pooled])  # fmt: skip
    alt = "; ".join(f"{name}: {estimate(one, share)}" for name, one in pooled.items())
    narrow = {"margin.l": 8, "margin.r": 8, "yaxis.tickfont.size": 10, "xaxis.tickfont.size": 11}
    return Drawing(key, figure, caption, f"Forest plot of {len(names)} studies. {alt}.", narrow=narrow)


def _whiskers(values: Sequence[float], ends: Sequence[tuple[float, float]], colour: str,
              thick: float) -> dict[str, object]:  # fmt: skip
    return {
        "type": "data", "symmetric": False, "color": colour, "thickness": thick, "width": 0,
        "array": [high - value for value, (_, high) in zip(values, ends, strict=True)],
        "arrayminus": [value - low for value, (low, _) in zip(values, ends, strict=True)],
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


def summary_figure(lines: Sequence[Line]) -> Drawing | None:
    """Pooled values by outcome and therapy on their prediction intervals, and published ones beside; None without any.

    Args:
        lines: in order; rows of one outcome stand together.
    """
    if not lines:
        return None
    labels = [wrapped(f"{endpoint(one.endpoint).label}: {one.label}", 34) for one in lines]
    figure = blank(120 + 40 * (len(labels) + sum(len(one.reviews) for one in lines)), showlegend=False)
    _add_pooled(figure, dict(zip(labels, [one.pooled for one in lines], strict=True)), share=True)
    reviewed = {f"Published: {endpoint(one.endpoint).label}, {one.label}": review
                for one in lines for review in one.reviews}  # fmt: skip
    values = [review.value for review in reviewed.values()]
    figure.add_trace(go.Scatter(
        x=values, y=[wrapped(label, 34) for label in reviewed], mode="markers", cliponaxis=False,
        text=[f"{percent(one.value, one.low, one.high)} ({one.source})" for one in reviewed.values()],
        hovertemplate="%{y}: %{text}<extra></extra>",
        marker={"symbol": "square-open", "color": COLOURS[0], "size": 11, "line": {"width": 2}},
        error_x=_whiskers(values, [(one.low, one.high) for one in reviewed.values()], COLOURS[0], 3),
    ))  # fmt: skip
    figure.update_xaxes(title_text="Share of patients", tickformat=".0%", range=[-0.03, 1.01], showgrid=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="", type="category", categoryorder="array",
                        categoryarray=_below(labels, lines, list(reviewed)))  # fmt: skip
    caption = (
        "Diamonds are pooled values: the thick line is the 95 % interval, the thin line the prediction interval. Open "
        "squares are published pooled values. Where no patient had the event, only the exact interval can be given."
    )
    alt = "; ".join(f"{endpoint(one.endpoint).label}, {one.label}: {estimate(one.pooled)}" for one in lines)
    narrow = {"margin.l": 8, "margin.r": 8, "yaxis.tickfont.size": 10, "xaxis.tickfont.size": 11}
    return Drawing("synthesis", figure, caption, f"{alt}.", narrow=narrow)


def _below(labels: Sequence[str], lines: Sequence[Line], published: Sequence[str]) -> list[str]:
    """Rows from top to bottom: a published value right below the line that it belongs to."""
    left = iter(published)
    return [row for label, one in zip(labels, lines, strict=True)
            for row in (label, *(wrapped(next(left), 34) for _ in one.reviews))]  # fmt: skip


def summary_table(lines: Sequence[Line]) -> Table | None:
    """One row per pooled value with its spread, its size and what others published; None without any."""
    if not lines:
        return None
    heads = ("Outcome", "Given", "Pooled", "Prediction interval", "Spread between studies", "Studies", "Published")
    return Table(heads, tuple(_summary_row(one) for one in lines), frozenset((2, 3)))


def _summary_row(one: Line) -> tuple[Cell, ...]:
    found = one.pooled
    bound = f"one-sided 95 % upper bound {100 * found.upper:.1f} %" if found.upper is not None else ""
    wide = "–" if found.prediction_low is None or found.prediction_high is None else (
        f"{100 * found.prediction_low:.1f} % to {100 * found.prediction_high:.1f} %")  # fmt: skip
    memory = f"{one.memory} of {found.k} counts from memory" if one.memory else ""
    read = one.without_memory
    if read is not None and read.upper is not None:
        memory += f"; without them {read.events} of {read.n:g}, upper bound {100 * read.upper:.1f} %"
    published = "; ".join(percent(other.value, other.low, other.high) for other in one.reviews) or "–"
    texts = [text.replace(" %", "\u00a0%") for text in (percent(found.value, found.low, found.high), wide, published)]
    return (
        Cell(endpoint(one.endpoint).label), Cell(one.label, one.title),
        Cell(texts[0], bound), Cell(texts[1]), Cell(heterogeneity(found)),
        Cell(f"{found.k} studies, {found.events} of {found.n:g} patients", memory),
        Cell(texts[2], "; ".join(f"{other.source}, {other.k} trials" for other in one.reviews)),
    )  # fmt: skip

"""Figures of quantities over time: survival with numbers at risk, kinetics, cytokines, waiting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from perforin.report.style import FAINT, Drawing, Look, blank, dress, see_through, ticks
from perforin.report.wording import percent, unit_text

__all__ = ["Point", "Survival", "at_risk", "bands", "few", "survival_figure", "waiting_figure"]

Array = NDArray[np.float64]
DRAWN = 2000
"""Steps of a curve that are drawn: more than a screen has columns."""


@dataclass(frozen=True)
class Point:
    """A published value at one day."""

    day: float
    value: float
    low: float
    high: float
    trial: str


@dataclass(frozen=True)
class Survival:
    """One arm's Kaplan-Meier curve; ``last_seen`` (subjects,) is when each left the risk set, for whatever reason."""

    day: Array
    share: Array
    low: Array
    high: Array
    last_seen: Array
    published: tuple[Point, ...] = ()


def at_risk(last_seen: Array, days: Sequence[float]) -> list[int]:
    """How many subjects were still followed just before each day."""
    return [int(np.sum(last_seen >= day)) for day in days]


def survival_figure(key: str, name: str, arms: Mapping[str, Survival], look: Mapping[str, Look]) -> Drawing:
    """Kaplan-Meier curves with 95 % bands, published values as open marks, numbers at risk under the axis.

    Args:
        key: identifier of the figure on the page.
        name: what is survived, such as ``Progression-free survival``.
        arms: curve of each arm.
        look: how each arm is drawn.
    """
    rows = len(arms)
    last = max(float(curve.last_seen.max()) for curve in arms.values())
    places, words, title = ticks([0.0, last])
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.2, row_heights=[0.8, 0.2])
    for arm, curve in arms.items():
        for trace in (*_steps(curve, look[arm]), *_open_marks(curve.published, look[arm])):
            figure.add_trace(trace, row=1, col=1)
    for place, (arm, curve) in enumerate(arms.items()):
        counts = at_risk(curve.last_seen, places)
        figure.add_trace(
            go.Scatter(
                x=places,
                y=[rows - place] * len(places),
                mode="text",
                text=[str(n) for n in counts],
                showlegend=False,
                hoverinfo="skip",
                name=f"at risk {arm}",
                textfont={"color": look[arm].colour, "size": 13},
                cliponaxis=False,
            ),
            row=2,
            col=1,
        )
    dress(figure, 440 + 22 * rows)
    figure.update_layout(margin={"l": 64, "r": 24, "t": 16, "b": 12})
    _risk_table(figure, [look[arm] for arm in arms])
    edge = last * 0.03
    figure.update_xaxes(range=[-edge, last + edge], tickvals=places, ticktext=words)
    figure.update_xaxes(title_text=title, showticklabels=True, row=1, col=1)
    figure.update_xaxes(showticklabels=False, showline=False, ticks="", row=2, col=1)
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%", title_text=name, row=1, col=1)
    at_end = "; ".join(f"{look[arm].label} {percent(float(curve.share[-1]))}" for arm, curve in arms.items())
    return Drawing(
        key,
        figure,
        f"{name}, Kaplan-Meier estimate with pointwise 95 % bands (chance among virtual patients only). Open marks are "
        "published values with their intervals. Numbers under the axis: patients at risk.",
        f"Kaplan-Meier curves of {name.lower()}. At the end of follow-up: {at_end}.",
        narrow={"margin.l": 48, "xaxis.tickfont.size": 11},
    )


def _risk_table(figure: go.Figure, order: Sequence[Look]) -> None:
    rows = len(order)
    figure.update_yaxes(
        range=[0.4, rows + 0.6], showgrid=False, showticklabels=False, ticks="", fixedrange=True, row=2, col=1
    )
    figure.add_annotation(
        text="Number at risk",
        x=0,
        xref="x2 domain",
        y=1,
        yref="y2 domain",
        xanchor="left",
        yanchor="bottom",
        yshift=2,
        showarrow=False,
        font={"size": 12, "color": FAINT},
    )
    for place, one in enumerate(order):  # a short line of the arm's own dash stands for its name
        figure.add_shape(
            type="line",
            xref="paper",
            x0=-0.075,
            x1=-0.03,
            yref="y2",
            y0=rows - place,
            y1=rows - place,
            line={"color": one.colour, "width": 3, "dash": one.dash},
        )


def few(points: int) -> NDArray[np.intp]:
    """Places of at most ``DRAWN`` of so many points, evenly, with the first and the last: more cannot be told apart."""
    return np.unique(np.linspace(0, points - 1, min(points, DRAWN)).round().astype(np.intp))


def _steps(curve: Survival, look: Look) -> tuple[go.Scatter, go.Scatter]:
    drawn = few(len(curve.day))
    day, share, low, high = (one[drawn] for one in (curve.day, curve.share, curve.low, curve.high))
    band = go.Scatter(
        x=np.concatenate([_corners_x(day), _corners_x(day)[::-1]]),
        y=np.concatenate([_corners_y(high), _corners_y(low)[::-1]]),
        fill="toself",
        fillcolor=see_through(look.colour, 0.16),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
        mode="lines",
    )
    line = go.Scatter(
        x=day,
        y=share,
        mode="lines",
        name=look.label,
        line={"shape": "hv", "color": look.colour, "width": 2.5, "dash": look.dash},
        hovertemplate="day %{x:.0f}: %{y:.1%}<extra>" + look.label + "</extra>",
    )
    return band, line


def _corners_x(day: Array) -> Array:
    return np.repeat(day, 2)[1:]


def _corners_y(share: Array) -> Array:
    return np.repeat(share, 2)[:-1]


def _open_marks(points: Sequence[Point], look: Look) -> list[go.Scatter]:
    if not points:
        return []
    up = [point.high - point.value for point in points]
    down = [point.value - point.low for point in points]
    return [
        go.Scatter(
            x=[point.day for point in points],
            y=[point.value for point in points],
            mode="markers",
            showlegend=False,
            marker={"symbol": f"{look.symbol}-open", "size": 11, "color": look.colour, "line": {"width": 2}},
            error_y={
                "type": "data",
                "array": up,
                "arrayminus": down,
                "color": look.colour,
                "thickness": 1.3,
                "width": 4,
            },
            text=[point.trial for point in points],
            name=f"published, {look.label}",
            hovertemplate="published, %{text}: %{y:.1%}<extra></extra>",
        )
    ]


def bands(
    key: str,
    name: str,
    courses: pd.DataFrame,
    look: Mapping[str, Look],
    unit: str,
    *,
    logarithmic: bool = True,
    limit: float | None = None,
    until: float | None = None,
    height: int = 380,
) -> Drawing | None:
    """Median with 50 % and 90 % bands over days; None when there is nothing to draw.

    Args:
        key: identifier of the figure on the page.
        name: what is drawn.
        courses: columns arm, day, q05, q25, median, q75, q95 of one observable.
        look: how each arm is drawn.
        unit: of the values.
        logarithmic: decades on the vertical axis.
        limit: the assay's lower limit, drawn as a line.
        until: last day drawn.
        height: in pixels.
    """
    rows = courses[courses["day"] <= until] if until is not None else courses
    rows = rows[rows["arm"].isin(list(look))].sort_values("day")
    quantiles = rows[["q05", "q25", "median", "q75", "q95"]].to_numpy(dtype=float)
    if not len(rows) or not np.isfinite(quantiles).any() or (logarithmic and not (quantiles > 0).any()):
        return None
    floor = _floor(quantiles, limit) if logarithmic else None
    figure = blank(height)
    for arm, part in rows.groupby("arm", sort=False):
        for trace in _band_traces(part, look[str(arm)], floor):
            figure.add_trace(trace)
    places, words, title = ticks([0.0, float(rows["day"].max())])
    figure.update_xaxes(title_text=title, tickvals=places, ticktext=words)
    figure.update_yaxes(title_text=f"{name} [{unit_text(unit)}]" if unit else name)
    if logarithmic and floor is not None:
        top = float(np.nanmax(quantiles))
        figure.update_yaxes(
            type="log",
            range=[float(np.log10(floor)), float(np.log10(top)) + 0.1],
            dtick=1 if top / floor < 1e8 else 2,
            exponentformat="power",
        )
    if limit is not None:
        _assay_limit(figure, limit, logarithmic)
    peaks = "; ".join(
        f"{look[str(arm)].label} median peaks on day {_peak_day(part):g}"
        for arm, part in rows.dropna(subset=["median"]).groupby("arm", sort=False)
    )
    caption = f"{name}: median (line), middle half and 90 % of patients (dark and light bands)."
    return Drawing(key, figure, caption, f"{name} over time by arm. {peaks}.", narrow={"margin.l": 48})


def _peak_day(part: pd.DataFrame) -> float:
    return float(part["day"].to_numpy(dtype=float)[int(np.argmax(part["median"].to_numpy(dtype=float)))])


def _assay_limit(figure: go.Figure, limit: float, logarithmic: bool) -> None:
    figure.add_hline(y=limit, line={"color": FAINT, "width": 1.2, "dash": "dot"})
    place = float(np.log10(limit)) if logarithmic else limit  # annotations on a log axis are placed by exponent
    figure.add_annotation(
        text="assay limit",
        x=1,
        xref="x domain",
        xanchor="right",
        y=place,
        yanchor="bottom",
        showarrow=False,
        font={"size": 12, "color": FAINT},
    )


def _floor(quantiles: Array, limit: float | None) -> float:
    """A lowest drawn value: a decade below the assay's limit, or eight decades below the top."""
    top = float(np.nanmax(quantiles))
    lowest = float(np.nanmin(quantiles[quantiles > 0]))
    return max(limit / 10 if limit else lowest, top * 1e-8, lowest * 0.8)


def _band_traces(part: pd.DataFrame, look: Look, floor: float | None) -> list[go.Scatter]:
    day = part["day"].to_numpy(dtype=float)
    column = {q: part[q].to_numpy(dtype=float) for q in ("q05", "q25", "median", "q75", "q95")}
    if floor is not None:
        column = {q: np.maximum(values, floor) for q, values in column.items()}
    fills = [
        go.Scatter(
            x=np.concatenate([day, day[::-1]]),
            y=np.concatenate([column[high], column[low][::-1]]),
            fill="toself",
            fillcolor=see_through(look.colour, opacity),
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
            showlegend=False,
        )
        for low, high, opacity in (("q05", "q95", 0.1), ("q25", "q75", 0.2))
    ]
    line = go.Scatter(
        x=day,
        y=column["median"],
        mode="lines",
        name=look.label,
        line={"color": look.colour, "width": 2.5, "dash": look.dash},
        hovertemplate="day %{x:.0f}: %{y:.3g}<extra>" + look.label + "</extra>",
    )
    return [*fills, line]


def waiting_figure(waits: Mapping[str, Array], enrolled: Mapping[str, int], look: Mapping[str, Look]) -> Drawing | None:
    """Share of the enrolled who have been infused by each day since enrolment.

    Args:
        waits: (infused,) days from enrolment to infusion by arm.
        enrolled: number enrolled by arm, the denominator.
        look: how each arm is drawn.
    """
    longest = max((float(wait.max()) for wait in waits.values() if len(wait)), default=0.0)
    if longest <= 0:
        return None
    figure = blank(340)
    said = []
    for arm, wait in waits.items():
        days = np.concatenate([[0.0], np.sort(wait), [longest * 1.05]])
        share = np.concatenate([[0.0], np.arange(1, len(wait) + 1), [len(wait)]]) / max(1, enrolled[arm])
        drawn = few(len(days))
        figure.add_trace(
            go.Scatter(
                x=days[drawn],
                y=share[drawn],
                mode="lines",
                name=look[arm].label,
                line={"shape": "hv", "color": look[arm].colour, "width": 2.5, "dash": look[arm].dash},
                hovertemplate="day %{x:.0f}: %{y:.1%}<extra>" + look[arm].label + "</extra>",
            )
        )
        said.append(f"{look[arm].label} {percent(float(share[-1]))}")
    figure.update_xaxes(title_text="Days since enrolment", rangemode="tozero")
    figure.update_yaxes(title_text="Infused, of those enrolled", tickformat=".0%", range=[0, 1.02])
    return Drawing(
        "waiting",
        figure,
        "Share of enrolled patients infused by each day; those who died, became ineligible or whose "
        "product failed stay in the denominator.",
        f"Share infused over time. In the end: {'; '.join(said)}.",
        narrow={"margin.l": 48},
    )

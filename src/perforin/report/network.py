"""Figures and tables of a supply network: the funnel, who waits, who is infused or lost, what lies in store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from perforin.making.network.indicators import busy_lines, cumulative_incidence, funnel, queue_length, stock_level
from perforin.making.network.orders import LOST_WAITING, Orders
from perforin.records import Estimate
from perforin.report.bars import Category, stacked
from perforin.report.style import COLOURS, PATTERNS, Drawing, Look, blank, looks, see_through, ticks
from perforin.report.tables import Cell, Table, plain
from perforin.report.wording import interval, number, percent

__all__ = ["funnel_figure", "funnel_table", "incidence_figure", "over_time_figures", "shares_table", "waits_table"]

POINTS = 201
ONWARD, REMAINING = Category("Go on", "#0072B2"), Category("Still in the system", "#B8C0C8", ".")


def funnel_figure(orders: Orders) -> Drawing | None:
    """Of those who enter each stage: who goes on, is still in it at the end, or is lost in it by cause."""
    stages = funnel(orders)
    causes = list(stages.columns[4:])
    referred = float(stages["entered"].iloc[0])
    shown = {"completed": ONWARD, "in system": REMAINING} | {
        cause: Category(cause[:1].upper() + cause[1:], COLOURS[(i + 1) % 6], PATTERNS[(i + 1) % 6])
        for i, cause in enumerate(causes)
    }
    rows = [(_words(str(row["stage"])), {name: row[name] for name in shown}) for row in stages.to_dict("records")]
    caption = (
        f"Of those who enter a stage, the shares that go on, are still in it at the end, or are lost in it. "
        f"{number(referred)} patients are referred in each replication."
    )
    return stacked("funnel", rows, shown, caption, "Share of those who enter the stage")


def incidence_figure(orders: Orders) -> Drawing:
    """Cumulative shares infused and lost by cause, by days from referral."""
    longest = float((orders.table["infused"] - orders.table["referred"]).quantile(0.995))
    days = np.linspace(0, min(orders.until, 1.3 * longest if np.isfinite(longest) else orders.until), POINTS)
    found = cumulative_incidence(orders, days)
    look = looks({name: _words(name) for name in found["outcome"].unique()})
    figure = blank(420)
    for name, line in look.items():
        part = found[found["outcome"] == name]
        figure.add_trace(_line(part["day"], part["share"], line))
    marks, words, title = ticks(days.tolist())
    figure.update_xaxes(title_text=f"{title} from referral", tickvals=marks, ticktext=words)
    figure.update_yaxes(title_text="Share of those referred", tickformat=".0%", rangemode="tozero")
    last = found.groupby("outcome", sort=False)["share"].last()
    said = "; ".join(f"{_words(str(name))} {percent(float(share))}" for name, share in last.items())
    caption = (
        "Shares of the referred patients infused, and lost by each cause, over the days since referral "
        "(Aalen and Johansen's estimate: outcomes compete, who is still waiting at the end is censored)."
    )
    return Drawing("incidence", figure, caption, f"Cumulative shares at the end: {said}.", narrow={"margin.l": 48})


def over_time_figures(orders: Orders) -> list[Drawing]:
    """Queues, lines in use and stock over the simulated days; what a network lacks is left out."""
    days = np.linspace(0, orders.until, POINTS)
    wanted = (
        ("queue", queue_length(orders, days), "stage", "Patients waiting", "Patients who wait for each stage", ""),
        ("lines", busy_lines(orders, days), "site", "Share of lines in use", "Lines in use at each site", ".0%"),
        ("stock", stock_level(orders, days), "hub", "Units in store", "Units on hand in each hub", ""),
    )
    return [_bands(key, table, by, axis, what, form) for key, table, by, axis, what, form in wanted if len(table)]


def _bands(key: str, table: pd.DataFrame, by: str, axis: str, what: str, form: str) -> Drawing:
    look = looks({str(name): _words(str(name)) for name in table[by].unique()})
    figure = blank(400)
    for name, line in look.items():
        part = table[table[by] == name]
        days = part["day"].tolist()
        figure.add_trace(go.Scatter(x=[*days, *days[::-1]], y=[*part["high"], *part["low"][::-1]], fill="toself",
                                    fillcolor=see_through(line.colour, 0.13), line={"width": 0}, hoverinfo="skip",
                                    showlegend=False))  # fmt: skip
        figure.add_trace(_line(part["day"], part["mean"], line))
    marks, words, title = ticks(table["day"].tolist())
    figure.update_xaxes(title_text=f"{title} from the start", tickvals=marks, ticktext=words)
    figure.update_yaxes(title_text=axis, rangemode="tozero", tickformat=form or None)
    said = "; ".join(f"{line.label} {number(float(table.loc[table[by] == name, 'mean'].iloc[-1]))}"
                     for name, line in look.items())  # fmt: skip
    caption = f"{what}: mean of the replications, and the band that holds 95 % of them."
    return Drawing(key, figure, caption, f"{what} over time; at the end {said}.", narrow={"margin.l": 48})


def _line(x: pd.Series, y: pd.Series, look: Look) -> go.Scatter:
    line = {"color": look.colour, "width": 2.4, "dash": look.dash}
    return go.Scatter(x=x.tolist(), y=y.tolist(), mode="lines", name=look.label, line=line,
                      hovertemplate="day %{x:.0f}: %{y:.3g}<extra>" + look.label + "</extra>")  # fmt: skip


def funnel_table(orders: Orders) -> Table:
    """Mean numbers a replication that enter and complete each stage, are still in it, or are lost in it by cause."""
    stages = funnel(orders)
    heads = ("Stage", "Enter", "Complete", "Still in it", *(_words(name) for name in stages.columns[4:]))
    rows = [(_words(str(row[0])), *(f"{value:.1f}" for value in row[1:])) for row in stages.itertuples(index=False)]
    return plain(heads, rows, range(1, len(heads)))


def waits_table(estimates: Sequence[Estimate]) -> Table:
    """Medians with their intervals and quartiles, of those who completed each stage."""
    rows = [
        (_wait_words(one.endpoint), f"{one.value:.1f}", interval(one.low, one.high, False),
         f"{one.details['q1']:.1f} to {one.details['q3']:.1f}", f"{one.n:,}")
        for one in estimates if one.unit == "day" and one.n
    ]  # fmt: skip
    return plain(("Days", "Median", "95 % interval", "Quartiles", "n"), rows, (1, 2, 3, 4))


def shares_table(estimates: Sequence[Estimate]) -> Table:
    """Shares and amounts with their intervals."""
    rows = []
    for one in estimates:
        if one.unit == "day":
            continue
        share = one.unit == ""
        known = np.isfinite(one.low + one.high)
        value = percent(one.value) if share else number(one.value)
        limits = interval(one.low, one.high, share) if known else "needs replications"
        rows.append((Cell(_words(one.endpoint)), Cell(value), Cell(limits)))
    return Table(("", "Value", "95 % interval"), tuple(rows), frozenset((1, 2)))


def _wait_words(endpoint: str) -> str:
    if endpoint.startswith("days_in_"):
        return f"{_words(endpoint.removeprefix('days_in_'))}, with its queue"
    if endpoint.startswith("waiting_"):
        return f"— in the queue for {endpoint.removeprefix('waiting_').replace('_', ' ')}"
    return _words(endpoint)


def _words(name: str) -> str:
    if name == LOST_WAITING:
        return "Died or became ineligible"
    text = name.removeprefix("share_lost: ").replace("_", " ")
    return f"{'Lost: ' if name.startswith('share_lost: ') else ''}{text[:1].upper()}{text[1:]}"

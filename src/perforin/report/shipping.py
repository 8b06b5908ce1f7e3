"""Figures of the cold chain: temperatures on the way, cells alive after thaw, and the quality that arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from perforin.making.cold_chain.damage import alive
from perforin.making.cold_chain.deliver import Delivered
from perforin.making.cold_chain.frozen import Frozen
from perforin.making.cold_chain.logger import Logged
from perforin.report.bars import wrapped
from perforin.report.style import COLOURS, DASHES, FAINT, Drawing, blank, see_through
from perforin.report.tables import Table, plain
from perforin.report.wording import interval, number, percent

__all__ = [
    "QUALITIES", "alive_figure", "arrivals_table", "excursions_table", "logger_figure", "logger_table",
    "quality_figure", "traces_figure",
]  # fmt: skip

Array = NDArray[np.float64]
QUALITIES = {"viability": "Viability at thaw", "viability_24h": "Viability at 24 h",
             "killing_function": "Killing function of the living", "motile_fraction": "Motile fraction"}  # fmt: skip
SHOWN_HOURS = np.linspace(0.0, 48.0, 97)


def traces_figure(traces: Sequence[tuple[str, Array, Array]], cells: Frozen) -> Drawing:
    """Temperature of example shipments over time, with the glass transition.

    Args:
        traces: label, hours since packing and temperature [degrees Celsius] of each.
        cells: whose glass transition is marked.
    """
    figure = blank(460)
    for place, (label, hours, celsius) in enumerate(traces):
        look = {"color": COLOURS[place % len(COLOURS)], "width": 2, "dash": DASHES[place % len(DASHES)]}
        figure.add_trace(go.Scatter(x=(hours / 24).tolist(), y=celsius.tolist(), mode="lines", name=label, line=look,
                                    hovertemplate="day %{x:.2f}: %{y:.0f} °C<extra>" + label + "</extra>"))  # fmt: skip
    _mark(figure, cells["glass.transition"], "glass transition")
    figure.update_xaxes(title_text="Days from packing", rangemode="tozero")
    figure.update_yaxes(title_text="Temperature of the cells, °C")
    said = "; ".join(f"{label}: warmest {celsius.max():.0f} °C" for label, _, celsius in traces)
    caption = (
        "Example shipments until thaw: three of the first, and those of all that were longest above the glass "
        f"transition at {cells['glass.transition']:.0f} °C. Below it nothing happens to the cells; above it they are "
        "lost the faster the warmer they are."
    )
    return Drawing("traces", figure, caption, f"Temperature over time. {said}.", narrow={"margin.l": 48})


def _mark(figure: go.Figure, level: float, words: str) -> None:
    figure.add_hline(y=level, line={"color": FAINT, "width": 1.4, "dash": "dot"}, annotation_text=words,
                     annotation_position="top right", annotation_font={"size": 12, "color": FAINT})  # fmt: skip


def alive_figure(found: Delivered, cells: Frozen) -> Drawing:
    """Cells alive over two days after thaw, of all that were filled: median and the middle 95 % of shipments."""
    shares = found.viability[:, None] * alive(SHOWN_HOURS, found.lasting[:, None], cells)
    low, middle, high = np.quantile(shares, [0.025, 0.5, 0.975], axis=0)
    figure, hours = blank(380, showlegend=False), SHOWN_HOURS.tolist()
    figure.add_trace(go.Scatter(x=[*hours, *hours[::-1]], y=[*high, *low[::-1]], fill="toself", hoverinfo="skip",
                                fillcolor=see_through(COLOURS[0], 0.15), line={"width": 0}))  # fmt: skip
    figure.add_trace(go.Scatter(x=hours, y=middle.tolist(), mode="lines", line={"color": COLOURS[0], "width": 2.4},
                                hovertemplate="%{x:.1f} h: %{y:.0%}<extra></extra>"))  # fmt: skip
    figure.update_xaxes(title_text="Hours after thaw", tickvals=list(range(0, 49, 6)))
    figure.update_yaxes(title_text="Alive, of the cells filled", tickformat=".0%", range=[0, 1])
    caption = (
        "Cells alive after thaw, as a share of all cells filled: median shipment, and the band that holds 95 % of "
        "them. A dye at thaw counts cells that will die within the day as alive."
    )
    alt = f"Alive at thaw {percent(float(middle[0]))}, a day later {percent(float(middle[48]))}."
    return Drawing("alive", figure, caption, alt, narrow={"margin.l": 48})


def quality_figure(found: Delivered) -> Drawing:
    """The four numbers of every shipment: median, quartiles, and whiskers that hold 95 % of shipments."""
    figure = blank(330, showlegend=False)
    medians = []
    for (name, label), colour in zip(QUALITIES.items(), COLOURS, strict=False):
        low, first, middle, third, high = (
            float(x) for x in np.quantile(getattr(found, name), [0.025, 0.25, 0.5, 0.75, 0.975])
        )
        medians.append(f"{label} {percent(middle)}")
        figure.add_trace(go.Box(
            y=[wrapped(label, 18)], lowerfence=[low], q1=[first], median=[middle], q3=[third], upperfence=[high],
            orientation="h", name=label, line={"color": colour, "width": 1.8}, fillcolor=see_through(colour, 0.25),
            hoverinfo="x",
        ))  # fmt: skip
    figure.update_xaxes(title_text="Share", tickformat=".0%", range=[0, 1.02], showgrid=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="")
    caption = (
        "What arrives: median, quartiles, and whiskers that hold 95 % of shipments. Viability is a share of the cells "
        "filled; killing function and motile fraction are those of the living, against fresh cells."
    )
    return Drawing("quality", figure, caption, "; ".join(medians) + ".", narrow={"margin.l": 8})


def arrivals_table(summary: Mapping[str, Any]) -> Table:
    """Transit, temperature and quality: medians with the range of 95 % of shipments, shares with exact intervals."""
    rows = [("Transit, days", _number(summary["days"]["median"]), _range(summary["days"], share=False))]
    for name, label in (("above_glass_in_transit", "Payload above the glass transition in transit"),
                        ("above_glass", "Cells ever above the glass transition before thaw"),
                        ("rejected", "Refused on receipt as too warm"),
                        ("late", "Infused later than allowed after thaw")):  # fmt: skip
        one = summary[name]
        rows.append((label, _small(one["share"]), f"{_small(one['low'])} to {_small(one['high'])}"))
    for name, label in QUALITIES.items():
        rows.append((label, percent(summary[name]["median"]), _range(summary[name], share=True)))
    return plain(("", "Value", "95 %"), rows, (1, 2))


def _range(one: Mapping[str, float], share: bool) -> str:
    return interval(one["low"], one["high"], share)


def _number(value: float) -> str:
    return number(value)


def _small(share: float) -> str:
    """Shares below a tenth of a per cent keep two digits."""
    return f"{100 * share:.2g} %" if 0 < share < 1e-3 else percent(share)


def logger_figure(found: Logged, cells: Frozen) -> Drawing:
    """What the logger recorded, with the glass transition and the times above it."""
    readings, figure = found.readings, blank(420, showlegend=False)
    for one in found.excursions:
        figure.add_vrect(x0=one.begin, x1=one.end, fillcolor=see_through(COLOURS[1], 0.15), line_width=0)
    figure.add_trace(go.Scatter(x=readings.hours.tolist(), y=readings.celsius.tolist(), mode="lines",
                                line={"color": COLOURS[0], "width": 2},
                                hovertemplate="%{x:.2f} h: %{y:.1f} °C<extra></extra>"))  # fmt: skip
    _mark(figure, cells["glass.transition"], "glass transition")
    figure.update_xaxes(title_text="Hours from the first reading")
    figure.update_yaxes(title_text="Temperature, °C")
    caption = "Temperatures of the logger; shaded, the times above the glass transition."
    alt = f"{len(readings.hours)} readings, warmest {readings.celsius.max():.0f} °C, {found.crossings} excursions."
    return Drawing("logger", figure, caption, alt, narrow={"margin.l": 48})


def logger_table(found: Logged) -> Table:
    """Time above each limit, what it did, and the quality of typical cells were they thawed now."""
    rows = [(f"Hours above {limit:.0f} °C", _number(hours)) for limit, hours in found.hours_above.items()]
    rows += [("Excursions above the glass transition", str(found.crossings))]
    if found.crossings:
        rows += [("Mean kinetic temperature of that time, °C", f"{found.kinetic:.1f}")]
    rows += [("Cells that outlived it", percent(found.survival))]
    rows += [(label, percent(float(getattr(found.quality, name)[0]))) for name, label in QUALITIES.items()]
    return plain(("", "Value"), rows, (1,))


def excursions_table(found: Logged) -> Table:
    """Every stretch above the glass transition, with the lines of the file."""
    rows = [(_number(one.begin), _number(one.end), _number(one.end - one.begin), f"{one.warmest:.0f}",
             f"{one.first_line} to {one.last_line}") for one in found.excursions]  # fmt: skip
    return plain(("From, h", "To, h", "Hours", "Warmest, °C", "Lines"), rows, (0, 1, 2, 3))

"""Figures and tables of release: what becomes of lots, what fails them, and how capable a process is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from perforin.report.bars import wrapped
from perforin.report.sheet import Section
from perforin.report.style import FAINT, INK, Drawing, blank, pattern
from perforin.report.tables import Cell, Table
from perforin.report.wording import interval, number, percent

__all__ = ["capability_figure", "release_section", "release_table", "tests_table", "verdicts_figure"]

_VERDICTS = (("released", "#0072B2", ""), ("out of specification", "#E69F00", "/"), ("rejected", "#D55E00", "x"),
             ("not made", "#B8C0C8", "."))  # fmt: skip
CAPABLE = 1.33
"""A usual aim for Cpk."""
NO_BREAK = "\u00a0"


def release_table(summaries: Sequence[Mapping[str, Any]]) -> Table:
    """What becomes of lots, one column per process; shares are of all batches."""
    found = [one["release"] for one in summaries]

    def row(label: str, *cells: str) -> tuple[Cell, ...]:
        return (Cell(label), *(Cell(cell) for cell in cells))

    rows = [row("Specifications", *(one["label"] for one in found))]
    rows += [row(name.capitalize(), *(percent(one["verdicts"][name]) for one in found)) for name, *_ in _VERDICTS]
    rows.append(row("Recalled after a late result", *(percent(one["recalled"]) for one in found)))
    rows += [row(f"— of tested, fails {name}", *(percent(one["reasons"].get(name, 0.0)) for one in found))
             for name in dict.fromkeys(reason for one in found for reason in one["reasons"])]  # fmt: skip
    for name in dict.fromkeys(fate for one in found for fate in one["followed"]):
        shares = (one["followed"].get(name) for one in found)
        rows.append(row(f"Patient: {name}", *("" if share is None else percent(share) for share in shares)))
    rows.append(row("Days from sample to decision", *("" if one["days"] is None else number(one["days"]["median"])
                                                      for one in found)))  # fmt: skip
    rows.append(row("Sample for all tests, mL", *(number(one["sample_volume"]) for one in found)))
    rows.append(row("Patients who share a lot", *(number(one["patients_per_lot"]) for one in found)))
    rows.append(row("Patients hit by a lot that fails", *(number(one["patients_per_failed_lot"])
                                                          if one["patients_per_failed_lot"] > 0 else ""
                                                          for one in found)))  # fmt: skip
    return Table(("", *(one["label"] for one in summaries)), tuple(rows), frozenset(range(1, len(found) + 1)))


def tests_table(summary: Mapping[str, Any]) -> Table:
    """One row for each test: limit, also with a guard band where one is needed, what fails, capability and risks."""
    rows = []
    for one in summary["release"]["tests"]:
        known = "cpk" in one
        guarded = _limits(one, *one["guarded"]) if known and any(one["guarded"]) else ""
        rows.append((
            Cell(one["attribute"]),
            Cell(_limits(one, one["lower"], one["upper"]), f"guarded: {guarded}" if guarded else ""),
            Cell(one["action"]), Cell(number(one["days"])),
            Cell("" if one["failing"] is None else percent(one["failing"])), _index(one, "cpk"), _index(one, "ppk"),
            Cell(_limits(one | {"unit": ""}, *one["tolerance"]) if known else ""),
            Cell(percent(one["consumer_risk"]) if known else ""), Cell(percent(one["producer_risk"]) if known else ""),
        ))  # fmt: skip
    heads = ("Test", "Limit", "If it fails", "Days", "Fails", "Cpk", "Ppk by quantiles", "95 % of lots",
             "Bad that pass", "Good that fail")  # fmt: skip
    return Table(heads, tuple(rows), frozenset((3, 4, 5, 6, 8, 9)))


def _index(test: Mapping[str, Any], key: str) -> Cell:
    if key not in test:
        return Cell("")
    return Cell(number(test[key]["value"]), interval(test[key]["low"], test[key]["high"], False))


def _limits(test: Mapping[str, Any], low: float | None, high: float | None) -> str:
    say = percent if test["kind"] == "share" else number
    parts = [f"from {say(low)}" if low is not None else "", f"to {say(high)}" if high is not None else ""]
    unit = {"cell": "cells"}.get(test["unit"], test["unit"])
    return " ".join(filter(None, (*parts, unit))).replace(" ", NO_BREAK) if any(parts) else "absent"


def verdicts_figure(summaries: Sequence[Mapping[str, Any]]) -> Drawing:
    """What becomes of batches, one bar per process."""
    figure = blank(150 + 42 * len(summaries), barmode="stack", bargap=0.35)
    names = [wrapped(one["label"], 26) for one in summaries]
    for verdict, colour, hatch in _VERDICTS:
        shares = [100 * one["release"]["verdicts"][verdict] for one in summaries]
        figure.add_trace(go.Bar(
            x=shares, y=names, orientation="h", name=verdict.capitalize(),
            marker={"color": colour, "pattern": pattern(hatch)},
            hovertemplate="%{y}: %{x:.3g} %<extra>" + verdict + "</extra>",
        ))  # fmt: skip
    figure.update_xaxes(title_text="Share of batches begun, %", range=[0, 100])
    figure.update_yaxes(autorange="reversed", showgrid=False, ticks="")
    said = "; ".join(f"{one['label']} {percent(one['release']['verdicts']['released'])} released" for one in summaries)
    caption = (
        "What becomes of batches: released in specification, out of specification and open to the one patient whose "
        "cells they are, rejected, or never made. A lot of a bank out of specification is rejected."
    )
    return Drawing("verdicts", figure, caption, f"Verdicts on batches: {said}.",
                   narrow={"margin.l": 8, "yaxis.tickfont.size": 10})  # fmt: skip


def capability_figure(summaries: Sequence[Mapping[str, Any]]) -> Drawing | None:
    """Cpk of every test with its interval; None where no test has one."""
    rows = [(f"{s['label']}: {t['attribute']}", t) for s in summaries for t in s["release"]["tests"] if "cpk" in t]
    if not rows:
        return None
    figure = blank(120 + 26 * len(rows), showlegend=True)
    for key, label, symbol, colour in (("cpk", "Cpk, normal", "circle", "#0072B2"),
                                       ("ppk", "Ppk by quantiles", "diamond-open", "#D55E00")):  # fmt: skip
        values = [t[key]["value"] for _, t in rows]
        figure.add_trace(go.Scatter(
            x=values, y=[name for name, _ in rows], mode="markers", name=label,
            marker={"symbol": symbol, "size": 9, "color": colour, "line": {"width": 1.5, "color": colour}},
            error_x={"type": "data", "symmetric": False, "array": [t[key]["high"] - t[key]["value"] for _, t in rows],
                     "arrayminus": [t[key]["value"] - t[key]["low"] for _, t in rows], "thickness": 1.2, "width": 0},
            hovertemplate="%{y}: %{x:.3g}<extra>" + label + "</extra>",
        ))  # fmt: skip
    for aim, dash in ((0.0, "solid"), (CAPABLE, "dot")):
        figure.add_vline(x=aim, line={"color": FAINT, "width": 1.2, "dash": dash})
    figure.update_xaxes(title_text="Capability index of measured lots", showgrid=True, color=INK)
    figure.update_yaxes(autorange="reversed", showgrid=True, ticks="", tickfont={"size": 11})
    worst = min(rows, key=lambda row: row[1]["cpk"]["value"])
    caption = (
        "How far inside its limit each attribute runs as measured, test error included: distance of the limit from the "
        f"middle over three standard deviations, with 95 % intervals. Left of 0 most lots fail; the dotted line is "
        f"{CAPABLE}, a usual aim. Shares are on the scale of log odds, amounts of logarithms."
    )
    return Drawing("capability", figure, caption, f"Capability of each test; least is {worst[0]}.",
                   narrow={"margin.l": 8, "yaxis.tickfont.size": 9})  # fmt: skip


def release_section(summaries: Sequence[Mapping[str, Any]]) -> list[Section]:
    """One section for the page of making; none where no process names specifications."""
    tested = [one for one in summaries if "release" in one]
    if not tested:
        return []
    tables = [("Verdicts on batches; shares are of all that were begun.", release_table(tested))]
    about = (
        "tests, with 95 % intervals. 95 % of lots lie within the tolerance limit with 95 % confidence. Of all lots, "
        "bad ones that pass are the consumer's risk, good ones that fail the producer's; a guarded limit, where one is "
        "needed, holds the consumer's at one in a thousand"
    )
    tables += [(f"{one['label']}: {about}.", tests_table(one)) for one in tested]
    drawn = [verdicts_figure(tested), capability_figure(tested)]
    assumed = "Each attribute is measured with its test's error, which is assumed: no precision of a test was found."
    said = (assumed, "Most limits were read in the sources below; each says so in the file of specifications.")
    return [Section("Release", said, tuple(tables), tuple(one for one in drawn if one is not None))]

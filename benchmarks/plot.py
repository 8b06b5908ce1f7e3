"""Work-precision curves as SVG: time a patient-year over measured error, one panel per model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import results
from scoring import TARGET

__all__ = ["PLOT", "svg", "write_plot"]

PLOT = results.LATEST.with_name("work_precision.svg")
COLOURS = ("#0b3d91", "#d1495b", "#e08e00", "#2a9d8f", "#6a4c93", "#8d6e63", "#5b6b7b", "#c2185b", "#558b2f")
WIDTH, HEIGHT, LEFT, TOP, GAP, BELOW = 300.0, 320.0, 62.0, 46.0, 66.0, 50.0

Point = Mapping[str, Any]


def write_plot(path: Path = PLOT, curves: Path = results.CURVES) -> None:
    """Draw the curves that are kept."""
    path.write_text(svg([record for record in results.read(curves) if record.get("points")]))


def svg(records: Sequence[Mapping[str, Any]]) -> str:
    """One panel per record, all on the same scales; points without an error are left out."""
    drawn = [{**record, "points": [p for p in record["points"] if _finite(p)]} for record in records]
    points = [point for record in drawn for point in record["points"]]
    tools = list(dict.fromkeys(point["tool"] for point in points))
    x = _decades([point["median_error"] for point in points])
    y = _decades([point["ms_per_unit"] for point in points])
    width = LEFT + len(drawn) * (WIDTH + GAP)
    height = TOP + HEIGHT + BELOW + 20 * math.ceil(len(tools) / 5)
    named = 'role="img" aria-label="Time of each tool over its measured error" font-family="system-ui, sans-serif"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" {named} font-size="12">',
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>',
    ]
    for number, record in enumerate(drawn):
        lines += _panel(record, LEFT + number * (WIDTH + GAP), x, y, tools)
    return "\n".join([*lines, *_legend(tools), "</svg>", ""])


def _finite(point: Point) -> bool:
    return point["median_error"] is not None and 0 < point["median_error"] < math.inf


def _decades(numbers: Sequence[float]) -> range:
    logarithms = [math.log10(number) for number in numbers] or [0.0]
    return range(math.floor(min(logarithms)), math.ceil(max(logarithms)) + 1)


def _place(number: float, decades: range, size: float) -> float:
    return (math.log10(number) - decades[0]) / max(decades[-1] - decades[0], 1) * size


def _panel(record: Mapping[str, Any], left: float, x: range, y: range, tools: Sequence[str]) -> Iterator[str]:
    bottom = TOP + HEIGHT
    title = record["bench"].removesuffix("/solve")
    yield f'<text x="{left:g}" y="{TOP - 16:g}" font-weight="600">{title}</text>'
    for decade in x:
        at = left + _place(10.0**decade, x, WIDTH)
        yield f'<path d="M{at:.1f} {TOP:g}V{bottom:g}" stroke="#e3e8ed"/>'
        yield f'<text x="{at:.1f}" y="{bottom + 16:g}" text-anchor="middle" fill="#4a5866">{_power(decade)}</text>'
    for decade in y:
        at = bottom - _place(10.0**decade, y, HEIGHT)
        yield f'<path d="M{left:g} {at:.1f}h{WIDTH:g}" stroke="#e3e8ed"/>'
        yield f'<text x="{left - 6:g}" y="{at + 4:.1f}" text-anchor="end" fill="#4a5866">{_power(decade)}</text>'
    target = left + _place(TARGET, x, WIDTH)
    yield f'<path d="M{target:.1f} {TOP:g}V{bottom:g}" stroke="#5b6b7b" stroke-dasharray="3 4"/>'
    yield f'<text x="{left + WIDTH / 2:g}" y="{bottom + 34:g}" text-anchor="middle" fill="#4a5866">median error</text>'
    middle = TOP + HEIGHT / 2
    yield (f'<text transform="translate({left - 44:g} {middle:g}) rotate(-90)" text-anchor="middle" fill="#4a5866">'
           "ms per patient-year, one core</text>")  # fmt: skip
    for number, tool in enumerate(tools):
        chosen = sorted((p for p in record["points"] if p["tool"] == tool), key=lambda p: p["rtol"])
        places = [(left + _place(p["median_error"], x, WIDTH), bottom - _place(p["ms_per_unit"], y, HEIGHT))
                  for p in chosen]  # fmt: skip
        colour = COLOURS[number % len(COLOURS)]
        track = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
        thick = 2.6 if tool == results.OURS else 1.5
        yield f'<polyline points="{track}" fill="none" stroke="{colour}" stroke-width="{thick}"/>'
        for (across, down), point in zip(places, chosen, strict=True):
            note = f"{tool}, rtol {point['rtol']:g}: {point['ms_per_unit']:g} ms, error {point['median_error']:g}"
            yield f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colour}"><title>{note}</title></circle>'


def _power(decade: int) -> str:
    return f'10<tspan dy="-5" font-size="9">{str(decade).replace("-", "−")}</tspan>'


def _legend(tools: Sequence[str]) -> Iterator[str]:
    for number, tool in enumerate(tools):
        row, column = divmod(number, 5)
        left, down = LEFT + 150 * column, TOP + HEIGHT + BELOW + 14 + 20 * row
        yield f'<circle cx="{left:g}" cy="{down - 4:g}" r="4" fill="{COLOURS[number % len(COLOURS)]}"/>'
        yield f'<text x="{left + 10:g}" y="{down:g}" fill="#1a2733">{tool}</text>'

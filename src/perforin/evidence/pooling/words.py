"""Pooled values in words, and a forest of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perforin.evidence.pooling.pool import Pooled
from perforin.evidence.pooling.sparse import exact_limits

if TYPE_CHECKING:
    from perforin.evidence.pooling.synthesis import Synthesis

__all__ = ["estimate", "forest", "heterogeneity", "limits", "percent"]


def _number(value: float, share: bool) -> str:
    return f"{100 * value:.1f} %" if share else f"{value:.3g}"


def percent(value: float, low: float, high: float) -> str:
    """``26.9 % (21.7 % to 32.7 %)``."""
    return f"{_number(value, True)} ({_number(low, True)} to {_number(high, True)})"


def limits(value: float, low: float, high: float, share: bool) -> str:
    """A share as ``percent`` has it, or a rate with its limits."""
    return percent(value, low, high) if share else f"{value:.3g} ({low:.3g} to {high:.3g})"


def estimate(one: Pooled, share: bool = True) -> str:
    """``28.7 % (20.7 % to 38.3 %), prediction 4.2 % to 78.5 %, k 28, n 2125``."""
    text = f"{_number(one.value, share)} ({_number(one.low, share)} to {_number(one.high, share)})"
    if one.prediction_low is not None and one.prediction_high is not None:
        text += f", prediction {_number(one.prediction_low, share)} to {_number(one.prediction_high, share)}"
    if one.upper is not None:
        text += f", one-sided 95 % upper bound {_number(one.upper, share)}"
    return text + f", k {one.k}, n {one.n:g}, events {one.events}"


def heterogeneity(one: Pooled) -> str:
    """``tau2 0.79, I2 91 %, Q 307.2 (df 27, p 2e-49)``, or that none was estimated."""
    if one.tau2 is None or one.i2 is None or one.q is None or one.p is None:
        return "heterogeneity not estimated"
    return f"tau2 {one.tau2:.2f}, I2 {100 * one.i2:.0f} %, Q {one.q:.1f} (df {one.df}, p {one.p:.2g})"


def forest(found: Synthesis, width: int) -> list[list[str]]:
    """Rows of study, events, value, interval and a line of text; the axis runs from 0 to the highest limit."""
    share = found.studies.kind == "share"
    pooled = {"Pooled": found.pooled, **found.groups}
    limits = [exact_limits(one.events, one.n, found.studies.kind) for one in found.studies.studies]
    top = 1.0 if share else max(*(high for _, high in limits), *(one.high for one in pooled.values()))

    def line(low: float, value: float, high: float, mark: str) -> str:
        places = [min(width - 1, round(at / top * (width - 1))) for at in (low, value, high)]
        drawn = [" "] * width
        drawn[places[0] : places[2] + 1] = ["-"] * (places[2] - places[0] + 1)
        drawn[places[1]] = mark
        return "".join(drawn)

    rows = [
        [one.name + (" (memory)" if one.status == "memory" else ""), f"{one.events} of {one.n:g}",
         _number(one.events / one.n, share), f"{_number(low, share)} to {_number(high, share)}",
         line(low, one.events / one.n, high, "o")]
        for one, (low, high) in zip(found.studies.studies, limits, strict=True)
    ]  # fmt: skip
    for label, one in pooled.items():
        rows.append([label, f"{one.events} of {one.n:g}", _number(one.value, share),
                     f"{_number(one.low, share)} to {_number(one.high, share)}",
                     line(one.low, one.value, one.high, "#")])  # fmt: skip
        if one.prediction_low is not None and one.prediction_high is not None:
            rows.append(["  prediction interval", "", "",
                         f"{_number(one.prediction_low, share)} to {_number(one.prediction_high, share)}",
                         line(one.prediction_low, one.value, one.prediction_high, "#").replace("-", ".")])  # fmt: skip
    return rows

"""perforin evidence curve: a digitised Kaplan-Meier curve, taken apart into patients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perforin.command.console import emit, table
from perforin.command.running import Machine

if TYPE_CHECKING:
    from perforin.evidence.curves.reconstruction import Reconstruction
    from perforin.records import Estimate

__all__ = ["EXAMPLES", "curve"]

MONTHS = (3, 6, 9, 12, 18, 24, 36)


def curve(
    file: Annotated[Path, typer.Argument(help="CSV of the curve: time, survival and, if wanted, at_risk.")],
    at_risk: Annotated[
        Path | None, typer.Option("--at-risk", help="CSV of the numbers at risk: time, at_risk.")
    ] = None,
    n: Annotated[int | None, typer.Option("--n", help="Patients, where no numbers at risk are published.")] = None,
    events: Annotated[int | None, typer.Option("--events", help="Total of events, if published.")] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Of times: day, week, month or year.")] = None,
    endpoint: Annotated[
        str | None,
        typer.Option("--endpoint", help="What the curve is of: OS, PFS, EFS or DOR.", show_default="the file's name"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write patients.csv and curve.html to this folder.")] = None,
    json: Machine = False,
) -> None:
    """Take a digitised Kaplan-Meier curve apart into patients.

    The method is that of Guyot 2012. The patients are scored by the endpoint functions that score simulated ones.
    """
    from perforin.endpoints.catalogue import score
    from perforin.evidence.curves.curve_file import read_curve
    from perforin.evidence.curves.digitised import DAYS
    from perforin.evidence.curves.reconstruction import reconstruct

    found = reconstruct(read_curve(file, at_risk, unit=unit, n=n, events=events))
    what = endpoint or file.stem
    last = float(found.time.max())
    wanted = [f"{what}_median", *(f"{what}_{m}m" for m in MONTHS if m * DAYS["month"] <= last)]
    scored = score(found.records(file.stem, what), wanted)
    written = [] if out is None else _write(found, out, file.stem, what)
    if json:
        emit(_machine_copy(found, scored, what) | {"written": written})
    else:
        _tell(found, scored, what, written)


def _machine_copy(found: Reconstruction, scored: list[Estimate], endpoint: str) -> dict[str, Any]:
    curve = found.curve
    return {
        "endpoint": endpoint,
        "n": curve.n,
        "events": int(found.event.sum()),
        "censored": int((~found.event).sum()),
        "estimates": [one.as_dict() for one in scored],
        "largest_distance": found.distance,
        "at_risk": {
            "day": curve.risk_day.tolist(), "published": curve.at_risk[: len(found.left)].tolist(),
            "reconstructed": found.left.tolist(),
        },
        "notes": list(found.notes),
        "method": "Guyot 2012",
        **{name: curve.facts.get(name, "") for name in ("source", "locator", "status")},
        "patients": {"day": found.time.tolist(), "event": found.event.tolist()},
    }  # fmt: skip


def _tell(found: Reconstruction, scored: list[Estimate], endpoint: str, written: list[str]) -> None:
    from perforin.report.wording import endpoint as wording
    from perforin.report.wording import interval, quantity

    rows = [
        (wording(one.endpoint).label, quantity(one.value, one.unit, wording(one.endpoint).share),
         interval(one.low, one.high, wording(one.endpoint).share))
        for one in scored
    ]  # fmt: skip
    shown = [tuple(cell.replace("\u00a0", " ") for cell in row) for row in rows]
    events = int(found.event.sum())
    table((endpoint, "Reconstructed", "95 % interval"), shown, f"{found.curve.n} patients, {events} events")
    if len(found.curve.at_risk) > 1:
        counts = [(f"{day:.0f}", str(published), str(left)) for day, published, left in
                  zip(found.curve.risk_day, found.curve.at_risk, found.left, strict=False)]  # fmt: skip
        table(("Day", "At risk, published", "Reconstructed"), counts, numeric=(0, 1, 2))
    typer.echo(f"Largest distance to the digitised curve: {100 * found.distance:.1f} points")
    for note in found.notes:
        typer.echo(f"Note: {note}")
    if found.curve.facts.get("status") == "memory":
        typer.echo("The curve is marked as written from memory: check it before it is used.")
    for path in written:
        typer.echo(f"Written: {path}")


def _write(found: Reconstruction, out: Path, name: str, endpoint: str) -> list[str]:
    """The patients as a table, and both curves as a page that needs no network."""
    import pandas as pd
    import plotly.graph_objects as go

    from perforin.endpoints.kaplan_meier import kaplan_meier
    from perforin.report.curves import Survival, survival_figure
    from perforin.report.style import looks
    from perforin.report.wording import endpoint as wording

    out.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({f"{endpoint}_day": found.time, f"{endpoint}_event": found.event.astype(int)}).to_csv(
        out / "patients.csv", index_label="patient"
    )
    own = kaplan_meier(found.time, found.event)
    drawn = Survival(own.day, own.share, own.low, own.high, own.last_seen)
    label = wording(f"{endpoint}_median").label.removeprefix("Median ")
    arm = f"{name}, reconstructed"
    figure = survival_figure("curve", label, {arm: drawn}, looks({arm: arm})).figure
    read = go.Scatter(x=found.curve.day, y=found.curve.share, mode="lines", name="as digitised",
                      line={"color": "#D55E00", "width": 1.5, "dash": "dot"})  # fmt: skip
    figure.add_trace(read, row=1, col=1)
    figure.write_html(out / "curve.html", include_plotlyjs=True, config={"displayModeBar": False})
    return [str(out / "patients.csv"), str(out / "curve.html")]


EXAMPLES = {
    "curve": """\b
Examples:
  perforin evidence curve PFS.csv --at-risk at_risk.csv --unit month
  perforin evidence curve OS.csv --n 37 --events 14 --unit month --out curves/os
  perforin evidence curve digitised.csv --n 37 --unit day --endpoint OS --json"""
}

"""perforin evidence meta: shares pooled over studies, with the spread between them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perforin.command.console import emit, table
from perforin.command.running import Machine
from perforin.errors import UserError

if TYPE_CHECKING:
    from perforin.evidence.pooling.synthesis import Synthesis

__all__ = ["EXAMPLES", "meta"]

WIDTH = 41
"""Characters of the text forest."""


def meta(
    endpoint: Annotated[str | None, typer.Option("--endpoint", help="The outcome, such as ICANS_any.")] = None,
    therapy: Annotated[str, typer.Option("--therapy", help="Of the library's trials: CAR-T or CAR-NK.")] = "CAR-T",
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAMES", help="Moderators parted by commas: target,costimulation.")
    ] = None,
    method: Annotated[
        str, typer.Option("--method", help="glmm, reml, pm, dl, ft, exact or beta-binomial.")
    ] = "glmm",
    data: Annotated[
        Path | None, typer.Option("--data", help="CSV of your own: study, events, n (or time), and moderators.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write meta.html, with the forest plot, here.")] = None,
    json: Machine = False,
) -> None:
    """Pool shares of patients over studies, with random effects.

    Studies come from the library (a rebuilt study set, or its trials), or from your own table.
    """
    from perforin.evidence.pooling.library_sets import study_set
    from perforin.evidence.pooling.synthesis import synthesise
    from perforin.evidence.pooling.table import read_studies

    if endpoint is None and data is None:
        raise UserError("found neither --endpoint nor --data; needed one, such as --endpoint ICANS_any")
    studies = read_studies(data, endpoint or "events") if data is not None else study_set(endpoint or "", therapy)
    names = [name.strip() for name in (by or "").split(",") if name.strip()]
    found = synthesise(studies, method, names, therapy="" if data is not None else therapy)
    page = ""
    if out is not None:
        from perforin.report.synthesis import write_synthesis

        page = str(write_synthesis(out, found))
    if json:
        emit(_machine(found, page))
        return
    _tell(found)
    if page:
        typer.echo(f"Figures: {page}")


def _machine(found: Synthesis, page: str) -> dict[str, Any]:
    pooled = found.pooled.as_dict()
    warnings = [*found.studies.said, *pooled.pop("warnings")]
    return {
        "endpoint": found.studies.endpoint, "therapy": found.therapy, "set": found.studies.title,
        "kind": found.studies.kind, **pooled, "warnings": warnings,
        "without_memory": found.without_memory.as_dict() if found.without_memory else None,
        "by_method": {name: one.as_dict() for name, one in found.by_method.items()},
        "groups": {label: one.as_dict() for label, one in found.groups.items()},
        "between_groups": dataclasses.asdict(found.between) if found.between else None,
        "regression": dataclasses.asdict(found.regression) if found.regression else None,
        "leave_one_out": {name: {"value": one.value, "low": one.low, "high": one.high, "tau2": one.tau2}
                          for name, one in found.left_one_out.items()},
        "small_studies": dataclasses.asdict(found.small) if found.small else None,
        "published": [dataclasses.asdict(one) for one in found.reviews],
        "studies": [one.as_dict() for one in found.studies.studies],
        "left_out": [dataclasses.asdict(one) for one in found.studies.left_out],
        "notes": list(found.notes), "written": [page] if page else [],
    }  # fmt: skip


def _tell(found: Synthesis) -> None:
    from perforin.evidence.pooling.words import estimate, forest, heterogeneity, percent

    share = found.studies.kind == "share"
    title = f"{found.studies.endpoint}: {found.studies.title}"
    table(["Study", "Events", "Share" if share else "Rate", "95 % interval", ""], forest(found, WIDTH), title, (1,))
    for label, one in {"Pooled": found.pooled, **found.groups}.items():
        typer.echo(f"{label}: {estimate(one, share)}; {heterogeneity(one)}")
    if found.between:
        typer.echo(f"Between groups: Q {found.between.q:.1f}, df {found.between.df}, p {found.between.p:.2g}")
    if found.regression:
        rows = [[one.name, f"{one.value:+.2f}", f"{one.low:+.2f} to {one.high:+.2f}", f"{one.p:.2g}"]
                for one in found.regression.coefficients]  # fmt: skip
        table(["Moderator", "Coefficient", "95 % interval", "p"], rows, found.regression.method, (1,))
    for review in found.reviews:
        typer.echo(f"Published: {percent(review.value, review.low, review.high)}, {review.k} studies, {review.n} "
                   f"patients ({review.source}, {review.status})")  # fmt: skip
    rows = [[name, estimate(one, share)] for name, one in found.by_method.items()]
    table(["Method", "Pooled"], rows, "By every method")
    typer.echo(f"Method: {found.pooled.method}")
    for text in (*found.pooled.warnings, *found.studies.said, *found.notes):
        typer.echo(f"Note: {text}")
    for left in found.studies.left_out:
        typer.echo(f"Left out: {left.name}: {left.why}")


EXAMPLES = {
    "meta": """\b
Examples:
  perforin evidence meta --endpoint ICANS_any --by target,costimulation
  perforin evidence meta --endpoint CRS_ge3 --therapy CAR-NK --json
  perforin evidence meta --data my_trials.csv --method reml --out figures"""
}

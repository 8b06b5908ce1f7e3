"""perforin evidence match: patients against a published cohort, adjusted for what both sides report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perforin.command.console import emit, note, table
from perforin.command.running import Machine
from perforin.errors import UserError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from perforin.evidence.indirect.aggregate import Aggregate
    from perforin.evidence.indirect.comparison import Indirect
    from perforin.evidence.indirect.limits import Limits

__all__ = ["EXAMPLES", "match"]

SHOWN = {"none": "as they are", "maic": "weighted (MAIC)", "stc": "modelled (STC)"}
E_VALUE = (
    "E-value: the risk ratio that something unmeasured would need with both product and outcome to explain the ratio; "
    "in brackets, to move the interval to 1."
)


def match(
    patients: Annotated[Path, typer.Option("--patients", help="CSV with a row per patient, or the folder of a run.")],
    against: Annotated[str, typer.Option("--against", help="YAML of a published cohort, or a trial of the library.")],
    endpoint: Annotated[str, typer.Option("--endpoint", help="The outcome, such as CR_best.")],
    method: Annotated[
        str | None, typer.Option("--method", help="none, maic or stc.", show_default="all that can be done")
    ] = None,
    covariate: Annotated[
        list[str] | None, typer.Option("--covariate", help="Adjust for this one only; may be repeated.")
    ] = None,
    spread: Annotated[bool, typer.Option("--spread", help="With maic, match standard deviations too.")] = False,
    arm: Annotated[str | None, typer.Option("--arm", help="Arm of the run.", show_default="the first arm")] = None,
    json: Machine = False,
) -> None:
    """Compare patients with a published cohort, without a common control.

    Covariates that both sides report are adjusted for: by weights (MAIC), or by a model of the outcome (STC).
    """
    from perforin.evidence.indirect.comparison import compare
    from perforin.evidence.indirect.warning import METHODS

    if method is not None and method not in METHODS:
        raise UserError(f"found the method {method!r}; needed one of {', '.join(METHODS)}{nearest(method, METHODS)}")
    ours, theirs = _patients(patients, arm, endpoint), _cohort(against)
    done: list[Indirect] = []
    refused: dict[str, str] = {}
    for way in METHODS:
        if method not in (None, way):
            continue
        try:
            done.append(compare(ours, theirs, endpoint, way, covariates=covariate, spread=spread))
        except UserError as problem:
            if method is not None or way == "none":
                raise
            refused[way] = str(problem)
    if json:
        emit({"comparisons": [one.as_dict() for one in done], "refused": refused})
        return
    _tell(done)
    for name, why in refused.items():
        note(f"Not {SHOWN[name]}: {why}")


def _cohort(against: str) -> Aggregate:
    from perforin.evidence.indirect.aggregate import read_aggregate
    from perforin.evidence.indirect.library_cohort import library_cohort
    from perforin.evidence.published import trials

    if against in trials():
        return library_cohort(against)
    if not Path(against).exists():
        raise UserError(f"found neither a file nor a trial {against!r}; needed one{nearest(against, trials())}")
    return read_aggregate(against)


def _patients(path: Path, arm: str | None, endpoint: str) -> pd.DataFrame:
    """Covariates and outcome of every patient, from a table or from a run."""
    import pandas as pd

    if path.is_dir():
        return _of_run(path, arm, endpoint)
    if arm is not None:
        raise UserError("found --arm with a table of patients; needed it with a run only")
    try:
        head = path.read_text(encoding="utf-8-sig").partition("\n")[0]
        semicolons = ";" in head
        found = pd.read_csv(path, sep=";" if semicolons else ",", decimal="," if semicolons else ".",
                            encoding="utf-8-sig", skipinitialspace=True)  # fmt: skip
    except FileNotFoundError:
        raise UserError(f"found no file {path}; needed a CSV file with a row per patient, or a run") from None
    except (OSError, ValueError) as problem:
        raise UserError(f"found a table that cannot be read, {path} ({problem}); needed a CSV file in UTF-8") from None
    texts = [str(name) for name in found.columns if not pd.api.types.is_numeric_dtype(found[name])]
    if texts:
        note(f"Left aside, because they hold texts and not numbers: {', '.join(texts)}")
    return found.drop(columns=texts).astype(float)


def _of_run(folder: Path, arm: str | None, endpoint: str) -> pd.DataFrame:
    from perforin import study
    from perforin.endpoints.catalogue import arm_of, sample
    from perforin.endpoints.samples import Share
    from perforin.endpoints.survival import survival_times
    from perforin.evidence.curves.reconstruction import SURVIVED
    from perforin.prepared import plan_of

    opened = study.open_study(folder)
    scored = arm_of(opened.records, arm or next(iter(opened.scenario.arms)), criteria=plan_of(opened.scenario).criteria)
    if endpoint in SURVIVED:
        times = survival_times(scored, endpoint)  # type: ignore[arg-type]
        if times is None:
            raise UserError(f"found no {endpoint} in the arm {scored.name!r} of {folder}; needed one")
        outcome = {f"{endpoint}_day": times.time, f"{endpoint}_event": times.event.astype(float)}
        subjects = times.subjects
    else:
        found = sample(scored, endpoint)
        if not isinstance(found, Share):
            raise UserError(f"found {endpoint}, which is no share of patients; needed one, or OS, PFS, EFS or DOR")
        outcome, subjects = {endpoint: found.hits.astype(float)}, found.subjects
    numbers = opened.cohort.set_index("subject").select_dtypes("number").loc[subjects]
    return numbers.reset_index(drop=True).assign(**outcome)


def _tell(done: list[Indirect]) -> None:
    from perforin.evidence.indirect.warning import CANNOT
    from perforin.report.wording import endpoint as wording

    first = done[0]
    title = f"{wording(first.endpoint).label}: {first.n} patients against {first.n_published} of {first.against}"
    if first.measure == "hazard":
        rows = [[SHOWN[one.method], _plain(one.ratio), f"{one.effective:.1f}", _e_values(one)] for one in done]
        table(["Patients", "Hazard ratio", "Effective n", "E-value (limit)"], rows, title)
    else:
        rows = [[SHOWN[one.method], _share(one.ours), _share(one.theirs), _points(one.difference), _plain(one.ratio),
                 f"{one.effective:.1f}", _e_values(one)] for one in done]  # fmt: skip
        heads = ["Patients", "Ours", "Published", "Difference", "Ratio", "Effective n", "E-value (limit)"]
        table(heads, rows, title)
    for one in done:
        if one.balance and one.method == "maic":
            shown = [[row.covariate, *(f"{value:.4g}" for value in (row.published, row.patients, row.adjusted)),
                      row.status or "-"] for row in one.balance]  # fmt: skip
            heads = ["Covariate", "Published", "Patients", "Weighted", "Status"]
            table(heads, shown, f"Heaviest patient: {one.heaviest:.1f} times the mean", numeric=(1, 2, 3))
    for text in dict.fromkeys(text for one in done for text in one.notes):
        typer.echo(f"Note: {text}")
    for one in done:
        typer.echo(f"{SHOWN[one.method]}: {one.made}")
    typer.echo(CANNOT)
    typer.echo(E_VALUE)


def _share(limits: Limits | None) -> str:
    return "-" if limits is None else f"{limits.value:.1%} ({limits.low:.1%} to {limits.high:.1%})".replace("%", " %")


def _points(limits: Limits | None) -> str:
    if limits is None:
        return "-"
    return f"{100 * limits.value:+.1f} ({100 * limits.low:+.1f} to {100 * limits.high:+.1f}) points"


def _plain(limits: Limits) -> str:
    return f"{limits.value:.2f} ({limits.low:.2f} to {limits.high:.2f})"


def _e_values(one: Indirect) -> str:
    return f"{one.e_value:.2f} ({one.e_value_limit:.2f})"


EXAMPLES = {
    "match": """\b
Examples:
  perforin evidence match --patients patients.csv --against other.yaml --endpoint CR_best
  perforin evidence match --patients patients.csv --against other.yaml --endpoint PFS --method maic --json
  perforin evidence match --patients runs/first --arm car_nk --against zuma_1 --endpoint CR_best"""
}

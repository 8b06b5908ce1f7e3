"""From a study to findings: the only file of the report that knows scenario, endpoints and evidence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from perforin.access.economics.worth import value_rows
from perforin.endpoints.samples import Share
from perforin.errors import UserError
from perforin.evidence.claims import chosen
from perforin.evidence.indirect.aggregate import Aggregate
from perforin.evidence.indirect.comparison import compare
from perforin.evidence.indirect.library_cohort import library_cohort
from perforin.evidence.pooling.shipped import shipped
from perforin.evidence.published import PublishedValue, estimates_for, trial
from perforin.evidence.sources import bibliography
from perforin.prepared import plan_of
from perforin.records import Records, exact_interval
from perforin.report import scoring
from perforin.report.findings import Adjusted, Findings, Published
from perforin.report.subject import arm_labels
from perforin.report.supply import doses_per_batch
from perforin.report.worth import of_run
from perforin.study import DRAWN, Progress

if TYPE_CHECKING:
    from perforin.scenario import Scenario
    from perforin.study import Study

__all__ = ["adjusted", "baselines", "extrapolation", "gather", "published", "references", "short_name", "transgene"]

COUNTED = 5000
"""Patients whose lives are counted for value for money; more would change no figure that is shown."""
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def gather(
    study: Study, subjects: Iterable[int] | None = None, progress: Callable[[Progress], None] | None = None
) -> Findings:
    """Score every endpoint of a study and lay all beside what trials published.

    Args:
        study: finished.
        subjects: only these patients; all when not given.
        progress: is told how many patients have been scored.
    """
    scenario = study.scenario
    labels, visits = arm_labels(scenario), scenario.visit_days
    beside = published(scenario, scenario.endpoints)
    parts = _telling(_of(study.parts(), subjects), int(study.manifest.get("patients", 0)), progress)
    scores = scoring.read(parts, scenario.endpoints, plan_of(scenario).criteria, visits)
    early = takewhile(lambda part: part.table["subject"].min() < DRAWN, _of(study.parts(), subjects))
    table, limit, unit = transgene(Records.concat(early))
    found = scoring.enrolled(scores)
    manifest = {**study.manifest, "patients": max(found.values(), default=0)}
    return Findings(
        name=str(study.manifest.get("scenario", scenario.name)),
        title=scenario.title,
        question=scenario.question.question_of_interest,
        arms=labels,
        reference=scenario.compared_with,
        estimates=scoring.estimates(scores, scenario.endpoints),
        published=tuple(beside),
        comparisons=scoring.comparisons(scores, scenario.compared_with, scenario.endpoints),
        survival=scoring.survival(scores, labels, beside),
        responses=scoring.responses(scores, labels, visits),
        grades=scoring.grades(scores),
        relapses=scoring.relapse_types(scores),
        waits=scoring.waits(scores),
        enrolled=found,
        losses=scoring.losses(scores),
        lots=tuple(one for arm in labels for one in scoring.lot_effect(scores, arm)),
        doses=doses_per_batch(scenario),
        value=_value(study) if subjects is None and _compared(scenario) else None,
        transgene=table,
        transgene_limit=limit,
        courses=study.courses,
        parameters=study.parameters,
        ledger=study.ledger,
        failed=study.failed,
        manifest=manifest,
        claims=chosen(),
        synthesis=shipped(),
        extrapolation=extrapolation(study),
        references=references(study),
        folder=str(study.folder),
        context=scenario.question.model_dump(),
        units={"transgene_copies": unit},
        covariates=tuple(scenario.population.covariates),
        baselines=baselines(scenario),
        adjusted=tuple(adjusted(study, scores)),
    )


def _compared(scenario: Scenario) -> bool:
    """Whether there are arms to compare, each with a product that is made somehow."""
    made = [any(product.process for product in scenario.products(arm).values()) for arm in scenario.arms]
    return len(made) > 1 and all(made)


def _value(study: Study) -> dict[str, Any] | None:
    """Value for money; a page is not lost for a run that has none, such as one without patients in every arm."""
    try:
        return of_run(study, most=COUNTED)[0]
    except UserError:
        return None


def baselines(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Covariates that each trial beside an arm publishes, as far as the library holds them."""
    names = dict.fromkeys(name for arm in scenario.arms for name in scenario.published(arm))
    return {short_name(name): tuple(row.covariate for row in trial(name).baseline) for name in names}


def adjusted(study: Study, scores: Mapping[str, scoring.Scores]) -> Iterator[Adjusted]:
    """Every arm weighted to the baseline of each of its trials (MAIC), where both report covariates in common."""
    for arm, scored in scores.items():
        for name in study.scenario.published(arm):
            cohort = library_cohort(name)
            common = [row.covariate for row in cohort.baseline if row.covariate in study.scenario.population.covariates]
            for outcome in cohort.outcomes if common else ():
                sample = scored.samples.get(outcome.endpoint)
                if isinstance(sample, Share) and not outcome.curve:
                    label = Adjusted(arm, short_name(name), outcome.endpoint, tuple(common))
                    yield _weighted(label, study.cohort, sample, cohort)


def _weighted(label: Adjusted, covariates: pd.DataFrame, sample: Share, cohort: Aggregate) -> Adjusted:
    own = covariates.set_index("subject").loc[sample.subjects, list(label.covariates)].reset_index(drop=True)
    patients = own.assign(**{label.endpoint: sample.hits.astype(float)})
    try:
        found = compare(patients, cohort, label.endpoint, "maic", covariates=label.covariates)
    except UserError as problem:
        return replace(label, refused=str(problem))
    outcome, own_share = cohort.outcome(label.endpoint), sample.result()
    events, n = outcome.events or 0, outcome.n or 0  # intervals as in the other tables of the page
    return replace(label, plain=(own_share.value, own_share.low, own_share.high), weighted=found.ours, n=found.n,
                   published=(events / n, *exact_interval(events, n)), effective=found.effective)  # fmt: skip


def _of(parts: Iterable[Records], subjects: Iterable[int] | None) -> Iterator[Records]:
    """The parts without other patients than the chosen ones."""
    if subjects is None:
        yield from parts
        return
    chosen = np.unique(list(subjects))
    for part in parts:
        rows = part.table[np.isin(part.table["subject"], chosen)]
        if len(rows):
            yield Records(rows)


def _telling(
    parts: Iterator[Records], total: int, progress: Callable[[Progress], None] | None
) -> Iterator[Records]:
    done = 0
    for part in parts:
        if progress is not None:
            progress(Progress(done, total, "scoring"))
            done += part.table["subject"].nunique()
        yield part


def published(scenario: Scenario, endpoints: Iterable[str]) -> list[Published]:
    """The published values of every arm's trials; values of trials that share patients or scales stand side by side."""
    wanted = list(endpoints)
    return [
        _beside(arm, one)
        for arm in scenario.arms
        for name in wanted
        for known in scenario.published(arm)
        for one in estimates_for(name, [known])
    ]


def _beside(arm: str, one: PublishedValue) -> Published:
    return Published(
        arm=arm,
        endpoint=one["endpoint"],
        trial=one["trial"],
        value=one["value"],
        low=_number(one["low"]),
        high=_number(one["high"]),
        n=one["n"],
        scale=one["scale"] or one["population"],
        source=one["source"],
        note=one["note"],
        unit=one["unit"],
        status=one["status"],
        label=short_name(one["trial"]) + (f", {one['subgroup']}" if one["subgroup"] else ""),
    )


def short_name(name: str) -> str:
    """What a trial is called in a table: ``ZUMA-1`` for ``zuma_1``, ``Marin 2024`` for ``marin_2024``."""
    first = re.split(r"[\s,]", trial(name).label)[0]
    plain, acronym = name.replace("_", ""), re.sub(r"\W", "", first).lower()
    if not plain.startswith(acronym):
        return name.replace("_", " ").capitalize()
    rest = plain[len(acronym) :]
    return f"{first} {' '.join(name.split('_')[1:])}" if rest else first


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def extrapolation(study: Study) -> tuple[str, ...]:
    """Sentences on what lies outside the range studied, as the run's manifest and the disease have it."""
    scenario = study.scenario
    said = [scenario.library.disease(scenario.disease.use).extrapolation]
    said += [text for texts in study.manifest.get("extrapolations", {}).values() for text in texts]
    return tuple(dict.fromkeys(text for text in said if text))


def references(study: Study) -> dict[str, str]:
    """Every source of the run in full."""
    known = bibliography()
    keys = {str(key) for table in study.parameters.values() for key in table["source"] if key}
    keys |= set(study.manifest.get("citations", [])) | {row.source for row in value_rows() if row.source}
    return {key: str(known[key]) for key in sorted(keys) if key in known}


def transgene(records: Records) -> tuple[pd.DataFrame, float | None, str]:
    """Quantiles over the first patients of the measured transgene by day, the assay's limit, and the unit.

    A value below the limit is held at the limit, so a lower quantile that lies on the line is "at most the limit".
    """
    rows = records.of("transgene_copies")
    rows = rows[rows["subject"] < DRAWN]
    if not len(rows):
        return pd.DataFrame(), None, ""
    found = []
    for (arm, day), part in rows.groupby(["arm", "day"], sort=False, observed=True):
        levels = np.quantile(part["value"].to_numpy(dtype=float), list(QUANTILES.values()))
        found.append({"arm": arm, "day": day, **dict(zip(QUANTILES, levels.tolist(), strict=True))})
    below = rows[rows["censored"]]["value"]
    return pd.DataFrame(found), (float(below.max()) if len(below) else None), str(rows["unit"].iloc[0])

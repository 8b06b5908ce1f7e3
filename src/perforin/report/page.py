"""The report: one HTML file that needs no network, and the same content as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import plotly.offline
from markupsafe import Markup

from perforin.access.economics.worth import value_parameters
from perforin.evidence.pooling.shipped import SPREAD
from perforin.evidence.published import INDIRECT_WARNING
from perforin.report import answer as answers
from perforin.report import bars, credibility, curves, indirect, ledger, supply, tables
from perforin.report.claims import claim_table, verdicts
from perforin.report.findings import Findings
from perforin.report.finite import finite
from perforin.report.forest import summary_figure, summary_table
from perforin.report.style import Drawing, Look, looks
from perforin.report.value import comparison_table, value_table
from perforin.report.wording import endpoint, quantity
from perforin.runs import RunFolder

__all__ = ["as_json", "draw", "render", "reproduce", "script_json", "write"]

TOXICITIES = ("CRS_any", "CRS_ge3", "ICANS_any", "ICANS_ge3", "GvHD_ge2")
CYTOKINES = {"il6": "Interleukin-6", "ifn_gamma": "Interferon-gamma", "il15": "Interleukin-15", "gm_csf": "GM-CSF"}
UNITS = {"product_blood": "cell/uL", "tumour_burden": "cell"}
SURVIVALS = {"PFS": "Progression-free survival", "OS": "Overall survival", "DOR": "Duration of response"}


def draw(findings: Findings) -> dict[str, list[Drawing]]:
    """All figures by section; a figure without data is left out."""
    look = looks(findings.arms)
    drawn: dict[str, list[Drawing]] = {
        "survival": _survival(findings, look),
        "kinetics": list(_kinetics(findings, look)),
    }
    drawn["response"] = [d for d in (bars.responses_figure(findings.responses),) if d]
    estimates = [one for one in findings.estimates if one.endpoint in TOXICITIES]
    caption = (
        "Share of infused patients with each toxicity; whiskers are exact 95 % intervals, also where nothing happened."
    )
    drawn["toxicity"] = [d for d in (bars.interval_figure("toxicity", estimates, look, caption),) if d]
    drawn["cytokines"] = list(_cytokines(findings, look))
    drawn["budget"] = list(_budgets(findings, look))
    drawn["relapse"] = (
        [d for d in (bars.relapse_figure(findings.relapses, look),) if d]
        if any(map(sum, findings.relapses.values()))
        else []
    )
    drawn["waiting"] = [d for d in (curves.waiting_figure(findings.waits, findings.enrolled, look),) if d]
    drawn["synthesis"] = [d for d in (summary_figure(findings.synthesis),) if d]
    columns = ledger.swings(findings.ledger)
    drawn["tornado"] = [
        d for name, column in columns.items() if (d := bars.tornado(name, findings.ledger, column, look))
    ]
    return drawn


def _survival(findings: Findings, look: dict[str, Look]) -> list[Drawing]:
    return [
        curves.survival_figure(name.lower(), SURVIVALS.get(name, name), arms, look)
        for name, arms in findings.survival.items()
        if arms
    ]


def _kinetics(findings: Findings, look: dict[str, Look]) -> Iterator[Drawing]:
    drawings = []
    if len(findings.transgene):
        unit = findings.units.get("transgene_copies", "copy/ug")
        drawings.append(
            curves.bands(
                "transgene", "Transgene in blood", findings.transgene, look, unit, limit=findings.transgene_limit
            )
        )
    for key, name, logarithmic in (
        ("product_blood", "Product cells in blood", True),
        ("tumour_burden", "Tumour cells", True),
        ("healthy_fraction", "Healthy cells, of baseline", False),
    ):
        rows = findings.courses[findings.courses["observable"] == key]
        if len(rows):
            drawings.append(
                curves.bands(
                    key, name, rows, look, findings.units.get(key, UNITS.get(key, "")), logarithmic=logarithmic
                )
            )
    yield from (drawing for drawing in drawings if drawing)


def _cytokines(findings: Findings, look: dict[str, Look]) -> Iterator[Drawing]:
    for key, name in CYTOKINES.items():
        rows = findings.courses[findings.courses["observable"] == key]
        drawing = (
            curves.bands(key, name, rows, look, findings.units.get(key, "pg/mL"), until=60, height=320)
            if len(rows)
            else None
        )
        if drawing:
            yield drawing


def _budgets(findings: Findings, look: dict[str, Look]) -> Iterator[Drawing]:
    typical = "in a typical patient (integral of the median rate over the course)."
    for key, categories, caption in (
        ("pathways", bars.PATHWAYS, f"How tumour cells die, {typical}"),
        ("signals", bars.SIGNALS, f"Which signal set off the killing by the product, {typical}"),
    ):
        drawing, _ = bars.kill_budget(key, findings.courses, categories, look, caption)
        if drawing:
            yield drawing


def _budget_table(findings: Findings) -> tables.Table | None:
    look = looks(findings.arms)
    _, killed = bars.kill_budget("", findings.courses, {**bars.PATHWAYS, **bars.SIGNALS}, look, "")
    if not len(killed):
        return None
    names = {**bars.PATHWAYS, **bars.SIGNALS}
    found = {(str(row["arm"]), str(row["observable"])): float(row["killed"]) for row in killed.to_dict("records")}
    rows = [
        [
            names[name].label,
            *[quantity(found.get((arm, name), math.nan), "cell", False) for arm in findings.arms],
        ]
        for name in names
        if any((arm, name) in found for arm in findings.arms)
    ]
    return tables.plain(["Tumour cells killed", *findings.arms.values()], rows, range(1, len(findings.arms) + 1))


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    text = resources.files("perforin.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"page": text}),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["script_json"] = script_json
    return environment


def script_json(value: Any) -> Markup:
    """JSON that may stand inside a script element."""
    text = json.dumps(value).replace("</", "<\\/").replace("<!--", "<\\!--")
    return Markup(text)  # noqa: S704 - nothing left in it can end the script element


def render(findings: Findings) -> str:
    """The whole page as text."""
    drawn = draw(findings)
    found = answers.answer(findings)
    ranked_by = ledger.ranked_by(findings.ledger, found.endpoint)
    parameter_tables = {
        findings.arms.get(arm, arm): tables.parameters(frame) for arm, frame in findings.parameters.items()
    }
    return (
        _environment()
        .get_template("page")
        .render(
            f=findings,
            answer=found,
            light=answers.light(findings),
            not_calibrated="" if findings.calibrated else answers.NOT_CALIBRATED,
            drawn=drawn,
            figures={d.key: d for group in drawn.values() for d in group},
            specs={
                d.key: {"figure": json.loads(d.figure.to_json()), "narrow": dict(d.narrow)}
                for group in drawn.values()
                for d in group
            },
            head=tables.head_to_head(findings),
            both_sides=indirect.covariates_of_both_sides(findings),
            adjustments=tables.adjustments(findings),
            grades=tables.grades(findings),
            zeros=tables.zero_events(findings),
            budget=_budget_table(findings),
            parameters=parameter_tables,
            kinds=_kinds(findings),
            ledger=tables.assumption_table(findings, ranked_by),
            ranked_by=endpoint(ranked_by).label if ranked_by else "",
            failures=tables.failures(findings.failed, dict(findings.arms)),
            synthesis=summary_table(findings.synthesis),
            spread=SPREAD,
            indirect=INDIRECT_WARNING,
            verdicts=verdicts(findings.claims),
            disputed=claim_table([one for one in findings.claims if one.disputed]),
            undisputed=claim_table([one for one in findings.claims if not one.disputed]),
            credibility=credibility.table(findings),
            access=_access(findings),
            losses=supply.loss_table(findings.losses, findings.enrolled, findings.arms),
            lots=supply.quality_table(findings.lots, findings.arms),
            doses=supply.batch_table(findings.doses, findings.arms),
            worth=value_table(findings.value) if findings.value else None,
            against=comparison_table(findings.value) if findings.value else None,
            values=tables.parameters(value_parameters().table()) if findings.value else None,
            manifest=_manifest(findings),
            command=reproduce(findings),
            plotly=Markup(plotly.offline.get_plotlyjs()),  # noqa: S704 - the library itself
        )
    )


def _kinds(findings: Findings) -> dict[str, int]:
    kinds = [str(kind) for frame in findings.parameters.values() for kind in frame["kind"]]
    return {kind: kinds.count(kind) for kind in ("measured", "fitted", "assumed")}


def _access(findings: Findings) -> tables.Table | None:
    wanted = ("infused_share", "time_to_infusion", "cost", "cost_per_responder")
    names = [name for name in wanted if name in findings.endpoints]
    if not names:
        return None
    rows = [
        (tables.Cell(endpoint(n).label), *[tables.predicted(findings.estimate(arm, n)) for arm in findings.arms])
        for n in names
    ]
    return tables.Table(("", *findings.arms.values()), tuple(rows), frozenset(range(1, len(findings.arms) + 1)))


def _manifest(findings: Findings) -> list[tuple[str, str]]:
    return [
        (key.replace("_", " "), text)
        for key, value in sorted(findings.manifest.items())
        for text in [_flat(value)]
        if text
    ]


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_flat(inner)}" for key, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_flat(inner) for inner in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def reproduce(findings: Findings) -> str:
    """The command that gives these numbers again."""
    seed = findings.manifest.get("seed")
    stated = f" --seed {seed}" if seed is not None else ""
    return f"perforin run {findings.name} --n {findings.patients}{stated}"


def as_json(findings: Findings) -> dict[str, Any]:
    """What the page says, for machines; numbers that are not finite become null."""
    found, shown = answers.answer(findings), answers.light(findings)
    estimates = [
        {**one.as_dict(), "published": [p.as_dict() for p in findings.beside(one.arm, one.endpoint)]}
        for one in findings.estimates
    ]
    content = {
        "scenario": findings.name,
        "title": findings.title,
        "question": findings.question,
        "answer": {"sentence": found.sentence, "warning": found.warning, "endpoint": found.endpoint},
        "calibrated": findings.calibrated,
        "light": {"colour": shown.colour, "meaning": shown.meaning, "reasons": list(shown.reasons)},
        "arms": dict(findings.arms),
        "network_hash": findings.manifest.get("network_hash", {}),
        "seconds": _total(findings.manifest.get("seconds", math.nan)),
        "seconds_by_stage": findings.manifest.get("seconds", {}),
        "patients": findings.patients,
        "failed": len(findings.failed),
        "estimates": estimates,
        "losses": {arm: dict(counts) for arm, counts in findings.losses.items()},
        "lots": [{"arm": one.arm, "third": one.name, "low": one.low, "high": one.high,
                  "responders": one.responders, "n": one.n} for one in findings.lots],
        "comparisons": [one.as_dict() for one in findings.comparisons],
        "value": findings.value,
        "indirect": {
            "covariates": list(findings.covariates),
            "published_covariates": {trial: list(names) for trial, names in findings.baselines.items()},
            "adjusted": [dataclasses.asdict(one) for one in findings.adjusted],
        },
        "synthesis": [{"endpoint": one.endpoint, "given": one.label, "set": one.title, **one.pooled.as_dict()}
                      for one in findings.synthesis],
        "manifest": dict(findings.manifest),
    }  # fmt: skip
    cleaned: dict[str, Any] = json.loads(json.dumps(finite(content), default=str))
    return cleaned


def _total(seconds: Any) -> float:
    return float(sum(seconds.values())) if isinstance(seconds, dict) else float(seconds)


def write(findings: Findings, folder: Path | str) -> str:
    """Write ``report.html`` and ``report.json`` into a folder, by path or URL; returns where the page is."""
    kept = RunFolder.at(folder)
    kept.write_bytes("report.html", render(findings).encode())
    kept.write_bytes("report.json", (json.dumps(as_json(findings), indent=2) + "\n").encode())
    return f"{kept}/report.html"

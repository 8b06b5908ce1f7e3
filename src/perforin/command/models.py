"""What a scenario's models are made of, as plain data for the verbs that show them."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perforin.scenario import Scenario

__all__ = ["export", "facts", "mechanism_words", "nouns", "parameter_rows", "placements"]


def export(scenario: Scenario, arm: str, form: str) -> str:
    """One arm's model as ``latex``, ``sbml``, ``antimony`` or ``diagram``.

    SBML and Antimony hold a typical patient: central values, medians of the covariates, all cells viable, and every
    dose as an event.
    """
    from perforin.model import write

    model = scenario.model(arm)
    if form == "diagram":
        return write.to_mermaid(model.network)
    if form == "latex":
        return write.to_latex(model.network, scenario.library.mechanisms)
    import numpy as np

    from perforin.inference.sensitivity import typical
    from perforin.patients.doses import doses_for
    from perforin.prepared import administrations, begin_of

    centre, middle = typical(scenario, model)
    given, numbers = scenario.given(arm), centre[None, :]
    planned = administrations(given, scenario.products(arm), middle, np.ones(1))
    doses = doses_for(model.network, planned, numbers)
    names = model.network.state_names
    rows = [
        (float(day), names[state], float(keep), float(add))
        for day, state, keep, add in zip(doses.when[0], doses.state, doses.keep, doses.add[0], strict=True)
    ]
    writer = write.to_sbml if form == "sbml" else write.to_antimony
    title = f"{scenario.title}: {arm}"
    return writer(model.network, centre, model.network.start(numbers)[0], rows, title=title, begin=begin_of(given))


def facts(scenario: Scenario) -> dict[str, Any]:
    """What ``perforin check`` prints: sizes of every arm's model, and remarks on where it extrapolates."""
    from perforin.report.subject import arm_labels, extrapolations

    models = {arm: scenario.model(arm) for arm in scenario.arms}
    arms = {}
    for arm, label in arm_labels(scenario).items():
        network, kinds = models[arm].network, [row.kind for row in models[arm].parameters.rows]
        arms[arm] = {
            "label": label,
            "products": {key: product.name for key, product in scenario.products(arm).items()},
            "published": list(scenario.published(arm)),
            "states": len(network.states),
            "parameters": len(network.parameters),
            "assumed": kinds.count("assumed"),
            "network_hash": network.hash,
        }
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "question": scenario.question.question_of_interest,
        "disease": scenario.disease.use,
        "patients": scenario.patients.n,
        "seed": scenario.seed,
        "horizon": scenario.horizon,
        "visits": list(scenario.visit_days),
        "endpoints": list(scenario.endpoints),
        "arms": arms,
        "remarks": [*extrapolations(scenario, models), *(one for model in models.values() for one in model.idle)],
    }


def parameter_rows(scenario: Scenario, arms: Sequence[str] | None = None) -> list[dict[str, Any]]:
    """Every parameter of every arm with value, unit, range, kind, status and source."""
    columns = (
        "name",
        "value",
        "unit",
        "low",
        "high",
        "between_patient_cv",
        "kind",
        "status",
        "source",
        "locator",
        "note",
    )
    rows = []
    for arm in arms or list(scenario.arms):
        model = scenario.model(arm)
        rows += [
            {"arm": arm, **{name: row[name] for name in columns}} for row in model.parameters.table().to_dict("records")
        ]
        for name, own in model.constants.items():
            rows.append({"arm": arm, "name": name, **{column: getattr(own, column) for column in columns[1:]}})
    return rows


def placements(scenario: Scenario, arm: str) -> list[dict[str, Any]]:
    """Every use of a mechanism and the names its ports, levels and parameters are joined to."""
    return [
        {"placement": one.label, "mechanism": one.mechanism.name, "product": one.product, "joined": dict(one.wiring)}
        for one in scenario.model(arm).wired.placements
    ]


def mechanism_words(name: str) -> str:
    """What a mechanism says of itself; empty for a parameter that no mechanism owns."""
    from perforin.library import default_library

    found = default_library().mechanisms.get(name.partition(".")[0])
    return inspect.cleandoc(found.__doc__) if found else ""


def nouns(scenario: Scenario, part: str, arms: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the disease, or each arm's products, are and bring."""
    if part == "disease":
        disease = scenario.library.disease(scenario.disease.use)
        brought = _brought(scenario, [f"diseases/{scenario.disease.use}"])
        said = {"label": disease.label, "summary": disease.summary, "extrapolation": disease.extrapolation}
        return {scenario.disease.use: {**said, "criteria": scenario.judged_by, **brought}}
    out: dict[str, dict[str, Any]] = {}
    for arm in arms:
        for key, product in scenario.products(arm).items():
            noun = product.noun
            out[f"{arm}.{key}" if key != "product" else arm] = {
                "name": product.name,
                "label": product.label,
                "summary": noun.summary,
                "cell": product.cell,
                "construct": product.construct,
                "payloads": ", ".join(product.payloads),
                "edits": ", ".join(product.edits),
                "process": product.process,
                "starting material": product.starting_material,
                "published trials": ", ".join(product.published),
                **_brought(scenario, [*noun.parts, f"products/{product.name}"]),
            }
    return out


def _brought(scenario: Scenario, references: Sequence[str]) -> dict[str, str]:
    found = scenario.library.gather(references)
    verbs = [name for one in found for item in one.noun.mechanisms for name in item]
    return {
        "nouns": ", ".join(one.reference for one in found),
        "mechanisms": ", ".join(dict.fromkeys(verbs)),
        "states": ", ".join(dict.fromkeys(name for one in found for name in one.noun.states)),
    }

"""The credibility table, in the words of ICH M15 and ASME V&V 40: what was asked, what was shown, what is missing."""

from __future__ import annotations

from typing import NamedTuple

from perforin.report.findings import Findings

__all__ = ["Row", "table"]


class Row(NamedTuple):
    """One element of the assessment."""

    element: str
    meaning: str
    here: str


def table(findings: Findings) -> list[Row]:
    """The short assessment of this run."""
    return [*_purpose(findings), *_evidence(findings)]


def _purpose(findings: Findings) -> list[Row]:
    said = {"context_of_use": "exploratory", "model_influence": "low", "decision_consequence": "low"} | dict(
        findings.context
    )
    use, influence, consequence = (said[name].capitalize() for name in list(said)[:3])
    risk = "Follows from the two rows above; uncalibrated parameters allow no more than low."
    return [
        Row("Question of interest", "What is to be answered", findings.question),
        Row("Context of use", "What the model is for", f"{use}: hypotheses and trial designs; no treatment decision."),
        Row(
            "Model influence",
            "Weight of the model among the evidence",
            f"{influence}: it orders questions, it settles none.",
        ),
        Row(
            "Consequence of a wrong decision",
            "Harm if the model misleads",
            f"{consequence} within that context of use.",
        ),
        Row("Model risk", "Influence and consequence together", risk),
    ]


def _evidence(findings: Findings) -> list[Row]:
    trials = sorted({one.label or one.trial for one in findings.published})
    values = [kind for frame in findings.parameters.values() for kind in frame["kind"]]
    kinds = (
        ", ".join(f"{values.count(kind)} {kind}" for kind in ("measured", "fitted", "assumed") if kind in values)
        or "none recorded"
    )
    hashes = findings.manifest.get("network_hash", {})
    shown = ", ".join(f"{arm} {text}" for arm, text in hashes.items()) if isinstance(hashes, dict) else str(hashes)
    against = (
        f"{len(findings.published)} published values of {len(trials)} trials stand beside the predictions: "
        f"{', '.join(trials)}."
        if trials
        else "No published value stands beside the predictions."
    )
    return [
        Row(
            "Verification",
            "Are the equations solved right",
            "Each network is solved by generated code and tested against a second solver; "
            f"networks: {shown or 'not recorded'}.",
        ),
        Row(
            "Validation",
            "Does it match what was observed",
            f"{against} They were not used for fitting, and the match was not tested.",
        ),
        Row(
            "Calibration",
            "Were parameters fitted together",
            "Yes, see the manifest." if findings.calibrated else "No, not yet.",
        ),
        Row(
            "Uncertainty: parameters",
            "Where the numbers come from",
            f"{kinds}; the assumed ones are ranked in the ledger.",
        ),
        Row(
            "Uncertainty: patients",
            "Spread and chance",
            f"{findings.patients} virtual patients per arm, the same ones in every arm; "
            f"{len(findings.failed)} courses failed.",
        ),
        Row("Applicability", "Is the question inside the tested range", _applicability(findings)),
    ]


def _applicability(findings: Findings) -> str:
    if findings.extrapolation:
        return "Extrapolation: " + "; ".join(findings.extrapolation)
    return "No range has been calibrated yet." if not findings.calibrated else "Within the calibrated range."

"""The one-sentence answer, its warning and the applicability light."""

from __future__ import annotations

from dataclasses import dataclass

from perforin.report.findings import Comparison, Findings
from perforin.report.indirect import method_used
from perforin.report.wording import PERCENT, difference, differences, endpoint, interval, percent, quantity

__all__ = ["NOT_CALIBRATED", "PREFERRED", "WARNING", "Answer", "Light", "answer", "chance", "light", "missed_endpoints",
           "warning"]  # fmt: skip

WARNING = (
    "No randomised trial has compared these products. This is an indirect comparison by simulation: published trials "
    "enrolled different patients, at different times, with different scales, and a difference shown here may come from "
    "the model alone."
)
"""How every warning begins; ``warning`` goes on to what was done about it."""
NOT_CALIBRATED = (
    "The parameters are not yet calibrated. They were taken one by one from the literature or assumed, and were not "
    "fitted together to the trials shown here; the intervals hold chance among virtual patients, not the error of "
    "the parameters."
)
PREFERRED = ("PFS_12m", "CR_best", "ORR_best", "ORR_d30", "OS_12m")
"""The endpoint of the answer is the first of these that was scored in every arm."""
FAILED_TOO_MANY = 0.05


@dataclass(frozen=True)
class Light:
    """``green``, ``amber`` or ``red``, with reasons."""

    colour: str
    meaning: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """A sentence that is never shown without its warning."""

    sentence: str
    warning: str
    endpoint: str

    @property
    def text(self) -> str:
        """Sentence and warning, for one line of plain text."""
        return f"{self.sentence} {self.warning}".strip()


def warning(findings: Findings) -> str:
    """That the comparison is indirect, by which method it was made, and what that cannot mend."""
    return f"{WARNING} {method_used(findings)}"


def answer(findings: Findings) -> Answer:
    """The answer on the preferred endpoint: each arm's value, the difference, and the probability of being better."""
    name = next((n for n in PREFERRED if all(findings.estimate(arm, n) for arm in findings.arms)), "")
    if not name:
        return Answer("No endpoint was scored in every arm, so this run gives no answer.", warning(findings), "")
    words = endpoint(name)
    parts = []
    for arm, label in findings.arms.items():
        one = findings.estimate(arm, name)
        if one:
            limits = f"(95{PERCENT} interval {interval(one.low, one.high, words.share)})"
            parts.append(f"{quantity(one.value, one.unit, words.share)} {limits} with {label}")
    sentence = f"{words.label}, predicted for the same {findings.patients} virtual patients: {_listed(parts)}."
    for arm in findings.arms:
        found = findings.comparison(arm, name)
        if found:
            sentence += " " + _compared(found, findings)
    return Answer(sentence, warning(findings) if len(findings.arms) > 1 else "", name)


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _compared(found: Comparison, findings: Findings) -> str:
    words = endpoint(found.endpoint)
    said = difference(found.value, found.unit, words.share)
    limits = differences(found.low, found.high, words.share)
    text = f"{findings.arms[found.arm]} differs from {findings.arms[found.reference]} by {said} ({limits})"
    if found.better is None:
        return text + "."
    return text + f"; under this model the probability that it is better on this endpoint is {chance(found.better)}."


def chance(probability: float) -> str:
    """A probability without false certainty: resampling cannot show 0 or 1."""
    if probability < 0.001:
        return f"below 0.1{PERCENT}"
    if probability > 0.999:
        return f"above 99.9{PERCENT}"
    return percent(probability)


def light(findings: Findings) -> Light:
    """How far the result may be applied.

    Red: 5 % or more of the patients failed, or an extrapolation with no published trial beside any arm. Green:
    parameters calibrated, nothing extrapolated, assumed or failed, and no published interval missed. Amber: all else.
    """
    reasons: list[str] = []
    runs = max(1, findings.patients * len(findings.arms))
    lost = len(findings.failed) / runs
    bare = not findings.published
    if not findings.calibrated:
        reasons.append("The parameters are not yet calibrated, so the light is amber at best.")
    reasons += [f"Extrapolation: {reason}" for reason in findings.extrapolation]
    if bare:
        reasons.append("No published trial stands beside any arm, so nothing checks the prediction.")
    missed = missed_endpoints(findings)
    if missed:
        reasons.append("The predicted interval misses the published one for: " + ", ".join(missed) + ".")
    assumed = sum(int((table["kind"] == "assumed").sum()) for table in findings.parameters.values())
    total = sum(len(table) for table in findings.parameters.values())
    if assumed:
        reasons.append(f"{assumed} of {total} parameter values are assumptions ({percent(assumed / total)}).")
    if len(findings.failed):
        reasons.append(f"{len(findings.failed)} of {runs} simulated courses failed and are left out ({percent(lost)}).")
    if lost >= FAILED_TOO_MANY or (bare and findings.extrapolation):
        return Light("red", "do not apply", tuple(reasons))
    if reasons:
        return Light("amber", "explore, do not decide", tuple(reasons))
    return Light("green", "within the calibrated range", ())


def missed_endpoints(findings: Findings) -> list[str]:
    """Endpoints whose predicted interval shares no value with a published one, in words."""
    missed = []
    for one in findings.published:
        predicted = findings.estimate(one.arm, one.endpoint)
        if predicted and (predicted.low > one.high or predicted.high < one.low):
            missed.append(f"{endpoint(one.endpoint).label} ({findings.arms[one.arm]}, {one.shown})")
    return list(dict.fromkeys(missed))

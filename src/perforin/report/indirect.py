"""What the report says of its indirect comparison: which method was used, and what no method can mend."""

from __future__ import annotations

from collections.abc import Sequence

from perforin.evidence.indirect.warning import CANNOT
from perforin.report.findings import Findings

__all__ = ["covariates_of_both_sides", "method_used"]


def method_used(findings: Findings) -> str:
    """Two sentences or three: how arms were compared, how published values stand beside them, what that cannot mend."""
    arms = "The arms are compared in the same virtual patients, who match in all that the model knows. "
    done = [one for one in findings.adjusted if not one.refused]
    if not findings.baselines:
        beside = "No published trial stands beside them."
    elif done:
        trials = _listed(list(dict.fromkeys(one.trial for one in done)))
        names = _listed(list(dict.fromkeys(name for one in done for name in one.covariates)))
        beside = (f"Beside {trials} they are also shown weighted to the published baseline (matching-adjusted indirect "
                  f"comparison, MAIC) in {names}; all other published values are unadjusted.")  # fmt: skip
    else:
        beside = ("Published values stand beside the predictions unadjusted (neither MAIC nor STC): "
                  f"{_why(findings)}.")  # fmt: skip
    return f"{arms}{beside} {CANNOT}"


def _why(findings: Findings) -> str:
    if findings.adjusted:
        return "the virtual patients cannot be weighted to any published baseline"
    if any(findings.baselines.values()):
        return "the baselines that our library holds have no covariate in common with the virtual patients"
    return "no common covariates are published in our library"


def covariates_of_both_sides(findings: Findings) -> list[tuple[str, str]]:
    """Who reports which covariates: the virtual patients, and each trial beside them."""
    own = ("Virtual patients", ", ".join(name.replace("_", " ") for name in findings.covariates) or "none")
    return [own, *((trial, ", ".join(names) or "none in our library") for trial, names in findings.baselines.items())]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]

"""What many lots say about release: verdicts, why, days, what each test costs, and how capable the process is of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from perforin.making.batch import Batches
from perforin.making.process import Process
from perforin.making.release.capability import capability, one_sided_factor, quantile_capability, two_sided_factor
from perforin.making.release.consistency import patients_affected
from perforin.making.release.deciding import NOT_MADE, OUT, REJECTED, RELEASED, Verdicts, follow
from perforin.making.release.risks import guard_band, risks
from perforin.making.release.specification import PRESENCE, RETEST, Specification, Specifications
from perforin.streams import Streams

__all__ = ["BAD", "summarise_release"]

BAD = 0.001
"""Share of lots that may be bad and pass, for which a guard band is given."""


def summarise_release(
    process: Process, batches: Batches, verdicts: Verdicts, specifications: Specifications, streams: Streams
) -> dict[str, Any]:
    """Plain data for a table, a page or a machine; shares are of all lots begun, of failed tests those of all tested.

    Args:
        process: how they were made.
        batches: as grown.
        verdicts: on them.
        specifications: which they had to meet.
        streams: the luck of what follows.
    """
    own, n = process.starting_material == "patient", len(verdicts)
    labels = {test.attribute: test.label for test in specifications.tests}
    share = {name: float(np.mean(verdicts.verdict == name)) for name in (RELEASED, OUT, REJECTED, NOT_MADE)}
    lost = (verdicts.verdict != RELEASED) | verdicts.recalled
    served = np.ones(n) if own else np.maximum(1.0, np.floor(batches.cells_filled / batches.planned_dose))
    days = verdicts.days[verdicts.tested]
    fates = follow(verdicts, specifications, streams) if own else np.empty(0, np.str_)
    return {
        "specifications": specifications.name,
        "label": specifications.label,
        "verdicts": share,
        "recalled": float(verdicts.recalled.mean()),
        "reasons": {labels[reason]: found for reason, found in verdicts.reasons.items()},
        "days": {"median": float(np.median(days)), "high": float(np.quantile(days, 0.95))} if days.size else None,
        "doses_released": float(verdicts.doses.mean()),
        "sample_volume": specifications.volume,
        "patients_per_failed_lot": patients_affected(served, lost),
        "patients_per_lot": float(served.mean()),
        "followed": {str(name): float(np.mean(fates == name)) for name in np.unique(fates)},
        "tests": [_test(test, verdicts, i, own, streams) for i, test in enumerate(specifications.tests)],
    }


def _test(test: Specification, verdicts: Verdicts, i: int, own: bool, streams: Streams) -> dict[str, Any]:
    tested = verdicts.tested
    low, high = test.limits
    limit = test.lower or test.upper
    found: dict[str, Any] = {
        "attribute": test.label, "kind": test.kind, "action": test.decision(own),
        "lower": test.lower.value if test.lower else None, "upper": test.upper.value if test.upper else None,
        "unit": limit.unit if limit else "", "days": test.days.value,
        "failing": float(verdicts.failing[tested, i].mean()) if tested.any() else None,
    }  # fmt: skip
    true = verdicts.true[tested, i]
    if test.kind == PRESENCE or len(true) < 2 or (true == true[0]).all() or (true <= 0).any():
        return found
    measured = test.scaled(np.clip(verdicts.measured[tested, i], None, 1 - 1e-9 if test.kind == "share" else None))
    truth = test.scaled(np.clip(true, None, 1 - 1e-9 if test.kind == "share" else None))
    ends = [float(test.scaled(np.array([end]))[0]) if np.isfinite(end) else end for end in (low, high)]
    index, quantile = capability(measured, *ends), quantile_capability(measured, *ends, streams=streams, draws=200)
    risk = risks(float(truth.mean()), float(truth.std()), test.error, *ends,
                 retest=test.decision(own) == RETEST)  # fmt: skip
    factor = (one_sided_factor if np.isinf(ends).any() else two_sided_factor)(len(measured))
    bounds = [index.mean - factor * index.sd, index.mean + factor * index.sd]
    band = guard_band(BAD, float(truth.mean()), float(truth.std()), test.error, *ends)
    guarded = [float(test.unscaled(np.array([end + move]))[0]) if np.isfinite(end) and band > 0 else None
               for end, move in zip(ends, (band, -band), strict=True)]  # fmt: skip
    return found | {
        "median": float(np.median(verdicts.measured[tested, i])),
        "cpk": {"value": index.cpk, "low": index.low, "high": index.high},
        "ppk": dict(zip(("value", "low", "high"), quantile, strict=True)),
        "passing": index.passing,
        "tolerance": [float(test.unscaled(np.array([bound]))[0]) if np.isfinite(end) else None
                      for bound, end in zip(bounds, ends, strict=True)],
        "consumer_risk": risk.consumer, "producer_risk": risk.producer, "guarded": guarded,
    }  # fmt: skip

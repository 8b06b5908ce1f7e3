"""Differences between arms whose patients are the same: resampled by patient, never as if arms were independent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perforin.endpoints.arm import Arm, align
from perforin.endpoints.catalogue import arm_of, arms, find, sample
from perforin.endpoints.resampling import weights_of
from perforin.endpoints.samples import Mean, Sample, Share, wilson_interval
from perforin.errors import UserError
from perforin.records import Records

__all__ = ["Difference", "Scored", "compare", "compare_all", "difference", "difference_of_shares"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """An arm minus the reference; ``better`` is the probability that the arm is better, None where neither is.

    ``paired`` counts the subjects who are in both samples. ``details`` may hold a ratio with its interval.
    """

    endpoint: str
    arm: str
    reference: str
    value: float
    low: float
    high: float
    better: float | None
    unit: str = ""
    paired: int = 0
    method: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def difference_of_shares(arm: Share, reference: Share, level: float = 0.95) -> tuple[float, float, float]:
    """Difference of two proportions with the hybrid score interval for paired data (Newcombe 1998, method 8).

    The correlation of the two proportions comes from the subjects who are in both; with nobody in both this is
    Newcombe's interval for independent proportions. It stays honest when an arm has no event.
    """
    sizes = len(arm.hits), len(reference.hits)
    p, q = float(arm.hits.mean()), float(reference.hits.mean())
    place, both = align(arm.subjects, reference.subjects)
    joint = (arm.hits[both] - p) * (reference.hits[place[both]] - q)
    spread = math.sqrt(p * (1 - p) * q * (1 - q) * sizes[0] * sizes[1])
    correlation = float(joint.sum()) / spread if spread > 0 else 0.0
    first = p, *wilson_interval(p * sizes[0], sizes[0], level)
    second = q, *wilson_interval(q * sizes[1], sizes[1], level)
    return p - q, *_combined(first, second, correlation)


def _combined(
    first: tuple[float, float, float], second: tuple[float, float, float], correlation: float
) -> tuple[float, float]:
    """Limits of a difference from each value with its limits (method of variance estimates recovery)."""
    (p, low_p, high_p), (q, low_q, high_q) = first, second
    down, up = p - low_p, high_q - q
    below = math.sqrt(max(down**2 - 2 * correlation * down * up + up**2, 0.0))
    down, up = q - low_q, high_p - p
    above = math.sqrt(max(down**2 - 2 * correlation * down * up + up**2, 0.0))
    return p - q - below, p - q + above


def _published(arm: Arm) -> bool:
    return bool((arm.records.table["origin"] == "published").any())


def _probability(better: int, first: Array, second: Array) -> float | None:
    if better == 0:
        return None
    with np.errstate(invalid="ignore"):
        more, less = first > second, first < second
    known = more | less | (first == second)
    if not known.any():
        return None
    won = more if better > 0 else less
    return float((won[known] + 0.5 * (first == second)[known]).mean())


def compare(
    first: Arm, second: Arm, endpoint: str, *, level: float = 0.95, replicates: int = 1000, seed: int = 0
) -> Difference | None:
    """An arm against a reference on one endpoint; None where either does not hold it. See ``difference``."""
    one, other = (Scored(arm.name, sample(arm, endpoint), _published(arm)) for arm in (first, second))
    return difference(endpoint, one, other, level=level, replicates=replicates, seed=seed)


class Scored(NamedTuple):
    """An arm's sample of an endpoint; published patients are nobody's pair, whatever their numbers."""

    arm: str
    sample: Sample | None
    published: bool = False

    def replicates(self, count: int, seed: int) -> Array:
        """(B,) the endpoint again, with weighted subjects."""
        assert self.sample is not None
        purpose = f"resampling {self.arm}" if self.published else "resampling"
        return self.sample.replicates(weights_of(self.sample.subjects, count, seed, purpose))


def difference(
    endpoint: str, first: Scored, second: Scored, *, level: float = 0.95, replicates: int = 1000, seed: int = 0
) -> Difference | None:
    """An arm against a reference on one endpoint; None where either has no subjects.

    Shares: hybrid score interval with the correlation of the patients in both arms. Everything else: percentiles of
    the Bayesian bootstrap over patients, who carry the same weight in both arms; where an arm does not vary under
    resampling (no event, or all on one day), their own intervals are combined instead, without any correlation. The
    probability of being better is the share of replicates in which the arm is, ties counting half.

    Args:
        endpoint: name.
        first: the arm.
        second: the reference.
        level: of the interval.
        replicates: of the bootstrap.
        seed: of the bootstrap's own streams.
    """
    entry = find(endpoint)
    one, other = first.sample, second.sample
    if one is None or other is None or len(one.subjects) == 0 or len(other.subjects) == 0:
        return None
    paired = 0 if first.published or second.published else int(align(one.subjects, other.subjects)[1].sum())
    a, b = first.replicates(replicates, seed), second.replicates(replicates, seed)
    x, y = one.result(level), other.result(level)
    value, details = x.value - y.value, {"arm": x.value, "reference": y.value}
    better = _probability(entry.better, a, b)
    if isinstance(one, Share) and isinstance(other, Share):
        if not paired:
            other = Share(np.full(len(other.hits), -1), other.hits)
        value, low, high = difference_of_shares(one, other, level)
        method = "Newcombe's hybrid score interval, paired by patient"
    elif _constant(a) or _constant(b):
        low, high = _combined(x[:3], y[:3], 0.0)
        method = "intervals of the arms combined as if independent: an arm does not vary under resampling"
    else:
        with np.errstate(invalid="ignore"):
            spread = a - b
        low, high = _percentiles(spread, level)
        method = f"Bayesian bootstrap by patient, {replicates} replicates"
        if (a > 0).all() and (b > 0).all() and not isinstance(one, Mean) and y.value > 0:
            details |= dict(zip(("ratio_low", "ratio_high"), _percentiles(a / b, level), strict=True))
            details["ratio"] = x.value / y.value
    return Difference(endpoint, first.arm, second.arm, value, low, high, better, entry.unit, paired, method, details)


def _constant(values: Array) -> bool:
    return bool(np.isfinite(values).all() and np.ptp(values) <= 1e-12 * max(1.0, float(np.abs(values).max())))


def _percentiles(values: Array, level: float) -> tuple[float, float]:
    """Percentile limits; NaN where more than half of a tail's worth of the replicates has no value."""
    tail = (1 - level) / 2
    if np.isnan(values).mean() > tail:
        return math.nan, math.nan
    low, high = np.nanquantile(values, [tail, 1 - tail], method="nearest")  # some may be infinite
    return float(low), float(high)


def compare_all(
    records: Records,
    reference: str,
    endpoints: Iterable[str],
    *,
    criteria: str = "lugano",
    enrolled: bool = False,
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> list[Difference]:
    """Every other arm against the reference on every endpoint that both hold, in the order of arms and endpoints.

    Raises:
        UserError: an unknown arm, endpoint or criterion.
    """
    names = [find(name).name for name in endpoints]
    base = arm_of(records, reference, criteria=criteria, enrolled=enrolled)
    names_of_arms = arms(records)
    if len(names_of_arms) < 2:
        raise UserError(f"found only the arm {reference!r}; needed another one to compare")
    found = []
    for name in names_of_arms:
        if name != reference:
            arm = arm_of(records, name, criteria=criteria, enrolled=enrolled)
            found += [compare(arm, base, what, level=level, replicates=replicates, seed=seed) for what in names]
    return [one for one in found if one is not None]

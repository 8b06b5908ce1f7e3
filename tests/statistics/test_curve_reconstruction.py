"""Reconstructed patients against the simulated ones whose plot was read: curve, median, milestone and log-rank test.

A plot is read to 0.1 % of survival and a tenth of a day in two thousand, the numbers at risk stand under it every
quarter of a year. The stated errors hold in 19 of 20 trials.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from perforin.endpoints.catalogue import arm_of, estimate
from perforin.endpoints.kaplan_meier import kaplan_meier, log_rank
from perforin.evidence.curves.digitised import digitised
from perforin.evidence.curves.reconstruction import Reconstruction, reconstruct
from perforin.records import Records

REPLICATES = 100
QUARTER = 91.25


class Patients(NamedTuple):
    time: np.ndarray
    event: np.ndarray


def simulated(kind: str, n: int, rng: np.random.Generator) -> Patients:
    """Times of one trial, censored by accrual over a year and a half and by some dropout."""
    death = {
        "exponential": lambda: rng.exponential(300, n),
        "weibull": lambda: 400 * rng.weibull(0.7, n),
        "cure": lambda: np.where(rng.random(n) < 0.35, np.inf, rng.exponential(150, n)),
    }[kind]()
    seen = np.minimum(rng.uniform(200, 750, n), rng.exponential(2000, n))
    return Patients(np.maximum(np.minimum(death, seen), 0.1), death <= seen)


def read_off(patients: Patients, rng: np.random.Generator, *, noise: float = 0.0, **known: object) -> Reconstruction:
    """What is left of a trial after it was plotted and digitised: corners of the steps, or a noisy trace."""
    curve = kaplan_meier(*patients)
    if noise:
        day = np.linspace(0, curve.day[-1], 200)
        share = curve.share[np.searchsorted(curve.day, day, side="right") - 1]
        share = np.clip(share + rng.normal(0, noise, len(day)) * (day > 0), 0, 1)
    else:
        day, share = np.append(0.0, np.repeat(curve.day, 2)[1:]), np.append(1.0, np.repeat(curve.share, 2)[:-1])
    risk = {float(at): int((patients.time >= at).sum()) for at in np.arange(0, curve.day[-1], QUARTER)}
    return reconstruct(digitised(day.round(1), share.round(3), unit="day", **(known or {"at_risk": risk})))


def errors(kind: str, n: int, noise: float = 0.0) -> dict[str, np.ndarray]:
    """Over replicates: error of survival at six and twelve months, of the median relative to itself, |z| of log-rank,
    and relative error of the number of events."""
    rng = np.random.default_rng([n, len(kind)])
    rows = []
    for _ in range(REPLICATES):
        truth = simulated(kind, n, rng)
        found = read_off(truth, rng, noise=noise)
        before, after = kaplan_meier(*truth), kaplan_meier(found.time, found.event)
        milestones = [abs(after.at(day)[0] - before.at(day)[0]) for day in (182.5, 365.0)]
        median = abs(after.quantile()[0] / before.quantile()[0] - 1)
        z = abs(log_rank(truth, (found.time, found.event))[0])
        rows.append([*milestones, median, z, abs(found.event.sum() / truth.event.sum() - 1)])
    return dict(zip(("six months", "a year", "median", "z", "events"), np.array(rows).T, strict=True))


STATED = {
    30: {"six months": 0.01, "a year": 0.025, "median": 0.05, "z": 0.25, "events": 0.06},
    100: {"six months": 0.005, "a year": 0.008, "median": 0.07, "z": 0.12, "events": 0.025},
    300: {"six months": 0.003, "a year": 0.004, "median": 0.04, "z": 0.08, "events": 0.015},
}
"""By patients: absolute for survival at a day, relative for the median and the number of events."""


@pytest.mark.parametrize("kind", ["exponential", "weibull", "cure"])
@pytest.mark.parametrize("n", list(STATED))
def test_median_milestones_events_and_log_rank_come_back_within_the_stated_errors(kind: str, n: int) -> None:
    for what, error in errors(kind, n).items():
        known = error[np.isfinite(error)]  # a median that is not reached has no error
        assert np.quantile(known, 0.95) <= STATED[n][what], (what, np.quantile(known, 0.95))
        if what == "z":
            assert known.max() <= 0.4, "the log-rank test of truth against reconstruction has p below 0.68"


@pytest.mark.parametrize("n", list(STATED))
def test_a_trace_with_errors_of_reading_still_gives_the_trial(n: int) -> None:
    found = errors("weibull", n, noise=0.002)
    assert np.quantile(found["a year"], 0.95) <= 0.02 + 0.5 / n
    assert np.quantile(found["z"], 0.95) <= 0.4
    assert np.quantile(found["events"], 0.95) <= 0.07


def test_without_numbers_at_risk_the_curve_is_right_and_with_the_total_the_events_are_too() -> None:
    rng = np.random.default_rng(5)
    few, right = [], []
    for _ in range(40):
        truth = simulated("exponential", 100, rng)
        n, events = len(truth.time), int(truth.event.sum())
        alone, told = read_off(truth, rng, n=n), read_off(truth, rng, n=n, events=events)
        before = kaplan_meier(*truth).at(365)[0]
        few.append([kaplan_meier(alone.time, alone.event).at(365)[0] - before, alone.event.sum() / events])
        right.append([kaplan_meier(told.time, told.event).at(365)[0] - before, told.event.sum() / events])
    assert np.abs(np.array(few)[:, 0]).max() < 0.02
    assert np.array(few)[:, 1].mean() > 1.05, "without numbers at risk events are overcounted, as the note says"
    assert np.array(right)[:, 1] == pytest.approx(1)


def test_intervals_of_reconstructed_patients_cover_as_often_as_those_of_the_trial() -> None:
    """95 % intervals of survival at a year, from the endpoint functions, in trials of 60; truth exp(-365/300)."""
    rng, covered = np.random.default_rng(8), np.zeros(2)
    for _ in range(150):
        truth = simulated("exponential", 60, rng)
        records = [
            read_off(truth, rng).records("read", "OS"),
            Records.build(subject=range(60), arm="true", parameter="death", day=truth.time, value=truth.event * 1.0,
                          censored=~truth.event),
        ]  # fmt: skip
        for i, one in enumerate(records):
            found = estimate(arm_of(one, one.arms[0]), "OS_12m")
            assert found is not None
            covered[i] += found.low <= np.exp(-365 / 300) <= found.high
    assert covered[1] / 150 == pytest.approx(0.95, abs=0.04)
    assert covered[0] / 150 == pytest.approx(covered[1] / 150, abs=0.02)

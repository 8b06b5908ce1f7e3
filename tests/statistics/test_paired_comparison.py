"""Comparisons of arms with the same patients cover the truth as often as they say, and gain from the pairing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from perforin.endpoints.catalogue import arm_of
from perforin.endpoints.compare import Difference, compare
from perforin.records import Records

N = 80


def trial(rng: np.random.Generator, shift: float) -> Records:
    """Two arms of the same patients: correlated response, cost and survival; a tenth is missing from one arm."""
    common, own, other = rng.normal(size=(3, N))
    severity = {"new": common + 0.5 * own - shift, "old": common + 0.5 * other}
    infused = {"new": np.arange(N) > 3, "old": np.arange(N) < 72}
    parts = []
    for arm, latent in severity.items():
        who = np.flatnonzero(infused[arm])
        death = np.exp(-0.5 * latent[who]) * 300
        rows = {
            "infused": (np.arange(N), infused[arm], 0 * latent, latent > np.inf),
            "cost": (np.arange(N), 1000 + 100 * latent, 0 * latent, latent > np.inf),
            "crs_max_grade": (who, latent[who] > 1.0, 0 * death, death < 0),
            "death": (who, death < 500, np.minimum(death, 500), death >= 500),
        }
        subject, value, day, censored = (np.concatenate(column) for column in zip(*rows.values(), strict=True))
        names = np.repeat(list(rows), [len(row[0]) for row in rows.values()])
        parts.append(
            Records.build(subject=subject, arm=arm, parameter=names, value=value, day=day, censored=censored)
        )
    return Records.concat(parts)


def compared(records: Records, endpoint: str, replicates: int = 400) -> Difference:
    found = compare(arm_of(records, "new"), arm_of(records, "old"), endpoint, replicates=replicates)
    assert found is not None
    return found


SPREAD = np.sqrt(1.25)
SHIFT = 0.5
TRUTH = {
    "CRS_any": ndtr(-(1 + SHIFT) / SPREAD) - ndtr(-1 / SPREAD),
    "cost": -100 * SHIFT,
    "OS_12m": ndtr((-2 * np.log(365 / 300) + SHIFT) / SPREAD) - ndtr(-2 * np.log(365 / 300) / SPREAD),
}


@pytest.fixture(scope="module")
def coverage() -> dict[str, float]:
    rng, trials = np.random.default_rng(20), 200
    hits = dict.fromkeys(TRUTH, 0)
    for _ in range(trials):
        records = trial(rng, SHIFT)
        for endpoint, truth in TRUTH.items():
            found = compared(records, endpoint)
            hits[endpoint] += found.low <= truth <= found.high
    return {endpoint: count / trials for endpoint, count in hits.items()}


@pytest.mark.parametrize("endpoint", TRUTH)
def test_intervals_cover_the_true_difference_nineteen_times_of_twenty(
    endpoint: str, coverage: dict[str, float]
) -> None:
    # 200 trials at 95 %: below 90 % once in 500 by chance; above 99.5 % would say that the interval is too wide
    assert 0.90 <= coverage[endpoint] <= 0.995


def test_pairing_narrows_the_interval_by_what_the_patients_share() -> None:
    records = trial(np.random.default_rng(5), SHIFT)
    apart = records.table.copy()
    apart.loc[apart["arm"] == "new", "subject"] += 1000
    for endpoint in TRUTH:
        paired, unpaired = compared(records, endpoint, 1000), compared(Records(apart), endpoint, 1000)
        assert paired.value == pytest.approx(unpaired.value)
        assert paired.paired > 60
        assert unpaired.paired == 0
        assert paired.high - paired.low < 0.9 * (unpaired.high - unpaired.low)


def test_the_probability_of_being_better_is_even_without_a_difference() -> None:
    rng = np.random.default_rng(8)
    chances = [compared(trial(rng, 0.0), "cost", 200).better for _ in range(120)]
    # uniform on 0 to 1 when there is no difference: the mean of 120 strays by 0.1 once in 7000
    assert abs(np.mean(chances) - 0.5) < 0.1
    assert np.std(chances) > 0.2


def test_the_probability_points_where_better_is() -> None:
    records = trial(np.random.default_rng(9), 2.0)
    chances = {name: compared(records, name).better for name in TRUTH}
    assert chances["CRS_any"] > 0.99, "fewer toxicities are better"
    assert chances["cost"] > 0.99, "a lower cost is better"
    assert chances["OS_12m"] > 0.99, "longer survival is better"

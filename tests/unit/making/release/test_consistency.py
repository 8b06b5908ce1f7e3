"""Variance components, capability, charts, comparability and stability against R, tables and planted values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from perforin.errors import UserError
from perforin.making.release.capability import (
    capability,
    one_sided_factor,
    order_statistic,
    quantile_capability,
    sample_for_extremes,
    two_sided_factor,
)
from perforin.making.release.charts import ewma, ewma_run_length, individuals, moving_ranges, run_length
from perforin.making.release.comparability import equivalence, stability
from perforin.making.release.consistency import by_anova, by_likelihood, patients_affected
from perforin.streams import Streams

REFERENCE = Path(__file__).parents[3] / "statistics" / "reference"
LEVELS = ("donor", "batch", "vial")


@pytest.fixture(scope="module")
def r() -> dict[str, float]:
    return pd.read_csv(REFERENCE / "consistency_r.csv").set_index("quantity")["value"].to_dict()


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "consistency_data.csv")


def planted(
    donors: int, batches: int, vials: int, assays: int, sds: tuple[float, ...], seed: int = 1
) -> tuple[np.ndarray, dict]:
    shape = (donors, batches, vials, assays)
    streams, value, size = Streams(seed), np.zeros(shape), 1
    for level, sd in enumerate(sds):
        size *= shape[level]
        effect = sd * streams.normal(f"level {level}", np.arange(size)).reshape(*shape[: level + 1], *[1] * (3 - level))
        value = value + effect
    donor, batch, vial, _ = np.indices(shape)
    return value.ravel(), {"donor": donor.ravel(), "batch": batch.ravel(), "vial": vial.ravel()}


def test_restricted_likelihood_gives_what_lme4_gives(data: pd.DataFrame, r: dict[str, float]) -> None:
    found = by_likelihood(data["value"], {name: data[name] for name in LEVELS})
    assert found.levels == (*LEVELS, "assay")
    assert found.variances == pytest.approx([r[name] for name in found.levels], rel=1e-4)
    assert found.mean == pytest.approx(r["mean"], rel=1e-6)


def test_balanced_analysis_of_variance_is_that_of_the_textbook_and_of_the_likelihood() -> None:
    values, groups = planted(12, 4, 3, 2, (0.6, 0.3, 0.15, 0.1))
    found = by_anova(values, groups)
    table = values.reshape(12, 4, 3, 2)
    cells, batches, donors = table.mean(3), table.mean((2, 3)), table.mean((1, 2, 3))
    within = ((table - cells[..., None]) ** 2).sum() / (12 * 4 * 3)
    vials = 2 * ((cells - batches[..., None]) ** 2).sum() / (12 * 4 * 2)
    between = 6 * ((batches - donors[:, None]) ** 2).sum() / (12 * 3)
    top = 24 * ((donors - donors.mean()) ** 2).sum() / 11
    by_hand = [(top - between) / 24, (between - vials) / 6, (vials - within) / 2, within]
    assert found.variances == pytest.approx(by_hand)
    assert by_likelihood(values, groups).variances == pytest.approx(by_hand, rel=1e-4)


def test_planted_components_are_recovered_on_average() -> None:
    """Analysis of variance is unbiased: over 300 data sets each mean lies within three standard errors of the truth."""
    sds = np.array([0.6, 0.3, 0.15, 0.1])
    found = np.array([by_anova(*planted(16, 4, 2, 2, tuple(sds), seed)).variances for seed in range(300)])
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - sds**2) < 3 * error).all()
    assert (error < 0.05 * sds**2).all(), "the test would see a bias of a seventh"


@pytest.mark.slow
def test_intervals_of_components_hold_as_often_as_they_say() -> None:
    sds, held, count = (0.6, 0.3, 0.15, 0.1), 0, 40
    for seed in range(count):
        found = by_likelihood(*planted(16, 4, 2, 2, sds, seed), intervals=True)
        held += sum(low <= sd**2 <= high for sd, (low, high) in zip(sds, found.interval, strict=True))
        assert sum(found.shares.values()) == pytest.approx(1)
    assert 0.90 <= held / (4 * count) <= 0.99


def test_unbalanced_analysis_of_variance_has_no_bias() -> None:
    sds, sums = (0.6, 0.3, 0.2), np.zeros(3)
    donor = np.repeat(np.arange(9), [1, 2, 3, 4, 5, 2, 3, 4, 6])
    batch = np.arange(30) // 2
    for run in range(400):
        streams = Streams(run)
        value = sds[0] * streams.normal("d", donor) + sds[1] * streams.normal("b", 100 * donor + batch)
        found = by_anova(value + sds[2] * streams.normal("e", np.arange(30)), {"donor": donor, "batch": batch})
        sums += found.variances
    assert sums / 400 == pytest.approx(np.square(sds), rel=0.12)


def test_groups_without_repeats_are_refused() -> None:
    with pytest.raises(UserError, match="one result in each group of 'batch'"):
        by_anova([1, 2, 3, 4], {"donor": [0, 0, 1, 1], "batch": [0, 1, 2, 3]})
    with pytest.raises(UserError, match="no more groups at the level 'batch'"):
        by_likelihood([1, 2, 3, 4], {"donor": [0, 0, 1, 1], "batch": [0, 0, 0, 0]})


def test_a_failed_lot_hits_one_patient_or_all_who_share_it() -> None:
    assert patients_affected([1, 1, 1], [True, False, True]) == 1
    assert patients_affected([200, 300, 500], [True, False, True]) == 350
    assert np.isnan(patients_affected([1], [False]))


def test_capability_of_a_normal_process_is_the_analytic_one() -> None:
    x = 10 + 2 * Streams(5).normal("lots", np.arange(200_000))
    found = capability(x, 4, 18)
    assert found.cp == pytest.approx(14 / 12, rel=0.01)
    assert found.cpk == pytest.approx(1.0, rel=0.01)
    assert quantile_capability(x, 4, 18)[0] == pytest.approx(1.0, rel=0.02)
    assert found.low < found.cpk < found.high


@pytest.mark.parametrize("limits", [(-1.5, np.inf), (-np.inf, 2.0), (-2.0, 2.5)])
def test_intervals_of_capability_cover_it(limits: tuple[float, float]) -> None:
    truth = min(-limits[0], limits[1]) / 3
    hits = 0
    for run in range(300):
        found = capability(Streams(run).normal("lots", np.arange(25)), *limits)
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 300 <= 0.98


def test_the_interval_of_resampled_lots_holds_the_index_and_skew_lowers_it() -> None:
    skewed = np.exp(0.5 * Streams(2).normal("lots", np.arange(3000)))
    index, low, high = quantile_capability(skewed, high=6.0, streams=Streams(1), draws=200)
    assert low <= index <= high
    assert index < capability(skewed, high=6.0).cpk


def test_tolerance_factors_are_those_of_r_and_of_tables(r: dict[str, float]) -> None:
    assert one_sided_factor(10) == pytest.approx(r["k1_10"], rel=1e-8)
    assert one_sided_factor(30, 0.99, 0.95) == pytest.approx(r["k1_30"], rel=1e-8)
    x = Streams(4).normal("x", np.arange(10 * 20_000)).reshape(20_000, 10)
    k = two_sided_factor(10)
    low, high = x.mean(1) - k * x.std(1, ddof=1), x.mean(1) + k * x.std(1, ddof=1)
    assert (ndtr(high) - ndtr(low) >= 0.95).mean() == pytest.approx(0.95, abs=0.005)


def test_bounds_without_a_distribution_need_59_lots_and_93() -> None:
    assert sample_for_extremes() == 59 and sample_for_extremes(sides=2) == 93
    assert order_statistic(58) == 0 and order_statistic(59) == 1 and order_statistic(93) == 2


def test_charts_have_the_usual_constants_and_run_lengths() -> None:
    x = np.array([10.0, 12, 11, 13, 9, 10, 30])
    chart, ranges = individuals(x), moving_ranges(x)
    mean_range = np.abs(np.diff(x)).mean()
    assert chart.high[0] - chart.centre == pytest.approx(2.660 * mean_range, rel=1e-3)
    assert ranges.high[0] == pytest.approx(3.267 * mean_range, rel=1e-3)
    assert list(ranges.signals) == [5]
    assert run_length() == pytest.approx(370.4, abs=0.1)
    assert run_length(1) == pytest.approx(43.9, abs=0.1)
    # Lucas and Saccucci (1990): weight 0.1, width 2.814.
    assert ewma_run_length(0, 0.1, 2.814) == pytest.approx(500, rel=0.01)
    assert ewma_run_length(1, 0.1, 2.814) == pytest.approx(10.3, rel=0.01)


def test_a_small_lasting_shift_is_seen_by_the_average_and_not_by_single_lots() -> None:
    x = Streams(8).normal("lots", np.arange(80))
    x[40:] += 1.0
    assert len(ewma(x).signals) > 5 > len(individuals(x).signals)


def test_equivalence_is_that_of_r(data: pd.DataFrame, r: dict[str, float]) -> None:
    first, second = (data.loc[part, "value"] for part in (data["donor"] <= 4, data["donor"] > 4))
    found = equivalence(first, second, 1.0)
    assert [found.difference, found.low, found.high, found.p] == pytest.approx(
        [r["difference"], r["low"], r["high"], r["p"]], rel=1e-7
    )
    assert found.equivalent and not equivalence(first, second, 0.8).equivalent


def test_stability_is_that_of_r(r: dict[str, float]) -> None:
    shelf = pd.read_csv(REFERENCE / "stability_data.csv")
    found = stability(shelf["month"], shelf["value"], shelf["batch"], low=90)
    assert found.model == "common slope"
    assert [found.p_slope, found.p_intercept] == pytest.approx([r["p_slope"], r["p_intercept"]], rel=1e-6)
    assert list(found.slopes.values()) == pytest.approx([r["slope_common"]] * 3, rel=1e-8)
    assert found.until == pytest.approx(r["until_common_slope"], rel=1e-6)

"""Survival and proportions against R's survival package, lifelines, statsmodels, SciPy and arithmetic."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight, survdiff
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from perforin.endpoints.compare import difference_of_shares
from perforin.endpoints.kaplan_meier import kaplan_meier, log_rank, weighted_survival
from perforin.endpoints.samples import RestrictedMean, Share, Times, exact_interval, wilson_interval

REFERENCE = Path(__file__).parent / "reference"
DATA = pd.read_csv(REFERENCE / "survival_data.csv")
ARMS = ("first", "second")


def arm(name: str) -> tuple[np.ndarray, np.ndarray]:
    rows = DATA[DATA["arm"] == name]
    return rows["time"].to_numpy(float), rows["event"].to_numpy(bool)


def reference(file: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE / file)


CASES = [
    pytest.param(file, *row, id=f"{file.removesuffix('.csv')}-{row[0]}-{row[1]}-{row[2]}")
    for file in ("survival_r.csv", "survival_lifelines.csv")
    for row in reference(file).itertuples(index=False)
    if row[0] != "both"
]


@pytest.mark.parametrize("file,name,quantity,day,value", CASES)
def test_curves_medians_and_restricted_means_equal_those_of_other_packages(
    file: str, name: str, quantity: str, day: float, value: float
) -> None:
    curve = kaplan_meier(*arm(name))
    ours = {
        "share": lambda: curve.at(day)[0],
        "low": lambda: 1.0 if day == 0 else curve.at(day)[1],
        "high": lambda: curve.at(day)[2],
        "at_risk": lambda: curve.followed(day),
        "median": lambda: curve.quantile()[0],
        "median_low": lambda: curve.quantile()[1],
        "median_high": lambda: curve.quantile()[2],
        "rmst": lambda: curve.restricted_mean(day)[0],
        "rmst_error": lambda: curve.restricted_mean(day)[1],
    }[quantity]()
    assert ours == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("file", ["survival_r.csv", "survival_lifelines.csv"])
def test_log_rank_equals_that_of_other_packages(file: str) -> None:
    table = reference(file).query("arm == 'both'").set_index("quantity")["value"]
    statistic, p = log_rank(arm("first"), arm("second"))
    assert statistic**2 == pytest.approx(table["log_rank_chi_squared"], rel=1e-9)
    assert p == pytest.approx(table["log_rank_p"], rel=1e-9)


@pytest.mark.parametrize("name", ARMS)
def test_kaplan_meier_equals_statsmodels_and_scipy(name: str) -> None:
    time, event = arm(name)
    curve = kaplan_meier(time, event)
    theirs = SurvfuncRight(time, event.astype(int))
    assert [curve.at(day)[0] for day in theirs.surv_times] == pytest.approx(theirs.surv_prob.tolist(), rel=1e-12)
    empirical = stats.ecdf(stats.CensoredData.right_censored(time, ~event)).sf
    assert [curve.at(day)[0] for day in empirical.quantiles] == pytest.approx(
        empirical.probabilities.tolist(), rel=1e-12
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # SciPy has no limits before the first event
        limits = empirical.confidence_interval(method="log-log")
    days = empirical.quantiles[(empirical.probabilities < 1) & (empirical.probabilities > 0)]
    assert [curve.at(day)[1] for day in days] == pytest.approx(limits.low.evaluate(days).tolist(), rel=1e-9)


def test_log_rank_equals_statsmodels() -> None:
    statistic, p = log_rank(arm("first"), arm("second"))
    chi_squared, theirs = survdiff(DATA["time"], DATA["event"], DATA["arm"])
    assert (statistic**2, p) == pytest.approx((chi_squared, theirs), rel=1e-9)


@pytest.mark.parametrize("name", ARMS)
def test_equal_weights_give_the_unweighted_curve(name: str) -> None:
    time, event = arm(name)
    days = np.arange(0, 400, 13.0)
    curve, weighted = kaplan_meier(time, event), weighted_survival(time, event, np.full((1, len(time)), 2.5), days)
    assert weighted[0] == pytest.approx([curve.at(day)[0] for day in days], rel=1e-12)


@pytest.mark.parametrize("name", ARMS)
def test_whole_weights_equal_repeated_subjects(name: str) -> None:
    time, event = arm(name)
    count = np.random.default_rng(4).integers(1, 5, len(time))
    days = np.arange(0, 400, 13.0)
    repeated = kaplan_meier(np.repeat(time, count), np.repeat(event, count))
    weighted = weighted_survival(time, event, count[None, :].astype(float), days)[0]
    assert weighted == pytest.approx([repeated.at(day)[0] for day in days], rel=1e-12)


def test_restricted_mean_of_exponential_times_is_the_analytic_one() -> None:
    rate, until = 1 / 200, 365.0
    exact = (1 - math.exp(-rate * until)) / rate
    rng = np.random.default_rng(11)
    found = []
    for _ in range(400):
        time, censoring = rng.exponential(1 / rate, 100), rng.uniform(200, 800, 100)
        times = Times(np.arange(100), np.minimum(time, censoring), time <= censoring)
        result = RestrictedMean(times, until).result()
        found.append((result.value, result.low <= exact <= result.high))
    values, covered = np.array(found).T
    # 400 trials: the mean strays by 4 standard errors once in 16 000; coverage of 95 % lies in 91 to 98 % likewise
    assert abs(values.mean() - exact) < 4 * values.std() / 20
    assert 0.91 < covered.mean() < 0.985


def test_restricted_mean_without_censoring_is_the_mean_of_the_shorter_times() -> None:
    time = np.random.default_rng(2).exponential(100, 500)
    value, error = kaplan_meier(time, np.ones(500, bool)).restricted_mean(150.0)
    assert value == pytest.approx(np.minimum(time, 150).mean(), rel=1e-12)
    assert error == pytest.approx(np.minimum(time, 150).std() / math.sqrt(500), rel=1e-9)


def test_zero_of_37_gives_an_upper_limit_of_nine_and_a_half_per_cent() -> None:
    result = Share(np.arange(37), np.zeros(37, bool)).result()
    assert (result.value, result.low) == (0.0, 0.0)
    assert result.high == pytest.approx(1 - 0.025 ** (1 / 37), rel=1e-12)
    assert round(result.high, 3) == 0.095
    assert "no event among 37" in result.method


def test_zero_of_191_gives_a_one_sided_bound_of_one_point_six_per_cent() -> None:
    result = Share(np.arange(191), np.zeros(191, bool)).result()
    assert round(result.details["one_sided_upper_95"], 3) == 0.016
    assert round(result.high, 3) == 0.019


@pytest.mark.parametrize("events,n", [(0, 10), (1, 10), (18, 37), (83, 101), (10, 10)])
def test_intervals_of_proportions_equal_statsmodels(events: int, n: int) -> None:
    assert exact_interval(events, n) == pytest.approx(proportion_confint(events, n, method="beta"), abs=1e-10)
    assert wilson_interval(events, n) == pytest.approx(proportion_confint(events, n, method="wilson"), abs=1e-10)


@pytest.mark.parametrize("first,second", [((18, 37), (55, 101)), ((0, 37), (13, 101)), ((5, 5), (3, 9))])
def test_difference_without_common_patients_is_newcombes_for_independent_arms(
    first: tuple[int, int], second: tuple[int, int]
) -> None:
    one, other = (
        Share(np.arange(n) + shift, np.arange(n) < events)
        for (events, n), shift in ((first, 0), (second, 1000))
    )
    _, low, high = difference_of_shares(one, other)
    assert (low, high) == pytest.approx(confint_proportions_2indep(*first, *second, method="newcomb"), abs=1e-9)


def test_the_milestone_limit_before_any_event_is_exact_for_those_followed() -> None:
    curve = kaplan_meier(np.array([10.0, 50, 60, 70]), np.zeros(4, bool))
    share, low, high = curve.at(40.0)
    assert (share, high) == (1.0, 1.0)
    assert low == pytest.approx(0.025 ** (1 / 3))


def test_a_curve_says_nothing_beyond_follow_up() -> None:
    curve = kaplan_meier(np.array([10.0, 50, 60]), np.array([True, True, False]))
    assert math.isnan(curve.at(61.0)[0])
    assert kaplan_meier(np.array([10.0, 50]), np.ones(2, bool)).at(61.0)[0] == 0.0


def test_at_one_time_events_come_before_censorings() -> None:
    time, event = np.array([5.0, 5, 5, 9]), np.array([False, True, False, True])
    assert kaplan_meier(time, event).at(5.0)[0] == 0.75
    assert weighted_survival(time, event, np.ones((1, 4)), np.array([5.0]))[0, 0] == pytest.approx(0.75)

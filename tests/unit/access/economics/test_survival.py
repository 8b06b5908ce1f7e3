"""Fitted survival curves against SciPy's fits with censoring, planted parameters and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from perforin.access.economics.survival import FAMILIES, Background, Milestones, Seen, fit
from perforin.errors import UserError
from perforin.streams import Streams


def trial(n: int, cure: float = 0.0, seed: int = 1, until: float = 5.0) -> Seen:
    rng = np.random.default_rng(seed)
    years = np.where(rng.random(n) < cure, np.inf, 0.8 * rng.weibull(1.3, n))
    end = rng.uniform(0.3 * until, until, n)
    return Seen(np.minimum(years, end), years <= end)


@pytest.mark.parametrize("family, theirs", [("weibull", stats.weibull_min), ("lognormal", stats.lognorm),
                                                ("loglogistic", stats.fisk)])  # fmt: skip
def test_a_curve_without_cure_is_the_one_that_scipy_fits_to_censored_times(family, theirs):
    seen = trial(400)
    shape, _, scale = theirs.fit(stats.CensoredData(seen.years[seen.event], right=seen.years[~seen.event]), floc=0)
    found = fit(seen, family)
    expected = np.log([scale, shape])
    assert found.estimate == pytest.approx(expected, abs=2e-3)


def test_an_exponential_is_events_over_time_and_its_error_one_over_the_root_of_events():
    seen = trial(300)
    found = fit(seen, "exponential")
    events = int(seen.event.sum())
    assert np.exp(-found.estimate[0]) == pytest.approx(events / seen.years.sum(), rel=1e-4)
    assert found.covariance[0, 0] == pytest.approx(1 / events, rel=1e-3)


def test_a_gompertz_with_no_slope_is_an_exponential():
    rng = np.random.default_rng(3)
    years = rng.exponential(2.0, 4000)
    seen = Seen(np.minimum(years, 6.0), years <= 6.0)
    found = fit(seen, "gompertz")
    assert np.exp(found.estimate[0]) == pytest.approx(0.5, abs=0.04)
    assert found.estimate[1] == pytest.approx(0, abs=3 * np.sqrt(found.covariance[1, 1]))


def test_a_planted_share_of_cured_is_found_within_its_error_and_beats_the_curve_without():
    seen = trial(2000, cure=0.4)
    found = fit(seen, "weibull", cure=True)
    assert found.cured == pytest.approx(0.4, abs=0.04)
    assert np.exp(found.estimate[1:]) == pytest.approx([0.8, 1.3], abs=0.08)
    assert found.aic < fit(seen, "weibull").aic - 50


def test_background_mortality_is_not_taken_for_disease():
    rng = np.random.default_rng(5)
    known = Background(0.05, 0.09)
    own = np.log1p(rng.exponential(size=3000) * known.slope / known.hazard) / known.slope
    disease = np.where(rng.random(3000) < 0.5, np.inf, rng.exponential(0.7, 3000))
    years = np.minimum(own, disease)
    seen = Seen(np.minimum(years, 10.0), years <= 10.0)
    assert fit(seen, "exponential", cure=True, background=known).cured == pytest.approx(0.5, abs=0.03)
    assert fit(seen, "exponential", cure=True).cured < 0.4


def test_milestones_of_a_known_curve_give_it_back():
    years = np.array([0.5, 1.0, 2.0, 4.0])
    share = 0.35 + 0.65 * np.exp(-((years / 0.6) ** 1.2))
    found = fit(Milestones(years, share, 100), "weibull", cure=True)
    assert found.survival(years) == pytest.approx(share, abs=1e-4)
    assert found.cured == pytest.approx(0.35, abs=1e-3)


@pytest.mark.slow
def test_draws_hold_the_truth_as_often_as_they_say():
    inside = []
    for seed in range(40):
        found = fit(trial(150, cure=0.4, seed=seed), "weibull", cure=True)
        drawn = found.survival([1.0], found.draws("curve", 400, Streams(seed)))[:, 0]
        low, high = np.quantile(drawn, [0.05, 0.95])
        inside.append(low < 0.4 + 0.6 * np.exp(-((1 / 0.8) ** 1.3)) < high)
    assert 0.8 < np.mean(inside) < 0.99


def test_every_family_begins_at_one_and_never_rises():
    years = np.linspace(0, 40, 200)
    for family in FAMILIES:
        curve = fit(trial(300), family, background=Background(0.01, 0.09)).survival(years)
        assert curve[0] == pytest.approx(1, abs=1e-4) and (np.diff(curve) <= 1e-12).all()


@pytest.mark.parametrize("data, family, words", [
    (Seen(np.array([1.0, 2.0]), np.array([False, False])), "weibull", "found no event among 2 patients"),
    (Milestones(np.array([1.0, 2.0]), np.array([0.6, 0.5]), 100), "weibull", "found 2 milestones for the 3 parameters"),
    (Seen(np.array([1.0]), np.array([True])), "weibul", "weibull"),
])  # fmt: skip
def test_what_no_curve_can_follow_is_refused(data, family, words):
    with pytest.raises(UserError, match=words):
        fit(data, family, cure=True)


def test_milestones_that_rise_and_times_before_the_start_are_refused():
    with pytest.raises(UserError, match="none above an earlier one"):
        Milestones(np.array([1.0, 2.0]), np.array([0.4, 0.5]), 100)
    with pytest.raises(UserError, match="0 years or later"):
        Seen(np.array([-1.0]), np.array([True]))

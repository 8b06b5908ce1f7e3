"""Rescue and further doses are given when a patient's state calls for them, and to nobody else."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.errors import UserError
from perforin.making.lot import Lots
from perforin.patients.cohort import enrol
from perforin.patients.doses import doses_for
from perforin.patients.treat import treated
from perforin.prepared import make_ready
from perforin.scenario import read_scenario
from perforin.streams import Streams
from perforin.treating import treat, values_of, wait
from perforin.trial.grades import toxicities

N = 120
LOW = {"dose": "1.2e9 cell", "when": "product_blood < 1 cell/uL", "after": 7, "until": 60, "most": 2}


def solved(ready, arm):
    streams, population, patients = Streams(ready.scenario.seed), ready.scenario.population, np.arange(N)
    cohort = enrol(population.covariates, population.correlations, patients, streams)
    numbers, network, viability = values_of(ready, arm.model, cohort, streams), arm.model.network, np.full(N, 0.8)
    acting = arm.actions.numbers(numbers, cohort.columns, viability, patients, streams)
    doses = doses_for(network, arm.administrations(cohort.columns, viability), numbers)
    return cohort, streams, arm.kernel.run(acting, network.start(numbers), doses, ready.days, begin=arm.begin)


@pytest.fixture(scope="module")
def head_to_head():
    return make_ready(read_scenario("cd19_lbcl_head_to_head").with_changes({"horizon": "60 day", "visits": [30]}))


@pytest.mark.parametrize("place, toxicity, grade", [(0, "crs", 2), (1, "icans", 2)])
def test_rescue_is_given_at_the_moment_the_trial_would_grade(head_to_head, place, toxicity, grade):
    ready, arm = head_to_head, head_to_head.arms[1]
    cohort, streams, solution = solved(ready, arm)
    lots = Lots(cohort.patients, np.zeros(N), np.ones(N, bool), np.full(N, ""), np.full(N, 0.8), np.zeros(N))
    course, _ = treat(ready, arm, cohort, lots, wait(ready, cohort, [lots], streams), streams)
    onset = getattr(toxicities(course, ready.plan.numbers, streams), toxicity).onsets[:, grade - 1]
    given = solution.event_day[:, place]
    assert 10 < np.isfinite(given).sum() < N
    both = np.isfinite(given) & np.isfinite(onset)
    # What the kernel saw counts even where the drug, given at once, leaves nothing to be seen on the next day.
    assert np.isfinite(onset)[np.isfinite(given)].all()
    assert (np.isfinite(given) == np.isfinite(onset)).mean() > 0.97
    assert (onset[both] <= given[both]).all()
    assert np.quantile((given - onset)[both], 0.95) < 0.25  # the trial counts fever by half days
    assert (solution.event_count[:, place] <= 1).all()


def test_rescue_lowers_the_signal_it_is_given_against(head_to_head):
    arm = head_to_head.arms[1]
    cohort, streams, solution = solved(head_to_head, arm)
    network, numbers = arm.model.network, values_of(head_to_head, arm.model, cohort, streams)
    doses = doses_for(network, arm.administrations(cohort.columns, np.full(N, 0.8)), numbers)
    without = arm.kernel.run(
        arm.actions.never(numbers), network.start(numbers), doses, head_to_head.days, begin=arm.begin
    )
    assert without.event_count.sum() == 0
    drug = arm.kernel.outputs.index({n: t for n, t, _ in network.observables}["il6_signal"])
    ever, days = np.isfinite(solution.event_day[:, 0]), head_to_head.days
    before = days[None, :] < np.where(ever, solution.event_day[:, 0], np.inf)[:, None]
    same = np.isclose(solution.values[:, :, drug], without.values[:, :, drug], rtol=1e-3)
    first = np.fmin.reduce(np.where(np.isfinite(solution.event_day), solution.event_day, np.inf), axis=1)
    untouched = days[None, :] < first[:, None]
    assert same[untouched].all()
    later = ~before & (days[None, :] < np.where(ever, solution.event_day[:, 0], np.inf)[:, None] + 3)
    given, not_given = (one.values[:, :, drug][later & ever[:, None]] for one in (solution, without))
    assert np.median(given / not_given) < 0.8


def again(**changes):
    arms = {"again": {"product": "cd33_car_nk", "lymphodepletion": "flu_cy_300", "redose": [LOW | changes],
                      "schedule": [{"day": 0, "dose": "1.2e9 cell"}]}}  # fmt: skip
    return read_scenario("cd33_aml").with_changes(
        {"arms": arms, "reference": "again", "horizon": "90 day", "visits": [28]}
    )


def test_cells_are_given_again_when_they_are_low():
    ready = make_ready(again())
    (arm,) = ready.arms
    cohort, streams, solution = solved(ready, arm)
    found = treated(arm.model.network, arm.kernel.outputs, solution, ready.days, cohort.patients, streams)
    blood, day = found.observables["product_blood"], solution.event_day[:, 0]
    given = np.isfinite(day)
    assert given.any()
    assert (solution.event_count <= 2).all()
    assert ((day[given] >= 7) & (day[given] <= 60)).all()
    for who in np.flatnonzero(given & (day > 7.01))[:20]:
        before = np.flatnonzero(ready.days < day[who])[-1]
        assert blood[who, before] >= 1.0
    never = ~given
    inside = (ready.days >= 7) & (ready.days <= 60)
    assert (blood[never][:, inside] >= 1.0).all()


def test_every_further_dose_costs():
    streams = Streams(1)
    cost = {}
    for most in (1, 2):
        ready = make_ready(again(most=most))
        (arm,) = ready.arms
        population = ready.scenario.population
        cohort = enrol(population.covariates, population.correlations, np.arange(40), streams)
        lots = Lots(cohort.patients, np.zeros(40), np.ones(40, bool), np.full(40, ""), np.ones(40), np.full(40, 100.0))
        course, _ = treat(ready, arm, cohort, lots, wait(ready, cohort, [lots], streams), streams)
        cost[most] = course.cost
    assert set((cost[2] - cost[1]).round(6)) == {0.0, 100.0}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"when": "product_blod < 1 cell/uL"}, "product_blood"),
        ({"when": "product_blood < 1 cell"}, "cell/uL"),
        ({"when": "product_blood under 1"}, "observable and a level"),
        ({"dose": "3 mg"}, "cell"),
        ({"after": 70}, "earlier first day"),
        ({"most": 0}, "most"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        make_ready(again(**change))

"""Who waits is lost by the course of the own disease; delay acts as far as it is declared to."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.making.attrition import deadlines
from perforin.making.lot import Lots
from perforin.patients.cohort import enrol
from perforin.prepared import make_ready
from perforin.records import exact_interval
from perforin.scenario import read_scenario
from perforin.streams import Streams
from perforin.treating import deadlines_of, treat, wait

N = 4000
PATIENTS = np.arange(N)


def test_a_rising_hazard_is_lived_through_exactly() -> None:
    """h = a + b t has the survival exp(-a t - b t^2 / 2); after the last day the hazard stays."""
    days, many = np.array([0.0, 10.0, 40.0]), np.arange(200_000)
    hazard = np.tile(0.01 + 0.002 * days, (len(many), 1))
    found = deadlines(hazard, many, Streams(3), days)
    for day in (5.0, 25.0, 60.0):
        until = min(day, 40.0)
        lived = 0.01 * until + 0.001 * until**2 + 0.09 * (day - until)
        assert (found > day).mean() == pytest.approx(np.exp(-lived), abs=0.004)


def test_a_hazard_that_stops_loses_nobody_after() -> None:
    found = deadlines(np.tile([0.1, 0.0], (N, 1)), PATIENTS, Streams(3), [0.0, 10.0])
    assert np.isinf(found).mean() == pytest.approx(np.exp(-0.5), abs=0.03)
    assert found[np.isfinite(found)].max() <= 10


@pytest.fixture(scope="module")
def ready():
    return make_ready(read_scenario("cd19_lbcl_head_to_head").with_changes({"horizon": "60 day", "visits": [30]}))


@pytest.fixture(scope="module")
def cohort(ready):
    population = ready.scenario.population
    return enrol(population.covariates, population.correlations, PATIENTS, Streams(1))


def test_patients_with_more_disease_are_lost_sooner_and_the_trials_are_still_met(ready, cohort) -> None:
    """Loss between collection and infusion: ZUMA-1 9 of 110, TRANSCEND 48 of 342, JULIET 38 of 153."""
    lost = deadlines_of(ready, cohort, Streams(1))
    for events, n, day in ((9, 110, 24), (48, 342, 37), (38, 153, 54)):
        low, high = exact_interval(events, n)
        assert low < (lost < day).mean() < high
    heavy = cohort.columns["burden"] > np.median(cohort.columns["burden"])
    assert (lost < 37)[heavy].mean() > 1.2 * (lost < 37)[~heavy].mean()


def test_what_a_patient_is_lost_by_does_not_depend_on_company(ready, cohort) -> None:
    some = PATIENTS % 7 == 3
    every = deadlines_of(ready, cohort, Streams(1))
    np.testing.assert_array_equal(every[some], deadlines_of(ready, cohort.only(some), Streams(1)))


def test_a_delay_without_effect_of_its_own_leaves_the_disease_as_it_was() -> None:
    few = 60
    burdens = {}
    for share in (0, 0.5, 1):
        changes = {"horizon": "60 day", "visits": [30], "disease.parameters": {"waiting.causal_share": share}}
        ready = make_ready(read_scenario("cd19_lbcl_head_to_head").with_changes(changes))
        population, streams, arm = ready.scenario.population, Streams(1), ready.arms[1]
        cohort = enrol(population.covariates, population.correlations, np.arange(few), streams)
        for day in (10.0, 60.0):
            lots = Lots(cohort.patients, np.full(few, day), np.ones(few, bool), np.full(few, ""), np.full(few, 0.8),
                        np.zeros(few))  # fmt: skip
            course, _ = treat(ready, arm, cohort, lots, wait(ready, cohort, [lots], streams), streams)
            burdens[share, day] = course.observables["tumour_burden"][:, 0]
    np.testing.assert_allclose(burdens[0, 60.0], burdens[0, 10.0], rtol=1e-6)
    assert (burdens[0.5, 60.0] > burdens[0, 60.0]).all() and (burdens[1, 60.0] > burdens[0.5, 60.0]).all()

"""What arrives decides what the cells can do: living cells, their killing and their motility come from the lot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perforin.making.lot import Lots
from perforin.patients.cohort import enrol
from perforin.prepared import make_ready
from perforin.scenario import read_scenario
from perforin.streams import Streams
from perforin.treating import treat, values_of, wait

N = 40


@pytest.fixture(scope="module")
def study():
    ready = make_ready(read_scenario("cd19_lbcl_head_to_head").with_changes({"horizon": "60 day", "visits": [30]}))
    streams = Streams(ready.scenario.seed)
    population = ready.scenario.population
    cohort = enrol(population.covariates, population.correlations, np.arange(N), streams)
    lots = Lots(cohort.patients, np.full(N, 7.0), np.ones(N, bool), np.full(N, ""), np.full(N, 0.8), np.zeros(N))
    return ready, ready.arms[0], cohort, lots, streams


def burden(study, **changed):
    ready, arm, cohort, lots, streams = study
    lots = replace(lots, **changed)
    course, _ = treat(ready, arm, cohort, lots, wait(ready, cohort, [lots], streams), streams)
    return course.observables["tumour_burden"][:, np.searchsorted(course.days, 14.0)]


def test_properties_of_a_lot_multiply_the_numbers_that_nouns_name_and_no_others(study):
    ready, arm, cohort, lots, streams = study
    plain = values_of(ready, arm.model, cohort, streams, lots)
    np.testing.assert_array_equal(plain, values_of(ready, arm.model, cohort, streams))
    worse = replace(lots, killing_function=np.full(N, 0.25), motile_fraction=np.full(N, 0.5))
    ratio = values_of(ready, arm.model, cohort, streams, worse) / np.where(plain == 0, 1, plain)
    changed = {name: float(one) for name, one in zip(arm.model.parameters.stems, ratio[0], strict=True) if 0 < one < 1}
    assert changed == {
        "killing.kills_per_day": 0.25, "off_tumour_killing.kills_per_day": 0.25,
        "migration.out[disease]": 0.5, "migration.out[lymphoid]": 0.5,
    }  # fmt: skip


def test_a_lot_that_kills_less_moves_less_or_lives_less_leaves_more_tumour(study):
    good = burden(study)
    for worse in ("killing_function", "motile_fraction", "dose_share", "viability_24h"):
        left = burden(study, **{worse: np.full(N, 0.2)})
        assert (left >= good * (1 - 1e-3)).mean() > 0.9, worse
        assert np.median(left) > np.median(good), worse


def test_what_is_not_said_of_a_lot_is_neutral(study):
    lots = study[3]
    np.testing.assert_array_equal(lots.living_share, lots.viability)
    assert (lots.killing_function == 1).all() and (lots.motile_fraction == 1).all() and (lots.lot == -1).all()
    assert lots.only(np.arange(N) < 3).dose_share.tolist() == [1, 1, 1]

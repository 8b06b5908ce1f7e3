"""The compiled kernel on the composed patient model, state by state, beside SciPy's LSODA at 1e-12."""

from __future__ import annotations

import numpy as np
import pytest

from oracle import compare_with_oracle
from perforin.patients.cohort import enrol
from perforin.patients.doses import doses_for
from perforin.prepared import make_ready
from perforin.scenario import read_scenario
from perforin.streams import Streams
from perforin.treating import TOLERANCE, values_of

DAYS = np.arange(0.0, 91.0, 3.0)
MOST = 1e-4
"""Largest error of any state, relative to itself and a thousandth of its peak, above 100 absolute tolerances."""


@pytest.mark.parametrize("name", ["car_nk", "car_t"])
def test_every_state_of_the_patient_model_agrees_with_the_oracle(name):
    ready = make_ready(read_scenario("cd19_lbcl_head_to_head"))
    arm = next(one for one in ready.arms if one.name == name)
    streams, population = Streams(5), ready.scenario.population
    cohort = enrol(population.covariates, population.correlations, np.arange(3), streams)
    numbers = values_of(ready, arm.model, cohort, streams)
    network = arm.model.network
    doses = doses_for(network, arm.administrations(cohort.columns, np.ones(3)), numbers)
    found = compare_with_oracle(
        network, numbers, network.start(numbers), doses, DAYS, begin=arm.begin, rtol=TOLERANCE, method="LSODA"
    )
    assert (found.status == 0).all()
    assert {state: error for state, error in found.errors.items() if error > MOST} == {}
    assert np.median(list(found.errors.values())) < 5e-5

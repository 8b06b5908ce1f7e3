"""Clones of the composed patient counted one by one, beside the branching process that decides cure."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from perforin.kernels.build import Doses, build
from perforin.kernels.extinction import clone_outputs, fates, rates_from
from perforin.kernels.stochastic import build as build_stochastic
from perforin.patients.cohort import enrol
from perforin.patients.doses import doses_for
from perforin.prepared import administrations, begin_of
from perforin.scenario import read_scenario
from perforin.streams import Streams

PATIENTS = 12
FINE = 0.1
"""Between days of the rates that the branching process reads."""


@pytest.fixture(scope="module")
def treated():
    """Network, parameters, start, doses and first day of patients of the demonstration, in its last arm."""
    scenario = read_scenario("cd19_lbcl_head_to_head")
    arm = list(scenario.arms)[-1]
    model, streams = scenario.model(arm), Streams(scenario.seed)
    cohort = enrol(scenario.population.covariates, scenario.population.correlations, np.arange(PATIENTS), streams)
    parameters = model.parameters.draw(cohort.patients, streams, *scenario.parameter_columns(model, cohort.columns))
    given = scenario.given(arm)
    dosed = administrations(given, scenario.products(arm), cohort.columns, np.ones(PATIENTS))
    doses = doses_for(model.network, dosed, parameters)
    return model.network, parameters, model.network.start(parameters), doses, begin_of(given)


def _expected(treated, days):
    """(patients, days) chance that no positive clone is left."""
    network, parameters, start, doses, begin = treated
    outputs = clone_outputs(network)
    solution = build(network, outputs).run(parameters, start, doses, days, begin=begin, rtol=1e-8)
    return fates(rates_from(network, solution, outputs), days, longest=FINE / 4).positive


def _found(treated, who, day, replicates, **how):
    """Share of the replicates of one patient in which no positive clone is left on a day."""
    network, parameters, start, doses, begin = treated
    positive = [name for name, kind in network.clones if kind == "positive"]
    own = Doses(doses.when[[who]], doses.state, doses.keep, doses.add[[who]])
    run = build_stochastic(network, positive, mode="hybrid").run(
        parameters[[who]], start[[who]], own, [day], begin=begin, seed=1, patients=[who], replicates=replicates, **how
    )
    assert run.status[0] == 0, run.reasons
    return (run.values[0, :, 0] == 0).all(axis=1).mean()


@pytest.mark.slow
def test_the_last_positive_cell_dies_when_the_branching_process_says(treated):
    """Tumours of 1e10 cells, followed to the last thousand of each clone and then counted; 4000 replicates.

    The day is that on which extinction is most a matter of luck. Each patient is held to 3.5 standard errors, all
    together to the 99.9th percentile of chi-square; courses of their own, in which cells act back, in 400 replicates.
    """
    days = np.arange(treated[-1], 50.0, FINE)
    expected = _expected(treated, days)
    undecided = [who for who in range(PATIENTS) if expected[who, -1] > 0.2]
    assert len(undecided) >= 8
    errors, own_errors = [], []
    for who in undecided:
        k = np.abs(expected[who] - 0.5).argmin()
        chance = expected[who, k]
        for replicates, shared, into in ((4000, True, errors), (400, False, own_errors)):
            found = _found(treated, who, days[k], replicates, shared=shared)
            into.append((found - chance) / np.sqrt(chance * (1 - chance) / replicates))
    for found in (np.array(errors), np.array(own_errors)):
        assert (np.abs(found) < 3.5).all(), found
        assert (found**2).sum() < stats.chi2.ppf(0.999, len(found)), found

"""Simulations that several claims share: each scenario is run once, whoever asks first."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest

from perforin import study
from perforin.endpoints.catalogue import score
from perforin.inference.sensitivity import typical
from perforin.kernels.solution import FAILED
from perforin.patients.doses import Administration, doses_for
from perforin.prepared import Ready, make_ready, plan_of
from perforin.records import Estimate, Records
from perforin.scenario import Scenario, read_scenario, scenario_of

PATIENTS = 200
DAYS = np.arange(0.0, 366.0)
WITHOUT_SUPPORT = """
title: CAR-NK without a gene for interleukin 15
question: How long do NK cells last without cytokine support?
disease: lbcl
horizon: 24 month
visits: [30, 90, 180, 365]
arms:
  car_nk: {product: cb_car19, lymphodepletion: flu_cy_300}
"""


class Simulated(NamedTuple):
    """The first 200 patients of a scenario: models, records, and estimates by arm and endpoint."""

    ready: Ready
    records: Records
    found: dict[tuple[str, str], Estimate]


def simulate(scenario: Scenario) -> Simulated:
    ready = make_ready(scenario)
    tables = study.simulate(ready, np.arange(PATIENTS), courses=False)
    assert tables["failed"].empty
    records = Records(tables["records"])
    found = score(records, criteria=plan_of(scenario).criteria)
    return Simulated(ready, records, {(one.arm, one.endpoint): one for one in found})


@pytest.fixture(scope="session")
def simulated():
    """A function from a scenario's name, or from its text, to what it gives."""

    @lru_cache
    def by_name(name: str) -> Simulated:
        return simulate(scenario_of(name) if "\n" in name else read_scenario(name))

    return by_name


@pytest.fixture(scope="session")
def lymphoma(simulated) -> Simulated:
    """CD19 CAR-NK with IL-15 and CD19 CAR-T, in the same 200 virtual patients with large B-cell lymphoma."""
    return simulated("cd19_lbcl_head_to_head")


@pytest.fixture(scope="session")
def without_support(simulated) -> Simulated:
    """The same patients and the same CAR-NK without its gene for interleukin 15."""
    return simulated(WITHOUT_SUPPORT)


@pytest.fixture(scope="session")
def arms(lymphoma):
    """Models and kernels of the two arms, by name."""
    return {arm.name: arm for arm in lymphoma.ready.arms}


@pytest.fixture(scope="session")
def courses(lymphoma, arms):
    """A function to the courses of one typical patient for each mapping of changes: (changes, days 0 to 365) by name.

    A key names one parameter or all members of one; a value that is text, such as ``x2``, multiplies. ``without``
    leaves drugs out, ``extra`` adds some as (dose, day, amount).
    """

    def solve(name, *changes, without=(), extra=()):
        arm, count = arms[name], len(changes)
        centre, middle = typical(lymphoma.ready.scenario, arm.model)
        names, numbers = list(arm.model.parameters.names), np.tile(centre, (count, 1))
        for row, change in zip(numbers, changes, strict=True):
            for key, given in change.items():
                chosen = [i for i, full in enumerate(names) if full == key or full.startswith(f"{key}[")]
                assert chosen, f"no parameter {key}"
                row[chosen] = row[chosen] * float(given[1:]) if isinstance(given, str) else given
        columns = {key: np.repeat(value, count) for key, value in middle.items()}
        planned = [one for one in arm.administrations(columns, np.ones(count)) if one.dose not in without]
        planned += [Administration(dose, np.full(count, day), np.full(count, amount)) for dose, day, amount in extra]
        doses = doses_for(arm.model.network, planned, numbers)
        begun = arm.model.network.start(numbers)
        solution = arm.kernel.run(arm.actions.never(numbers), begun, doses, DAYS, begin=arm.begin)
        assert (solution.status != FAILED).all()
        place = {out: i for i, out in enumerate(arm.kernel.outputs)}
        return {key: solution.values[:, :, place[of]] for key, of, _ in arm.model.network.observables}

    return solve

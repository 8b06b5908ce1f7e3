"""A scenario made ready to run: one composed model and one kernel for each arm, and one without treatment."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perforin.actions import Actions, actions_of
from perforin.errors import UserError
from perforin.kernels.build import Kernel, build
from perforin.library import Model
from perforin.making.ledger import numbers
from perforin.making.lot import Lots
from perforin.making.network.description import Network, read_network
from perforin.making.process import Process, read_process
from perforin.nouns import Criteria
from perforin.patients.doses import Administration
from perforin.patients.treat import outputs_for
from perforin.sampling_days import sampling_days
from perforin.scenario import Given, Scenario
from perforin.trial.plan import TrialPlan

__all__ = ["PreparedArm", "Ready", "administrations", "begin_of", "make_ready", "plan_of", "process_of",
           "supply_of"]  # fmt: skip

Array = NDArray[np.float64]

_JUDGED: Mapping[Criteria, str] = {"lugano": "lugano", "recist": "recist", "marrow": "leukaemia", "myeloma": "myeloma"}
_LEAD = 1.0
"""A course begins this long before the first dose [day]."""


def begin_of(given: Iterable[Given]) -> float:
    """A day before the first dose, when a course begins."""
    return min(0.0, *(day for one in given for day in one.days)) - _LEAD


def administrations(
    given: Iterable[Given], products: Container[str], columns: Mapping[str, Array], living_share: Array
) -> list[Administration]:
    """What each patient gets and when; of a product only living cells count.

    Args:
        given: infusions and drugs.
        products: names of the doses that are products.
        columns: (n,) covariates.
        living_share: (n,) living cells of the product over its planned dose.
    """
    out, n = [], len(living_share)
    for one in given:
        amount = one.amount.each(one.unit, columns, n)
        if one.dose in products:
            amount = amount * living_share
        out += [Administration(one.dose, np.full(n, day), amount) for day in one.days]
    return out


@dataclass(frozen=True)
class PreparedArm:
    """One arm: its model, process, supply network if its patients share one, what is given, and what is called for.

    The kernel solves the network of the actions: that of the model, with events.
    """

    name: str
    model: Model
    kernel: Kernel
    process: Process
    given: tuple[Given, ...]
    actions: Actions
    products: tuple[str, ...]
    network: Network | None = None

    @property
    def begin(self) -> float:
        """First day of a course, counted from the infusion."""
        return begin_of(self.given)

    @property
    def infusions(self) -> int:
        """How often a product is given."""
        return sum(len(one.days) for one in self.given if one.dose in self.products)

    def administrations(self, columns: Mapping[str, Array], living_share: Array) -> list[Administration]:
        """What each patient gets and when; see ``administrations``."""
        return administrations(self.given, self.products, columns, living_share)


@dataclass(frozen=True)
class Ready:
    """Everything that does not depend on a patient.

    ``together`` holds the lots of arms whose patients share a network, once they were asked for.
    """

    scenario: Scenario
    arms: tuple[PreparedArm, ...]
    untreated: Model
    untreated_kernel: Kernel
    days: Array
    plan: TrialPlan
    together: dict[str, Lots] = field(default_factory=dict, compare=False, repr=False)


def plan_of(scenario: Scenario) -> TrialPlan:
    """The protocol of a scenario."""
    return TrialPlan(criteria=_JUDGED[scenario.judged_by], visit_days=scenario.visit_days, horizon=scenario.horizon,
                     keys={"disease": scenario.disease.use})  # fmt: skip


def make_ready(scenario: Scenario) -> Ready:
    """Compose every arm and build its kernel; compilers run side by side.

    Raises:
        UserError: names, units or numbers that do not fit together.
    """
    supplies = {name: supply_of(scenario, name) for name in scenario.arms}
    models, plan = {name: scenario.model(name) for name in scenario.arms}, plan_of(scenario)
    actions = {name: _actions(scenario, name, model, plan) for name, model in models.items()}
    untreated = scenario.model(None)
    outputs = tuple(dict.fromkeys([*outputs_for(untreated.network), *untreated.network.state_names]))
    with ThreadPoolExecutor(max_workers=2) as pool:
        waiting = {
            name: pool.submit(build, actions[name].network, outputs_for(model.network))
            for name, model in models.items()
        }
        alone = pool.submit(build, untreated.network, outputs)
        kernels = {name: one.result() for name, one in waiting.items()}
    arms = [
        PreparedArm(
            name=name,
            model=model,
            kernel=kernels[name],
            process=supplies[name][0],
            given=scenario.given(name),
            actions=actions[name],
            products=tuple(scenario.products(name)),
            network=supplies[name][1],
        )
        for name, model in models.items()
    ]
    days = sampling_days(scenario.horizon, [*plan.visits, *plan.samples])
    return Ready(scenario, tuple(arms), untreated, alone.result(), days, plan)


def process_of(scenario: Scenario, arm: str) -> Process:
    """How the arm's product is made, that of its first product where there are several."""
    products = list(scenario.products(arm).values())
    if not products:
        needed = "needed 'product: name', from whose infusion its patients are followed"
        raise UserError(f"found an arm without a product; {needed}", scenario.at("arms", arm))
    return read_process(products[0].process, *scenario.library.process(products[0].process))


def supply_of(scenario: Scenario, arm: str) -> tuple[Process, Network | None]:
    """How an arm's product is made, and the supply network that it comes through if there is one.

    The specifications and the lane that the process names are read as well, to see that they fit.

    Raises:
        UserError: a file that does not fit, or a network of other cells than the process makes.
    """
    process, name = process_of(scenario, arm), scenario.arms[arm].network
    where = scenario.at("arms", arm, "network")
    network = read_network(scenario.library.path("networks", name, where)) if name else None
    if network is not None and network.starting_material != process.starting_material:
        raise UserError(f"found the network {name!r} of cells from {network.starting_material}; needed one of cells "
                        f"from {process.starting_material}, as the process {process.name!r} makes", where)  # fmt: skip
    numbers(process, network)
    return process, network


def _actions(scenario: Scenario, arm: str, model: Model, plan: TrialPlan) -> Actions:
    try:
        return actions_of(model.network, scenario.rescue(arm), scenario.redose(arm), plan.numbers)
    except UserError as problem:
        raise UserError(str(problem), scenario.at("arms", arm, "redose")) from None

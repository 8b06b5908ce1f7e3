"""The models that are measured, each as a folder that any tool can read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import reference_model
from formulas import python_source
from numpy.typing import NDArray
from tools.problem import Problem

from perforin.errors import UserError
from perforin.kernels.build import Doses
from perforin.model.network import Network
from perforin.model.write.exchange import exchange
from perforin.model.write.sbml import to_sbml
from perforin.patients.cohort import enrol
from perforin.patients.doses import doses_for
from perforin.prepared import administrations, begin_of
from perforin.scenario import Scenario, read_scenario
from perforin.streams import Streams

__all__ = ["BUILD", "SCENARIO", "Model", "model", "scenario"]

BUILD = Path(__file__).parents[1] / "build"
SCENARIO = "cd19_lbcl_head_to_head"
COMPOSED_DAYS = np.arange(0.0, 361.0, 4.0)
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Model:
    """A network and the patients in whom every tool solves it; arrays by patient."""

    name: str
    network: Network
    parameters: NDArray[np.float64]
    start: NDArray[np.float64]
    doses: Doses
    days: NDArray[np.float64]
    begin: float

    @property
    def years(self) -> float:
        """Simulated time of one patient."""
        return float(self.days[-1] - self.begin) / DAYS_PER_YEAR

    def problem(self) -> Problem:
        """The folder, written unless it is there: its name follows from everything in it."""
        doses, net = self.doses, self.network
        arrays = (self.parameters, self.start, doses.when, doses.state, doses.keep, doses.add, self.days,
                  np.array(self.begin), net.absolute_tolerances)  # fmt: skip
        key = hashlib.sha256(b"".join([net.hash.encode(), *(np.ascontiguousarray(one).tobytes() for one in arrays)]))
        folder = BUILD / "benchmarks" / f"{self.name.replace('/', '_')}-{key.hexdigest()[:16]}"
        problem = Problem(folder, *arrays[:7], self.begin, net.absolute_tolerances)
        if net.events:
            raise UserError(f"{self.name}: found events in its network; needed none, for the other tools have no such")
        ids = exchange(net, self.parameters[0], self.start[0])
        states = {row.name: row.id for row in (*ids.counted, *ids.measured)}
        named = [[states[name] for name in net.state_names], [row.id for row in ids.parameters]]
        problem.write(
            formulas_py=python_source(net), network_json=json.dumps(net.to_dict()), identifiers_json=json.dumps(named),
            model_xml=to_sbml(net, self.parameters[0], self.start[0], begin=self.begin),
        )  # fmt: skip
        return problem


@cache
def scenario() -> Scenario:
    """The demonstration's question."""
    return read_scenario(SCENARIO)


def model(name: str, patients: int) -> Model:
    """A model by its name, "reference" or "scenario/arm", and its first patients."""
    if name == "reference":
        network, (parameters, start) = reference_model.network(), reference_model.population(patients)
        doses = reference_model.doses(patients)
        return Model(name, network, parameters, start, doses, reference_model.DAYS, 0.0)
    question, arm = scenario(), name.rpartition("/")[2]
    composed, streams = question.model(arm), Streams(question.seed)
    cohort = enrol(question.population.covariates, question.population.correlations, np.arange(patients), streams)
    columns = question.parameter_columns(composed, cohort.columns)
    parameters = composed.parameters.draw(cohort.patients, streams, *columns)
    given = question.given(arm)
    dosed = administrations(given, question.products(arm), cohort.columns, np.ones(patients))
    doses = doses_for(composed.network, dosed, parameters)
    start = composed.network.start(parameters)
    return Model(name, composed.network, parameters, start, doses, COMPOSED_DAYS, begin_of(given))

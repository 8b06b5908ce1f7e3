"""perforin itself: machine code on one core, built anew; patients are repeated so that every lane is busy."""

from __future__ import annotations

import tempfile
from importlib.metadata import version

import numpy as np
from problem import Clock, Problem, Solver, Values

from perforin.kernels.build import Doses, build
from perforin.model.network import Network

VERSION = version("perforin")
AT_LEAST = 512
"""Patients solved in one call."""


def prepare(problem: Problem) -> dict[str, Solver]:
    """The kernel of the network, compiled without a cache."""
    network, count = Network.from_dict(problem.json("network.json")), len(problem.start)
    with tempfile.TemporaryDirectory() as empty:
        kernel = build(network, network.state_names, backend="compiled", cache=empty)
    copies = np.tile(np.arange(count), -(-AT_LEAST // count))
    parameters, start = problem.parameters[copies], problem.start[copies]
    doses = Doses(problem.when[copies], problem.state, problem.keep, problem.add[copies])

    def solve(rtol: float, clock: Clock) -> tuple[Values, int]:
        with clock:
            found = kernel.run(parameters, start, doses, problem.days, begin=problem.begin, rtol=rtol)
        return found.values[:count], len(copies)

    return {"perforin": solve}

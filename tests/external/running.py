"""Run a published model with perforin's kernels, or any SBML text with libRoadRunner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from perforin.kernels.build import Doses, build
from perforin.kernels.compile import find_compiler
from perforin.model.network import Network

COMPILED = pytest.mark.skipif(find_compiler() is None, reason="no C compiler on this machine")
backends = pytest.mark.parametrize("backend", ["interpreted", pytest.param("compiled", marks=COMPILED)])


def as_doses(network: Network, doses: Iterable[tuple[float, str, float, float]]) -> Doses:
    """Doses of one patient."""
    rows = list(doses)
    return Doses(
        when=np.array([[day for day, *_ in rows]], dtype=float).reshape(1, -1),
        state=np.array([network.state_names.index(state) for _, state, *_ in rows], dtype=np.int32),
        keep=np.array([keep for *_, keep, _ in rows], dtype=float),
        add=np.array([[add for *_, add in rows]], dtype=float).reshape(1, -1),
    )


def run(model, days: Sequence[float], *, backend: str, rtol: float = 1e-9, outputs=None) -> dict[str, np.ndarray]:
    """Each output of one patient on each day, by name; fails when the kernel fails."""
    network = model.network
    kernel = build(network, outputs, backend=backend)
    values = np.array([[model.values[name] for name in network.parameter_names]])
    start = np.array([[model.start[name] for name in network.state_names]])
    solution = kernel.run(values, start, as_doses(network, model.doses), np.asarray(days, float), rtol=rtol)
    assert solution.status[0] == 0, solution.reasons
    return dict(zip(kernel.outputs, solution.values[0].T, strict=True))


def roadrunner_course(sbml: str, days: Sequence[float], names: Sequence[str], *, absolute: float = 1e-12) -> np.ndarray:
    """(days, names) by libRoadRunner's CVODE at rtol 1e-10; names are amounts of species, or parameters."""
    import roadrunner

    roadrunner.Logger.setLevel(roadrunner.Logger.LOG_ERROR)
    model = roadrunner.RoadRunner(sbml)
    model.integrator.relative_tolerance = 1e-10
    model.integrator.absolute_tolerance = absolute
    model.integrator.maximum_num_steps = 1_000_000
    return np.asarray(model.simulate(times=list(days), selections=list(names)))

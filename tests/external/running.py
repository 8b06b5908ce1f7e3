"""Run a published model with perforin's kernels, or any SBML text with libRoadRunner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from perforin.kernels.build import Doses, build
from perforin.kernels.compile import find_compiler
from perforin.model.network import Network
from perforin.model.write.exchange import exchange

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
    roadrunner.Config.setValue(roadrunner.Config.LLVM_BACKEND, roadrunner.Config.LLJIT)
    roadrunner.Config.setValue(roadrunner.Config.LLJIT_OPTIMIZATION_LEVEL, roadrunner.Config.NONE)  # loads faster
    model = roadrunner.RoadRunner(sbml)
    model.integrator.relative_tolerance = 1e-10
    model.integrator.absolute_tolerance = absolute
    model.integrator.maximum_num_steps = 1_000_000
    return np.asarray(model.simulate(times=list(days), selections=list(names)))


def agree(network: Network, ours, theirs, days, *, tolerance: float = 1e-5) -> int:
    """Every state agrees where it matters; the message names the state, the day and both numbers.

    A state matters above 1e-9 of its own peak and above a thousand times the absolute tolerance of its unit (10 cells,
    0.01 cells/uL, 1e-5 of anything else); below that both must be small. Returns how many numbers were compared.
    """
    compared = 0
    for number, (name, absolute) in enumerate(zip(network.state_names, network.absolute_tolerances, strict=True)):
        expected = theirs[:, number]
        floor = max(1e-9 * np.abs(expected).max(), 1e3 * absolute)
        for day, a, b in zip(days, ours[name], expected, strict=True):
            if abs(b) > floor:
                compared += 1
                assert a == pytest.approx(b, rel=tolerance, abs=0), f"{name} on day {day}: {a!r} here, {b!r} there"
            else:
                assert abs(a) <= 2 * floor, f"{name} on day {day}: {a!r} here, {b!r} there"
    return compared


def identifiers(network: Network, values, start) -> list[str]:
    """Identifier of each state in an exported model, in the network's order."""
    written = exchange(network, values, start)
    names = {row.name: row.id for row in (*written.counted, *written.measured)}
    return [names[name] for name in network.state_names]

"""How far every output moves with every parameter: perturbed parameters in the lanes of one shared step sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.errors import UserError, nearest
from perforin.kernels.compiled import Compiled
from perforin.kernels.reductions import Reduction
from perforin.kernels.solution import FAILED, Doses, Kernel, Solution, prepare
from perforin.model.network import Network

__all__ = ["STEP", "STEP_AT_ZERO", "TOLERANCE", "Failure", "Given", "Sensitivities", "derivatives"]

Array = NDArray[np.float64]
Places = NDArray[np.int64]
Given = Callable[[Array, Places], tuple[Array, Doses]]
"""(rows, parameters) numbers and the patient whom each row is -> (rows, states) starts and doses of the rows.

The days of the doses may not depend on the numbers; their amounts and the starts may.
"""

STEP = 2.0**-11
"""Distance of the nearest lane as a part of the parameter, rounded to a power of two so that it is exact.

With four points the error of a difference is STEP^4 / 30 times the fifth logarithmic derivative: 2e-7 of the result
where every derivative is a hundred times the one before. Rounding adds about 1e-13 / STEP: lanes on the same steps
differ in nothing else.
"""
STEP_AT_ZERO = 2.0**-15
"""The same of a parameter that is 0, in its unit: smaller, for its size is not known."""
TOLERANCE = 1e-7
"""Relative tolerance: tighter than for values, for steps are chosen by the values' error alone."""
BATCH = 2**22
"""Numbers of moved patients that are held at a time: parameters, starts, outputs, reductions."""

_LANES = np.array([-2.0, -1.0, 1.0, 2.0])


class Failure(NamedTuple):
    """A patient without a solution when ``parameter`` is moved, and why; "" where there is none even unmoved."""

    patient: int
    parameter: str
    reason: str


@dataclass(frozen=True)
class Sensitivities:
    """Derivatives of outputs and reductions, each per unit of its parameter; NaN where a patient fails.

    parameters: their names. values: (patients, days, outputs, parameters). reduced: (patients, reductions, parameters).
    solution: of the patients as they are. failures: who has no derivative, and why.
    """

    parameters: tuple[str, ...]
    values: Array
    reduced: Array
    solution: Solution
    failures: tuple[Failure, ...]


def derivatives(
    kernel: Kernel,
    parameters: Array,
    given: Given,
    days: ArrayLike,
    *,
    of: Sequence[str] | None = None,
    reductions: Sequence[Reduction] = (),
    begin: ArrayLike = 0.0,
    rtol: float = TOLERANCE,
    threads: int = 1,
) -> Sensitivities:
    """Move every parameter of every patient and difference the outputs.

    Internal numerical differentiation (Bock, Springer Series in Chemical Physics 18 (1981) 102; Hairer, Norsett and
    Wanner, Solving Ordinary Differential Equations I, section II.6): four lanes with the parameter moved by -2, -1, 1
    and 2 steps take the very same steps in time, so that their difference is that of one smooth map and not the noise
    of step control. A parameter that does nothing has the derivative 0, to the last bit. No number depends on which
    other parameters are asked for, on their order, on threads or on the other patients.

    Values, areas and nadirs, peaks and days are differentiable away from ties (two peaks of one height, a level that is
    only just touched); where a rate has a kink, the derivative is the mean of its two sides.

    Args:
        kernel: of four lanes, or of a multiple of four that then repeat.
        parameters: (patients, parameters) at which to differentiate.
        given: starts and doses that go with the numbers.
        days: (days,) on which outputs are differentiated, rising.
        of: names of the parameters to move; None for all.
        reductions: to differentiate too.
        begin: day on which the patients (or each patient) begin.
        rtol: relative tolerance.
        threads: how many cores to use.

    Raises:
        UserError: a kernel that is interpreted, of fewer lanes or with events; an unknown parameter; doses whose days
            move with a parameter; and what ``Kernel.run`` refuses.
    """
    kernel = _suitable(kernel)
    names, columns = _columns(kernel.network, of)
    parameters = np.ascontiguousarray(parameters, dtype=np.float64)
    days, n = np.asarray(days, dtype=np.float64), len(parameters)
    moved = _Moved(kernel, parameters, given, days, columns, tuple(reductions), np.broadcast_to(begin, (n,)))
    start, doses = given(parameters, np.arange(n))
    solution = kernel.run(
        parameters, start, doses, days, begin=begin, rtol=rtol, threads=threads, reductions=reductions
    )
    values = np.full((*solution.values.shape, len(names)), np.nan)
    reduced = np.full((*solution.reduced.shape, len(names)), np.nan)
    alive = np.flatnonzero(solution.status != FAILED)
    failures = [Failure(int(i), "", solution.reasons[i]) for i in np.flatnonzero(solution.status == FAILED)]
    patients, places = np.repeat(alive, len(names)), np.tile(np.arange(len(names)), len(alive))
    held = solution.values[:1].size + solution.reduced[:1].size + parameters[:1].size + start[:1].size
    room = max(1, BATCH // max(1, kernel.lanes * held))
    for first in range(0, len(patients), room):
        who, which = patients[first : first + room], places[first : first + room]
        values[who, :, :, which], reduced[who, :, which], reasons = moved.solved(who, which, rtol, threads)
        failures += [Failure(int(who[i]), names[which[i]], reason) for i, reason in enumerate(reasons) if reason]
    return Sensitivities(names, values, reduced, solution, tuple(sorted(failures)))


def _suitable(kernel: Kernel) -> Compiled:
    if not isinstance(kernel, Compiled) or kernel.lanes % len(_LANES):
        found = f"one of {kernel.lanes} lanes" if isinstance(kernel, Compiled) else "one that is interpreted"
        raise UserError(f"found a kernel without lanes to move parameters in ({found}); needed a compiled one of "
                        f"{len(_LANES)} lanes or a multiple")  # fmt: skip
    if kernel.network.events:
        raise UserError(
            f"found {len(kernel.network.events)} events in the network ({kernel.network.events[0].name}); needed none, "
            "for the lanes of one patient would have them on different days"
        )
    return kernel


def _columns(network: Network, of: Sequence[str] | None) -> tuple[tuple[str, ...], Places]:
    names = network.parameter_names if of is None else tuple(of)
    index = {name: i for i, name in enumerate(network.parameter_names)}
    for name in names:
        if name not in index:
            raise UserError(f"found {name!r} to differentiate by; needed a parameter of the network"
                            f"{nearest(name, index)}")  # fmt: skip
    return names, np.array([index[name] for name in names], dtype=np.int64)


def _steps(numbers: Array) -> Array:
    """The distance of the nearest lane, a power of two."""
    wanted = np.where(numbers == 0, STEP_AT_ZERO, STEP * np.abs(numbers))
    return np.asarray(np.exp2(np.round(np.log2(wanted))))


@dataclass(frozen=True)
class _Moved:
    """Patients with parameters moved, solved group by group."""

    kernel: Compiled
    parameters: Array
    given: Given
    days: Array
    columns: Places
    reductions: tuple[Reduction, ...]
    begin: Array

    def solved(self, who: Places, which: Places, rtol: float, threads: int) -> tuple[Array, Array, list[str]]:
        """Derivatives of (groups, days, outputs) and (groups, reductions), and why each group has none."""
        lanes, groups = self.kernel.lanes, len(who)
        steps = _steps(self.parameters[who, self.columns[which]])
        rows = np.repeat(who, lanes)
        numbers = self.parameters[rows]
        away = np.resize(_LANES, lanes) * steps[:, None]
        numbers[np.arange(len(rows)), np.repeat(self.columns[which], lanes)] += away.ravel()
        start, doses = self.given(numbers, rows)
        _same_days(doses, lanes)
        begin = self.begin[rows]
        stated = prepare(self.kernel.network, numbers, start, doses, self.days, begin, rtol).reasons
        reasons = [next(filter(None, stated[i : i + lanes]), "") for i in range(0, len(rows), lanes)]
        whole = np.array([not reason for reason in reasons])
        fine = np.repeat(whole, lanes)
        found = self.kernel.run(
            numbers[fine], start[fine], replace(doses, when=doses.when[fine], add=doses.add[fine]), self.days,
            begin=begin[fine], rtol=rtol, threads=threads, together=True,
            reductions=[_of_rows(one, rows[fine]) for one in self.reductions],
        )  # fmt: skip
        for group, reason in zip(np.flatnonzero(whole), found.reasons[::lanes], strict=True):
            reasons[group] = reason

        def slopes(values: Array) -> Array:
            out = np.full((groups, *values.shape[1:]), np.nan)
            a, b, c, d = (values[lane::lanes] for lane in range(len(_LANES)))
            width = 12 * steps[whole].reshape(-1, *[1] * (values.ndim - 1))
            out[whole] = (8 * (c - b) - (d - a)) / width
            return out

        return slopes(found.values), slopes(found.reduced), reasons


def _same_days(doses: Doses, lanes: int) -> None:
    if (doses.when != np.repeat(doses.when[::lanes], lanes, axis=0)).any():
        raise UserError("found doses whose days move with a parameter; needed days that do not")


def _of_rows(one: Reduction, rows: Places) -> Reduction:
    level = np.asarray(one.level, dtype=np.float64)
    return one if level.ndim == 0 else one._replace(level=level[rows])

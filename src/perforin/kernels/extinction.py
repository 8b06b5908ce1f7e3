"""Probability that clones have died out: a birth-death branching process along the deterministic trajectory.

The differential equations give expected cell numbers and never declare a cure: 1e-3 expected cells is neither one
cell nor none. Here each cell divides, dies or changes its type independently, at the rates of the trajectory (Kendall
1948 for one type; backward equations of the generating function for several). Everything is written for the survival
q = 1 - p of one cell's descendants, which keeps its relative accuracy when 1e10 cells each have a chance of 1e-12.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.errors import ComputeError, UserError
from perforin.kernels.clones import CloneRates, clone_outputs, rates_from
from perforin.kernels.compile import find_compiler
from perforin.kernels.extinction_code import MOST_STEPS, MOST_TYPES, survival

__all__ = [
    "CloneRates", "Extinction", "clone_outputs", "extinction", "fates", "kendall", "mean_given_survival", "rates_from",
]  # fmt: skip

Array = NDArray[np.float64]
SMALLEST = 1e-100
COARSE = 0.5
"""Steps are made so short that net rates change, and cells change type, by at most this much in one."""
BLOCK = 1_000_000
"""Numbers held at once without a compiler: patients are taken in blocks of this many."""


def kendall(birth: Array, death: Array, days: Array, cells: Array) -> Array:
    """Probability that one clone without mutation is extinct by each day; closed form, linear in the days.

    Rates are taken as their mean over each interval. P = (1 - 1/(e^R + int b e^R dt))^n, R = int (d - b) dt.

    Args:
        birth: (patients, days) divisions per cell and day.
        death: (patients, days) deaths per cell and day.
        days: (days,) rising; the clone has ``cells`` cells on the first.
        cells: (patients,) cells at the start.

    Returns:
        (patients, days).
    """
    step = np.diff(days)
    b, d = _midway(birth), _midway(death)
    grown = np.concatenate([np.zeros((len(birth), 1)), np.cumsum((d - b) * step, axis=1)], axis=1)
    loss = (d - b) * step
    with np.errstate(divide="ignore"):
        # log of int b e^R over one interval: b e^R h (e^x - 1)/x with x = (d - b) h.
        share = np.log(b * step) + grown[:, :-1] + _log_mean_exp(loss)
    paid = np.logaddexp.accumulate(share, axis=1)
    paid = np.concatenate([np.full((len(birth), 1), -np.inf), paid], axis=1)
    return _all_extinct(np.exp(-np.logaddexp(grown, paid))[..., None], cells[:, None])


def _log_mean_exp(x: Array) -> Array:
    """log((e^x - 1)/x), finite for any x."""
    size = np.abs(x)
    small = size < 1e-8
    safe = np.where(small, 1.0, size)
    return np.where(small, x / 2, np.log(-np.expm1(-safe) / safe) + np.maximum(x, 0.0))


def _midway(rates: Array) -> Array:
    return 0.5 * (rates[:, 1:] + rates[:, :-1])


def _all_extinct(survival: Array, cells: Array) -> Array:
    """Product over types of (1 - q)^n; ``survival`` (patients, days, types), ``cells`` (patients, types)."""
    with np.errstate(divide="ignore"):
        each = np.log1p(-np.minimum(survival, 1.0))
    many = np.broadcast_to(cells[:, None, :], each.shape)
    log = np.where(many > 0, many * np.where(many > 0, each, 0.0), 0.0)
    return np.where(np.isnan(survival).any(axis=2), np.nan, np.exp(log.sum(axis=2)))


def _riccati(q: Array, source: Array, rate: Array, birth: Array, step: float) -> Array:
    """Exact solution after ``step`` of dq/ds = source + rate q - birth q^2 with source, birth >= 0; never cancels."""
    root = np.maximum(np.sqrt(rate * rate + 4 * birth * source), SMALLEST)
    large = root + np.abs(rate)
    small = np.maximum(4 * birth * source, SMALLEST**2) / large
    up, down = np.where(rate > 0, large, small), np.where(rate > 0, small, large)
    left = np.exp(-root * step)
    gone = -np.expm1(-root * step)
    below = np.maximum(down + up * left + 2 * birth * q * gone, SMALLEST)
    return np.asarray((q * (up + down * left) + 2 * source * gone) / below)


def _back(q: Array, rates: tuple[Array, Array, Array, Array], step: float) -> Array:
    """Survival one step earlier: rates frozen, what other types bring taken halfway (second order)."""
    birth, death, change, bud = rates
    loss = birth - death - change.sum(axis=2)

    def coupled(at: Array) -> tuple[Array, Array]:
        with np.errstate(over="ignore"):
            budding = np.einsum("njk,ntk->ntj", bud, at)
            return np.einsum("njk,ntk->ntj", change, at) + budding, loss[:, None, :] - budding

    source, rate = coupled(q)
    middle = _riccati(q, source, rate, birth[:, None, :], step / 2)
    source, rate = coupled(middle)
    return _riccati(q, source, rate, birth[:, None, :], step)


def extinction(rates: CloneRates, days: Array, cells: Array, counted: Sequence[bool] | None = None, *,
               until: NDArray[np.intp] | None = None, coarse: float = COARSE, longest: float = np.inf,
               backend: str = "auto") -> Array:  # fmt: skip
    """Probability that no counted cell is alive on each day, for several types that change into each other.

    Args:
        rates: birth, death and changes of type along the trajectory.
        days: (days,) of the rates, rising.
        cells: (patients, types) on the first day.
        counted: which types must be gone; all when None. A type that is not counted still carries its changes into
            counted ones.
        until: indices of the days to report; all when None. The cost is proportional to their number.
        coarse: see ``COARSE``; rates are linear between days.
        longest: longest step [day].
        backend: "compiled", "interpreted" (NumPy) or "auto", as for ``build``.

    Returns:
        (patients, reported days).

    Raises:
        UserError: shapes that do not fit, days that do not rise, or no compiler where one is asked for.
    """
    n, grid, types = rates.birth.shape
    if len(days) != grid or (np.diff(days) <= 0).any():
        raise UserError(f"found {len(days)} days for rates on {grid}; needed one per day of the rates, rising")
    if cells.shape != (n, types):
        raise UserError(f"found cells of shape {cells.shape}; needed {(n, types)}: patients by types")
    ends = np.arange(grid) if until is None else np.asarray(until)
    mask = np.ones(types) if counted is None else np.array(counted, dtype=np.float64)
    compiler = None if backend == "interpreted" else find_compiler()
    if backend == "compiled" and compiler is None:
        raise UserError("found no C compiler; needed one; pip install perforin[compiler]")
    if compiler is not None and types <= MOST_TYPES:
        with suppress(ComputeError) if backend == "auto" else nullcontext():
            return _all_extinct(survival(rates, days, ends, mask, coarse, longest, compiler), cells)
    size = max(1, BLOCK // (len(ends) * types))
    parts = [
        _all_extinct(_survival(rates.of(slice(k, k + size)), days, ends, mask, (coarse, longest)), cells[k : k + size])
        for k in range(0, n, size)
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(ends)))


def _survival(rates: CloneRates, days: Array, ends: NDArray[np.intp], counted: Array,
              step_limits: tuple[float, float]) -> Array:  # fmt: skip
    """(patients, ends, types): probability that a cell of the first day has counted descendants on each end day."""
    n, grid, types = rates.birth.shape
    q = np.broadcast_to(counted, (n, len(ends), types)).copy()
    tables = (rates.birth, rates.death, rates.change, rates.bud)
    for i in range(grid - 2, -1, -1):
        # An end day at or before this interval has nothing to go back through yet.
        later = np.flatnonzero(ends > i)
        parts = _steps_in(rates, i, float(days[i + 1] - days[i]), step_limits)
        step = float((days[i + 1] - days[i]) / parts)
        part = q[:, later]
        for k in range(parts - 1, -1, -1):
            weight = (k + 0.5) / parts
            frozen = [table[:, i] + weight * (table[:, i + 1] - table[:, i]) for table in tables]
            part = _back(part, (frozen[0], frozen[1], frozen[2], frozen[3]), step)
        q[:, later] = part
    return q


def _steps_in(rates: CloneRates, i: int, length: float, step_limits: tuple[float, float]) -> int:
    coarse, longest = step_limits
    moved = sum(np.abs(table[:, i + 1] - table[:, i]) for table in (rates.birth, rates.death))
    coupled = sum(np.maximum(table[:, i], table[:, i + 1]).sum(axis=2) for table in (rates.change, rates.bud))
    most = float(np.nanmax(moved + coupled, initial=0.0)) * length / coarse
    most = max(most, np.ceil(length / longest) - 1.0)
    return 1 + int(most) if most < MOST_STEPS else MOST_STEPS


def mean_given_survival(mean: Array, extinct: Array) -> Array:
    """Expected cells where any survive: the trajectory's expectation over the chance of survival.

    Args:
        mean: (patients, days) expected cells.
        extinct: (patients, days) probability that none is left.

    Returns:
        (patients, days); NaN where survival is impossible.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(extinct < 1, mean / (1 - extinct), np.nan)


@dataclass(frozen=True)
class Extinction:
    """Probabilities by each reported day, (patients, days): no clone left, no positive one, no negative one."""

    all: Array
    positive: Array
    negative: Array


def fates(rates: CloneRates, days: Array, *, until: NDArray[np.intp] | None = None, coarse: float = COARSE,
          longest: float = np.inf, backend: str = "auto") -> Extinction:  # fmt: skip
    """What becomes of the clones that the network counts, from the cells of the first day.

    Args:
        rates: from ``rates_from``.
        days: (days,) of the rates.
        until: indices of the days to report; all when None.
        coarse: see ``COARSE``.
        longest: longest step [day].
        backend: as for ``extinction``.
    """
    cells = np.maximum(rates.cells[:, 0], 0.0)
    positive = [kind == "positive" for kind in rates.kinds]
    every, some, none = (
        extinction(rates, days, cells, counted, until=until, coarse=coarse, longest=longest, backend=backend)
        for counted in (None, positive, [not one for one in positive])
    )
    return Extinction(every, some, none)

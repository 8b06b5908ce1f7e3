"""From a kernel's solution to what happened to each patient: fate of the clones first, then the course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perforin.kernels.extinction import Extinction, clone_outputs, fates, rates_from
from perforin.kernels.solution import FAILED, Solution
from perforin.model.network import Network
from perforin.patients.course import interpolate
from perforin.patients.fate import MOST_LIKELY_GONE, Fate, draw_fate
from perforin.streams import Streams

__all__ = ["Treated", "outputs_for", "treated"]

Array = NDArray[np.float64]

REPORTED = 16
"""Days on which extinction is evaluated; between them its chance is interpolated in the logarithm of survival."""
EARLY = 35.0
"""Before this day every second sampling day enters the branching process, later all of them."""


@dataclass(frozen=True)
class Treated:
    """Observables (patients, days) by name, and the fate of the clones; failed patients hold NaN."""

    observables: Mapping[str, Array]
    fate: Fate
    status: NDArray[np.int8]
    reasons: tuple[str, ...]

    def only(self, chosen: NDArray[np.bool_]) -> Treated:
        """The chosen patients (patients,) alone."""
        return Treated(
            {name: values[chosen] for name, values in self.observables.items()},
            Fate(*(day[chosen] for day in (self.fate.extinct_day, self.fate.positive_day, self.fate.negative_day))),
            self.status[chosen],
            tuple(self.reasons[i] for i in np.flatnonzero(chosen)),
        )

    def beside(self, others: Treated, mine: NDArray[np.bool_]) -> Treated:
        """These patients where ``mine`` holds and the others elsewhere, in whom what is not observed is nothing."""
        if mine.all():
            return self

        def joined(own: NDArray[Any], other: NDArray[Any] | float) -> NDArray[Any]:
            out = np.empty((len(mine), *own.shape[1:]), own.dtype)
            out[mine], out[~mine] = own, other
            return out

        reasons = {True: iter(self.reasons), False: iter(others.reasons)}
        return Treated(
            {name: joined(values, others.observables.get(name, 0.0)) for name, values in self.observables.items()},
            Fate(
                joined(self.fate.extinct_day, others.fate.extinct_day),
                joined(self.fate.positive_day, others.fate.positive_day),
                joined(self.fate.negative_day, others.fate.negative_day),
            ),
            joined(self.status, others.status),
            tuple(next(reasons[one]) for one in mine.tolist()),
        )


def outputs_for(network: Network) -> tuple[str, ...]:
    """What a kernel must report for ``treated``: all that is observed, and the clones with their flows."""
    wanted = [target for _, target, _ in network.observables]
    return tuple(dict.fromkeys([*wanted, *clone_outputs(network)]))


def treated(network: Network, outputs: Sequence[str], solution: Solution, days: Array,
            patients: NDArray[np.int64], streams: Streams) -> Treated:  # fmt: skip
    """Draw which clones die out, and turn expected cells into cells given that their clone lives.

    Args:
        network: what was solved.
        outputs: the kernel's, holding ``outputs_for(network)``.
        solution: (patients, days, outputs).
        days: (days,) days since infusion.
        patients: (patients,) numbers that key the luck.
        streams: the shared luck.
    """
    place = {name: i for i, name in enumerate(outputs)}
    observed = {name: solution.values[:, :, place[target]] for name, target, _ in network.observables}
    fine = np.flatnonzero(solution.status != FAILED)
    forever = np.full(len(patients), np.inf)
    fate = Fate(forever, forever.copy(), forever.copy())
    if len(fine) and network.clones:
        chances = _chances(network, place, solution, days, fine)
        drawn = draw_fate(chances.all, chances.positive, chances.negative, days, patients[fine], streams)
        fate.extinct_day[fine], fate.positive_day[fine] = drawn.extinct_day, drawn.positive_day
        fate.negative_day[fine] = drawn.negative_day
        observed |= _given_alive(network, place, solution, observed, chances, fine)
    return Treated(observed, fate, solution.status, solution.reasons)


def _chances(network: Network, place: Mapping[str, int], solution: Solution, days: Array,
             fine: NDArray[np.intp]) -> Extinction:  # fmt: skip
    """Chance that no clone, no positive one and no negative one is left, (patients, days)."""
    keep = np.unique([*np.flatnonzero(days < EARLY)[::2], *np.flatnonzero(days >= EARLY)])
    wanted = clone_outputs(network)
    values = solution.values[np.ix_(fine, keep, np.array([place[name] for name in wanted]))]
    rates = rates_from(network, Solution(values, solution.status[fine], (), solution.steps[fine]), wanted)
    until = np.unique(np.linspace(0, len(keep) - 1, REPORTED).round().astype(np.intp))
    found = fates(rates, days[keep], until=until)

    def between(chance: Array) -> Array:
        with np.errstate(divide="ignore"):
            log = np.log(np.maximum(1 - chance, 1e-300))
        return -np.expm1(interpolate(days[keep][until], log, days))

    return Extinction(between(found.all), between(found.positive), between(found.negative))


def _given_alive(network: Network, place: Mapping[str, int], solution: Solution, observed: Mapping[str, Array],
                 chances: Extinction, fine: NDArray[np.intp]) -> dict[str, Array]:  # fmt: skip
    """Expected cells of a kind divided by the chance that the kind survives: the mean of those who still have it."""
    kinds = {"positive": chances.positive, "negative": chances.negative}
    extra = {kind: np.zeros((len(fine), solution.values.shape[1])) for kind in kinds}
    for kind, gone in kinds.items():
        cells = sum(
            np.maximum(solution.values[fine, :, place[name]], 0.0) for name, sign in network.clones if sign == kind
        )
        alive = np.maximum(1 - gone, MOST_LIKELY_GONE)
        extra[kind] = np.asarray(cells) * (1 / alive - 1)
    out = {name: observed[name].copy() for name in ("tumour_burden", "tumour_negative") if name in observed}
    for name, kind_names in (("tumour_burden", ("positive", "negative")), ("tumour_negative", ("negative",))):
        if name in out:
            out[name][fine] = np.maximum(out[name][fine], 0.0) + sum(extra[kind] for kind in kind_names)
    return out

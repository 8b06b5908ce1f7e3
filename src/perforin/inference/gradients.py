"""The Jacobian of endpoints: how far each moves when a parameter of an arm is changed by a factor, for calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perforin import units
from perforin.errors import UserError, nearest
from perforin.inference.sensitivity import typical
from perforin.kernels.build import Doses, build
from perforin.kernels.reductions import Reduction
from perforin.kernels.sensitivity import TOLERANCE, Failure, Given, derivatives
from perforin.model.network import Network
from perforin.patients.doses import doses_for
from perforin.patients.treat import outputs_for
from perforin.prepared import PreparedArm, Ready

__all__ = ["At", "Endpoint", "Jacobian", "jacobian"]

Array = NDArray[np.float64]


class At(NamedTuple):
    """The value of an observable on a day."""

    output: str
    day: float


@dataclass(frozen=True)
class Endpoint:
    """One number of a course: ``what`` names an observable as its output; ``log10`` takes the logarithm."""

    name: str
    what: Reduction | At
    log10: bool = False


@dataclass(frozen=True)
class Jacobian:
    """d endpoint / d ln(parameter), in the endpoint's unit: what a change by 1 % moves, times a hundred.

    values: (patients, endpoints) and slopes: (patients, endpoints, parameters); NaN where a patient fails, where an
    endpoint is never reached, and of the logarithm of what is not positive.
    """

    endpoints: tuple[str, ...]
    units: tuple[str, ...]
    parameters: tuple[str, ...]
    values: Array
    slopes: Array
    failures: tuple[Failure, ...]

    def table(self) -> pd.DataFrame:
        """One row per patient, endpoint and parameter: patient, endpoint, unit, value, parameter, slope."""
        patients, endpoints, parameters = (axis.ravel() for axis in np.indices(self.slopes.shape))
        return pd.DataFrame({
            "patient": patients,
            "endpoint": np.array(self.endpoints)[endpoints],
            "unit": np.array(self.units)[endpoints],
            "value": self.values[patients, endpoints],
            "parameter": np.array(self.parameters)[parameters],
            "slope": self.slopes.ravel(),
        })


def jacobian(
    ready: Ready,
    arm: PreparedArm,
    endpoints: Sequence[Endpoint],
    *,
    of: Sequence[str] | None = None,
    patients: tuple[Array, Mapping[str, Array]] | None = None,
    rtol: float = TOLERANCE,
    threads: int = 1,
) -> Jacobian:
    """Differentiate endpoints of an arm by the logarithms of its parameters.

    Patients are treated on the day of enrolment. What the state of a patient would call for, rescue drugs and further
    doses, is not given: such a day moves with every parameter.

    Example:
        >>> ready = make_ready(read_scenario("cd19_lbcl_head_to_head"))
        >>> found = jacobian(ready, ready.arms[0], [
        ...     Endpoint("log10 product Cmax", Reduction("peak", "product_blood"), log10=True),
        ...     Endpoint("product AUC 0-28 d", Reduction("area", "product_blood", begin=0, end=28)),
        ...     Endpoint("tumour, day 28", At("tumour_burden", 28), log10=True),
        ...     Endpoint("days above 1e9 tumour cells", Reduction("days_above", "tumour_burden", 1e9, 0, 90)),
        ... ])
        >>> found.table().sort_values("slope")

    Args:
        ready: the prepared scenario.
        arm: one of its arms.
        endpoints: numbers of a course; their outputs are observables of the arm's model.
        of: parameters to move; None for all that are not 0 in any patient.
        patients: their numbers (patients, parameters) and covariates (patients,) by name, as ``treating.values_of``
            and a cohort give them; None for the one typical patient.
        rtol: relative tolerance of the kernel.
        threads: how many cores to use.

    Raises:
        UserError: an unknown observable or parameter, a parameter that is 0 and so has no logarithm, no endpoint.
    """
    network = arm.model.network
    if patients is None:
        centre, middle = typical(ready.scenario, arm.model)
        patients = centre[None, :], middle
    numbers, columns = patients
    sizes = _sizes(network, numbers, of)
    asked = [_on_output(network, one.what) for one in endpoints]
    reductions = [one for one in asked if isinstance(one, Reduction)]
    days = _days(asked, float(ready.days[-1]))

    kernel = build(network, outputs_for(network))
    found = derivatives(kernel, numbers, _given(arm, columns), days, of=tuple(sizes), reductions=reductions,
                        begin=arm.begin, rtol=rtol, threads=threads)  # fmt: skip
    values = _read(asked, days, kernel.outputs, found.solution.values, found.solution.reduced)
    slopes = _read(asked, days, kernel.outputs, found.values, found.reduced)
    slopes *= np.stack([*sizes.values()], axis=-1)[:, None]
    values, slopes = _logged(values, slopes, np.array([one.log10 for one in endpoints]))
    measured = {name: unit for name, _, unit in network.observables}
    names, shown = zip(*((one.name, _unit(one, measured[one.what.output])) for one in endpoints), strict=True)
    return Jacobian(names, shown, tuple(sizes), values, slopes, found.failures)


def _given(arm: PreparedArm, columns: Mapping[str, Array]) -> Given:
    """Starts and doses of patients with these covariates, with lots as the process thaws them."""
    network = arm.model.network

    def given(numbers: Array, who: NDArray[np.int64]) -> tuple[Array, Doses]:
        own = {name: np.asarray(values)[who] for name, values in columns.items()}
        doses = arm.administrations(own, np.full(len(who), arm.process.thaw.value))
        return network.start(numbers), doses_for(network, doses, numbers)

    return given


def _read(asked: Sequence[Reduction | At], days: Array, outputs: Sequence[str], values: Array,
          reduced: Array) -> Array:  # fmt: skip
    """(patients, endpoints, ...) from (patients, days, outputs, ...) and (patients, reductions, ...)."""
    place = iter(range(reduced.shape[1]))
    columns = [
        values[:, np.searchsorted(days, one.day), outputs.index(one.output)] if isinstance(one, At)
        else reduced[:, next(place)] for one in asked
    ]  # fmt: skip
    return np.stack(columns, axis=1)


def _logged(values: Array, slopes: Array, logged: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Logarithms of those endpoints that are so asked for, and what these do; NaN of what is not positive."""
    positive = np.where(logged & (values > 0), values, np.nan)
    return np.where(logged, np.log10(positive), values), np.where(
        logged[:, None], slopes / (positive[:, :, None] * np.log(10)), slopes
    )


def _on_output(network: Network, what: Reduction | At) -> Reduction | At:
    """The same of the kernel's output that an observable is."""
    known = {name: target for name, target, _ in network.observables}
    if what.output not in known:
        hint = nearest(what.output, known)
        raise UserError(f"found an endpoint of {what.output!r}; needed an observable of the arm's model{hint}")
    return what._replace(output=known[what.output])


def _days(asked: Sequence[Reduction | At], horizon: float) -> Array:
    """The days of values, and the last day of what is reduced."""
    if not asked:
        raise UserError("found no endpoint; needed at least one to differentiate")
    last = [one.end if np.isfinite(one.end) else horizon for one in asked if isinstance(one, Reduction)]
    return np.unique([*(one.day for one in asked if isinstance(one, At)), *([max(last)] if last else [])])


def _sizes(network: Network, numbers: Array, of: Sequence[str] | None) -> dict[str, Array]:
    """(patients,) values of the parameters to move: those asked for, or all that have a logarithm."""
    known = dict(zip(network.parameter_names, numbers.T, strict=True))
    if of is None:
        return {name: column for name, column in known.items() if (column != 0).all()}
    for name in of:
        if name not in known:
            raise UserError(f"found {name!r} to differentiate by; needed a parameter of the arm{nearest(name, known)}")
        if (known[name] == 0).any():
            raise UserError(f"found {name!r} of 0, which has no logarithm; needed parameters that are not 0")
    return {name: known[name] for name in of}


def _unit(endpoint: Endpoint, measured: str) -> str:
    kind = endpoint.what.kind if isinstance(endpoint.what, Reduction) else "value"
    if kind == "area":
        unit = units.short(f"({measured or 1}) * day")
    else:
        unit = units.short(measured if kind in ("value", "peak", "nadir") else "day")
    return f"log10({unit})" if endpoint.log10 else unit

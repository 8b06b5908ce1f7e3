"""Births, deaths and changes of type per cell, read from the flows of a network that touch its clones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import sympy
from numpy.typing import NDArray

from perforin.errors import ModelError, UserError
from perforin.kernels.solution import Solution
from perforin.model.functions import Larger, Power
from perforin.model.network import FlowRow, Network

__all__ = ["CloneFlow", "CloneRates", "clone_flows", "clone_outputs", "rates_from"]

Array = NDArray[np.float64]


class CloneFlow(NamedTuple):
    """What one flow means for cells of clones.

    kind: "birth" (a cell becomes two), "death", "change" (a cell becomes one of another type) or "bud" (a cell gets a
    daughter of another type). ``one`` is the clone per whose cells the flow is counted, ``other`` the type it gives.
    """

    name: str
    kind: Literal["birth", "death", "change", "bud"]
    one: int
    other: int


@dataclass(frozen=True)
class CloneRates:
    """Rates per cell and day along a trajectory.

    birth, death: (patients, days, types); change, bud: (patients, days, types, types), from the third axis into the
    fourth; cells: (patients, days, types) expected; names: state of each type; kinds: "positive" or "negative".
    """

    birth: Array
    death: Array
    change: Array
    bud: Array
    cells: Array
    names: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def of(self, patients: slice) -> CloneRates:
        """Some of the patients."""
        birth, death, change, bud = (t[patients] for t in (self.birth, self.death, self.change, self.bud))
        return CloneRates(birth, death, change, bud, self.cells[patients], self.names, self.kinds)


def _vanishes(expression: sympy.Basic, state: str, levels: dict[str, sympy.Expr]) -> bool:
    """Whether an expression is zero when a state is, judged by its form."""
    if isinstance(expression, sympy.Symbol):
        if expression.name in levels:
            return _vanishes(levels[expression.name], state, levels)
        return str(expression.name) == state
    parts = expression.args
    if isinstance(expression, sympy.Mul):
        return any(_vanishes(part, state, levels) for part in parts)
    if isinstance(expression, sympy.Add | Larger):
        return all(_vanishes(part, state, levels) for part in parts)
    if isinstance(expression, sympy.Pow | Power):
        return not parts[1].could_extract_minus_sign() and _vanishes(parts[0], state, levels)
    if isinstance(expression, sympy.Piecewise):
        return all(_vanishes(value, state, levels) for value, _ in parts)
    return bool(expression == 0)


def _meaning(flow: FlowRow, clones: Sequence[str], levels: dict[str, sympy.Expr]) -> CloneFlow:
    if flow.source in clones:
        one = clones.index(flow.source)
        if flow.sink in clones:
            return CloneFlow(flow.name, "change", one, clones.index(flow.sink))
        return CloneFlow(flow.name, "death", one, one)
    assert flow.sink is not None
    one = clones.index(flow.sink)
    if _vanishes(flow.rate, flow.sink, levels):
        return CloneFlow(flow.name, "birth", one, one)
    mothers = [k for k, clone in enumerate(clones) if _vanishes(flow.rate, clone, levels)]
    if len(mothers) != 1:
        raise ModelError(
            f"found the flow {flow.name!r} into the clone {flow.sink!r}, proportional to no clone; "
            "needed a rate that is zero when one clone is, or a clone that arrives from nowhere can never die out"
        )
    return CloneFlow(flow.name, "bud", mothers[0], one)


def clone_flows(network: Network) -> tuple[CloneFlow, ...]:
    """What each flow that touches a clone means, decided by where it leads and by the form of its rate.

    Raises:
        ModelError: cells of a clone that come from nowhere.
    """
    clones = [name for name, _ in network.clones]
    levels = {level.name: level.expression for level in network.levels}
    touching = [f for f in network.flows if not f.change and f.source != f.sink and {f.source, f.sink} & {*clones}]
    for flow in network.flows:
        if any(state in clones for state, _ in flow.change):
            raise ModelError(
                f"found the flow {flow.name!r} with several changes at once in a clone; needed births, deaths and "
                "changes of type, one cell at a time, to know when the clone dies out"
            )
    return tuple(_meaning(flow, clones, levels) for flow in touching)


def clone_outputs(network: Network) -> tuple[str, ...]:
    """Clone states and flows that must be among a kernel's outputs for ``rates_from``."""
    return (*(name for name, _ in network.clones), *(flow.name for flow in clone_flows(network)))


def _per_cell(flow: Array, cells: Array) -> Array:
    """Flow per cell; where there is no cell on a day, the value of the nearest day that has cells."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(cells != 0, flow / cells, np.nan)
    failed = np.isnan(cells).any(axis=1)
    for who in np.flatnonzero(np.isnan(rate).any(axis=1) & ~failed):
        known = np.flatnonzero(np.isfinite(rate[who]))
        if len(known) == 0:
            rate[who] = 0.0
        else:
            days = np.arange(rate.shape[1])
            rate[who] = rate[who, known[np.abs(days[:, None] - known).argmin(axis=1)]]
    return rate


def rates_from(network: Network, solution: Solution, outputs: Sequence[str]) -> CloneRates:
    """Rates per cell of every clone along each patient's trajectory.

    A negative birth counts as death and a negative death as birth (growth above the capacity).

    Args:
        network: its ``clones`` are followed.
        solution: from a kernel whose ``outputs`` hold ``clone_outputs(network)``.
        outputs: the kernel's outputs.

    Raises:
        UserError: an output that is needed is missing.
        ModelError: a clone fed from nowhere.
    """
    names = tuple(name for name, _ in network.clones)
    place = {name: k for k, name in enumerate(outputs)}
    missing = [name for name in clone_outputs(network) if name not in place]
    if missing:
        raise UserError(f"found no output {missing[0]!r}; needed all of clone_outputs(network) to follow the clones")
    values = solution.values
    cells = np.stack([values[:, :, place[name]] for name in names], axis=2)
    shape = cells.shape
    birth, death = np.zeros(shape), np.zeros(shape)
    change, bud = np.zeros((*shape, len(names))), np.zeros((*shape, len(names)))
    for flow in clone_flows(network):
        rate = _per_cell(values[:, :, place[flow.name]], cells[:, :, flow.one])
        forth, back = np.maximum(rate, 0.0), np.maximum(-rate, 0.0)
        match flow.kind:
            case "birth":
                birth[:, :, flow.one] += forth
                death[:, :, flow.one] += back
            case "death":
                death[:, :, flow.one] += forth
                birth[:, :, flow.one] += back
            case "change":
                change[:, :, flow.one, flow.other] += forth
            case "bud":
                bud[:, :, flow.one, flow.other] += forth
    return CloneRates(birth, death, change, bud, cells, names, tuple(kind for _, kind in network.clones))

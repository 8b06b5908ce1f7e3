"""The culture of one batch as a network of mechanisms, solved for all batches by the kernel of the patient model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perforin.errors import ComputeError
from perforin.evidence.parameters import Row, choose
from perforin.kernels.build import build
from perforin.kernels.solution import FAILED, Doses, Kernel
from perforin.library import default_library
from perforin.making.recipe import VERBS, Recipe
from perforin.model.compose import compose
from perforin.model.network import Network, State
from perforin.overriding import in_unit
from perforin.streams import Streams

__all__ = ["STATES", "Culture", "cultivate", "culture_network", "culture_rows"]

Array = NDArray[np.float64]

STATES: Mapping[str, str] = {
    "bare": "cell", "engineered": "cell", "dead": "cell", "contaminant": "cell", "feeder": "", "vector": "",
    "doublings": "",
}  # fmt: skip
"""Living cells without and with the construct, dead cells, T cells that came along, feeders per living cell, vectors
per cell, doublings per cell; and their units."""


@lru_cache(maxsize=1)
def culture_network() -> Network:
    """The mechanisms of ``perforin.mechanisms.culture``, all of them in one vessel; every process has this network."""
    return compose(
        [placed for verb in VERBS for placed in verb.on()], [State(name, unit) for name, unit in STATES.items()]
    )


@lru_cache(maxsize=1)
def _kernel() -> Kernel:
    return build(culture_network(), tuple(STATES))


def culture_rows(recipe: Recipe) -> dict[str, Row]:
    """The number of each parameter of the network: the recipe's own, else the row of the tables that fits its keys."""
    tables, own = default_library().tables, recipe.growth.parameters
    return {
        slot.name: in_unit(own.get(slot.parameter) or choose(tables[slot.parameter], slot.parameter, (), recipe.keys),
                           slot.unit)
        for slot in culture_network().parameters
    }  # fmt: skip


@dataclass(frozen=True)
class Culture:
    """States of n cultures on D days: (n, D) each, by the names of ``STATES``; ``copies`` (n,) vectors given a cell."""

    days: Array
    states: Mapping[str, Array]
    copies: Array

    def __getitem__(self, name: str) -> Array:
        return self.states[name]

    @property
    def living(self) -> Array:
        """(n, D) living cells of the wanted kind [cell]."""
        return self.states["bare"] + self.states["engineered"]


def cultivate(
    recipe: Recipe, batches: NDArray[np.int64], wanted: Array, contaminant: Array, days: ArrayLike, streams: Streams
) -> Culture:
    """Grow cultures.

    Args:
        recipe: how.
        batches: (n,) batch numbers.
        wanted: (n,) cells of the wanted kind at the start [cell].
        contaminant: (n,) T cells that came along [cell].
        days: (D,) of the culture on which states are wanted, rising.
        streams: the shared luck; a parameter with a spread is drawn for each batch (purpose "culture PARAMETER").

    Raises:
        ComputeError: a culture whose equations could not be solved.
    """
    n, network, rows = len(batches), culture_network(), culture_rows(recipe)
    copies = _copies(recipe, batches, streams)
    if (engineering := recipe.engineering) is not None:
        central = engineering.copies.value if engineering.copies else 1.0
        receptive = -np.log1p(-engineering.efficiency.value) / central
        rows["transduction.receptive"] = _with(rows["transduction.receptive"], receptive)
    values = np.column_stack(
        [rows[name].quantile(streams.normal(f"culture {name}", batches)) for name in network.parameter_names]
    )
    start = np.zeros((n, len(network.states)))
    start[:, network.state_names.index("engineered" if engineering is None else "bare")] = wanted
    start[:, network.state_names.index("contaminant")] = contaminant
    solution = _kernel().run(values, start, _given(recipe, network, copies), days, rtol=1e-6)
    if (lost := np.flatnonzero(solution.status == FAILED)).size:
        raise ComputeError(f"the culture of batch {batches[lost[0]]} could not be solved: {solution.reasons[lost[0]]}")
    states = {name: solution.values[:, :, i] for i, name in enumerate(STATES)}
    return Culture(np.asarray(days, dtype=np.float64), states, copies)


def _with(row: Row, value: float) -> Row:
    return replace(row, value=value, low=min(row.low, value), high=max(row.high, value))


def _copies(recipe: Recipe, batches: NDArray[np.int64], streams: Streams) -> Array:
    """(n,) vectors given for each cell; 1 for a knock-in, 0 where the bank carries the construct."""
    if recipe.engineering is None:
        return np.zeros(len(batches))
    if recipe.engineering.copies is None:
        return np.ones(len(batches))
    return recipe.engineering.copies.quantile(streams.normal("vectors per cell", batches))


def _given(recipe: Recipe, network: Network, copies: Array) -> Doses:
    """Feeders on their days, vectors on theirs."""
    given: list[tuple[float, str, Array]] = []
    if recipe.growth.feeder:
        ratio = np.full(len(copies), recipe.growth.feeder.ratio.value)
        given += [(day, "feeder", ratio) for day in recipe.growth.feeder.days]
    if recipe.engineering:
        given.append((recipe.engineering.day.value, "vector", copies))
    state = np.array([network.state_names.index(name) for _, name, _ in given], dtype=np.int32)
    when = np.tile(np.array([day for day, _, _ in given], dtype=np.float64), (len(copies), 1))
    add = np.column_stack([amount for _, _, amount in given]) if given else np.zeros((len(copies), 0))
    return Doses(when, state, np.ones(len(given)), add)

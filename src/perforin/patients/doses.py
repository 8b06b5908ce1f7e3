"""From a schedule to kernel events: which state changes by how much, when, in each patient."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perforin.errors import UserError, nearest
from perforin.kernels.build import Doses, no_doses
from perforin.model.network import Network

__all__ = ["Administration", "doses_for"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Administration:
    """One dose of one thing: ``day`` and ``amount`` per patient; infinity means never."""

    dose: str
    day: Array
    amount: Array


def doses_for(network: Network, given: Iterable[Administration], parameters: Array) -> Doses:
    """Every administration becomes one event per state it enters.

    Args:
        network: its ``entries`` say what a dose does.
        given: what is administered.
        parameters: (patients, parameters) values, for the factors of the entries.

    Raises:
        UserError: a dose that the network does not know.
    """
    known = {entry.dose for entry in network.entries}
    index = {name: i for i, name in enumerate(network.state_names)}
    columns: list[tuple[Array, int, float, Array]] = []
    for one in given:
        if one.dose not in known:
            raise UserError(f"found a dose of {one.dose!r}; needed one of {sorted(known)}{nearest(one.dose, known)}")
        for entry in (e for e in network.entries if e.dose == one.dose):
            add = entry.constant + one.amount * network.product(entry.factors, parameters)
            columns.append((one.day, index[entry.state], entry.keep, add))
    if not columns:
        return no_doses(len(parameters))
    return Doses(
        when=np.column_stack([when for when, _, _, _ in columns]),
        state=np.array([state for _, state, _, _ in columns], dtype=np.int32),
        keep=np.array([keep for _, _, keep, _ in columns]),
        add=np.column_stack([add for _, _, _, add in columns]),
    )

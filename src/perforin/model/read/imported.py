"""A model from outside: a Network, the values of its parameters, and what its file said about names and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perforin.errors import Location, UserError
from perforin.model.network import Network

__all__ = ["Imported", "UnsupportedError"]


class UnsupportedError(UserError):
    """A file holds what perforin would run wrongly; ``construct`` names it in a word or two."""

    def __init__(self, construct: str, message: str, location: Location | None = None) -> None:
        self.construct = construct
        super().__init__(message, location)


@dataclass(frozen=True)
class Imported:
    """What a file held.

    network: the model; its time has the unit of the file, whatever a kernel calls a day.
    values: a number for each parameter of the network, by name.
    title: what the file calls the model.
    time: unit of time, "" where the file does not say.
    labels: what the file calls a thing, where that differs from its identifier.
    compartments: where each species is.
    left_out: constants of the file that no formula names.
    notes: what a reader should know (numbers that were fixed, units that have no word here).
    """

    network: Network
    values: Mapping[str, float]
    title: str = ""
    time: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    compartments: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def parameters(self) -> NDArray[np.float64]:
        """(1, parameters) values of one patient, in the network's order."""
        return np.array([[self.values[name] for name in self.network.parameter_names]], dtype=np.float64)

    @property
    def start(self) -> NDArray[np.float64]:
        """(1, states) of one patient at time zero."""
        return self.network.start(self.parameters)

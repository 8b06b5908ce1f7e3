"""A published model written in perforin's grammar: network, values, start and doses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from perforin.model.network import Network


class Published(NamedTuple):
    """``start`` and ``values`` by name; ``doses`` are (day, state, keep, add); ``sbml`` maps our states to theirs."""

    network: Network
    values: Mapping[str, float]
    start: Mapping[str, float]
    doses: tuple[tuple[float, str, float, float], ...] = ()
    sbml: Mapping[str, str] = {}

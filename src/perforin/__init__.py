"""perforin: the open platform for engineered immune-cell therapy, from scenario file to report.

The names below are the public ones. They are imported when first used, so that ``import perforin`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perforin.errors import ComputeError, ModelError, PerforinError, UserError
    from perforin.kernels.build import build
    from perforin.model.compose import compose
    from perforin.model.mechanism import Flow, Level, Mechanism, grid, mechanism
    from perforin.model.network import Network
    from perforin.records import Estimate, Records
    from perforin.scenario import read_scenario
    from perforin.streams import Streams
    from perforin.study import run

__all__ = [
    "ComputeError",
    "Estimate",
    "Flow",
    "Level",
    "Mechanism",
    "ModelError",
    "Network",
    "PerforinError",
    "Records",
    "Streams",
    "UserError",
    "build",
    "compose",
    "grid",
    "mechanism",
    "read_scenario",
    "run",
]

_HOMES = {
    "perforin.errors": ("ComputeError", "ModelError", "PerforinError", "UserError"),
    "perforin.kernels.build": ("build",),
    "perforin.model.compose": ("compose",),
    "perforin.model.mechanism": ("Flow", "Level", "Mechanism", "grid", "mechanism"),
    "perforin.model.network": ("Network",),
    "perforin.records": ("Estimate", "Records"),
    "perforin.scenario": ("read_scenario",),
    "perforin.streams": ("Streams",),
    "perforin.study": ("run",),
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("perforin")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'perforin' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

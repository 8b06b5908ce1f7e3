"""The list of endpoints: one function each, that makes a sample of an arm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from perforin.endpoints.arm import Arm
from perforin.endpoints.samples import Sample

__all__ = ["ENDPOINTS", "Endpoint", "add", "endpoint"]

Make = Callable[[Arm], Sample | None]


@dataclass(frozen=True)
class Endpoint:
    """A name, a unit, whether more is better (1), less is (-1) or neither (0), and how an arm gives it.

    ``make`` gives None where the records do not hold what the endpoint needs.
    """

    name: str
    make: Make
    unit: str = ""
    better: int = 0
    meaning: str = ""


ENDPOINTS: dict[str, Endpoint] = {}


def add(name: str, make: Make, unit: str = "", better: int = 0, meaning: str = "") -> None:
    """Enter an endpoint in the list.

    Raises:
        ValueError: two endpoints of one name.
    """
    if name in ENDPOINTS:
        raise ValueError(f"two endpoints are called {name}")
    ENDPOINTS[name] = Endpoint(name, make, unit, better, meaning)


def endpoint(name: str, unit: str = "", better: int = 0, **fixed: Any) -> Callable[[Callable[..., Sample | None]], Any]:
    """Enter the function below in the list; its docstring is the meaning, ``fixed`` are further arguments.

    May stand several times above one function, with other names and arguments.
    """

    def enter(function: Callable[..., Sample | None]) -> Callable[..., Sample | None]:
        def make(arm: Arm) -> Sample | None:
            return function(arm, **fixed)

        add(name, make, unit, better, (function.__doc__ or "").split("\n\n")[0].strip().format(**fixed))
        return function

    return enter

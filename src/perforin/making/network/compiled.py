"""Compiling the loops of the network once for this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

__all__ = ["compiled"]

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """The function as machine code, kept beside its file between runs; its types stay as written."""
    return cast("Function", njit(cache=True)(function))

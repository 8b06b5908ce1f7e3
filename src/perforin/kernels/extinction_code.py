"""The backward equations of extinction as machine code: one small library for every network."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perforin.kernels.clones import CloneRates
from perforin.kernels.compile import Compiler, kept, native_lanes

__all__ = ["MOST_STEPS", "MOST_TYPES", "survival"]

Array = NDArray[np.float64]
MOST_TYPES = 16
MOST_STEPS = 4096
VERSION = "2"
CHUNK = 256
"""Patients per call: between calls an interrupt is heard."""

_FIELDS = "patients days types ends day birth death change bud end counted coarse longest survival"

_KINDS: dict[str, Any] = {
    **dict.fromkeys(("patients", "days", "types", "ends"), ctypes.c_int64),
    **dict.fromkeys(("coarse", "longest"), ctypes.c_double),
}


class _Task(ctypes.Structure):
    """The C structure ``Extinction``, field by field."""

    _fields_ = tuple((name, _KINDS.get(name, ctypes.c_void_p)) for name in _FIELDS.split())


@lru_cache(maxsize=4)
def _library(compiler: Compiler) -> ctypes.CDLL:
    def write() -> tuple[str, dict[str, Any]]:
        folder = files("perforin.kernels")
        text = folder.joinpath("vector.c").read_text() + folder.joinpath("extinction.c").read_text()
        return text.replace("@LANES@", str(native_lanes())), {}

    return ctypes.CDLL(str(kept(["extinction", VERSION, native_lanes()], write, compiler).library))


def survival(rates: CloneRates, days: Array, ends: NDArray[np.intp], counted: Array, coarse: float,
             longest: float, compiler: Compiler) -> Array:  # fmt: skip
    """(patients, ends, types): probability that a cell of the first day has counted descendants on each end day.

    Args:
        rates: of at most ``MOST_TYPES`` types.
        days: (days,) of the rates.
        ends: indices of days.
        counted: (types,) one where a type counts, else zero.
        coarse: net change of rates allowed in one step.
        longest: longest step [day].
        compiler: from ``compile.find_compiler``.
    """
    library = _library(compiler)
    n, grid, types = rates.birth.shape
    tables = [np.ascontiguousarray(x) for x in (rates.birth, rates.death, rates.change, rates.bud)]
    shared = [np.ascontiguousarray(days, dtype=np.float64), np.ascontiguousarray(ends, dtype=np.int64), counted]
    out = np.empty((n, len(ends), types))
    for first in range(0, n, CHUNK):
        part = [ctypes.c_void_p(x[first : first + CHUNK].ctypes.data) for x in (*tables, out)]
        day, end, mask = (ctypes.c_void_p(x.ctypes.data) for x in shared)
        size = min(CHUNK, n - first)
        task = _Task(size, grid, types, len(ends), day, *part[:4], end, mask, coarse, longest, part[4])
        library.perforin_extinction(ctypes.byref(task))
    return out

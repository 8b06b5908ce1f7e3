"""Build a kernel from a Network: machine code where there is a compiler, else the interpreter."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from perforin.errors import ComputeError, UserError, nearest
from perforin.kernels.compile import find_compiler
from perforin.kernels.compiled import Compiled
from perforin.kernels.interpret import Interpreted
from perforin.kernels.solution import Doses, Kernel, Solution, no_doses
from perforin.kernels.source import default_outputs
from perforin.model.network import Network

__all__ = ["BACKENDS", "Doses", "Kernel", "Solution", "build", "no_doses"]

BACKENDS = ("auto", "compiled", "interpreted")
HOW = "install one with: pip install perforin[compiler]"


def build(network: Network, outputs: Sequence[str] | None = None, *, backend: str = "auto",
          cache: str | Path | None = None) -> Kernel:  # fmt: skip
    """A kernel that solves a network for many patients.

    Args:
        network: what to solve.
        outputs: states, levels and flows to report; all states and levels when None.
        backend: "compiled" (machine code), "interpreted" (SciPy, hundreds of times slower) or "auto" (machine code
            where clang, gcc, cc or the ziglang wheel is found, else interpreted with a warning).
        cache: folder for compiled kernels; see ``compile.cache_folder``.

    Raises:
        UserError: a network without states, an unknown backend or output, no compiler where one is asked for, a cache
            that cannot be written.
        ComputeError: the compiler fails where machine code is asked for ("auto" then warns and interprets).
    """
    if backend not in BACKENDS:
        raise UserError(f"found the backend {backend!r}; needed one of {BACKENDS}{nearest(backend, BACKENDS)}")
    if not network.states:
        raise UserError("found a network without states: nothing in it changes; needed at least one state")
    wanted = default_outputs(network) if outputs is None else tuple(outputs)
    if backend == "interpreted":
        return Interpreted(network, wanted)
    compiler = find_compiler()
    found = "no C compiler was found (clang, gcc, cc, ziglang)"
    if compiler is not None:
        try:
            return Compiled(network, wanted, compiler, cache=cache)
        except ComputeError as problem:
            if backend == "compiled":
                raise
            found = str(problem)
    if backend == "compiled":
        raise UserError(f"found no C compiler; needed clang, gcc, cc or the ziglang wheel: {HOW}")
    warnings.warn(f"{found}: running interpreted, hundreds of times slower; {HOW}", stacklevel=2)
    return Interpreted(network, wanted)

"""diffrax: Tsit5 on JAX, a batch of patients at once by ``vmap``, one core."""

from __future__ import annotations

import os

# XLA reads both when it starts: one core, as every other tool has.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

from functools import reduce
from typing import Any

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from problem import Clock, LeftOut, Problem, Solver, Values

VERSION = diffrax.__version__
AT_LEAST = 64
"""Patients in a batch: time per patient falls with it to about here."""
MOST_STEPS = 1_000_000
SOLVER = diffrax.Tsit5
"""The fastest at equal error on the three networks of the registry, before Dopri8, Kvaerno3 and Kvaerno5."""


def prepare(problem: Problem) -> dict[str, Solver]:
    """The batch compiled once; a segment with fewer days than another ends with repeats of its last."""
    jax.config.update("jax_enable_x64", True)
    first, *others = problem.segments
    if any(len(a.times) != len(b.times) or (a.times != b.times).any()
           for other in others for a, b in zip(first, other, strict=True)):  # fmt: skip
        raise LeftOut("found patients who are dosed on different days; needed the same days for a batch")
    count, longest = len(problem.start), max(len(segment.times) for segment in first)
    copies = np.tile(np.arange(count), -(-AT_LEAST // count))
    parameters = jnp.asarray(problem.parameters[copies])
    batch = jax.jit(jax.vmap(_one(problem), in_axes=(0, 0, None, None)))

    def solve(rtol: float, clock: Clock) -> tuple[Values, int]:
        values = np.full((len(copies), len(problem.days), problem.start.shape[1]), np.nan)
        state = problem.start[copies]
        for segment in first:
            state = np.stack([problem.dose(who, segment, y) for who, y in zip(copies, state, strict=True)])
            values[:, segment.now] = state[:, None]
            if len(segment.times) == 1:
                continue
            times = np.append(segment.times, np.repeat(segment.times[-1], longest - len(segment.times)))
            with clock:
                found = np.asarray(batch(state, parameters, times, rtol))[:, : len(segment.times) - 1]
            inside = segment.rows >= 0
            values[:, segment.rows[inside]] = found[:, inside]
            state = found[:, -1]
        return values[:count], len(copies)

    solve(1e-3, Clock())
    return {"diffrax Tsit5": solve}


def _one(problem: Problem) -> Any:
    """(state, parameters, times, rtol) -> states at times[1:] of one patient, NaN where it fails."""
    n = problem.start.shape[1]
    space: dict[str, Any] = {
        "exp": jnp.exp, "log": jnp.log, "sqrt": jnp.sqrt, "where": jnp.where, "larger": jnp.maximum,
        "power": lambda base, exponent: jnp.maximum(base, 1e-300) ** exponent,
        "step": lambda a: jnp.where(a > 0, 1.0, 0.0), "both": lambda *a: reduce(jnp.logical_and, a),
        "either": lambda *a: reduce(jnp.logical_or, a), "negated": jnp.logical_not,
    }  # fmt: skip
    exec(problem.text("formulas.py"), space)  # noqa: S102 our own text

    def slopes(_: Any, y: Any, p: Any) -> Any:
        found: dict[int, Any] = {}
        space["slopes"](y, p, found)
        return jnp.stack([jnp.asarray(found[i], jnp.float64) for i in range(n)])

    def one(state: Any, p: Any, times: Any, rtol: Any) -> Any:
        control = diffrax.PIDController(rtol=rtol, atol=jnp.asarray(problem.tolerances) * (rtol / 1e-5))
        done = diffrax.diffeqsolve(diffrax.ODETerm(slopes), SOLVER(), times[0], times[-1], None, state, p,
                                   saveat=diffrax.SaveAt(ts=times[1:]), stepsize_controller=control,
                                   max_steps=MOST_STEPS, throw=False)  # fmt: skip
        return done.ys

    return one

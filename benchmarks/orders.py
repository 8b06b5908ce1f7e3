"""Patient-orders through a supply network: perforin's event calendar and recursion, beside SimPy on the same luck.

16 referrals a day -> 20 apheresis slots (mean 1 day) -> courier 1 day -> 40 lines (mean 2 days) -> release 7 days ->
courier 1 day; with or without a death clock. All tools find the same days, or the bench stops.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Generator
from importlib.metadata import version
from typing import Any

import numpy as np
from measuring import Tell
from numpy.typing import NDArray
from registry import Bench
from results import OURS
from scoring import Row, rounded

from perforin.errors import ComputeError
from perforin.making.network.plan import DELAY, LINES, Plan
from perforin.making.network.simulate import run

__all__ = ["chain", "raced", "simpy_days"]

Array = NDArray[np.float64]

SLOWER = 20
"""SimPy is timed on so many times fewer patients; its time a patient does not depend on how many there are."""
SLOTS, PLANT_LINES, HAZARD = 20, 40, 0.005


def chain(n: int, deaths: bool, seed: int = 1) -> Plan:
    """The chain with everybody's luck."""
    luck = np.random.default_rng(seed)
    arrival = np.cumsum(luck.exponential(1 / 16, n))
    kind = np.array([LINES, DELAY, LINES, DELAY, DELAY])
    days = np.column_stack([luck.exponential(1, n), np.ones(n), luck.exponential(2, n), np.full(n, 7.0), np.ones(n)])
    deadline = arrival + luck.exponential(1 / HAZARD, n) if deaths else np.full(n, np.inf)
    nothing, none, units = np.zeros(3, np.int64), np.empty((0, 1, 1)), np.zeros((0, 1), np.int64)
    return Plan(
        arrival=arrival, deadline=deadline, rank=np.zeros(n), kind=kind, days=days[None],
        fails=np.zeros((1, n, 5), np.bool_), again=np.full(5, -1), pool=np.tile([0, -1, 1, -1, -1], (n, 1)),
        lines=np.array([SLOTS, PLANT_LINES]), closed=nothing, closed_from=np.empty(0), closed_to=np.empty(0),
        slot=nothing, slot_day=np.empty(0), hub=np.full(2, -1), choice=np.zeros((n, 1), np.int64), reorder=units,
        up_to=units, initial=units, review=np.empty(0), lead=none, shelf=none, rejected=none > 0, recall=none,
        until=np.array([np.inf]),
    )  # fmt: skip


def simpy_days(plan: Plan) -> Array:
    """(n,) day of infusion, or of death, by SimPy."""
    import simpy

    environment = simpy.Environment()
    slots, lines = (simpy.Resource(environment, capacity) for capacity in (SLOTS, PLANT_LINES))
    found, mortal = np.empty(len(plan.arrival)), bool(np.isfinite(plan.deadline).all())
    days, arrival, deadline = plan.days[0].tolist(), plan.arrival.tolist(), plan.deadline.tolist()

    def patient(i: int) -> Generator[Any, Any, None]:
        mine, end = days[i], deadline[i]
        death = environment.timeout(end - environment.now) if mortal else None
        for resource, lasts, after in ((slots, mine[0], mine[1]), (lines, mine[2], mine[3] + mine[4])):
            with resource.request() as request:
                yield request | death if mortal else request
                if not request.triggered:
                    found[i] = end
                    return
                yield environment.timeout(lasts)
            yield environment.timeout(after)
            if environment.now > end:
                break
        found[i] = min(environment.now, end)

    def referrals() -> Generator[Any, Any, None]:
        for i, day in enumerate(arrival):
            yield environment.timeout(day - environment.now)
            environment.process(patient(i))

    environment.process(referrals())
    environment.run()
    return found


def raced(bench: Bench, repeats: int, tell: Tell) -> tuple[list[Row], dict[str, str]]:
    """Rows of all tools, taken in turn, and why one is left out.

    Raises:
        ComputeError: two tools do not find the same days.
    """
    deaths = bench.model == "orders"
    whole, part = chain(bench.patients, deaths), chain(bench.patients // SLOWER, deaths)
    engines: dict[str, Callable[[], Array]] = {
        OURS: lambda: run(whole, "calendar").day,
        f"{OURS} recursion": lambda: run(whole, "recursion").day,
    }
    left_out, releases = {}, dict.fromkeys(engines, version(OURS))
    try:
        releases["SimPy"] = version("simpy")
        engines["SimPy"] = lambda: simpy_days(part)
        tell(f"{bench.name}: the same days?")
        _same(run(part, "calendar").day, simpy_days(part))
    except ModuleNotFoundError as missing:
        left_out["SimPy"] = f"{missing}; pip install simpy"
    _same(engines[OURS](), engines[f"{OURS} recursion"]())
    times: dict[str, list[float]] = {}
    for repeat in range(repeats):
        for tool, work in engines.items():
            tell(f"{bench.name}: repeat {repeat + 1} of {repeats}: {tool}")
            since = time.process_time()
            count = len(work())
            times.setdefault(tool, []).append((time.process_time() - since) * 1e3 / count)
    rows = []
    for tool, each in times.items():
        beside = [one / ours for one, ours in zip(each, times[OURS], strict=True)]
        three = map(rounded, (statistics.median(beside), min(beside), max(beside)))
        rows.append(Row(bench.name, tool, releases[tool], bench.unit, rounded(statistics.median(each)), None, *three))
    return rows, left_out


def _same(first: Array, second: Array) -> None:
    worst = float(np.abs(first - second).max())
    if not worst < 1e-6:
        raise ComputeError(f"found tools whose days differ by up to {worst:g}; needed the same days")

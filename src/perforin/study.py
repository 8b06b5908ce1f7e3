"""The file to read first: every arm treats the same patients with the same luck; only the product differs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perforin.errors import ComputeError, UserError, nearest
from perforin.making.make import make
from perforin.patients.cohort import enrol
from perforin.prepared import Ready, make_ready
from perforin.records import Records
from perforin.runs import RunFolder
from perforin.scenario import Scenario, read_scenario
from perforin.streams import Streams
from perforin.treating import deadlines_of, treat, wait
from perforin.trial.observe import observe

__all__ = ["Interrupted", "Progress", "Study", "open_study", "replay", "resume", "run", "simulate"]

CHUNK = 250
"""Patients simulated together; results do not depend on it, but chunks of an unfinished run must keep their size."""
DRAWN = 1000
"""Courses are summarised over the first so many patients of each arm."""
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}

Tables = dict[str, pd.DataFrame]


class Interrupted(ComputeError):
    """Stopped by the user; what is finished is kept."""


@dataclass(frozen=True)
class Progress:
    """How far a run has come: ``done`` of ``total`` patients, and what is being done."""

    done: int
    total: int
    stage: str


@dataclass(frozen=True)
class Study:
    """Everything a run has found.

    ``courses`` has quantiles over patients by arm, day and observable; ``parameters`` one table per arm; ``cohort``
    the covariates; ``failed`` patients by arm with the reason; ``ledger`` is filled by ``inference.sensitivity``.
    """

    scenario: Scenario
    records: Records
    courses: pd.DataFrame
    cohort: pd.DataFrame
    parameters: dict[str, pd.DataFrame]
    failed: pd.DataFrame
    manifest: dict[str, Any]
    ledger: pd.DataFrame = field(default_factory=pd.DataFrame)
    folder: Path | None = None
    ready: Ready | None = field(default=None, repr=False, compare=False)


def simulate(ready: Ready, patients: NDArray[np.int64]) -> Tables:
    """Enrol, wait, make, treat and observe the numbered patients in every arm."""
    streams = Streams(ready.scenario.seed)
    population = ready.scenario.population
    cohort = enrol(population.covariates, population.correlations, patients, streams)
    deadline = deadlines_of(ready, cohort, streams)
    lots = {arm.name: make(arm.process, patients, deadline, streams) for arm in ready.arms}
    waiting = wait(ready, cohort, lots.values(), streams)
    records, courses, failed = [], [], []
    for arm in ready.arms:
        course, reasons = treat(ready, arm, cohort, lots[arm.name], waiting, streams)
        records.append(observe(course, lots[arm.name], ready.plan, streams, arm=arm.name))
        courses.append(_long(arm.name, course.only(course.infused & course.solved)))
        failed.append(reasons)
    return {
        "records": Records.concat(records).table,
        "courses": pd.concat(courses, ignore_index=True),
        "failed": pd.concat(failed, ignore_index=True),
        "cohort": cohort.table(),
    }


def _long(arm: str, course: Any) -> pd.DataFrame:
    """One row per patient and day, one column per observable (single precision: these are for figures)."""
    n, days = len(course.patients), len(course.days)
    columns = {name: values.astype(np.float32).ravel() for name, values in sorted(course.observables.items())}
    keys = {"arm": arm, "subject": np.repeat(course.patients, days), "day": np.tile(course.days, n)}
    return pd.DataFrame(keys | columns)


def run(
    scenario: Scenario,
    *,
    folder: Path | None = None,
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Study:
    """Simulate a scenario; finished chunks are kept in ``folder`` and the bytes do not depend on ``workers``.

    Raises:
        UserError: names, units or numbers that do not fit.
        Interrupted: ``interrupted()`` became true; ``resume(folder)`` goes on.
    """
    clock = time.perf_counter()
    tell = progress or (lambda _: None)
    count = scenario.patients.n
    tell(Progress(0, count, "composing and compiling"))
    ready = make_ready(scenario)
    prepared = time.perf_counter()
    kept = RunFolder.create(folder) if folder else None
    if kept and not kept.has("manifest.json"):
        kept.write_bytes("scenario.yaml", scenario.text.encode())
        kept.write_json("manifest.json", _manifest(ready) | {"finished": False})
    tables = _all_chunks(ready, kept, workers, tell, interrupted)
    seconds = {"prepare": prepared - clock, "simulate": time.perf_counter() - prepared}
    return _finish(ready, kept, tables, seconds)


def resume(folder: Path, **options: Any) -> Study:
    """Go on with an unfinished run; its finished chunks are read, not simulated again.

    Raises:
        UserError: no run there, a truncated one, or one begun by another version of the model.
    """
    kept = RunFolder.existing(folder)
    scenario = read_scenario(kept.path / "scenario.yaml")
    begun = kept.json("manifest.json")
    found = {name: scenario.model(name).network.hash for name in scenario.arms}
    if begun["network_hash"] != found:
        raise UserError(
            f"found a run of the networks {begun['network_hash']} in {folder}, but this version of perforin composes "
            f"{found}; run the scenario again"
        )
    return run(scenario, folder=folder, **options)


def _all_chunks(
    ready: Ready,
    kept: RunFolder | None,
    workers: int,
    tell: Callable[[Progress], None],
    interrupted: Callable[[], bool],
) -> Tables:
    count = ready.scenario.patients.n
    starts = range(0, count, CHUNK)
    parts: dict[int, Tables] = {}
    tell(Progress(0, count, "simulating"))
    with ThreadPoolExecutor(max_workers=workers) as pool:
        left: Iterator[int] = iter(starts)
        running: dict[Future[Tables], int] = {}
        while len(parts) < len(starts):
            while len(running) < workers and not interrupted() and (first := next(left, None)) is not None:
                running[pool.submit(_chunk, ready, kept, first)] = first
            if not running:
                raise Interrupted(f"{sum(len(p['cohort']) for p in parts.values())} of {count} patients are finished.")
            done, _ = wait_for(running, return_when=FIRST_COMPLETED)
            for one in done:
                parts[running.pop(one)] = one.result()
            tell(Progress(min(count, len(parts) * CHUNK), count, "simulating"))
    whole = [parts[first] for first in starts]
    return {name: pd.concat([part[name] for part in whole], ignore_index=True) for name in whole[0]}


def _chunk(ready: Ready, kept: RunFolder | None, first: int) -> Tables:
    """One chunk: read if it was finished, else simulated and kept."""
    names = {name: f"chunks/{first:09d}.{name}.parquet" for name in ("records", "courses", "cohort", "failed")}
    if kept and all(kept.has(file) for file in names.values()):
        return {name: kept.table(file) for name, file in names.items()}
    patients = np.arange(first, min(first + CHUNK, ready.scenario.patients.n), dtype=np.int64)
    tables = simulate(ready, patients)
    if first >= DRAWN:
        tables["courses"] = tables["courses"].iloc[:0]
    if kept:
        for name, file in names.items():
            kept.write_table(file, tables[name])
    return tables


def _summary(courses: pd.DataFrame) -> pd.DataFrame:
    """Quantiles over patients, by arm, day and observable."""
    if not len(courses):
        return pd.DataFrame(columns=["arm", "day", "observable", *QUANTILES])
    groups = courses.drop(columns="subject").groupby(["arm", "day"], sort=True)
    parts = [
        table.melt(var_name="observable", value_name=name, ignore_index=False).set_index("observable", append=True)
        for name, table in ((name, groups.quantile(share)) for name, share in QUANTILES.items())
    ]
    return pd.concat(parts, axis=1).sort_index().reset_index()


def _manifest(ready: Ready) -> dict[str, Any]:
    scenario = ready.scenario
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "fingerprint": scenario.fingerprint,
        "network_hash": {arm.name: arm.model.network.hash for arm in ready.arms},
        "patients": scenario.patients.n,
        "seed": scenario.seed,
        "chunk": CHUNK,
        "calibrated": False,
        "versions": {name: version(name) for name in ("perforin", "numpy", "scipy", "pandas", "sympy")}
        | {"python": sys.version.split()[0]},
        "kernel": type(ready.arms[0].kernel).__name__.lower(),
        "states": {arm.name: len(arm.model.network.states) for arm in ready.arms},
        "idle": {arm.name: list(arm.model.idle) for arm in ready.arms},
        "extrapolations": {arm.name: [str(one) for one in arm.model.extrapolations] for arm in ready.arms},
        "citations": sorted({key for arm in ready.arms for key in arm.model.citations}),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _finish(ready: Ready, kept: RunFolder | None, tables: Tables, seconds: dict[str, float]) -> Study:
    parameters = {arm.name: arm.model.parameters.table() for arm in ready.arms}
    manifest = _manifest(ready) | {"seconds": seconds, "finished": True}
    summary = _summary(tables["courses"])
    if kept:
        kept.write_table("records.parquet", tables["records"])
        kept.write_table("courses.parquet", summary)
        kept.write_table("cohort.parquet", tables["cohort"])
        kept.write_table("failed.parquet", tables["failed"])
        for name, table in parameters.items():
            kept.write_table(f"parameters_{name}.parquet", table)
        kept.write_json("manifest.json", manifest)
    return Study(ready.scenario, Records(tables["records"]), summary, tables["cohort"], parameters, tables["failed"],
                 manifest, folder=kept.path if kept else None, ready=ready)  # fmt: skip


def open_study(folder: Path) -> Study:
    """Read a finished run; nothing is simulated.

    Raises:
        UserError: no run there, or a truncated one.
    """
    kept = RunFolder.existing(folder)
    scenario, manifest = read_scenario(kept.path / "scenario.yaml"), kept.json("manifest.json")
    return Study(
        scenario=scenario,
        records=Records(kept.table("records.parquet")),
        courses=kept.table("courses.parquet"),
        cohort=kept.table("cohort.parquet"),
        parameters={arm: kept.table(f"parameters_{arm}.parquet") for arm in scenario.arms},
        failed=kept.table("failed.parquet"),
        manifest=manifest,
        ledger=kept.table("ledger.parquet") if kept.has("ledger.parquet") else pd.DataFrame(),
        folder=folder,
    )


def replay(folder: Path, patient: int, arm: str) -> pd.DataFrame:
    """One patient's course again, bit for bit: a row per day, a column per observable.

    Raises:
        UserError: no such run, patient or arm; a patient never infused, or one who failed, with the reason.
    """
    scenario = read_scenario(RunFolder.existing(folder).path / "scenario.yaml")
    if arm not in scenario.arms:
        raise UserError(f"found the arm {arm!r}; needed one of {list(scenario.arms)}{nearest(arm, scenario.arms)}")
    if not 0 <= patient < scenario.patients.n:
        raise UserError(f"found the patient {patient}; needed 0 to {scenario.patients.n - 1}")
    tables = simulate(make_ready(scenario), np.array([patient], dtype=np.int64))
    course = tables["courses"][tables["courses"]["arm"] == arm]
    if len(course):
        return course.reset_index(drop=True)
    failed = tables["failed"][tables["failed"]["arm"] == arm]
    why = f"failed: {failed['reason'].iloc[0]}" if len(failed) else "was never infused"
    raise UserError(f"found patient {patient}, who {why}, in the arm {arm!r}; needed one with a course")

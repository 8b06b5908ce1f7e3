"""The file to read first: every arm treats the same patients with the same luck; only the product differs."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perforin.errors import ComputeError, UserError, nearest
from perforin.patients.cohort import enrol
from perforin.patients.course import Course
from perforin.placement import place
from perforin.prepared import Ready, make_ready
from perforin.records import Records
from perforin.runs import RunFolder
from perforin.scenario import Scenario, scenario_of
from perforin.streams import Streams
from perforin.supplying import mark_of, numbers_of, supply
from perforin.treating import treat, wait
from perforin.trial.observe import observe

__all__ = ["Interrupted", "Progress", "Study", "chunk", "open_study", "replay", "resume", "run", "simulate"]

CHUNK = 500
"""Patients simulated together, and a part of a table; what is found does not depend on it."""
DRAWN = 1000
"""Courses are kept, and summarised for figures, of the first so many patients of each arm."""
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}
TABLES = {
    "cohort": "cohort.parquet",
    "failed": "failed.parquet",
    "courses": "drawn.parquet",
    "records": "records.parquet",
}
"""What ``simulate`` gives, and the tables of a run folder that hold it in parts, one a chunk."""


def _tables(first: int) -> dict[str, str]:
    """The tables that the chunk which begins with a patient has a part of."""
    return {name: file for name, file in TABLES.items() if name != "courses" or first < DRAWN}


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

    ``courses`` has quantiles over patients by arm, day and observable; ``parameters`` one table per arm; ``failed``
    patients by arm with the reason; ``ledger`` is filled by ``inference.sensitivity``. Records and cohort stay in the
    run's folder until they are asked for; ``parts`` reads them some patients at a time, however many there are.
    """

    scenario: Scenario
    folder: RunFolder
    courses: pd.DataFrame
    parameters: dict[str, pd.DataFrame]
    failed: pd.DataFrame
    manifest: dict[str, Any]
    ledger: pd.DataFrame = field(default_factory=pd.DataFrame)
    ready: Ready | None = field(default=None, repr=False, compare=False)

    def parts(self) -> Iterator[Records]:
        """The records in parts, each with all rows of its patients, in the order of patients."""
        return map(Records, self.folder.parts(TABLES["records"]))

    @cached_property
    def records(self) -> Records:
        """All records at once: 8 kB of memory a patient and arm."""
        return Records.concat(self.parts())

    @cached_property
    def cohort(self) -> pd.DataFrame:
        """The covariates, one row per patient."""
        return pd.concat(self.folder.parts(TABLES["cohort"]), ignore_index=True)


def simulate(ready: Ready, patients: NDArray[np.int64], *, courses: bool = True) -> Tables:
    """Enrol, make, wait, treat and observe the numbered patients in every arm; ``courses`` may be left out."""
    streams = Streams(ready.scenario.seed)
    population = ready.scenario.population
    cohort = enrol(population.covariates, population.correlations, patients, streams)
    lots = supply(ready, cohort, streams)
    waiting = wait(ready, cohort, lots.values(), streams)
    records, drawn, failed = [], [], []
    for arm in ready.arms:
        course, reasons = treat(ready, arm, cohort, lots[arm.name], waiting, streams)
        records.append(observe(course, lots[arm.name], ready.plan, streams, arm=arm.name))
        drawn += [_long(arm.name, course.only(course.infused & course.solved))] if courses else []
        failed.append(reasons)
    return {
        "records": Records.concat(records).table,
        "courses": pd.concat(drawn, ignore_index=True) if courses else pd.DataFrame(),
        "failed": pd.concat(failed, ignore_index=True),
        "cohort": cohort.table(),
    }


def _long(arm: str, course: Course) -> pd.DataFrame:
    """One row per patient and day, one column per observable (single precision: these are for figures)."""
    n, days = len(course.patients), len(course.days)
    columns = {name: values.astype(np.float32).ravel() for name, values in sorted(course.observables.items())}
    keys = {"arm": arm, "subject": np.repeat(course.patients, days), "day": np.tile(course.days, n)}
    return pd.DataFrame(keys | columns)


def run(
    scenario: Scenario,
    *,
    folder: Path | str | None = None,
    workers: int = 1,
    cluster: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Study:
    """Simulate a scenario; finished chunks are kept, and no byte depends on where or in what order they ran.

    Args:
        scenario: what is asked.
        folder: a path, or a URL such as ``s3://bucket/run``; a temporary folder, gone with the study, if not given.
        workers: processes of this machine; with one, this process.
        cluster: address of a Dask scheduler, or ``local`` for one with so many workers on this machine.
        progress: is told how far the run has come.
        interrupted: is asked whether to stop.

    Raises:
        UserError: names, units or numbers that do not fit.
        Interrupted: ``interrupted()`` became true; ``resume(folder)`` goes on.
    """
    if folder is None:
        kept = RunFolder(tempfile.mkdtemp(prefix="perforin-"))
        weakref.finalize(kept, shutil.rmtree, kept.where, ignore_errors=True)
    else:
        kept = RunFolder.at(folder)
    return _run(scenario, scenario.text, kept, workers, cluster, progress, interrupted)


def resume(
    folder: Path | str,
    *,
    workers: int = 1,
    cluster: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Study:
    """Go on with an unfinished run; its finished chunks are not simulated again. Arguments as for ``run``.

    Raises:
        UserError: no run there, a truncated one, or one begun with other files or another version of the model.
    """
    kept = RunFolder.existing(folder)
    text = kept.text("scenario.yaml")
    return _run(scenario_of(text), text, kept, workers, cluster, progress, interrupted)


def _run(
    scenario: Scenario,
    text: str,
    kept: RunFolder,
    workers: int,
    cluster: str | None,
    progress: Callable[[Progress], None] | None,
    interrupted: Callable[[], bool],
) -> Study:
    clock, tell, count = time.perf_counter(), progress or (lambda _: None), scenario.patients.n
    tell(Progress(0, count, "composing and compiling"))
    with place(chunk, workers, cluster) as at:
        ready = _ready(_Asked(text, scenario))
        begun = kept.json("manifest.json") if kept.has("manifest.json") else None
        if begun is None:
            begun = _manifest(ready)
            kept.write_bytes("scenario.yaml", text.encode())
            kept.write_json("manifest.json", begun)
        _same_model(ready, begun, kept)
        prepared, size = time.perf_counter(), begun["chunk"]
        left = [k for k in range(0, count, size) if not all(kept.has_part(one, k) for one in _tables(k).values())]
        tasks = [(kept.where, first, min(size, count - first)) for first in left]
        done = count - sum(many for *_, many in tasks)
        tell(Progress(done, count, "simulating"))
        for *_, many in at.each(tasks, interrupted):
            done += many
            tell(Progress(done, count, "simulating"))
    if done < count:
        raise Interrupted(f"{done} of {count} patients are finished.")
    seconds = {"prepare": prepared - clock, "simulate": time.perf_counter() - prepared}
    return _finish(ready, kept, begun | {"seconds": seconds, "finished": True})


@dataclass(frozen=True)
class _Asked:
    """A scenario's text, and the scenario where it has been read already."""

    text: str
    scenario: Scenario | None = field(default=None, compare=False)


@lru_cache(maxsize=2)
def _ready(asked: _Asked) -> Ready:
    return make_ready(asked.scenario or scenario_of(asked.text))


@lru_cache(maxsize=2)
def _ready_for(where: str, text: str) -> Ready:
    """What the chunks of a run need, found once in a process to be what the run was begun with."""
    kept, ready = RunFolder(where), _ready(_Asked(text))
    _same_model(ready, kept.json("manifest.json"), kept)
    return ready


def chunk(where: str, first: int, count: int) -> None:
    """Simulate some patients of the run begun at a path or URL and keep their tables there, wherever this is called.

    Raises:
        UserError: the run is not to be seen from here, or was begun with other files or another version of the model.
    """
    kept = RunFolder(where)
    if not kept.has("scenario.yaml"):
        raise UserError(
            f"found a worker that does not see the run folder {where}; needed one that all machines share, or a URL"
        )
    ready = _ready_for(where, kept.text("scenario.yaml"))
    tables = simulate(ready, np.arange(first, first + count, dtype=np.int64), courses=first < DRAWN)
    if first < DRAWN:
        tables["courses"] = tables["courses"][tables["courses"]["subject"] < DRAWN]
    for name, file in _tables(first).items():
        kept.write_part(file, first, tables[name])


def _same_model(ready: Ready, begun: dict[str, Any], kept: RunFolder) -> None:
    found = _identity(ready)
    for what, now in found.items():
        if (then := begun.get(what)) != now:
            raise UserError(f"found a run with the {what} {then} in {kept}, but the scenario, the library and the "
                            f"files that they name now give {now}; run the scenario again")  # fmt: skip


def _identity(ready: Ready) -> dict[str, Any]:
    """What a run is of: its scenario, the equations of each arm, and all other words and numbers of its files."""
    return {
        "fingerprint": ready.scenario.fingerprint,
        "network_hash": {arm.name: arm.model.network.hash for arm in ready.arms},
        "numbers": {arm.name: mark_of(ready, arm) for arm in ready.arms},
    }


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
        **_identity(ready),
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
        "finished": False,
    }


def _finish(ready: Ready, kept: RunFolder, manifest: dict[str, Any]) -> Study:
    parameters = {arm.name: numbers_of(ready, arm).table() for arm in ready.arms}
    courses = _summary(pd.concat(kept.parts(TABLES["courses"]), ignore_index=True))
    failed = pd.concat(kept.parts(TABLES["failed"]), ignore_index=True)
    kept.write_table("courses.parquet", courses)
    for name, table in parameters.items():
        kept.write_table(f"parameters_{name}.parquet", table)
    kept.write_json("manifest.json", manifest)
    kept.store.tidy()
    return Study(ready.scenario, kept, courses, parameters, failed, manifest, ready=ready)


def open_study(folder: Path | str) -> Study:
    """Read a finished run; nothing is simulated.

    Raises:
        UserError: no run there, or a truncated one.
    """
    kept = RunFolder.existing(folder)
    scenario, manifest = scenario_of(kept.text("scenario.yaml")), kept.json("manifest.json")
    starts = range(0, manifest["patients"], manifest["chunk"])
    for file in TABLES.values():
        parts, needed = len(kept.store.names(file)), sum(file in _tables(first).values() for first in starts)
        if not manifest["finished"] or parts < needed:
            raise UserError(f"found {parts} of {needed} parts of {kept}/{file}; go on with: perforin resume {folder}")
    return Study(
        scenario=scenario,
        folder=kept,
        courses=kept.table("courses.parquet"),
        parameters={arm: kept.table(f"parameters_{arm}.parquet") for arm in scenario.arms},
        failed=pd.concat(kept.parts(TABLES["failed"]), ignore_index=True),
        manifest=manifest,
        ledger=kept.table("ledger.parquet") if kept.has("ledger.parquet") else pd.DataFrame(),
    )


def replay(folder: Path | str, patient: int, arm: str) -> pd.DataFrame:
    """One patient's course again, bit for bit: a row per day, a column per observable.

    Raises:
        UserError: no such run, patient or arm; a patient never infused, or one who failed, with the reason.
    """
    text = RunFolder.existing(folder).text("scenario.yaml")
    scenario = scenario_of(text)
    if arm not in scenario.arms:
        raise UserError(f"found the arm {arm!r}; needed one of {list(scenario.arms)}{nearest(arm, scenario.arms)}")
    if not 0 <= patient < scenario.patients.n:
        raise UserError(f"found the patient {patient}; needed 0 to {scenario.patients.n - 1}")
    tables = simulate(_ready(_Asked(text, scenario)), np.array([patient], dtype=np.int64))
    course = tables["courses"][tables["courses"]["arm"] == arm]
    if len(course):
        return course.reset_index(drop=True)
    failed = tables["failed"][tables["failed"]["arm"] == arm]
    why = f"failed: {failed['reason'].iloc[0]}" if len(failed) else "was never infused"
    raise UserError(f"found patient {patient}, who {why}, in the arm {arm!r}; needed one with a course")

"""However a run is cut, placed or ended, its tables are the same to the last byte."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from perforin import study
from perforin.command.app import execute
from perforin.endpoints.catalogue import catalogue, score
from perforin.records import Records
from perforin.report import scoring
from perforin.runs import RunFolder
from perforin.scenario import Scenario, read_scenario
from perforin.stores import open_store

DEMO = "cd19_lbcl_head_to_head"
SMALL = {"patients.n": 60, "horizon": "180 day", "visits": [30, 90, 180], "seed": 11}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return read_scenario(DEMO).with_changes(SMALL)


@pytest.fixture
def chunks_of_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "CHUNK", 8)


def tables(where: str | Path) -> dict[str, str]:
    """A digest of every byte of every table of a run, by path or URL."""
    store = RunFolder.at(where).store
    single = [name for name in store.names("") if name.endswith(".parquet")]
    parts = [f"{table}/{name}" for table in study.TABLES.values() for name in store.names(table)]
    names = [name for name in {*single, *parts} if name not in study.TABLES.values()]
    return {name: hashlib.sha256(store.read(name)).hexdigest() for name in sorted(names)}


@pytest.fixture(scope="module")
def whole(scenario: Scenario, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The tables of a run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(study, "CHUNK", 8)
        study.run(scenario, folder=folder)
    return tables(folder)


def test_what_is_found_does_not_depend_on_the_size_of_the_parts(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["arm", "parameter", "unit", "origin", "source"]
    keys = ["arm", "subject", "parameter", "day"]
    found = []
    for size in (7, 60):
        monkeypatch.setattr(study, "CHUNK", size)
        done = study.run(scenario)
        rows = done.records.table.astype(dict.fromkeys(texts, "str"))
        found.append((rows.sort_values(keys, ignore_index=True), done.courses, done.cohort, done.failed))
    for one, other in zip(*found, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_every_endpoint_of_joined_parts_is_that_of_the_whole(
    scenario: Scenario, chunks_of_eight: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, names = study.run(scenario), list(catalogue())
    monkeypatch.setattr(scoring, "ROWS", 1)
    parts = list(done.parts())
    assert len(parts) == 8
    in_parts = scoring.estimates(scoring.read(parts, names, "lugano"), names)
    at_once = score(done.records, names)
    assert len(at_once) > 80
    assert {(one.arm, one.endpoint): one for one in in_parts} == {(one.arm, one.endpoint): one for one in at_once}


def test_a_study_without_a_folder_leaves_none_behind(scenario: Scenario, chunks_of_eight: None) -> None:
    done = study.run(scenario.with_changes({"patients.n": 8}))
    home = Path(done.folder.where)
    assert isinstance(done.records, Records)
    assert home.is_dir()
    del done
    assert not home.exists()


def test_a_folder_of_another_question_is_refused(scenario: Scenario, tmp_path: Path) -> None:
    few = scenario.with_changes({"patients.n": 8})
    study.run(few, folder=tmp_path)
    with pytest.raises(study.UserError, match="run the scenario again"):
        study.run(few.with_changes({"seed": 12}), folder=tmp_path)


def test_a_run_in_memory_of_fsspec_is_the_run_on_disk(
    scenario: Scenario, whole: dict[str, str], chunks_of_eight: None
) -> None:
    pytest.importorskip("fsspec")
    done = study.run(scenario, folder="memory://runs/one")
    assert tables("memory://runs/one") == whole
    again = study.open_study("memory://runs/one")
    pd.testing.assert_frame_equal(again.records.table, done.records.table)


@pytest.mark.slow
def test_the_command_line_takes_a_url_for_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("fsspec")
    where = "memory://line/run"
    assert execute(["run", DEMO, "--n", "6", "--out", where, "--json"]) in (0, 2)
    before = json.loads(capsys.readouterr().out)
    assert execute(["report", where, "--json"]) == 0
    after = json.loads(capsys.readouterr().out)
    assert after["estimates"] == before["estimates"]
    assert after["report"] == f"{where}/report.html"
    assert open_store(where).read("report.html").startswith(b"<!")
    assert execute(["run", DEMO, "--out", where]) == 1
    assert f"perforin resume {where}" in capsys.readouterr().err


START = """
import sys
from perforin import study
from perforin.command.app import execute
study.CHUNK = 8
sys.exit(execute(sys.argv[1:]))
"""


def perforin(*words: str) -> subprocess.Popen[bytes]:
    """The command line with small chunks, in a process of its own."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen([sys.executable, "-c", START, *words], env=env, stdout=subprocess.DEVNULL)


RUN = ["--n", "60", "--seed", "11", "--set", "horizon=180 day", "--set", "visits=[30, 90, 180]"]


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_run_killed_at_random_moments_and_resumed_is_the_same_to_the_last_byte(
    tmp_path: Path, whole: dict[str, str], workers: str
) -> None:
    folder, luck, cut = tmp_path / "run", random.Random(workers), []
    begun = perforin("run", DEMO, *RUN, "--workers", workers, "--out", str(folder))
    for _ in range(4):
        while begun.poll() is None and not list(folder.glob("records.parquet/*"))[len(cut) :]:
            time.sleep(0.01)
        time.sleep(luck.uniform(0, 0.5))
        begun.send_signal(signal.SIGKILL)
        begun.wait()
        cut.append(len(list(folder.glob("records.parquet/*"))))
        for path in [path for path in folder.rglob("*.parquet") if path.is_file()]:
            assert path.read_bytes()[-4:] == b"PAR1", f"{path} was cut short"
        begun = perforin("resume", str(folder), "--workers", workers)
    assert begun.wait() in (0, 2)
    assert min(cut) < len(range(0, 60, 8)), "at least one kill came before the end"
    assert tables(folder) | {"ledger.parquet": ""} == whole | {"ledger.parquet": ""}


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_finished_in_every_process(tmp_path: Path, whole: dict[str, str]) -> None:
    folder = tmp_path / "run"
    begun = perforin("run", DEMO, *RUN, "--workers", "2", "--out", str(folder))
    while begun.poll() is None and not list(folder.glob("records.parquet/*")):
        time.sleep(0.01)
    begun.send_signal(signal.SIGINT)
    assert begun.wait() == 130
    assert 0 < len(list(folder.glob("records.parquet/*"))) < 8
    assert perforin("resume", str(folder)).wait() in (0, 2)
    assert tables(folder) | {"ledger.parquet": ""} == whole | {"ledger.parquet": ""}


def cluster(**more: Any) -> Any:
    distributed = pytest.importorskip("distributed")
    return distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, **more)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_gives_the_same_bytes_although_a_worker_is_killed(
    tmp_path: Path, scenario: Scenario, whole: dict[str, str], chunks_of_eight: None
) -> None:
    killed: list[int] = []
    with cluster() as made:

        def kill(step: study.Progress) -> None:
            if step.done >= 8 and not killed:
                killed.append(next(iter(made.workers.values())).pid)
                os.kill(killed[0], signal.SIGKILL)

        study.run(scenario, folder=f"file://{tmp_path}", cluster=made.scheduler_address, progress=kill)
    assert len(killed) == 1
    assert tables(tmp_path) == whole


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_worker_that_cannot_see_the_folder_says_so(scenario: Scenario) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(study.UserError, match="found a worker that does not see the run folder memory://hidden"):
        study.run(scenario, folder="memory://hidden", cluster="local", workers=1)

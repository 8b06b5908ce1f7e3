"""Tasks run here or in other processes, whatever becomes of these."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import placed_tasks
from perforin.errors import ComputeError, UserError
from perforin.placement import place


def run(function: Callable[..., None], folder: Path, workers: int, count: int = 5) -> list[int]:
    with place(function, workers) as at:
        return sorted(number for _, number in at.each([(str(folder), k) for k in range(count)], lambda: False))


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_done_once_and_given_back(tmp_path: Path, workers: int) -> None:
    assert run(placed_tasks.written, tmp_path, workers) == [0, 1, 2, 3, 4]
    processes = {path.read_text() for path in tmp_path.iterdir()}
    assert (processes == {str(os.getpid())}) == (workers == 1)
    assert len(processes) <= workers


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_task_says_is_raised_here(tmp_path: Path, workers: int) -> None:
    with pytest.raises(UserError, match="found 0; needed another"):
        run(placed_tasks.refused, tmp_path, workers, 1)


def test_an_exception_that_cannot_travel_still_tells_its_kind(tmp_path: Path) -> None:
    with pytest.raises(ComputeError, match="ValueError"):
        run(placed_tasks.broken, tmp_path, 2, 1)


def test_a_process_that_is_killed_is_replaced_and_its_task_begun_again(tmp_path: Path) -> None:
    assert run(placed_tasks.killed_once, tmp_path, 2, 3) == [0, 1, 2]
    assert {path.name for path in tmp_path.iterdir()} >= {"0", "1", "2"}


def test_a_task_that_ends_every_process_is_given_up_by_name(tmp_path: Path) -> None:
    with pytest.raises(ComputeError, match=r"3 processes that ended .*exit code -9.*needed one that lives"):
        run(placed_tasks.killed, tmp_path, 2, 1)


def test_no_task_is_begun_after_the_word_to_stop(tmp_path: Path) -> None:
    seen: list[int] = []
    with place(placed_tasks.written, 1) as at:
        for _, number in at.each([(str(tmp_path), k) for k in range(9)], lambda: len(seen) >= 3):
            seen.append(number)
    assert seen == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc to see processes in")
def test_workers_go_with_the_process_that_began_them(tmp_path: Path) -> None:
    """Killed, it cannot say goodbye; its workers read the end of their input."""
    code = (
        "import os, signal, sys, placed_tasks\n"
        "from perforin.placement import place\n"
        "with place(placed_tasks.written, 2) as at:\n"
        f"    list(at.each([({str(tmp_path)!r}, k) for k in range(8)], lambda: False))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == -9
    workers = {int(path.read_text()) for path in tmp_path.iterdir()}
    for _ in range(100):
        if not any(Path(f"/proc/{number}/stat").exists() for number in workers):
            break
        time.sleep(0.1)
    assert not [number for number in workers if Path(f"/proc/{number}").exists()]


def test_a_cluster_without_dask_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UserError, match=r"--cluster local.*pip install perforin\[cluster\]"), place(print, 1, "local"):
        pass

"""Where tasks run: in this process, in processes of this machine, or on the workers of a Dask cluster.

Only the name of a function and plain arguments travel. A worker that is lost is replaced and its task begun again.
"""

from __future__ import annotations

import logging
import os
import pickle
import queue
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

from perforin.errors import ComputeError, UserError

__all__ = ["LOCAL", "Place", "place", "serve"]

LOCAL = "local"
"""The name of a Dask cluster that is made for the run on this machine."""
ATTEMPTS = 3
"""A task that has lost so many workers is given up: it is the task that ends them."""

Task = tuple[Any, ...]
Function = Callable[..., None]


@dataclass(frozen=True)
class Place:
    """``submit`` begins a task with its arguments; ``width`` says how many should be in hand at a time."""

    submit: Callable[..., Future[None]]
    width: Callable[[], int]

    def each(self, tasks: Iterable[Task], stopped: Callable[[], bool]) -> Iterator[Task]:
        """Every task, in any order, when it is done.

        After ``stopped()`` no further task is begun, and those in hand are finished. What a task raises is raised here.
        """
        left, running = iter(tasks), dict[Future[None], Task]()
        while True:
            while len(running) < self.width() and not stopped() and (task := next(left, None)) is not None:
                running[self.submit(*task)] = task
            if not running:
                return
            done, _ = wait_for(running, return_when=FIRST_COMPLETED)
            for one in done:
                one.result()
                yield running.pop(one)


@contextmanager
def place(function: Function, workers: int, cluster: str | None = None) -> Iterator[Place]:
    """Somewhere to run a function on tasks: this process for one worker, else others, or a cluster.

    Args:
        function: of a module, so that others find it by its name.
        workers: processes of this machine.
        cluster: address of a Dask scheduler, or ``local`` for one with so many workers on this machine.

    Raises:
        UserError: Dask is not installed, or no scheduler answers.
    """
    with ExitStack() as stack:
        if cluster is not None:
            client = stack.enter_context(_dask(workers, cluster))
            submit = client.get_executor(pure=False).submit
            yield Place(partial(submit, function), lambda: 2 * max(1, sum(client.nthreads().values())))
            return
        pool = stack.enter_context(ThreadPoolExecutor(workers))
        if workers == 1:
            yield Place(partial(pool.submit, function), lambda: 1)
            return
        crew = _Crew(function, workers)
        stack.callback(crew.end)
        yield Place(partial(pool.submit, crew.run), lambda: workers)


class _Worker:
    """A process that runs one task after the other, out of reach of this terminal's Ctrl-C."""

    def __init__(self, function: Function) -> None:
        home, name = function.__module__, function.__qualname__
        code = f"from perforin.placement import serve; from {home} import {name}; serve({name})"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )  # fmt: skip

    def run(self, task: Task) -> None:
        """Run one task; ``EOFError`` where the process has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            pickle.dump(task, self.process.stdin)
            self.process.stdin.flush()
            problem = pickle.load(self.process.stdout)  # noqa: S301 - from a process that this one began
        except (BrokenPipeError, pickle.UnpicklingError):
            raise EOFError from None
        if problem is not None:
            raise problem

    def end(self) -> int:
        """End the process, whatever it does; returns its exit code."""
        self.process.kill()
        self.process.communicate()
        return self.process.returncode


class _Crew:
    """Workers, each with one task at a time; a thread that asks for one waits for its answer."""

    def __init__(self, function: Function, workers: int) -> None:
        self.function, self.ended = function, False
        self.idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self.all = [_Worker(function) for _ in range(workers)]
        for worker in self.all:
            self.idle.put(worker)

    def run(self, *task: Any) -> None:
        """Run a task in the next worker that is free."""
        worker, code = self.idle.get(), 0
        try:
            for _ in range(ATTEMPTS):
                try:
                    worker.run(task)
                except EOFError:
                    if self.ended:
                        return
                    code = worker.end()
                    self.all.remove(worker)
                    worker = _Worker(self.function)
                    self.all.append(worker)
                else:
                    return
        finally:
            self.idle.put(worker)
        raise ComputeError(
            f"found {ATTEMPTS} processes that ended (the last with exit code {code}) at the same task {task}; needed "
            "one that lives, perhaps with more memory, or with fewer --workers"
        )

    def end(self) -> None:
        """End every worker at once."""
        self.ended = True
        for worker in list(self.all):
            worker.end()


def serve(function: Function) -> None:
    """What a worker does: tasks come in on stdin and answers go out on stdout, until the process that asks is gone."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what others print must not stand among the answers
    while True:
        try:
            task = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that began this one
        except EOFError:
            return
        problem: Exception | None = None
        try:
            function(*task)
        except Exception as found:  # noqa: BLE001 - it is raised where the task came from
            problem = found
            problem.add_note(traceback.format_exc())
        try:
            answers.write(_pickled(problem))
            answers.flush()
        except BrokenPipeError:
            return


def _pickled(problem: Exception | None) -> bytes:
    try:
        return pickle.dumps(problem)
    except Exception:  # noqa: BLE001 - an exception that cannot travel tells what it said
        return pickle.dumps(ComputeError(f"{type(problem).__name__}: {problem}"))


@contextmanager
def _dask(workers: int, cluster: str) -> Iterator[Any]:
    """A client of a scheduler; that of a cluster made here goes with it."""
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise UserError(f"found --cluster {cluster}, which needs Dask; pip install perforin[cluster]") from None
    with ExitStack() as stack:
        address: Any = cluster
        if cluster == LOCAL:
            made = distributed.LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR,
                preload=["import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"],  # Ctrl-C is for us alone
            )  # fmt: skip
            address = stack.enter_context(made)
        try:
            client = distributed.Client(address)
        except (OSError, ValueError) as problem:
            raise UserError(
                f"found no Dask scheduler at {cluster} ({problem}); needed an address such as tcp://host:8786, or "
                f"--cluster {LOCAL}"
            ) from None
        yield stack.enter_context(client)

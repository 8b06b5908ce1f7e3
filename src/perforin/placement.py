"""Where chunks run: in this process, in processes of this machine, or on the workers of a Dask cluster.

Only the name of a function and its plain arguments travel. A worker that is lost is replaced and its task begun again.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from perforin.errors import ComputeError, UserError

__all__ = ["LOCAL", "Place", "each", "place", "serve"]

LOCAL = "local"
"""The name of a Dask cluster that is made for the run on this machine."""
ATTEMPTS = 3
"""A task whose worker was lost so often is given up: it is the task that ends them."""

Task = tuple[Any, ...]


@dataclass(frozen=True)
class Place:
    """``pool`` runs tasks; ``width`` says how many should be in hand at a time."""

    pool: Executor
    width: Callable[[], int]


def each(
    at: Place, function: Callable[..., None], tasks: Iterable[Task], stopped: Callable[[], bool]
) -> Iterator[Task]:
    """Run a function on every task; each is given back when it is done, in any order.

    After ``stopped()`` no further task is begun, and those in hand are finished.

    Args:
        at: where.
        function: of a module, so that others can find it by name.
        tasks: arguments, small and plain.
        stopped: whether to stop.
    """
    left, running = iter(tasks), dict[Future[None], Task]()
    while True:
        while len(running) < at.width() and not stopped() and (task := next(left, None)) is not None:
            running[at.pool.submit(function, *task)] = task
        if not running:
            return
        done, _ = wait_for(running, return_when=FIRST_COMPLETED)
        for one in done:
            one.result()
            yield running.pop(one)


@contextmanager
def place(workers: int, cluster: str | None = None) -> Iterator[Place]:
    """Somewhere to run tasks: here for one worker, else in processes, or on a cluster.

    Args:
        workers: processes of this machine.
        cluster: address of a Dask scheduler, or ``local`` for one of so many workers on this machine.

    Raises:
        UserError: Dask is not installed, or no scheduler answers.
    """
    with ExitStack() as stack:
        if cluster is not None:
            yield stack.enter_context(_dask(workers, cluster))
        elif workers == 1:
            yield Place(stack.enter_context(ThreadPoolExecutor(1)), lambda: 1)
        else:
            pool = _Processes(workers)
            stack.callback(pool.shutdown, wait=True, cancel_futures=True)
            stack.callback(pool.end)
            yield Place(pool, lambda: workers)


class _Worker:
    """A process that runs one task after the other, out of reach of this terminal's Ctrl-C."""

    def __init__(self) -> None:
        found = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-c", "from perforin.placement import serve; serve()"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=found, start_new_session=True
        )

    def run(self, function: Callable[..., None], task: Task) -> None:
        """Run one task; ``EOFError`` where the process has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            pickle.dump((function, task), self.process.stdin)
            self.process.stdin.flush()
        except BrokenPipeError:
            raise EOFError from None
        problem = pickle.load(self.process.stdout)  # noqa: S301 - from a process that this one began
        if problem is not None:
            raise problem

    def end(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.communicate()


class _Processes(ThreadPoolExecutor):
    """A thread for each process, which hands on tasks and waits for the answers."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.workers = [_Worker() for _ in range(workers)]
        self.idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self.ended = False
        for worker in self.workers:
            self.idle.put(worker)

    def submit(self, function: Callable[..., Any], /, *task: Any, **_: Any) -> Future[Any]:
        """Run a task in the next process that is free."""
        return super().submit(self._hand_on, function, task)

    def _hand_on(self, function: Callable[..., None], task: Task) -> None:
        worker = self.idle.get()
        try:
            for _ in range(ATTEMPTS):
                try:
                    return worker.run(function, task)
                except (EOFError, pickle.UnpicklingError):
                    if self.ended:
                        return None
                    worker.end()
                    code = worker.process.returncode
                    self.workers.remove(worker)
                    worker = _Worker()
                    self.workers.append(worker)
        finally:
            self.idle.put(worker)
        raise ComputeError(
            f"found a process that ended {ATTEMPTS} times (exit code {code}) at the same task {task}; needed one that "
            "lives, perhaps on a machine with more memory, or with fewer --workers"
        )

    def end(self) -> None:
        """End every process at once."""
        self.ended = True
        for worker in self.workers:
            worker.end()


def serve() -> None:
    """What a worker does: tasks come in on stdin and answers go out on stdout, until the process that asks is gone."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what others print must not stand among the answers
    while True:
        try:
            function, task = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that began this one
        except EOFError:
            return
        problem: BaseException | None = None
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


def _pickled(problem: BaseException | None) -> bytes:
    try:
        return pickle.dumps(problem)
    except Exception:  # noqa: BLE001 - an exception that cannot travel tells what it said
        return pickle.dumps(ComputeError(f"{type(problem).__name__}: {problem}"))


@contextmanager
def _dask(workers: int, cluster: str) -> Iterator[Place]:
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise UserError(f"found --cluster {cluster}, which needs Dask; pip install perforin[cluster]") from None
    with ExitStack() as stack:
        if cluster == LOCAL:
            made = distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
            client = stack.enter_context(distributed.Client(stack.enter_context(made)))
        else:
            try:
                client = stack.enter_context(distributed.Client(cluster))
            except (OSError, ValueError) as problem:
                raise UserError(
                    f"found no Dask scheduler at {cluster} ({problem}); needed an address such as tcp://host:8786, or "
                    f"--cluster {LOCAL}"
                ) from None
        yield Place(client.get_executor(pure=False), lambda: 2 * max(1, sum(client.nthreads().values())))

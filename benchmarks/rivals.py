"""The other tools: an environment of their own, and a process for each that solves when asked."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from problems import BUILD
from tools.problem import LeftOut

__all__ = ["Worker", "environment", "install"]

HERE = Path(__file__).parent
PINNED = HERE / "rivals.txt"
FOLDER = BUILD / "rivals"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def environment() -> Path:
    """Python of the environment."""
    return FOLDER / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(packages: Sequence[str], tell: Callable[[str], None]) -> str:
    """Install packages at their pinned versions; returns why that failed, or nothing.

    This environment's pip installs into that one, which therefore needs none of its own.
    """
    stamp = FOLDER / f".{'-'.join(packages)}"
    if stamp.exists() and stamp.stat().st_mtime > PINNED.stat().st_mtime:
        return ""
    tell(f"installing {', '.join(packages)}")
    try:
        if not environment().exists():
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", FOLDER], check=True, capture_output=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", environment(), "install", "--quiet", "--only-binary", ":all:",
             "--disable-pip-version-check", "--constraint", PINNED, *packages],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as problem:
        said = getattr(problem, "stderr", None) or str(problem)
        text = said.decode() if isinstance(said, bytes) else said
        errors = [line for line in text.splitlines() if "ERROR" in line] or text.splitlines()
        return f"cannot be installed: {errors[0].removeprefix('ERROR: ').strip()}"
    stamp.touch()
    return ""


@dataclass
class Worker:
    """A process that holds one module of tools, ready to solve; see ``tools/worker.py``.

    Raises:
        LeftOut: it does not start, or cannot prepare the problem.
    """

    python: Path
    module: str
    folder: Path
    patience: float
    hello: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._log = (self.folder / f"{self.module}.log").open("w")
        line = [str(self.python), str(HERE / "tools" / "worker.py"), self.module, str(self.folder)]
        try:
            self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log,
                                             text=True, env=os.environ | ONE_THREAD)  # fmt: skip
        except OSError as problem:
            raise LeftOut(f"{self.python} cannot be run: {problem.strerror}") from None
        self.hello = self._answer()

    def solve(self, tool: str, rtol: float, to: Path | None = None) -> tuple[float, int]:
        """CPU seconds and the patients solved in them; values go to the file ``to``.

        Raises:
            LeftOut: the tool fails or takes too long.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"tool": tool, "rtol": rtol, "to": to and str(to)}) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise LeftOut(f"its process has ended; see {self._log.name}") from None
        answer = self._answer()
        return answer["seconds"], answer["patients"]

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._process.stdout, selectors.EVENT_READ)
            if not waiting.select(self.patience):
                self.close()
                raise LeftOut(f"no answer within {self.patience:g} seconds")
        line = self._process.stdout.readline()
        if not line:
            raise LeftOut(f"its process ended with {self._process.wait()}; see {self._log.name}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise LeftOut(answer["error"])
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._log.close()

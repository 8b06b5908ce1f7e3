"""Tasks for workers: other processes find them here by name."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from perforin.errors import UserError


def written(folder: str, number: int) -> None:
    """Leave a file that holds the process's number, and say something on the way."""
    sys.stdout.write("a remark that is no answer\n")
    (Path(folder) / str(number)).write_text(str(os.getpid()))


def refused(_folder: str, number: int) -> None:
    """Say what was found and needed."""
    raise UserError(f"found {number}; needed another")


def broken(_folder: str, _number: int) -> None:
    """Raise what cannot be pickled."""
    raise ValueError(sys.stderr)


def killed_once(folder: str, number: int) -> None:
    """End the process without a word the first time."""
    mark = Path(folder) / f"tried {number}"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    written(folder, number)


def killed(_folder: str, _number: int) -> None:
    """End the process without a word, always."""
    os.kill(os.getpid(), signal.SIGKILL)

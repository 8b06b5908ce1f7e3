"""One tool in a process of its own: ``python worker.py MODULE FOLDER``.

It reads the problem from the folder, says what it has prepared, and then answers each line ``{"tool", "rtol", "to"}``
with ``{"seconds", "patients"}``; values go to the file ``to`` where one is named. Whatever goes wrong is ``{"error"}``.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from problem import Clock, LeftOut, Problem


def reason(problem: BaseException) -> str:
    """Why something failed, in one line; the rest goes to the log."""
    if not isinstance(problem, LeftOut):
        traceback.print_exc()
    first = (str(problem).strip() or type(problem).__name__).splitlines()[0]
    return first if isinstance(problem, LeftOut) else f"{type(problem).__name__}: {first}"


def main(module: str, folder: str) -> None:
    """Prepare, then answer until the input ends."""
    # Tools print what they like: answers go to a copy of standard output, which itself becomes the log.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**words: Any) -> None:
        answers.write(json.dumps(words) + "\n")
        answers.flush()

    since = time.perf_counter()
    try:
        tool = import_module(module)
        problem = Problem.read(Path(folder))
        imported = time.perf_counter()
        solvers = tool.prepare(problem)
    except Exception as problem:  # noqa: BLE001 whatever it is, the user is told and the other tools go on
        answer(error=reason(problem))
        return
    answer(version=tool.VERSION, tools=list(solvers), import_seconds=imported - since,
           prepare_seconds=time.perf_counter() - imported)  # fmt: skip
    for line in sys.stdin:
        ask = json.loads(line)
        clock = Clock()
        try:
            values, patients = solvers[ask["tool"]](ask["rtol"], clock)
        except Exception as problem:  # noqa: BLE001 likewise
            answer(error=reason(problem))
            continue
        if ask.get("to"):
            np.save(ask["to"], values)
        answer(seconds=clock.seconds, patients=patients)


if __name__ == "__main__":
    main(*sys.argv[1:])

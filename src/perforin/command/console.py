"""What goes to the terminal: one JSON object, or a table; progress on stderr."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perforin.report.tables import Cell, Table

__all__ = ["Stop", "emit", "interruptible", "note", "progress_bar", "show", "table"]

NARROWEST = 12
"""Characters that a column whose lines may be broken needs."""
BETWEEN = 3
"""Characters between columns."""


def emit(content: Mapping[str, Any]) -> None:
    """Print exactly one JSON object on stdout; numbers that JSON cannot hold become null."""
    from perforin.report.finite import finite

    print(json.dumps(finite(dict(content)), indent=2, default=str))


def note(text: str) -> None:
    """A remark on stderr, so that stdout holds results only."""
    print(text, file=sys.stderr)


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], title: str = "", numeric: Sequence[int] = (),
    unbroken: Sequence[int] = (),
) -> None:  # fmt: skip
    """Print a table; colours and lines follow NO_COLOR and the width of the terminal.

    Args:
        heads: of the columns.
        rows: their cells.
        title: above it.
        numeric: columns that stand to the right.
        unbroken: columns whose lines are not broken unless the terminal is too narrow for all of them.
    """
    import rich.box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    shown = Table(
        title=title or None, title_justify="left", box=rich.box.SIMPLE_HEAD, show_header=any(heads), pad_edge=False
    )
    whole = sum(max(len(line) for row in (heads, *rows) for line in row[place].split("\n")) for place in unbroken)
    fits = whole + NARROWEST * (len(heads) - len(unbroken)) + BETWEEN * len(heads) <= console.width
    for place, head in enumerate(heads):
        shown.add_column(Text(head), justify="right" if place in numeric else "left", overflow="fold",
                         no_wrap=fits and place in unbroken)  # fmt: skip
    for row in rows:
        shown.add_row(*[Text(cell) for cell in row])
    console.print(shown)


def show(shown: Table, title: str = "") -> None:
    """Print a table of the report; what stands in small print there follows in brackets."""
    def plain(cell: Cell) -> str:
        return (f"{cell.text} ({cell.small})" if cell.small else cell.text).replace("\u00a0", " ")

    table(shown.heads, [[plain(cell) for cell in row] for row in shown.rows], title, sorted(shown.numeric))


class Stop:
    """Whether Ctrl-C was pressed; the second press ends the program at once."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self) -> bool:
        """Whether the run should stop after the chunks in hand."""
        return self.asked

    def press(self, _number: int, _frame: FrameType | None) -> None:
        """Handle SIGINT."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        note("\nstopping after the chunks in hand; press Ctrl-C again to stop at once")


@contextmanager
def interruptible() -> Iterator[Stop]:
    """Turn the first Ctrl-C into a flag that a run can ask for."""
    stop = Stop()
    try:
        before = signal.signal(signal.SIGINT, stop.press)
    except ValueError:  # not in the main thread: Ctrl-C cannot be caught here
        yield stop
        return
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Callable[[Any], None] | None]:
    """A bar with the time left on stderr; nothing where stderr is not a terminal or ``quiet`` is set."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None, rate="")

        def moved(step: Any) -> None:
            if bar.tasks[task].description != step.stage:  # what an earlier run has finished is not this one's speed
                bar.reset(task, completed=step.done, total=step.total, description=step.stage, rate="")
                return
            bar.update(task, completed=step.done)
            speed = bar.tasks[task].speed
            bar.update(task, rate=f"{speed:.0f}/s" if speed else "")

        yield moved

"""Measure what the registry lists, keep it in ``results/`` and show it in the README: ``make bench``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from fnmatch import fnmatch

import plot
import results
from findings import Findings, measured
from phases import PHASES
from registry import BENCHES, TOOLS, Bench
from rich.console import Console
from rich.table import Table
from tools.problem import LeftOut

from perforin.errors import PerforinError

REPEATS = 3


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benches", nargs="*", default=["*"], metavar="BENCH", help="a name or pattern: 'reference/*'")
    parser.add_argument("--tools", nargs="+", metavar="TOOL", choices=[tool.name for tool in TOOLS],
                        help="only these; what is found is then printed, not kept")  # fmt: skip
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"how often each is timed ({REPEATS})")
    parser.add_argument("--list", action="store_true", help="name the benches and tools")
    parser.add_argument("--table", action="store_true", help="write README's table and the plot from what is kept")
    asked = parser.parse_args(words)
    for pattern in asked.benches:
        if not any(fnmatch(bench.name, pattern) for bench in BENCHES):
            parser.error(f"found the bench {pattern!r}; needed some of {', '.join(bench.name for bench in BENCHES)}")
    return asked


def jobs(patterns: Sequence[str]) -> list[list[Bench]]:
    """The benches asked for; those that one race over a model gives go together."""
    together: dict[str, list[Bench]] = {}
    for bench in BENCHES:
        if any(fnmatch(bench.name, pattern) for pattern in patterns):
            together.setdefault(bench.name if bench.phase in PHASES else bench.model, []).append(bench)
    return list(together.values())


def show(found: Findings, console: Console) -> None:
    """A table for each bench, and what is missing from it."""
    for record in found.records:
        table = Table("tool", "ms", "median error", "times perforin", "from", "to",
                      title=f"{record['bench']}, a {record['unit_of_work']}", title_justify="left")  # fmt: skip
        for row in found.rows:
            if row["bench"] == record["bench"]:
                _, tool, version, _, *numbers = row.values()
                table.add_row(f"{tool} {version}", *("" if one is None else f"{one:g}" for one in numbers))
        console.print(table)
        for tool, reason in record.get("left_out", {}).items():
            console.print(f"{tool} is left out: {reason}", style="yellow", markup=False)


def main(words: Sequence[str]) -> int:
    """Measure, print and keep."""
    asked, console = arguments(words), Console()
    if asked.list:
        console.print(*(bench.name for bench in BENCHES), "", *(tool.name for tool in TOOLS), sep="\n")
        return 0
    tools = [tool for tool in TOOLS if not asked.tools or tool.name in asked.tools]
    for benches in [] if asked.table else jobs(asked.benches):
        with console.status(benches[0].name) as status:
            try:
                tell = status.update if console.is_terminal else console.print
                found = measured(benches, tools, asked.repeats, tell)
            except (PerforinError, LeftOut) as problem:
                console.print(f"{benches[0].model} cannot be measured: {problem}", style="red", markup=False)
                continue
        show(found, console)
        if not asked.tools:
            results.write(results.LATEST, found.rows)
            results.write(results.CURVES, found.records)
    if not asked.tools:
        results.write_table()
        plot.write_plot()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

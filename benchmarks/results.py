"""What was measured, kept in ``results/`` and shown in the README: rows are replaced bench by bench, others stay."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["BEGIN", "CURVES", "END", "LATEST", "README", "merged", "read", "table", "write", "write_table"]

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
LATEST = ROOT / "benchmarks" / "results" / "latest.json"
CURVES = LATEST.with_name("curves.json")
BEGIN, END = "<!-- speed: what `make bench` wrote -->", "<!-- end of speed -->"
OURS = "perforin"


def read(path: Path) -> list[dict[str, Any]]:
    """Rows of a file of results; none where there is no file."""
    return json.loads(path.read_text()) if path.exists() else []


def merged(kept: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The new rows in place of those of the same benches; every other row stays where it was."""
    measured = {row["bench"] for row in new}
    return [*(row for row in kept if row["bench"] not in measured), *new]


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Merge rows into a file of results."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(merged(read(path), rows), indent=1) + "\n")


def write_table(readme: Path = README, latest: Path = LATEST) -> None:
    """Put the table that follows from the results between the README's two marks."""
    head, _, rest = readme.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    readme.write_text(f"{head}{BEGIN}\n\n{table(read(latest))}\n{END}{tail}")


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: solving beside the other tools, then every other bench on a line of its own."""
    solved = [row for row in rows if row["bench"].endswith("/solve")]
    others = [row for row in rows if not row["bench"].endswith("/solve")]
    return "\n".join([*_solving(solved), "", *_list(others), ""])


def _solving(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    benches, tools = _in_order(row["bench"] for row in rows), _in_order(row["tool"] for row in rows)
    versions = {row["tool"]: row["version"] for row in rows}
    cells = {(row["bench"], row["tool"]): _cell(row) for row in rows}
    heads = [bench.removesuffix("/solve").rpartition("/")[2].replace("_", " ") for bench in benches]
    lines = [f"| one core, one patient-year | {' | '.join(heads)} |", "|---" * (len(benches) + 1) + "|"]
    for tool in tools:
        found = (cells.get((bench, tool), "") for bench in benches)
        lines.append(f"| {tool} {versions[tool]} | {' | '.join(found)} |")
    return lines


def _cell(row: Mapping[str, Any]) -> str:
    if row["tool"] == OURS or row["ratio_to_perforin"] is None:
        return f"{_time(row['ms_per_unit'])}, error {row['median_error']:.0e}"
    middle, low, high = (_number(row[name]) for name in ("ratio_to_perforin", "ratio_low", "ratio_high"))
    return f"{middle} × ({low} to {high})"


def _list(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["| also | perforin | others |", "|---|---|---|"]
    for bench in _in_order(row["bench"] for row in rows):
        ours, theirs = [], []
        for row in (row for row in rows if row["bench"] == bench):
            if row["tool"] == OURS:
                ours.append(f"{_time(row['ms_per_unit'])} a {row['unit_of_work']}")
            else:
                theirs.append(f"{row['tool']} {_time(row['ms_per_unit'])}")
        lines.append(f"| {bench} | {', '.join(ours)} | {', '.join(theirs)} |")
    return lines


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _time(milliseconds: float) -> str:
    return f"{_number(milliseconds / 1000)} s" if milliseconds >= 1000 else f"{_number(milliseconds)} ms"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"

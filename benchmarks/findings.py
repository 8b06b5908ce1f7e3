"""From benches to rows of ``latest.json`` and records of ``curves.json``."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from appraisals import raced_appraisals
from measuring import Race, Tell
from orders import raced
from phases import PHASES
from problems import model
from registry import Bench, Tool
from results import OURS
from scoring import Point, Row, frontier, ratio, representative, rounded, row

from perforin.kernels.compile import find_compiler, processor

__all__ = ["Findings", "measured"]

RACES = {"orders": raced, "psa": raced_appraisals}
"""Phases that race tools of their own."""


@dataclass
class Findings:
    """One row per tool and bench, and one record per bench with whole curves, circumstances and what is left out."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)

    def add(self, bench: Bench, rows: Sequence[Row], **more: Any) -> None:
        """What one bench has given."""
        self.rows += map(asdict, rows)
        record = {"bench": bench.name, "unit_of_work": bench.unit, "circumstances": _circumstances()}
        self.records.append(record | more)


def measured(benches: Sequence[Bench], tools: Sequence[Tool], repeats: int, tell: Tell) -> Findings:
    """One phase, or what one race over a model gives: compiling and solving."""
    first, found = benches[0], Findings()
    if first.phase in PHASES:
        once = PHASES[first.phase](first)
        time = statistics.median(once() for _ in range(repeats))
        found.add(first, [Row(first.name, OURS, version(OURS), first.unit, rounded(time), None, 1.0, 1.0, 1.0)])
        return found
    if first.phase in RACES:
        rows, left_out = RACES[first.phase](first, repeats, tell)
        found.add(first, rows, left_out=left_out)
        return found
    race = Race(model(first.model, first.patients), tell)
    race.run(tools, repeats)
    for bench in benches:
        if bench.phase == "compile":
            found.add(bench, _compiling(bench, race, tools))
        else:
            _solving(bench, race, tools, found)
    return found


def _compiling(bench: Bench, race: Race, tools: Sequence[Tool]) -> list[Row]:
    """From equations to a solver that is ready, once and nothing cached; one row for tools that share a module."""
    ours = race.prepared[OURS][1] if OURS in race.prepared else None
    rows: dict[str, Row] = {}
    for tool in tools:
        if tool.name in race.prepared:
            release, seconds = race.prepared[tool.name]
            beside = rounded(seconds / ours) if ours else None
            found = Row(bench.name, tool.name, release, bench.unit, rounded(seconds * 1e3), None, *[beside] * 3)
            rows.setdefault(tool.module, found)
    return list(rows.values())


def _solving(bench: Bench, race: Race, tools: Sequence[Tool], found: Findings) -> None:
    curve = frontier(point for point in race.points if point.tool == OURS)
    chosen = [representative(p for p in race.points if p.tool == tool.name) for tool in tools]
    rows = [row(bench.name, bench.unit, point, curve) for point in chosen if point]
    points = [_described(point, curve) for point in race.points]
    found.add(bench, rows, doubt=rounded(race.doubt), left_out=race.left_out, points=points)


def _described(point: Point, curve: Sequence[Point]) -> dict[str, Any]:
    """One point of a work-precision curve."""
    beside = ratio(point, curve)
    return {
        "tool": point.tool, "version": point.version, "rtol": point.rtol, "ms_per_unit": rounded(point.time),
        "ms_low": rounded(min(point.times)), "ms_high": rounded(max(point.times)),
        "median_error": rounded(point.median), "p95_error": rounded(point.p95), "failed": point.failed,
        "ratio_to_perforin": rounded(beside.median) if beside else None,
        "decades_beyond": rounded(beside.reach) if beside else None,
    }  # fmt: skip


def _circumstances() -> dict[str, Any]:
    """Where, when and with what it was measured."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    name = re.search(r"model name\s*:\s*(.*?)\s+flags", processor())
    compiler = find_compiler()
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": name[1] if name else platform.processor(),
        "cores": os.cpu_count(),
        "load": [round(one, 2) for one in os.getloadavg()] if hasattr(os, "getloadavg") else [],
        "python": platform.python_version(),
        "compiler": compiler.identity if compiler else "none",
        "commit": commit.stdout.strip(),
    }

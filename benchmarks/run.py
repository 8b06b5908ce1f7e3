"""Measure and print; ``--json FILE`` keeps the numbers with machine, commit and versions."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from registry import BENCHES, SCENARIO, BenchSpec, ready


def best(spec: BenchSpec) -> float:
    """The best of the repeats: least seconds, most of anything a second."""
    values = [spec.once() for _ in range(spec.repeat)]
    return max(values) if spec.unit.endswith("/s") else min(values)


def circumstances() -> dict[str, Any]:
    """Where, when and with what it was measured."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "perforin": version("perforin"),
        "commit": commit.stdout.strip(),
        "scenario": SCENARIO,
    }


def main(arguments: list[str]) -> int:
    """Run every bench, or those whose names are given."""
    target = Path(arguments[arguments.index("--json") + 1]) if "--json" in arguments else None
    names = [word for word in arguments if word in {spec.name for spec in BENCHES}]
    found: dict[str, Any] = circumstances()
    for arm in ready().arms:
        sizes = {part: len(getattr(arm.model.network, part)) for part in ("states", "flows", "parameters")}
        print(f"{arm.name}: " + ", ".join(f"{count} {part}" for part, count in sizes.items()))
    for spec in BENCHES:
        if not names or spec.name in names:
            found[spec.name] = {"value": best(spec), "unit": spec.unit}
            print(f"{spec.name:<10} {found[spec.name]['value']:>10.3g} {spec.unit:<11} {spec.once.__doc__}")
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

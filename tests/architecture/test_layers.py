"""The layers of ARCHITECTURE.md hold, and the check that says so can fail."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from source_tree import PACKAGE, ROOT

CHECK = """
import sys
from importlinter.cli import lint_imports
sys.exit(lint_imports(config_filename={settings!r}, no_cache=True, no_logo=True))
"""


def check(source: Path) -> subprocess.CompletedProcess[str]:
    script = CHECK.format(settings=str(ROOT / "pyproject.toml"))
    environment = {**os.environ, "PYTHONPATH": str(source), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-c", script], cwd=source, env=environment, capture_output=True, text=True, check=False
    )


def test_no_module_imports_from_a_layer_above_or_from_a_sibling() -> None:
    result = check(PACKAGE.parent)
    assert result.returncode == 0, result.stdout + result.stderr


def copy_with(folder: Path, planted: dict[str, str]) -> Path:
    def left_out(_: str, names: list[str]) -> list[str]:
        return [name for name in names if "." in name and not name.endswith(".py")]

    shutil.copytree(PACKAGE, folder / "perforin", ignore=left_out)
    for place, line in planted.items():
        (folder / "perforin" / place).write_text(line + "\n")
    return folder


def test_planted_breaches_are_caught(tmp_path: Path) -> None:
    planted = {
        "model/upward.py": "import perforin.command",
        "endpoints/sideways.py": "import perforin.kernels",
        "mechanisms/sideways.py": "from perforin.evidence import parameters",
    }
    result = check(copy_with(tmp_path, planted))
    assert result.returncode == 1
    assert "perforin.model.upward -> perforin.command" in result.stdout
    assert "perforin.endpoints.sideways -> perforin.kernels" in result.stdout
    assert "perforin.mechanisms.sideways -> perforin.evidence" in result.stdout


def test_a_module_that_no_layer_lists_is_caught(tmp_path: Path) -> None:
    result = check(copy_with(tmp_path, {"homeless.py": ""}))
    assert result.returncode == 1
    assert "homeless" in result.stdout

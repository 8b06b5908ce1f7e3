"""The make targets on a fresh copy: what they install, that they install once, and what they say when they cannot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from source_tree import ROOT, read

TOOLS = ("awk", "cp", "chmod", "mkdir", "rm", "sh", "touch")
FAKE_PYTHON = """#!/bin/sh
echo "$*" >> calls
case "$*" in
  *virtualenv*) exit 1;;
  *"-m venv"*) {venv};;
esac
"""
WORKING = """mkdir -p .venv/bin; cp "$0" .venv/bin/python
    echo 'echo "perforin $*" >> calls' > .venv/bin/perforin; chmod +x .venv/bin/*"""

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


class Fresh:
    """A folder with the Makefile, a python that writes down what it is asked, and a path with few tools."""

    def __init__(self, folder: Path, *, compiler: bool, venv: str = WORKING) -> None:
        self.folder, self.tools = folder, folder / "tools"
        self.tools.mkdir()
        for name in TOOLS:
            (self.tools / name).symlink_to(shutil.which(name) or name)
        if compiler:
            (self.tools / "cc").symlink_to("sh")
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, folder / name)
        python = folder / "python"
        python.write_text(FAKE_PYTHON.format(venv=venv))
        python.chmod(0o755)

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        make = shutil.which("make") or "make"
        environment = {"PATH": str(self.tools), "HOME": os.environ.get("HOME", "/")}
        line = [make, "PYTHON=./python", *words]
        return subprocess.run(line, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    @property
    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []


@needs_make
def test_the_demo_installs_once_and_runs_twice(tmp_path: Path) -> None:
    fresh = Fresh(tmp_path, compiler=True)
    assert fresh.make("demo").returncode == 0
    assert [call.split()[1] for call in fresh.calls] == ["venv", "pip", "import", "demo"]
    assert fresh.make("demo").returncode == 0
    assert [call.split()[1] for call in fresh.calls] == ["venv", "pip", "import", "demo", "demo"]


@needs_make
def test_a_changed_list_of_dependencies_installs_again(tmp_path: Path) -> None:
    fresh = Fresh(tmp_path, compiler=True)
    fresh.make("demo")
    later = (tmp_path / ".venv" / ".installed").stat().st_mtime + 10
    os.utime(tmp_path / "pyproject.toml", (later, later))
    fresh.make("demo")
    assert sum("pip install" in call for call in fresh.calls) == 2


@needs_make
@pytest.mark.parametrize("compiler", [True, False])
def test_a_compiler_is_added_only_where_none_is_found(tmp_path: Path, compiler: bool) -> None:
    fresh = Fresh(tmp_path, compiler=compiler)
    said = fresh.make("demo").stdout
    assert any("[compiler]" in call for call in fresh.calls) is not compiler
    assert ("adding the ziglang wheel" in said) is not compiler


@needs_make
def test_tests_run_in_parallel_and_without_the_slow_ones(tmp_path: Path) -> None:
    fresh = Fresh(tmp_path, compiler=True)
    fresh.make("test")
    assert fresh.calls[-1] == "-m pytest -n 2"
    assert any("[test]" in call for call in fresh.calls)
    fresh.make("test-all", "JOBS=1")
    assert fresh.calls[-1].split() == ["-m", "pytest", "-n", "1", "-m"]


@needs_make
def test_a_python_that_cannot_make_environments_is_explained(tmp_path: Path) -> None:
    result = Fresh(tmp_path, compiler=True, venv="exit 1").make("demo")
    assert result.returncode != 0
    assert "cannot make a virtual environment (it lacks ensurepip)" in result.stdout
    assert "apt install python3-venv" in result.stdout
    assert not (tmp_path / ".venv").exists()


@needs_make
def test_no_suitable_python_is_explained(tmp_path: Path) -> None:
    result = Fresh(tmp_path, compiler=True).make("PYTHON=", "demo")
    assert result.returncode != 0
    assert "perforin needs Python 3.11 or later" in result.stdout


@needs_make
def test_help_names_every_target(tmp_path: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", read(ROOT / "Makefile"), re.MULTILINE)
    said = Fresh(tmp_path, compiler=True).make("help").stdout
    assert {"demo", "test", "test-all", "check", "bench", "docs"} <= set(targets)
    assert all(f"make {target} " in said for target in targets)


def test_the_gate_is_executable_and_runs_the_tests() -> None:
    gate = ROOT / ".ci" / "run"
    assert os.access(gate, os.X_OK)
    assert "make test" in read(gate)

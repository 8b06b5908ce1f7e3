"""perforin doctor: what is installed, which compiler is found, where compiled kernels are kept."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import warnings
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from perforin.command.console import emit, table
from perforin.errors import UserError

__all__ = ["EXAMPLES", "cache", "diagnose", "doctor", "installed"]

PACKAGES = ("perforin", "numpy", "scipy", "pandas", "pyarrow", "sympy", "pint", "pydantic", "plotly", "typer")
EXTRAS = {"ziglang": "compiler", "python-libsbml": "sbml", "antimony": "sbml"}
COMPILERS = ("clang", "gcc", "cc")


def doctor(json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Say what perforin found on this machine, and what to install."""
    found = diagnose()
    if json:
        emit(found)
        return
    table(
        ("", ""),
        [
            ("Python", found["python"]),
            ("System", found["system"]),
            ("Cores", str(found["cores"])),
            *((name, text or "not installed") for name, text in found["versions"].items()),
            ("Compiler", found["compiler"] or "none: runs use the slow interpreter"),
            *((f"  tried {one['name']}", one["version"] or "not found") for one in found["tried"]),
            ("Cache folder", found["cache"]["folder"] + ("" if found["cache"]["writable"] else " (not used)")),
        ],
        title="perforin doctor",
    )  # fmt: skip
    for line in found["advice"]:
        typer.echo(f"- {line}")
    if not found["advice"]:
        typer.echo("Nothing is missing.")


def diagnose() -> dict[str, Any]:
    """Everything ``doctor`` prints, as plain data."""
    from perforin.kernels.compile import find_compiler

    tried = [
        {"name": one, "version": _version_line([one, "--version"]) if shutil.which(one) else ""} for one in COMPILERS
    ]
    zig = installed("ziglang")
    tried.append({"name": "zig (ziglang wheel)", "version": zig or ""})
    used = find_compiler()
    compiler = " ".join(used.command) if used else ""
    folder, problem = cache()
    advice = []
    if not compiler:
        advice.append(
            "No C compiler: install one (for example 'apt install clang'), or run: pip install 'perforin[compiler]'"
        )
    if problem:
        advice.append(problem)
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "executable": sys.executable,
        "system": platform.platform(terse=True),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "versions": {name: installed(name) for name in (*PACKAGES, *EXTRAS)},
        "compiler": compiler,
        "tried": tried,
        "cache": {"folder": folder, "writable": not problem},
        "advice": advice,
    }


def installed(name: str) -> str | None:
    """Version of a package, None when it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _version_line(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout or done.stderr).strip().splitlines()[0] if (done.stdout or done.stderr).strip() else ""


def cache() -> tuple[str, str]:
    """The folder of compiled kernels, and why it cannot be used (empty when it can)."""
    from perforin.kernels.compile import cache_folder

    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always")
        try:
            folder = str(cache_folder())
        except UserError as problem:
            return os.environ.get("PERFORIN_CACHE", ""), str(problem)
    return folder, str(remarks[0].message) if remarks else ""


EXAMPLES = {
    "doctor": """\b
Examples:
  perforin doctor
  perforin doctor --json"""
}

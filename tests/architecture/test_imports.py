"""Every module can be imported first, and importing the package costs nothing."""

from __future__ import annotations

import json
import subprocess
import sys

from source_tree import modules

ALONE = """
import importlib, json, sys, warnings
warnings.simplefilter("error")
failures = {}
for name in json.load(sys.stdin):
    for known in [key for key in sys.modules if key.split(".")[0] == "perforin"]:
        del sys.modules[known]
    try:
        importlib.import_module(name)
    except BaseException as problem:
        failures[name] = f"{type(problem).__name__}: {problem}"
print(json.dumps(failures))
"""
CHEAP = "import sys, perforin; print(*sorted({name.split('.')[0] for name in sys.modules}))"


def fresh(script: str, given: str = "") -> str:
    result = subprocess.run([sys.executable, "-c", script], input=given, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_module_imports_alone_and_without_a_warning() -> None:
    names = modules()
    assert len(names) > 20
    failures = json.loads(fresh(ALONE, json.dumps(names)))
    assert not failures, "\n".join(f"{name}: {why}" for name, why in failures.items())


def test_importing_the_package_imports_no_library() -> None:
    loaded = set(fresh(CHEAP).split())
    assert "perforin" in loaded
    assert not loaded & {"numpy", "pandas", "scipy", "sympy", "pint", "pydantic", "plotly", "pyarrow", "rich", "typer"}


def test_every_public_name_of_the_package_resolves() -> None:
    script = "import perforin; print(*[n for n in perforin.__all__ if not hasattr(perforin, n)])"
    assert fresh(script).split() == []
    script = "import perforin; print(perforin.__version__, hasattr(perforin, 'no_such_name'))"
    assert fresh(script).split()[1] == "False"

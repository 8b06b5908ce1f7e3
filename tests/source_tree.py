"""What the tests of architecture walk over: Python files of the package and text files of the repository."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "perforin"
TEXT = {".py", ".md", ".yaml", ".yml", ".csv", ".bib", ".toml", ".cff", ".j2", ".c", ".h", ".svg", ".css", ".html", ""}
GENERATED = {".venv", ".git", "site", "dist", "build", "runs", "generated", "node_modules", "shared"}


def python_files(*folders: str) -> list[Path]:
    """Python files of the package, or of the named folders in it."""
    places = [PACKAGE / folder for folder in folders] if folders else [PACKAGE]
    return sorted(path for place in places for path in place.rglob("*.py") if "__pycache__" not in path.parts)


def all_python_files() -> list[Path]:
    """Python files of the package, its tests, its documentation and its benchmarks."""
    places = [PACKAGE, *(ROOT / name for name in ("tests", "docs", "benchmarks", "scripts"))]
    return sorted(path for place in places for path in place.rglob("*.py") if "__pycache__" not in path.parts)


def text_files() -> list[Path]:
    """Every text file that the repository holds, without what is generated."""
    found = []
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT).parts
        hidden = any((part.startswith(".") and part != ".ci") or part.endswith(".egg-info") for part in inside)
        if not hidden and not GENERATED & set(inside) and path.is_file() and path.suffix in TEXT:
            found.append(path)
    return sorted(found)


@lru_cache(maxsize=1024)
def read(path: Path) -> str:
    """The text of a file."""
    return path.read_text(encoding="utf-8")


@lru_cache(maxsize=1024)
def parse(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(read(path), filename=str(path))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function in a tree, those inside others too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def shown(path: Path) -> str:
    """A path as messages show it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def modules() -> list[str]:
    """Full names of the package's modules."""
    names = []
    for path in python_files():
        parts = ["perforin", *path.relative_to(PACKAGE).with_suffix("").parts]
        names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return sorted(names)

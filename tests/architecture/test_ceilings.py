"""Files and functions stay short, names say something, and nothing is left half done."""

from __future__ import annotations

import ast
import re

import pytest

from source_tree import PACKAGE, ROOT, all_python_files, functions, parse, python_files, read, shown

FILE_LINES = 400
FUNCTION_LINES = 60
README_LINES = 4
EMPTY_NAMES = {"utils", "core", "common", "base", "helpers", "misc", "manager"}
UNFINISHED = re.compile("|".join([r"\bTO" + "DO\\b", r"\bFIX" + "ME\\b", r"\bXX" + "X\\b", "NotImplemented" + "Error"]))
FOLDERS = [
    "access", "command", "endpoints", "evidence", "inference", "kernels", "library", "making", "mechanisms", "model",
    "patients", "report", "trial",
]  # fmt: skip


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    sizes = {shown(path): read(path).count("\n") for path in all_python_files()}
    assert not {name: lines for name, lines in sizes.items() if lines > FILE_LINES}


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{shown(path)}:{node.lineno} {node.name}: {node.end_lineno - node.lineno + 1} lines"
        for path in all_python_files()
        for node in functions(parse(path))
        if node.end_lineno is not None and node.end_lineno - node.lineno + 1 > FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    found = [
        shown(path)
        for path in all_python_files()
        if EMPTY_NAMES & {path.stem, *path.relative_to(ROOT).parts} or path.stem.startswith("new_")
    ]
    assert not found


def test_nothing_is_left_half_done() -> None:
    found = [
        f"{shown(path)}:{number}: {line.strip()}"
        for path in all_python_files()
        for number, line in enumerate(read(path).splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_states_its_rule_in_at_most_four_lines(folder: str) -> None:
    text = (PACKAGE / folder / "README.md").read_text(encoding="utf-8").strip()
    assert 1 <= len(text.splitlines()) <= README_LINES


def test_every_folder_of_the_package_is_known_here() -> None:
    found = {path.name for path in PACKAGE.iterdir() if path.is_dir() and not path.name.startswith("_")}
    assert found == set(FOLDERS)


def test_only_the_command_and_the_report_print() -> None:
    found = [
        f"{shown(path)}:{node.lineno}"
        for path in python_files()
        if path.relative_to(PACKAGE).parts[0] not in {"command", "report"}
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not found

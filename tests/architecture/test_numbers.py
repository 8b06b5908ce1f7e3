"""Numbers of biology stand in the tables beside the mechanisms, never in their code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from source_tree import parse, python_files, shown

SHAPE = {0, 1, 2, 0.5}
"""What a formula may say by its shape: nothing, one, two, a half."""


def tuned(path: Path) -> Iterator[str]:
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value not in SHAPE:
            yield f"{shown(path)}:{node.lineno}: {node.value}"


def test_no_mechanism_holds_a_tuned_number() -> None:
    found = [line for path in python_files("mechanisms") for line in tuned(path)]
    assert not found, "\n".join(found)


def test_a_tuned_number_is_found(tmp_path: Path) -> None:
    path = tmp_path / "decay.py"
    path.write_text('"""Ten minutes: 3.7."""\ndef decay(drug):\n    yield 1 - 0.37 * drug / (2 + drug)\n')
    assert [line.split(":")[-1].strip() for line in tuned(path)] == ["0.37"]

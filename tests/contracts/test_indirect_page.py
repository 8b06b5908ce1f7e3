"""The page on indirect comparison, followed to the letter."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perforin.command import app
from source_tree import ROOT

PAGE = (ROOT / "docs" / "how-to" / "compare-indirectly.md").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files that the page says to write, and patients as it describes them."""
    for name, text in re.findall(r"Write `([^`]+)`:\n\n```\w+\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    rng, n = np.random.default_rng(1), 80
    columns = {name: rng.integers(0, 2, n) for name in ("late_line", "CR_best", "PFS_event")}
    columns |= {"age": rng.normal(56, 10, n), "burden": rng.exponential(50, n), "PFS_day": rng.exponential(250, n)}
    pd.DataFrame(columns).to_csv(tmp_path / "patients.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_of_the_page_that_needs_no_run_works(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    commands = re.findall(r"^perforin (.+)$", PAGE, re.MULTILINE)
    followed = [shlex.split(words) for words in commands if "runs/" not in words]
    assert len(followed) == 3
    for words in followed:
        assert app.execute(words) == 0, capsys.readouterr().err
    assert (folder / "curve" / "curve.html").exists()


def test_the_python_of_the_page_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "compare-indirectly", "exec"), {})  # noqa: S102
    assert "unanchored" in capsys.readouterr().out

"""perforin data map and check: what is asked, written, refused and left to fill in."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from perforin.command import app, data
from perforin.evidence.user_tables.guess import guess
from perforin.evidence.user_tables.mapping import open_questions
from perforin.evidence.user_tables.reading import read_table
from perforin.records import COLUMNS

NONMEM = """\
ID,TIME,AMT,DV,EVID,MDV,BLQ,LLOQ,CMT
1,0,1e8,.,1,1,0,.,1
1,24,.,1500,0,0,0,50,2
1,672,.,0,0,0,1,50,2
2,24,.,800,0,0,0,50,2
2,336,.,<LLOQ,0,0,0,50,2
"""
FREE = """\
Patient;Day after infusion (weeks);IL-6 (pg/mL);Product cells [cells/µL];Remark
A1;0;1,5;0;
A1;1;<0,5;12,5;für
B2;0;220;0;
B2;1;x;3,25;
"""


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "trial.csv") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = app.execute(["data", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_nothing_is_written_before_somebody_agrees(
    file: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())  # no terminal
    path = file(FREE)
    code, out, err = run(capsys, "map", str(path))
    assert code == 1 and "needed --accept" in err and "il6 [pg/mL]" in out
    assert [one.name for one in path.parent.iterdir()] == ["trial.csv"]


def test_bad_rows_stop_the_command_unless_they_are_skipped_and_counted(
    file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(FREE)
    code, out, err = run(capsys, "map", str(path), "--accept")
    assert code == 1 and "line 5: found 'x'" in out and "--skip-bad-rows" in err
    assert not path.with_suffix(".records.csv").exists()
    code, out, err = run(capsys, "map", str(path), "--skip-bad-rows")
    assert code == 0 and "1 rows skipped" in out
    assert len(pd.read_csv(path.with_suffix(".records.csv"))) == 6
    assert pd.read_csv(path.with_suffix(".records.subjects.csv"))["name"].tolist() == ["A1", "B2"]


def test_an_open_question_leaves_a_mapping_to_fill_in_which_is_then_used_without_asking(
    file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(NONMEM)
    kept = path.with_suffix(".mapping.yaml")
    code, _, err = run(capsys, "map", str(path), "--accept")
    assert code == 1 and "answer where a '?' stands" in err
    code, _, err = run(capsys, "map", str(path), "--accept")
    assert code == 1 and "found '?' in the mapping" in err
    text = kept.read_text()
    for question, answer in (("time_unit", "hour"), ("parameter", "transgene_copies"), ("unit", "copies/ug")):
        text = re.sub(rf"(^| ){question}: '\?'", rf"\1{question}: {answer}", text, flags=re.MULTILINE)
    kept.write_text(text)
    target = path.parent / "out" / "trial.parquet"
    code, out, _ = run(capsys, "map", str(path), "--out", str(target), "--json")
    found = json.loads(out)
    assert (code, found["written_rows"], found["censored"], found["errors"]) == (0, 4, 2, [])
    assert dict(pd.read_parquet(target).dtypes.astype(str)) == dict(COLUMNS)


def test_check_writes_nothing_and_ends_with_1_where_something_is_wrong(
    file: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(FREE)
    code, out, _ = run(capsys, "check", str(path), "--json")
    assert code == 1 and [one["line"] for one in json.loads(out)["errors"]] == [5]
    assert run(capsys, "check", str(file(NONMEM)))[0] == 1
    good = file("ID,Day,IL6 (pg/mL)\n1,1,5\n2,1,6\n", "good.csv")
    assert run(capsys, "check", str(good))[0] == 0
    assert {one.name for one in path.parent.iterdir()} == {"trial.csv", "good.csv"}


def test_the_questions_are_asked_until_an_answer_fits(file: Callable[..., Path]) -> None:
    table = read_table(file(NONMEM))
    answers = iter(["mL", "hour", "transgene_copies", "copies/ug"])
    asked: list[str] = []

    def answer(question: str, default: str) -> str:
        asked.append(question)
        return next(answers)

    mapping = data.ask(guess(table, "a").mapping, table, answer, lambda *_, **__: True)
    assert not list(open_questions(mapping))
    assert (mapping.time_unit, mapping.values[0].parameter, mapping.values[0].unit) == (
        "hour", "transgene_copies", "copies/ug",
    )  # fmt: skip
    assert len(asked) == 4 and "day, hour, week" in asked[0]


def test_a_wrong_guess_can_be_corrected_by_answering(file: Callable[..., Path]) -> None:
    table = read_table(file("ID,Day,Time (day),IL6 (pg/mL)\n1,1,5,9\n2,1,6,8\n"))
    first = guess(table, "a").mapping

    def answer(question: str, default: str) -> str:
        return "Time (day)" if question.startswith("Column of day") else default

    corrected = data.ask(first, table, answer, lambda *_, **__: False)
    assert first.columns["day"] == "Day" and corrected.columns["day"] == "Time (day)"
    assert corrected.values == first.values

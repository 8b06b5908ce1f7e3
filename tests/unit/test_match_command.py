"""perforin evidence match, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perforin.command import app, match
from perforin.records import Records


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    patients = tmp_path / "patients.csv"
    rows = [f"P{i},{40 + i},{int(i % 3 == 0)},{int(i % 4 == 0)}" for i in range(40)]
    patients.write_text("\n".join(["name,age,late_line,CR_best", *rows]) + "\n")
    other = tmp_path / "other.yaml"
    other.write_text(
        "label: Other trial\nbaseline:\n  - {covariate: age, mean: 62, sd: 9, status: read}\n"
        "  - {covariate: late_line, share: 0.5, status: memory}\n  - {covariate: stage_4, share: 0.7}\n"
        "outcomes: [{endpoint: CR_best, events: 21, n: 50}]\n"
    )
    return patients, other


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = app.execute(["evidence", "match", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def asked(files: tuple[Path, Path], *more: object) -> list[object]:
    return ["--patients", files[0], "--against", files[1], "--endpoint", "CR_best", *more]


def test_it_prints_all_three_ways_the_balance_and_what_no_method_mends(
    capsys: pytest.CaptureFixture[str], files: tuple[Path, Path]
) -> None:
    code, out, err = run(capsys, *asked(files))
    assert code == 0
    assert "Left aside, because they hold texts and not numbers: name" in err
    for text in ("as they are", "weighted (MAIC)", "modelled (STC)", "Effective n", "E-value", "42.0 %",
                 "not adjusted for: stage_4", "from memory and were not checked: late_line",
                 "No method mends confounders that nobody measured"):  # fmt: skip
        assert text in out, text


def test_json_is_one_object_with_each_comparison_and_its_warning(
    capsys: pytest.CaptureFixture[str], files: tuple[Path, Path]
) -> None:
    code, out, _ = run(capsys, *asked(files, "--json"))
    found = json.loads(out)
    assert code == 0 and found["refused"] == {}
    assert [one["method"] for one in found["comparisons"]] == ["none", "maic", "stc"]
    weighted = found["comparisons"][1]
    assert weighted["effective"] < weighted["n"] == 40
    assert weighted["balance"][0]["adjusted"] == pytest.approx(62)
    assert "unanchored" in weighted["warning"]


def test_one_method_and_some_covariates_can_be_chosen(
    capsys: pytest.CaptureFixture[str], files: tuple[Path, Path]
) -> None:
    _, out, _ = run(capsys, *asked(files, "--method", "maic", "--covariate", "age", "--spread", "--json"))
    (only,) = json.loads(out)["comparisons"]
    assert [row["covariate"] for row in only["balance"]] == ["age"]
    assert only["only_published"] == ["late_line", "stage_4"]


def test_a_trial_of_the_library_without_a_baseline_can_be_set_beside_but_not_adjusted(
    capsys: pytest.CaptureFixture[str], files: tuple[Path, Path]
) -> None:
    words = ["--patients", files[0], "--against", "juliet", "--endpoint", "CR_best"]
    code, out, err = run(capsys, *words)
    assert code == 0 and "Nothing was adjusted for" in out
    assert "Not weighted (MAIC): found no covariate" in err and "(published here: none)" in err
    code, out, err = run(capsys, *words, "--method", "maic")
    assert (code, out) == (1, "") and "found no covariate" in err


@pytest.mark.parametrize(
    "change,words,message",
    [
        ("age", ["--method", "maic"], "all lie on one side of the published age"),
        ("", ["--method", "maicc"], "found the method 'maicc'; needed one of none, maic, stc; did you mean 'maic'"),
        ("", ["--endpoint", "CR_bset"], "did you mean 'CR_best'"),
        ("", ["--against", "zuma_11"], "found neither a file nor a trial 'zuma_11'; needed one; did you mean 'zuma_1'"),
        ("", ["--patients", "none.csv"], "found no file none.csv"),
        ("", ["--arm", "a"], "found --arm with a table of patients"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], files: tuple[Path, Path], change: str, words: list[str], message: str
) -> None:
    if change:
        files[1].write_text(files[1].read_text().replace("mean: 62", "mean: 95"))
    code, out, err = run(capsys, *asked(files, *words))
    assert (code, out) == (1, "")
    assert message in err


def test_decimal_commas_and_foreign_encodings(capsys: pytest.CaptureFixture[str], files: tuple[Path, Path]) -> None:
    plain = run(capsys, *asked(files, "--json"))[1]
    files[0].write_text(files[0].read_text().replace(",", ";"), encoding="utf-8-sig")
    assert run(capsys, *asked(files, "--json"))[1] == plain
    files[0].write_bytes("name;age\nZo\u00eb;5,5\n".encode("latin-1"))
    code, _, err = run(capsys, *asked(files))
    assert code == 1 and "needed a CSV file in UTF-8" in err


def test_the_patients_of_a_run_are_its_covariates_and_what_an_endpoint_makes_of_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from types import SimpleNamespace

    from perforin import prepared, study

    died = Records.build(subject=range(4), arm="a", parameter="death", day=[9.0, 5, 9, 9], value=[0.0, 1, 0, 1])
    hits = Records.build(subject=range(4), arm="a", parameter="outcome:CR_best", value=[1.0, 0, 1, 0])
    cohort = pd.DataFrame({"subject": range(5), "age": np.arange(50.0, 55), "fcgr3a": list("VVFFV")})
    scenario = SimpleNamespace(arms={"a": 1})
    opened = SimpleNamespace(records=Records.concat([died, hits]), cohort=cohort, scenario=scenario)
    monkeypatch.setattr(study, "open_study", lambda _: opened)
    monkeypatch.setattr(prepared, "plan_of", lambda _: SimpleNamespace(criteria="lugano"))
    counted = match._of_run(tmp_path, None, "CR_best")
    assert counted["age"].tolist() == [50, 51, 52, 53] and counted["CR_best"].tolist() == [1, 0, 1, 0]
    assert "fcgr3a" not in counted
    assert match._of_run(tmp_path, "a", "OS")["OS_event"].tolist() == [0, 1, 0, 1]


def test_help_has_examples_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--help")
    assert (code, err) == (0, "")
    assert "perforin evidence match" in out.split("Examples:")[1]
    assert "--json" in out

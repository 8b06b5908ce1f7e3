"""perforin evidence curve, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from perforin.command import app


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "PFS.csv"
    rows = "time,survival,at_risk\n0,1,10\n2,1,\n2,0.9,\n9,0.9,\n9,0.4,\n12,0.4,4\n"
    path.write_text("# unit: month\n# status: memory\n" + rows)
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = app.execute(["evidence", "curve", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_it_prints_patients_events_median_milestones_and_the_distance(
    capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, out, err = run(capsys, file)
    assert (code, err) == (0, "")
    assert "10 patients, 6 events" in out
    assert "Median PFS" in out and "274 days" in out
    assert "Progression-free at 3 months    90 %" in out
    assert "Largest distance to the digitised curve: 0.0 points" in out
    assert "marked as written from memory" in out


def test_json_is_one_object_with_the_patients(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    code, out, _ = run(capsys, file, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["n"], found["events"], found["censored"], found["status"]) == (10, 6, 4, "memory")
    assert found["at_risk"]["reconstructed"] == found["at_risk"]["published"] == [10, 4]
    assert len(found["patients"]["day"]) == 10 and sum(found["patients"]["event"]) == 6
    assert {one["endpoint"] for one in found["estimates"]} >= {"PFS_median", "PFS_12m"}


def test_out_holds_the_patients_and_a_page_with_both_curves(
    capsys: pytest.CaptureFixture[str], file: Path, tmp_path: Path
) -> None:
    code, out, _ = run(capsys, file, "--out", tmp_path / "made")
    assert code == 0 and "curve.html" in out
    patients = pd.read_csv(tmp_path / "made" / "patients.csv")
    assert list(patients.columns) == ["patient", "PFS_day", "PFS_event"]
    assert len(patients) == 10 and patients["PFS_event"].sum() == 6
    page = (tmp_path / "made" / "curve.html").read_text(encoding="utf-8")
    assert "as digitised" in page and "PFS, reconstructed" in page
    assert 'src="http' not in page, "the page needs no network"


def test_what_the_curve_is_of_must_be_known(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    other = file.rename(file.with_name("digitised.csv"))
    code, out, err = run(capsys, other)
    assert (code, out) == (1, "")
    assert "found a curve of 'digitised'; needed one of OS, PFS, EFS, DOR" in err
    assert run(capsys, other, "--endpoint", "OS")[0] == 0


def test_a_rising_curve_is_refused_with_its_line(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    file.write_text("# unit: month\n# n: 5\n0,1\n1,0.5\n2,0.8\n")
    code, out, err = run(capsys, file, "--json")
    assert (code, out) == (1, "")
    assert "PFS.csv:5: found survival 0.8" in json.loads(err)["error"]


def test_help_has_examples_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--help")
    assert (code, err) == (0, "")
    assert "perforin evidence curve" in out.split("Examples:")[1]
    assert "--json" in out

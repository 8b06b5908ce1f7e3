"""perforin lot: export, trace, recall, criteria; and what perforin make says of release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perforin.command import app


def execute(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = app.execute(list(words))
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("name", ["lots.jsonld", "lots.csv"])
def test_a_patient_is_traced_to_the_donor_and_a_donor_recalled(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    file = str(tmp_path / name)
    code, out, err = execute(capsys, "lot", "export", "nk_cord_blood", file, "--patients", "80", "--json")
    assert (code, err) == (0, "")
    vials = json.loads(out)["vials"]
    assert vials["produced"] == sum(vials[one] for one in ("used", "rejected", "expired", "in stock"))
    family = json.loads(execute(capsys, "lot", "trace", file, "patient-17", "--json")[1])["family"]
    donor = next(one["id"] for one in family if one["kind"] == "donor")
    assert "patient-17" in json.loads(execute(capsys, "lot", "recall", file, donor, "--json")[1])["patients"]
    code, out, err = execute(capsys, "lot", "recall", file, donor)
    assert "patient-17" in out.split() and "were given something of" in err


def test_own_cells_are_exported_without_a_list_of_patients(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = execute(capsys, "lot", "export", "autologous_viral", str(tmp_path / "a.csv"), "--batches", "10")
    assert code == 0 and "10 donors" in out and "bank" not in out


def test_what_cannot_be_done_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "ends with .csv" in execute(capsys, "lot", "export", "nk_92", str(tmp_path / "a.xml"))[2]
    assert "without 'specifications'" in execute(capsys, "lot", "export", "autologous_slow", str(tmp_path / "a.csv"))[2]
    assert "cannot be read" in execute(capsys, "lot", "trace", str(tmp_path / "none.csv"), "lot-1")[2]
    (tmp_path / "bad.jsonld").write_text("{")
    code, _, err = execute(capsys, "lot", "recall", str(tmp_path / "bad.jsonld"), "lot-1")
    assert code == 1 and "bad.jsonld:1: found text that is not JSON" in err
    assert "did you mean 'Japan'" in execute(capsys, "lot", "criteria", "Japn")[2]


def test_criteria_are_listed_by_region_with_their_source(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(execute(capsys, "lot", "criteria", "European Union", "--json")[1])["criteria"]
    assert {row["region"] for row in rows} == {"European Union"}
    assert all(row["source"] for row in rows) and any(row["attribute"] == "vector copies" for row in rows)


def test_make_says_what_was_released_and_draws_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ("make", "nk_cord_blood", "autologous_viral", "--batches", "60", "--out", str(tmp_path))
    code, out, _ = execute(capsys, *words)
    assert code == 0
    for text in ("Out of specification", "Days from sample to decision", "Cpk", "Patients hit by"):
        assert text in out, text
    page = (tmp_path / "making.html").read_text(encoding="utf-8")
    assert 'data-key="verdicts"' in page and 'data-key="capability"' in page
    found = [one["release"] for one in json.loads(execute(capsys, *words[:5], "--json")[1])["processes"]]
    for one in found:
        assert sum(one["verdicts"].values()) == pytest.approx(1)
    assert found[0]["patients_per_failed_lot"] != 1 or found[0]["verdicts"]["rejected"] == 0
    assert sum(found[1]["followed"].values()) == pytest.approx(1)

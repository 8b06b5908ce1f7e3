"""perforin evidence meta, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perforin.command import app


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = app.execute(["evidence", "meta", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_it_prints_the_forest_the_pooled_value_the_published_one_and_that_the_set_is_rebuilt(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = run(capsys, "--endpoint", "ICANS_any", "--by", "target,costimulation")
    assert (code, err) == (0, "")
    assert "Neurotoxicity with CAR-T: a REBUILT study set" in out
    assert "Zhao 2018 LEGEND-2 (memory)" in out
    assert "Pooled: 28.7 % (20.7 % to 38.3 %), prediction 4.2 % to 78.5 %, k 28" in out
    assert "dl              31.0 % (23.9 % to 39.1 %), prediction 7.1 % to 72.6 %" in out
    assert "Published: 26.9 % (21.7 % to 32.7 %), 75 studies, 3184 patients (Han2024, read)" in out
    assert "CD19, CD28: 58.0 %" in out and "costimulation: CD28" in out and "Between groups: Q" in out


@pytest.mark.parametrize("endpoint", ["ICANS_any", "ICANS_ge3", "CRS_any", "CRS_ge3"])
def test_json_is_one_object_with_all_that_a_reader_must_know(
    capsys: pytest.CaptureFixture[str], endpoint: str
) -> None:
    code, out, err = run(capsys, "--endpoint", endpoint, "--therapy", "CAR-T", "--by", "target", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["prediction_low"] < found["low"] < found["value"] < found["high"] < found["prediction_high"]
    assert found["tau2"] > 0 and 0 < found["i2"] < 1
    assert found["k"] == len(found["studies"]) and found["n"] == sum(one["n"] for one in found["studies"])
    assert sum(one["k"] for one in found["groups"].values()) == found["k"]
    assert found["method"].startswith("Binomial-normal mixed model")
    assert any("memory" in text for text in found["warnings"])
    assert all(one["source"] and one["status"] for one in found["studies"])


def test_without_events_the_upper_bound_is_given_and_the_cohort_inside_another_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = run(capsys, "--endpoint", "ICANS_any", "--therapy", "CAR-NK")
    assert code == 0
    assert "Pooled: 0.0 % (0.0 % to 2.0 %), one-sided 95 % upper bound 1.6 %, k " in out
    assert "Left out: liu_2020: shares patients with marin_2024, which is larger" in out


def test_a_users_table_is_pooled_and_drawn_on_a_page_that_needs_no_network(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("study;events;n;site\nA;3;20;x\nB;9;41;y\nC;2;33;x\n", encoding="utf-8")
    code, out, err = run(capsys, "--data", mine, "--method", "reml", "--by", "site", "--out", tmp_path / "figures")
    assert (code, err) == (0, "")
    assert "tau2" in out and "Figures:" in out
    page = (tmp_path / "figures" / "meta.html").read_text(encoding="utf-8")
    assert "Forest plot of 3 studies" in page and "published evidence" in page
    assert "src=" not in page.partition("<script>")[0]


@pytest.mark.parametrize("words, said", [
    ((), "found neither --endpoint nor --data"),
    (("--endpoint", "ICANS_any", "--method", "remel"), "found the method 'remel'; needed one of glmm, reml"),
    (("--endpoint", "ICANS_any", "--by", "colour"), "found no study that gives 'colour'"),
    (("--endpoint", "OS_median"), "found no CAR-T trial that counts 'OS_median'"),
    (("--data", "nowhere.csv"), "found a file that cannot be read"),
])  # fmt: skip
def test_bad_input_ends_with_one_sentence(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (1, "")
    assert said in err and "Traceback" not in err

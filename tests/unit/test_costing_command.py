"""perforin cost, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from perforin.access.economics.appraisal import FOLDER
from perforin.command.app import execute

RUN = ("run", "cd19_lbcl_head_to_head", "--n", "24", "--workers", "1")


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = execute(["cost", *map(str, words)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("costed") / "run"
    assert execute([*RUN, "--out", str(path)]) == 0
    return path


def test_without_words_it_lists_what_can_be_costed(capsys):
    code, out, _ = run(capsys, "--json")
    known = {one["name"]: one["kind"] for one in json.loads(out)["known"]}
    assert code == 0 and known["nk_cord_blood"] == "process" and known["lymphoma_vein_to_vein"] == "appraisal"


def test_processes_are_costed_by_step_with_what_is_published_beside(tmp_path, capsys):
    words = ("autologous_viral", "nk_cord_blood", "--draws", 500, "--doses-a-year", 500, "--out", tmp_path, "--json")
    code, out, _ = run(capsys, *words)
    found = json.loads(out)
    assert code == 0 and [one["process"] for one in found["processes"]] == ["autologous_viral", "nk_cord_blood"]
    for one in found["processes"]:
        assert one["per_dose"]["low"] < one["per_dose"]["mean"] < one["per_dose"]["high"]
        paid = [step for step in one["steps"] if not step["each_order"]]
        assert sum(step["total"] for step in paid) == pytest.approx(one["per_batch"]["mean"])
    assert {"NkartaFiling", "TenHam2020"} <= set(found["sources"])
    page = (tmp_path / "cost.html").read_text(encoding="utf-8")
    for text in ("Cost of goods", "Doses made a year", "NK cells of cord blood", "from memory", "People, USD"):
        assert text in page


def test_a_run_is_worth_what_its_patients_lived(folder, tmp_path, capsys):
    code, out, _ = run(capsys, folder, "--draws", 400, "--out", tmp_path, "--json")
    found = json.loads(out)
    assert code == 0 and found["patients"] == 24 and set(found["arms"]) == {"car_nk", "car_t"}
    for arm in found["arms"].values():
        assert arm["cost"]["low"] < arm["cost"]["mean"] < arm["cost"]["high"]
        assert 0 < arm["qaly"]["mean"] < arm["life_years"]["mean"]
        assert arm["cost_per_infused"] == pytest.approx(arm["cost"]["mean"] / arm["infused"])
    assert sum(found["acceptability"][0]["chance"].values()) == pytest.approx(1)
    assert found["reference"] == "car_t" and found["comparisons"][0]["arm"] == "car_nk"
    assert all(row["worth"] <= found["perfect_information"] + 1e-6 for row in found["information"])
    page = (tmp_path / "cost.html").read_text(encoding="utf-8")
    for text in ("Costs and effects", "Which arm to choose", "No price is known", "too narrow"):
        assert text in page


def test_the_same_seed_gives_the_same_figures(folder, capsys):
    first, again = (run(capsys, folder, "--draws", 200, "--json")[1] for _ in range(2))
    other = run(capsys, folder, "--draws", 200, "--seed", 2, "--json")[1]
    assert first == again != other


def test_an_appraisal_stands_beside_others_models_of_the_same(tmp_path, capsys):
    code, out, _ = run(capsys, "lymphoma_vein_to_vein", "--draws", 300, "--worth", 100_000, "--out", tmp_path, "--json")
    found = json.loads(out)
    assert code == 0 and found["worth"] == 100_000
    assert {row["source"] for row in found["published"]} == {"Vadgama2024", "Joyner2022"}
    assert all(row["found"] > 0 for row in found["published"])
    page = (tmp_path / "cost.html").read_text(encoding="utf-8")
    for text in ("an extrapolation", "Base case (every number at its central value)", "Years from infusion"):
        assert text in page


def test_of_three_arms_one_that_another_beats_is_named_beside_its_ratio(tmp_path, capsys):
    """The dear arm gives more than the reference, so its ratio is a number; a third gives the same for less."""
    text = (FOLDER / "lymphoma_vein_to_vein.yaml").read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    late = data["arms"]["after_24_days"]
    data["arms"]["dear"] = {**late, "label": "Dear", "price": {**late["price"], "value": 900_000, "high": 990_000}}
    path = tmp_path / "three.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    code, out, _ = run(capsys, path, "--draws", 300)
    assert code == 0 and "costs more" in out and "than After 24 days" in out.replace("\n", " ")


@pytest.mark.parametrize("words, problem", [
    (("nk_cord_blod",), "nk_cord_blood"),
    (("nk_cord_blood", "lymphoma_vein_to_vein"), "needed processes only, or one run, or one appraisal"),
    (("nk_cord_blood", "--draws", "5"), "found --draws 5; needed 100 or more"),
    (("nk_cord_blood", "--doses-a-year", "0"), "found 0 doses a year; needed 1 to 10,000,000"),
    (("lymphoma_vein_to_vein", "--worth", "-3"), "found --worth -3"),
    (("lymphoma_vein_to_vein", "--worth", "inf"), "found --worth inf"),
    (("nk_cord_blood", "--draws", "100", "--out", __file__), "which cannot be written"),
    (("autologous_central",), "needed a process or an appraisal"),
])  # fmt: skip
def test_what_cannot_be_costed_is_refused(words, problem, capsys):
    code, out, err = run(capsys, *words)
    assert code == 1 and problem in err and not out


def test_a_scenario_says_to_run_it_first(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    assert execute(["new", str(path)]) == 0
    capsys.readouterr()
    code, _, err = run(capsys, path)
    assert code == 1 and f"perforin run {path}" in err

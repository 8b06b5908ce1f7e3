"""perforin site: a user's own places, what it prints, and what it refuses."""

from __future__ import annotations

import json

import pytest

from perforin.command.app import execute

HOMES = "place,region,latitude,longitude,people\nA,north,50,0,100\nB,north,50,1,50\nC,south,48,0,30\nD,south,47,8,20\n"


@pytest.fixture
def homes(tmp_path):
    path = tmp_path / "homes.csv"
    path.write_text(HOMES, encoding="utf-8")
    return str(path)


def run(capsys, *words):
    code = execute(["site", *words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_own_places_are_sited_and_told_as_one_object(homes, tmp_path, capsys):
    words = (homes, "--candidates", "4", "--number", "2", "--within", "1.5", "--depots", "1", "--therapies", "300",
             "--out", str(tmp_path / "maps"), "--json")  # fmt: skip
    code, out, _ = run(capsys, *words)
    facts = json.loads(out)
    assert code == 0
    assert facts["share"] == pytest.approx(180 / 200)
    assert {one["region"]: one["share"] for one in facts["by_region"]} == {"north": 1.0, "south": 0.6}
    assert sum(one["nearest_to"] for one in facts["sites"]) == 200
    assert len(facts["depots"]["places"]) == 1
    plants = facts["plants"]
    assert sum(one["therapies_a_year"] for one in plants["opened"]) == pytest.approx(300)
    parts = {name: value for name, value in plants["cost_per_therapy"].items() if name != "total"}
    assert sum(parts.values()) == pytest.approx(plants["cost_per_therapy"]["total"])
    page = (tmp_path / "maps" / "siting.html").read_text(encoding="utf-8")
    assert "http" not in page.partition("<style")[0] and "Where sites should stand" in page
    assert f"{plants['opened'][0]['wait_days']:.2f}" in page and "Lines at work" in page and "Depots: " in page
    assert facts["sources"] == ["Triantafyllou2022"], "the census is no source of a user's own places"


def test_the_shipped_places_are_cited(capsys):
    code, out, _ = run(capsys, "--candidates", "10", "--number", "2", "--json")
    assert code == 0 and json.loads(out)["sources"] == ["CensusPopulationCentres2020"]


def test_tables_stand_on_the_terminal(homes, capsys):
    code, out, _ = run(capsys, homes, "--candidates", "4", "--number", "1")
    assert code == 0
    assert "maximal covering of 1 sites within 2 h: 75.0%" in out and "The ten regions least reached" in out


@pytest.mark.parametrize("words, problem", [
    (("--candidates", "9"), "found --candidates 9; needed 1 to 4"),
    (("--candidates", "4", "--number", "9"), "found 9 sites to place"),
    (("--candidates", "4", "--aim", "cheapest", "--share", "1", "--budget", "1", "--number", "4", "--within", "1"),
     "the budget binds"),
    (("--candidates", "4", "--number", "2", "--therapies", "-3"), "needed some therapies a year"),
    (("--candidates", "none.csv"), "found no file none.csv"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_what_is_needed(homes, capsys, words, problem):
    code, out, err = run(capsys, homes, *words)
    assert code == 1 and out == "" and problem in err

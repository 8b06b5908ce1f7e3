"""What cannot be on the way from donor to bedside is refused where it stands, by the module alone and in a scenario."""

from __future__ import annotations

import pytest

from perforin.command.app import execute
from perforin.evidence.sources import LIBRARY

SCENARIO = """extends: cd19_lbcl_head_to_head
patients: {{n: 6}}
arms:
  {arm}: {{process: {process}, network: {network}}}
"""
OWN, BANK = ("car_t", "mine", "autologous_two_plants"), ("car_nk", "nk_cord_blood", "mine")
LOGGER = "time [h],temperature [degC]\n0,-182\n0.25,-182\n0.5,-181\n0.75,-180\n"
HOMES = "place,region,latitude,longitude,people\nA,north,50,0,100\nB,north,50,1,50\nC,south,48,0,30\nD,south,47,8,20\n"

FILES = {
    "a cycle of steps": (
        "processes/autologous_viral", "after: [leukapheresis]", "after: [culture]", 12,
        "found steps that wait for each other: shipping to the plant -> culture -> selection"),
    "a step that is missing": (
        "processes/autologous_viral", "after: [leukapheresis]", "after: [leukapheresi]", 12,
        "did you mean 'leukapheresis'?"),
    "a yield over 1": (
        "processes/autologous_viral", "yield: {value: 0.6", "yield: {value: 1.6", None, "needed a number from 0 to 1"),
    "a negative cost": (
        "processes/autologous_viral", "cost: {value: 5000", "cost: {value: -5000", None, "found -5000; needed 0"),
    "a lower limit above the upper": (
        "specifications/t_own", "lower: {value: 0.8,",
        "upper: {value: 0.5, unit: '', note: n, kind: assumed, status: assumed}\n    lower: {value: 0.8,", 7,
        "found the lower limit 0.8, not below the upper 0.5; needed lower < upper"),
    "a test longer than its step": (
        "specifications/t_own", "days: {value: 1,", "days: {value: 9,", 8, "found a test of 9 days; needed at most"),
    "a share over 1 in a lane": (
        "lanes/national_air", "tilt: {value: 0.01,", "tilt: {value: 1.2,", None, "needed a number from 0 to 1"),
    "zero slots": (
        "networks/autologous_two_plants", "slots: {rate: slot.lymphoma}",
        "slots: {rate: {value: 0, unit: 1/month, note: n}}", 12, "found zero slots; needed a rate above 0"),
    "s above S": (
        "networks/donor_bank_two_hubs", "s: 4, S: 12", "s: 99, S: 12", 14, "found s = 99 above S = 12; needed s <="),
}  # fmt: skip


def shown(capsys, *words):
    code = execute([str(one) for one in words])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.fixture
def bad(tmp_path, request):
    """A changed file of the library in a library of the user's, and a scenario that uses it."""
    source, old, new, line, words = FILES[request.param]
    kind, name = source.split("/")
    text = (LIBRARY / f"{source}.yaml").read_text(encoding="utf-8")
    assert old in text
    for folder in ("processes", "networks"):
        (tmp_path / "library" / folder).mkdir(parents=True)
    changed = tmp_path / ("library" if kind in ("processes", "networks") else "") / kind / "mine.yaml"
    changed.parent.mkdir(exist_ok=True)
    changed.write_text(text.replace(old, new, 1), encoding="utf-8")
    arm, process, network = BANK if name == "donor_bank_two_hubs" else OWN
    if kind == "networks":
        process, network = ("nk_cord_blood" if arm == "car_nk" else "autologous_viral"), "mine"
    elif kind != "processes":
        own = (LIBRARY / "processes/autologous_viral.yaml").read_text(encoding="utf-8")
        key = {"specifications": "specifications: t_own", "lanes": "lane: national_air"}[kind]
        assert key in own
        own = own.replace(key, f"{key.partition(':')[0]}: {changed}")
        (tmp_path / "library/processes/mine.yaml").write_text(own, encoding="utf-8")
    scenario = tmp_path / "mine.yaml"
    scenario.write_text(SCENARIO.format(arm=arm, process=process, network=network), encoding="utf-8")
    alone = {"networks": ("network", changed), "lanes": ("ship", changed)}
    process_file = tmp_path / "library/processes/mine.yaml"
    return alone.get(kind, ("make", process_file, "--batches", "3")), scenario, (line, words)


@pytest.mark.parametrize("bad", FILES, indirect=True)
def test_a_file_that_cannot_be_is_refused_with_its_line_alone_and_in_a_scenario(bad, capsys, tmp_path):
    alone, scenario, (line, words) = bad
    for asked in (alone, ("check", scenario), ("run", scenario, "--out", tmp_path / "run")):
        code, out, err = shown(capsys, *asked)
        assert code == 1 and out == "" and words in err, asked
        assert (f"mine.yaml:{line}:" if line else "mine.yaml:") in err, asked
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("bad", ["a cycle of steps", "a lower limit above the upper"], indirect=True)
def test_lots_of_such_a_process_are_not_exported(bad, capsys, tmp_path):
    (_, file, *_), _, (_, words) = bad
    code, out, err = shown(capsys, "lot", "export", file, tmp_path / "lots.csv")
    assert code == 1 and out == "" and words in err and not (tmp_path / "lots.csv").exists()


@pytest.mark.parametrize("more, line, words", [
    ("9,-180\n", 6, "found 8.25 h without a reading since line 5"),
    ("0.75,-179\n", 6, "found the time of line 5 again; needed each time once"),
    ("0.6,-179\n", 6, "before that of line 5; needed times that go forward"),
    ("1,-295\n", 6, "is it in degrees Fahrenheit?"),
])  # fmt: skip
def test_a_logger_that_cannot_be_right_is_refused_with_its_line(more, line, words, tmp_path, capsys):
    path = tmp_path / "log.csv"
    path.write_text(LOGGER + more, encoding="utf-8")
    code, out, err = shown(capsys, "ship", "--logger", path)
    assert code == 1 and out == "" and words in err and f"log.csv:{line}:" in err


@pytest.mark.parametrize("homes, words, problem", [
    (HOMES.replace("B,north,50,", "B,north,,"), (), "homes.csv:3: found 'B' with the latitude ''; needed a number"),
    ("place,region,people\nA,north,9\n", (), "homes.csv:1: found no columns ['latitude', 'longitude']"),
    (HOMES, ("--aim", "cheapest", "--cost", "-1", "--number", "2"), "found a site that costs -1; needed 0 or more"),
    (HOMES, ("--aim", "cheapest", "--share", "1", "--budget", "1", "--number", "4", "--within", "1"), "budget binds"),
    (HOMES, ("--aim", "cheapest", "--share", "1", "--number", "1", "--within", "1"), "the number of sites binds"),
    (HOMES, ("--aim", "cheapest", "--budget", "-5", "--number", "2"), "budget"),
])  # fmt: skip
def test_sites_that_cannot_be_placed_are_refused_with_what_binds(homes, words, problem, tmp_path, capsys):
    path = tmp_path / "homes.csv"
    path.write_text(homes, encoding="utf-8")
    code, out, err = shown(capsys, "site", path, "--candidates", "4", *words)
    assert code == 1 and out == "" and problem in err

"""perforin ship, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perforin.command import app


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = app.execute(["ship", *map(str, words)])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def logger(tmp_path: Path) -> Path:
    path = tmp_path / "logger.csv"
    path.write_text("time [h],temperature [degC]\n0,-180\n1,-100\n2,-180\n")
    return path


def test_without_a_lane_it_lists_the_lanes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--json")
    assert code == 0
    assert {one["lane"] for one in json.loads(out)["lanes"]} >= {"road_regional", "national_air", "transatlantic"}
    assert "Air, transatlantic, two legs with customs" in run(capsys)[1]


def test_it_prints_transit_temperature_and_four_numbers_of_quality(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "transatlantic", "--product", "nk")
    assert code == 0
    for text in ("1000 shipments, NK cells in a bag", "Transit, days", "above the glass transition in transit",
                 "Viability at thaw", "Viability at 24 h", "Killing function", "Motile fraction"):  # fmt: skip
        assert text in out, text


@pytest.mark.parametrize("product, cell", [("nk", "NK"), ("nk_ipsc", "NK"), ("bcma_car_nk", "NK"), ("t", "T"),
                                               ("bcma_41bbz_autologous", "T"), ("autologous_viral", "T")])  # fmt: skip
def test_a_product_a_process_or_a_kind_of_cells_says_what_travels(
    product: str, cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "road_regional", "--product", product, "--shipments", 50, "--seed", 3, "--json")
    found = json.loads(out)
    assert (code, err, found["cell"], found["shipments"], found["seed"]) == (0, "", cell, 50, 3)
    for name in ("viability", "viability_24h", "killing_function", "motile_fraction"):
        assert 0 <= found[name]["low"] <= found[name]["median"] <= found[name]["high"] <= 1


def test_a_process_says_how_its_cells_are_prepared(capsys: pytest.CaptureFixture[str]) -> None:
    found, rested = (json.loads(run(capsys, "national_air", "--product", product, "--json")[1])
                     for product in ("nk_cord_blood", "nk[rested]"))  # fmt: skip
    assert found == rested and found["preparation"] == "rested"


def test_pretreated_cells_outlive_the_day_on_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    plain, treated = (
        json.loads(run(capsys, "national_air", "--product", product, "--json")[1])
        for product in ("nk", "nk[pretreated]")
    )
    assert plain["days"] == treated["days"]
    assert plain["viability"] == treated["viability"]
    assert treated["viability_24h"]["median"] > 3 * plain["viability_24h"]["median"]


def test_it_writes_a_page_that_needs_no_network(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, "transatlantic", "--product", "nk", "--shipments", 3000, "--out", tmp_path / "new")
    assert code == 0 and "Figures: " in out
    page = (tmp_path / "new" / "shipping.html").read_text()
    for text in ("glass transition", "After thaw", "shipment 1", "Viability at 24 h", "Berjis", "assumptions"):
        assert text in page, text
    assert "src=" not in page.partition("<script>")[0]


def test_a_logger_is_scored_with_its_excursions(
    capsys: pytest.CaptureFixture[str], logger: Path, tmp_path: Path
) -> None:
    code, out, _ = run(capsys, "--logger", logger, "--product", "t", "--out", tmp_path / "page")
    assert code == 0
    for text in ("3 readings", "T cells in a bag", "Hours above -123 °C", "Mean kinetic temperature", "Excursions"):
        assert text in out, text
    page = (tmp_path / "page" / "shipping.html").read_text()
    assert "Logger: logger.csv" in page and "perforin · recorded" in page
    found = json.loads(run(capsys, "--logger", logger, "--json")[1])
    assert found["crossings"] == len(found["excursions"]) == 1
    assert 0 < found["survival"] < 1
    assert found["hours_above"]["-123"] == pytest.approx(2 * 23 / 80)


@pytest.mark.parametrize("words, said", [
    (("transatlantc",), "did you mean 'transatlantic'"),
    (("transatlantic", "--product", "nk_ipcs"), "did you mean 'nk_ipsc'"),
    (("transatlantic", "--product", "nk[restd]"), "did you mean 'rested'"),
    (("transatlantic", "--product", "autologous_slow"), "does not say what cells it makes"),
    (("transatlantic", "--shipments", "0"), "found --shipments 0"),
    (("transatlantic", "--logger", "x.csv"), "needed one of them"),
    (("--logger", "nowhere.csv"), "nowhere.csv"),
    (("nowhere.yaml",), "found no lane"),
])  # fmt: skip
def test_bad_input_is_said_in_a_sentence(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (1, "")
    assert said in err

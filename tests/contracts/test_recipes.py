"""CONTRIBUTING.md keeps its word: each recipe is followed to the letter in a copy of the package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from source_tree import PACKAGE, ROOT, read

STEP = re.compile(r"^Write `([^`]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROBE = Path(__file__).with_name("recipe_probe.py")


def steps() -> list[tuple[str, str]]:
    return STEP.findall(read(ROOT / "CONTRIBUTING.md"))


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh process finds in a copy of the package to which every recipe was applied."""
    copy = tmp_path_factory.mktemp("recipes")
    shutil.copytree(PACKAGE, copy / "src" / "perforin", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "scenarios", copy / "scenarios")
    for place, text in steps():
        target = copy / place
        assert not target.exists(), f"{place} exists already"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(copy / "src")}
    run = subprocess.run(
        [sys.executable, str(PROBE)], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    out: dict[str, Any] = json.loads(run.stdout)
    assert out["home"] == str(copy / "src" / "perforin"), "the probe saw another copy"
    return out


def test_each_thing_is_added_in_one_place() -> None:
    text = read(ROOT / "CONTRIBUTING.md")
    places: dict[str, list[str]] = {}
    for section in text.split("\n## ")[1:]:
        places[section.splitlines()[0]] = [place for place, _ in STEP.findall(section)]
    assert all(places.values()), "a recipe without a step"
    for thing, files in places.items():
        assert len({str(Path(file).with_suffix("")) for file in files}) == 1, thing


def test_a_mechanism_is_found_with_its_units_and_its_rows(found: dict[str, Any]) -> None:
    assert found["mechanism"]["parameters"] == {"digestion": "1/day", "half": "cell", "repair": "1/day"}
    assert found["mechanism"]["rows"] == ["digestion", "half", "repair"]


def test_a_payload_brings_its_mechanism_to_the_product_that_carries_it(found: dict[str, Any]) -> None:
    assert "error" not in found["product"], found["product"]["error"]
    assert found["product"]["label"] == "CAR-NK CD19 with an enzyme, cord blood"
    assert found["product"]["new states"] == ["product.matrix"]
    assert found["product"]["digestion"] == pytest.approx(0.3)
    assert [name.rpartition(".")[2] for name in found["product"]["new flows"]] == ["digestion", "repair"]


def test_an_antigen_gives_its_densities_to_the_construct_that_binds_it(found: dict[str, Any]) -> None:
    assert "error" not in found["antigen"], found["antigen"]["error"]
    densities = {name: value for name, value in found["antigen"]["densities"].items() if name.startswith("CD22[")}
    assert {500.0, 2000.0, 6000.0} <= set(densities.values())
    assert found["antigen"]["same states"]


def test_a_disease_changes_numbers_and_no_equation(found: dict[str, Any]) -> None:
    assert "error" not in found["disease"], found["disease"]["error"]
    assert found["disease"] == {"attrition": 0.01, "same equations": True, "criteria": "lugano"}


def test_a_trial_is_scored_by_the_same_endpoints(found: dict[str, Any]) -> None:
    assert found["trial"] == {"CRS_any": [0.05, 20], "ORR_best": [0.55, 20]}


def test_an_endpoint_is_in_the_catalogue_and_scores_records(found: dict[str, Any]) -> None:
    meaning = "Geometric mean of the highest recorded il6."
    assert found["endpoint"] == {"meaning": meaning, "value": 100.0, "absent": True}

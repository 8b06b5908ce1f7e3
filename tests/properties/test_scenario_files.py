"""Whatever stands at a key of a scenario or a noun, reading it gives a scenario or a message, never another error."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perforin.errors import UserError
from perforin.library import build_model
from perforin.scenario import read_scenario
from perforin.yaml_reader import read_text
from toy_library import NOUNS, ToyLibrary, write_library

SCENARIO = """
title: Quick against slow
question: {question_of_interest: Which one}
disease: {use: lymphoma, parameters: {burden: 1e9 cell}}
patients:
  n: 20
  covariates:
    age: {distribution: normal, mean: 60 year, sd: 12 year}
    level: {distribution: categorical, levels: {a: 0.5, b: 0.5}, multiplies: {lysis.kills: {a: 1, b: 2}}}
  correlations: [[age, weight, 0.3]]
horizon: 365
visits: [30, 90]
arms:
  quick:
    products: {one: quick19}
    schedule: [{product: one, day: 0, dose: 8e8 cell, cap: 9e8 cell}]
    lymphodepletion: [{drug: poison, dose: 30 mg/m^2, days: [-5, -4]}]
    drugs: [{drug: poison, dose: 30 mg/m^2, every: 30, until: 60}]
    rescue: [{drug: poison, dose: 1 mg/m^2, when: CRS >= 2}]
    parameters: {lysis.kills: {value: 3, unit: 1/day}}
  slow: {product: slow19, lymphodepletion: clearing}
reference: slow
endpoints: [ORR_d30]
criteria: lugano
report: {embed_data: false}
"""
STRANGE: list[Any] = [
    None,
    True,
    -1,
    0,
    1e300,
    "",
    "x",
    "1 furlong",
    "nan",
    [],
    [[]],
    {},
    {"x": 1},
    {"": None},
    [1, "a"],
]


def paths(data: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if above:
        yield above
    for key, value in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from paths(value, (*above, key))


def replaced(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    out = copy.deepcopy(data)
    holder = out
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return out


def accepted(file: Path, library: ToyLibrary) -> bool:
    """Whether it is read; a message is the only other way out."""
    try:
        read_scenario(file, library)
    except UserError as problem:
        assert str(problem).strip()
        return False
    return True


def test_a_strange_value_anywhere_in_a_scenario_is_read_or_refused(tmp_path: Path) -> None:
    library, data = write_library(tmp_path / "nouns"), read_text(SCENARIO).data
    file = tmp_path / "mine.yaml"
    found = []
    for i, path in enumerate(paths(data)):
        for value in STRANGE[i % 4 :: 4]:
            file.write_text(json.dumps(replaced(data, path, value)))
            found.append(accepted(file, library))
    assert len(found) > 200
    assert 0.7 < found.count(False) / len(found) < 1, "most strange values are refused"


@pytest.mark.parametrize(
    "name", [name for name in NOUNS if not name.startswith(("drugs", "regimens", "processes", "edits"))]
)
def test_a_strange_value_anywhere_in_a_noun_is_read_or_refused(tmp_path: Path, name: str) -> None:
    data = read_text(NOUNS[name]).data
    folder = tmp_path / "nouns"
    library = write_library(folder)
    product = "quick19" if "quick" in name else "slow19"
    for i, path in enumerate(paths(data)):
        for value in STRANGE[i % 5 :: 5]:
            (folder / f"{name}.yaml").write_text(json.dumps(replaced(data, path, value)))
            try:
                build_model("lymphoma", {"a": library.product(product)}, library=library)
            except UserError as problem:
                assert str(problem).strip()

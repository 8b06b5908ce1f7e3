from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from perforin.errors import UserError
from perforin.making.process import read_process

READ = {"kind": "measured", "status": "read", "source": "Someone2020"}
OWN_CELLS: dict[str, Any] = {
    "label": "Own cells",
    "starting_material": "patient",
    "waiting": {
        "kind": "lognormal",
        "median": {"value": 24, "unit": "day", "low": 17, "high": 29, **READ},
        "sigma": {"value": 0.25, "unit": "", **READ},
    },
    "failure": {"probability": {"value": 0.04, "unit": "", **READ}},
    "remake": {
        "probability_of_success": {"value": 0.5, "unit": "", **READ},
        "delay": {"value": 3, "unit": "week", **READ},
    },
    "cost_of_goods": {"value": 95780, "unit": "USD", **READ},
    "list_price": {"value": 399000, "unit": "USD", **READ},
    "thaw": {"viability": {"value": 0.85, "unit": "", "low": 0.7, "high": 0.95, "cv": 0.1, **READ}},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(OWN_CELLS)
    *parents, last = path.split(".")
    place = copied
    for parent in parents:
        place = place[parent]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return copied


def test_every_number_keeps_its_source_and_is_converted() -> None:
    process = read_process("own_cells", OWN_CELLS)
    assert process.remake is not None
    assert (process.remake.delay.value, process.remake.delay.unit) == (21, "day")
    assert len(process.rows) == 8 and {row.source for row in process.rows} == {"Someone2020"}
    assert process.rows[0].parameter == "own_cells.waiting.median"


@pytest.mark.parametrize(
    "path, value, message",
    [
        ("starting_material", "patients", "did you mean 'patient'"),
        ("waiting.kind", "log-normal", "did you mean 'lognormal'"),
        ("waiting.median.unit", "cell", "needed"),
        ("waiting.median.value", "soon", "needed numbers"),
        ("waiting.median.value", 40, "low <= value <= high"),
        ("waiting.median.source", "", "no source for a measured number"),
        ("failure.probability.value", 1.4, "needed a number from 0 to 1"),
        ("failure", None, "found no 'failure'"),
        ("remake.delay", None, "found no 'delay'"),
        ("waitng", {}, "did you mean 'waiting'"),
        ("thaw.viability.vaule", 1, "did you mean 'value'"),
        ("waiting.shift", {"value": 10, "unit": "day", **READ}, "needed a shifted_gamma"),
    ],
)
def test_a_bad_process_is_refused_and_the_file_named(path: str, value: Any, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_process("own_cells", changed(path, value), "processes/own_cells.yaml")
    assert message in str(caught.value)


def test_a_shifted_gamma_keeps_its_median_and_its_minimum() -> None:
    number = {"unit": "day", **READ}
    waiting = {
        "kind": "shifted_gamma",
        "median": {"value": 24, **number},
        "shift": {"value": 14, **number},
        "sigma": {"value": 0.6, "unit": "", **READ},
    }
    score = np.random.default_rng(1).standard_normal(100_000)
    days = read_process("own_cells", changed("waiting", waiting)).waiting.quantile(score)
    assert np.median(days) == pytest.approx(24, rel=0.01)
    assert days.min() > 14
    assert (days - 14).std() / (days - 14).mean() == pytest.approx(0.6, rel=0.02)
    assert (np.diff(days[np.argsort(score)]) >= 0).all()


def test_a_constant_wait_is_the_same_for_everybody() -> None:
    waiting = {"kind": "constant", "median": {"value": 7, "unit": "day", **READ}}
    days = read_process("bank", changed("waiting", waiting)).waiting.quantile(np.array([-2.0, 0.0, 2.0]))
    assert days.tolist() == [7, 7, 7]

"""A network is data: it can be written, read, hashed and started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perforin.model.compose import compose
from perforin.model.functions import Larger, Power, Step, hill, maximum, where
from perforin.model.mechanism import Flow, mechanism, symbol
from perforin.model.network import Entry, EventRow, FlowRow, Network, RunningRow, Slot, State, absolute_tolerance
from perforin.units import Cells, PerDay, Ratio
from toy_model import STATES, hunting, placements, toy


@mechanism()
def everything(prey: Cells, *, rate: PerDay, half: Cells, steepness: Ratio):
    """Every function of the grammar."""
    ratio = maximum(prey / half, steepness)
    yield Flow("a", rate * prey * hill(prey, half, steepness) * ratio, source=prey)
    yield Flow("b", where(prey > half, rate * prey, rate * half), source=prey)


def whole() -> Network:
    return compose(
        [*placements(), *everything.on()],
        STATES,
        entries=[Entry("graft", "cell", "hunter", 1.0, 0.0, ("viability",))],
        constants=[Slot("viability", "", "", "viability")],
        observables=[("seen", "prey", "cell")],
        clones=[("prey", "positive")],
    )


def test_writing_and_reading_gives_the_same_network() -> None:
    text = json.dumps(whole().to_dict())
    again = Network.from_dict(json.loads(text))
    assert again == whole()
    assert again.hash == whole().hash
    assert hash(again) == hash(whole())
    rates = [flow.rate for flow in again.flows]
    assert any(rate.has(Larger) for rate in rates)
    assert any(rate.has(Power) for rate in rates)
    assert again.slopes()[1].diff("prey") is not None
    assert rates[0].diff(next(iter(rates[0].free_symbols))).has(Step) or len(rates) > 1


def fusing() -> Network:
    """Two cells fuse; a start that is an expression; an event that reads what a course has shown."""
    a, b, k, peak, time = (symbol(name) for name in ("a", "b", "k", "peak", "time"))
    return Network(
        states=(State("a", "cell", Power(k, 2) + 3), State("b", "cell", (2.0, "k"))),
        levels=(),
        flows=(FlowRow("fuse", k * a**2, change=(("a", -2.0), ("b", 1.0))), FlowRow("leave", k * b, "b", None)),
        parameters=(Slot("k", "1/d", "", "k"),),
        events=(EventRow("refill", (peak > 4) & (time > 1), (("a", a + 5), ("b", 0 * b)), most=2),),
        running=(RunningRow("peak", "peak", a + b, 0.0),),
    )


def test_flows_of_any_shape_events_and_starts_survive_writing_and_reading() -> None:
    again = Network.from_dict(json.loads(json.dumps(fusing().to_dict())))
    assert again == fusing()
    assert again.hash == fusing().hash
    assert again.events[0].most == 2
    assert again.running[0].end == np.inf


def test_a_flow_says_what_one_event_changes() -> None:
    fuse, leave = fusing().flows
    assert fuse.changes == (("a", -2.0), ("b", 1.0))
    assert leave.changes == (("b", -1.0),)
    a, b, k = symbol("a"), symbol("b"), symbol("k")
    assert fusing().slopes() == (-2 * k * a**2, k * a**2 - k * b)


def test_a_start_may_be_an_expression_of_parameters() -> None:
    assert fusing().start(np.array([[2.0], [3.0]])).tolist() == [[7.0, 4.0], [12.0, 6.0]]


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_hash_is_the_same_in_another_process(seed: str) -> None:
    script = "from toy_model import toy; print(toy().hash)"
    tests = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": tests}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == toy().hash


def test_the_start_is_a_product_of_numbers_and_parameters() -> None:
    states = [State("prey", "cell", (2.0, "hunting.half")), State("hunter", "cell", (3.0,))]
    network = compose(hunting.on(), states)
    assert network.parameter_names == ("hunting.catches", "hunting.half")
    assert network.start(np.array([[1.0, 10.0], [1.0, 20.0]])).tolist() == [[3.0, 20.0], [3.0, 40.0]]


def test_a_dose_multiplies_its_factors() -> None:
    network = whole()
    values = np.ones((2, len(network.parameters)))
    values[:, network.parameter_names.index("viability")] = [0.5, 0.8]
    assert network.product(network.entries[0].factors, values).tolist() == [0.5, 0.8]


def test_names_come_in_the_order_of_the_columns() -> None:
    network = whole()
    assert network.state_names == ("hunter", "prey", "signal")
    assert list(network.parameter_names) == sorted(network.parameter_names)
    assert network.flow_names == tuple(flow.name for flow in network.flows)
    assert set(network.symbols()) == {*network.state_names, *network.level_names, *network.parameter_names}


def test_the_absolute_tolerance_follows_the_unit() -> None:
    assert absolute_tolerance("cell") == pytest.approx(1e-2)
    assert absolute_tolerance("cell/uL") == pytest.approx(1e-5)
    assert whole().absolute_tolerances.tolist() == [1e-2, 1e-6, 1e-8]  # the clone in the middle
    assert replace(whole(), clones=()).absolute_tolerances.tolist() == [1e-2, 1e-2, 1e-8]


def test_a_state_may_name_its_own_tolerance_and_keeps_it():
    own = whole().states[0]._replace(tolerance=1e-20)
    found = replace(whole(), states=(own, *whole().states[1:]))
    assert found.absolute_tolerances[0] == 1e-20
    again = Network.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    assert again.hash != whole().hash

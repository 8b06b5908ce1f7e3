"""What holds for every network: order does not matter, writing loses nothing, internal flows conserve."""

from __future__ import annotations

import json
from itertools import pairwise
from random import Random

import numpy as np
import sympy
from hypothesis import given, settings
from hypothesis import strategies as any_of

from perforin.model.compose import compose
from perforin.model.mechanism import Placement
from perforin.model.network import Network, State
from toy_model import growth, passage

NAMES = list("abcdef")
EDGES = any_of.lists(
    any_of.tuples(any_of.sampled_from(NAMES), any_of.sampled_from(NAMES)).filter(lambda edge: edge[0] != edge[1]),
    min_size=1,
    max_size=8,
    unique=True,
)


def linear(edges: list[tuple[str, str]], seed: int = 0) -> Network:
    """Passages along the edges, everything given in a random order."""
    ends = [({"origin": a, "goal": b, "share": f"[{a},{b}]"}, f"passage[{a},{b}]") for a, b in edges]
    placed = [Placement(passage, wiring, label) for wiring, label in ends]
    states = [State(name, "cell", (float(i),)) for i, name in enumerate(NAMES)]
    Random(seed).shuffle(placed)
    Random(seed + 1).shuffle(states)
    return compose(placed, states)


@settings(max_examples=30, deadline=None)
@given(EDGES, any_of.integers(1, 1000))
def test_composing_in_any_order_gives_the_same_network(edges: list[tuple[str, str]], seed: int) -> None:
    assert linear(edges).hash == linear(edges, seed).hash


@settings(max_examples=30, deadline=None)
@given(EDGES)
def test_internal_flows_conserve_the_total(edges: list[tuple[str, str]]) -> None:
    assert sympy.expand(sum(linear(edges).slopes())) == 0


@settings(max_examples=30, deadline=None)
@given(EDGES)
def test_writing_and_reading_loses_nothing(edges: list[tuple[str, str]]) -> None:
    network = linear(edges)
    assert Network.from_dict(json.loads(json.dumps(network.to_dict()))) == network


@settings(max_examples=30, deadline=None)
@given(EDGES, any_of.integers(0, 7))
def test_another_edge_gives_another_hash(edges: list[tuple[str, str]], drop: int) -> None:
    fewer = edges[: drop % len(edges)] + edges[drop % len(edges) + 1 :]
    assert linear(fewer).hash != linear(edges).hash


@settings(max_examples=30, deadline=None)
@given(EDGES, any_of.lists(any_of.floats(0.0, 10.0), min_size=8, max_size=8), any_of.floats(0.1, 50.0))
def test_a_flow_out_of_an_empty_state_is_nothing(edges: list, shares: list[float], amount: float) -> None:
    network = linear(edges)
    values = dict(zip(network.parameter_names, shares, strict=False))
    for flow in network.flows:
        numbers = {network.symbols()[name]: value for name, value in values.items()}
        numbers |= {network.symbols()[name]: 0.0 if name == flow.source else amount for name in network.state_names}
        assert flow.rate.subs(numbers) == 0


def test_a_chain_with_growth_at_its_head_gains_only_what_is_born() -> None:
    chain = [Placement(passage, {"origin": a, "goal": b}, f"passage[{a},{b}]") for a, b in pairwise(NAMES)]
    states = [State(name, "cell", (1.0,)) for name in NAMES]
    network = compose([*chain, *growth.on(prey="a")], states)
    births = next(flow.rate for flow in network.flows if flow.name == "growth.births")
    assert sympy.expand(sum(network.slopes()) - births) == 0
    assert np.array_equal(network.start(np.ones((2, 3))), np.ones((2, len(NAMES))))

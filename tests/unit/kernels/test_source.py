"""The Jacobian, the fixed-pattern factors and the sharing of common parts."""

from __future__ import annotations

import numpy as np
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel_networks import immune_population, network
from perforin.kernels.interpret import Interpreted
from perforin.kernels.lu import fill
from perforin.kernels.nodes import Graph, Reader
from perforin.kernels.sharing import share
from perforin.kernels.source import generate
from perforin.model.mechanism import symbol


def _states(net, parameters, start, count):
    random = np.random.default_rng(5)
    scale = np.maximum(start[0], [1e8 if s.unit == "cell" else 1.0 for s in net.states])
    return scale * np.exp(random.standard_normal((count, len(scale))))


def test_slopes_equal_the_interpreter_at_random_states(compiled):
    net, parameters, start, _ = immune_population(8)
    kernel, oracle = compiled(net, net.state_names), Interpreted(net, net.state_names)
    for state, row in zip(_states(net, parameters, start, 8), parameters, strict=True):
        expected = oracle.slopes(state, row)
        found, _ = kernel.linearise(state, row)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max() * 1e-3)


def test_the_jacobian_equals_central_differences(compiled):
    net, parameters, start, _ = immune_population(5)
    kernel, oracle = compiled(net, net.state_names), Interpreted(net, net.state_names)
    for state, row in zip(_states(net, parameters, start, 5), parameters, strict=True):
        _, found = kernel.linearise(state, row)
        assert np.count_nonzero(found) > 60
        for j in range(len(state)):
            step = np.zeros(len(state))
            step[j] = 1e-5 * state[j]
            pair = (oracle.slopes(state + step, row) - oracle.slopes(state - step, row)) / (2 * step[j])
            rounding = 1e-14 * np.abs(oracle.slopes(state, row)) / step[j] * 10
            np.testing.assert_allclose(found[:, j], pair, rtol=2e-6, atol=(1e-8 * np.abs(pair).max() + rounding).max())


def test_factors_never_need_more_room_than_the_filled_matrix():
    arrow = {(0, k) for k in range(6)} | {(k, 0) for k in range(6)} | {(k, k) for k in range(6)}
    assert len(fill(arrow, 6).filled) == len(arrow), "the hub must be eliminated last"
    assert fill(arrow, 6).order[-2:].count(0) == 1


def test_common_parts_are_computed_once():
    x, y, z, k = (symbol(n) for n in "xyzk")
    graph = Graph()
    names = {n: graph.node("state", i) for i, n in enumerate("xyz")} | {"k": graph.node("parameter", 0)}
    reader = Reader(graph, names)
    targets = [reader.read(e) for e in (x * y * z, 2 * x * z * k, (x + y) / (x + y + z), sympy.exp(x + y))]
    products = lambda nodes: sum(graph.operations[n][0] == "product" for n in graph.needed(nodes))  # noqa: E731
    assert products(share(graph, targets)) < products(targets)


def test_parameter_only_terms_leave_the_slopes():
    net = network({"x": ""}, [("loss", sympy.exp(symbol("a") ** 2.5) * symbol("x") / symbol("b"), "x", None)])
    text = generate(net, ["x"], 1).text
    body = text.split("void slope(")[1].split("\n}")[0]
    assert "vexp" not in body and "/" not in body, body


def test_the_text_does_not_depend_on_the_hash_seed(tmp_path):
    """Sets are walked in a fixed order, so two processes write one file."""
    import os
    import subprocess
    import sys

    script = (
        "import sys, hashlib; sys.path.insert(0, 'tests'); from kernel_networks import immune;"
        "from perforin.kernels.source import generate; net = immune();"
        "print(hashlib.sha256(generate(net, net.state_names, 4).text.encode()).hexdigest())"
    )
    found = {
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True,
                       env=os.environ | {"PYTHONHASHSEED": seed}).stdout for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


numbers = st.floats(0.1, 3.0)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from("xyzk"), numbers), min_size=2, max_size=8),
    numbers,
    numbers,
    numbers,
)
def test_sharing_never_changes_a_value(parts, x, y, z):
    s = {n: symbol(n) for n in "xyzk"}
    products = [sympy.Mul(*(s[a], s[b], s[b], c)) for a, b, c in parts]
    expressions = [*products, sum(products), sum(products[1:]) / (1 + products[0]), products[0] * sum(products)]
    graph = Graph()
    names = {n: graph.node("state", i) for i, n in enumerate("xyz")} | {"k": graph.node("parameter", 0)}
    reader = Reader(graph, names)
    shared = share(graph, [reader.read(e) for e in expressions])
    value = dict(zip("xyzk", (x, y, z, 1.7), strict=True))
    for node, expression in zip(shared, expressions, strict=True):
        expected = float(expression.subs({s[n]: v for n, v in value.items()}))
        np.testing.assert_allclose(_evaluate(graph, node, value), expected, rtol=1e-12)


def _evaluate(graph, node, value):
    name, *rest = graph.operations[node]
    if name == "number":
        return rest[0]
    if name == "state":
        return value["xyz"[rest[0]]]
    if name == "parameter":
        return value["k"]
    if name == "sum":
        return rest[0] + sum(factor * _evaluate(graph, k, value) for factor, k in rest[1:])
    a = [_evaluate(graph, k, value) for k in rest]
    return a[0] * a[1] if name == "product" else 1 / a[0]

"""Kernels against solutions known on paper, and against the interpreter."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.linalg import expm

from kernel_networks import dose_table, immune_population, network
from oracle import compare_with_oracle
from perforin.kernels.build import no_doses
from perforin.kernels.interpret import Interpreted
from perforin.model.functions import Larger, Power, Step
from perforin.model.mechanism import symbol

BACKENDS = ("compiled", "interpreted")


@pytest.fixture(params=BACKENDS)
def kernel(request, compiled):
    if request.param == "compiled":
        return compiled
    return lambda net, outputs=None: Interpreted(net, outputs or (*net.state_names, *net.level_names))


def test_exponential_decay_is_exact_to_the_tolerance(kernel):
    x, rate = symbol("x"), symbol("rate")
    net = network({"x": "cell"}, [("loss", rate * x, "x", None)])
    rates = np.array([[0.1], [1.0], [5.0]])
    days = np.array([0.0, 0.5, 1.0, 4.0])
    found = kernel(net, ["x"]).run(rates, np.full((3, 1), 1e9), no_doses(3), days, rtol=1e-9).values[:, :, 0]
    np.testing.assert_allclose(found, 1e9 * np.exp(-rates * days), rtol=1e-7)


def test_logistic_growth_follows_its_closed_form(kernel):
    x, rate, most = symbol("x"), symbol("rate"), symbol("most")
    net = network({"x": "cell"}, [("gain", rate * x * (1 - x / most), None, "x")])
    days = np.linspace(0, 40, 9)
    parameters = np.array([[1e12, 0.5]])  # most, rate
    found = kernel(net, ["x"]).run(parameters, np.array([[1e6]]), no_doses(1), days, rtol=1e-9).values[0, :, 0]
    np.testing.assert_allclose(found, 1e12 / (1 + (1e12 / 1e6 - 1) * np.exp(-0.5 * days)), rtol=1e-6)


def test_a_linear_chain_with_doses_equals_the_matrix_exponential(kernel):
    a, b, c, k, m = (symbol(n) for n in "abckm")
    net = network({"a": "cell", "b": "cell", "c": "cell"},
                  [("ab", k * a, "a", "b"), ("bc", m * b, "b", "c"), ("out", k * c, "c", None)])  # fmt: skip
    doses = dose_table(net, [(2.0, "a", 1, 5e6), (2.0, "b", 0.5, 0), (3.5, "a", 0, 1e7), (9, "a", 1, 1)], 1)
    matrix = np.array([[-0.7, 0, 0], [0.7, -3.0, 0], [0, 3.0, -0.7]])
    state = np.array([1e6, 0, 0])
    at_two = (expm(matrix * 2) @ state) * [1, 0.5, 1] + [5e6, 0, 0]
    at_later = (expm(matrix * 1.5) @ at_two) * [0, 1, 1] + [1e7, 0, 0]
    found = kernel(net, ["a", "b", "c"]).run(
        np.array([[0.7, 3.0]]), state[None], doses, [1.0, 2.0, 3.5, 6.0], rtol=1e-9
    ).values[0]  # fmt: skip
    expected = [expm(matrix) @ state, at_two, at_later, expm(matrix * 2.5) @ at_later]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_day_of_doses_reports_the_value_after_all_of_them(kernel):
    x = symbol("x")
    net = network({"x": "cell"}, [("loss", symbol("rate") * x, "x", None)])
    doses = dose_table(net, [(3.0, "x", 1, 10.0), (3.0, "x", 2.0, 0.0), (0.0, "x", 0, 7.0)], 1)
    found = kernel(net, ["x"]).run(np.zeros((1, 1)), np.array([[1.0]]), doses, [0.0, 2.0, 3.0, 4.0]).values[0, :, 0]
    np.testing.assert_allclose(found, [7.0, 7.0, 34.0, 34.0])


def test_patients_may_begin_and_be_dosed_on_their_own_days(kernel):
    x = symbol("x")
    net = network({"x": "cell"}, [("loss", symbol("rate") * x, "x", None)])
    doses = dose_table(net, [(0.0, "x", 1, 1e6), (5.0, "x", 1, 2e6)], 3)
    doses.when[:] = [[-3.0, 1.0], [4.0, 2.0], [np.inf, 6.0]]
    begin = np.array([-3.0, 0.0, 5.5])
    found = kernel(net, ["x"]).run(np.full((3, 1), 0.3), np.zeros((3, 1)), doses, [0, 3.0, 7.0], begin=begin, rtol=1e-9)
    decay = lambda t: np.exp(-0.3 * t)  # noqa: E731
    expected = [[1e6 * decay(3), 1e6 * decay(6) + 2e6 * decay(2), 1e6 * decay(10) + 2e6 * decay(6)],
                [0.0, 2e6 * decay(1), 2e6 * decay(5) + 1e6 * decay(3)],
                [np.nan, np.nan, 2e6 * decay(1)]]  # fmt: skip
    np.testing.assert_allclose(found.values[:, :, 0], expected, rtol=1e-6)
    assert (found.status == 0).all()


def test_levels_and_flows_are_reported_from_the_same_state(kernel):
    x, y, rate = symbol("x"), symbol("y"), symbol("rate")
    net = network({"x": "cell"}, [("loss", rate * y, "x", None), ("gain", y * x, None, "x")], {"y": x**2 / (1 + x)})
    found = kernel(net, ["gain", "x", "y", "loss"]).run(np.array([[0.9]]), np.ones((1, 1)), no_doses(1), [0, 1.3, 2])
    gain, state, level, loss = found.values[0].T
    np.testing.assert_allclose(level, state**2 / (1 + state), rtol=1e-12)
    np.testing.assert_allclose(loss, 0.9 * level, rtol=1e-12)
    np.testing.assert_allclose(gain, level * state, rtol=1e-12)


def test_a_flow_may_have_the_name_of_its_parameter(kernel):
    net = network({"x": "cell"}, [("supply", symbol("supply") * 2, None, "x")])
    found = kernel(net, ["supply", "x"]).run(np.array([[3.0]]), np.zeros((1, 1)), no_doses(1), [2.0])
    np.testing.assert_allclose(found.values[0, 0], [6.0, 12.0])


FUNCTIONS = {
    "exp": (sympy.exp, np.exp, (-720.0, 5.0)),
    "log": (sympy.log, np.log, (1e-200, 1e9)),
    "sqrt": (sympy.sqrt, np.sqrt, (0.0, 1e9)),
    "cube root": (lambda x: Power(x, sympy.Rational(1, 3)), np.cbrt, (1e-12, 1e9)),
    "power of a symbol": (lambda x: Power(x, symbol("n")), lambda x: x**2.5, (1e-12, 1e4)),
    "high whole power": (lambda x: x**12, lambda x: x**12, (-3.0, 3.0)),
    "inverse cube": (lambda x: (x + 9) ** -3, lambda x: (x + 9) ** -3.0, (1e-3, 1e3)),
    "larger": (lambda x: Larger(x, 2), lambda x: np.maximum(x, 2), (-5.0, 5.0)),
    "step": (Step, lambda x: np.where(x > 0, 1.0, 0.0), (-2.0, 2.0)),
    "choice": (
        lambda x: sympy.Piecewise(
            (x**2, x < 1), (-x, sympy.And(x >= 2, x <= 3)), (7, sympy.Or(x > 4, sympy.Ne(x, 1))), (1, True)
        ),
        lambda x: np.where(x < 1, x**2, np.where((x >= 2) & (x <= 3), -x, np.where(x != 1, 7.0, 1.0))),
        (0.0, 5.0),
    ),
}


@pytest.fixture(scope="module")
def function_network():
    x = symbol("x")
    levels = {name: make(x * 1) for name, (make, _, _) in FUNCTIONS.items()}
    return network({"x": ""}, [("still", 0 * x + symbol("n") * 0 + symbol("zero"), None, "x")], levels)


def test_every_function_equals_numpy_to_the_last_digits(function_network, kernel):
    for name, (_, exact, (low, high)) in FUNCTIONS.items():
        x = np.unique(np.concatenate([np.linspace(low, high, 41), [v for v in (1.0, 2.0, 3.0) if low <= v <= high]]))
        parameters = np.tile([2.5, 0.0], (len(x), 1))
        run = kernel(function_network, tuple(FUNCTIONS)).run
        found = run(parameters, x[:, None], no_doses(len(x)), [0.0]).values[:, 0, list(FUNCTIONS).index(name)]
        tolerance = 1e-12 if "power" in name else 4e-15
        np.testing.assert_allclose(found, exact(x), rtol=tolerance, atol=1e-300, err_msg=name)


def test_infinite_slopes_of_the_branch_not_taken_do_no_harm(compiled):
    x, tiny = symbol("x"), symbol("tiny")
    test = sympy.Piecewise((sympy.log(x / tiny), x > tiny), (0, True)) + Larger(sympy.sqrt(x), tiny * 0)
    net = network({"x": ""}, [("gain", test + 1, None, "x")])
    found = compiled(net, ["x"]).run(np.array([[0.5]]), np.zeros((1, 1)), no_doses(1), [0.2])
    assert found.status[0] == 0
    assert np.isfinite(found.values).all()


@pytest.fixture(scope="module")
def reference():
    net, parameters, start, doses = immune_population(3)
    return net, parameters, start, doses, np.arange(0.0, 31.0, 2.5)


def test_a_stiff_patient_agrees_with_the_interpreter_state_by_state(reference, cache):
    net, parameters, start, doses, days = reference
    found = compare_with_oracle(net, parameters, start, doses, days, begin=-6.0, rtol=1e-8, cache=cache)
    assert (found.status == 0).all()
    assert found.worst[1] < 1e-6, found.errors


@pytest.mark.slow
@pytest.mark.parametrize("rtol, allowed", [(1e-4, 4e-3), (1e-5, 4e-4), (1e-6, 4e-5), (1e-9, 1e-7)])
def test_the_error_follows_the_tolerance(rtol, allowed, cache):
    # Injury begins at a threshold, where slopes have a kink: its error falls, but not evenly.
    net, parameters, start, doses = immune_population(6)
    days = np.arange(0.0, 121.0, 5.0)
    found = compare_with_oracle(net, parameters, start, doses, days, begin=-6.0, rtol=rtol, cache=cache)
    assert found.worst[1] < allowed, found.errors


def test_the_method_has_order_five_and_its_dense_output_order_four(compiled):
    """Halving a fixed tolerance ladder: error against work on a smooth nonlinear problem."""
    x, y, one = symbol("x"), symbol("y"), symbol("one")
    net = network({"x": "", "y": ""}, [("gain", one * y, None, "x"), ("loss", one * x, "y", None)])
    kernel = compiled(net, ["x"])
    inside = np.sort(np.random.default_rng(3).uniform(0, 10, 200))
    work, error = [], []
    for rtol in (1e-6, 1e-8, 1e-10):
        found = kernel.run(np.ones((1, 1)), np.array([[0.0, 1.0]]), no_doses(1), inside, rtol=rtol)
        work.append(found.steps[0])
        error.append(np.abs(found.values[0, :, 0] - np.sin(inside)).max())
    order = -np.diff(np.log(error)) / np.diff(np.log(work))
    assert (order > 4.0).all(), (order, work, error)

"""Whatever the company, order or threads, a patient's numbers are the same bytes; failures are named, never zero."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from kernel_networks import dose_table, immune_population, network
from perforin.errors import UserError
from perforin.kernels.build import Doses, no_doses
from perforin.kernels.compile import find_compiler
from perforin.kernels.compiled import Compiled
from perforin.kernels.interpret import Interpreted
from perforin.model.mechanism import symbol

DAYS = np.array([-6.0, -4.0, 0.0, 1.0, 7.0, 28.0, 90.5])
OUTPUTS = ("burden", "effector", "il6", "killing_high")


def _subset(doses, who):
    return Doses(doses.when[who], doses.state, doses.keep, doses.add[who])


@pytest.fixture(scope="module")
def population():
    return immune_population(37, seed=4)


@pytest.fixture
def kernel(compiled, population):
    return compiled(population[0], OUTPUTS)


@pytest.fixture
def alone(kernel, population):
    _, parameters, start, doses = population
    return kernel.run(parameters, start, doses, DAYS, begin=-6.0)


def test_two_threads_give_the_same_bytes(kernel, population, alone):
    _, parameters, start, doses = population
    found = kernel.run(parameters, start, doses, DAYS, begin=-6.0, threads=2)
    assert found.values.tobytes() == alone.values.tobytes()
    assert found.steps.tobytes() == alone.steps.tobytes()


def test_a_permuted_cohort_gives_the_same_bytes(kernel, population, alone):
    _, parameters, start, doses = population
    order = np.random.default_rng(1).permutation(len(start))
    found = kernel.run(parameters[order], start[order], _subset(doses, order), DAYS, begin=-6.0)
    assert found.values.tobytes() == alone.values[order].tobytes()


@pytest.mark.parametrize("who", [[5], [0, 36], list(range(3, 20))])
def test_a_subset_gives_the_same_bytes(kernel, population, alone, who):
    _, parameters, start, doses = population
    found = kernel.run(parameters[who], start[who], _subset(doses, who), DAYS, begin=-6.0)
    assert found.values.tobytes() == alone.values[who].tobytes()


def test_chunks_do_not_show(kernel, population, alone, monkeypatch):
    from perforin.kernels import compiled as module

    monkeypatch.setattr(module, "CHUNK", 5)
    _, parameters, start, doses = population
    assert kernel.run(parameters, start, doses, DAYS, begin=-6.0).values.tobytes() == alone.values.tobytes()


def test_the_order_of_dose_columns_does_not_matter(kernel, population, alone):
    _, parameters, start, doses = population
    back = slice(None, None, -1)
    turned = Doses(doses.when[:, back], doses.state[back], doses.keep[back], doses.add[:, back])
    found = kernel.run(parameters, start, turned, DAYS, begin=-6.0)
    assert found.values.tobytes() == alone.values.tobytes()


def test_a_day_more_or_less_changes_no_other_day(kernel, population, alone):
    _, parameters, start, doses = population
    kept = [0, 2, 3, 6]
    found = kernel.run(parameters, start, doses, DAYS[kept], begin=-6.0)
    assert found.values.tobytes() == alone.values[:, kept].tobytes()


def test_more_outputs_change_no_other_output(compiled, population, alone):
    net, parameters, start, doses = population
    more = compiled(net, ("host", *OUTPUTS[::-1], "room")).run(parameters, start, doses, DAYS, begin=-6.0)
    np.testing.assert_allclose(more.values[:, :, 4:0:-1], alone.values, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("lanes", [1, 2, 8])
def test_scalar_and_vector_code_agree(population, alone, cache, lanes):
    net, parameters, start, doses = population
    other = Compiled(net, OUTPUTS, find_compiler(), lanes=lanes, cache=cache)
    found = other.run(parameters[:9], start[:9], _subset(doses, slice(0, 9)), DAYS, begin=-6.0)
    scale = np.abs(alone.values[:9]).max(axis=1, keepdims=True)
    np.testing.assert_allclose(found.values / scale, alone.values[:9] / scale, rtol=1e-6, atol=1e-9)


def test_a_parameter_that_is_not_a_number_fails_its_patient_only(kernel, population, alone):
    net, parameters, start, doses = population
    broken = parameters.copy()
    broken[11, net.parameter_names.index("kills")] = np.nan
    broken[20, net.parameter_names.index("k1")] = np.inf
    found = kernel.run(broken, start, doses, DAYS, begin=-6.0)
    well = np.setdiff1d(np.arange(37), [11, 20])
    assert list(np.flatnonzero(found.status == 2)) == [11, 20]
    assert found.reasons[11] == "parameter kills is nan" and found.reasons[20] == "parameter k1 is inf"
    assert np.isnan(found.values[[11, 20]]).all()
    assert found.values[well].tobytes() == alone.values[well].tobytes()


def test_a_start_that_is_not_a_number_is_named(kernel, population):
    net, parameters, start, doses = population
    broken = start.copy()
    broken[3, net.state_names.index("il6")] = np.nan
    assert kernel.run(parameters, broken, doses, DAYS, begin=-6.0).reasons[3] == "start of il6 is nan"


@pytest.fixture
def explosive():
    x, y = symbol("x"), symbol("y")
    return network({"x": "", "y": ""}, [("burst", symbol("rate") * x**2, None, "x"), ("calm", y, "y", None)])


def test_a_solution_that_blows_up_fails_with_state_and_day(compiled, explosive):
    start = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    rates = np.array([[1.0], [1.0], [0.001]])
    found = compiled(explosive, ["x", "y"]).run(rates, start, no_doses(3), [0.0, 0.5, 2.0])
    assert list(found.status) == [2, 0, 0]
    assert "in x" in found.reasons[0] and "at day 1" in found.reasons[0], found.reasons
    assert found.reasons[1:] == ("", "")
    assert np.isnan(found.values[0]).all(), "no part of a failed course is kept"
    np.testing.assert_allclose(found.values[2, :, 0], 1 / (1 - 0.001 * np.array([0, 0.5, 2.0])), rtol=1e-4)


def test_the_interpreter_fails_the_same_patient(explosive):
    start = np.array([[1.0, 1.0], [0.0, 1.0]])
    with np.errstate(all="ignore"):
        found = Interpreted(explosive, ["x", "y"]).run(np.ones((2, 1)), start, no_doses(2), [0.0, 2.0])
    assert list(found.status) == [2, 0] and np.isnan(found.values[0]).all() and found.reasons[0]


def test_a_rate_outside_its_domain_is_called_not_finite(compiled):
    net = network({"x": ""}, [("gain", sympy.log(symbol("a") - symbol("x")), None, "x")])
    found = compiled(net, ["x"]).run(np.array([[1.0], [5.0]]), np.array([[2.0], [2.0]]), no_doses(2), [1.0])
    assert list(found.status) == [2, 0]
    assert found.reasons[0] == "a value that is not finite at day 0 in x"


def test_a_patient_who_fails_at_first_is_tried_again(compiled, explosive, monkeypatch):
    from perforin.kernels import compiled as module

    monkeypatch.setattr(module, "ATTEMPTS", ((1.0, 1e-13), *module.ATTEMPTS))
    monkeypatch.setattr(module, "MOST_STEPS", 12)
    kernel = compiled(explosive, ["x", "y"])
    first = kernel.run(np.array([[0.001]]), np.ones((1, 2)), no_doses(1), [0.5])
    assert first.status[0] == 1 and np.isfinite(first.values).all()


def test_states_sink_below_zero_by_no_more_than_their_tolerance(compiled, population):
    net, parameters, start, doses = population
    found = compiled(net, net.state_names).run(parameters, start, doses, np.arange(0.0, 360.0, 3.0), begin=-6.0)
    assert (found.values >= -10 * net.absolute_tolerances).all()


def test_nobody_and_no_dose_are_fine(compiled, population):
    net = population[0]
    parameters, start = np.empty((0, len(net.parameters))), np.empty((0, len(net.states)))
    empty = compiled(net, OUTPUTS).run(parameters, start, no_doses(0), DAYS)
    assert empty.values.shape == (0, len(DAYS), len(OUTPUTS))


def _one(state, day):
    return Doses(np.full((2, 1), day), np.array([state], np.int32), np.ones(1), np.ones((2, 1)))


BAD = {
    "parameters of shape": {"parameters": np.ones((2, 3))},
    "start of shape": {"start": np.ones((2, 1))},
    "doses.when of shape": {"doses": no_doses(5)},
    "not finite and rising": {"days": [0.0, 2.0, 1.0]},
    "into state 7": {"doses": _one(7, 1.0)},
    "relative tolerance of 0": {"rtol": 0.0},
    "on day -2; needed day 0 or later": {"doses": _one(0, -2.0)},
}


@pytest.mark.parametrize("message, change", list(BAD.items()))
def test_input_that_does_not_fit_is_refused(compiled, explosive, message, change):
    usual = {"parameters": np.ones((2, 1)), "start": np.ones((2, 2)), "doses": no_doses(2), "days": [0.5]}
    for kernel in (compiled(explosive, ["x"]), Interpreted(explosive, ["x"])):
        with pytest.raises(UserError, match=message):
            kernel.run(**(usual | change))


def test_a_dose_amount_that_is_not_a_number_fails_its_patient(compiled, explosive):
    doses = dose_table(explosive, [(1.0, "x", 1, 1.0)], 2)
    doses.add[1] = np.nan
    found = compiled(explosive, ["x"]).run(np.zeros((2, 1)), np.ones((2, 2)), doses, [2.0])
    assert list(found.status) == [0, 2] and "dose" in found.reasons[1]

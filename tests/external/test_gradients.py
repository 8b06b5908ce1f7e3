"""Derivatives by every parameter of three models, beside central differences of SciPy's DOP853 at 1e-10.

The reference shares nothing with the kernel: SymPy's own text of the rates for NumPy, one explicit solver, all moved
copies of a patient as one large system, four points per parameter at other distances than the kernel's.

A derivative by the logarithm of a parameter (by the parameter itself where that is 0) agrees when it differs by at most
1e-4 of its size and of a thousandth of the largest derivative of that state, above a hundred absolute tolerances.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.integrate import solve_ivp

from kernel_networks import dose_table, immune_population
from perforin.inference.sensitivity import typical
from perforin.kernels.build import build
from perforin.kernels.compile import find_compiler
from perforin.kernels.sensitivity import derivatives
from perforin.model.functions import NUMERIC
from perforin.patients.doses import doses_for
from perforin.prepared import administrations, begin_of
from perforin.scenario import read_scenario

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
MOST = 1e-4
DAYS = (3.0, 14.0, 28.0)
TOGETHER = 140
"""Parameters whose copies the reference solves as one system."""
NOWHERE_SMOOTH = {"car_t": {"CD19[negative]"}}
"""Parameters that are 0 and enter as a power of 1.3: difference quotients at 0 fall only as the step to the 0.3."""


class Reference:
    """Copies of one patient, solved at once."""

    def __init__(self, net):
        self.net = net
        self.levels = [(level.name, *self.numeric(level.expression)) for level in net.levels]
        self.rates = [(flow.changes, *self.numeric(flow.rate)) for flow in net.flows]
        self.place = {name: i for i, name in enumerate(net.state_names)}

    @staticmethod
    def numeric(expression):
        names = sorted(expression.free_symbols, key=lambda one: one.name)
        return [one.name for one in names], sympy.lambdify(names, expression, [NUMERIC, "numpy"], cse=True)

    def slopes(self, state, numbers):
        """(states, copies) from states and (parameters, copies)."""
        known = dict(zip(self.net.parameter_names, numbers, strict=True))
        known |= dict(zip(self.net.state_names, state, strict=True))
        for name, reads, function in self.levels:
            known[name] = function(*(known[one] for one in reads))
        slopes = np.zeros_like(state)
        for changes, reads, function in self.rates:
            rate = function(*(known[one] for one in reads))
            for into, coefficient in changes:
                slopes[self.place[into]] += coefficient * rate
        return slopes

    def solve(self, numbers, start, doses, days, begin, rtol=1e-10):
        """(copies, days, states)."""
        parameters, state, now = numbers.T.copy(), start.T.copy(), begin
        shape, when, found = state.shape, doses.when[0], []
        tolerances = np.repeat(self.net.absolute_tolerances * (rtol / 1e-5), shape[1])
        for stop in np.unique([begin, *when[when <= days[-1]], *days]):
            if stop > now:
                done = solve_ivp(
                    lambda _, y: self.slopes(y.reshape(shape), parameters).ravel(), (now, stop), state.ravel(),
                    method="DOP853", rtol=rtol, atol=tolerances,
                )  # fmt: skip
                assert done.success, done.message
                state, now = done.y[:, -1].reshape(shape).copy(), stop
            for dose in np.flatnonzero(when == stop):
                into = doses.state[dose]
                state[into] = state[into] * doses.keep[dose] + doses.add[:, dose]
            if stop in days:
                found.append(state.T.copy())
        return np.stack(found, axis=1)

    def derivatives(self, numbers, given, days, begin, columns):
        """(days, states, parameters) by central differences of fourth order."""
        found = []
        for part in np.array_split(columns, -(-len(columns) // TOGETHER)):
            steps = np.where(numbers[part] == 0, 2.0**-14, 2.0**-10 * np.abs(numbers[part]))
            copies = np.tile(numbers, (4 * len(part), 1))
            away = np.tile([-2.0, -1.0, 1.0, 2.0], len(part)) * np.repeat(steps, 4)
            copies[np.arange(len(copies)), np.repeat(part, 4)] += away
            with np.errstate(all="ignore"):  # the branch of a choice that is not taken
                values = self.solve(copies, *given(copies, np.zeros(len(copies), int)), days, begin)
            a, b, c, d = (values[i::4] for i in range(4))
            found += [*((8 * (c - b) - (d - a)) / (12 * steps[:, None, None]))]
        return np.stack(found, axis=-1)


def patient_model(name):
    scenario = read_scenario("cd19_lbcl_head_to_head")
    model, rows = scenario.model(name), scenario.given(name)
    centre, middle = typical(scenario, model)

    def given(numbers, who):
        own = {covariate: value[who] for covariate, value in middle.items()}
        doses = administrations(rows, scenario.products(name), own, np.ones(len(numbers)))
        return model.network.start(numbers), doses_for(model.network, doses, numbers)

    return model.network, centre, given, begin_of(rows)


def immune_model(_):
    net, numbers, start, _ = immune_population(1, seed=3)
    rows = [(-5, "drug", 1, 1.0), (-4, "drug", 1, 1.0), (0, "memory", 1, 5e7), (0, "effector", 1, 5e7)]
    return net, numbers[0], lambda rows_, who: (start[who], dose_table(net, rows, len(rows_))), -6.0


MODELS = {"car_nk": patient_model, "car_t": patient_model, "immune": immune_model}


def errors(name, days, of=None):
    """The largest error of each parameter over days and states."""
    net, numbers, given, begin = MODELS[name](name)
    # A flow of this name would be reported in the state's place.
    states = [i for i, state in enumerate(net.state_names) if state not in net.flow_names]
    names = net.parameter_names if of is None else of
    columns = np.array([net.parameter_names.index(one) for one in names])
    kernel = build(net, [net.state_names[i] for i in states], backend="compiled")
    days = np.array(days)
    found = derivatives(kernel, numbers[None], given, days, of=names, begin=begin)
    assert found.failures == ()
    expected = Reference(net).derivatives(numbers, given, days, begin, columns)[:, states]
    by = np.where(numbers[columns] == 0, 1.0, np.abs(numbers[columns]))
    size = np.abs(expected * by)
    scale = size + 1e-3 * size.max(axis=(0, 2), keepdims=True) + 100 * net.absolute_tolerances[states][:, None]
    worst = (np.abs(found.values[0] - expected) * by / scale).max(axis=(0, 1))
    return dict(zip(names, worst.tolist(), strict=True))


def test_some_derivatives_of_a_stiff_network_agree_with_central_differences_of_scipy():
    found = errors("immune", (1.0, 3.0), of=("birth", "clear_il15", "k2", "half_activation"))
    assert {name: error for name, error in found.items() if error > MOST} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_derivative_agrees_with_central_differences_of_scipy(name):
    found = errors(name, DAYS)
    assert {one for one, error in found.items() if error > MOST} == NOWHERE_SMOOTH.get(name, set())
    assert np.median(list(found.values())) < MOST / 10

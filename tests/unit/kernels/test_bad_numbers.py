"""Numbers that cannot be: each is an error or a named failure, and the other patients keep every bit."""

from __future__ import annotations

import re

import numpy as np
import pytest
import sympy

from kernel_networks import dose_table, immune_population, network
from perforin.errors import UserError
from perforin.kernels.build import Doses, build
from perforin.kernels.compile import find_compiler
from perforin.kernels.compiled import CHUNK, Compiled
from perforin.kernels.reductions import Reduction
from perforin.model.mechanism import symbol

X, Y, RATE = symbol("x"), symbol("y"), symbol("rate")
BACKENDS = ("compiled", "interpreted")
both = pytest.mark.parametrize("backend", BACKENDS)


def _decay():
    return network({"x": "cell"}, [("loss", RATE * X, "x", None)])


def _grow(slope):
    return network({"x": ""}, [("gain", RATE * slope, None, "x")])


@pytest.fixture
def run(cache):
    """Two patients of a decay, one of them with something wrong."""

    def start(backend, *, rate=(0.5, 0.3), begin=0.0, first=(100.0, 50.0), doses=(), days=(1.0, 2.0), net=None, **more):
        net = net or _decay()
        given = doses if isinstance(doses, Doses) else dose_table(net, doses, len(first))
        kernel = build(net, ["x"], backend=backend, cache=cache)
        return kernel.run(np.array(rate)[:, None], np.array(first)[:, None], given, days, begin=begin, **more)

    return start


@both
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where, reason", [
    ("rate", "parameter rate is {}"), ("first", "start of x is {}"), ("begin", "the first day is {}"),
    ("add", "a dose into x on day 1 is {}"), ("when", "a dose into x on day nan is 5"),
])  # fmt: skip
def test_a_number_that_is_not_finite_fails_its_patient_by_name(run, backend, where, reason, value):
    doses = dose_table(_decay(), [(1.0, "x", 1, 5.0)], 2)
    if where == "when" and not np.isnan(value):
        pytest.skip("a dose on day inf is never given, and one on day -inf is refused as too early")
    if where in {"when", "add"}:
        getattr(doses, where)[0] = value
        found = run(backend, doses=doses)
    else:
        well = {"rate": 0.3, "first": 50.0, "begin": 0.0}[where]
        found = run(backend, doses=doses, **{where: np.array([value, well])})
    expected = run(backend, doses=dose_table(_decay(), [(1.0, "x", 1, 5.0)], 2))
    assert found.status.tolist() == [2, 0] and found.reasons == (reason.format(value), "")
    assert np.isnan(found.values[0]).all() and found.values[1].tobytes() == expected.values[1].tobytes()


@both
@pytest.mark.parametrize("wrong, message", [
    ({"begin": np.zeros(3)}, r"found begin of shape \(3,\); needed \(2,\): one day, or one per patient"),
    ({"doses": [(1.0, "x", np.nan, 5.0)]}, "found a dose that keeps nan of x; needed a finite fraction"),
    ({"doses": [(-np.inf, "x", 1, 5.0)]}, "found a dose into x on day -inf; needed day 0 or later, when patient 0"),
    ({"doses": [(-1.0, "x", 1, 5.0)]}, "found a dose into x on day -1; needed day 0 or later, when patient 0 begins"),
    ({"days": [1.0, 1.0]}, "needed each day once, in order"),
    ({"days": [2.0, 1.0]}, "needed each day once, in order"),
    ({"days": [np.nan]}, "found sampling days that are not finite"),
    ({"rtol": 0.0}, "found a relative tolerance of 0; needed 1e-13 to 0.1"),
    ({"rtol": np.nan}, "found a relative tolerance of nan"),
    ({"rtol": -1e-5}, "found a relative tolerance of -1e-05"),
    ({"rtol": 1.0}, "found a relative tolerance of 1; needed 1e-13 to 0.1"),
    ({"rate": (0.5,)}, r"found parameters of shape \(1, 1\); needed \(2, 1\)"),
])  # fmt: skip
def test_what_is_wrong_for_all_is_refused(run, backend, wrong, message):
    with pytest.raises(UserError, match=message):
        run(backend, **wrong)


@pytest.mark.parametrize("place", [-1, 7])
def test_a_dose_into_a_state_that_is_not_there_is_refused(run, place):
    doses = dose_table(_decay(), [(1.0, "x", 1, 5.0)], 2)
    doses.state[0] = place
    with pytest.raises(UserError, match=f"found a dose into state {place}; needed 0 to 0"):
        run("compiled", doses=doses)


def test_no_thread_is_refused(run):
    with pytest.raises(UserError, match="found 0 threads; needed 1 or more"):
        run("compiled", threads=0)


@both
def test_a_network_without_states_is_refused(backend, cache):
    with pytest.raises(UserError, match="found a network without states"):
        build(network({}, [], {"y": 2 * RATE}), backend=backend, cache=cache)


@both
@pytest.mark.parametrize("doses, days, expected", [
    ([(1, "x", 1, 5), (1, "x", 1, 7)], [1.0, 2.0], [112, 112]),
    ([(0, "x", 1, 5)], [0.0, 2.0], [105, 105]),
    ([(2, "x", 1, 5)], [1.0, 2.0], [100, 105]),
    ([(2.5, "x", 1, 5), (np.inf, "x", 0, np.nan)], [1.0, 2.0], [100, 100]),
    ([(1, "x", 1, 5), (np.nextafter(1, 2), "x", 1, 7)], [1.0, 2.0], [105, 112]),
    ([], [0.0], [100]),
    ([(0, "x", 0, 5)], [0.0], [5]),
    ([], [], []),
    ([], [-2.0, -1.0], [np.nan, np.nan]),
], ids=["twice", "at the begin", "on the last day", "after it", "next to another", "no time", "no time, one dose",
        "no days", "days before the begin"])  # fmt: skip
def test_doses_and_days_that_meet(run, backend, doses, days, expected):
    found = run(backend, rate=(0.0, 0.0), first=(100.0, 100.0), doses=doses, days=days)
    assert found.status.tolist() == [0, 0]
    np.testing.assert_allclose(found.values[:, :, 0], [expected, expected], rtol=1e-12)


def test_days_too_near_to_the_begin_for_a_step_are_reached(run):
    found = run("compiled", first=(100.0, 100.0), days=[np.nextafter(0, 1), 1e-300])
    assert found.status.tolist() == [0, 0] and (found.values == 100.0).all()


@both
def test_nobody_is_a_population(run, backend):
    found = run(backend, rate=(), first=())
    assert found.values.shape == (0, 2, 1) and found.reasons == ()


def test_identical_patients_are_identical_across_lanes_chunks_and_threads(run):
    many = 4 * CHUNK + 3
    found = run("compiled", rate=(0.5,) * many, first=(100.0,) * many, threads=2)
    assert (found.values == found.values[0]).all() and (found.steps == found.steps[0]).all()


def test_numbers_below_the_normal_ones_count_as_zero(run):
    found = run("compiled", rate=(5e-324, 1e-310), first=(5e-324, 100.0))
    assert found.status.tolist() == [0, 0] and found.values[:, 1, 0].tolist() == [0.0, 100.0]


@pytest.mark.parametrize("slope, first, reason", [
    (sympy.sqrt(X), -1.0, "a value that is not finite at day 0 in x"),
    (-sympy.sqrt(X), 1.0, r"a value that is not finite at day 1\.99\d* in x"),
    (sympy.log(X), 0.0, "a value that is not finite at day 0 in x"),
    (sympy.log(X), -1.0, "a value that is not finite at day 0 in x"),
    (1 / X, 0.0, "a value that is not finite at day 0 in x"),
    (X**2, 1.0, r"steps below 1e-12 day at day 1\.0\d* in x"),
    (X**2, 1e9, r"steps below 1e-12 day at day 9\.9\d*e-10 in x"),
    (X, 1e308, "a value that is not finite at day 0 in x"),
    (1e14 * X, 1.0, "steps below 1e-12 day at day 0 in x"),
    (1e9 * X, 1.0, r"a value that is not finite at day 6\.\d*e-07 in x"),
], ids=str)  # fmt: skip
def test_a_state_that_leaves_its_domain_or_blows_up_is_named_with_its_day(run, slope, first, reason):
    found = run("compiled", net=_grow(slope), rate=(1.0, 0.0), first=(first, 2.0), days=[2.0, 3.0])
    assert found.status.tolist() == [2, 0] and np.isnan(found.values[0]).all()
    assert re.fullmatch(reason, found.reasons[0]), found.reasons[0]
    assert found.values[1, :, 0].tolist() == [2.0, 2.0]


@pytest.mark.parametrize("slope", [sympy.sqrt(X), sympy.log(X)], ids=str)
def test_the_interpreter_fails_the_same_patient_and_solves_the_other(run, slope):
    found = run("interpreted", net=_grow(slope), rate=(1.0, 0.0), first=(-1.0, 2.0))
    assert found.status.tolist() == [2, 0] and np.isnan(found.values[0]).all()
    assert found.reasons == ("a value that is not finite at day 0 in x", "")


@pytest.mark.parametrize("rate", 10.0 ** np.arange(3, 20, 2))
def test_growth_faster_than_the_first_step_is_never_damped_away(run, rate):
    found = run("compiled", rate=(-rate, rate), first=(100.0, 100.0))
    assert found.status.tolist() == [2, 0], found.values[:, :, 0]
    np.testing.assert_allclose(found.values[1], 0.0, atol=1e-2)


def test_fast_growth_of_nothing_does_not_shorten_later_steps(run):
    found = run("compiled", rate=(-1e3,), first=(0.0,), days=[365.0])
    assert found.status[0] == 0 and found.steps[0] < 30 and found.values[0, 0, 0] == 0.0


def test_days_so_late_that_time_stands_still_fail_instead_of_drifting(run):
    found = run("compiled", begin=1e17 - 64, days=[1e17])
    assert found.status.tolist() == [2, 2] and "at day 1e+17" in found.reasons[0]


@pytest.fixture(scope="module")
def population():
    return immune_population(23, seed=9)


@pytest.fixture
def spoil(population):
    """The population with one patient in whom something is wrong."""
    net, parameters, start, doses = population

    def make(how, who):
        p, s, d = parameters.copy(), start.copy(), Doses(doses.when.copy(), doses.state, doses.keep, doses.add.copy())
        if how == "parameter":
            p[who, 3] = np.nan
        elif how == "start":
            s[who, net.state_names.index("il6")] = -np.inf
        elif how == "dose":
            d.add[who, 2] = np.inf
        elif how == "domain":
            s[who, net.state_names.index("injury")] = 1e308
        else:
            p[who, net.parameter_names.index("birth")] = 1e13
        return p, s, d

    return make


@pytest.mark.parametrize("lanes", [4, *(pytest.param(lanes, marks=pytest.mark.slow) for lanes in (1, 8))])
@pytest.mark.parametrize("how", ["parameter", "start", "dose", "domain", "blow-up"])
def test_a_bad_patient_changes_no_bit_of_the_others(population, spoil, how, lanes, cache):
    net, parameters, start, doses = population
    days, seen = np.array([-6.0, 0.0, 3.5, 28.0]), [Reduction("peak", "il6"), Reduction("area", "burden")]
    kernel = Compiled(net, ("burden", "il6", "injury"), find_compiler(), lanes=lanes, cache=cache)
    good = kernel.run(parameters, start, doses, days, begin=-6.0, reductions=seen)
    assert (good.status == 0).all()
    for who, threads in [*((who, 1) for who in range(9)), (0, 2), (11, 3), (22, 2)]:
        found = kernel.run(*spoil(how, who), days, begin=-6.0, reductions=seen, threads=threads)
        others = np.delete(np.arange(23), who)
        assert found.status[who] == 2 and found.reasons[who] and np.isnan(found.values[who]).all()
        assert np.isnan(found.reduced[who]).all()
        for name in ("values", "status", "steps", "reduced"):
            assert getattr(found, name)[others].tobytes() == getattr(good, name)[others].tobytes(), (who, name)

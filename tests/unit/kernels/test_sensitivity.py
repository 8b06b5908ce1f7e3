"""Derivatives of outputs: equal to closed forms, 0 to the last bit where nothing moves, named where there is none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy

from kernel_networks import dose_table, immune_population, network
from perforin.errors import UserError
from perforin.kernels import sensitivity
from perforin.kernels.build import build, no_doses
from perforin.kernels.compile import find_compiler
from perforin.kernels.compiled import Compiled
from perforin.kernels.reductions import Reduction
from perforin.kernels.sensitivity import derivatives
from perforin.model.mechanism import symbol
from perforin.model.network import EventRow, State

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
GUT, BLOOD, INTO, OUT, IDLE = (symbol(name) for name in ("gut", "blood", "into", "out", "idle"))
RATES = {"into": 1.7, "out": 0.4, "idle": 3.0}
DAYS = np.array([0.5, 2.0, 6.0])
COURSE = INTO / (INTO - OUT) * (sympy.exp(-OUT * symbol("t")) - sympy.exp(-INTO * symbol("t")))
ARRIVES = sympy.log(INTO / OUT) / (INTO - OUT)


def absorption():
    """Bateman; the parameter ``idle`` is there and does nothing."""
    flows = [("absorb", INTO * GUT + 0 * BLOOD, "gut", "blood"), ("clear", OUT * BLOOD, "blood", None),
             ("idling", IDLE * (BLOOD - BLOOD + GUT), None, "other")]  # fmt: skip
    return network({"gut": "mg", "blood": "mg", "other": "mg"}, flows)


def one_dose(numbers, who):
    return np.tile([1.0, 0.0, 0.0], (len(numbers), 1)), no_doses(len(numbers))


def moved(days=DAYS, patients=1, outputs=("blood",), rtol=1e-9, net=None, given=one_dose, rates=RATES, **options):
    net = net or absorption()
    numbers = np.tile([rates[name] for name in net.parameter_names], (patients, 1))
    return derivatives(build(net, outputs, backend="compiled"), numbers, given, days, rtol=rtol, **options)


def closed(expression, by, at=None):
    values = {INTO: RATES["into"], OUT: RATES["out"], **({symbol("t"): at} if at is not None else {})}
    return float(sympy.diff(expression, by).subs(values))


@pytest.mark.parametrize("name, by", [("into", INTO), ("out", OUT)])
def test_values_move_as_the_closed_form_does(name, by):
    found = moved(of=[name]).values[0, :, 0, 0]
    assert found == pytest.approx([closed(COURSE, by, day) for day in DAYS], rel=1e-6)


@pytest.mark.parametrize("name, by", [("into", INTO), ("out", OUT)])
def test_reductions_move_as_the_closed_form_does(name, by):
    level = 0.3
    wanted = [Reduction("peak", "blood"), Reduction("peak_day", "blood"), Reduction("area", "blood", end=4.0),
              Reduction("last_above", "blood", level), Reduction("first_above", "blood", 9.0)]  # fmt: skip
    found = moved(of=[name], reductions=wanted)
    t = symbol("t")
    area = sympy.integrate(COURSE, (t, 0, 4))
    last = found.solution.reduced[0, 3]
    slope = float(sympy.diff(COURSE, t).subs({INTO: RATES["into"], OUT: RATES["out"], t: last}))
    assert found.reduced[0, 0, 0] == pytest.approx(closed(COURSE.subs(t, ARRIVES), by), rel=1e-6)
    assert found.reduced[0, 1, 0] == pytest.approx(closed(ARRIVES, by), rel=1e-3)
    assert found.reduced[0, 2, 0] == pytest.approx(closed(area, by), rel=1e-6)
    assert found.reduced[0, 3, 0] == pytest.approx(-closed(COURSE, by, last) / slope, rel=1e-5)
    assert np.isnan(found.reduced[0, 4, 0])
    assert found.failures == ()


def test_a_parameter_that_does_nothing_has_the_derivative_zero():
    net, numbers, start, _ = immune_population(2)
    rows = [(0, "drug", 1, 1.0), (0, "effector", 1, 5e7)]
    found = derivatives(
        build(net, ("tumour_low", "host", "memory"), backend="compiled"), numbers,
        lambda numbers, who: (start[who], dose_table(net, rows, len(numbers))), [3.0, 9.0], of=["death_memory"],
    )  # fmt: skip
    assert (found.values == 0).all()
    assert (moved(of=["idle"]).values == 0).all()


def test_the_bytes_do_not_depend_on_company_order_threads_or_batches(monkeypatch):
    net, numbers, start, _ = immune_population(3)
    kernel = build(net, ("tumour_low", "il6"), backend="compiled")
    names = list(net.parameter_names[:9])

    def run(who=(0, 1, 2), of=names, **options):
        def given(rows, places):
            return start[np.array(who)[places]], dose_table(net, [(0, "effector", 1, 5e7)], len(rows))

        levels = np.array([1e10, 2e10, 3e10])[list(who)]
        wanted = [Reduction("peak", "il6"), Reduction("days_above", "tumour_low", levels)]
        return derivatives(kernel, numbers[list(who)], given, [2.0, 7.0], of=of, reductions=wanted, **options)

    whole = run()
    for other in (run(of=names[::-1]), run(threads=2)):
        order = [other.parameters.index(name) for name in names]
        assert np.array_equal(other.values[..., order], whole.values)
        assert np.array_equal(other.reduced[..., order], whole.reduced)
    alone = run(who=(2,), of=names[3:4])
    assert np.array_equal(alone.values[0, ..., 0], whole.values[2, ..., 3])
    assert np.array_equal(alone.reduced[0, ..., 0], whole.reduced[2, ..., 3])
    monkeypatch.setattr(sensitivity, "BATCH", 1)
    assert np.array_equal(run().values, whole.values)


def test_starts_and_doses_that_hold_a_parameter_move_with_it():
    def given(numbers, who):
        idle = numbers[:, net.parameter_names.index("idle")]
        doses = dose_table(net, [(1.0, "blood", 1.0, 0.0)], len(numbers))
        start = np.column_stack([np.zeros(len(idle)), idle**2, np.zeros(len(idle))])
        return start, replace(doses, add=5 * idle[:, None])

    net = absorption()
    found = moved([0.5, 2.0], given=given, of=["idle"]).values[0, :, 0, 0]
    gone = np.exp(-RATES["out"] * np.array([0.5, 2.0, 1.0]))
    assert found == pytest.approx([6 * gone[0], 6 * gone[1] + 5 * gone[2]], rel=1e-6)


def test_a_parameter_of_zero_is_moved_by_a_step_of_its_own():
    found = moved(rates={"into": 1.7, "out": 0.0, "idle": 1.0}, of=["out"]).values[0, :, 0, 0]
    t, a = DAYS, 1.7
    assert found == pytest.approx(-t + (1 - np.exp(-a * t)) / a, rel=1e-6)


def test_a_patient_whom_a_parameter_makes_fail_is_named_and_the_others_stay():
    grow, size = symbol("grow"), symbol("size")
    net = network({"size": ""}, [("grow", grow * size**2, None, "size")])
    numbers = np.array([[0.5], [0.9999], [0.5], [np.nan]])  # the second grows without bound on day 1, if moved up

    def given(rows, who):
        return np.ones((len(rows), 1)), no_doses(len(rows))

    kernel = build(net, ("size",), backend="compiled")
    found = derivatives(kernel, numbers, given, [1.0])
    assert [(one.patient, one.parameter) for one in found.failures] == [(1, "grow"), (3, "")]
    assert "size" in found.failures[0].reason and "grow is nan" in found.failures[1].reason
    assert np.isnan(found.values[[1, 3]]).all()
    assert found.values[[0, 2], 0, 0, 0] == pytest.approx(4.0, rel=1e-5)
    assert np.array_equal(found.values[:1], derivatives(kernel, numbers[:1], given, [1.0]).values)


def test_a_start_that_is_no_number_when_a_parameter_is_moved_is_named():
    edge, size = symbol("edge"), symbol("size")
    net = network({"size": ""}, [("grow", edge * size, None, "size")])
    net = replace(net, states=(State("size", "", sympy.sqrt(edge - 1)),))
    found = derivatives(
        build(net, ("size",), backend="compiled"), np.array([[1.0], [2.0]]),
        lambda numbers, who: (net.start(numbers), no_doses(len(numbers))), [1.0],
    )  # fmt: skip
    assert [one.patient for one in found.failures] == [0]
    assert "start of size is nan" in found.failures[0].reason
    assert found.values[1, 0, 0, 0] == pytest.approx(1.5 * np.e**2, rel=1e-6)


def test_eight_lanes_agree_with_four():
    net = absorption()
    numbers = np.array([[RATES[name] for name in net.parameter_names]])
    kernels = (Compiled(net, ("blood",), find_compiler(), lanes=lanes) for lanes in (4, 8))
    four, eight = (derivatives(kernel, numbers, one_dose, DAYS) for kernel in kernels)
    assert four.values == pytest.approx(eight.values, rel=1e-9)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda net: build(net, ("blood",), backend="interpreted"), "interpreted.*needed a compiled one of 4 lanes"),
        (lambda net: Compiled(net, ("blood",), find_compiler(), lanes=2), "one of 2 lanes"),
        (lambda net: build(replace(net, events=(EventRow("stop", BLOOD > 1, (("gut", sympy.S.Zero),)),)), ("blood",)),
         r"found 1 events in the network \(stop\)"),
    ],
    ids=["interpreted", "two lanes", "events"],
)  # fmt: skip
def test_a_kernel_without_lanes_to_share_steps_is_refused(change, message):
    net = absorption()
    with pytest.raises(UserError, match=message):
        derivatives(change(net), np.ones((1, 3)), one_dose, DAYS)


def test_an_unknown_parameter_is_refused_with_its_nearest_name():
    with pytest.raises(UserError, match=r"'intoo'.*'into'"):
        moved(of=["intoo"])


def test_doses_whose_days_move_are_refused():
    net = absorption()

    def given(numbers, who):
        doses = dose_table(net, [(1.0, "blood", 1.0, 1.0)], len(numbers))
        return one_dose(numbers, who)[0], replace(doses, when=doses.when * numbers[:, :1])

    with pytest.raises(UserError, match="days move with a parameter"):
        moved(given=given)

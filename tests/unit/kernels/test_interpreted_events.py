"""The slow oracle finds the moment at which something happens to the last digit, and counts what a course has shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy

from kernel_networks import dose_table, network
from perforin.kernels.build import no_doses
from perforin.kernels.interpret import METHODS, Interpreted
from perforin.model.functions import where
from perforin.model.mechanism import symbol
from perforin.model.network import EventRow, FlowRow, RunningRow, State

A, B, K, TIME = symbol("a"), symbol("b"), symbol("k"), symbol("time")
REFILL = EventRow("refill", A < 2, (("a", A + 8),))


def decay(*events, running=(), **more):
    return replace(network({"a": "", **more}, [("lose", K * A, "a", None)]), events=events, running=running)


def solve(net, days, start, rate=0.5, doses=None, method="LSODA"):
    kernel = Interpreted(net, net.state_names, method)
    found = kernel.run(np.array([[rate]]), np.array([start], float), doses or no_doses(1), days, rtol=1e-9)
    assert found.status[0] != 2, found.reasons
    return found.values[0]


@pytest.mark.parametrize("method", METHODS)
def test_a_state_that_falls_below_a_level_is_refilled_at_that_moment(method):
    moment = np.log(5.0) / 0.5
    values = solve(decay(REFILL), [moment - 1e-6, moment + 1e-6, 30.0], [10.0], method=method)
    assert values[:, 0] == pytest.approx([2.0, 10.0, 10 * np.exp(-0.5 * (30 % moment))], rel=1e-5)


def test_an_event_on_a_day_that_is_asked_for_has_happened_on_it():
    assert solve(decay(EventRow("late", TIME >= 3, (("a", sympy.Integer(7)),))), [3.0], [10.0])[0, 0] == 7.0
    before = solve(decay(EventRow("late", TIME > 3, (("a", sympy.Integer(7)),))), [3.0], [10.0])
    assert before[0, 0] == pytest.approx(10 * np.exp(-1.5))


def test_a_pulse_shorter_than_any_step_is_not_missed():
    pulse = EventRow("pulse", (TIME >= 5) & (TIME < 5 + 1e-9), (("a", A + 1),))
    assert solve(decay(pulse), [1000.0], [1.0], rate=0.0)[0, 0] == 2.0


def test_a_condition_true_at_the_start_acts_then_unless_it_was_true_before():
    assert solve(decay(REFILL), [0.0], [1.0])[0, 0] == 9.0
    assert solve(decay(REFILL._replace(initially=True)), [0.0], [1.0])[0, 0] == 1.0


def test_no_more_often_than_it_may():
    values = solve(decay(REFILL._replace(most=2)), [30.0], [10.0])
    assert values[0, 0] == pytest.approx(10 * np.exp(-0.5 * (30 - 4 * np.log(5.0))), rel=1e-6)


def test_events_at_one_moment_act_in_order_each_judged_again():
    first = EventRow("first", A < 5, (("a", A + 10), ("b", A)))
    second = EventRow("second", A < 5, (("b", sympy.Integer(-1)),))
    assert solve(decay(first, second, b=""), [1.5], [10.0, 0.0])[0, 1] == pytest.approx(5.0, rel=1e-6)


def test_a_dose_may_call_for_an_action_at_once():
    net = decay(EventRow("clear", A > 12, (("a", A / 2),)))
    doses = dose_table(net, [(3.0, "a", 1.0, 20.0)], 1)
    assert solve(net, [3.0], [10.0], doses=doses)[0, 0] == pytest.approx((10 * np.exp(-1.5) + 20) / 2)


def test_conditions_read_what_has_been_shown_within_its_window():
    running = (
        RunningRow("highest", "peak", A),
        RunningRow("later", "peak", A, 1.0, 4.0),
        RunningRow("lowest", "nadir", A, 0.0, 2.0),
        RunningRow("fever", "days", A - 4, 0.0, 20.0),
    )
    shown = [symbol(row.name) for row in running]
    ill = EventRow("ill", shown[3] >= 1.5, (("b", shown[0] + 100 * shown[3]),))
    late = EventRow("late", TIME >= 6, tuple(zip("cd", shown[1:3], strict=True)))
    values = solve(decay(ill, late, running=running, b="", c="", d=""), [1.5, 10.0], [10.0, 0.0, 0.0, 0.0])
    assert values[0, 1] == pytest.approx(160.0, rel=1e-9)
    assert values[1, 2:] == pytest.approx([10 * np.exp(-0.5), 10 * np.exp(-1.0)], rel=1e-6)


def test_events_that_cause_one_another_without_end_are_named_not_followed():
    up, down = EventRow("up", A < 5, (("a", sympy.Integer(9)),)), EventRow("down", A > 8, (("a", sympy.Integer(1)),))
    kernel = Interpreted(decay(up, down), ["a"])
    found = kernel.run(np.array([[0.5], [0.0]]), np.array([[7.0], [7.0]]), no_doses(2), [9.0])
    assert found.status.tolist() == [2, 0]
    assert "without end on day 0.67" in found.reasons[0]
    assert np.isnan(found.values[0]).all() and found.values[1, 0, 0] == 7.0


def clocked(rate):
    net = network({"a": ""}, [("made", rate, None, "a")])
    clock = FlowRow("time passes", sympy.Integer(1), None, "time")
    return replace(net, states=(*net.states, State("time", "day")), flows=(*net.flows, clock), parameters=())


def test_a_rate_that_jumps_with_the_time_is_followed_from_jump_to_jump():
    net = clocked(where((TIME >= 5) & (TIME < 5 + 1e-4), 1e4, 0) + sympy.floor(TIME))
    kernel = Interpreted(net, ["a", "time"])
    values = kernel.run(np.zeros((1, 0)), np.zeros((1, 2)), no_doses(1), [10.0], rtol=1e-9).values
    assert values[0, 0] == pytest.approx([1 + 45, 10.0], rel=1e-7)


def test_the_clock_is_exact():
    days = np.linspace(0, 100, 1001)
    net = clocked(sympy.Integer(0) * TIME)
    values = Interpreted(net, ["time"]).run(np.zeros((1, 0)), np.array([[0.0, 3.0]]), no_doses(1), days).values
    assert (values[0, :, 0] == 3.0 + days).all()

"""Actions that a state calls for: found on dense output, per patient, with the same bytes in any company."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy

from kernel_networks import dose_table, immune_population, network
from perforin.errors import UserError
from perforin.kernels.build import build, no_doses
from perforin.kernels.compile import find_compiler
from perforin.kernels.compiled import Compiled
from perforin.kernels.reductions import Reduction
from perforin.model.mechanism import symbol
from perforin.model.network import EventRow, RunningRow

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
A, K, TIME = symbol("a"), symbol("k"), symbol("time")
REFILL = EventRow("refill", A < 2, (("a", A + 8),))


def decay(*events, running=(), **more):
    return replace(network({"a": "", **more}, [("lose", K * A, "a", None)]), events=events, running=running)


def solve(net, days, start, rates=(0.5,), doses=None, **options):
    n = len(rates)
    starts = np.tile(np.asarray(start, float), (n, 1))
    kernel = build(net, net.state_names, backend="compiled")
    return kernel.run(np.array(rates)[:, None], starts, doses or no_doses(n), days, rtol=1e-8, **options)


def test_redosing_whenever_cells_fall_below_a_level():
    rates = np.array([0.5, 0.25, 1.0, 0.1, 0.7])
    found = solve(decay(REFILL), [30.0], [10.0], rates, reductions=[Reduction("nadir", "a")])
    period = np.log(5.0) / rates
    assert found.event_count[:, 0].tolist() == np.floor(30 / period).astype(int).tolist()
    assert found.event_day[:, 0] == pytest.approx(period, rel=1e-7)
    left = 30 - found.event_count[:, 0] * period
    assert found.values[:, 0, 0] == pytest.approx(10 * np.exp(-rates * left), rel=1e-5)
    assert found.reduced[:, 0] == pytest.approx(2.0, rel=1e-6)


def test_no_more_often_than_it_may():
    found = solve(decay(REFILL._replace(most=2)), [30.0], [10.0])
    assert found.event_count.tolist() == [[2]]
    assert found.values[0, 0, 0] == pytest.approx(10 * np.exp(-0.5 * (30 - 4 * np.log(5.0))), rel=1e-6)


def test_an_event_that_never_comes_has_no_day():
    found = solve(decay(REFILL._replace(condition=A > 100)), [5.0], [10.0])
    assert np.isnan(found.event_day).all()
    assert found.event_count.tolist() == [[0]]


def test_a_condition_true_at_the_start_acts_then_unless_it_was_true_before():
    assert solve(decay(REFILL), [0.0], [1.0]).values[0, 0, 0] == 9.0
    assert solve(decay(REFILL._replace(initially=True)), [0.0], [1.0]).values[0, 0, 0] == 1.0


def test_a_dose_may_call_for_an_action_at_once():
    net = decay(EventRow("clear", A > 12, (("a", A / 2),)))
    found = solve(net, [3.0], [10.0], doses=dose_table(net, [(3.0, "a", 1.0, 20.0)], 1))
    assert found.values[0, 0, 0] == pytest.approx((10 * np.exp(-1.5) + 20) / 2, rel=1e-7)
    assert found.event_day[0, 0] == 3.0


def test_conditions_may_read_the_time_and_what_has_been_shown():
    peak, days = symbol("highest"), symbol("fever")
    running = (RunningRow("highest", "peak", A), RunningRow("fever", "days", A - 4, 0.0, 20.0))
    late = EventRow("late", (TIME >= 3) & (peak > 9), (("b", symbol("b") + 1),))
    ill = EventRow("ill", days >= 1.5, (("b", symbol("b") + 10),))
    never = EventRow("never", peak > 11, (("b", symbol("b") + 100),))
    found = solve(decay(late, ill, never, running=running, b=""), [0.0, 2.0, 10.0], [10.0, 0.0])
    assert found.event_day[0, :2] == pytest.approx([3.0, 1.5], abs=1e-7)
    assert found.values[0, :, 1].tolist() == [0.0, 10.0, 11.0]


def test_events_at_one_moment_act_in_order_each_judged_again():
    first = EventRow("first", A < 5, (("a", A + 10), ("b", A)))
    second = EventRow("second", A < 5, (("b", sympy.Integer(-1)),))
    found = solve(decay(first, second, b=""), [1.5], [10.0, 0.0])
    assert found.event_count.tolist() == [[1, 0]]
    assert found.values[0, 0, 1] == pytest.approx(5.0, rel=1e-6)


def test_events_that_cause_one_another_without_end_name_the_patient():
    up, down = EventRow("up", A < 5, (("a", sympy.Integer(9)),)), EventRow("down", A > 8, (("a", sympy.Integer(1)),))
    both = solve(decay(up, down), [9.0], [7.0], [0.5, 0.0])
    assert both.status.tolist() == [2, 0]
    assert "events" in both.reasons[0] and "day 0.67" in both.reasons[0]
    assert np.isnan(both.values[0]).all() and both.values[1, 0, 0] == 7.0


def test_actions_do_not_depend_on_company_lanes_or_threads():
    net, parameters, start, doses = immune_population(13, spread=0.3)
    il6, drug = symbol("il6"), symbol("drug")
    worst = RunningRow("worst", "peak", il6, 0.0, 28.0)
    rescue = EventRow("rescue", sympy.And(symbol("worst") > 40, TIME > 1), (("drug", drug + 1),), most=1)
    redose = EventRow("redose", sympy.And(symbol("effector") < 1e6, TIME > 10), (("effector", symbol("effector") * 5),))
    net = replace(net, events=(rescue, redose), running=(worst,))
    compiler, days, found = find_compiler(), np.linspace(-6, 90, 97), {}
    for lanes in (1, 4, 8):
        kernel = Compiled(net, net.state_names, compiler, lanes=lanes)
        found[lanes] = kernel.run(parameters, start, doses, days, begin=-6.0, threads=2)
    assert np.array_equal(found[8].values, found[4].values)
    assert np.array_equal(found[8].event_day, found[4].event_day, equal_nan=True)
    assert found[1].values == pytest.approx(found[4].values, rel=1e-9, abs=1e-12)  # scalar code may round otherwise
    assert (found[4].status == 0).all()
    assert np.isfinite(found[4].event_day[:, 0]).sum() > 0
    own = type(doses)(doses.when[5:6], doses.state, doses.keep, doses.add[5:6])
    kernel = Compiled(net, net.state_names, compiler, lanes=4)
    alone = kernel.run(parameters[5:6], start[5:6], own, days, begin=-6.0)
    assert np.array_equal(alone.values[0], found[4].values[5])


def test_patients_with_events_do_not_go_together():
    net = decay(REFILL)
    kernel = Compiled(net, net.state_names, find_compiler(), lanes=4)
    with pytest.raises(UserError, match="no event"):
        kernel.run(np.full((4, 1), 0.5), np.full((4, 1), 10.0), no_doses(4), [1.0], together=True)


def test_patients_who_go_together_share_every_step():
    net, parameters, start, doses = immune_population(4, spread=0.0)
    kernel = Compiled(net, net.state_names, find_compiler(), lanes=4)
    parameters[1:] *= 1 + 0.3 * np.arange(1, 4)[:, None]
    found = kernel.run(parameters, start, doses, [60.0], begin=-6.0, together=True)
    assert len(set(found.steps.tolist())) == 1
    alone = kernel.run(parameters, start, doses, [60.0], begin=-6.0)
    assert len(set(alone.steps.tolist())) > 1
    assert found.values == pytest.approx(alone.values, rel=1e-3, abs=1e-3)

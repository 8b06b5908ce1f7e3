"""Courses of whole cells: the same to the byte, equal to a plain reading of the method, and clear when they fail."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kernel_networks import dose_table, immune_population, network
from perforin.errors import ModelError, UserError
from perforin.kernels.build import build as build_kernel
from perforin.kernels.build import no_doses
from perforin.kernels.compile import Compiler, find_compiler
from perforin.kernels.stochastic import PURPOSE, build
from perforin.model.mechanism import symbol
from perforin.model.network import EventRow, FlowRow, Network, RunningRow, Slot, State
from perforin.streams import Streams, philox

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
X, Y, A, B = (symbol(name) for name in ("x", "y", "a", "b"))
DAYS = np.arange(0.0, 21.0, 2.0)


@pytest.fixture(autouse=True)
def _cache(cache, monkeypatch):
    monkeypatch.setenv("PERFORIN_CACHE", str(cache))


def hunted():
    """Two kinds of cell, and three kinds of event."""
    flows = [("birth", A * X, None, "x"), ("change", B * X * Y, "x", "y"), ("death", 0.5 * Y, "y", None)]
    return network({"x": "cell", "y": "cell"}, flows)


def follow(net=None, patients=3, replicates=5, start=(20.0, 5.0), **how):
    net = net or hunted()
    mode = {"mode": how.pop("mode", "exact"), "counted": how.pop("counted", None)}
    parameters = np.tile([0.4, 0.03], (patients, 1))[:, : len(net.parameters)]
    outputs = how.pop("outputs", net.state_names)
    days, doses = how.pop("days", DAYS), how.pop("doses", no_doses(patients))
    return build(net, outputs, **mode).run(
        parameters, np.tile(start, (patients, 1)), doses, days, seed=how.pop("seed", 1), replicates=replicates, **how
    )


def plainly(patient, replicate, a, b, x, y):
    """Gillespie's direct method in a few lines of Python, with the same random numbers."""
    blocks = np.zeros((2000, 4), dtype=np.uint64)
    blocks[:, 0], blocks[:, 2], blocks[:, 3] = patient, replicate, np.arange(2000)
    words = philox(blocks, Streams(1).key(PURPOSE)).reshape(-1, 2)
    luck = iter(((words[:, 0] << np.uint64(20) | words[:, 1] >> np.uint64(12)) + 0.5) * 2.0**-52)
    day, left, out = 0.0, -np.log(next(luck)), []
    while len(out) < len(DAYS):
        rates = np.array([a * x, b * x * y, 0.5 * y])
        happens = day + left / rates.sum() if rates.sum() else np.inf
        while len(out) < len(DAYS) and DAYS[len(out)] < happens:
            out.append((x, y))
        if len(out) < len(DAYS):
            day, left = happens, -np.log(next(luck))
            which = int(np.searchsorted(np.cumsum(rates), next(luck) * rates.sum(), side="right"))
            x, y = [(x + 1, y), (x - 1, y + 1), (x, y - 1)][which]
    return np.array(out)


def test_courses_are_those_of_the_method_read_plainly():
    run = follow(patients=3, replicates=3)
    for patient in range(3):
        for replicate in range(3):
            expected = plainly(patient, replicate, 0.4, 0.03, 20, 5)
            np.testing.assert_array_equal(run.values[patient, replicate], expected)
    assert run.events.min() > 50


@pytest.mark.parametrize("mode", ["exact", "hybrid"])
def test_threads_chunks_company_and_reported_days_change_no_byte(mode, monkeypatch):
    how = {"mode": mode, "counted": None if mode == "exact" else ["x"]}
    whole = follow(replicates=20, **how)
    assert follow(replicates=20, threads=3, **how).values.tobytes() == whole.values.tobytes()
    monkeypatch.setattr("perforin.kernels.stochastic.CHUNK", 7)
    assert follow(replicates=20, **how).values.tobytes() == whole.values.tobytes()
    alone = follow(patients=1, replicates=20, **how)
    assert alone.values[0].tobytes() == whole.values[0].tobytes()
    fewer = follow(replicates=20, days=[*DAYS[:5], DAYS[-1]], **how)
    assert fewer.values[:, :, -1].tobytes() == whole.values[:, :, -1].tobytes()


def test_luck_is_keyed_by_seed_and_by_the_number_of_the_patient():
    net = hunted()
    run = build(net).run(
        np.tile([0.4, 0.03], (3, 1)), np.tile([20.0, 5.0], (3, 1)), no_doses(3), DAYS, seed=1, patients=[7, 0, 7]
    )
    assert run.values[0].tobytes() == run.values[2].tobytes() != run.values[1].tobytes()
    assert follow(net, seed=2).values.tobytes() != follow(net, seed=1).values.tobytes()


def test_other_compilers_give_the_same_bytes(monkeypatch):
    """Nothing is contracted or reassociated, and logarithms are our own."""
    whole = follow(mode="hybrid", counted=["x"])
    command = find_compiler().command
    monkeypatch.setattr("perforin.kernels.stochastic.find_compiler", lambda: Compiler(command, "another"))
    monkeypatch.setattr("perforin.kernels.compile.FLAGS", ("-O1", "-shared", "-fPIC", "-w"))
    assert follow(mode="hybrid", counted=["x"]).values.tobytes() == whole.values.tobytes()


def test_a_hybrid_in_which_everything_is_few_is_exact():
    exact = follow(replicates=10)
    hybrid = follow(replicates=10, mode="hybrid", counted=["x", "y"], few=1e6)
    np.testing.assert_array_equal(hybrid.values, exact.values)


def test_a_hybrid_in_which_nothing_is_few_is_the_differential_equation():
    net, parameters, start, doses = immune_population(2)
    names, days = net.state_names, np.arange(0.0, 41.0, 10.0)
    run = build(net, names, mode="hybrid").run(
        parameters, start, doses, days, seed=1, begin=-6.0, few=1e-3, rtol=1e-8
    )
    solution = build_kernel(net, names).run(parameters, start, doses, days, begin=-6.0, rtol=1e-8)
    np.testing.assert_allclose(run.values[:, 0], solution.values, rtol=1e-4, atol=1e-3)
    assert (run.events == 0).all()


def test_a_dose_acts_on_its_day_and_a_day_reports_what_is_there_after_it():
    net = network({"x": "cell"}, [("death", A * X, "x", None)])
    doses = dose_table(net, [(3.0, "x", 0.0, 7.0), (3.0, "x", 1.0, 2.0)], 1)
    run = follow(net, patients=1, start=[5.0], doses=doses, days=[0.0, 3.0])
    np.testing.assert_array_equal(run.values[0, :, :, 0], np.tile([5.0, 9.0], (5, 1)))


def test_days_before_the_beginning_are_not_numbers():
    run = follow(days=[-1.0, 0.0, 1.0])
    assert np.isnan(run.values[:, :, 0]).all() and (run.values[:, :, 1] == [20, 5]).all()


def test_levels_and_flows_are_reported_at_the_state_of_the_day():
    net = network({"x": "cell"}, [("death", A * X, "x", None)], {"double": 2 * X})
    values = follow(net, start=[20.0], outputs=["x", "double", "death"]).values
    np.testing.assert_array_equal(values[..., 1], 2 * values[..., 0])
    np.testing.assert_allclose(values[..., 2], 0.4 * values[..., 0])


def test_an_output_that_names_a_state_is_the_state_whatever_flows_are_called():
    net = network({"x": "cell"}, [("x", A * X, "x", None), ("twice", A * X, None, "x"), ("twice", A * X, None, "x")])
    assert (follow(net, start=[20.0], days=[0.0]).values == 20).all()
    with pytest.raises(ModelError, match="found two flows named 'twice'"):
        build(net, ["twice"])


def test_whoever_is_counted_from_a_fraction_is_rounded_by_chance_and_on_average_kept():
    net = network({"x": "cell"}, [("birth", 0 * X, None, "x")])
    run = follow(net, patients=1, start=[2.25], mode="hybrid", counted=["x"], replicates=4000, days=[0.0])
    assert set(np.unique(run.values)) == {2.0, 3.0}
    assert abs(run.values.mean() - 2.25) < 3 * np.sqrt(0.25 * 0.75 / 4000)


def test_an_event_out_of_an_empty_state_has_no_rate_even_where_its_formula_has_none():
    net = network({"x": "cell", "y": "cell"}, [("change", X * X / (X + Y), "x", "y"), ("death", A * Y, "y", None)])
    run = follow(net, days=[100.0])
    assert run.status.tolist() == [0, 0, 0] and (run.values == 0).all()


def test_the_time_is_a_state_that_is_followed():
    clock = FlowRow("time passes", symbol("one"), None, "time")
    net = network({"x": "cell", "time": "day"}, [("birth", symbol("time"), None, "x")])
    net = replace(net, flows=(*net.flows, clock), parameters=(Slot("one", "", "", "one"),))
    with pytest.raises(ModelError, match="needed mode='hybrid' and it to be followed"):
        build(net)
    run = build(net, ["x", "time"], mode="hybrid", counted=["x"]).run(
        np.ones((1, 1)), np.zeros((1, 2)), no_doses(1), [8.0], seed=1, replicates=2000
    )
    births = run.values[0, :, 0, 0]
    np.testing.assert_allclose(run.values[..., 1], 8.0)
    assert abs(births.mean() - 32) < 3 * np.sqrt(32 / 2000) and 0.9 < births.var() / 32 < 1.1


def test_an_action_follows_the_moment_at_which_its_condition_becomes_true():
    drug = symbol("drug")
    flows = [("birth", 0.5 * X, None, "x"), ("kill", 20 * drug * X, "x", None), ("loss", drug, "drug", None)]
    net = network({"x": "cell", "drug": ""}, flows)
    treat = EventRow("treat", X > 60, (("drug", drug + 1),), most=1)
    stop = EventRow("stop", symbol("time") >= 20, (("x", X - X),))
    net = replace(net, events=(treat, stop))
    run = build(net, ["x", "drug"], mode="hybrid", counted=["x"]).run(
        np.zeros((1, 0)), np.array([[50.0, 0.0]]), no_doses(1), np.linspace(0, 20, 401), seed=1, replicates=50
    )
    cells, levels = run.values[0, :, :, 0], run.values[0, :, :, 1]
    assert run.status[0] == 0 and (cells[:, -1] == 0).all()
    first = (levels > 0).argmax(axis=1)
    assert (first > 0).any()
    for row, level, day in zip(cells, levels, first, strict=True):
        assert row[:day].max() <= 60 and 0.95 < level[day] <= 1


# ---- what cannot be followed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flow,start,reason",
    [
        (("birth", A * (10 - X), None, "x"), 20.0, "the rate of birth is negative at day 0 in replicate 0"),
        (("death", A * (1 + X), "x", None), 2.0, "death takes cells that are not there at day"),
        (("birth", 1 / (X - 20), None, "x"), 20.0, "the rate of an event is not finite at day 0"),
        (("birth", A * X, None, "x"), 2.5, "x is not a whole number of cells at day 0"),
        (("birth", A * X, None, "x"), -1.0, "x is not a whole number of cells at day 0"),
        (("birth", 100 * X * X, None, "x"), 20.0, "more than 1000 events at day"),
    ],
)
def test_a_patient_who_cannot_be_followed_is_named(flow, start, reason):
    net = network({"x": "cell"}, [flow, ("loss", 0.01 * X, "x", None)])
    parameters = np.full((1, len(net.parameters)), 0.4)
    run = build(net, ["x"]).run(
        parameters, np.array([[start]]), no_doses(1), DAYS, seed=1, replicates=3, most_events=1000
    )
    assert run.status[0] == 2 and run.reasons[0].startswith(reason)
    assert np.isnan(run.values).all()


def test_a_failed_patient_changes_no_other():
    sound = follow(patients=2)
    starts = np.array([[20.0, 5.0], [20.0, 5.5]])
    run = build(hunted()).run(np.tile([0.4, 0.03], (2, 1)), starts, no_doses(2), DAYS, seed=1, replicates=5)
    assert run.status.tolist() == [0, 2] and run.reasons[1].startswith("y is not a whole number")
    assert run.values[0].tobytes() == sound.values[0].tobytes()


def test_surroundings_without_a_solution_are_named():
    net = network({"x": "cell", "y": ""}, [("grow", Y * Y, None, "y"), ("death", A * X * Y, "x", None)])
    run = follow(net, patients=1, start=[5.0, 1.0], mode="hybrid", counted=["x"])
    assert run.status[0] == 2 and run.reasons[0].startswith("the surroundings have no solution in y at day")


def test_numbers_that_are_not_finite_name_their_patient():
    net = hunted()
    parameters = np.array([[0.4, 0.03], [np.nan, 0.03]])
    run = build(net).run(parameters, np.tile([20.0, 5.0], (2, 1)), no_doses(2), DAYS, seed=1)
    assert run.status.tolist() == [0, 2] and run.reasons == ("", "parameter a is nan")


@pytest.mark.parametrize(
    "how,message",
    [
        ({"mode": "exakt"}, "found the mode 'exakt'"),
        ({"mode": "hybrid"}, "found no state to count"),
        ({"mode": "hybrid", "counted": ["z"]}, "found the counted state 'z'; needed a state of the network"),
        ({"outputs": ["z"]}, "found the output 'z'; needed a state, a level or a flow"),
    ],
)
def test_what_is_misspelt_is_refused(how, message):
    with pytest.raises(UserError, match=message):
        build(hunted(), **how)


@pytest.mark.parametrize("how,message", [({"change": 0.0}, "found a change of 0"), ({"few": -1.0}, "found few = -1"),
                                         ({"replicates": 0}, "found 0 replicates")])  # fmt: skip
def test_settings_outside_their_range_are_refused(how, message):
    with pytest.raises(UserError, match=message):
        follow(mode="hybrid", counted=["x"], **how)


def test_actions_that_call_for_each_other_are_named():
    up, down = EventRow("up", X < 1, (("x", X + 1),)), EventRow("down", X >= 1, (("x", X - 1),))
    net = replace(network({"x": "cell"}, [("birth", X, None, "x")]), events=(up, down))
    run = follow(net, patients=1, start=[0.0])
    assert run.status[0] == 2 and "is called for again and again at day 0" in run.reasons[0]


def test_patients_need_a_number_each():
    with pytest.raises(UserError, match="found patients of shape"):
        build(hunted()).run(np.ones((2, 2)), np.ones((2, 2)), no_doses(2), DAYS, seed=1, patients=[1])


def test_half_a_cell_and_the_memory_of_a_course_are_refused():
    half = Network((State("x", ""),), (), (FlowRow("bud", A, change=(("x", 0.5),)),), (Slot("a", "", "", "a"),))
    with pytest.raises(ModelError, match="'bud' that changes 'x' by 0.5; needed a whole number"):
        build(half)
    with pytest.raises(ModelError, match="found 'highest', which remembers the course"):
        build(replace(hunted(), running=(RunningRow("highest", "peak", X),)))


@pytest.mark.slow
def test_the_example_of_counting_cells_runs(capsys):
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "count-cells.md").read_text(encoding="utf-8")
    exec(compile("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), "count-cells", "exec"), {})  # noqa: S102
    assert capsys.readouterr().out.splitlines()[0] == "(1, 200, 31, 4) [0]"

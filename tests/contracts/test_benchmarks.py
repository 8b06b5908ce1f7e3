"""The benchmarks: what is compared is the same, scores are what they say, and the README shows the results."""

from __future__ import annotations

import json
import math
import sys

import numpy as np
import pytest

from source_tree import ROOT, read

sys.path += [str(ROOT / "benchmarks"), str(ROOT / "benchmarks" / "tools")]

import plot
import reference_model
import results
from formulas import python_source
from problem import Clock, Problem
from registry import BENCHES, TOOLS
from run import arguments, jobs
from scoring import Point, Row, errors, frontier, ratio, representative, row, time_at
from with_perforin import prepare

from kernel_networks import immune, immune_population
from perforin.kernels.build import build
from perforin.kernels.interpret import Interpreted

COLUMNS = {
    "bench": str, "tool": str, "version": str, "unit_of_work": str, "ms_per_unit": float,
    "median_error": float | None, "ratio_to_perforin": float | None, "ratio_low": float | None,
    "ratio_high": float | None,
}  # fmt: skip
FROZEN_SLOPES = [0.0327985159759, 0.301465710896, -0.672295998698, 2.41928960959, -44.1823297871, -1.04903968428]
ORDINARY = {
    "exp": math.exp, "log": math.log, "sqrt": math.sqrt, "power": lambda a, b: max(a, 1e-300) ** b, "larger": max,
    "step": lambda a: float(a > 0), "where": lambda test, a, b: a if test else b, "both": lambda a, b: a and b,
    "either": lambda a, b: a or b, "negated": lambda a: not a,
}  # fmt: skip


def point(error: float, *times: float, tool: str = "perforin") -> Point:
    return Point(tool, "1", 1e-6, times, (error,))


# The results that are kept


def test_every_row_of_the_results_has_the_columns_that_are_promised() -> None:
    rows = results.read(results.LATEST)
    assert rows
    for one in rows:
        assert list(one) == list(COLUMNS) == list(Row.__dataclass_fields__)
        assert all(isinstance(one[name], kind) for name, kind in COLUMNS.items()), one
        assert one["ms_per_unit"] > 0
        assert one["ratio_low"] is None or one["ratio_low"] <= one["ratio_to_perforin"] <= one["ratio_high"]


def test_a_tool_has_one_row_in_a_bench_and_perforin_is_one_there() -> None:
    rows = results.read(results.LATEST)
    assert len({(one["bench"], one["tool"]) for one in rows}) == len(rows)
    ours = [one for one in rows if one["tool"] == "perforin"]
    assert {one["bench"] for one in ours} == {one["bench"] for one in rows}
    assert all(one["ratio_to_perforin"] in (1, None) for one in ours)


def test_the_readme_shows_the_table_that_follows_from_the_results() -> None:
    _, _, rest = read(results.README).partition(results.BEGIN)
    shown, _, after = rest.partition(results.END)
    assert after
    assert shown.strip() == results.table(results.read(results.LATEST)).strip()


def test_the_plot_is_the_one_that_follows_from_the_curves() -> None:
    curves = [record for record in results.read(results.CURVES) if record.get("points")]
    assert curves
    assert plot.PLOT.read_text() == plot.svg(curves)


def test_new_rows_replace_those_of_their_bench_and_foreign_ones_stay() -> None:
    kept = [{"bench": "orders", "tool": "a"}, {"bench": "solve", "tool": "a"}, {"bench": "solve", "tool": "b"}]
    found = results.merged(kept, [{"bench": "solve", "tool": "a", "new": True}])
    assert found == [{"bench": "orders", "tool": "a"}, {"bench": "solve", "tool": "a", "new": True}]


def test_the_table_keeps_what_stands_around_it(tmp_path) -> None:
    page, latest = tmp_path / "README.md", tmp_path / "latest.json"
    page.write_text(f"before\n{results.BEGIN}\nold\n{results.END}\nafter\n")
    numbers = {"version": "1", "unit_of_work": "patient-year", "median_error": 3e-5, "ratio_low": 2, "ratio_high": 4}
    rows = [("m/solve", "perforin", 0.2, 1.0), ("m/solve", "other", 0.6, 3.0), ("orders", "perforin", 4000.0, 1.0)]
    names = ("bench", "tool", "ms_per_unit", "ratio_to_perforin")
    results.write(latest, [dict(zip(names, one, strict=True)) | numbers for one in rows])
    for _ in range(2):
        results.write_table(page, latest)
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "| perforin 1 | 0.2 ms, error 3e-05 |" in lines
    assert "| other 1 | 3 × (2 to 4) |" in lines
    assert "| orders | 4 s a patient-year |  |" in lines


# Scores


def test_an_error_is_relative_but_for_a_state_that_is_all_but_gone() -> None:
    truth = np.array([[[1.0, 1e-9], [100.0, 1e-9]]])
    found = truth + np.array([[[0.011, 0.0], [1.0, 1e-9]]])
    assert errors(found, truth, np.array([1e-10, 1e-8])) == pytest.approx([0.011 / (1.0 + 0.1 + 1e-8)])
    assert errors(found[:, :, 1:], truth[:, :, 1:], np.array([1e-8])) < 1e-2


def test_a_missing_value_is_an_infinite_error_and_not_a_small_one() -> None:
    truth = np.ones((2, 3, 1))
    found = truth.copy()
    found[1, 2, 0] = np.nan
    assert errors(found, truth, np.zeros(1)).tolist() == [0.0, math.inf]
    assert Point("t", "1", 1e-6, (1.0,), (0.1, math.inf, 0.1)).failed == 1


def test_a_point_that_another_beats_in_time_and_error_is_not_on_the_frontier() -> None:
    points = [point(1e-3, 1.0), point(1e-4, 3.0), point(1e-5, 2.0), point(1e-6, 4.0), point(math.inf, 0.1)]
    assert [(one.median, one.time) for one in frontier(points)] == [(1e-3, 1.0), (1e-5, 2.0), (1e-6, 4.0)]


def test_times_are_read_off_straight_in_logarithms() -> None:
    curve = [point(1e-2, 1.0), point(1e-4, 4.0)]
    assert time_at(1e-3, curve) == pytest.approx((2.0, 0.0))
    assert time_at(1e-4, curve) == pytest.approx((4.0, 0.0))


def test_times_are_read_off_half_a_decade_beyond_the_curve_and_no_further() -> None:
    curve = [point(1e-2, 1.0), point(1e-4, 4.0)]
    tighter, reach = time_at(10**-4.4, curve)
    assert (tighter, reach) == (pytest.approx(4.0 * 4**0.2), pytest.approx(0.4))
    assert time_at(10**-1.6, curve) == pytest.approx((1.0, 0.4))
    assert math.isnan(time_at(10**-4.6, curve)[0])
    assert ratio(point(10**-4.6, 1.0), curve) is None
    assert ratio(point(math.inf, 1.0), curve) is None


def test_a_ratio_compares_repeat_with_repeat_at_the_same_error() -> None:
    curve = [point(1e-2, 1.0, 2.0, 1.0), point(1e-4, 4.0, 8.0, 4.0)]
    found = ratio(point(1e-3, 20.0, 20.0, 60.0, tool="other"), curve)
    assert found is not None
    assert (found.low, found.median, found.high) == pytest.approx((5.0, 10.0, 30.0))


def test_the_row_of_a_tool_is_its_point_nearest_to_the_stated_error() -> None:
    points = [point(error, time, tool="other") for error, time in ((1e-3, 1.0), (2e-5, 5.0), (1e-8, 9.0))]
    nearest = representative(points)
    assert nearest is points[1]
    assert row("b", "patient", nearest, [point(2e-5, 0.5)]) == Row("b", "other", "1", "patient", 5.0, 2e-5, 10, 10, 10)
    assert representative([point(math.inf, 1.0)]) is None


# What every tool is given


def test_the_reference_model_is_frozen() -> None:
    network, (parameters, start) = reference_model.network(), reference_model.population(3)
    assert (len(network.states), len(network.parameters), len(reference_model.DAYS)) == (24, 61, 100)
    slopes = Interpreted(network, network.state_names).slopes(np.linspace(0.5, 3.0, 24), parameters[2])
    assert [slopes[i] for i in (0, 3, 6, 13, 19, 20)] == pytest.approx(FROZEN_SLOPES, rel=1e-9)
    assert start[2, 6:9] / start[0, 6:9] == pytest.approx([start[2, 6] / start[0, 6]] * 3)


def test_patients_of_the_reference_model_do_not_depend_on_their_number_and_spread_by_thirty_per_cent() -> None:
    few, many = reference_model.population(3)[0], reference_model.population(4000)[0]
    assert (many[:3] == few).all()
    assert many.std(axis=0) / many.mean(axis=0) == pytest.approx(0.3, abs=0.03)
    assert many.mean(axis=0) == pytest.approx(list(reference_model.PARAMETERS.values()), rel=0.03)


@pytest.mark.parametrize("network,parameters,start", [
    (reference_model.network(), *reference_model.population(2)), (immune(), *immune_population(2)[1:3]),
], ids=["reference", "every function"])  # fmt: skip
def test_other_tools_are_given_the_slopes_and_the_jacobian_of_the_kernel(network, parameters, start) -> None:
    space = dict(ORDINARY)
    exec(python_source(network), space)  # noqa: S102 our own text
    n = len(network.states)
    state = (start[1] + 0.01) * np.linspace(0.5, 1.5, n)
    slopes, matrix = np.empty(n), np.zeros((n, n))
    space["slopes"](state, parameters[1], slopes)
    space["jacobian"](state, parameters[1], matrix)
    ours, theirs = build(network, network.state_names, backend="compiled").linearise(state, parameters[1])
    assert slopes == pytest.approx(ours, rel=1e-10, abs=1e-12)
    assert matrix == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def growing(tmp_path, when: list[float], days: list[float], keep: float = 1.0) -> Problem:
    """One patient with one state that stays as it is between doses of 3."""
    count = len(when)
    return Problem(tmp_path, np.ones((1, 1)), np.ones((1, 1)), np.array([when]), np.zeros(count, np.int32),
                   np.full(count, keep), np.full((1, count), 3.0), np.array(days), 0.0, np.ones(1))  # fmt: skip


def test_a_tool_is_stopped_at_every_dose_and_a_day_of_dosing_reports_what_is_there_after(tmp_path) -> None:
    problem, asked = growing(tmp_path, [2.0, 0.0, math.inf, 9.0], [0.0, 1.0, 2.0, 4.0]), []

    def advance(state, times):
        asked.append(times.tolist())
        return np.tile(state, (len(times) - 1, 1))

    assert problem.follow(0, advance)[:, 0].tolist() == [4.0, 4.0, 7.0, 7.0]
    assert asked == [[0.0, 1.0, 2.0], [2.0, 4.0]]


def test_doses_between_reported_days_are_given_and_replacing_ones_replace(tmp_path) -> None:
    problem = growing(tmp_path, [0.5, 1.5], [1.0, 2.0], keep=0.0)
    assert problem.follow(0, lambda state, times: np.tile(state, (len(times) - 1, 1)))[:, 0].tolist() == [3.0, 3.0]


def test_a_problem_is_read_back_as_it_was_written(tmp_path) -> None:
    problem = growing(tmp_path, [0.0], [1.0])
    problem.write(formulas_py="x = 1", names_json="[1]")
    back = Problem.read(tmp_path)
    assert (back.text("formulas.py"), back.json("names.json"), back.begin) == ("x = 1", [1], 0.0)
    assert all((getattr(back, name) == getattr(problem, name)).all() for name in ("parameters", "when", "days"))


@pytest.mark.slow
def test_the_kernel_measured_is_as_accurate_as_is_claimed(tmp_path) -> None:
    network, (parameters, start) = reference_model.network(), reference_model.population(2)
    doses, days = reference_model.doses(2), reference_model.DAYS[:20]
    problem = Problem(tmp_path, parameters, start, doses.when, doses.state, doses.keep, doses.add, days, 0.0,
                      network.absolute_tolerances)  # fmt: skip
    problem.write(network_json=json.dumps(network.to_dict()))
    solve = prepare(problem)["perforin"]
    found, patients = solve(1e-5, Clock())
    truth = Interpreted(network, network.state_names, "DOP853").run(parameters, start, doses, days, rtol=1e-11).values
    assert patients >= 512
    assert found.shape == truth.shape
    assert errors(found, truth, network.absolute_tolerances).max() < 1e-3
    tight, _ = solve(1e-8, Clock())
    assert errors(tight, truth, network.absolute_tolerances).max() < 1e-6


# The registry and the command


def test_every_bench_can_be_asked_for_and_those_of_one_race_go_together() -> None:
    assert len({bench.name for bench in BENCHES}) == len(BENCHES)
    assert sum(map(len, jobs(["*"]))) == len(BENCHES)
    assert [[bench.phase for bench in job] for job in jobs(["reference/*"])] == [["compile", "solve"], ["reduce"]]


def test_every_tool_has_a_module_and_its_packages_are_pinned() -> None:
    pinned = {line.partition("==")[0] for line in read(ROOT / "benchmarks" / "rivals.txt").splitlines() if "==" in line}
    for tool in TOOLS:
        assert (ROOT / "benchmarks" / "tools" / f"{tool.module}.py").exists()
        assert set(tool.packages) <= pinned
    assert pinned == {package for tool in TOOLS for package in tool.packages}


def test_an_unknown_bench_is_named_with_those_that_are_known(capsys) -> None:
    with pytest.raises(SystemExit):
        arguments(["referenc/solve"])
    assert "found the bench 'referenc/solve'" in capsys.readouterr().err

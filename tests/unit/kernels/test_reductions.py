"""Peaks, areas and crossings found while solving are those of the exact solution, whatever the outputs stored."""

from __future__ import annotations

import numpy as np
import pytest

from kernel_networks import dose_table, immune_population, network
from perforin.errors import UserError
from perforin.kernels.build import build, no_doses
from perforin.kernels.compile import find_compiler
from perforin.kernels.compiled import Compiled
from perforin.kernels.reductions import Reduction
from perforin.model.mechanism import symbol

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
IN, OUT = 1.7, 0.4
ARRIVES = np.log(IN / OUT) / (IN - OUT)


def absorption():
    """Bateman: from gut to blood at rate ``into``, lost at rate ``out``."""
    gut, blood, into, out = (symbol(name) for name in ("gut", "blood", "into", "out"))
    flows = [("absorb", into * gut, "gut", "blood"), ("clear", out * blood, "blood", None)]
    return network({"gut": "mg", "blood": "mg"}, flows, {"tenfold": 10 * blood})


def blood(t, rate=1.0):
    return IN * rate / (IN * rate - OUT) * (np.exp(-OUT * t) - np.exp(-IN * rate * t))


def solved(reductions, until=20.0, doses=None, start=(1.0, 0.0), patients=1, net=None, **options):
    net = net or absorption()
    kernel = build(net, ("blood", "tenfold"), backend="compiled")
    rates = np.tile([IN, OUT], (patients, 1))
    given = doses or no_doses(patients)
    return kernel.run(
        rates, np.tile(start, (patients, 1)), given, [until], rtol=1e-8, reductions=reductions, **options
    )


def test_peak_and_its_day_are_those_of_the_closed_form():
    found = solved([Reduction("peak", "blood"), Reduction("peak_day", "blood"), Reduction("peak", "tenfold")])
    assert found.reduced[0] == pytest.approx([blood(ARRIVES), ARRIVES, 10 * blood(ARRIVES)], rel=3e-5)
    assert found.reduced[0, 0] == pytest.approx(blood(ARRIVES), rel=1e-7)
    assert found.values.shape == (1, 1, 2)


def test_area_is_the_integral():
    found = solved([Reduction("area", "blood"), Reduction("area", "blood", begin=1.0, end=3.5)])

    def integral(a, b):
        both = ((np.exp(-OUT * a) - np.exp(-OUT * b)) / OUT, (np.exp(-IN * a) - np.exp(-IN * b)) / IN)
        return IN / (IN - OUT) * (both[0] - both[1])

    assert found.reduced[0] == pytest.approx([integral(0, 20), integral(1, 3.5)], rel=1e-7)


def test_crossings_and_days_above_a_level():
    kinds = ("first_above", "last_above", "first_below", "last_below", "days_above")
    found = solved([Reduction(kind, "blood", 0.5) for kind in kinds]).reduced[0]
    first, last, _, _, above = found
    assert blood(np.array([first, last])) == pytest.approx([0.5, 0.5], rel=1e-6)
    assert first < ARRIVES < last
    assert above == pytest.approx(last - first, rel=1e-12)
    assert found[2:4].tolist() == [0.0, 20.0]


def test_a_level_never_reached_is_no_day():
    found = solved([Reduction("first_above", "blood", 5.0), Reduction("days_above", "blood", 5.0)])
    assert np.isnan(found.reduced[0, 0])
    assert found.reduced[0, 1] == 0.0


def test_each_patient_may_have_a_level():
    levels = np.array([0.3, 0.5])
    found = solved([Reduction("first_above", "blood", levels)], patients=2)
    assert blood(found.reduced[:, 0]) == pytest.approx(levels, rel=1e-6)


def test_a_dose_jumps_over_a_level():
    net = absorption()
    doses = dose_table(net, [(2.0, "blood", 1.0, 10.0)], 1)
    wanted = (Reduction("first_above", "blood", 5.0), Reduction("peak", "blood"), Reduction("nadir", "blood", begin=3))
    found = solved(wanted, doses=doses).reduced[0]
    assert found[0] == 2.0
    assert found[1] == pytest.approx(blood(2.0) + 10, rel=1e-7)
    assert found[2] == pytest.approx(blood(20.0) + 10 * np.exp(-OUT * 18), rel=1e-6)


def test_lowest_value_between_two_doses():
    net = absorption()
    doses = dose_table(net, [(4.0, "gut", 1.0, 1.0)], 1)
    low, day = solved([Reduction("nadir", "blood", begin=3.0), Reduction("nadir_day", "blood", begin=3.0, end=6.0)],
                      doses=doses, until=6.0).reduced[0]  # fmt: skip
    assert day == pytest.approx(4.0, abs=1e-6)
    assert low == pytest.approx(blood(4.0), rel=1e-6)


def test_many_crossings_of_an_oscillation():
    x, v, k = symbol("x"), symbol("v"), symbol("k")
    net = network({"x": "", "v": ""}, [("forth", k * v, None, "x"), ("back", k * x, "v", None)])
    kernel = build(net, ("x",), backend="compiled")
    wanted = [Reduction("days_above", "x", 0.5), Reduction("last_above", "x", 0.5), Reduction("area", "x")]
    found = kernel.run(np.ones((1, 1)), np.array([[0.0, 1.0]]), no_doses(1), [10 * np.pi], rtol=1e-9, reductions=wanted)
    assert found.reduced[0] == pytest.approx([5 * 2 * np.pi / 3, 8 * np.pi + 5 * np.pi / 6, 0.0], rel=1e-6, abs=1e-6)


def test_reductions_do_not_depend_on_company_or_lanes():
    net, parameters, start, doses = immune_population(13, spread=0.2)
    wanted = [Reduction("peak", "il6"), Reduction("peak_day", "il6"), Reduction("area", "effector", begin=0, end=28),
              Reduction("days_above", "tumour_low", 1e9)]  # fmt: skip
    compiler = find_compiler()
    found = {}
    for lanes in (1, 8, 4):
        kernel = Compiled(net, net.state_names, compiler, lanes=lanes)
        found[lanes] = kernel.run(parameters, start, doses, [60.0], begin=-6.0, reductions=wanted, threads=2).reduced
    assert np.array_equal(found[8], found[4])
    assert found[1] == pytest.approx(found[4], rel=1e-7)  # scalar code may round otherwise
    back = np.arange(12, -1, -1)
    turned = type(doses)(doses.when[back], doses.state, doses.keep, doses.add[back])
    again = kernel.run(parameters[back], start[back], turned, [60.0], begin=-6.0, reductions=wanted).reduced
    assert np.array_equal(again[back], found[4])
    stored = kernel.run(parameters, start, doses, np.linspace(-6, 60, 2641), begin=-6.0).values
    il6 = stored[:, :, net.state_names.index("il6")]
    assert (found[4][:, 0] >= il6.max(axis=1) * (1 - 1e-9)).all()
    assert found[4][:, 0] == pytest.approx(il6.max(axis=1), rel=2e-3)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (Reduction("peek", "blood"), "peak"),
        (Reduction("peak", "blod"), "blood"),
        (Reduction("first_above", "blood"), "level"),
        (Reduction("first_above", "blood", [1.0, 2.0]), "level"),
        (Reduction("area", "blood", begin=3.0, end=2.0), "window"),
    ],
)
def test_what_cannot_be_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        solved([wrong])


def test_a_failed_patient_has_no_numbers():
    y = symbol("y")
    net = network({"y": ""}, [("explode", y**2, None, "y")])
    kernel = build(net, ("y",), backend="compiled")
    found = kernel.run(np.empty((2, 0)), np.array([[1.0], [0.1]]), no_doses(2), [2.0],
                       reductions=[Reduction("peak", "y"), Reduction("days_above", "y", 0.5)])  # fmt: skip
    assert found.status.tolist() == [2, 0]
    assert np.isnan(found.reduced[0]).all()
    assert found.reduced[1] == pytest.approx([0.125, 0.0], rel=1e-4)


def test_the_interpreter_finds_the_same_numbers():
    net, parameters, start, doses = immune_population(2, spread=0.2)
    wanted = [Reduction(kind, "il6") for kind in ("peak", "peak_day", "nadir", "nadir_day", "area")]
    wanted += [Reduction(kind, "effector", 1e9) for kind in ("first_above", "last_above", "first_below", "days_above")]
    wanted += [Reduction("area", "tumour_low", begin=3.0, end=20.0)]
    kernels = (build(net, net.state_names, backend=backend) for backend in ("interpreted", "compiled"))
    slow, fast = (
        kernel.run(parameters, start, doses, [40.0], begin=-6.0, rtol=1e-8, reductions=wanted).reduced
        for kernel in kernels
    )
    assert np.array_equal(np.isnan(slow), np.isnan(fast))
    # The day of a flat valley is known less well than its depth.
    assert fast == pytest.approx(slow, rel=2e-5, abs=1e-3, nan_ok=True)

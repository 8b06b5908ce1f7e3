"""The Jacobian of endpoints: what single runs with a parameter changed by a factor show, with names and units."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from perforin.errors import UserError
from perforin.inference.gradients import At, Endpoint, jacobian
from perforin.inference.sensitivity import typical
from perforin.kernels.build import build
from perforin.kernels.compile import find_compiler
from perforin.kernels.reductions import Reduction
from perforin.patients.doses import doses_for
from perforin.prepared import make_ready
from perforin.scenario import read_scenario

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")
ENDPOINTS = (
    Endpoint("tumour, day 10", At("tumour_burden", 10.0), log10=True),
    Endpoint("Cmax", Reduction("peak", "product_blood", begin=0.0, end=14.0), log10=True),
    Endpoint("AUC", Reduction("area", "product_blood", begin=0.0, end=14.0)),
    Endpoint("IL-15, day 3", At("il15", 3.0)),
)


@cache
def ready():
    return make_ready(read_scenario("cd19_lbcl_head_to_head"))


def movable(arm):
    """A parameter that sets starts, one that doses hold, and some of the rates."""
    network = arm.model.network
    starts = {part for state in network.states for part in state.start if isinstance(part, str)}
    doses = {part for entry in network.entries for part in entry.factors if isinstance(part, str)}
    centre = dict(zip(network.parameter_names, typical(ready().scenario, arm.model)[0], strict=True))
    chosen = [next(n for n in sorted(names) if centre[n]) for names in (starts, doses) if names]
    return [*dict.fromkeys([*chosen, *[n for n, value in centre.items() if value][20:23]])]


def single_runs(arm, names, step=2e-3):
    """(endpoints, parameters) from ordinary runs at a tight tolerance, each by itself."""
    network = arm.model.network
    centre, middle = typical(ready().scenario, arm.model)
    numbers = np.tile(centre, (2 * len(names), 1))
    for k, name in enumerate(names):
        numbers[2 * k : 2 * k + 2, network.parameter_names.index(name)] *= np.exp([-step, step])
    columns = {name: np.repeat(value, len(numbers)) for name, value in middle.items()}
    doses = doses_for(network, arm.administrations(columns, np.full(len(numbers), arm.process.thaw.value)), numbers)
    place = {name: target for name, target, _ in network.observables}
    kernel = build(network, [place[name] for name in ("tumour_burden", "il15", "product_blood")], backend="compiled")
    wanted = [one.what._replace(output=place[one.what.output]) for one in ENDPOINTS[1:3]]
    solution = kernel.run(numbers, network.start(numbers), doses, [3.0, 10.0, 14.0], begin=arm.begin, rtol=1e-11,
                          reductions=wanted)  # fmt: skip
    peak, area = solution.reduced.T
    found = np.stack([np.log10(solution.values[:, 1, 0]), np.log10(peak), area, solution.values[:, 0, 1]])
    return found[:, ::2], (found[:, 1::2] - found[:, ::2]) / (2 * step)


@pytest.mark.parametrize("number", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_endpoints_move_as_single_runs_show(number):
    arm = ready().arms[number]
    names = movable(arm)
    values, slopes = single_runs(arm, names)
    found = jacobian(ready(), arm, ENDPOINTS, of=names)
    assert found.failures == ()
    assert found.parameters == tuple(names)
    assert found.values[0] == pytest.approx(values.mean(axis=1), rel=0.01)
    floor = 1e-6 * np.abs(slopes).max(axis=1, keepdims=True) + 1e-9
    assert (np.abs(found.slopes[0] - slopes) <= 1e-3 * np.abs(slopes) + floor).all()
    assert (slopes != 0).any(axis=0).sum() >= 3


def test_endpoints_have_names_and_units():
    arm = ready().arms[0]
    days = Endpoint("days above", Reduction("days_above", "tumour_burden", 1e3, 0, 14))
    found = jacobian(ready(), arm, [*ENDPOINTS, days], of=[movable(arm)[0]])
    assert found.units == ("log10(cell)", "log10(cell / µl)", "cell * d / µl", "pg / ml", "d")
    table = found.table()
    assert list(table) == ["patient", "endpoint", "unit", "value", "parameter", "slope"]
    assert list(table["endpoint"]) == [one.name for one in (*ENDPOINTS, days)]
    assert (table["slope"].to_numpy() == found.slopes.ravel()).all()


def test_patients_have_a_jacobian_each():
    arm = ready().arms[0]
    centre, middle = typical(ready().scenario, arm.model)
    other = np.where(np.array(arm.model.network.parameter_names) == "burden", 2 * centre, centre)
    both = np.stack([centre, other]), {name: np.repeat(value, 2) for name, value in middle.items()}
    two = jacobian(ready(), arm, ENDPOINTS, of=movable(arm)[:1], patients=both)
    one = jacobian(ready(), arm, ENDPOINTS, of=movable(arm)[:1])
    assert np.array_equal(two.slopes[:1], one.slopes)
    assert two.values.shape == (2, len(ENDPOINTS))
    assert (two.values[1] != two.values[0]).any()


def test_what_has_no_logarithm_or_is_not_known_is_refused():
    arm = ready().arms[0]
    centre, _ = typical(ready().scenario, arm.model)
    nothing = arm.model.network.parameter_names[int(np.flatnonzero(centre == 0)[0])]
    for change, message in (
        ({"of": [nothing]}, "of 0, which has no logarithm"),
        ({"of": ["burdon"]}, "'burdon'.*needed a parameter of the arm.*burden"),
        ({"endpoints": [Endpoint("x", At("tumor_burden", 1.0))]}, "needed an observable.*'tumour_burden'"),
        ({"endpoints": []}, "found no endpoint"),
    ):
        with pytest.raises(UserError, match=message):
            jacobian(ready(), arm, **{"endpoints": ENDPOINTS, "of": None, **change})

"""What every mechanism promises, checked on each one found by walking the package."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
import sympy

from perforin import units
from perforin.evidence.sources import bibliography
from perforin.library import default_library
from perforin.model.mechanism import Flow, Level, Mechanism, mechanism, symbol
from perforin.units import ANY, Cells, PerDay, Ratio

LIBRARY = default_library()
MECHANISMS = dict(LIBRARY.mechanisms)
SCALES = {  # where states and levels of a unit usually lie
    "cell": (1e0, 1e11), "cell/uL": (1e-2, 1e4), "cell/day": (1e0, 1e11), "molecule/cell": (1e0, 1e6),
    "": (1e-3, 1.0), "1/day": (1e-4, 2.0), "pg/mL": (1e-1, 1e4), "ng/mL": (1e-2, 1e1), "ug/mL": (1e-3, 1e3),
    "dose": (1e-3, 5.0), "uL": (3.5e6, 7e6), "molecule/cell/(nmol/L)": (0.1, 0.2), ANY: (1e-2, 1e4),
}  # fmt: skip
FUNCTIONS = [{"Power": np.power, "Larger": np.maximum, "Step": lambda x: np.heaviside(x, 0.0)}, "numpy"]
each = pytest.mark.parametrize("verb", MECHANISMS.values(), ids=list(MECHANISMS))


def ranges(verb: Mechanism) -> dict[str, tuple[float, float]]:
    """Where each port and parameter may lie: ports by unit, parameters between the ends of all their rows."""
    out = {name: SCALES[unit] for name, unit in verb.ports.items()}
    for name in verb.parameters:
        rows = LIBRARY.tables.get(f"{verb.name}.{name}", ())
        out[name] = (min((r.low for r in rows), default=0.1), max((r.high for r in rows), default=1.0))
    return out


def samples(verb: Mechanism, count: int = 25) -> Iterator[dict[str, float]]:
    luck = random.Random(verb.name)
    within = ranges(verb)
    for _ in range(count):
        yield {
            name: math.exp(luck.uniform(math.log(low), math.log(high))) if low > 0 else luck.uniform(low, high)
            for name, (low, high) in within.items()
        }


def items(verb: Mechanism, numbers: Mapping[str, object]) -> list[Flow | Level]:
    return list(verb.function(**numbers))


def read_with_symbols(verb: Mechanism) -> list[Flow | Level]:
    return items(verb, {name: symbol(name) for name in (*verb.ports, *verb.parameters)})


def negative_flows(verb: Mechanism) -> list[str]:
    return [
        f"{item.name} = {item.rate:g} at {numbers}"
        for numbers in samples(verb)
        for item in items(verb, numbers)
        if isinstance(item, Flow) and item.rate < 0
    ]


def flows_from_nothing(verb: Mechanism) -> list[str]:
    """Flows that drain a state which is empty."""
    ends = {item.name: str(item.source) for item in read_with_symbols(verb) if isinstance(item, Flow) and item.source}
    found = []
    for name, source in ends.items():
        for numbers in samples(verb, 5):
            rates = {item.name: item.rate for item in items(verb, numbers | {source: 0.0}) if isinstance(item, Flow)}
            if rates[name] != 0:
                found.append(f"{name} drains the empty {source} at {rates[name]:g}")
    return found


def docstring_problems(verb: Mechanism) -> list[str]:
    text = inspect.getdoc(verb.function) or ""
    found = [f"no line 'Assumes:', 'Leaves out:', 'Seen in:' in this order: {verb.place}"]
    places = [text.find(f"\n{head}: ") for head in ("Assumes", "Leaves out", "Seen in")]
    problems = [] if 0 < places[0] < places[1] < places[2] else found
    first = text.split("\n\n", maxsplit=1)[0].strip()
    return problems + ([] if first.endswith(".") and len(first.split()) >= 4 else [f"no first sentence: {first!r}"])


@each
def test_units_are_right_in_both_readings(verb: Mechanism) -> None:
    assert verb.levels is not None


@each
def test_everything_is_finite_within_the_ranges_of_the_tables(verb: Mechanism) -> None:
    for numbers in samples(verb):
        assert all(math.isfinite(item[1]) for item in items(verb, numbers)), numbers


@each
def test_no_flow_runs_backwards(verb: Mechanism) -> None:
    assert not negative_flows(verb)


@each
def test_nothing_flows_out_of_an_empty_state(verb: Mechanism) -> None:
    assert not flows_from_nothing(verb)


@each
def test_a_clinician_finds_what_is_assumed_left_out_and_seen(verb: Mechanism) -> None:
    assert not docstring_problems(verb)


@each
def test_every_parameter_has_a_row_in_its_unit(verb: Mechanism) -> None:
    for name, unit in verb.parameters.items():
        rows = LIBRARY.tables.get(f"{verb.name}.{name}", ())
        assert rows, f"{verb.name}.{name} has no row"
        assert unit == ANY or all(units.same(row.unit, unit) for row in rows), f"{verb.name}.{name}: {unit}"


@each
def test_every_citation_resolves(verb: Mechanism) -> None:
    assert set(verb.citations) <= set(bibliography())


@each
def test_floats_arrays_and_symbols_agree(verb: Mechanism) -> None:
    drawn = list(samples(verb, 8))
    columns = {name: np.array([one[name] for one in drawn]) for name in drawn[0]} if drawn[0] else {}
    arrays = items(verb, columns)
    symbols = [symbol(name) for name in columns]
    for i, item in enumerate(read_with_symbols(verb)):
        formula = sympy.lambdify(symbols, item[1], modules=FUNCTIONS)
        wanted = [items(verb, one)[i][1] for one in drawn]
        assert np.broadcast_to(arrays[i][1], len(drawn)) == pytest.approx(wanted, rel=1e-12, abs=0)
        found = np.broadcast_to(formula(*columns.values()), len(drawn))
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-300)


def test_tracers_agree_with_floats(request: pytest.FixtureRequest) -> None:
    jax = pytest.importorskip("jax", reason="JAX is not installed; it is no dependency")
    request.addfinalizer(lambda: jax.config.update("jax_enable_x64", False))
    jax.config.update("jax_enable_x64", True)
    for verb in MECHANISMS.values():
        for numbers in samples(verb, 2):
            traced = [item[1] for item in items(verb, jax.tree.map(jax.numpy.asarray, numbers))]
            wanted = [item[1] for item in items(verb, numbers)]
            assert [float(x) for x in traced] == pytest.approx(wanted, rel=1e-12), verb.name


@each
def test_slopes_are_those_of_finite_differences(verb: Mechanism) -> None:
    names = [*verb.ports, *verb.parameters]
    formulas = read_with_symbols(verb)
    for numbers in samples(verb, 3):
        at = {symbol(name): value for name, value in numbers.items()}
        for i, item in enumerate(formulas):
            for name in names[: len(verb.ports)]:
                step = 1e-5 * numbers[name]
                high, low = (items(verb, numbers | {name: numbers[name] + sign * step})[i][1] for sign in (1, -1))
                slope = sympy.lambdify(list(at), sympy.diff(item[1], symbol(name)), modules=FUNCTIONS)(*at.values())
                noise = 1e-9 * abs(item_value(verb, numbers, i)) / step
                assert slope == pytest.approx((high - low) / (2 * step), rel=1e-4, abs=max(noise, 1e-300))


def item_value(verb: Mechanism, numbers: Mapping[str, float], place: int) -> float:
    return float(items(verb, numbers)[place][1])


def test_every_row_is_of_a_mechanism() -> None:
    assert not set(LIBRARY.tables) - set(LIBRARY.stems)


def test_every_mechanism_is_found_and_there_are_many() -> None:
    assert {"killing", "recognition_by_density", "recognition_by_balance", "macrophages"} <= set(MECHANISMS)
    assert len(MECHANISMS) > 80


def test_shares_of_receptor_classes_add_to_one() -> None:
    rows = LIBRARY.tables["recognition_by_balance.share"]
    assert sum(row.value for row in rows) == pytest.approx(1.0, abs=1e-6)
    sites = LIBRARY.tables["expansion.site_share"]
    assert sum(row.value for row in sites) == pytest.approx(1.0, abs=1e-9)


def test_killers_pay_for_kills_by_the_same_shares_as_they_kill() -> None:
    kills = {row.parameter.partition("[")[2]: row.value for row in LIBRARY.tables["killing_strength.share"]}
    pays = {row.parameter.partition("[")[2]: row.value for row in LIBRARY.tables["granule_budget.share"]}
    assert pays == {member: kills[member] for member in pays}


@mechanism()
def runs_backwards(cell: Cells, brake: Ratio, *, rate: PerDay) -> Iterator[Flow]:
    """too short"""
    yield Flow("gain", rate * (1 - 2 * brake) * cell, sink=cell)


def test_planted_faults_are_found() -> None:
    assert any("gain" in line for line in negative_flows(runs_backwards))
    assert len(docstring_problems(runs_backwards)) == 2
    assert any("leak drains the empty cell" in line for line in flows_from_nothing(leaking()))


def leaking() -> Mechanism:
    def leak(cell: Cells, flood: Cells, *, rate: PerDay) -> Iterator[Flow]:
        yield Flow("leak", rate * (cell + flood), source=cell)

    return Mechanism(leak)

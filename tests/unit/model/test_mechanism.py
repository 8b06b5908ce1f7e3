"""A mechanism is a function; what is wrong with it is said in a sentence with its place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import pytest
import sympy

from perforin.errors import ModelError
from perforin.model.functions import exp, where
from perforin.model.mechanism import Flow, Level, Mechanism, grid, mechanism
from perforin.units import Anything, Cells, NgPerML, PerDay, PgPerML, Ratio
from toy_model import hunting, passage

Parts = Iterator[Flow | Level]


def test_ports_and_parameters_are_read_from_the_signature() -> None:
    assert hunting.name == "hunting"
    assert hunting.ports == {"prey": "cell", "hunter": "cell"}
    assert hunting.parameters == {"catches": "1/day", "half": "cell"}
    assert hunting.citations == ("Holling1959",)
    assert hunting.__doc__.startswith("Each hunter catches")
    assert hunting.place.startswith("toy_model.py:")


def test_floats_arrays_and_symbols_give_the_same_rate() -> None:
    given = {"prey": 50.0, "hunter": 10.0, "catches": 2.0, "half": 50.0}
    assert hunting(**given) == {"caught": 10.0, "catch": 10.0}
    many = hunting(**{name: np.full(3, value) for name, value in given.items()})
    assert np.array_equal(many["caught"], [10.0, 10.0, 10.0])
    symbols = {name: sympy.Symbol(name) for name in given}
    assert hunting(**symbols)["caught"].subs({symbols[n]: v for n, v in given.items()}) == 10.0


def test_levels_are_found_with_their_units() -> None:
    assert hunting.levels == {"catch": "cell / day"}
    assert passage.levels == {}


@mechanism()
def rate_without_day(prey: Cells, *, share: Ratio) -> Parts:
    yield Flow("deaths", share * prey, source=prey)


@mechanism()
def rate_per_hour(prey: Cells, *, share: Annotated[Any, "1/hour"]) -> Parts:
    yield Flow("deaths", share * prey, source=prey)


@mechanism()
def hidden_factor(first: PgPerML, second: NgPerML, *, loss: PerDay) -> Parts:
    yield Flow("loss", loss * (first + second), source=first)


@mechanism()
def different_dimensions(prey: Cells, signal: PgPerML, *, loss: PerDay) -> Parts:
    yield Flow("loss", loss * (prey + signal), source=prey)


@mechanism()
def exponential_of_cells(prey: Cells, *, loss: PerDay) -> Parts:
    yield Flow("loss", loss * prey * exp(prey), source=prey)


@mechanism()
def literal_with_a_hidden_unit(prey: Cells, *, loss: PerDay) -> Parts:
    yield Flow("loss", loss * prey / (1 + prey), source=prey)


@mechanism()
def python_if(prey: Cells, *, loss: PerDay) -> Parts:
    yield Flow("loss", loss * prey if prey > 0 else 0 * loss * prey, source=prey)


@mechanism()
def python_max(prey: Cells, other: Cells, *, loss: PerDay) -> Parts:
    yield Flow("loss", loss * max(prey, other), source=prey)


@mechanism()
def from_nowhere_to_nowhere(prey: Cells, *, loss: PerDay) -> Parts:
    yield Flow("loss", loss * prey)


@mechanism()
def joins_two_units(prey: Cells, signal: PgPerML, *, loss: PerDay) -> Parts:
    yield Flow("loss", loss * prey, source=prey, sink=signal)


@mechanism()
def level_named_as_a_port(prey: Cells, *, loss: PerDay) -> Parts:
    yield Level("prey", loss * prey)


@pytest.mark.parametrize(
    "wrong,message",
    [
        (rate_without_day, r"rate_without_day.deaths \(test_mechanism.py:\d+\): .* \[cell\]; needed \[cell / d\]"),
        (rate_per_hour, r"rate_per_hour.deaths .*: found a rate in \[cell / h\]; needed \[cell / d\]"),
        (hidden_factor, r"hidden_factor.loss .* mixes units of one dimension: a factor of [\d.e+]+ is hidden"),
        (different_dimensions, r"different_dimensions: Cannot convert.*\n  test_mechanism.py:\d+: yield Flow"),
        (exponential_of_cells, r"exponential_of_cells: Cannot convert from 'cell'"),
        (literal_with_a_hidden_unit, r"literal_with_a_hidden_unit: Cannot convert from 'cell' to 'dimensionless'"),
        (python_if, r"python_if: found a Python 'if'.*needed 'where', 'minimum' or 'maximum'\n  test_mechanism.py:\d+"),
        (python_max, r"python_max: found a Python 'if' \(or min, max, abs\) on a quantity"),
        (from_nowhere_to_nowhere, r"from_nowhere_to_nowhere.loss .* has neither source nor sink"),
        (joins_two_units, r"joins_two_units.loss .* joins \[cell\] to \[pg / ml\]"),
        (level_named_as_a_port, r"level_named_as_a_port .*: \['prey'\] name both a level and a port or parameter"),
    ],
    ids=lambda value: value.name if isinstance(value, Mechanism) else "",
)
def test_what_does_not_fit_is_named_with_mechanism_flow_found_needed_and_line(wrong: Mechanism, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        _ = wrong.levels


def test_an_argument_without_a_unit_is_named() -> None:
    @mechanism()
    def nameless(prey: Cells, *, share) -> Parts:  # type: ignore[no-untyped-def]
        yield Flow("deaths", share * prey, source=prey)

    @mechanism()
    def typed(prey: Cells, *, share: Any) -> Parts:
        yield Flow("deaths", share * prey, source=prey)

    for wrong in (nameless, typed):
        with pytest.raises(ModelError, match=r"'share' has no unit; annotate it"):
            _ = wrong.parameters


def test_a_choice_written_with_where_is_accepted_and_a_unit_variable_carries_any_unit() -> None:
    @mechanism()
    def chooses(amount: Anything, *, loss: PerDay, limit: Anything) -> Parts:
        yield Flow("loss", where(amount > limit, loss * amount, 0 * loss * amount), source=amount)
        yield Level("excess", amount / limit)

    assert chooses.levels == {"excess": "dimensionless"}


def test_an_error_of_the_authors_own_is_not_swallowed() -> None:
    @mechanism()
    def broken(prey: Cells, *, loss: PerDay) -> Parts:
        yield Flow("loss", loss * prey + len(prey), source=prey)

    with pytest.raises(TypeError):
        _ = broken.levels


def test_placing_over_a_grid_fills_the_names_in() -> None:
    placed = list(hunting.on(grid(c="01"), prey="prey_{c}", hunter="hunter"))
    assert [one.wiring["prey"] for one in placed] == ["prey_0", "prey_1"]
    assert [one.label for one in placed] == ["hunting[0]", "hunting[1]"]
    assert grid(a="xy", b="z") == [{"a": "x", "b": "z"}, {"a": "y", "b": "z"}]
    assert grid() == [{}]

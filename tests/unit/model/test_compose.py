"""Composition joins by name, adds, orders, checks, and says what does not fit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sympy

from perforin.errors import ModelError
from perforin.model.compose import compose, parameter_name
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.model.network import Entry, FlowRow, Slot, State
from perforin.units import Anything, Cells, CellsPerDay, PerDay, Ratio
from toy_model import STATES, alarm, growth, hunting, passage, placements, toy

Parts = Iterator[Flow | Level]
PREY, HUNTER, SIGNAL = STATES


@mechanism()
def starving(hunter: Cells, *, rate: PerDay) -> Parts:
    """Hunters die."""
    yield Flow("deaths", rate * hunter, source=hunter)


@mechanism()
def doubling(one: CellsPerDay) -> Parts:
    """Reads a level and writes another."""
    yield Level("two", 2 * one)


@mechanism()
def halving(two: CellsPerDay) -> Parts:
    """Closes the circle."""
    yield Level("one", two / 2)


def flow(network, name: str) -> FlowRow:
    return next(row for row in network.flows if row.name == name)


def test_flows_on_one_state_add() -> None:
    slopes = dict(zip(toy().state_names, toy().slopes(), strict=True))
    births, caught = flow(toy(), "growth.births").rate, flow(toy(), "hunting.caught").rate
    assert sympy.simplify(slopes["prey"] - (births - caught)) == 0
    assert slopes["hunter"] == 0


def test_shares_of_one_level_add() -> None:
    second = State("other", "cell")
    twice = [*hunting.on(), *[p._replace(label="hunting[other]") for p in hunting.on(prey="other")]]
    network = compose([*twice, *alarm.on()], [*STATES, second])
    catch = network.levels[0].expression
    assert catch.has(sympy.Symbol("prey", real=True))
    assert catch.has(sympy.Symbol("other", real=True))
    assert isinstance(catch, sympy.Add)


def test_levels_stand_in_an_order_in_which_they_can_be_evaluated() -> None:
    @mechanism()
    def zero(catch: CellsPerDay) -> Parts:
        yield Level("a_last", catch)

    levels = compose([*zero.on(), *hunting.on()], STATES).level_names
    assert levels.index("catch") < levels.index("a_last")


def test_the_order_of_everything_given_does_not_matter() -> None:
    forward = compose(placements(), STATES)
    backward = compose(placements()[::-1], STATES[::-1])
    assert forward.hash == backward.hash
    assert forward == backward


def test_what_is_given_changes_the_hash() -> None:
    whole = toy().hash
    assert compose(placements()[1:], STATES).hash != whole
    more = [PREY._replace(start=(99.0,)), HUNTER, SIGNAL]
    assert compose(placements(), more).hash != compose(placements(), STATES).hash


def test_a_port_may_be_wired_to_a_number() -> None:
    network = compose([*hunting.on(hunter=10)], [PREY])
    assert network.flows[0].rate.has(sympy.Integer(10))
    assert "hunter" not in {symbol.name for symbol in network.flows[0].rate.free_symbols}


def test_a_parameter_may_be_wired_to_a_number_and_then_needs_no_row() -> None:
    network = compose([*starving.on(rate=0.25)], [HUNTER])
    assert network.parameters == ()
    assert network.slopes()[0] == -0.25 * sympy.Symbol("hunter", real=True)


def test_a_flow_that_a_number_switches_off_is_left_out() -> None:
    assert compose([*starving.on(rate=0)], [HUNTER]).flows == ()


def test_a_port_may_read_a_constant_of_a_noun() -> None:
    room = Slot("packs", "cell", "", "packs")
    unused = Slot("unused", "cell", "", "unused")
    network = compose([*hunting.on(hunter="packs")], [PREY], constants=[room, unused])
    assert "packs" in network.parameter_names
    assert "unused" not in network.parameter_names


def test_parameters_are_named_by_mechanism_then_product_then_members() -> None:
    assert parameter_name("killing.rate") == "killing.rate"
    assert parameter_name("killing.rate", "a") == "killing.rate[a]"
    assert parameter_name("killing.rate", "a", ("blood",)) == "killing.rate[a,blood]"
    placed = [p._replace(product="a") for p in starving.on(rate="[blood]")]
    slot = compose(placed, [HUNTER]).parameters[0]
    assert slot == Slot("starving.rate[a,blood]", "1/day", "starving", "starving.rate", "a", ("blood",))


def test_a_unit_variable_takes_the_unit_of_the_state_it_is_wired_to() -> None:
    @mechanism()
    def fading(amount: Anything, *, floor: Anything, loss: PerDay) -> Parts:
        yield Flow("loss", loss * (amount - floor), source=amount)
        yield Level("rest", amount - floor)

    slots = compose(fading.on(amount="signal"), [SIGNAL]).parameters
    assert {slot.name: slot.unit for slot in slots} == {"fading.floor": "pg/mL", "fading.loss": "1/day"}
    assert compose(fading.on(amount="signal"), [SIGNAL]).levels[0].unit == "pg/mL"


def test_a_unit_variable_is_bound_once() -> None:
    with pytest.raises(ModelError, match=r"passage.goal: found signal in \[pg / ml\]; needed \[cell\]"):
        compose(passage.on(origin="prey", goal="signal"), STATES)


def test_citations_are_the_union_of_the_mechanisms() -> None:
    assert toy().citations == ("Holling1959", "Lotka1925")


@pytest.mark.parametrize(
    "build,message",
    [
        (lambda: compose(hunting.on(hunter="huntr"), STATES), r"hunting.hunter reads 'huntr', .* 'hunter'\?"),
        (lambda: compose(hunting.on(prey="pray"), STATES), r"hunting.caught moves 'pray', .*; did you mean 'prey'\?"),
        (lambda: compose(hunting.on(prays="prey"), STATES), r"hunting has no port, .*'prays'; did you mean 'prey'"),
        (lambda: compose(hunting.on(prey="signal"), STATES), r"found signal in \[pg / ml\] \(the state\); needed"),
        (lambda: compose([*doubling.on(), *halving.on()], []), r"levels read each other in a circle: (one|two) -> "),
        (lambda: compose(doubling.on(one="prey", two="prey"), STATES), r"doubling writes the level 'prey'"),
        (lambda: compose(alarm.on(signal="catch"), STATES), r"alarm.release moves 'catch', which is not a state"),
        (lambda: compose(placements(), [*STATES, PREY]), r"the state 'prey' is declared twice"),
        (lambda: compose([*growth.on(), *growth.on()], STATES), r"two flows are called growth.births"),
        (
            lambda: compose([], STATES, observables=[("seen", "prey", "pg/mL")]),
            r"observable 'seen': found prey in \[cell\]; needed \[pg / ml\]",
        ),
        (lambda: compose([], STATES, observables=[("seen", "pray", "cell")]), r"observable 'seen' reads 'pray'"),
        (
            lambda: compose(hunting.on(), STATES, entries=[Entry("dose", "cell", "prey", factors=("viabilty",))],
                            constants=[Slot("viability", "", "", "viability")]),
            r"a start or dose reads 'viabilty', .*did you mean 'viability'",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(build, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        build()


def test_two_mechanisms_of_one_name_may_not_own_one_parameter() -> None:
    def make(factor: int):
        @mechanism()
        def starving(hunter: Cells, *, rate: PerDay) -> Parts:
            yield Flow(f"deaths_{factor}", factor * rate * hunter, source=hunter)

        return starving

    @mechanism()
    def other_starving(hunter: Cells, *, rate: PerDay) -> Parts:
        yield Flow("deaths", rate * hunter, source=hunter)

    other_starving.function.__name__ = "starving"
    with pytest.raises(ModelError, match=r"starving.rate belongs to test_compose.py:\d+ and to .*; rename"):
        compose([*make(2).on(), *other_starving.on()], [HUNTER])


def test_shares_of_one_level_must_have_one_unit() -> None:
    @mechanism()
    def ratio(hunter: Cells, *, whole: Cells) -> Parts:
        yield Level("catch", hunter / whole)

    with pytest.raises(ModelError, match=r"its share of catch is \[.*\]; (hunting|ratio) gives \[.*\]"):
        compose([*hunting.on(), *ratio.on()], STATES)


def test_one_parameter_may_not_have_two_units() -> None:
    @mechanism()
    def fading(amount: Anything, *, floor: Anything, loss: PerDay) -> Parts:
        yield Flow("loss", loss * (amount - floor), source=amount)

    placed = [p._replace(label=f"fading[{name}]") for name in ("prey", "signal") for p in fading.on(amount=name)]
    with pytest.raises(ModelError, match=r"parameter fading.floor is \[cell\] elsewhere and \[pg / ml\] here"):
        compose(placed, STATES)


def test_a_declared_sum_without_a_share_is_nothing() -> None:
    @mechanism()
    def soothing(signal: Anything, dampened: Ratio, *, loss: PerDay) -> Parts:
        yield Flow("loss", loss * dampened * signal, source=signal)

    network = compose(soothing.on(), [SIGNAL], sums={"dampened": ""})
    assert network.levels[0].expression == 0
    with pytest.raises(ModelError, match=r"soothing.dampened reads 'dampened', which no state"):
        compose(soothing.on(), [SIGNAL])

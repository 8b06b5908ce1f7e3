"""The one wiring rule: members, families, product before patient, and the patient's prefix."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from perforin.errors import ModelError
from perforin.model.compose import compose
from perforin.model.mechanism import Flow, Level, mechanism
from perforin.model.network import Network, State
from perforin.model.wiring import RULE, Scope, expand, resolve, wire
from perforin.units import Cells, CellsPerDay, PerDay

Parts = Iterator[Flow | Level]
FAMILIES = {"class": ("low", "high"), "site": ("blood", "disease")}


@mechanism()
def growth(target: Cells, *, rate: PerDay) -> Parts:
    """Targets divide."""
    yield Flow("births", rate * target, sink=target)


@mechanism()
def killing(target: Cells, effector: Cells, *, kills: PerDay) -> Parts:
    """Effectors kill."""
    yield Flow("granules", kills * effector, source=target)
    yield Level("killed", kills * effector)


@mechanism()
def moving(origin: Cells, goal: Cells, *, out: PerDay) -> Parts:
    """Cells move."""
    yield Flow("moves", out * origin, source=origin, sink=goal)


@mechanism()
def counting(killed: CellsPerDay) -> Parts:
    """Doubles a level."""
    yield Level("tally", 2 * killed)


PATIENT = Scope(
    states=(State("tumour[class]", "cell", (1.0,)), State("host", "cell")),
    mechanisms=((growth, {"target": "tumour[class]"}),),
)
KILL = (killing, {"target": "tumour[class]", "effector": "effector[disease]"})


def product(name: str, *mechanisms, **more) -> Scope:
    return Scope(product=name, states=(State("effector[site]", "cell"),), mechanisms=mechanisms, **more)


def build(*scopes: Scope) -> Network:
    wired = wire(scopes, FAMILIES)
    return compose(wired.placements, wired.states, sums=wired.sums, constants=wired.constants)


def test_a_family_in_brackets_repeats_the_placement_over_its_members() -> None:
    network = build(PATIENT)
    assert network.state_names == ("host", "tumour[high]", "tumour[low]")
    assert network.flow_names == ("growth[high].births", "growth[low].births")
    assert network.parameter_names == ("growth.rate",)


def test_a_member_in_brackets_picks_one() -> None:
    network = build(PATIENT, product("a", KILL))
    assert {flow.source for flow in network.flows if "granules" in flow.name} == {"tumour[high]", "tumour[low]"}
    rates = {str(flow.rate) for flow in network.flows if "granules" in flow.name}
    assert rates == {"a.effector[disease]*killing.kills[a]"}


def test_two_families_in_one_wiring_give_every_combination() -> None:
    network = build(PATIENT, product("a", (killing, {"target": "tumour[class]", "effector": "effector[site]"})))
    assert sum("granules" in name for name in network.flow_names) == 4


def test_a_parameter_can_be_given_a_member_of_its_own() -> None:
    scope = product("a", (moving, {"origin": "effector[site]", "goal": "patient.host", "out": "[site]"}))
    assert build(PATIENT, scope).parameter_names == ("growth.rate", "moving.out[a,blood]", "moving.out[a,disease]")


def test_each_product_has_its_own_states_levels_and_parameters() -> None:
    network = build(PATIENT, product("a", KILL), product("b", KILL))
    assert {"a.effector[blood]", "b.effector[blood]"} <= set(network.state_names)
    assert {"killing.kills[a]", "killing.kills[b]"} <= set(network.parameter_names)
    assert {"a.killed", "b.killed"} == set(network.level_names)


def test_a_name_is_looked_up_in_the_product_before_the_patient() -> None:
    shadow = product("a", (growth, {"target": "host"}))
    own = Scope(product="a", states=(State("host", "cell"),), mechanisms=((growth, {"target": "host"}),))
    assert [f.sink for f in build(PATIENT, shadow).flows if f.name.startswith("growth[a")] == ["host"]
    assert [f.sink for f in build(PATIENT, own).flows if f.name.startswith("growth[a")] == ["a.host"]
    assert resolve("patient.host", own, FAMILIES) == "host"


def test_shares_of_several_products_add_in_a_level_of_the_patient() -> None:
    shared = (killing, {**KILL[1], "killed": "patient.killed"})
    network = build(PATIENT, product("a", shared), product("b", shared))
    assert network.level_names == ("killed",)
    assert {s.name for s in network.levels[0].expression.free_symbols} >= {"killing.kills[a]", "killing.kills[b]"}


def test_a_declared_sum_lets_a_product_without_shares_be_read() -> None:
    silent = product("a", (counting, {}), sums={"killed": "cell/day"})
    network = build(PATIENT, silent)
    assert {level.name: level.expression for level in network.levels}["a.killed"] == 0


def test_constants_of_a_product_carry_its_name_and_those_of_the_patient_do_not() -> None:
    reader = (moving, {"origin": "effector[blood]", "goal": "effector[disease]"})
    scope = Scope(
        product="a",
        states=(State("effector[site]", "cell", ("dose_share", "weight", 2.0)),),
        constants={"dose_share": ""},
        mechanisms=(reader,),
    )
    patient = Scope(constants={"weight": "cell", "CD19[class]": "molecule/cell"})
    wired = wire([patient, scope], FAMILIES)
    assert wired.states[0].start == ("dose_share[a]", "weight", 2.0)
    assert [slot.name for slot in wired.constants] == ["weight", "CD19[low]", "CD19[high]", "dose_share[a]"]


def test_placements_that_differ_in_any_port_have_different_labels() -> None:
    scope = product(
        "a",
        (killing, {"target": "patient.host", "effector": "effector[blood]"}),
        (killing, {"target": "patient.host", "effector": "effector[disease]"}),
    )
    network = build(PATIENT, scope)
    assert len({name for name in network.flow_names if "granules" in name}) == 2


def test_stray_wiring_is_named_with_the_nearest_spelling() -> None:
    with pytest.raises(ModelError, match=r"killing has no port, parameter or level 'traget'; did you mean 'target'\?"):
        build(PATIENT, product("a", (killing, {"traget": "tumour[class]"})))


def test_an_unknown_member_is_named_with_the_nearest_spelling() -> None:
    with pytest.raises(ModelError, match=r"'tumour\[hihg\]', .*did you mean 'tumour\[high\]'\?"):
        build(PATIENT, product("a", (killing, {"target": "tumour[hihg]", "effector": "effector[blood]"})))


def test_a_state_declared_twice_is_refused() -> None:
    with pytest.raises(ModelError, match=r"the state 'host' is declared twice"):
        build(PATIENT, Scope(states=(State("host", "cell"),)))


def test_expanding_and_the_rule_as_printed() -> None:
    assert expand("kill[class,site]", FAMILIES) == [
        "kill[low,blood]",
        "kill[low,disease]",
        "kill[high,blood]",
        "kill[high,disease]",
    ]
    assert expand("host", FAMILIES) == ["host"]
    assert RULE.startswith("1. A port")
    assert "4. A parameter is" in RULE

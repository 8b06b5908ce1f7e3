"""Lives of simulated patients counted by hand, and what a run's arms are worth."""

from __future__ import annotations

import numpy as np
import pytest

from perforin.access.cost import cost_rows
from perforin.access.economics.discounting import present_value
from perforin.access.economics.lives import Lives, count_lives
from perforin.access.economics.microsimulation import price_row, value_run
from perforin.access.economics.worth import central
from perforin.errors import UserError
from perforin.evidence.parameters import choose
from perforin.library import default_library
from perforin.making.process import Process, read_process
from perforin.records import Records
from perforin.streams import Streams

OWN, BANK = "own", "bank"
CARE = choose(cost_rows(), "cost.post_infusion_care").value
APHERESIS = choose(cost_rows(), "cost.apheresis").value
PRODUCT = 100_000.0


def records(arm: str, fees: float, last: tuple[float, ...] = (730, 365, 100, 730)) -> Records:
    """Four patients: free to the end; progressed at day 146 and dead at a year; never infused; severely ill, free."""
    infused = np.array([1, 1, 0, 1])
    rows = [
        Records.build(subject=np.arange(4), arm=arm, parameter="enrolled", value=np.ones(4)),
        Records.build(subject=np.arange(4), arm=arm, parameter="infused", value=infused),
        Records.build(subject=np.arange(4), arm=arm, parameter="time_to_infusion", value=[36.5, 36.5, 20.0, 36.5],
                      unit="day"),
        Records.build(subject=np.arange(4), arm=arm, parameter="cost", unit="USD",
                      value=fees + np.where(infused == 1, PRODUCT + CARE, 0.0)),
        Records.build(subject=np.arange(4), arm=arm, parameter="death", value=[0, 1, 1, 0], day=last,
                      censored=[True, False, False, True]),
        Records.build(subject=[0, 1, 3], arm=arm, parameter="time:PFS", value=[0, 1, 0], day=[730, 146, 730]),
        Records.build(subject=[0, 1, 3], arm=arm, parameter="crs_max_grade", value=[0, 2, 3]),
        Records.build(subject=[0, 1, 3], arm=arm, parameter="icans_max_grade", value=[1, 0, 4]),
    ]  # fmt: skip
    return Records.concat(rows)


def both(**changed: object) -> Records:
    return Records.concat([records(OWN, APHERESIS), records(BANK, 0.0, **changed)])


@pytest.fixture(scope="module")
def lives() -> Lives:
    return count_lives([both()], {OWN: True, BANK: False}, "lugano", 2.0)


def process(name: str) -> Process:
    return read_process(name, *default_library().process(name))


PROCESSES = {OWN: process("autologous_central"), BANK: process("off_the_shelf_frozen")}


def test_time_in_each_state_is_counted_from_enrolment_and_discounted(lives):
    rate = central("discount.rate")
    first = [present_value(0.1, 1.1, rate), present_value(0.1, 0.5, rate), 0, present_value(0.1, 1.1, rate)]
    later = [present_value(1.1, 2.1, rate), 0, 0, present_value(1.1, 2.1, rate)]
    wait = present_value(0, 0.1, rate)
    active = [wait, wait + present_value(0.5, 1.1, rate), present_value(0, 100 / 365, rate), wait]
    for name, expected in (("first_year", first), ("later", later), ("active", active),
                           ("life_years", [2.1, 1.1, 100 / 365, 2.1])):  # fmt: skip
        assert lives.of(OWN, name) == pytest.approx(np.mean([float(x) for x in expected]), rel=1e-9), name


def test_toxicity_products_and_collections_are_counted(lives):
    expected = {"crs_1": 0, "crs_2": 0.25, "crs_3": 0.25, "icans_1": 0.25, "icans_3": 0.25, "severe_one": 0,
                "severe_both": 0.25, "infused": 0.75, "product": 0.75 * PRODUCT}  # fmt: skip
    assert {name: lives.of(OWN, name) for name in expected} == pytest.approx(expected)
    assert (lives.of(OWN, "apheresis"), lives.of(BANK, "apheresis")) == (1, 0)


def test_hazards_after_follow_up_come_from_its_second_half_and_from_all_with_active_disease(lives):
    found = {name: 4 * lives.of(OWN, name) for name in ("relapses", "years_free", "deaths", "years_active")}
    assert found == pytest.approx({"relapses": 0, "years_free": 2.0, "deaths": 2,
                                   "years_active": 0.6 + 100 / 365})  # fmt: skip


def test_those_who_live_on_are_counted_by_state_and_quarter(lives):
    weight = float((1 + central("discount.rate")) ** -0.1)
    assert lives.of(OWN, "free_8") == pytest.approx(0.5 * weight)
    assert sum(lives.of(OWN, f"active_{k}") for k in range(41)) == 0


def test_parts_give_what_the_whole_gives():
    table = both().table
    parts = [Records(table[table["subject"].isin(some)]) for some in ([0, 1], [2, 3])]
    whole, split = (count_lives(some, {OWN: True, BANK: False}, "lugano", 2.0) for some in ([both()], parts))
    assert split.n == 4 and split.mean == pytest.approx(whole.mean)
    assert split.covariance == pytest.approx(whole.covariance, rel=1e-9, abs=1e-9)


def test_a_patient_who_failed_in_one_arm_is_compared_in_none():
    table = both().table
    some = Records(table[~((table["arm"] == BANK) & (table["subject"] == 2))])
    assert count_lives([some], {OWN: True, BANK: False}, "lugano", 2.0).n == 3


def test_the_same_patients_in_both_arms_leave_only_the_price_between_them(lives):
    found = value_run(lives, PROCESSES, 2000, Streams(1))
    gain = found.draws.effect[:, 0] - found.draws.effect[:, 1]
    assert gain == pytest.approx(np.zeros(2000), abs=1e-6), "the same luck in both arms"
    more = found.draws.cost[:, 0] - found.draws.cost[:, 1]
    own = found.draws.parameters["autologous_central.list_price"] / PROCESSES[OWN].list_price.value
    bank = found.draws.parameters["off_the_shelf_frozen.cost_of_goods"] / PROCESSES[BANK].cost_of_goods.value
    paid = 0.75 * PRODUCT * (own - bank)
    assert np.corrcoef(more, paid)[0, 1] > 0.9


def test_the_price_is_the_list_s_or_else_the_cost_of_goods():
    assert price_row(PROCESSES[OWN]).value == 399_000
    assert price_row(PROCESSES[BANK]).parameter == "off_the_shelf_frozen.cost_of_goods"


def test_nobody_to_compare_is_refused():
    with pytest.raises(UserError, match="found 0 patients who are in every arm"):
        count_lives([], {OWN: True, BANK: False}, "lugano", 2.0)

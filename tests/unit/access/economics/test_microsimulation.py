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
    assert lives.of(OWN, "free_8") == 0.5 and lives.of(OWN, "free_worth_8") == pytest.approx(0.5 * weight)
    assert sum(lives.of(OWN, f"active_{k}") for k in range(41)) == 0


def test_an_end_between_two_quarters_counts_at_both_by_its_distance():
    found = count_lives([both(last=(730, 365, 100, 0.85 * 365))], {OWN: True, BANK: False}, "lugano", 2.0)
    assert [4 * found.of(BANK, f"free_{k}") for k in (3, 4, 8)] == pytest.approx([0.6, 0.4, 1.0])


def test_progression_at_the_last_visit_is_a_relapse_and_death_there_is_none():
    """Seen at the visit that ends follow-up: day 365 of a patient who lives on, and of one who dies that day."""
    table = both(last=(730, 365, 100, 365)).table
    late = (table["parameter"] == "time:PFS") & (table["arm"] == BANK)
    table.loc[late & table["subject"].isin([1, 3]), ["value", "day"]] = [1.0, 365.0]
    found = count_lives([Records(table)], {OWN: True, BANK: False}, "lugano", 1.0)
    assert 4 * found.of(BANK, "relapses") == pytest.approx(1)
    assert 4 * found.of(BANK, "active_4") == pytest.approx(1) and 4 * found.of(BANK, "free_8") == pytest.approx(1)
    assert 4 * found.of(BANK, "deaths") == pytest.approx(1), "who was never infused; the other died without relapse"


def test_leukaemia_that_never_responds_is_active_disease_from_day_90_though_it_does_not_grow():
    days = np.array([0.0, 28, 90, 180, 364])
    blasts = {0: [0.5, 0.4, 0.4, 0.4, 0.4], 1: [0.5, 0.01, 0.01, 0.01, 0.01]}
    rows = []
    for arm in (OWN, BANK):
        rows += [Records.build(subject=[0, 1], arm=arm, parameter=name, value=[value, value], unit=unit)
                 for name, value, unit in (("enrolled", 1, ""), ("infused", 1, ""), ("time_to_infusion", 10, "day"),
                                           ("cost", 1e5, "USD"))]  # fmt: skip
        rows.append(Records.build(subject=[0, 1], arm=arm, parameter="death", value=[0, 0], day=[364, 364],
                                  censored=[True, True]))  # fmt: skip
        rows += [Records.build(subject=np.full(5, one), arm=arm, parameter="marrow_blasts", value=values, day=days)
                 for one, values in blasts.items()]  # fmt: skip
        rows += [Records.build(subject=np.full(5, one), arm=arm, parameter="mrd", value=np.array(values), day=days)
                 for one, values in blasts.items()]  # fmt: skip
    found = count_lives([Records.concat(rows)], {OWN: False, BANK: False}, "leukaemia", 1.0)
    assert 2 * found.of(OWN, "years_active") == pytest.approx((364 - 90) / 365)
    assert sum(2 * found.of(OWN, f"free_{k}") for k in range(5)) == pytest.approx(1)


def living(deaths: float, years: float, n: int = 10**8, wait: float = 0.0) -> Lives:
    """One arm whose patients all live on at the start with active disease, of whom so many died in so many years."""
    lives = Lives(("all",), n, np.zeros(1), np.zeros((1, 1)))
    mean = np.zeros(len(lives.at("all")))
    for name, value in (("active_0", 1), ("active_worth_0", (1 + central("discount.rate")) ** -wait),
                        ("deaths", deaths), ("years_active", years)):  # fmt: skip
        mean[lives.at("all")[name]] = value
    return Lives(("all",), n, mean, np.zeros((len(mean), len(mean))))


def test_who_dies_with_active_disease_as_often_as_others_of_that_age_lives_as_long():
    """The deaths seen were of any cause: background mortality must not come on top of itself."""
    hazard, slope = central("background.hazard"), central("background.slope")
    found = value_run(living(hazard, 1.0), {"all": PROCESSES[OWN]}, 4000, Streams(1))
    years = np.linspace(0, 40, 4001)
    expected = np.trapezoid(np.exp(-hazard * np.expm1(slope * years) / slope), years)
    assert found.life_years.mean() == pytest.approx(expected, rel=0.02)


def test_life_years_to_come_are_not_discounted_for_the_wait():
    soon, late = (value_run(living(0.3, 1.0, wait=wait), {"all": PROCESSES[OWN]}, 200, Streams(1))
                  for wait in (0.0, 5.0))  # fmt: skip
    assert late.life_years == pytest.approx(soon.life_years)
    assert late.draws.effect == pytest.approx(soon.draws.effect * (1 + central("discount.rate")) ** -5.0)


def test_hazards_of_two_arms_are_as_alike_as_the_events_of_their_patients(lives):
    """Two arms whose events have nothing in common: so have the draws of their hazards."""
    mean, covariance = np.zeros(len(lives.mean)), np.zeros(lives.covariance.shape)
    for arm in (OWN, BANK):
        place = lives.at(arm)
        mean[[place["deaths"], place["years_active"], place["active_0"]]] = 0.2, 0.5, 1.0
        covariance[place["deaths"], place["deaths"]] = 0.2 * 0.8 / 100
    drawn = value_run(Lives(lives.arms, 100, mean, covariance), PROCESSES, 4000, Streams(1)).draws.parameters
    first, second = (drawn[f"{arm}: death with active disease"] for arm in (OWN, BANK))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.06
    assert first.mean() == pytest.approx(0.4, abs=0.02)


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


def test_a_part_of_the_patients_of_whom_nobody_was_infused_counts_too():
    table = both().table
    lost = table[(table["subject"] == 2) & ~table["parameter"].isin(["time:PFS", "crs_max_grade", "icans_max_grade"])]
    rest = table[table["subject"] != 2]
    found = count_lives([Records(lost), Records(rest)], {OWN: True, BANK: False}, "lugano", 2.0)
    whole = count_lives([both()], {OWN: True, BANK: False}, "lugano", 2.0)
    assert found.mean == pytest.approx(whole.mean)


def test_nobody_to_compare_is_refused():
    with pytest.raises(UserError, match="found 0 patients who are in every arm"):
        count_lives([], {OWN: True, BANK: False}, "lugano", 2.0)

"""Cost of goods against sums worked out by hand, and beside published figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from perforin.access.economics.goods import Output, cost_of_goods, goods_rows, output_of, plant_a_day
from perforin.access.siting.capacity import Sizes, shipped_sizes
from perforin.errors import UserError
from perforin.evidence.published_costs import published_costs
from perforin.library import default_library
from perforin.making.batch import grow
from perforin.making.process import Process, read_process
from perforin.making.release import follow, release, specifications_of
from perforin.making.release.deciding import REMADE
from perforin.streams import Streams

SEED = Streams(1)


def process(name: str) -> Process:
    return read_process(name, *default_library().process(name))


@pytest.fixture(scope="module")
def outputs() -> dict[str, Output]:
    names = ("autologous_viral", "nk_cord_blood", "nk_peripheral_cytokine", "nk_peripheral_feeder")
    return {name: output_of(process(name), 400, SEED) for name in names}


def centre(name: str) -> float:
    return next(row.value for row in goods_rows() if row.parameter == name)


def test_a_batch_costs_the_sum_of_its_steps_and_a_dose_its_share_and_its_courier(outputs):
    one, output = process("nk_cord_blood"), outputs["nk_cord_blood"]
    found = cost_of_goods(one, output, 1000, count=4000, streams=SEED)
    batch = sum(step.total for step in found.steps if not step.each_order)
    courier = sum(step.total for step in found.steps if step.each_order)
    assert found.per_batch.mean() == pytest.approx(batch, rel=1e-9)
    assert found.per_dose.mean() == pytest.approx(batch / output.doses + courier, rel=1e-3)


def test_days_on_a_line_cost_what_the_cheapest_plant_s_do_over_the_share_they_may_work(outputs):
    one = process("autologous_viral")
    found = cost_of_goods(one, outputs["autologous_viral"], 50, count=4000, streams=SEED)
    days = sum(step.duration.value for step in one.steps if step.on_line)
    line = 173521 / 31 / centre("goods.fullest") * days
    assert sum(step.people + step.plant for step in found.steps) == pytest.approx(line, rel=0.02)


def test_people_s_work_falls_with_each_doubling_and_nothing_else_does(outputs):
    one, output = process("autologous_viral"), outputs["autologous_viral"]
    few, many = (cost_of_goods(one, output, 100, made_before=made, count=4000, streams=SEED) for made in (400, 1600))
    people = [sum(step.people for step in found.steps) for found in (few, many)]
    assert people[1] / people[0] == pytest.approx(centre("goods.progress") ** 2, abs=0.02)
    other = [sum(step.materials + step.plant for step in found.steps) for found in (few, many)]
    assert other[0] == pytest.approx(other[1], rel=1e-12)


def test_a_plant_of_one_s_own_costs_the_same_whatever_it_makes_so_doses_get_cheaper(outputs):
    one, output = process("nk_cord_blood"), outputs["nk_cord_blood"]
    own = [cost_of_goods(one, output, doses, own_plant=True, streams=SEED).per_dose.mean() for doses in (100, 1000)]
    paid = [cost_of_goods(one, output, doses, streams=SEED).per_dose.mean() for doses in (100, 1000)]
    assert own[0] > 5 * own[1] > 5 * paid[1] and paid[0] == pytest.approx(paid[1], rel=0.01)


def test_the_cheapest_plants_hold_the_lines_wanted():
    sizes = shipped_sizes()
    assert plant_a_day(0, sizes) == 0
    assert plant_a_day(4, sizes) == plant_a_day(1, sizes) == pytest.approx(23136.13)
    assert plant_a_day(14, sizes) == pytest.approx(23136.13 + 57840.33)
    by_hand = Sizes(("a", "b"), np.array([2.0, 5.0]), np.array([10.0, 18.0]))
    assert [plant_a_day(n, by_hand) for n in range(1, 8)] == [10, 10, 18, 18, 18, 28, 28]


def test_failed_batches_are_paid_by_the_doses_that_others_give(outputs):
    one, output = process("nk_cord_blood"), outputs["nk_cord_blood"]
    half = replace(output, doses=output.doses / 2)
    whole = cost_of_goods(one, output, 1000, made_before=0, count=100, streams=SEED)
    fewer = cost_of_goods(one, half, 1000, made_before=0, count=100, streams=SEED)
    courier = sum(step.total for step in whole.steps if step.each_order)
    assert fewer.per_dose.mean() - courier == pytest.approx(2 * (whole.per_dose.mean() - courier), rel=1e-2)


def test_a_year_s_few_doses_share_the_cost_of_the_one_batch_that_it_needs(outputs):
    one, output = process("nk_peripheral_feeder"), outputs["nk_peripheral_feeder"]
    for own_plant in (False, True):
        found = cost_of_goods(one, output, 20, own_plant=own_plant, count=100, streams=SEED)
        courier = sum(step.total for step in found.steps if step.each_order)
        assert output.doses > 100 and found.batches_a_year == 1
        assert found.per_dose.mean() - courier == pytest.approx(found.per_batch.mean() / 20, rel=1e-2)


def test_a_batch_made_again_is_paid_for_whatever_became_of_the_first(outputs):
    """Own cells: who is given a dose in the end took one batch, or two and those made again in vain."""
    one = process("autologous_viral")
    specifications = specifications_of(one)
    ids = np.arange(400, dtype=np.int64)
    grown = grow(one, ids, SEED)
    fate = follow(release(grown, specifications, SEED, own_cells=True), specifications, SEED)
    remade = (fate == REMADE).mean()
    assert remade > 0
    assert outputs["autologous_viral"].batches == pytest.approx(1 + remade / specifications.remade_well.value)


def test_own_cells_cost_tens_of_thousands_as_published_and_a_shelf_much_less_if_batches_are_large(outputs):
    found = {name: cost_of_goods(process(name), output, 1000, streams=SEED).per_dose.mean()
             for name, output in outputs.items()}  # fmt: skip
    batch = next(row for row in published_costs() if row["what"] == "cost of a batch")
    assert batch["low"] < found["autologous_viral"] < batch["high"]
    assert found["nk_cord_blood"] < 0.2 * found["autologous_viral"]
    assert found["nk_peripheral_feeder"] < 0.2 * found["autologous_viral"]
    assert found["nk_peripheral_cytokine"] > 0.5 * found["autologous_viral"], "two doses a batch save nothing"


def test_a_process_without_steps_or_doses_is_refused(outputs):
    bare = process("autologous_central")
    with pytest.raises(UserError, match="found no steps"):
        cost_of_goods(bare, outputs["nk_cord_blood"], 10, streams=SEED)
    for doses in (0.5, np.inf, np.nan):
        with pytest.raises(UserError, match=f"found {doses:g} doses a year; needed 1 to"):
            cost_of_goods(process("nk_cord_blood"), outputs["nk_cord_blood"], doses, streams=SEED)

"""Waiting, failure and loss against the pooled figures of autologous and off-the-shelf products."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perforin.errors import UserError
from perforin.library import default_library
from perforin.making.attrition import deadlines
from perforin.making.batch import grow
from perforin.making.cold_chain import arrivals
from perforin.making.lot import FAILED, LOST, Lots
from perforin.making.make import REFUSED, WARM, make
from perforin.making.process import Process, Waiting, read_process
from perforin.making.release import release, specifications_of
from perforin.streams import Streams

HAZARD = 4.42e-3  # per day: pooled over three lymphoma trials
PATIENTS = np.arange(40_000, dtype=np.int64)
NEVER = np.full(len(PATIENTS), np.inf)
READ = {"kind": "measured", "status": "read", "source": "Someone2020"}


def process(median: float, sigma: float = 0.25, failure: float = 0.0, **other: Any) -> Process:
    mapping: dict[str, Any] = {
        "starting_material": "patient",
        "waiting": {
            "kind": "lognormal",
            "median": {"value": median, "unit": "day", **READ},
            "sigma": {"value": sigma, "unit": "", **READ},
        },
        "failure": {"probability": {"value": failure, "unit": "", **READ}},
        "thaw": {"viability": {"value": 0.85, "unit": "", "low": 0.7, "high": 0.95, "cv": 0.1, **READ}},
        "cost_of_goods": {"value": 95_780, "unit": "USD", **READ},
        "list_price": {"value": 399_000, "unit": "USD", **READ},
    }
    return read_process("tested", copy.deepcopy(mapping) | other)


def expected_loss(median: float, sigma: float) -> float:
    """1 - E exp(-hazard wait) by Gauss-Hermite quadrature over the log-normal wait."""
    points, weights = np.polynomial.hermite_e.hermegauss(40)
    return float(1 - weights @ np.exp(-HAZARD * median * np.exp(sigma * points)) / weights.sum())


@pytest.mark.parametrize("median, printed", [(7, 0.03), (24, 0.10), (36, 0.15), (54, 0.21)])
def test_one_hazard_predicts_the_loss_before_infusion(median: float, printed: float) -> None:
    assert 1 - np.exp(-HAZARD * median) == pytest.approx(printed, abs=0.006)
    lots = make(process(median, 0.0), PATIENTS, deadlines(HAZARD, PATIENTS, Streams(1)), Streams(1))
    assert (lots.reason == LOST).mean() == pytest.approx(1 - np.exp(-HAZARD * median), abs=0.005)


@pytest.mark.parametrize("median, observed, enrolled", [(54, 0.248, 153), (24, 0.082, 110), (37, 0.140, 342)])
def test_the_predicted_loss_agrees_with_three_trials(median: float, observed: float, enrolled: int) -> None:
    lots = make(process(median), PATIENTS, deadlines(HAZARD, PATIENTS, Streams(2)), Streams(2))
    predicted = (lots.reason == LOST).mean()
    assert predicted == pytest.approx(expected_loss(median, 0.25), abs=0.006)
    assert abs(predicted - observed) < 1.96 * np.sqrt(observed * (1 - observed) / enrolled)


def test_off_the_shelf_saves_seven_to_eighteen_points_of_loss() -> None:
    lost = {}
    for median in (7, 24, 54):
        lots = make(process(median), PATIENTS, deadlines(HAZARD, PATIENTS, Streams(3)), Streams(3))
        lost[median] = (~lots.infused).mean()
    assert lost[24] - lost[7] == pytest.approx(0.07, abs=0.01)
    assert lost[54] - lost[7] == pytest.approx(0.18, abs=0.012)


@pytest.mark.parametrize("median", [24, 28, 37, 54])
def test_the_sampled_wait_has_the_published_median(median: float) -> None:
    lots = make(process(median), PATIENTS, NEVER, Streams(4))
    assert lots.infused.all()
    assert np.median(lots.day) == pytest.approx(median, rel=0.01)
    assert 1.0 < lots.day.mean() / np.median(lots.day) < 1.09  # nearly symmetric with a short right tail


@pytest.mark.parametrize("failure", [0.009, 0.0387, 0.0727])
def test_failures_are_as_frequent_as_stated(failure: float) -> None:
    lots = make(process(30, failure=failure), PATIENTS, NEVER, Streams(5))
    error = np.sqrt(failure * (1 - failure) / len(PATIENTS))
    assert abs((lots.reason == FAILED).mean() - failure) < 3 * error


def test_a_remake_saves_half_and_delays_them() -> None:
    again = {
        "probability_of_success": {"value": 0.5, "unit": "", **READ},
        "delay": {"value": 21, "unit": "day", **READ},
    }
    without = make(process(30, failure=0.1), PATIENTS, NEVER, Streams(6))
    with_it = make(process(30, failure=0.1, remake=again), PATIENTS, NEVER, Streams(6))
    saved = with_it.infused & ~without.infused
    assert (with_it.infused >= without.infused).all()
    assert saved.sum() / (~without.infused).sum() == pytest.approx(0.5, abs=0.03)
    assert np.allclose(with_it.day[saved] - without.day[saved], 21)
    assert np.array_equal(with_it.day[~saved], without.day[~saved])


def test_what_comes_first_is_the_reason() -> None:
    three = PATIENTS[:3]
    lots = make(process(30, sigma=0, failure=1.0), three, np.array([10.0, 30.0, np.inf]), Streams(7))
    assert lots.reason.tolist() == [LOST, FAILED, FAILED]
    assert lots.day.tolist() == [10, 30, 30]
    assert not lots.infused.any() and not lots.viability.any()


def test_cost_falls_on_what_was_made() -> None:
    four = PATIENTS[:4]
    deadline = np.array([10.0, np.inf, np.inf, np.inf])
    own = make(process(30, sigma=0), four, deadline, Streams(8))
    assert own.cost.tolist() == [95_780, 399_000, 399_000, 399_000]
    bank = make(process(30, sigma=0, starting_material="donor_bank"), four, deadline, Streams(8))
    assert bank.cost.tolist() == [0, 399_000, 399_000, 399_000]
    failed = make(process(30, failure=1.0), four, np.full(4, np.inf), Streams(8))
    assert failed.cost.tolist() == [0, 0, 0, 0]


def test_viability_after_thaw_varies_within_reason() -> None:
    lots = make(process(30), PATIENTS, NEVER, Streams(9))
    assert np.median(lots.viability) == pytest.approx(0.85, abs=0.005)
    assert lots.viability.min() > 0 and lots.viability.max() < 1


def test_arms_share_their_luck() -> None:
    fast, slow = (make(process(median), PATIENTS, NEVER, Streams(10)) for median in (24, 54))
    assert np.allclose(slow.day / fast.day, 54 / 24)
    assert np.array_equal(fast.viability, slow.viability)
    often, seldom = (make(process(24, failure=share), PATIENTS, NEVER, Streams(10)) for share in (0.2, 0.1))
    assert (often.infused <= seldom.infused).all()


def test_a_subset_or_permutation_gives_the_same_patients() -> None:
    made = process(24, failure=0.1)
    everybody = make(made, PATIENTS, deadlines(HAZARD, PATIENTS, Streams(11)), Streams(11))
    chosen = np.random.default_rng(0).permutation(len(PATIENTS))[:200]
    some = make(made, PATIENTS[chosen], deadlines(HAZARD, PATIENTS[chosen], Streams(11)), Streams(11))
    for name in ("patient", "day", "infused", "reason", "viability", "cost"):
        assert np.array_equal(getattr(some, name), getattr(everybody, name)[chosen]), name


def test_deadlines_have_the_stated_mean_and_scale_with_the_hazard() -> None:
    once, twice = (deadlines(hazard, PATIENTS, Streams(12)) for hazard in (HAZARD, 2 * HAZARD))
    assert once.mean() == pytest.approx(1 / HAZARD, rel=0.02)
    assert np.allclose(once, 2 * twice)
    each = deadlines(np.where(PATIENTS % 2, HAZARD, 0.0), PATIENTS, Streams(12))
    assert np.isinf(each[::2]).all() and np.array_equal(each[1::2], once[1::2])


def test_a_negative_hazard_is_refused() -> None:
    with pytest.raises(UserError, match="needed 0 or more"):
        deadlines(-0.1, PATIENTS[:3], Streams(1))


def test_lots_refuse_columns_of_different_lengths() -> None:
    with pytest.raises(UserError, match="different lengths"):
        Lots(PATIENTS[:2], np.zeros(3), np.zeros(2, bool), np.array(["", ""]), np.zeros(2), np.zeros(2))
    with pytest.raises(UserError, match="3 deadlines for 2 patients"):
        make(process(24), PATIENTS[:2], np.zeros(3), Streams(1))


def test_a_process_with_a_lane_delivers_what_the_cold_chain_leaves() -> None:
    library, streams = default_library(), Streams(4)
    shipped = read_process("nk_peripheral_feeder", *library.process("nk_peripheral_feeder"))
    here = replace(shipped, lane="")
    found, way = (make(one, PATIENTS[:300], np.full(300, np.inf), streams) for one in (shipped, here))
    expected = arrivals(shipped, PATIENTS[:300], streams)
    for name in ("viability_24h", "killing_function", "motile_fraction"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert (getattr(way, name) == (way.viability if name == "viability_24h" else 1)).all()
    assert found.viability_24h.mean() < found.viability.mean()
    np.testing.assert_array_equal(found.lot, way.lot)


def test_cells_that_come_too_warm_are_lost_to_their_donor_and_sent_again_from_a_bank() -> None:
    library, streams, many = default_library(), Streams(4), PATIENTS[:2000]
    own = replace(read_process("autologous_viral", *library.process("autologous_viral")), lane="transatlantic",
                  specifications="")  # fmt: skip
    refused = arrivals(own, many, streams).rejected
    found = make(own, many, np.full(2000, np.inf), streams)
    assert 0 < refused.sum() < 200 and set(found.reason[~found.infused]) == {FAILED, WARM}
    assert (found.reason[refused] != "").all() and not found.infused[refused].any()
    bank = replace(read_process("nk_cord_blood", *library.process("nk_cord_blood")), lane="transatlantic")
    sent, first = make(bank, many, np.full(2000, np.inf), streams), arrivals(bank, many, streams)
    again = first.rejected
    assert again.any() and sent.infused.all()
    assert (sent.viability[~again] == first.viability[~again]).all()
    assert (sent.viability[again] != first.viability[again]).all()
    wait = bank.wait(many, streams)
    assert sent.day[~again] == pytest.approx(wait[~again]) and (sent.day[again] > wait[again] + 0.5).all()


def test_a_donor_s_cells_kill_alike_in_every_lot_and_patient_and_not_as_another_donor_s() -> None:
    library, streams = default_library(), Streams(4)
    cord = read_process("nk_cord_blood", *library.process("nk_cord_blood"))
    found = make(cord, PATIENTS[:2000], np.full(2000, np.inf), streams)
    killing = grow(cord, np.arange(found.lot.max() + 1), streams).killing
    arrived = arrivals(cord, PATIENTS[:2000], streams)
    kept = ~arrived.rejected
    np.testing.assert_allclose(found.killing_function[kept], (arrived.killing_function * killing[found.lot])[kept])
    assert np.median(killing) == pytest.approx(1, rel=0.15) and killing.std() > 0.5
    same = replace(cord, batch=replace(cord.batch, material=replace(cord.batch.material, killing=None)))
    assert (grow(same, np.arange(5), streams).killing == 1).all()


def test_release_decides_which_own_cells_are_given_and_which_batches_are_given_out() -> None:
    library, streams, few = default_library(), Streams(4), PATIENTS[:3000]
    own = read_process("autologous_viral", *library.process("autologous_viral"))
    found, untested = (make(one, few, np.full(3000, np.inf), streams) for one in (own, replace(own, specifications="")))
    assert set(np.unique(found.reason)) == {"", FAILED, REFUSED, WARM} and REFUSED not in untested.reason
    assert 0.02 < found.out_of_specification.mean() < 0.12 and not untested.out_of_specification.any()
    assert found.infused[found.out_of_specification].all() and (found.remakes[found.infused] == 1).any()
    bank = read_process("nk_peripheral_cytokine", *library.process("nk_peripheral_cytokine"))
    batches = grow(bank, np.arange(3000), streams)
    passed = release(batches, specifications_of(bank), streams)
    given = make(bank, few, np.full(3000, np.inf), streams)
    assert (passed.doses[np.unique(given.lot)] > 0).all(), "no dose from a batch that release refused"
    counts = np.bincount(given.lot, minlength=3000)
    assert (counts <= passed.doses).all() and given.infused.all()


def test_a_retest_lengthens_the_wait_for_own_cells_and_a_published_wait_holds_it_already(tmp_path):
    library, streams, few = default_library(), Streams(4), PATIENTS[:2000]
    path = tmp_path / "tests.yaml"
    text = library.path("specifications", "t_own").read_text(encoding="utf-8")
    path.write_text(text.replace("own_cells: release out of specification", "own_cells: retest"), encoding="utf-8")
    own = read_process("autologous_viral", *library.process("autologous_viral"))
    own = replace(own, specifications=str(path))
    verdicts = release(grow(own, few, streams), specifications_of(own), streams, own_cells=True)
    longer = verdicts.retested[:, verdicts.attributes.index("killing")]
    assert 0.01 < longer.mean() < 0.2 and verdicts.retested.any(axis=1).sum() > longer.sum()
    found = make(own, few, np.full(2000, np.inf), streams)
    remade = np.where(found.remakes > 0, own.remake.delay.value, 0.0)
    np.testing.assert_allclose(found.day, own.wait(few, streams) + np.where(longer, 7.0, 0.0) + remade)
    published = replace(own, waiting=Waiting("constant", own.steps[0].duration))
    found = make(published, few, np.full(2000, np.inf), streams)
    assert (found.day[found.remakes == 0] == own.steps[0].duration.value).all()

"""Batches: luck, spread, failures by name, doses, and the one switch between own cells and a bank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batch_recipes import IDEAL, IDS, library_process, recipe_of, valued, with_growth
from perforin.errors import UserError
from perforin.making.batch import Batches, donor_share, grow, summarise
from perforin.making.batch.batches import COPIES, PURITY, TOO_FEW, VIABILITY, lost_at
from perforin.making.process import Process
from perforin.streams import Streams

ALL = ("autologous_viral", "autologous_knock_in", "allogeneic_edited", "nk_peripheral_cytokine",
       "nk_peripheral_feeder", "nk_cord_blood", "nk_ipsc", "nk_92")  # fmt: skip


def made(name: str | Process, dose: float | None = None, seed: int = 1) -> Batches:
    return grow(library_process(name) if isinstance(name, str) else name, IDS, Streams(seed), dose)


def without_spread(process: Process) -> Process:
    """No luck but that of donors and batches in fold."""
    recipe = recipe_of(process)
    material = replace(recipe.material, cells=valued(recipe.material.cells, recipe.material.cells.value),
                       share=valued(recipe.material.share, recipe.material.share.value))  # fmt: skip
    steps = tuple(replace(s, recovered=None, failure=None) for s in process.steps)
    return replace(process, steps=steps, batch=replace(recipe, material=material))


@pytest.mark.parametrize("name", ALL)
def test_a_batch_has_its_own_luck_whatever_the_others_are(name: str) -> None:
    chosen = np.random.default_rng(0).permutation(IDS)[:50]
    everybody, some = made(name), grow(library_process(name), chosen, Streams(1))
    for column in ("donor", "cells_harvested", "car_fraction", "doses", "failed", "days"):
        assert np.array_equal(getattr(some, column), getattr(everybody, column)[chosen]), column


def test_the_variance_of_log_fold_is_that_of_donors_and_batches_together() -> None:
    process = without_spread(with_growth(library_process("autologous_viral"), **IDEAL))
    batches = made(process)
    expected = np.log1p(0.6**2) + np.log1p(0.25**2)
    assert np.log(batches.fold).var() == pytest.approx(expected, rel=0.05)
    growth = recipe_of(process).growth
    fold = np.exp(growth.parameters["culture_division.rate"].value * 7)
    assert np.median(batches.fold) == pytest.approx(fold, rel=0.03)
    cv = batches.fold.std() / batches.fold.mean()
    assert cv == pytest.approx(np.sqrt(1.36 * 1.0625 - 1), rel=0.1)  # product of two log-normals


def test_batches_of_one_donor_are_alike_as_far_as_donors_matter() -> None:
    process = library_process("nk_peripheral_feeder")
    batches = grow(process, np.arange(12_000), Streams(1))
    assert (np.unique(batches.donor, return_counts=True)[1] == 4).all()
    groups = np.log(batches.cells_filled).reshape(-1, 4)
    within = groups.var(axis=1, ddof=1).mean()
    between = groups.mean(axis=1).var(ddof=1) - within / 4
    assert between / (between + within) == pytest.approx(donor_share(process, Streams(1)), abs=0.05)


def test_in_a_vessel_that_never_fills_the_share_is_that_of_the_log_normal_factors() -> None:
    process = without_spread(with_growth(library_process("nk_peripheral_feeder"), **IDEAL))
    recipe = recipe_of(process)
    process = replace(process, batch=replace(recipe, engineering=None))
    between, within = np.log1p(0.6**2), np.log1p(0.25**2)
    assert donor_share(process, Streams(1)) == pytest.approx(between / (between + within), abs=0.02)
    crowded = library_process("nk_peripheral_feeder")
    assert donor_share(crowded, Streams(1)) < donor_share(library_process("nk_peripheral_cytokine"), Streams(1))


def test_one_clone_has_no_donor_variance_and_blood_has_most() -> None:
    assert donor_share(library_process("nk_ipsc"), Streams(1)) == 0
    assert donor_share(library_process("nk_92"), Streams(1)) == 0
    assert donor_share(library_process("nk_peripheral_cytokine"), Streams(1)) > 0.5
    assert np.unique(made("nk_ipsc").donor).tolist() == [0]
    assert len(np.unique(made("autologous_viral").donor)) == len(IDS)


def test_copies_are_those_of_a_poisson_number_that_is_not_zero() -> None:
    process = with_growth(library_process("autologous_viral"))
    recipe = recipe_of(process)
    assert recipe.engineering is not None and recipe.engineering.copies is not None
    engineering = replace(recipe.engineering, copies=valued(recipe.engineering.copies, 1.6))
    batches = made(replace(process, batch=replace(recipe, engineering=engineering)))
    drawn = np.random.default_rng(1).poisson(1.6, 400_000)
    assert batches.vector_copies == pytest.approx(drawn[drawn > 0].mean(), rel=0.01)


def test_more_vectors_give_more_cells_with_the_construct_and_more_copies_until_the_limit() -> None:
    batches = made("autologous_viral")
    assert np.corrcoef(batches.car_fraction, batches.vector_copies)[0, 1] > 0.9
    assert (batches.vector_copies[batches.failed == COPIES] > 5).all()
    knocked_in = made("autologous_knock_in")
    assert (knocked_in.vector_copies == 1).all()
    assert np.median(knocked_in.car_fraction) == pytest.approx(0.6, abs=0.01)


def test_without_depletion_residual_t_cells_bind() -> None:
    process = library_process("nk_peripheral_cytokine")
    recipe = recipe_of(process)
    undepleted = replace(process, batch=replace(recipe, contaminant=replace(recipe.contaminant, left=None)))
    with_it, without = made(process), made(undepleted)
    assert (without.failed == PURITY).mean() > 0.5 > 0.2 > (with_it.failed == PURITY).mean()
    ratio = without.residual_t_cells / with_it.residual_t_cells
    assert np.median(ratio) == pytest.approx(1000, rel=0.02)


def test_a_failed_batch_has_no_doses_and_a_reason_that_its_numbers_show() -> None:
    process = library_process("nk_peripheral_cytokine")
    batches, limits = made(process), recipe_of(process).limits
    assert not batches.doses[batches.failed != ""].any()
    assert (batches.doses[batches.failed == ""] >= 1).all()
    assert limits.residual_t_cells is not None
    assert (batches.residual_t_cells[batches.failed == PURITY] > limits.residual_t_cells.value).all()
    assert (batches.viability[batches.failed == VIABILITY] < limits.viability.value).all()
    assert (batches.cells_filled[batches.failed == TOO_FEW] < batches.planned_dose[0]).all()
    lost = (batches.failed == lost_at("culture")).mean()
    assert lost == pytest.approx(0.01, abs=3 * np.sqrt(0.01 / len(IDS)))
    assert sum(batches.reasons.values()) == (batches.failed != "").sum()
    tested = np.isin(batches.failed, ["", VIABILITY, PURITY, COPIES])
    assert np.array_equal(batches.filled > 0, tested)
    assert np.array_equal(batches.doses[batches.failed == ""], batches.filled[batches.failed == ""])


def test_the_starting_material_is_the_only_switch() -> None:
    bank = library_process("nk_peripheral_cytokine")
    own = replace(bank, starting_material="patient")
    for_one, for_many = made(own), made(bank)
    assert set(for_one.doses) == {0, 1}
    assert for_many.doses.max() > 5
    short = (for_one.dose_share < 1) & (for_one.failed == "")
    assert short.any() and (for_one.dose_share[short] >= recipe_of(bank).formulation.smallest.value).all()
    assert own.typical_wait == pytest.approx(41.5) and bank.typical_wait == pytest.approx(6)


def test_autologous_failures_are_as_frequent_as_in_the_panel_and_of_its_kinds() -> None:
    batches = grow(library_process("autologous_viral"), np.arange(20_000), Streams(2))
    assert 0.02 < (batches.failed != "").mean() < 0.053
    few, dead = ((batches.failed == reason).mean() for reason in (TOO_FEW, VIABILITY))
    assert 0.002 < few < 0.016 and 0.002 < dead < 0.016  # 12 of 58 failures each, of 3.9 %


def test_a_dose_that_is_none_and_a_process_that_says_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="needed more than 0"):
        made("nk_92", 0.0)
    with pytest.raises(UserError, match="does not say how a batch is made"):
        made("autologous_slow")


def test_a_summary_counts_failed_batches_without_doses() -> None:
    process = library_process("nk_peripheral_cytokine")
    batches = made(process)
    summary = summarise(process, batches, Streams(1))
    assert summary["doses_mean"] == batches.doses.mean()
    assert summary["failed"] == pytest.approx(sum(summary["reasons"].values()))
    assert [step["name"] for step in summary["steps"] if step["waited_for"]] == [
        "shipping to the hospital", "conditioning chemotherapy",
    ]  # fmt: skip


TABLE = """donor,days,cells_started,cells_harvested,car_fraction,viability,residual_t_cells
1,30,1e8,2e10,0.3,0.9,1e5
2,34,1e8,5e10,0.4,0.6,2e5
3,33,1e8,1e8,0.35,0.95,0
"""


def historical(folder: Path, text: str) -> Process:
    path = folder / "batches.csv"
    path.write_text(text)
    process = library_process("nk_peripheral_feeder")
    return replace(process, batch=replace(recipe_of(process), history=path))


def test_historical_batches_are_drawn_in_place_of_the_model(tmp_path: Path) -> None:
    batches = made(historical(tmp_path, TABLE))
    assert set(batches.cells_harvested) == {2e10, 5e10, 1e8}
    assert set(batches.donor) == {1, 2, 3}
    shares = [np.mean(batches.cells_harvested == cells) for cells in (2e10, 5e10, 1e8)]
    assert shares == pytest.approx([1 / 3] * 3, abs=0.03)
    assert (batches.failed[batches.cells_harvested == 5e10] != "").all()  # viability 0.6
    assert (batches.failed[batches.cells_harvested == 1e8] != "").all()  # too few


@pytest.mark.parametrize(
    "text, message",
    [
        (TABLE.replace("car_fraction", "car_fracton"), "did you mean 'car_fraction'"),
        (TABLE.replace("0.3,0.9", "1.3,0.9"), "batches.csv:2: car_fraction: found '1.3'; needed a share from 0 to 1"),
        (TABLE.replace("34,", "soon,"), "batches.csv:3: days: found 'soon'; needed a number"),
        (TABLE.replace("5e10", "-5"), "batches.csv:3: cells_harvested"),
        (TABLE.splitlines()[0], "without batches"),
        (TABLE.replace("days,", "").replace("30,", "").replace("34,", "").replace("33,", ""), "no column 'days'"),
    ],
)
def test_a_bad_table_of_batches_is_refused_by_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        made(historical(tmp_path, text))
    assert message in str(caught.value)

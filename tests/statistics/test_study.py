"""Runs of the whole pipeline: same luck in every arm, same bytes whatever the workers, nothing computed is lost."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from perforin import study
from perforin.errors import UserError
from perforin.kernels.solution import FAILED
from perforin.patients.cohort import enrol
from perforin.patients.doses import doses_for
from perforin.patients.treat import treated
from perforin.prepared import make_ready
from perforin.records import COLUMNS
from perforin.scenario import read_scenario
from perforin.streams import Streams
from perforin.treating import values_of

SMALL = {"patients.n": 24, "horizon": "180 day", "seed": 11}


@pytest.fixture(scope="module")
def scenario():
    return read_scenario("cd19_lbcl_head_to_head").with_changes(SMALL)


@pytest.fixture(scope="module")
def ready(scenario):
    return make_ready(scenario)


@pytest.fixture(scope="module")
def whole(ready):
    return study.simulate(ready, np.arange(24))


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(study, "CHUNK", 8)


def digests(folder: Path) -> dict[str, str]:
    """Every byte of every result table."""
    tables = [path for path in sorted(folder.rglob("*.parquet")) if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in tables}


def plain(records: pd.DataFrame) -> pd.DataFrame:
    """Rows whose texts are texts, whatever else was recorded."""
    return records.astype({name: "str" for name, kind in COLUMNS.items() if kind == "category"}).reset_index(drop=True)


def of(tables, patients) -> pd.DataFrame:
    records = tables["records"]
    chosen = records[records["subject"].isin(patients)]
    return plain(chosen.sort_values(["arm", "subject", "parameter", "day"], kind="stable"))


def test_a_subset_in_another_order_is_the_same_patients_to_the_last_bit(ready, whole):
    some = [19, 3, 7, 12, 0]
    pd.testing.assert_frame_equal(of(study.simulate(ready, np.array(some)), some), of(whole, some), check_exact=True)


def test_an_arm_added_changes_no_number_of_the_others(scenario, whole):
    alone = scenario.with_changes({"reference": "car_t", "arms": {"car_t": scenario_arm(scenario, "car_t")}})
    found = study.simulate(make_ready(alone), np.arange(24))["records"]
    both = whole["records"]
    pd.testing.assert_frame_equal(plain(found), plain(both[both["arm"] == "car_t"]), check_exact=True)


def scenario_arm(scenario, name):
    written = scenario.arms[name].model_dump(mode="json", exclude_unset=True)
    return {key: value for key, value in written.items() if value}


def test_bytes_are_the_same_for_one_worker_and_two(scenario, tmp_path, small_chunks):
    study.run(scenario, folder=tmp_path / "one", workers=1)
    study.run(scenario, folder=tmp_path / "two", workers=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert len(digests(tmp_path / "one")) == 4 * 3 + 3


def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(scenario, tmp_path, small_chunks):
    study.run(scenario, folder=tmp_path / "whole")
    seen = []
    with pytest.raises(study.Interrupted):
        study.run(scenario, folder=tmp_path / "cut", progress=seen.append, interrupted=lambda: len(seen) > 2)
    kept = list((tmp_path / "cut" / "records.parquet").iterdir())
    assert 0 < len(kept) < 3
    before = {path: path.stat().st_mtime_ns for path in kept}
    study.resume(tmp_path / "cut")
    assert digests(tmp_path / "cut") == digests(tmp_path / "whole")
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_endpoints_are_read_again_without_simulating(scenario, tmp_path, monkeypatch, small_chunks):
    done = study.run(scenario, folder=tmp_path / "run")
    monkeypatch.setattr(study, "simulate", None)
    again = study.open_study(tmp_path / "run")
    pd.testing.assert_frame_equal(again.records.table, done.records.table, check_dtype=False)
    assert again.manifest["finished"]


def test_a_replayed_patient_is_the_one_of_the_run(scenario, tmp_path, ready, whole):
    study.run(scenario, folder=tmp_path / "run")
    course = study.replay(tmp_path / "run", 5, "car_t")
    same = whole["courses"]
    same = same[(same["arm"] == "car_t") & (same["subject"] == 5)].reset_index(drop=True)
    pd.testing.assert_frame_equal(course, same, check_exact=True)


@pytest.mark.parametrize("missing", ["manifest.json", "records.parquet", "scenario.yaml"])
def test_a_truncated_folder_is_refused_by_name(scenario, tmp_path, missing):
    study.run(scenario, folder=tmp_path / "run")
    lost = tmp_path / "run" / missing
    (lost / "000000000.parquet" if lost.is_dir() else lost).unlink()
    with pytest.raises(UserError, match=missing.split(".")[0]):
        study.open_study(tmp_path / "run")


def test_a_part_cut_short_is_refused_by_name_and_made_again(scenario, tmp_path):
    study.run(scenario, folder=tmp_path / "run")
    whole, part = digests(tmp_path / "run"), tmp_path / "run" / "records.parquet" / "000000000.parquet"
    part.write_bytes(part.read_bytes()[:200])
    with pytest.raises(UserError, match=r"000000000\.parquet, which cannot be read.*perforin resume"):
        _ = study.open_study(tmp_path / "run").records
    study.resume(tmp_path / "run")
    assert digests(tmp_path / "run") == whole


def test_a_patient_who_cannot_be_solved_is_named_and_left_out(ready, monkeypatch):
    arm = ready.arms[0]
    draw = type(arm.model.parameters).draw

    def poisoned(self, patients, *rest, **more):
        values = draw(self, patients, *rest, **more)
        if self is arm.model.parameters:
            values[patients == 7] = np.nan
        return values

    monkeypatch.setattr(type(arm.model.parameters), "draw", poisoned)
    tables = study.simulate(ready, np.arange(12))
    failed = tables["failed"]
    assert failed["patient"].tolist() == [7]
    assert failed["arm"].tolist() == [arm.name]
    assert "parameter" in failed["reason"].iloc[0]
    records = tables["records"]
    assert 7 not in set(records[records["arm"] == arm.name]["subject"])
    assert set(records[records["arm"] == ready.arms[1].name]["subject"]) == set(range(12))


def test_patients_do_not_know_their_arm(whole):
    cohort = whole["cohort"]
    waits = whole["records"]
    waits = waits[(waits["parameter"] == "time_to_infusion") & ~waits["censored"]]
    both = waits.pivot_table(index="subject", columns="arm", values="value").dropna()
    assert both.corr(method="spearman").iloc[0, 1] == pytest.approx(1.0)
    assert len(cohort) == 24


def test_a_clone_sinks_below_nothing_only_where_it_has_died_out(scenario):
    """Below 1e-6 cells a clone is noise, and noise grows for years; by then the branching process has ended it."""
    many = scenario.with_changes({"horizon": "730 day"})
    ready, streams, patients = make_ready(many), Streams(many.seed), np.arange(1000)
    cohort = enrol(many.population.covariates, many.population.correlations, patients, streams)
    for arm in ready.arms:
        network, numbers = arm.model.network, values_of(ready, arm.model, cohort, streams)
        doses = doses_for(network, arm.administrations(cohort.columns, np.ones(1000)), numbers)
        start, numbers = network.start(numbers), arm.actions.never(numbers)
        solution = arm.kernel.run(numbers, start, doses, ready.days, begin=arm.begin)
        assert (solution.status < FAILED).all()
        done = treated(network, arm.kernel.outputs, solution, ready.days, patients, streams)
        for name, kind in network.clones:
            low = solution.values[:, :, arm.kernel.outputs.index(name)].min(axis=1) < -1e-3
            gone = done.fate.positive_day if kind == "positive" else done.fate.negative_day
            assert np.isfinite(gone[low]).all()
            assert low.mean() < 0.01


def test_replaying_a_patient_who_was_never_infused_says_so(scenario, tmp_path, whole):
    study.run(scenario, folder=tmp_path / "run")
    records = whole["records"]
    lost = records[(records["parameter"] == "infused") & (records["value"] == 0)].iloc[0]
    said = rf"patient {lost['subject']}, who was never infused, in the arm '{lost['arm']}'"
    with pytest.raises(UserError, match=said):
        study.replay(tmp_path / "run", int(lost["subject"]), lost["arm"])


@pytest.mark.slow
def test_two_products_in_one_patient_are_both_there_and_share_the_tumour(scenario):
    products = {"shelf": "cb_car19_il15", "own": "car19_cd28z_autologous"}
    schedule = [{"product": "shelf", "day": 0, "dose": "8e8 cell"}, {"product": "own", "day": 20, "dose": "1e8 cell"}]
    both = {"products": products, "schedule": schedule, "lymphodepletion": "flu_cy_300"}
    alone = {"product": "cb_car19_il15", "schedule": [{"day": 0, "dose": "8e8 cell"}], "lymphodepletion": "flu_cy_300"}
    ready = make_ready(scenario.with_changes({"reference": "both", "arms": {"both": both, "alone": alone}}))
    names = ready.arms[0].model.network.state_names
    assert {"shelf.effector[disease]", "own.effector[disease]", "tumour[high]"} <= set(names)
    courses = study.simulate(ready, np.arange(8))["courses"]
    cells = courses.pivot_table(index="day", columns="arm", values="product_total", aggfunc="median")
    assert cells["both"][19.5] == pytest.approx(cells["alone"][19.5], rel=1e-3)
    assert cells["both"][20.5] > cells["alone"][20.5] + 3e7

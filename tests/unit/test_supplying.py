"""Patients who share a supply network: one pass over the whole cohort, whoever is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from perforin import study
from perforin.errors import UserError
from perforin.making.lot import LOST
from perforin.making.make import WAITING
from perforin.patients.cohort import enrol
from perforin.prepared import make_ready
from perforin.records import Records
from perforin.scenario import read_scenario
from perforin.streams import Streams
from perforin.supplying import supply

N = 400
SHORT = {"patients.n": N, "horizon": "60 day", "visits": [30]}


@pytest.fixture(scope="module")
def ready():
    return make_ready(read_scenario("cd19_lbcl_supply").with_changes(SHORT))


def lots_of(ready, patients):
    population, streams = ready.scenario.population, Streams(ready.scenario.seed)
    return supply(ready, enrol(population.covariates, population.correlations, patients, streams), streams)


@pytest.fixture(scope="module")
def lots(ready):
    return lots_of(ready, np.arange(N))


def test_some_patients_get_what_they_get_among_all(ready, lots):
    some = np.array([3, 50, 51, 399])
    alone = lots_of(make_ready(ready.scenario), some)
    for arm, every in lots.items():
        for name in ("day", "infused", "reason", "lot", "dose_share", "cost"):
            assert getattr(alone[arm], name).tolist() == getattr(every, name)[some].tolist(), f"{arm} {name}"


def test_the_same_patients_are_lost_for_the_reasons_of_each_network(lots):
    reasons = {arm: set(np.unique(one.reason)) - {""} for arm, one in lots.items()}
    assert {LOST, "not eligible", "not funded"} <= reasons["car_nk"] & reasons["car_t"]
    assert "manufacturing failed" in reasons["car_t"] - reasons["car_nk"]
    denied = [set(np.flatnonzero(one.reason == "not eligible")) for one in lots.values()]
    assert denied[0] == denied[1], "who is not eligible is so in every arm"
    assert np.median(lots["car_nk"].day[lots["car_nk"].infused]) < np.median(lots["car_t"].day[lots["car_t"].infused])


def test_everybody_is_infused_or_has_a_reason(lots):
    for one in lots.values():
        assert ((one.reason == "") == one.infused).all()
        assert (one.day[one.reason != WAITING] >= 0).all() and np.isfinite(one.day).all()


def test_patients_share_lots_from_a_bank_and_have_their_own_otherwise(lots):
    bank, own = lots["car_nk"], lots["car_t"]
    given = bank.lot[bank.infused]
    assert len(np.unique(given)) < len(given) and len(np.unique(own.lot[own.infused])) == own.infused.sum()
    for lot in np.unique(given)[:5]:
        assert len(np.unique(bank.donor[bank.infused & (bank.lot == lot)])) == 1


def test_records_say_who_was_lost_and_what_arrived(ready, lots):
    records = Records(study.simulate(ready, np.arange(60))["records"])
    for arm, one in lots.items():
        for reason in set(one.reason[:60]) - {""}:
            found = records.of(f"lost:{reason}", arm)["subject"].tolist()
            assert found == np.flatnonzero(one.reason[:60] == reason).tolist()
        living = records.of("lot_living_share", arm)
        np.testing.assert_allclose(living["value"], one.living_share[:60][one.infused[:60]])


def test_a_network_of_other_cells_is_refused():
    changes = SHORT | {"arms.car_t.network": "donor_bank_two_hubs"}
    with pytest.raises(UserError, match="of cells from donor_bank; needed one of cells from patient"):
        make_ready(read_scenario("cd19_lbcl_supply").with_changes(changes))


def test_an_unknown_network_is_refused_with_the_nearest_and_its_line():
    changes = SHORT | {"arms.car_t.network": "autologous_two_plant"}
    with pytest.raises(UserError, match="did you mean 'autologous_two_plants'"):
        make_ready(read_scenario("cd19_lbcl_supply").with_changes(changes))


def test_an_arm_without_a_product_is_refused(tmp_path):
    path = tmp_path / "alone.yaml"
    path.write_text("title: t\nquestion: q\ndisease: lbcl\narms:\n  none: {label: nothing}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"alone.yaml:5.*found an arm without a product"):
        make_ready(read_scenario(path))

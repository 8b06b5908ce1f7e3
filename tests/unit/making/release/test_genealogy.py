"""From donor to patient and back, as a graph, as CSV and as EPCIS."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from batch_recipes import library_process
from perforin.errors import UserError
from perforin.making.batch import grow
from perforin.making.network.description import read_network
from perforin.making.network.orders import simulate
from perforin.making.release import Genealogy, genealogy_of, release, serve, served_by, specifications_of
from perforin.making.release.epcis import check_events, epcis_document, read_epcis, write_epcis
from perforin.making.release.genealogy import inventory, read_genealogy, write_genealogy
from perforin.streams import Streams


@pytest.fixture(scope="module")
def bank():
    process = library_process("nk_cord_blood")
    batches = grow(process, np.arange(60), Streams(1))
    verdicts = release(batches, specifications_of(process), Streams(1))
    given = serve(verdicts, 300)
    return process, batches, verdicts, given, genealogy_of(process, batches, verdicts, given)


def test_trace_and_recall_agree(bank) -> None:
    _, batches, _, given, family = bank
    lot = f"lot-{given['batch'].iloc[0]}"
    patients = family.recall(lot)
    assert patients == sorted(given.loc[given["batch"] == given["batch"].iloc[0], "patient"])
    assert all(lot in family.origins(one) for one in patients)
    for one in family.nodes["id"]:
        assert all(one in family.origins(child) for child in family.destinations(one)[:3])
    everyone = {patient for who in set(batches.donor) for patient in family.recall(f"donor-{who}")}
    assert everyone == set(given["patient"])
    assert list(family.trace(patients[0])["kind"]) == ["donor", "collection", "bank", "batch", "lot", "vial", "patient"]


def test_own_cells_come_back_to_the_patient_they_are_of() -> None:
    process = library_process("autologous_viral")
    batches = grow(process, np.arange(40), Streams(1))
    verdicts = release(batches, specifications_of(process), Streams(1), own_cells=True)
    family = genealogy_of(process, batches, verdicts)
    assert "bank" not in set(family.kinds.values())
    for number in verdicts.batch[verdicts.verdict == "released"]:
        assert family.recall(f"donor-{number}") == [f"patient-{number}"]


def test_patients_of_a_supply_network_are_traced_to_batches(bank) -> None:
    process, batches, verdicts, _, _ = bank
    orders = simulate(read_network("donor_bank_two_hubs"), Streams(1), n=60).table
    given = served_by(orders, verdicts)
    infused = orders[orders["lot"] >= 0].dropna(subset=["infused"])
    assert 20 < len(given) == len(infused)
    family = genealogy_of(process, batches, verdicts, given)
    together = infused.groupby("lot")["patient"].apply(set)
    for patients in together:
        first = next(iter(patients))
        lot = next(one for one in family.origins(f"patient-{first}") if one.startswith("lot-"))
        assert set(family.recall(lot)) == {f"patient-{one}" for one in patients}


def test_vials_add_up(bank) -> None:
    _, batches, verdicts, given, _ = bank
    found = inventory(batches, verdicts, given, expired=[int(verdicts.batch[verdicts.doses > 5][-1])])
    assert found["produced"] == sum(found[one] for one in ("used", "rejected", "expired", "in stock"))
    assert found["used"] == 300 and found["expired"] > 0
    tested = verdicts.verdict != "not made"
    assert found["produced"] == np.floor(batches.cells_filled / batches.planned_dose)[tested].sum()


def test_a_lot_that_was_not_released_or_has_no_more_vials_cannot_be_given(bank) -> None:
    process, batches, verdicts, _, _ = bank
    bad = int(verdicts.batch[verdicts.verdict != "released"][0])
    with pytest.raises(UserError, match="which was not released"):
        genealogy_of(process, batches, verdicts, pd.DataFrame({"patient": ["p"], "batch": [bad]}))
    good = int(verdicts.batch[verdicts.verdict == "released"][0])
    many = pd.DataFrame({"patient": [f"p{i}" for i in range(10_000)], "batch": good})
    with pytest.raises(UserError, match="10000 vials given of lot-"):
        genealogy_of(process, batches, verdicts, many)


def test_csv_and_epcis_give_the_same_graph_back(bank, tmp_path: Path) -> None:
    family = bank[-1]
    write_genealogy(tmp_path / "g.csv", family)
    write_epcis(tmp_path / "g.jsonld", family)
    for back in (read_genealogy(tmp_path / "g.csv"), read_epcis(tmp_path / "g.jsonld")):
        for mine, theirs, key in ((family.nodes, back.nodes, ["id"]), (family.links, back.links, ["parent", "child"])):
            columns = list(mine.columns)
            left, right = (one[columns].sort_values(key).reset_index(drop=True) for one in (mine, theirs[columns]))
            pd.testing.assert_frame_equal(left, right, check_dtype=False, rtol=1e-9)


def test_epcis_has_the_five_kinds_of_event_and_what_each_requires(bank) -> None:
    document = epcis_document(bank[-1])
    check_events(document)
    events = document["epcisBody"]["eventList"]
    assert {one["type"] for one in events} == {
        "ObjectEvent", "AggregationEvent", "TransformationEvent", "AssociationEvent", "TransactionEvent",
    }  # fmt: skip
    assert len({one["eventID"] for one in events}) == len(events)
    assert document["@context"][0] == "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
    json.dumps(document, allow_nan=False)


@pytest.mark.parametrize(
    "kind, key, value, words",
    [
        ("ObjectEvent", "epcList", None, "without 'epcList'"),
        ("ObjectEvent", "eventTime", "yesterday", "ISO 8601"),
        ("AggregationEvent", "parentID", "lot 7", "needed a URI"),
        ("TransformationEvent", "outputEPCList", None, "inputs and outputs"),
        ("TransactionEvent", "bizTransactionList", None, "without 'bizTransactionList'"),
        ("AssociationEvent", "action", "GIVE", "needed ADD"),
        ("ObjectEvent", "type", "BirthEvent", "needed one of"),
        ("ObjectEvent", "eventTimeZoneOffset", "CET", "such as \\+00:00"),
    ],
)
def test_an_event_that_lacks_something_is_refused(bank, kind: str, key: str, value, words: str) -> None:
    document = epcis_document(bank[-1])
    event = next(one for one in document["epcisBody"]["eventList"] if one["type"] == kind)
    event[key] = value
    with pytest.raises(UserError, match=words):
        check_events(document)


def graph(kinds: dict[str, str], links: list[tuple[str, str]]) -> Genealogy:
    nodes = pd.DataFrame({"id": list(kinds), "kind": list(kinds.values()), "day": np.nan, "status": ""})
    joined = pd.DataFrame(links, columns=["parent", "child"]).assign(amount=1.0, unit="vial")
    return Genealogy(nodes, joined)


@pytest.mark.parametrize(
    "kinds, links, words",
    [
        ({"a": "donor", "b": "bank", "c": "bank"}, [("b", "c"), ("c", "b")], "a circle in the genealogy: .*b.*c"),
        ({"a": "donor", "b": "lot"}, [], "the lot 'b' without a parent"),
        ({"a": "donor", "b": "lot"}, [("a", "bb")], "the child 'bb', which is no node"),
        ({"a": "lot", "b": "donor"}, [("a", "b")], "before the donor 'b'"),
        ({"a": "donr"}, [], "did you mean 'donor'"),
    ],
)
def test_what_is_no_genealogy_is_refused_by_name(kinds, links, words: str) -> None:
    with pytest.raises(UserError, match=words):
        graph(kinds, links)


def test_an_unknown_id_is_refused_with_the_nearest(bank) -> None:
    with pytest.raises(UserError, match="did you mean 'lot-1"):
        bank[-1].recall("lot_1")


def test_a_bad_csv_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text("id,kind,parent,amount,unit\nd,donor,,,\nl,lot,d,many,vial\n")
    with pytest.raises(UserError, match=r"g\.csv:3: found the amount 'many'"):
        read_genealogy(path)
    path.write_text("id,kind\nd,donor\n")
    with pytest.raises(UserError, match=r"g\.csv:1: found no columns \['parent'\]"):
        read_genealogy(path)

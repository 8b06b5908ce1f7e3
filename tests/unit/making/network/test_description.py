"""A network's file: what ships can be read, and what is wrong is refused at its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from perforin.errors import UserError
from perforin.evidence.sources import bibliography
from perforin.making.network.description import FOLDER, network_names, read_network
from perforin.making.network.figures import supply_rows

AUTOLOGOUS = (FOLDER / "autologous_two_plants.yaml").read_text()
BANK = (FOLDER / "donor_bank_two_hubs.yaml").read_text()
QUEUE = (FOLDER / "myeloma_slot_queue.yaml").read_text()


def refused(tmp_path: Path, text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as found:
        read_network(path)
    return str(found.value).replace(str(path), "mine.yaml")


@pytest.mark.parametrize("name", network_names())
def test_every_network_of_the_library_is_read_and_its_numbers_are_sourced(name: str) -> None:
    network = read_network(name)
    assert len(network.figures) > 3
    for place, figure in network.figures.items():
        assert figure.source in bibliography() if figure.kind != "assumed" else figure.note, place


def test_there_are_networks_for_both_starting_materials_and_the_queue() -> None:
    found = {read_network(name).starting_material for name in network_names()}
    assert found == {"patient", "donor_bank"}
    assert "myeloma_slot_queue" in network_names()


def test_units_are_converted() -> None:
    assert read_network("myeloma_slot_queue").referrals.value == pytest.approx(4 * 12 / 365.25)


@pytest.mark.parametrize(
    "changes,message",
    [
        ([("slot.myeloma", "{value: 0, unit: 1/month, note: none}")], "found zero slots; needed a rate above 0"),
        ([("{rate: slot.myeloma}", "{rate: slot.mieloma}")], "did you mean 'slot.myeloma'?"),
        ([("at: centres", "at: centers")], "found at 'centers'; needed one of the sites ['centres']; did you mean"),
        ([("value: 1096", "value: -3")], "mine.yaml:6: days: found -3 day; needed 0 or more"),
        ([("unit: day", "unit: kg")], "mine.yaml:6: days: "),
        ([("fifo", "random")], "mine.yaml:9: discipline: found 'random'; needed 'fifo', 'urgency' or 'lottery'"),
        ([("discipline: fifo", "disciplin: fifo")], "found the unknown key 'disciplin'"),
        ([("at: centres}", "at: centres}\n  - {name: slot}")], "found the stage 'slot' 2 times"),
        ([("slots: {rate: slot.myeloma}", "share: 1")], "found no resource; needed one of lines, slots and stock"),
        ([("slots: {rate", "closed: weekends, slots: {rate")], "found a calendar with slots; needed"),
        ([("starting_material: patient", "starting_material: donor_bank")], "found donor_bank with 0 stages"),
        ([("attrition.myeloma_queue", "{value: 0.1, unit: 1/day, kind: measured}")], "found no source for a measured"),
    ],
)  # fmt: skip
def test_a_queue_that_cannot_be_is_refused_at_its_line(
    tmp_path: Path, changes: list[tuple[str, str]], message: str
) -> None:
    found = refused(tmp_path, QUEUE, *changes)
    assert message in found
    assert found.startswith("mine.yaml:")


@pytest.mark.parametrize(
    "changes,message",
    [
        ([("begins: manufacture", "begins: courier_out")], "found a remake that begins at 'courier_out'"),
        ([("success: manufacture.remake_success", "success: {value: 1.2, note: no}")], "needed a number from 0 to 1"),
        ([("at_most: 1", "at_most: 0")], "found 0; needed greater than or equal to 1"),
        ([("lines: plant.lines_small", "lines: {value: 2.5, note: no}")], "found 2.5; needed a whole number"),
        ([("lines: plant.lines_small", "lines: {value: 0, note: no}")], "found 0; needed 1 or more"),
        ([("closed: weekends", "closed: [[9, 5]]")], "found closed from day 9 to 5; needed 0 <= from < to"),
        ([("interval: plant.outage_interval", "interval: {value: 0, unit: day, note: no}")], "found 0 days between"),
        ([("share: 2", "share: 0")], "needed greater than 0"),
        ([("lost: {share: funding.denied, cause: not funded}",
           "remake: {begins: funding, success: manufacture.remake_success}")], "found remake without lost"),
        ([("duration: courier.leg", "duration: {value: -1, unit: day, note: no}")], "found -1 day; needed 0 or more"),
    ],
)  # fmt: skip
def test_stages_and_sites_that_cannot_be_are_refused(
    tmp_path: Path, changes: list[tuple[str, str]], message: str
) -> None:
    assert message in refused(tmp_path, AUTOLOGOUS, *changes)


@pytest.mark.parametrize(
    "changes,message",
    [
        ([("all_ligands: {s: 4, S: 12}", "all_ligands: {s: 60, S: 12}")],
         "mine.yaml:14: sites.hubs.0.stock.all_ligands: found s = 60 above S = 12; needed s <= S"),
        ([("all_ligands: {s: 4, S: 12}, ", "")], "needed a policy for each of ['all_ligands', 'c1_only'"),
        ([("ligands: [C1, C2, Bw4]", "ligands: [C3]")], "found ['C3'], which matching does not know"),
        ([("starting_material: donor_bank", "starting_material: patient")], "found patient with 1 stages at a stock"),
        ([("review: {value: 7", "review: {value: 0")], "every 0 days"),
        ([("lead_time: donor_bank.lead_time", "lead_time: {value: -9, unit: day, note: no}")], "needed 0 or more"),
    ],
)  # fmt: skip
def test_stock_that_cannot_be_is_refused(tmp_path: Path, changes: list[tuple[str, str]], message: str) -> None:
    assert message in refused(tmp_path, BANK, *changes)


def test_a_network_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(UserError, match="found no network 'donor_bank_two_hub'; needed a file, or one of"):
        read_network("donor_bank_two_hub")


def test_every_row_of_the_table_is_used_by_a_network() -> None:
    texts = "".join(path.read_text() for path in FOLDER.glob("*.yaml"))
    assert not [name for name in supply_rows() if name not in texts]

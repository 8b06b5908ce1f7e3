"""Every collected number on waits, attrition and networks is in the supply table, or why not is stated here."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from perforin.making.network.figures import supply_rows

TABLE = Path(__file__).parents[3] / "shared" / "data" / "manufacturing_parameters.csv"
OURS = ("time", "attrition", "network")
STEPS = ("T_CARNK_BATCH", "T_CARNK_LEAD")
"""Times of making; the processes use them."""

USED: dict[str, tuple[str, float]] = {
    "T_MFG_LINE": ("manufacture.duration", 7.0),
    "HAZ_LBCL": ("attrition.lymphoma", 0.00442),
    "HAZ_MM_QUEUE": ("attrition.myeloma_queue", 1 / 365),
    "NET_LINES": ("plant.lines_small", 4.0),
    "NET_TT": ("courier.leg", 1.0),
    "T_COMM_REF": ("consultation.wait", 11.0),
    "MM_SLOTS": ("slot.myeloma", 2.0),
}
"""Identifier: the row of the supply table and its value."""

RESULT = "a wait or a share from end to end, which a network predicts and does not take in"
OTHERWISE = {
    **dict.fromkeys(
        ("T_TISA_JULIET", "T_AXI_ZUMA1", "T_AXI_UC", "T_AXI_EU_QP", "T_AXI_EU_SHIP", "T_AXI_EU2", "T_AXI_US",
         "T_LISO_TRANSCEND", "P_V2V36", "T_CILTA_V2V", "T_IDE_V2V", "T_IDE_KU", "T_UKALL", "NR_COMM", "T_UNI_COMM",
         "MM_TREATED", "MM_NOSLOT_MORT", "MM_RELAPSE_WAIT", "MORT_WAIT_DES"), RESULT,
    ),
    "HAZ_ALL_PED": "a disease that no network of the library is for",
    "HAZ_MM": "from collection to infusion; the queue before has its own, HAZ_MM_QUEUE",
    **dict.fromkeys(("NET_CAPEX", "NET_OPEX", "NET_MAT", "NET_LEG"), "a cost: the siting and costing modules'"),
    **dict.fromkeys(("NET_TISA", "NET_SITES_MM", "NET_SITES_US"), "how many sites there are: the siting module's"),
    "NET_ND": "a limit that a planner sets; here the turnaround is a result",
}  # fmt: skip


def collected() -> dict[str, dict[str, str]]:
    if not TABLE.is_file():
        pytest.skip(f"{TABLE} is not there: the collected numbers do not come with the repository")
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    return {name: row for name, row in rows.items() if row["module"] in OURS and name not in STEPS}


def test_every_collected_number_is_used_or_its_absence_explained() -> None:
    assert set(collected()) == {*USED, *OTHERWISE}
    assert not set(USED) & set(OTHERWISE)


@pytest.mark.parametrize("name", USED)
def test_a_number_that_is_used_has_the_collected_value_and_lies_in_its_range(name: str) -> None:
    parameter, value = USED[name]
    row, found = supply_rows()[parameter], collected()[name]
    assert row.value == pytest.approx(value, rel=2e-3)
    if name == "HAZ_MM_QUEUE":
        assert 1 / row.value == pytest.approx(float(found["value"]), rel=2e-3)
    elif name == "MM_SLOTS":
        assert float(found["low"]) <= row.value <= float(found["high"])
    else:
        assert row.value == pytest.approx(float(found["value"].split(" / ")[0]))
    assert row.status == {"read": "read", "derived": "derived"}[found["evidence"]]

"""Every collected number on freezing and the cold chain is in the table, or why not is stated here."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from perforin.making.cold_chain.damage import alive, crossing_survival
from perforin.making.cold_chain.frozen import frozen

TABLE = Path(__file__).parents[3] / "shared" / "data" / "manufacturing_parameters.csv"
NK, T = frozen("NK"), frozen("T")
RESTED = frozen("NK", "rested")

USED: dict[str, float] = {
    "CRYO_RATE": -NK["freezing.gentle"],
    "CRYO_NK_24H": 1 - float(alive(24, NK["survival.lasting"], NK)),
    "CRYO_PM21_REC": RESTED["thaw.viability"] * float(alive(24, RESTED["survival.lasting"], RESTED)),
    "CRYO_NK_3D": 1 / NK["function.killing"],
    "CRYO_T_EFFECT": T["function.killing"],
    "CRYO_T_VIAB": T["thaw.viability"],
    "CRYO_TG": NK["glass.transition"],
    "CRYO_TWE20": float(crossing_survival(20, NK)),
    "CRYO_EA": NK["glass.activation_energy"],
    "SHIP_HOLD": NK["shipper.hold"] / 24,
    "SHIP_HOLD_CV": NK.rows["shipper.hold"].between_patient_cv,
    "SHIP_TILT": NK["shipper.tilt_loss"],
    "SHIP_TEMP": NK["transport.limit"],
    "THAW_CILTA": NK["thaw.window"],
}
"""Identifier: what the rows, or the model with them, give in its unit."""

OTHERWISE = {
    "CRYO_KREF": "7.6e-5 per hour, as its own note derives it, in place of the rounded 1e-4",
    "CRYO_M80": "glass.loss_rate is derived from it: four weeks at -80 degrees cost 5 %",
    "CRYO_NK_DOSEX": "half the effect in mice: the high end of function.killing, whose value is measured on cells",
    "SHIP_EXC": "an assumed share of shipments with an excursion, which lanes predict and do not take in",
    "THAW_OTHER": "from memory; the low and high end of thaw.window",
    "LEUK_FROZEN": "how long collected cells keep: below the glass transition storage costs nothing here",
}


def collected() -> dict[str, dict[str, str]]:
    if not TABLE.is_file():
        pytest.skip(f"{TABLE} is not there: the collected numbers do not come with the repository")
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file) if row["module"] in ("cryo", "coldchain")}


def test_every_collected_number_is_used_or_its_absence_explained() -> None:
    assert set(collected()) == {*USED, *OTHERWISE}
    assert not set(USED) & set(OTHERWISE)


@pytest.mark.parametrize("name", USED)
def test_a_number_that_is_used_has_the_collected_value(name: str) -> None:
    assert USED[name] == pytest.approx(float(collected()[name]["value"]), rel=0.02)


def test_those_that_are_not_lie_in_the_ranges_of_the_rows() -> None:
    found, rate = collected(), NK.rows["glass.loss_rate"]
    assert (rate.low, rate.high) == (float(found["CRYO_KREF"]["low"]), float(found["CRYO_KREF"]["high"]))
    assert NK.rows["function.killing"].high == 1 / float(found["CRYO_NK_DOSEX"]["value"])
    others = [float(text) for text in found["THAW_OTHER"]["value"].split("/")]
    assert (NK.rows["thaw.window"].low, NK.rows["thaw.window"].high) == (min(others), max(others))

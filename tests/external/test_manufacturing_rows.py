"""Every published number on making that was collected is used by a process, or the reason why not is stated here."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from batch_recipes import library_process
from perforin.evidence.parameters import Row
from perforin.library import default_library

TABLE = Path(__file__).parents[3] / "shared" / "data" / "manufacturing_parameters.csv"
OURS = ("source", "expansion", "engineering", "dose", "failure")
STEPS = ("T_MFG_LINE", "T_CARNK_BATCH", "T_CARNK_LEAD")
"""Times of making; other times are waits of patients."""

USED: dict[str, tuple[str, str]] = {
    "SRC_PB_NK_FRAC": ("nk_peripheral_feeder", "batch.material.share"),
    "SRC_NK92_MCB": ("nk_92", "batch.material.cells"),
    "EXP_MB21_21D": ("nk_peripheral_feeder", "batch.published.0.fold"),
    "EXP_CYTO_19D": ("nk_peripheral_cytokine", "batch.published.0.fold"),
    "EXP_UCB_21D_TOTAL": ("nk_cord_blood", "batch.published.0.cells_harvested"),
    "EXP_IPSC_35D": ("nk_ipsc", "batch.material.differentiation"),
    "EXP_CV_BETWEEN": ("nk_peripheral_feeder", "batch.growth.between_donor_cv"),
    "EXP_CV_WITHIN": ("nk_peripheral_feeder", "batch.growth.within_donor_cv"),
    "DOSE_CARNK_CB": ("nk_cord_blood", "batch.formulation.dose"),
    "DOSE_FT516": ("nk_ipsc", "batch.formulation.dose"),
    "DOSE_TISA": ("autologous_viral", "batch.formulation.dose"),
    "DOSES_NKARTA": ("nk_peripheral_feeder", "batch.published.1.doses"),
    "DOSES_ARTIVA": ("nk_cord_blood", "batch.published.1.doses"),
    "CAR_LV_PB": ("nk_peripheral_cytokine", "batch.engineering.efficiency"),
    "CAR_LV_UCB": ("nk_cord_blood", "batch.engineering.efficiency"),
    "CAR_RV_D5": ("nk_peripheral_feeder", "batch.engineering.efficiency"),
    "CAR_CRISPR_AAV6": ("autologous_knock_in", "batch.engineering.efficiency"),
    "CAR_TISA_RW": ("autologous_viral", "batch.engineering.efficiency"),
    "VCN_MEAN": ("autologous_viral", "batch.published.1.vector_copies"),
    "MF_tisa_DLBCL": ("autologous_slow", "failure.probability"),
    "MF_axi_ZUMA1": ("autologous_central", "failure.probability"),
    "MF_ide_KarMMa": ("autologous_myeloma", "failure.probability"),
    "MF_UK_LBCL": ("autologous_viral", "failure.probability"),
    "REMAKE_SUCC": ("autologous_viral", "remake.probability_of_success"),
    "T_MFG_LINE": ("autologous_viral", "steps.culture.duration"),
    "T_CARNK_BATCH": ("nk_peripheral_feeder", "steps.culture.duration"),
    "T_CARNK_LEAD": ("off_the_shelf_frozen", "waiting.median"),
}
"""Identifier: the process and the number of it that has the value (and the range, where one is given)."""

OTHERWISE = {
    "SRC_PBMC_NK_FRAC": "in the note of the share of lymphocytes, which is used",
    "SRC_PB_NK_START": "from memory; in the note and the upper end of the cells at the start",
    "SRC_PB_CLINI_START": "cells times share of nk_peripheral_cytokine (tested below)",
    "SRC_UCB_NK_START": "cells times share of nk_cord_blood (tested below)",
    "SRC_UCB_CD34_START": "a process from CD34 cells, which is not among the eight",
    "SRC_NK92_DENS": "capacity of nk_92 over its fifty litres (tested below)",
    "SRC_UCB_OPT_TIME": "defines optimal units; their effect is on the patient, not on the batch",
    "SRC_UCB_OPT_NRBC": "defines optimal units; their effect is on the patient, not on the batch",
    "SRC_UCB_OPT_PFS": "an outcome in patients",
    "SRC_DONOR_CSECT": "a direction without a size; in the note of nk_cord_blood's spread",
    "EXP_MB15_21D": "another feeder, from memory",
    "EXP_MB1821_1X": "predicted in test_culture; the ratio of nk_peripheral_feeder",
    "EXP_MB1821_3X": "a maximum ('up to'), not a mean",
    "EXP_CLOUDZ_10D": "particles in place of feeders: a process that is not among the eight",
    "EXP_OKT3_21D": "own irradiated cells as feeders: a process that is not among the eight",
    "EXP_CD34_42D": "a process from CD34 cells, which is not among the eight",
    "EXP_HSPC_ORGANOID": "a process from CD34 cells, which is not among the eight",
    "EXP_MAXPD": "culture_vigour.ceiling (tested below)",
    "EXP_LIFESPAN_ACT": "longer than any culture here; follows from the ceiling",
    "EXP_LIFESPAN_IL2": "longer than any culture here; follows from the ceiling",
    "EXP_TD_PB": "the mean doubling time that culture_division.rate gives (test_culture)",
    "DOSES_PB_12D": "a company's claim for short expansion, a process that is not among the eight",
    "CAR_LV_PHA": "in the note of nk_peripheral_cytokine",
    "CAR_RV_D21": "in the note of nk_peripheral_feeder",
    "CAR_BAEV_GAIN": "a gain over an envelope whose own efficiency is not given",
    "CAR_PIGGYBAC": "in the note of autologous_knock_in",
    "CAR_ARI": "three lots: published share of autologous_viral",
    "MF_tisa_ALL": "another disease than the processes state",
    "MF_liso_TRANSCEND": "no process of the library is of this product",
    "MF_brexu_ZUMA2": "another disease than the processes state",
    "MF_UK_MCL": "another disease than the processes state",
    "MF_UK_BALL": "another disease than the processes state",
    "MF_TISA_UKALL": "another disease than the processes state",
    "MF_UK_REASONS": "what culture_division.rate and culture_death.rate of T cells are fitted to; published note",
    "MF_BENDA": "a covariate of patients that no disease of the library has",
    "NC_liso": "lots out of specification that were infused: a decision of release",
    "OOS_CILTA": "lots out of specification: a decision of release",
    "OOS_TISA_VIAB": "lots out of specification: a decision of release",
    "MSR_AXI_EU": "lots released in practice: a target of validation",
    "DSR_AXI_EU2": "products delivered in practice: a target of validation",
    **dict.fromkeys(
        ("NR_tisa_DLBCL", "NR_tisa_ALL", "NR_axi_ZUMA1", "NR_liso_TRANSCEND", "NR_brexu_ZUMA2", "NR_ide_KarMMa",
         "INF_CILTA", "NR_MDACC_AXI", "NR_KARMMA3", "NR_UK"),
        "patients lost before infusion, which waiting and attrition decide and not the batch",
    ),
}  # fmt: skip


def collected() -> dict[str, dict[str, str]]:
    if not TABLE.is_file():
        pytest.skip(f"{TABLE} is not there: the collected numbers do not come with the repository")
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    return {name: row for name, row in rows.items() if row["module"] in OURS or name in STEPS}


def number(process: str, name: str) -> Row:
    rows = {row.parameter: row for row in library_process(process).rows}
    return rows[f"{process}.{name}"]


def test_every_collected_number_is_used_or_its_absence_is_explained() -> None:
    rows = collected()
    assert len(rows) > 60
    assert not rows.keys() - USED.keys() - OTHERWISE.keys()
    assert not (USED.keys() | OTHERWISE.keys()) - rows.keys()
    assert not USED.keys() & OTHERWISE.keys()


@pytest.mark.parametrize("name", USED)
def test_a_number_that_is_used_has_the_collected_value_and_range(name: str) -> None:
    row, found = collected()[name], number(*USED[name])
    value = 2.5e7 if name == "SRC_NK92_MCB" else float(row["value"])  # the bank has 200 vials of so many cells
    assert found.value == pytest.approx(value, rel=0.02)
    if row["low"] and row["high"]:
        assert (found.low, found.high) == pytest.approx((float(row["low"]), float(row["high"])), rel=0.02)
    if row["evidence"] == "assumption":
        assert found.kind == "assumed"
    if row["evidence"] == "memory":
        assert found.status in ("memory", "assumed")
    if row["evidence"] == "vendor":
        assert "company" in found.note


def test_products_of_numbers_are_those_collected() -> None:
    rows = collected()
    for name, process in (("SRC_PB_CLINI_START", "nk_peripheral_cytokine"), ("SRC_UCB_NK_START", "nk_cord_blood")):
        cells, share = (number(process, f"batch.material.{part}").value for part in ("cells", "share"))
        assert cells * share == pytest.approx(float(rows[name]["value"]))
    capacity = number("nk_92", "batch.growth.parameters.culture_room.capacity")
    assert capacity.value / 50 == pytest.approx(float(rows["SRC_NK92_DENS"]["value"]))
    ceiling = next(r for r in default_library().tables["culture_vigour.ceiling"] if r.keys.get("cell") == "NK")
    wanted = rows["EXP_MAXPD"]
    assert [ceiling.value, ceiling.low, ceiling.high] == [float(wanted[k]) for k in ("value", "low", "high")]

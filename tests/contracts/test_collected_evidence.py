"""Every row of the collected evidence is in the library: in its trial, with its denominator and how it was known."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from perforin.evidence.pooling.library_sets import study_set
from perforin.evidence.published import Finding, trial, trials
from perforin.evidence.reviews import reviews
from perforin.evidence.sources import LIBRARY, bibliography

SHARED = Path(__file__).parents[2] / "../shared/data"
beside = pytest.mark.skipif(not SHARED.exists(), reason="the collected tables are not beside this checkout")

TRIALS = {"COOLEY2019_SC": "cooley_2019_subcutaneous", "COOLEY2019_IV": "cooley_2019_intravenous",
          "CILTA_RW": "cilta_real_world", "DELBUFALO2023_ALLO": "del_bufalo_2023",
          "CT041_PH1": "ct041_phase_1"}  # fmt: skip
"""Folders of collected cohorts that are not called alike."""
SIZES = {"JULIET": (165, 115)}
"""Patients enrolled and infused where the cohort's rows count 93, 111, 115 or 165."""
ENDPOINTS = {
    "ORR": "ORR_best", "CR": "CR_best", "SD": "SD_best", "PD": "PD_best", "SDorBetter": "SD_or_better",
    "GvHD": "GvHD_any", "DOR": "DOR_median", "MRDneg": "MRD_negative", "CR_MRDneg": "CR_MRD_negative",
    "CRc": "CRi_best", "clinical_response_any": "clinical_response", "registration_to_infusion_d": "time_to_infusion",
    "OS_1y": "OS_12m", "PFS_1y": "PFS_12m", "EFS_1y": "EFS_12m", "median_PFS_m": "PFS_median",
    "median_OS_m": "OS_median", "median_EFS_m": "EFS_median",
    "Tmax_d": "Tmax", "last_detectable_d": "last_detectable_day", "half_life_d": "half_life",
    "Cmax_ratio_R_vs_NR": "Cmax_ratio", "robust_expansion_d14_fraction": "NK_expansion_d14",
}  # fmt: skip
PARTS = {
    ("MARIN2024", "ORR_d30_lowgradeNHL"): ("ORR_d30", "low-grade lymphoma"),
    ("MARIN2024", "ORR_d30_CLL_no_transformation"): ("ORR_d30", "CLL without transformation"),
    ("MARIN2024", "ORR_d30_DLBCL"): ("ORR_d30", "DLBCL"),
    ("MARIN2024", "CR_1y_lowgradeNHL"): ("CR_12m", "low-grade lymphoma"),
    ("MARIN2024", "CR_1y_CLL_no_transformation"): ("CR_12m", "CLL without transformation"),
    ("MARIN2024", "CR_1y_DLBCL"): ("CR_12m", "DLBCL"),
    ("MARIN2024", "PFS_1y_optimalCBU"): ("PFS_12m", "optimal cord unit"),
    ("MARIN2024", "PFS_1y_suboptimalCBU"): ("PFS_12m", "other cord unit"),
    ("MARIN2024", "OS_1y_optimalCBU"): ("OS_12m", "optimal cord unit"),
    ("MARIN2024", "OS_1y_suboptimalCBU"): ("OS_12m", "other cord unit"),
    ("GHOBADI2025", "CRS_any_regimenA"): ("CRS_any", "without antibody"),
    ("GHOBADI2025", "CRS_any_regimenB"): ("CRS_any", "with antibody"),
    ("NKX101", "CR_3dose_FluCy"): ("CR_best", "three doses after fludarabine and cyclophosphamide"),
    ("NKX101", "CRCRi_FluAraC"): ("CRi_best", "after fludarabine and cytarabine, first report"),
    ("NKX101", "CR_FluAraC"): ("CR_best", "after fludarabine and cytarabine, first report"),
    ("NKX101", "CRCRi_FluAraC_update2024"): ("CRi_best", "after fludarabine and cytarabine, update"),
    ("COOLEY2019_SC", "neurotox_among_CRS"): ("neurotoxicity_any", "with CRS"),
    ("GD2CART01", "OS_3y_RD"): ("OS_36m", "recommended dose"),
    ("GD2CART01", "EFS_3y_RD"): ("EFS_36m", "recommended dose"),
    ("ADUSUMILLI2021", "ORR_interim"): ("ORR_best", "interim"),
    ("ADUSUMILLI2021", "median_OS_m"): ("OS_median", "with pembrolizumab"),
    ("ADUSUMILLI2021", "OS_1y"): ("OS_12m", "with pembrolizumab"),
    ("NARAYAN2022", "CRS_ge3"): ("CRS_high_grade", ""),
}
"""Numbers of a part of a cohort, and one that its note says is not the grade it is collected under."""
MEASURED: dict[tuple[str, str], tuple[tuple[str, ...], str]] = {
    ("FT596 (iPSC, IL-15RF)", "B-cell lymphoma"): (("ghobadi_2025",), ""),
    ("FT596", "B-cell lymphoma"): (("ghobadi_2025",), ""),
    ("iC9/CAR19/IL15 CB-NK", "CLL/NHL"): (("liu_2020", "marin_2024"), ""),
    ("haplo NK + IV rhIL-15", "AML"): (("cooley_2019_intravenous",), ""),
    ("haplo NK + SC rhIL-15", "AML"): (("cooley_2019_subcutaneous",), ""),
    ("tisagenlecleucel", "pALL"): (("eliana",), ""),
    ("tisagenlecleucel", "pALL CR/CRi"): (("eliana",), "CR or CRi"),
    ("tisagenlecleucel", "pALL non-responder"): (("eliana",), "no response"),
    ("tisagenlecleucel", "DLBCL"): (("juliet",), ""),
    ("tisagenlecleucel", "DLBCL responder"): (("juliet",), "response"),
    ("tisagenlecleucel", "DLBCL non-responder"): (("juliet",), "no response"),
    ("axicabtagene ciloleucel", "LBCL"): (("zuma_1",), ""),
    ("axicabtagene ciloleucel", "LBCL responder"): (("zuma_1",), "response"),
    ("axicabtagene ciloleucel", "LBCL non-responder"): (("zuma_1",), "no response"),
    ("brexucabtagene autoleucel", "MCL"): (("zuma_2",), ""),
    ("brexucabtagene autoleucel", "MCL responder"): (("zuma_2",), "response"),
    ("idecabtagene vicleucel", "MM"): (("karmma",), ""),
    ("ALLO-501/cema-cel (allogeneic)", "LBCL"): (("alpha",), ""),
    ("UCART19 (allogeneic)", "B-ALL"): (("ucart19",), ""),
    ("allogeneic CD19 CAR-T", "SLE"): (("wang_sle_2025",), ""),
    ("CART-HER2", "BTC/PDAC"): (("feng_2018",), ""),
    ("CART-meso", "solid"): (("haas_2019",), ""),
    ("CART-EGFR", "PDAC"): (("liu_y_2020",), ""),
}
"""The trial whose patients a kinetic row was measured in, and which of them."""
TIMED = {"ZUMA-1": "zuma_1", "JULIET": "juliet", "KarMMa": "karmma"}
"""Trials of the library whose toxicity was timed."""
REVIEWS = {"Han MW": "Han2024", "Lei W": "Lei2021", "2025 SR": "ReviewCrs2025", "Cytotherapy 2020": "SevereCrs2020",
           "De Sousa": "DeSousa2025", "Lalu MM": "Lalu2025", "ASH 2024": "CarNkAsh2024",
           "Jorgensen LV": "Jorgensen2025"}  # fmt: skip
UNITS = {"count": "", "fraction": "", "ratio": "", "months": "month", "days": "day", "copies/ug gDNA": "copy/ug",
         "cells/uL": "cell/uL"}  # fmt: skip
UNSTATED = ("undisclosed", "unclear", "-")

Number = tuple[str, str, str, float, str, int | None, str]
"""Trial, endpoint, subgroup, number, unit, denominator and status."""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def status(provenance: str) -> str:
    return {"memory": "memory", "none": "not found"}.get(provenance, "read")


def folder(trial_id: str) -> str:
    plain = trial_id.replace("_", "").casefold()
    return TRIALS.get(trial_id) or next(name for name in trials() if name.replace("_", "") == plain)


def held(name: str, row: Finding) -> Number:
    number = next(float(one) for one in (row.count, row.share, row.value) if one is not None)
    return name, row.endpoint, row.subgroup, number, row.unit, row.denominator, row.status


def library() -> set[Number]:
    return {held(name, row) for name in trials() for row in trial(name).endpoints}


def counted() -> Iterator[Number]:
    for row in rows(SHARED / "trials.csv"):
        if row["endpoint"] == "n_treated":  # stands as the size of its cohort
            continue
        plain = ENDPOINTS.get(row["endpoint"], row["endpoint"])
        endpoint, subgroup = PARTS.get((row["trial_id"], row["endpoint"]), (plain, ""))
        denominator = int(row["denominator"]) if row["denominator"] else None
        yield (folder(row["trial_id"]), endpoint, subgroup, float(row["events_or_value"]), UNITS[row["unit"]],
               denominator, status(row["provenance"]))  # fmt: skip


def measured(row: dict[str, str]) -> Iterator[tuple[Number, str]]:
    """The numbers as which a kinetic row may stand in trials, and its spread."""
    names, subgroup = MEASURED[row["product"], row["setting"]]
    endpoint = ENDPOINTS.get(row["parameter"], row["parameter"])
    for name in names:
        if len(names) == 1 or name.split("_")[0].capitalize() in row["source"]:
            share = next((one.denominator for one in trial(name).endpoints if one.endpoint == endpoint and one.share),
                         None)  # fmt: skip
            yield (name, endpoint, subgroup, float(row["value"]), UNITS[row["unit"].split(" (")[0]], share,
                   status(row["provenance"])), row["spread"]  # fmt: skip


def kinetic() -> Iterator[tuple[Number, str]]:
    table = {(row["product"], row["setting"], row["parameter"]) for row in rows(LIBRARY / "kinetics.csv")}
    for row in rows(SHARED / "kinetics.csv"):
        if (row["product"], row["setting"], row["parameter"]) not in table:
            yield from measured(row)


def timed() -> Iterator[tuple[Number, str]]:
    """Medians of onset and duration of toxicity as they stand in trials, and their range."""
    for row in rows(SHARED / "crs_timing.csv"):
        if row["trial"] in TIMED:
            kind = row["event"].partition("/")[0]
            for what, span in (("onset", row["onset_range"]), ("duration", row["duration_range_or_note"])):
                if median := row[f"{what}_median_d"]:
                    yield (TIMED[row["trial"]], f"{kind}_{what}", "", float(median), "day", None,
                           status(row["provenance"])), span  # fmt: skip


@beside
def test_every_collected_number_is_in_its_trial_under_its_endpoint_denominator_and_status() -> None:
    missing = [one for one in counted() if one not in library()]
    assert not missing, missing


@beside
def test_every_number_of_a_trial_was_collected_or_follows_from_one_that_was() -> None:
    collected = {*counted(), *(one for one, _ in kinetic()), *(one for one, _ in timed())}
    for name in trials():
        one = trial(name)
        some = {row.endpoint: row for row in one.endpoints}
        for row in one.endpoints:
            if row.endpoint == "infused_share":  # attrition before infusion, collected in words
                assert (row.count, row.denominator) == (one.infused, one.enrolled) and row.locator, name
            elif row.endpoint == "GvHD_ge2":
                mild = some["GvHD_any"]
                assert row.count == 0 and row.denominator == mild.denominator and "follows from" in row.note, name
                assert mild.count == 0 or "grade 1" in mild.note, name
                assert row.status == ("memory" if mild.status == "memory" else "derived"), name
            else:
                assert held(name, row) in collected, (name, row)


@beside
def test_every_collected_cohort_is_described_as_collected() -> None:
    cohorts = {row["trial_id"]: row for row in rows(SHARED / "trials.csv")}
    assert {folder(name) for name in cohorts} == set(trials())
    for name, row in cohorts.items():
        one = trial(folder(name))
        assert (one.registration, one.therapy, one.product) == (row["nct"], row["therapy"], row["product"])
        car, payload = ("" if row[key] in UNSTATED else row[key] for key in ("costim_domain", "payload"))
        assert (one.costimulation, one.payload, one.indication) == (car, payload, row["indication"]), name
        assert (one.enrolled, one.infused) == SIZES[name] if name in SIZES else int(row["n"]) in (
            one.enrolled, one.infused)  # fmt: skip
    for row in rows(SHARED / "trials.csv"):
        if row["note"].startswith("OVERLAPS"):
            assert folder(row["note"].split()[1]) in trial(folder(row["trial_id"])).overlaps


@beside
def test_every_kinetic_row_is_a_number_of_its_trial_or_a_row_of_the_product_table() -> None:
    within = {held(name, row): row for name in trials() for row in trial(name).endpoints}
    for number, spread in kinetic():
        assert number in within, number
        low, _, high = spread.partition("-")
        if high:
            assert (within[number].low, within[number].high) == (float(low), float(high)), number
        elif spread:
            assert f"geometric CV {spread} %" in within[number].note, number
    columns = ("therapy", "product", "setting", "parameter", "value", "spread", "unit", "note")
    collected = [[*(row[name] for name in columns), status(row["provenance"])] for row in rows(SHARED / "kinetics.csv")]
    table = [[*(row[name] for name in columns), row["status"]] for row in rows(LIBRARY / "kinetics.csv")]
    assert not [row for row in table if row not in collected]


@beside
@pytest.mark.parametrize("endpoint, column", [("ICANS_any", "events_any"), ("ICANS_ge3", "events_high")])
def test_every_collected_study_of_neurotoxicity_is_in_the_study_set(endpoint: str, column: str) -> None:
    collected = [
        (row["study"], int(row[column]), int(row["n"]), row["disease"], row["target"], row["costim"], row["product"],
         row["grading_note"].split()[0].strip(";") if row["grading_note"] else "not stated",
         "memory" if column == "events_high" and "high: memory" in row["provenance"] else status(row["provenance"]))
        for row in rows(SHARED / "icans_meta.csv") if row[column]
    ]  # fmt: skip
    assert collected == [
        (one.name, one.events, one.n, one.groups["disease"], one.groups["target"], one.groups["costimulation"],
         one.groups["product"], one.scale, one.status) for one in study_set(endpoint, "CAR-T").studies
    ]  # fmt: skip


@beside
def test_a_trial_and_the_study_set_grade_the_same_count_on_the_same_scale() -> None:
    names = {"Maude 2018 ELIANA": "eliana", "Neelapu 2017 ZUMA-1": "zuma_1", "Schuster 2019 JULIET": "juliet",
             "Wang 2020 ZUMA-2": "zuma_2", "Shah 2021 ZUMA-3": "zuma_3", "Locke 2022 ZUMA-7": "zuma_7",
             "Bishop 2022 BELINDA": "belinda", "Kamdar 2022 TRANSFORM": "transform", "Geyer 2019": "geyer_2019",
             "Munshi 2021 KarMMa": "karmma", "Locke 2025 ALPHA/ALPHA2 (allo)": "alpha",
             "Benjamin 2020 (allo)": "ucart19"}  # fmt: skip
    for endpoint in ("ICANS_any", "ICANS_ge3"):
        studies = {one.name: one for one in study_set(endpoint, "CAR-T").studies}
        for study, name in names.items():
            for row in trial(name).endpoints:
                if row.endpoint == endpoint and study in studies:
                    one = studies[study]
                    assert (row.events, row.denominator, row.scale, row.status) == (
                        one.events, one.n, one.scale, one.status), (name, endpoint)  # fmt: skip


@beside
def test_every_published_pooled_value_is_in_the_table_of_reviews() -> None:
    table = [(one.source, one.population, one.endpoint, one.value, one.low, one.high, one.k, one.n, one.status)
             for one in reviews()]  # fmt: skip
    collected = [(next(key for words, key in REVIEWS.items() if row["source"].startswith(words)), row["population"],
                  row["endpoint"], float(row["estimate"]), float(row["lcl"]) if row["lcl"] else None,
                  float(row["ucl"]) if row["ucl"] else None, int(row["k"]) if row["k"] else None,
                  int(row["n"]) if row["n"] else None, status(row["provenance"]))
                 for row in rows(SHARED / "meta_pooled.csv")]  # fmt: skip
    assert table == collected


@beside
def test_every_onset_and_duration_of_toxicity_is_in_its_trial_or_in_the_table_of_other_cohorts() -> None:
    table = [(r["trial"], r["product"], r["costimulation"], r["event"], r["onset_median_d"], r["onset_range_d"],
              r["duration_median_d"], r["note"], r["status"], r["locator"])
             for r in rows(LIBRARY / "toxicity_timing.csv")]  # fmt: skip
    assert table == [(r["trial"], r["product"], r["costim_or_source"], r["event"], r["onset_median_d"],
                      r["onset_range"], r["duration_median_d"], r["duration_range_or_note"], status(r["provenance"]),
                      r["provenance"].removeprefix("page: "))
                     for r in rows(SHARED / "crs_timing.csv") if r["trial"] not in TIMED]  # fmt: skip
    spans = {held(name, row): (row.low, row.high) for name in trials() for row in trial(name).endpoints}
    for number, span in timed():
        low, _, high = span.partition("-")
        assert spans[number] == ((float(low), float(high)) if high else (None, None)), number


def test_every_product_number_and_review_has_a_source_that_resolves() -> None:
    for name in ("reviews.csv", "kinetics.csv", "toxicity_timing.csv"):
        for row in rows(LIBRARY / name):
            assert row["source"] in bibliography() or row["status"] == "not found", (name, row)
            assert row["status"] in ("read", "memory", "not found")

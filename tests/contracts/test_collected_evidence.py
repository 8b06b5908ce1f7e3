"""Every row of the collected evidence stands in the library, with its value and with how it was known."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from perforin.evidence.published import trial, trials
from perforin.evidence.reviews import reviews
from perforin.evidence.sources import LIBRARY, bibliography

SHARED = Path(__file__).parents[2] / "../shared/data"
ENDPOINTS = {"Tmax_d": "Tmax", "last_detectable_d": "last_detectable_day", "half_life_d": "half_life", "Cmax": "Cmax",
             "Cmax_ratio_R_vs_NR": "Cmax_ratio", "robust_expansion_d14_fraction": "NK_expansion_d14"}  # fmt: skip
NUMBERS = ("count", "share", "value")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def known() -> set[tuple[str, float, bool]]:
    """(endpoint, value, from memory) of every number of every trial."""
    return {(row.endpoint, float(value), row.status == "memory") for name in trials() for row in trial(name).endpoints
            for value in (getattr(row, number) for number in NUMBERS) if value is not None}  # fmt: skip


@pytest.mark.skipif(not SHARED.exists(), reason="the collected tables are not beside this checkout")
def test_every_number_of_the_collected_trials_stands_in_a_trial_of_its_registration_and_product() -> None:
    held: dict[tuple[str, str], set[tuple[float, bool]]] = {}
    for name in trials():
        one = trial(name)
        mine = held.setdefault((one.registration, one.product), set())
        mine |= {(float(size), False) for size in (one.enrolled, one.infused) if size}
        mine |= {(float(value), row.status == "memory") for row in one.endpoints
                 for value in (getattr(row, number) for number in NUMBERS) if value is not None}  # fmt: skip
    for row in rows(SHARED / "trials.csv"):
        number = (float(row["events_or_value"]), row["provenance"] == "memory")
        assert number in held[row["nct"], row["product"]], row


@pytest.mark.skipif(not SHARED.exists(), reason="the collected tables are not beside this checkout")
def test_every_kinetic_row_is_a_number_of_a_trial_or_a_row_of_the_product_table() -> None:
    table = {(row["product"], row["parameter"], row["value"], row["status"]) for row in rows(LIBRARY / "kinetics.csv")}
    trial_numbers = known()
    for row in rows(SHARED / "kinetics.csv"):
        status = {"memory": "memory", "none": "not found"}.get(row["provenance"], "read")
        if (row["product"], row["parameter"], row["value"], status) not in table:
            assert (ENDPOINTS[row["parameter"]], float(row["value"]), status == "memory") in trial_numbers, row


@pytest.mark.skipif(not SHARED.exists(), reason="the collected tables are not beside this checkout")
def test_every_published_pooled_value_is_in_the_table_of_reviews() -> None:
    held = [(one.population, one.endpoint, one.value, one.low, one.high, one.k, one.n) for one in reviews()]
    collected = [(row["population"], row["endpoint"], float(row["estimate"]), float(row["lcl"]) if row["lcl"] else None,
                  float(row["ucl"]) if row["ucl"] else None, int(row["k"]) if row["k"] else None,
                  int(row["n"]) if row["n"] else None) for row in rows(SHARED / "meta_pooled.csv")]  # fmt: skip
    assert held == collected


@pytest.mark.skipif(not SHARED.exists(), reason="the collected tables are not beside this checkout")
def test_every_onset_and_duration_of_toxicity_is_in_its_table() -> None:
    held = [(r["trial"], r["event"], r["onset_median_d"], r["duration_median_d"])
            for r in rows(LIBRARY / "toxicity_timing.csv")]  # fmt: skip
    assert held == [(r["trial"], r["event"], r["onset_median_d"], r["duration_median_d"])
                    for r in rows(SHARED / "crs_timing.csv")]  # fmt: skip


def test_every_product_number_and_review_has_a_source_that_resolves() -> None:
    for name in ("reviews.csv", "kinetics.csv", "toxicity_timing.csv"):
        for row in rows(LIBRARY / name):
            assert row["source"] in bibliography() or row["status"] == "not found", (name, row)
            assert row["status"] in ("read", "memory", "not found")

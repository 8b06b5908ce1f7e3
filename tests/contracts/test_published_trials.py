"""What every trial of the library keeps to."""

from __future__ import annotations

import pytest

from perforin.evidence.parameters import known_unit
from perforin.evidence.published import Finding, estimates_for, published, trial, trials
from perforin.evidence.sources import bibliography
from perforin.records import COLUMNS


def findings() -> list[tuple[str, Finding]]:
    return [(name, row) for name in trials() for row in trial(name).endpoints]


def test_the_library_holds_trials_of_both_therapies() -> None:
    therapies = [trial(name).therapy for name in trials()]
    assert therapies.count("CAR-NK") >= 8
    assert therapies.count("CAR-T") >= 15


def test_every_source_resolves() -> None:
    keys = {trial(name).source for name in trials()} | {row.source for _, row in findings()}
    assert keys <= set(bibliography())


def test_counts_do_not_exceed_denominators_nor_denominators_the_cohort() -> None:
    for name, row in findings():
        assert row.denominator is None or row.denominator <= trial(name).n, (name, row.endpoint)
        assert row.events is None or 0 <= row.events <= (row.denominator or 0), (name, row.endpoint)
        assert row.low is None or row.value is None or row.low <= row.value <= (row.high or 0), (name, row.endpoint)


def test_every_unit_is_known_and_every_share_lies_between_zero_and_one() -> None:
    for name, row in findings():
        assert known_unit(row.unit), (name, row.endpoint)
        if row.endpoint.startswith(("OS_1", "PFS_1", "EFS_1")):
            assert row.value is not None and 0 <= row.value <= 1, (name, row.endpoint)


def test_numbers_that_were_read_say_where() -> None:
    assert not [(name, row.endpoint) for name, row in findings() if row.status == "read" and not row.locator]


def test_overlaps_are_named_from_both_sides() -> None:
    for name in trials():
        for other in trial(name).overlaps:
            assert name in trial(other).overlaps, (name, other)


def test_severe_events_are_among_all_events() -> None:
    for name in trials():
        events = {(row.endpoint, row.subgroup): row for row in trial(name).endpoints}
        for kind in ("CRS", "ICANS"):
            some, severe = events.get((f"{kind}_any", "")), events.get((f"{kind}_ge3", ""))
            if some and severe and some.denominator == severe.denominator:
                assert (severe.events or 0) <= (some.events or 0), (name, kind)


@pytest.mark.parametrize("name", trials())
def test_records_of_a_trial_give_back_its_numbers(name: str) -> None:
    table = published(name).table
    assert list(table.columns) == list(COLUMNS)
    assert set(table["origin"]) <= {"published"} and set(table["arm"]) <= {name}
    for row in trial(name).endpoints:
        if row.subgroup:
            continue
        if row.events is None:
            line = table[table["parameter"] == f"summary:{row.endpoint}"]
            assert line["value"].tolist() == [row.value] and line["unit"].tolist() == [row.unit]
        else:
            lines = table[table["parameter"] == f"outcome:{row.endpoint}"]
            assert (len(lines), lines["value"].sum()) == (row.denominator, row.events)
            assert lines["subject"].is_unique and set(lines["value"]) <= {0.0, 1.0}


def test_every_whole_cohort_value_reaches_the_report_inside_its_interval() -> None:
    for name, row in findings():
        for value in estimates_for(row.endpoint, [name]):
            if value["low"] is not None and value["high"] is not None:
                assert value["low"] <= value["value"] <= value["high"], (name, row.endpoint)

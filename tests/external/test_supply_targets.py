"""Published figures on making and supply: each where its row says, the missed ones as missed."""

from __future__ import annotations

import pytest

from perforin.making.network.figures import supply_rows
from perforin.records import exact_interval
from source_tree import ROOT, read
from supply_figures import TARGETS, TRIALS, figures, given, parts, pooled_hazard, rows

HERE = "tests/external/test_supply_targets.py::test_perforin_gives_the_published_figure"
COMPARED = [row for row in rows() if row["test"] == HERE]


def marked(row):
    missed = pytest.mark.xfail(reason=row["note"], raises=AssertionError, strict=True)
    return pytest.param(row, id=row["id"], marks=[missed] if row["verdict"] == "missed" else [])


@pytest.mark.parametrize("row", [marked(row) for row in COMPARED])
def test_perforin_gives_the_published_figure(row):
    assert float(row["low"]) <= given(row) <= float(row["high"])


def test_every_target_has_its_rows_in_order_and_every_figure_its_row():
    targets = [parts(row["id"])[0] for row in rows()]
    assert list(dict.fromkeys(targets)) == [f"V{number}" for number in range(1, 22)]
    assert {parts(row["id"])[0] for row in COMPARED} == TARGETS.keys()
    for name in TARGETS:
        assert {parts(row["id"])[1] for row in COMPARED if parts(row["id"])[0] == name} == figures(name).keys()


def test_what_is_missed_or_not_compared_says_why_and_what_is_compared_names_its_test():
    for row in rows():
        compared = row["verdict"] in ("inside", "missed")
        assert bool(row["test"]) == compared, row["id"]
        assert row["note"] or row["verdict"] == "inside", row["id"]
        if compared:
            path, _, function = row["test"].partition("::")
            assert f"def {function}(" in read(ROOT / path), row["id"]


def test_a_share_that_was_counted_has_its_exact_interval():
    counted = [row for row in rows() if row["count"]]
    assert len(counted) > 20
    for row in counted:
        count, of = int(row["count"]), int(row["of"])
        ends = exact_interval(count, of)
        assert [float(row[key]) for key in ("value", "low", "high")] == pytest.approx([count / of, *ends], rel=5e-3)


def test_the_queue_for_a_slot_is_what_the_note_of_its_fitted_numbers_says():
    note = supply_rows()["attrition.myeloma_queue"].note
    assert "58 % treated and a queue of 23.5" in note
    assert figures("V9")["a"] == pytest.approx(0.58, abs=0.015)
    assert figures("V9")["b"] == pytest.approx(23.5, abs=1.2)


def test_the_shipped_hazard_is_the_likeliest_for_the_three_trials():
    assert pooled_hazard(list(TRIALS)) == pytest.approx(supply_rows()["attrition.lymphoma"].value, rel=5e-3)

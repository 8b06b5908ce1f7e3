"""Losses, lots and batches as tables."""

from __future__ import annotations

import numpy as np

from perforin.endpoints.samples import Mean, Share
from perforin.report.supply import batch_table, loss_table, quality_table, thirds

LABELS = {"a": "Arm A", "b": "Arm B"}


def text(table):
    return [[cell.text for cell in row] for row in table.rows]


def test_losses_stand_by_reason_with_exact_intervals_and_a_sum():
    rows = text(loss_table({"a": {"late": 3, "denied": 1}, "b": {"late": 5}}, {"a": 20, "b": 20}, LABELS))
    assert [row[0] for row in rows] == ["late", "denied", "never infused, in all"]
    assert rows[0][1].startswith("3 of 20: 15") and rows[1][2].startswith("0 of 20: 0")
    assert rows[2][1].startswith("4 of 20: 20") and "%" in rows[2][1]
    assert loss_table({"a": {}, "b": {}}, {"a": 20, "b": 20}, LABELS) is None


def test_thirds_by_quality_count_the_responders_of_the_same_patients():
    subjects = np.arange(60)
    quality = Mean(subjects, np.linspace(0.3, 0.9, 60))
    responded = Share(subjects, subjects >= 30)
    worst, middle, best = thirds("a", quality, responded)
    assert (worst.responders, middle.responders, best.responders) == (0, 10, 20)
    assert worst.high <= middle.low and best.n == 20
    rows = text(quality_table((worst, middle, best), LABELS))
    assert rows[2][:2] == ["Arm A", "best third"] and rows[2][3].startswith("20 of 20: 100")


def test_lots_that_are_alike_or_few_have_no_thirds():
    subjects = np.arange(60)
    responded = Share(subjects, subjects >= 30)
    assert thirds("a", Mean(subjects, np.ones(60)), responded) == ()
    assert thirds("a", Mean(subjects[:9], np.arange(9.0)), responded) == ()
    assert thirds("a", None, responded) == () and quality_table((), LABELS) is None


def test_batches_without_a_dose_are_told():
    rows = text(batch_table({"b": np.array([0.0, 0, 10, 20, 30, 40])}, LABELS))
    assert rows[0][0] == "Arm B" and rows[0][1].startswith("15 (0 to 3") and rows[0][2].startswith("33")
    assert batch_table({}, LABELS) is None

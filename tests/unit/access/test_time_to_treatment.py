from __future__ import annotations

import numpy as np
import pytest

from perforin.access.time_to_treatment import share_infused
from perforin.errors import UserError
from perforin.records import Records


def waits(arm: str, days: list[float], infused: list[bool]) -> Records:
    return Records.build(subject=range(len(days)), arm=arm, parameter="time_to_infusion", value=days, unit="day",
                         censored=[not one for one in infused])  # fmt: skip


def test_the_lost_stay_in_the_denominator() -> None:
    records = Records.concat([
        waits("slow", [20, 25, 30, 10], [True, True, True, False]),
        waits("fast", [7, 7, 8, 3], [True, True, True, False]),
    ])  # fmt: skip
    found = share_infused(records, [5, 10, 28, 100]).set_index(["arm", "day"])["share"]
    assert found["slow"].tolist() == [0, 0, 0.5, 0.75]
    assert found["fast"].tolist() == [0, 0.75, 0.75, 0.75]


def test_shares_rise_and_lie_inside_their_intervals() -> None:
    draw = np.random.default_rng(1)
    table = share_infused(waits("a", list(draw.exponential(20, 300)), list(draw.random(300) < 0.8)), range(0, 100, 5))
    assert table["share"].is_monotonic_increasing
    assert ((table["low"] <= table["share"]) & (table["share"] <= table["high"])).all()
    assert set(table["n"]) == {300}


def test_missing_or_repeated_waits_are_refused() -> None:
    with pytest.raises(UserError, match="no records of 'time_to_infusion'"):
        share_infused(Records.empty(), [10])
    one = waits("a", [5.0], [True])
    with pytest.raises(UserError, match="several records"):
        share_infused(Records.concat([one, one]), [10])

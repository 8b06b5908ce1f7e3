"""Records are tidy, and say what they lack."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from perforin.errors import UserError
from perforin.records import COLUMNS, Estimate, Records


def test_constants_are_repeated_and_absent_columns_are_neutral() -> None:
    records = Records.build(subject=[0, 1], arm="a", parameter="infused", value=[1.0, 0.0])
    assert list(records.table.columns) == list(COLUMNS)
    assert records.table["origin"].tolist() == ["simulated", "simulated"]
    assert not records.table["censored"].any()


def test_a_missing_column_is_named() -> None:
    with pytest.raises(UserError, match=r"records lack the columns \['unit'\]"):
        Records(Records.empty().table.drop(columns="unit"))


def test_rows_are_found_by_parameter_and_arm_and_keep_their_order() -> None:
    first = Records.build(subject=[0, 1], arm="b", parameter="cost", value=[2.0, 3.0])
    second = Records.build(subject=[0, 1], arm="a", parameter="cost", value=[4.0, 5.0])
    third = Records.build(subject=[0], arm="a", parameter="infused", value=[1.0])
    both = Records.concat([first, Records.empty(), second, third])
    assert both.arms == ["b", "a"]
    assert both.of("cost")["value"].tolist() == [2.0, 3.0, 4.0, 5.0]
    assert both.of("cost", "a")["value"].tolist() == [4.0, 5.0]
    assert both.of("response").empty


def test_nothing_joined_is_nothing_with_columns() -> None:
    empty = Records.concat([])
    assert isinstance(empty.table, pd.DataFrame)
    assert empty.arms == []


def test_an_estimate_becomes_json() -> None:
    estimate = Estimate("ORR_d30", "a", 0.5, 0.3, 0.7, 20, method="Wilson", sources=("Liu2020",))
    assert json.loads(json.dumps(estimate.as_dict()))["sources"] == ["Liu2020"]

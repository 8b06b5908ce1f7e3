from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from perforin.access.cost import cost_rows, costs, rows_used
from perforin.errors import UserError
from perforin.making.lot import Lots
from perforin.making.make import make
from perforin.making.process import Process, read_process
from perforin.streams import Streams

PATIENTS = np.arange(2_000, dtype=np.int64)
READ = {"kind": "measured", "status": "read", "source": "Someone2020"}


def process(material: str, **other: Any) -> Process:
    mapping = {
        "starting_material": material,
        "waiting": {"kind": "constant", "median": {"value": 30, "unit": "day", **READ}},
        "failure": {"probability": {"value": 0.1, "unit": "", **READ}},
        "thaw": {"viability": {"value": 0.85, "unit": "", **READ}},
        **other,
    }
    return read_process("tested", mapping)


def made(one: Process) -> Lots:
    return make(one, PATIENTS, np.full(len(PATIENTS), np.inf), Streams(1))


OWN = process("patient", list_price={"value": 399_000, "unit": "USD", **READ})
BANK = process("donor_bank", cost_of_goods={"value": 2_000, "unit": "USD", **READ})


def test_everybody_pays_for_apheresis_and_only_the_infused_for_product_and_care() -> None:
    lots = made(OWN)
    found = costs(OWN, lots)
    assert 0.05 < 1 - lots.infused.mean() < 0.15
    assert set(found.total[lots.infused]) == {399_000 + 5_000 + 58_000}
    assert set(found.total[~lots.infused]) == {5_000}


def test_a_banked_product_needs_no_apheresis_and_is_paid_per_dose() -> None:
    lots = made(BANK)
    one, three = costs(BANK, lots), costs(BANK, lots, 3)
    assert not one.apheresis.any()
    assert np.array_equal(three.product, 3 * one.product)
    assert np.array_equal(three.care, one.care)
    assert set(three.total[~lots.infused]) == {0}


def test_the_list_price_of_an_own_cell_product_buys_the_course() -> None:
    lots = made(OWN)
    assert np.array_equal(costs(OWN, lots, 3).product, lots.cost)


def test_every_number_behind_a_cost_has_a_source() -> None:
    for one in (OWN, BANK):
        assert all(row.source and row.unit == "USD" for row in rows_used(one))
    assert len(rows_used(OWN)) == 3 and len(rows_used(BANK)) == 2
    assert all(row.low < row.value < row.high for row in cost_rows())


def test_fewer_than_one_dose_is_refused() -> None:
    with pytest.raises(UserError, match="found 0 doses"):
        costs(BANK, made(BANK), 0)

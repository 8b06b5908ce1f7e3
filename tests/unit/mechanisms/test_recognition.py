"""What a cell sees: bound receptors, gates, thresholds, brakes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from perforin.mechanisms.equilibrium import complexes, switch
from perforin.mechanisms.recognition import (
    antigen_and_antigen,
    antigen_but_not_antigen,
    car_binding,
    checkpoint_brake,
    recognition_by_density,
    tgf_brake,
    tgf_disarming,
)

CONTACT = 0.1356
ROW = {"half_kill": 250.0, "steep_kill": 1.3, "half_drive": 2000.0, "steep_drive": 1.5}
counts = some.floats(1.0, 1e6)


def seen(antigen: float, unchecked: float = 1.0, untouched: float = 1.0) -> dict[str, float]:
    bound = car_binding(antigen, CONTACT, receptors=15000.0, affinity=0.32)["bound"]
    return recognition_by_density(bound, unchecked, untouched, **ROW)


@given(counts, counts, some.floats(1e-2, 1e4))
def test_the_conjugate_form_is_the_textbook_root(receptors: float, ligands: float, affinity: float) -> None:
    total = receptors + ligands + affinity
    big = np.longdouble(total)
    textbook = float((big - np.sqrt(big**2 - 4 * np.longdouble(receptors) * np.longdouble(ligands))) / 2)
    assert complexes(receptors, ligands, affinity) == pytest.approx(textbook, rel=1e-6)


@given(counts, counts, some.floats(1e-2, 1e4))
def test_no_more_is_bound_than_the_scarcer_side_has(receptors: float, ligands: float, affinity: float) -> None:
    assert 0 <= complexes(receptors, ligands, affinity) <= min(receptors, ligands) * (1 + 1e-12)


def test_few_ligands_are_bound_to_the_last_digit() -> None:
    assert complexes(1e6, 1e-9, 1.0) == pytest.approx(1e-9 * 1e6 / (1e6 + 1.0), rel=1e-12)


@pytest.mark.parametrize("drive", [0.01, 0.5, 0.9, 1.1, 2.0, 50.0])
def test_the_conjugate_switch_is_the_textbook_one_away_from_one(drive: float) -> None:
    k1, k2 = 0.0015, 0.0462
    b = (drive - 1) - k2 * (k1 / k2 + drive)
    textbook = (b + math.sqrt(b**2 + 4 * k2 * (drive - 1) * drive)) / (2 * (drive - 1))
    assert switch(drive, k1, k2) == pytest.approx(textbook, rel=1e-9)


def test_the_switch_is_smooth_where_the_textbook_form_divides_by_zero() -> None:
    left, middle, right = (switch(1 + d, 0.0015, 0.0462) for d in (-1e-9, 0.0, 1e-9))
    assert left < middle < right
    assert right - left < 1e-6
    assert middle == pytest.approx(0.0462 / (0.0015 + 0.0462), rel=1e-6)


@given(some.floats(0, 100), some.floats(0, 100))
def test_more_drive_never_switches_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert switch(low, 0.0015, 0.0462) <= switch(high, 0.0015, 0.0462) + 1e-12 <= 1 + 1e-9


def test_without_antigen_nothing_is_killed_and_nothing_driven() -> None:
    assert seen(0.0) == {"kill": 0.0, "drive": 0.0}


def test_few_molecules_are_enough_to_kill_but_not_to_multiply() -> None:
    low = seen(600.0)
    assert low["kill"] > 0.6
    assert low["drive"] < 0.2


@given(some.floats(1, 1e5))
def test_half_of_the_antigen_never_drives_more(antigen: float) -> None:
    assert seen(antigen / 2)["drive"] <= seen(antigen)["drive"]
    assert seen(antigen / 2)["kill"] <= seen(antigen)["kill"]


def test_an_antibody_against_the_checkpoint_lifts_its_brake_altogether() -> None:
    assert checkpoint_brake(3.0, 1.0, weight=0.5)["unchecked"] == 1.0
    assert checkpoint_brake(3.0, 0.0, weight=0.5)["unchecked"] == pytest.approx(0.4)


def test_tgf_brakes_fast_and_disarms_slowly() -> None:
    assert tgf_brake(2.0, half=1.0)["untouched"] == pytest.approx(1 / 3)
    fresh = tgf_disarming(0.0, 2.0, rate=0.5, half=1.0, depth=0.6)
    assert fresh["armed"] == 1.0
    assert fresh["loss_of_granzyme"] > 0
    settled = tgf_disarming(2 / 3, 2.0, rate=0.5, half=1.0, depth=0.6)
    assert settled["loss_of_granzyme"] == pytest.approx(settled["recovery"])


def test_an_edited_cell_hears_a_tenth_of_the_tgf() -> None:
    assert tgf_brake(2.0, half=10.0)["untouched"] == pytest.approx(tgf_brake(0.2, half=1.0)["untouched"])


def test_an_and_gate_needs_both_antigens() -> None:
    assert antigen_and_antigen(5000.0, 0.0, half=500.0)["bound"] == 0
    assert antigen_and_antigen(0.0, 5000.0, half=500.0)["bound"] == 0
    assert antigen_and_antigen(5000.0, 50000.0, half=500.0)["bound"] > 4900


def test_a_not_gate_spares_cells_with_the_protective_antigen() -> None:
    assert antigen_but_not_antigen(5000.0, 0.0, half=500.0)["bound"] == 5000
    assert antigen_but_not_antigen(5000.0, 49500.0, half=500.0)["bound"] == pytest.approx(50)

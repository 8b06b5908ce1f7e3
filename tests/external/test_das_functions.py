"""The two closed forms of the Das laboratory's CAR-NK model against values computed by hand.

The model's fit (Kasumi-1 and HL-60 lysis) cannot be repeated here: it needs the authors' receptor histograms and lysis
data, which carry no licence. What can be checked are the complexes of receptor and ligand and the Goldbeter-Koshland
switch that turns the balance of signals into a response.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from perforin.mechanisms.equilibrium import complexes, switch


@pytest.mark.parametrize(
    "receptors, ligands, affinity, bound",
    [
        (3.0, 2.0, 2.0, 1.0),  # (3 - 1)(2 - 1) = 2 * 1
        (6.0, 5.0, 2 / 4, 4.0),  # (6 - 4)(5 - 4) = 4 / 2
        (1.0, 1.0, 0.5, 0.5),  # (1 - 1/2)^2 = 1/2 * 1/2
        (5.0, 0.0, 2.0, 0.0),
    ],
)
def test_complexes_equal_the_root_found_by_hand(receptors, ligands, affinity, bound):
    assert complexes(receptors, ligands, affinity) == pytest.approx(bound, rel=1e-14)


def test_scarce_ligands_on_many_receptors_lose_no_digit():
    # To first order in the ligand L the bound are L R / (R + K); the textbook root gives 0 or 1.5e-11 here.
    assert complexes(1e5, 1e-11, 1e5) == pytest.approx(0.5e-11, rel=1e-12)


@pytest.mark.parametrize(
    "drive, kinase_half, phosphatase_half, share",
    [
        (1.0, 1.0, 1.0, 0.5),  # equal velocities and constants
        (2.0, 1.0, 1.0, math.sqrt(3) - 1),  # G^2 + 2 G - 2 = 0
        (1.0, 0.0015, 0.0462, 0.0462 / 0.0477),  # the fitted constants at balance: K2 / (K1 + K2)
        (0.0, 0.0015, 0.0462, 0.0),
    ],
)
def test_the_switch_equals_the_value_found_by_hand(drive, kinase_half, phosphatase_half, share):
    assert switch(drive, kinase_half, phosphatase_half) == pytest.approx(share, rel=1e-12)


def test_the_switch_balances_kinase_and_phosphatase_on_both_sides_of_the_threshold():
    drive = np.array([0.2, 0.8, 0.99, 1.0, 1.01, 1.3, 5.0, 80.0])
    on = switch(drive, 0.0015, 0.0462)
    made = drive * (1 - on) / (0.0015 + 1 - on)
    lost = on / (0.0462 + on)
    assert made == pytest.approx(lost, rel=1e-9)
    assert np.all(np.diff(on) > 0)
    assert on[0] < 0.02
    assert on[-1] > 0.9999

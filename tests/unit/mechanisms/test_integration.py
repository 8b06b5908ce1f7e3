"""Innate recognition: the balance of receptors, missing self, stress, antibody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from perforin.mechanisms.adcc import antibody_coating, cd16_turnover, complement_killing, fc_binding, host_adcc
from perforin.mechanisms.equilibrium import switch
from perforin.mechanisms.integration import (
    adhesion,
    basal_inhibition,
    car_signal,
    checkpoint_inhibition,
    kir_inhibition,
    nkg2a_inhibition,
    recognition_by_balance,
    stress_signal,
)

CONTACT = 0.1356
SWITCH = {"education": 1.0, "gain": 0.579, "kinase_half": 0.0015, "phosphatase_half": 0.0462}
KIR = {"affinity": 36.0, "weight": 0.437, "missing": 0.0}
FC = {"receptors": 20000.0, "affinity": 1000.0, "weight": 0.05}
BINS = {3167.6: 0.1736, 7492.3: 0.4856, 38274.8: 0.0606, 390888.0: 0.2185, 941038.0: 0.0617}


def kill(stress: float = 0.5, hla: float = 1.0, bound: float = 0.0, coat: float = 0.0, weight: float = 0.437,
         missing: float = 0.0) -> float:  # fmt: skip
    """Mean over the classes of KIR expression."""
    innate = stress_signal(stress, 1.0, strength=1500.0, synergy=1.0)["innate"]
    innate += adhesion(10000.0, CONTACT, integrin=166000.0, affinity=50.0, weight=0.031)["innate"]
    car = car_signal(bound, weight=0.185)["car"]
    antibody = fc_binding(coat, 1.0, CONTACT, **FC)["antibody"]
    total = 0.0
    for receptors, share in BINS.items():
        row = KIR | {"weight": weight, "missing": missing}
        inhibition = kir_inhibition(hla, 40000.0, CONTACT, receptors=receptors, **row)["inhibition"]
        inhibition += basal_inhibition(tone=100.0)["inhibition"]
        total += recognition_by_balance(car, innate, antibody, inhibition, 1.0, share=share, **SWITCH)["kill"]
    return total


def test_targets_without_antigen_are_killed_under_stress() -> None:
    assert kill(stress=3.0) > 0.2
    assert kill(stress=0.0) < kill(stress=3.0) / 2


def test_a_healthy_cell_with_little_stress_and_full_hla_is_spared() -> None:
    assert kill(stress=0.05) < 0.25 < kill(stress=0.5, hla=0.02)


def test_missing_self_is_killed() -> None:
    assert kill(hla=0.0) > 0.9 > 2 * kill(hla=1.0)


def test_without_kir_weight_every_class_of_kir_kills_at_its_most() -> None:
    highest = switch(0.579 * (750 + 0.031 * 9999) / 100, 0.0015, 0.0462)
    assert kill(weight=0.0) == pytest.approx(sum(BINS.values()) * highest, rel=1e-3)
    assert kill(weight=0.0, hla=1.0) == kill(weight=0.0, hla=0.0)


def test_a_donor_whose_kir_find_no_ligand_kills_more() -> None:
    assert kill(missing=1.0) > kill(missing=0.5) > kill(missing=0.0)


def test_a_car_rescues_killing_of_targets_with_much_hla() -> None:
    assert kill(bound=14000.0) > kill(bound=0.0) + 0.2


@given(some.floats(0, 1e5), some.floats(0, 1e5))
def test_adding_antibody_never_lowers_killing(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert kill(coat=low) <= kill(coat=high) + 1e-12


def test_antibody_in_plenty_triggers_killing() -> None:
    assert kill(coat=60000.0) > 3 * kill(coat=0.0)


def test_complexes_with_antibody_never_exceed_the_antibody_on_the_target() -> None:
    few = fc_binding(50.0, 1.0, CONTACT, receptors=20000.0, affinity=400.0, weight=1.0)["antibody"]
    assert few <= 50.0


def test_the_tighter_variant_binds_more_antibody_and_a_shed_receptor_none() -> None:
    tight, loose = (fc_binding(5000.0, 1.0, CONTACT, **(FC | {"affinity": k}))["antibody"] for k in (400.0, 2000.0))
    assert tight > loose
    assert fc_binding(5000.0, 0.0, CONTACT, **FC)["antibody"] == 0


def test_activation_sheds_cd16_unless_it_cannot_be_cut() -> None:
    cut, kept = (cd16_turnover(1.0, 1.0, rate=0.5, shedding=s) for s in (1.0, 0.0))
    assert cut["synthesis"] - cut["turnover"] - cut["shedding"] < 0
    assert kept["synthesis"] - kept["turnover"] - kept["shedding"] == 0


def test_blockade_of_nkg2a_and_pd1_takes_their_inhibition_away() -> None:
    row = {"receptors": 10000.0, "affinity": 36.0, "weight": 0.437}
    assert nkg2a_inhibition(1.0, 500.0, 1.0, CONTACT, **row)["inhibition"] == 0
    assert nkg2a_inhibition(2.0, 500.0, 0.0, CONTACT, **row)["inhibition"] > 400
    assert checkpoint_inhibition(1.0, 1.0, strength=60.0)["inhibition"] == 0


def test_unprimed_cells_need_two_receptors_at_once() -> None:
    def innate(stress: float, synergy: float) -> float:
        return float(stress_signal(stress, 1.0, strength=1500.0, synergy=synergy)["innate"])

    assert innate(0.5, 2.0) == pytest.approx(innate(0.5, 1.0) / 2)
    assert innate(1.0, 2.0) == innate(1.0, 1.0)


def test_tgf_silences_stress_receptors_and_not_the_car() -> None:
    assert stress_signal(1.0, 0.2, strength=1500.0, synergy=1.0)["innate"] == pytest.approx(300)


def test_a_patient_without_antibody_or_without_lymphocytes_has_no_host_adcc() -> None:
    row = {"rate": 0.03, "half_cells": 200.0, "half_bound": 2000.0, "receptors": 20000.0, "affinity": 1000.0}
    assert host_adcc(1e9, 200.0, 0.0, CONTACT, **row)["killed"] == 0
    assert host_adcc(1e9, 0.0, 50000.0, CONTACT, **row)["killed"] == 0
    coat = antibody_coating(100.0, 60000.0, half=1.0)["coat"]
    assert 0 < host_adcc(1e9, 200.0, coat, CONTACT, **row)["killed"] < 0.03 * 1e9


def test_complement_needs_antibody_and_can_be_switched_off() -> None:
    assert complement_killing(1e9, 0.0, rate=0.1, half=20000.0)["killed"] == 0
    assert complement_killing(1e9, 20000.0, rate=0.1, half=20000.0)["killed"] == pytest.approx(5e7)
    assert complement_killing(1e9, 20000.0, rate=0.0, half=20000.0)["killed"] == 0

"""The patient: tumour, antigen loss, healthy tissue, tumour bed, cytokines, drugs, conditioning, neutrophils."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.integrate import solve_ivp

from perforin.mechanisms.adcc import antibody_secretion
from perforin.mechanisms.antigen_loss import antigen_mutation, antigen_reexpression, trogocytosis
from perforin.mechanisms.cytokines import (
    activity,
    cytokine_clearance,
    cytokine_release,
    endothelial_injury,
    interleukin_1,
    interleukin_6,
    macrophages,
    release_attenuation,
)
from perforin.mechanisms.drugs import agonist_signal, elimination, occupancy, tissue_uptake
from perforin.mechanisms.healthy_tissue import off_tumour_killing, organ_injury, tissue_renewal
from perforin.mechanisms.lymphodepletion import (
    agonist_growth,
    anti_lymphocyte_antibody,
    host_lymphocytes,
    lymphodepletion,
)
from perforin.mechanisms.microenvironment import (
    induced_ligand,
    local_interferon,
    protease_secretion,
    stress_ligand,
    stroma_digestion,
    stroma_turnover,
    suppressor_cells,
    tgf_sink,
    tgf_turnover,
)
from perforin.mechanisms.neutrophils import neutrophil_maturation, neutrophil_precursors, neutrophil_turnover
from perforin.mechanisms.tumour import blood_count, chemotherapy_kill, headcount, host_killing, tumour_growth

IL6 = {"base": 6.73, "made": 24000.0, "half": 0.5, "clearance": 3.96, "through_receptor": 0.6}
ROUSED = {"rate": 0.8, "half_ifn": 50.0, "half_gm": 20.0, "weight_gm": 0.8, "half_lysis": 1e10, "weight_lysis": 0.3,
          "half_il15": 200.0, "weight_il15": 0.3, "refill": 0.3, "death": 0.5, "steroid_effect": 0.6}  # fmt: skip
HURT = {"rate": 0.5, "half_il6": 500.0, "half_il1": 20.0, "half_ifn": 300.0, "repair": 0.4, "steroid_effect": 0.6}


def test_a_full_tumour_stops_growing_but_goes_on_mutating() -> None:
    full = tumour_growth(2e12, 2e12, 0.0, rate=0.02, capacity=2e12)
    assert full["division"] == full["crowding"]
    assert antigen_mutation(2e12, 0.0, full["birth_rate"], per_division=1e-7)["loss"] == pytest.approx(4e3)


def test_a_small_tumour_doubles_in_ln_2_over_its_rate() -> None:
    def slope(_: float, y: np.ndarray) -> list[float]:
        flows = tumour_growth(y[0], y[0], 0.0, rate=0.02, capacity=2e12)
        return [flows["division"] - flows["crowding"]]

    assert solve_ivp(slope, (0, np.log(2) / 0.02), [1e6], rtol=1e-10).y[0, -1] == pytest.approx(2e6, rel=1e-5)


def test_nibbling_follows_hits_and_conserves_cells() -> None:
    assert trogocytosis(1e9, 0.0, 0.0, share=0.01)["nibbling"] == 0
    assert trogocytosis(1e9, 0.0, 2.0, share=0.01)["nibbling"] == pytest.approx(2e7)


@given(some.floats(1, 1e12), some.floats(0.01, 0.9))
def test_antigen_comes_back_smoothly_and_never_from_an_empty_class(living: float, baseline: float) -> None:
    assert antigen_reexpression(0.0, 0.0, living, baseline, rate=0.1)["recovery"] == 0
    few, many = (antigen_reexpression(x * living, 0.0, living, baseline, rate=0.1)["recovery"] for x in (1e-3, 0.9))
    assert few < 0.1 * 1e-3 * living
    assert 0.1 * 0.9 * living / 2 <= many * (1 + 1e-9) <= 0.1 * 0.9 * living


def test_healthy_tissue_is_steady_without_a_product() -> None:
    flows = tissue_renewal(6e10, 1e7, 6e10, 1e7, 0.0, turnover=0.0167, refill=0.3, sensitivity=0.1)
    assert flows["supply"] == flows["progenitor_exit"]
    assert flows["maturation"] == pytest.approx(flows["death"])
    assert flows["fraction"] == 1.0


def test_a_product_that_does_not_recognise_a_healthy_cell_spares_it_and_its_organ() -> None:
    row = {"kills_per_day": 10.0, "encounter": 3e9, "progenitor_share": 0.2}
    spared = off_tumour_killing(6e10, 1e7, 1e9, 0.0, **row)
    assert spared == {"lysis": 0.0, "progenitor_lysis": 0.0, "lost": 0.0}
    assert off_tumour_killing(6e10, 1e7, 1e9, 0.9, **row)["lost"] <= 10.0 * 1e9
    assert organ_injury(0.0, 1e9, 1e10, weight=0.0, repair=0.1)["injury"] == 0
    assert organ_injury(0.5, 1e9, 1e10, weight=1.0, repair=0.1) == {"injury": 0.1, "repair": 0.05}


def test_active_effectors_raise_interferon_more_in_a_small_tumour_and_tgf_stops_them() -> None:
    row = {"made": 1.5e-5, "packing": 2.4e8, "bed": 10.0}
    small, large = (local_interferon(0.0, 1e8, 1.0, 1.0, n, **row)["release"] for n in (1e9, 1e11))
    assert small > 10 * large
    assert local_interferon(0.0, 1e8, 1.0, 0.0, 1e9, **row)["release"] == 0
    assert local_interferon(0.0, 1e8, 0.0, 1.0, 1e9, **row)["release"] == 0


def test_interferon_raises_hla_unless_the_tumour_is_refractory() -> None:
    row = {"rate": 0.4, "baseline": 1.0, "most": 4.0, "half": 100.0}
    quiet = induced_ligand(1.0, 0.0, refractory=0.0, **row)
    assert quiet["synthesis"] == quiet["turnover"]
    assert induced_ligand(1.0, 100.0, refractory=0.0, **row)["synthesis"] == pytest.approx(0.4 * 3)
    assert induced_ligand(1.0, 100.0, refractory=1.0, **row)["synthesis"] == quiet["synthesis"]


def test_chemotherapy_kills_and_raises_stress_ligands() -> None:
    assert chemotherapy_kill(1e9, 0.5, rate=0.3)["killed"] == pytest.approx(1.5e8)
    calm, treated = (stress_ligand(0.5, c, rate=0.2, baseline=0.5, induction=0.8)["synthesis"] for c in (0.0, 1.0))
    assert treated == pytest.approx(1.8 * calm)


def test_suppressors_stroma_and_decoys_move_tgf() -> None:
    calm = tgf_turnover(1.2, 1.0, 0.0, rate=10.0, level=1.2, by_stroma=0.4)
    assert calm["production"] == pytest.approx(calm["clearance"])
    assert tgf_turnover(1.2, 2.0, 0.7, rate=10.0, level=1.2, by_stroma=0.4)["production"] > calm["production"]
    assert tgf_sink(1.2, 1e9, uptake=1e-9)["uptake"] == pytest.approx(1.2)
    thinned = suppressor_cells(1.0, 0.0, 2.0, rate=0.05, most=0.5, half=200.0, sensitivity=0.3)
    assert thinned["entry"] == thinned["turnover"]
    assert thinned["depletion"] == pytest.approx(0.6)


def test_an_enzyme_opens_stroma_and_an_antibody_gathers_where_cells_secrete_them() -> None:
    assert stroma_turnover(0.7, rate=0.02, baseline=0.7)["deposition"] == pytest.approx(0.014)
    assert stroma_digestion(0.7, 2.0, rate=0.2)["digestion"] == pytest.approx(0.28)
    assert protease_secretion(0.0, 0.0, rate=1.0, half=1e7, loss=0.5)["secretion"] == 0
    assert antibody_secretion(0.0, 1e9, made=1e-9, loss=0.5)["secretion"] == pytest.approx(1.0)


def serum_and_signal(tocilizumab: float) -> tuple[float, float]:
    """Interleukin 6 at rest in serum, and what tissues perceive of it, with half of the macrophages roused."""
    flows = interleukin_6(1.0, 0.5, tocilizumab, **IL6)
    serum = (flows["baseline"] + flows["production"]) / flows["clearance"]
    return float(serum), float(interleukin_6(serum, 0.5, tocilizumab, **IL6)["signal"])


def test_tocilizumab_raises_serum_interleukin_6_and_lowers_its_effect() -> None:
    (serum, signal), (treated_serum, treated_signal) = serum_and_signal(0.0), serum_and_signal(0.95)
    assert treated_serum > 2 * serum
    assert treated_signal < signal / 5
    hurt = [endothelial_injury(0.0, s, 5.0, 100.0, 0.0, 0.0, **HURT)["injury"] for s in (signal, treated_signal)]
    assert hurt[1] < hurt[0]


def test_macrophages_amplify_interleukin_6_more_than_in_proportion() -> None:
    few, many = (interleukin_6(1.0, a, 0.0, **IL6)["production"] for a in (0.1, 0.5))
    assert many > 25 * few


def roused(**changes: float) -> float:
    calm = {"resting": 1.0, "active": 0.0, "ifn": 0.0, "gm_csf": 0.0, "il15": 4.0, "agonist15": 0.0, "lysis": 0.0,
            "steroid": 0.0} | changes  # fmt: skip
    return float(macrophages(**calm, **ROUSED)["activation"])


@pytest.mark.parametrize("cause", [{"ifn": 100.0}, {"gm_csf": 20.0}, {"lysis": 1e10}, {"agonist15": 200.0}])
def test_each_cause_rouses_macrophages_and_steroids_calm_them(cause: dict[str, float]) -> None:
    assert roused(**cause) > 5 * roused()
    assert roused(steroid=1.0, **cause) == pytest.approx(0.4 * roused(**cause))


def test_a_cell_that_has_released_releases_less_the_next_time() -> None:
    row = {"made": 4e-7, "steroid_effect": 0.7}
    fresh, used = (cytokine_release(0.0, 1e9, 0.0, a, **row)["release"] for a in (0.0, 1.0))
    assert used == pytest.approx(fresh / 2)
    assert release_attenuation(0.0, 0.0, rate=0.02, half=1e9, fading=0.05)["rise"] == 0
    assert activity(1e9, 0.0)["active"] == 0
    assert cytokine_clearance(10.0, rate=8.0)["clearance"] == 80.0


def test_blocking_interleukin_1_spares_the_endothelium() -> None:
    assert interleukin_1(5.0, 0.5, 0.0, made=320.0, half=0.5, clearance=6.0, steroid_effect=0.7)["production"] > 0
    open_, blocked = (endothelial_injury(0.0, 0.0, 50.0, 0.0, 0.0, b, **HURT)["injury"] for b in (0.0, 1.0))
    assert open_ > 0.3
    assert blocked == 0


def test_two_drugs_together_remove_nine_tenths_of_lymphocytes_in_days() -> None:
    def slope(_: float, y: np.ndarray) -> list[float]:
        parts = [lymphodepletion(y[i], strength=s, half=1.0)["depletion"] for i, s in ((1, 1.2), (2, 1.5))]
        cells = host_lymphocytes(y[0], sum(parts), turnover=0.03, baseline=1200.0, sensitivity=1.0)
        gone = [elimination(y[i], rate=r)["loss"] for i, r in ((1, 1.0), (2, 2.0))]
        return [cells["supply"] - cells["death"] - cells["depletion"], -gone[0], -gone[1]]

    state = np.array([1200.0, 0.0, 0.0])
    for _ in range(3):
        state = solve_ivp(slope, (0, 1), state + np.array([0, 1, 1]), rtol=1e-8).y[:, -1]
    left = solve_ivp(slope, (0, 2), state, rtol=1e-8).y[0, -1]
    assert 30 < left < 240


def test_an_antibody_against_cd52_depletes_and_is_seen_by_the_product() -> None:
    both = anti_lymphocyte_antibody(0.3, strength=1.0, half=0.3)
    assert both == {"depletion": 0.5, "bound": 0.5}


def test_an_agonist_of_interleukin_15_feeds_host_lymphocytes() -> None:
    level = agonist_signal(1.0, potency=50.0)["agonist15"]
    assert agonist_growth(200.0, level, rate=0.3, half=50.0)["division"] == pytest.approx(30.0)


def test_an_antibody_settles_in_the_tumour_below_its_level_in_blood() -> None:
    flows = tissue_uptake(100.0, 10.0, rate=0.3, penetration=0.1)
    assert flows["entry"] == pytest.approx(flows["exit"])
    assert occupancy(5.0, half=5.0)["seen"] == 0.5


def test_neutrophils_fall_one_to_two_weeks_after_conditioning_and_come_back() -> None:
    def slope(day: float, y: np.ndarray) -> list[float]:
        depletion = 1.5 if day < 4 else 0.0
        made = neutrophil_precursors(y[0], y[4], depletion, 0.92, 5617.0, feedback=0.14, sensitivity=2.0)["renewal"]
        steps = [neutrophil_maturation(y[i], y[i + 1], 0.92)["step"] for i in range(4)]
        lost = neutrophil_turnover(y[4], 0.92)["loss"]
        return [made - steps[0], steps[0] - steps[1], steps[1] - steps[2], steps[2] - steps[3], steps[3] - lost]

    days = np.arange(0, 61.0)
    course = solve_ivp(slope, (0, 60), [5617.0] * 5, t_eval=days, max_step=0.5, rtol=1e-7).y[4]
    assert course.min() < 1500
    assert 5 <= days[course.argmin()] <= 14
    assert course[-1] == pytest.approx(5617, rel=0.3)


def test_counts_add_and_are_per_microlitre() -> None:
    assert blood_count(5e9, 5e6)["count"] == pytest.approx(1000.0)
    assert headcount(3.0) == {"total": 3.0}
    assert host_killing(1e9, rate=0.01)["killed"] == pytest.approx(1e7)

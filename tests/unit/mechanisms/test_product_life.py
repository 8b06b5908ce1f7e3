"""The product's own life: expansion, cytokines, persistence, traffic, rejection and what it does to the patient."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scipy.integrate import solve_ivp

from perforin.mechanisms.expansion import (
    activation,
    antigen_contact,
    antigen_toggle,
    competition,
    exhaustion,
    expansion,
    reinvigoration,
)
from perforin.mechanisms.graft_versus_host import graft_attack, graft_injury_repair
from perforin.mechanisms.homeostasis import (
    cytokine_growth,
    cytokine_secretion,
    cytokine_uptake,
    division,
    homeostatic_signals,
    interleukin_balance,
    natural_death,
)
from perforin.mechanisms.persistence import drug_toxicity, recovery, replicative_budget, return_to_memory
from perforin.mechanisms.rejection import humoral_priming, priming_against_graft, reactive_turnover, rejection, removal
from perforin.mechanisms.trafficking import migration, open_access, solid_access

EXPANSION = {"rate": 1.25, "ceiling": 2e11, "tocilizumab_effect": 0.2, "steroid_effect": 0.0, "site_share": 0.6}
FEEDING = {"made": 15.0, "clearance": 0.4, "by_host_t": 0.002, "by_host_nk": 0.005}
GROWTH = {"rate": 0.03, "niche": 1100.0, "boost": 2.0}
REJECTION = {"by_host_t": 0.12, "half_host_t": 30.0, "by_host_nk": 0.15, "half_host_nk": 200.0, "by_antibodies": 1.0}


def growing(**changes: float) -> float:
    given = {"effector": 1e8, "toggle": 0.9, "freedom": 0.5, "untouched": 1.0, "potential": 1.0, "total": 1e9,
             "tocilizumab": 0.0, "steroid": 0.0} | changes  # fmt: skip
    return float(expansion(**given, **EXPANSION)["division"])


def interleukin_at_rest(host_t: float, host_nk: float) -> float:
    flows = interleukin_balance(1.0, host_t, host_nk, **FEEDING)
    return float(flows["production"] / (flows["clearance"] + flows["uptake"]))


def test_no_antigen_no_drive_and_no_division() -> None:
    assert antigen_contact(0.0, 0.9, reach=1.0)["antigen"] == 0
    assert antigen_toggle(0.0, half=1e9)["toggle"] == 0
    assert growing(toggle=0.0) == 0


@given(some.floats(0, 1), some.floats(0, 1e12))
def test_half_of_the_target_cells_never_drive_more(drive: float, target: float) -> None:
    few, many = (antigen_contact(t, drive, reach=1.0)["antigen"] for t in (target / 2, target))
    assert antigen_toggle(few, half=1e9)["toggle"] <= antigen_toggle(many, half=1e9)["toggle"]


def test_lymphodepletion_frees_cells_that_compete_and_leaves_others_alone() -> None:
    row = {"half": 900.0, "host_nk_share": 0.5}
    before, after = (competition(*host, weight=1.0, **row)["freedom"] for host in ((1200.0, 200.0), (100.0, 20.0)))
    assert before < after
    assert competition(1200.0, 200.0, weight=0.0, **row)["freedom"] == 1.0


def test_each_of_the_brakes_on_division_brakes() -> None:
    free = growing()
    assert growing(untouched=0.5) == pytest.approx(free / 2)
    assert growing(potential=0.1) == pytest.approx(free / 10)
    assert growing(total=2e11) < 0.6 * free
    assert growing(tocilizumab=1.0) == pytest.approx(1.2 * free)


def test_an_activated_memory_cell_gives_as_many_cells_as_it_has_daughters() -> None:
    done = activation(1e6, 0.0, 0.5, rate=0.9, daughters=2.0, self_renewal=0.25)
    assert done["self_renewal"] + done["daughters"] == pytest.approx(2 * done["woken"])
    plain = activation(1e6, 0.0, 0.5, rate=0.5, daughters=1.0, self_renewal=0.0)
    assert plain["daughters"] == plain["woken"]


def test_tonic_signalling_exhausts_without_antigen() -> None:
    assert exhaustion(1e8, 0.0, 0.0, rate=0.03, tonic=0.2)["tiring"] == pytest.approx(6e5)
    assert exhaustion(1e8, 0.0, 0.0, rate=0.03, tonic=0.0)["tiring"] == 0
    assert reinvigoration(1e8, 0.0, 0.0, rate=0.1)["return"] == 0


def test_lymphodepletion_makes_interleukin_15_surge_from_a_few_to_tens() -> None:
    assert interleukin_at_rest(1200.0, 200.0) == pytest.approx(4, rel=0.1)
    assert 10 <= interleukin_at_rest(100.0, 30.0) <= 60


def test_a_gene_for_interleukin_15_feeds_the_cell_when_serum_does_not() -> None:
    row = {"half15": 30.0, "half7": 15.0}
    fed, poor = (homeostatic_signals(0.0, 5.0, 0.0, autocrine=a, **row)["signal15"] for a in (60.0, 0.0))
    assert fed == pytest.approx(2 / 3)
    assert poor == 0
    assert cytokine_secretion(4.0, 1e9, made=4e-9)["secretion"] == pytest.approx(4.0)
    assert cytokine_uptake(4.0, 1e9, rate=1e-10)["uptake"] == pytest.approx(0.4)


def test_some_cells_need_interleukin_7_and_room_and_others_do_not() -> None:
    crowded, empty = ((1200.0, 200.0), (0.0, 0.0))
    needs = [cytokine_growth(1.0, 0.5, 1.0, *host, dependence=1.0, **GROWTH)["growth"] for host in (crowded, empty)]
    alone = [cytokine_growth(1.0, 0.0, 1.0, *host, dependence=0.0, **GROWTH)["growth"] for host in (crowded, empty)]
    assert needs[1] > 2 * needs[0]
    assert alone == [0.03, 0.03]
    assert cytokine_growth(1.0, 0.0, 1.0, 0.0, 0.0, dependence=1.0, **GROWTH)["growth"] == 0
    assert division(1e8, 0.1, share=0.5)["division"] == pytest.approx(5e6)


def test_without_cytokine_and_growth_the_half_life_is_ln_2_over_the_death_rate() -> None:
    def slope(_: float, y: np.ndarray) -> list[float]:
        return [-natural_death(y[0], 0.0, starved=0.35, fed=0.07)["death"]]

    left = solve_ivp(slope, (0, math.log(2) / 0.35), [1e8], rtol=1e-10).y[0, -1]
    assert left == pytest.approx(5e7, rel=1e-6)
    assert natural_death(1e8, 1.0, starved=0.35, fed=0.07)["death"] == pytest.approx(7e6)


def test_the_replicative_budget_is_spent_in_so_many_divisions() -> None:
    def slope(_: float, y: np.ndarray) -> list[float]:
        return [0.35, -replicative_budget(y[1], 0.35, 0.0, budget=9.0)["used"]]

    logarithm, potential = solve_ivp(slope, (0, 30), [0.0, 1.0], rtol=1e-10).y[:, -1]
    assert potential == pytest.approx(math.exp(-logarithm / math.log(2) / 9.0), rel=1e-6)


def test_effectors_rest_only_without_antigen_and_spent_cells_rearm_on_interleukin_15() -> None:
    assert return_to_memory(1e8, 0.0, 1.0, rate=0.1)["rest"] == 0
    assert recovery(1e8, 0.0, 0.0, rate=0.5)["rearming"] == 0
    assert recovery(1e8, 0.0, 0.8, rate=0.5)["rearming"] == pytest.approx(4e7)


def test_traffic_loses_no_cell() -> None:
    def slope(_: float, y: np.ndarray) -> list[float]:
        lymph = migration(y[0], y[1], 1.0, out=1.71, back=0.3)
        bed = migration(y[0], y[2], 0.05, out=0.6, back=0.1)
        return [lymph["back"] - lymph["out"] + bed["back"] - bed["out"], lymph["out"] - lymph["back"],
                bed["out"] - bed["back"]]  # fmt: skip

    end = solve_ivp(slope, (0, 50), [1e9, 0, 0], rtol=1e-9).y[:, -1]
    assert end.sum() == pytest.approx(1e9, rel=1e-9)
    assert end[0] * 0.6 * 0.05 == pytest.approx(end[2] * 0.1, rel=0.02)


def test_stroma_and_smallness_close_a_solid_tumour() -> None:
    row = {"best": 0.08, "barrier": 0.9, "half": 1e9}
    assert open_access(openness=1.0)["access"] == 1.0
    assert solid_access(1e11, 0.7, **row)["access"] < solid_access(1e11, 0.0, **row)["access"] < 0.08
    assert solid_access(0.0, 0.0, **row)["access"] == 0


def rejected(hidden: float = 0.0, cloak: float = 0.0, mismatch: float = 1.0, antibodies: float = 0.0) -> float:
    return float(rejection(100.0, 200.0, antibodies, mismatch, hidden, cloak, **REJECTION)["rejected"])


def test_own_cells_are_not_rejected() -> None:
    assert rejected(mismatch=0.0) == 0


def test_without_hla_class_1_host_nk_cells_reject_unless_cloaked() -> None:
    assert rejected(hidden=1.0) == pytest.approx(0.15 / 2)
    assert rejected(hidden=1.0, cloak=1.0) == 0
    assert rejected(hidden=0.0, cloak=1.0) == rejected()


def test_antibodies_come_late_and_make_rejection_faster() -> None:
    assert rejected(antibodies=1.0) == pytest.approx(2 * rejected())
    flows = humoral_priming(0.0, 1e9, 0.0, rate=0.05, half=1e8, receptor_share=0.1, waning=0.01)
    assert 0 < flows["production"] < 0.01
    assert removal(1e8, 0.1)["rejection"] == pytest.approx(1e7)


def test_priming_needs_foreign_cells_and_host_lymphocytes() -> None:
    row = {"alloreactive": 0.01, "recruitment": 0.01, "rate": 0.6, "half": 1e8, "half_host": 600.0, "ceiling": 200.0,
           "class_two_share": 0.5, "steroid_effect": 0.8}  # fmt: skip

    def primed(host_t: float = 1200.0, mismatch: float = 1.0, hidden: float = 0.0, second: float = 0.0) -> float:
        flows = priming_against_graft(20.0, host_t, 1e9, 0.0, mismatch, hidden, second, **row)
        return float(flows["priming"] + flows["division"] - flows["crowding"])

    assert primed(mismatch=0.0) == primed(host_t=0.0) == primed(hidden=1.0) == 0
    assert primed(second=1.0) == pytest.approx(primed() / 2)
    crowded = priming_against_graft(200.0, 1200.0, 1e9, 0.0, 1.0, 0.0, 0.0, **row)
    assert crowded["division"] == pytest.approx(crowded["crowding"])
    assert reactive_turnover(20.0, 0.0, death=0.1)["death"] == pytest.approx(2.0)


def test_cells_without_an_alloreactive_receptor_injure_nobody() -> None:
    assert graft_attack(0.0, 1e9, 0.0, rate=0.2, half=1e8)["injury"] == 0
    assert graft_attack(0.0, 1e9, 1.0, rate=0.2, half=1e8)["injury"] > 0.18
    assert graft_injury_repair(1.0, repair=0.1)["repair"] == pytest.approx(0.1)


def test_edits_spare_the_product_from_drugs() -> None:
    row = {"chemotherapy_kill": 0.3, "depletion_share": 1.0, "anti_cd52_kill": 1.0}
    bare, spared = (drug_toxicity(1e8, 0.0, 0.0, 1.0, **(row | {"anti_cd52_kill": k})) for k in (1.0, 0.0))
    assert bare["killed_by_drugs"] == pytest.approx(1e8)
    assert spared["killed_by_drugs"] == 0

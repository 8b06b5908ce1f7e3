"""Claims on mechanisms, tried on a typical patient of the head-to-head scenario: one number is changed in each copy.

Nothing here depends on calibration: directions, bounds and zeros are asked for.
"""

from __future__ import annotations

import numpy as np
import pytest

from perforin.library import default_library
from perforin.mechanisms.microenvironment import stroma_digestion
from perforin.mechanisms.trafficking import solid_access

DAYS = np.arange(0.0, 366.0)
NK, T = "car_nk", "car_t"
CONDITIONING = ("fludarabine", "cyclophosphamide")
ANTIGEN = "CD19"
GONE_SOONER = pytest.mark.xfail(
    strict=True, raises=AssertionError, reason="not calibrated: the last trace goes sooner with the gene than without"
)
NO_MEMORY_NEEDED = pytest.mark.xfail(
    strict=True, raises=AssertionError,
    reason="not calibrated: after a year the typical tumour lacks the antigen, so memory changes nothing",
)  # fmt: skip
HLA = "induced_ligand.baseline[hla]"


def until(course, day, name="product_blood"):
    """Area below an observable to a day."""
    return np.trapezoid(course[name][:, : day + 1], DAYS[: day + 1], axis=1)


def value(arm, name):
    names = list(arm.model.parameters.names)
    return arm.model.parameters.values[names.index(name)]


def test_c01_nk_cells_weigh_activating_and_inhibitory_signals_and_need_no_priming(courses):
    """NK cells kill selectively by integrating activating and inhibitory signals, without prior sensitisation.

    Source: Mesecke2011 and Almeida2011, models of the switch between kinase and phosphatase.
    Tolerance: direction on the first day, in a patient who never met the cells: more HLA class I kills less, more
    stress ligand kills more, at the same CAR.
    """
    usual, shown, stressed = courses(NK, {}, {HLA: "x3"}, {"stress_ligand.baseline": "x3"})["kill_by_innate"][:, 1]
    assert 0 < shown < usual < stressed


def test_c04_granules_kill_and_their_number_bounds_the_kill(arms, courses):
    """Killing by perforin and granzyme.

    Source: Bhat2007 (few kills in series before a cell is spent).
    Tolerance: direction: half the kills in series never give more granule kills; no day exceeds the kills per day of
    all cells together.
    """
    course = courses(NK, {}, {"granule_budget.kills_in_series": "x0.5"}, {"granule_budget.kills_in_series": "x0.25"})
    killed = until(course, 90, "kill_granule")
    assert killed[0] > killed[1] > killed[2] > 0
    fresh = course["kill_granule"] + course["kill_death_receptor"]
    most = value(arms[NK], "killing.kills_per_day[product]") * course["product_total"]
    assert (fresh <= most * (1 + 1e-9) + 1e-3).all()


def test_c05_death_receptors_kill_when_granules_are_spent(courses):
    """Killing by death receptors as a second pathway.

    Source: Prager2019 (fast granzyme kills first, slow death-receptor kills last).
    Tolerance: death-receptor kills for each granule kill rise when granules are scarce; where the tumour has lost the
    receptors, and interferon brings none back, fewer than one in a million of the usual remain. Exhausted cells kill
    this way whatever the share of the others that do, so the tumour's side is the one that blocks it.
    """
    receptors_lost = {"death_receptor_competence.baseline": 0.0, "death_receptor_competence.half": 1e12}
    course = courses(NK, {}, {"granule_budget.kills_in_series": "x0.25"}, receptors_lost)
    killed, granules = until(course, 90, "kill_death_receptor"), until(course, 90, "kill_granule")
    assert killed[1] / granules[1] > killed[0] / granules[0]
    assert killed[2] < 1e-6 * killed[0]


def test_c06_interferon_changes_the_tumour_bed(courses):
    """Interferon gamma secretion modulates the tumour microenvironment.

    Source: Hardiansyah2019 for its clearance; the rise of ligands is assumed within ranges.
    Tolerance: direction: without local interferon the tumour shows less HLA class I (which shields it from NK cells)
    and less PD-L1; more interferon in serum rouses more macrophages.
    """
    with_it, without = ({key: one[i].max() for key, one in courses(NK, {}, {"local_interferon.made": 0.0}).items()}
                        for i in (0, 1))  # fmt: skip
    assert with_it["tumour_hla"] > without["tumour_hla"]
    assert with_it["tumour_pdl1"] > without["tumour_pdl1"]
    calm, roused = courses(T, {"cytokine_release.made[product,IFNg]": "x0.2"}, {})["active_macrophages"].max(axis=1)
    assert roused > calm


def test_c07_nk_cells_kill_without_antigen_and_car_t_cells_do_not(courses, lymphoma):
    """CAR-NK keeps innate, antigen-independent cytotoxicity; CAR-T needs the antigen.

    Source: supported in vitro; how much it matters in patients is unknown.
    Tolerance: without antigen CAR-T cells kill nothing (1e-6 of a cell a day) and CAR-NK cells a million or more by
    innate signals alone; of relapses, no larger share is antigen-negative with CAR-NK.
    """
    on_density, on_balance = courses(T, {ANTIGEN: 0.0}), courses(NK, {ANTIGEN: 0.0})
    assert np.abs(on_density["kill_granule"]).max() <= 1e-6
    assert on_balance["kill_by_innate"].max() > 1e6
    assert np.abs(on_balance["kill_by_car"]).max() <= 1e-6 * on_balance["kill_by_innate"].max()
    nk, t = (lymphoma.found[arm, "relapse_antigen_negative_share"].value for arm in (NK, T))
    assert nk <= t


def test_c08_donor_nk_cells_attack_nobody_and_are_rejected_themselves(courses):
    """NK recognition does not depend on MHC, so allogeneic use is tolerated.

    Source: Marin2024 (no graft-versus-host disease in 37). Tolerance: no injury by the graft (exactly 0); rejection
    acts, and is cut by lymphodepletion (over 5 % more exposure) and by a cloak beside hidden HLA (direction).
    """
    plain = courses(NK, {}, {"mismatch": 0.0}, {"hidden": 1.0, "cloak": 0.0}, {"hidden": 1.0, "cloak": 1.0})
    assert plain["graft_injury"].max() == 0
    foreign, own, uncloaked, cloaked = until(plain, 28)
    assert own > foreign
    assert foreign > 1.05 * until(courses(NK, {}, without=CONDITIONING), 28)[0]
    assert uncloaked < cloaked


@pytest.mark.parametrize("measure", ["cells on day 28", pytest.param("last trace", marks=GONE_SOONER)])
def test_c16_a_gene_for_interleukin_15_prolongs_persistence(courses, lymphoma, without_support, measure):
    """An IL-15 payload prolongs persistence.

    Source: Liu2020 (12 months and more with the gene).
    Tolerance: three times as many cells on day 28 as without the gene, and more support never gives fewer; the median
    last day of detection is no earlier with the gene than without.
    """
    if measure == "last trace":
        with_gene, without = (one.found[NK, "last_detectable_day"].value for one in (lymphoma, without_support))
        assert with_gene >= without
        return
    support = [{"homeostatic_signals.autocrine": f"x{much}", "cytokine_secretion.made": f"x{much}"}
               for much in (0, 0.25, 0.5, 1)]  # fmt: skip
    cells = courses(NK, *support)["product_total"][:, 28]
    assert (np.diff(cells) > 0).all()
    assert cells[-1] > 3 * cells[0]


@NO_MEMORY_NEEDED
def test_c28_memory_that_lasts_guards_against_late_relapse(courses):
    """CAR-T: long persistence gives long surveillance.

    Source: Awasthi2020 (longer persistence in responders).
    Tolerance: each time memory cells live a third as long there is at least a tenth more tumour after a year.
    """
    faster = [{"natural_death.fed[product,memory]": f"x{k}", "natural_death.starved[product,memory]": f"x{k}"}
              for k in (1, 3, 10)]  # fmt: skip
    burden = courses(T, *faster)["tumour_burden"][:, 365]
    assert (burden[1:] > 1.1 * burden[:-1]).all()


def test_c30_tumours_escape_by_losing_or_lowering_the_antigen(courses, lymphoma):
    """Antigen escape: tumours lose or lower the target.

    Source: Hamieh2019 (trogocytosis). Tolerance: the share of cells without antigen rises under CAR-T; without lost
    cells at the start, mutation and nibbling there is none; relapses are typed, some of each kind over both arms.
    """
    ways = {"share[negative]": 0.0, "antigen_mutation.per_division": 0.0, "trogocytosis.share": 0.0}
    course = courses(T, {}, ways)
    share = course["tumour_negative"] / course["tumour_burden"]
    assert share[0, 60] > 2 * share[0, 0]
    assert course["tumour_negative"][1].max() == 0
    typed = [lymphoma.found[arm, "relapse_antigen_negative_share"] for arm in (NK, T)]
    assert all(one.n > 0 for one in typed)
    assert any(0 < one.value < 1 for one in typed)


def test_c34_less_persistence_means_more_relapse(courses):
    """Inadequate persistence leads to relapse.

    Source: Awasthi2020. Tolerance: cells that die three and four times as fast leave at least twice the tumour after a
    year; up to twice as fast the difference is below one per cent, as what is left lacks the antigen.
    """
    faster = [{"natural_death.fed": f"x{k}", "natural_death.starved": f"x{k}"} for k in (1, 3, 4)]
    usual, shorter, shortest = courses(T, *faster)["tumour_burden"][:, 365]
    assert shortest > 2 * usual and shorter > 2 * usual and shortest > 2 * shorter


def test_c35_exhaustion_limits_expansion(courses):
    """T-cell exhaustion limits expansion and activity.

    Source: Long2015. Tolerance: direction: the faster cells tire, the lower their peak in blood and the fewer kills
    for each cell and day (28 days).
    """
    tiring = courses(T, *[{"exhaustion.rate": f"x{k}"} for k in (0, 1, 3)])
    assert (np.diff(tiring["product_blood"].max(axis=1)) < 0).all()
    assert (np.diff(until(tiring, 28, "kill_granule") / until(tiring, 28, "product_total")) < 0).all()


def test_c38_stress_is_read_without_the_car(courses):
    """NK cells read stress signals and altered self through germline receptors.

    Source: Bryceson2006 (synergy of receptors). Tolerance: without antigen, three times the stress ligand kills at
    least half as many again on the first day; what the CAR contributes stays 0.
    """
    blind = courses(NK, {ANTIGEN: 0.0}, {ANTIGEN: 0.0, "stress_ligand.baseline": "x3"})
    calm, stressed = blind["kill_by_innate"][:, 1]
    assert stressed > 1.5 * calm > 0
    assert np.abs(blind["kill_by_car"][:, 1]).max() <= 1e-6 * calm


def test_c39_missing_self_is_killed_better_by_nk_cells_and_alike_by_t_cells(courses):
    """Missing self: loss of MHC class I triggers NK cells.

    Source: Mesecke2011 and Almeida2011 for the switch. Tolerance: with a twentieth of HLA class I, over a tenth less
    tumour on day 28 with NK cells, and the same with T cells (1e-9).
    """
    normal, low = courses(NK, {}, {HLA: 0.05})["tumour_burden"][:, 28]
    assert low < 0.9 * normal
    same = courses(T, {}, {HLA: 0.05})["tumour_burden"][:, 28]
    assert same[0] == pytest.approx(same[1], rel=1e-9)


def test_c42_toxicity_is_over_sooner_with_the_product_that_goes_sooner(lymphoma):
    """A short life span makes toxicity resolve within weeks.

    Source: Ghobadi2025 (gone by day 15) against Liu2020 (12 months and more). Tolerance: from grade 2 or more to a
    product below detection takes at most 14 weeks with CAR-NK (median), and longer with CAR-T.
    """
    nk, t = (lymphoma.found[arm, "toxicity_to_clearance"].value for arm in (NK, T))
    assert 0 < nk <= 98
    assert nk < t


def test_c43_tonic_exhaustion_is_0_for_nk_cells_until_it_is_swept(arms, courses):
    """NK cells tolerate sustained cytokine exposure without tonic exhaustion.

    Source: direction only; no rate was measured. Tolerance: the default is 0; swept to 0.1 and 0.3, with the rate at
    which T cells tire, it lowers exposure over 28 days.
    """
    assert value(arms[NK], "exhaustion.tonic[product]") == 0
    tiring = value(arms[T], "exhaustion.rate[product]")
    sweep = [{"exhaustion.rate": tiring, "exhaustion.tonic": tonic} for tonic in (0.0, 0.1, 0.3)]
    swept = until(courses(NK, *sweep), 28)
    assert (np.diff(swept) < 0).all()


def test_c46_a_mixed_tumour_keeps_fewer_cells_without_antigen_after_nk_cells(courses):
    """NK cells reach multiple antigens through CAR-dependent and CAR-independent routes.

    Source: supported in models and in vitro. Tolerance: with a fifth of the tumour lacking the antigen, at least 3 %
    fewer cells without it are there on day 28 after CAR-NK than after CAR-T, while more cells with it are left.
    """
    mixed = {"share[negative]": 0.2, "share[low]": 0.2, "share[medium]": 0.3, "share[high]": 0.3}
    (nk, nk_all), (t, t_all) = ((course["tumour_negative"][0, 28], course["tumour_burden"][0, 28])
                                for course in (courses(NK, mixed), courses(T, mixed)))  # fmt: skip
    assert nk < 0.97 * t and nk_all - nk > t_all - t


def test_c48_payloads_open_tumours_and_cytokine_arming_raises_toxicity(courses):
    """Co-expressed cytokines, antibodies and proteases improve infiltration; cytokine arming raised CAR-T toxicity.

    Source: Cooley2019 (cytokine release under interleukin 15 by injection).
    Tolerance: the library holds the three kinds of payload; a protease thins stroma and thinner stroma opens the
    tumour; the more interleukin 15 a product releases, the higher the peak of interleukin 6.
    """
    library = default_library()
    for payload, verb in (("il15_secreted", "cytokine_secretion"), ("antibody_secreted", "antibody_secretion"),
                          ("protease", "protease_secretion")):  # fmt: skip
        brought = library.gather([f"payloads/{payload}"])
        assert verb in {name for one in brought for item in one.noun.mechanisms for name in item}
    assert stroma_digestion(0.7, 2.0, rate=0.2)["digestion"] > 0
    row = {"best": 0.08, "barrier": 0.9, "half": 1e9}
    assert solid_access(1e11, 0.3, **row)["access"] > solid_access(1e11, 0.7, **row)["access"]
    arming = courses(NK, *[{"cytokine_secretion.made": f"x{much}"} for much in (0, 1, 3, 10)])
    assert (np.diff(arming["il6"].max(axis=1)) > 0).all()


def test_c56_shorter_persistence_trades_relapse_against_the_length_of_toxicity(courses):
    """Shorter persistence may raise relapse.

    Source: an open question; the tool lets it be explored. Tolerance: direction: the faster CAR-NK cells die, the
    more tumour after a year and the shorter their stay (days above 1 cell/uL) and the lower peak interleukin 6.
    """
    faster = [{"natural_death.fed": f"x{k}", "natural_death.starved": f"x{k}"} for k in (0.5, 1, 2)]
    course = courses(NK, *faster)
    assert (np.diff(course["tumour_burden"][:, 365]) > 0).all()
    assert (np.diff((course["product_blood"] > 1).sum(axis=1)) < 0).all()
    assert (np.diff(course["il6"].max(axis=1)) < 0).all()

"""Claims that rest on published evidence alone: pooled toxicity, zero events and counts of trials."""

from __future__ import annotations

import pytest

from perforin.evidence.parameters import choose, read_table
from perforin.evidence.pooling.groups import by_group
from perforin.evidence.pooling.library_sets import reviews_of, study_set
from perforin.evidence.pooling.pool import pool
from perforin.evidence.pooling.synthesis import synthesise
from perforin.evidence.published import INDIRECT_WARNING
from perforin.evidence.registry.comparison import compare_with_published
from perforin.evidence.sources import MECHANISMS


def test_c40_nk_cells_release_less_of_the_cytokines_behind_crs_and_not_none(lymphoma):
    """NK cells do not produce the cytokines behind cytokine release syndrome.

    Source: against it, Huang2025 (8 of 10 with a CD33 product) and Cooley2019 (56 % of patients given NK cells with
    interleukin 15 by injection); the ratios of release themselves are assumed within stated ranges.
    Tolerance: for each cytokine the NK to T ratio lies between 0 and 1, neither end included, and has a range; CAR-NK
    patients do get cytokine release, simulated and published.
    """
    rows = read_table(MECHANISMS / "cytokines.csv")
    for cytokine in ("IFNg", "GMCSF"):
        nk, t = (choose(rows, "cytokine_release.made", (cytokine,), {"cell": cell}) for cell in ("NK", "T"))
        assert 0 < nk.value < t.value
        assert 0 < nk.low < nk.value < nk.high
        assert nk.between_patient_cv > 0
    assert lymphoma.found["car_nk", "CRS_any"].low > 0
    assert pool(study_set("CRS_any", "CAR-NK"), "exact").low > 0


def test_c41_no_neurotoxicity_with_car_nk_means_an_upper_bound_and_not_a_zero(lymphoma):
    """ICANS has not been observed in CAR-NK trials.

    Source: the CAR-NK cohorts of the trial library (Marin2024, Huang2025, Ghobadi2025 and others), some counts from
    memory. Tolerance: 0 of at least 180 patients in cohorts that share nobody; the one-sided 95 % bound lies within
    0.1 points of 1 - 0.05^(1/n), some 1.6 %; the model predicts no certain zero either.
    """
    found = pool(study_set("ICANS_any", "CAR-NK"))
    assert found.events == 0
    assert found.n >= 180
    assert found.high == pytest.approx(1 - 0.025 ** (1 / found.n), abs=1e-6)
    assert found.upper == pytest.approx(1 - 0.05 ** (1 / found.n), abs=1e-6)
    assert found.upper == pytest.approx(0.016, abs=0.001)
    assert lymphoma.found["car_nk", "ICANS_any"].high > 0


def test_c50_pooled_neurotoxicity_with_car_t():
    """Pooled ICANS with CAR-T 26.9 % of any and 10.5 % of high grade (75 trials, 3,184 patients).

    Source: Han2024 (21.7 to 32.7 and 8.1 to 13.6); its table of studies is not public, ours is a rebuild of 28.
    Tolerance: with the published method (inverse variance on the logit) and with the mixed model, the interval of our
    pooled value overlaps the published one; the prediction interval contains the published one and is wider; the value
    depends on the class, with high grades from below 5 % (BCMA) to above 15 % (CD19 with CD28).
    """
    for endpoint in ("ICANS_any", "ICANS_ge3"):
        (review,) = reviews_of(endpoint, "CAR-T")
        assert (review.k, review.n) == (75, 3184)
        for method in ("dl", "glmm"):
            found = pool(study_set(endpoint, "CAR-T"), method)
            assert found.low <= review.high
            assert review.low <= found.high
            assert found.prediction_low < review.low < review.high < found.prediction_high
    classes, between = by_group(study_set("ICANS_ge3", "CAR-T"), ["target", "costimulation"])
    assert classes["BCMA, 4-1BB"].high < 0.05 < 0.15 < classes["CD19, CD28"].low
    assert between.p < 0.001


def test_c51_cytokine_release_is_rarer_with_car_nk_as_far_as_an_indirect_comparison_tells():
    """Cytokine release syndrome is significantly less frequent with CAR-NK.

    Source: the cohorts of the trial library; no randomised or matched comparison exists.
    Tolerance: for any grade and for grade 3 or more the pooled 95 % intervals by therapy do not overlap; the prediction
    intervals of any grade do, so a new CAR-NK trial may see more than a new CAR-T trial; the warning that the
    comparison is indirect goes along.
    """
    for endpoint in ("CRS_any", "CRS_ge3"):
        nk, t = (pool(study_set(endpoint, therapy)) for therapy in ("CAR-NK", "CAR-T"))
        assert nk.high < t.low
    nk, t = (pool(study_set("CRS_any", therapy)) for therapy in ("CAR-NK", "CAR-T"))
    assert nk.prediction_high > t.prediction_low
    assert INDIRECT_WARNING in synthesise(study_set("CRS_any", "CAR-NK"), therapy="CAR-NK").notes


def test_c52_registered_car_nk_trials_by_october_2024_and_starts_in_2024():
    """At least 120 CAR-NK trials registered by October 2024; 32 started in 2024.

    Source: Jorgensen2025 for the 120; the 32 stand in no source that could be opened. Ours is a dated snapshot of one
    registry (library/landscape.csv).
    Tolerance: our counts are lower by at most a quarter, and both differences are explained in words.
    """
    registered, started = compare_with_published()
    assert (registered.published, started.published) == (120, 32)
    assert 0.75 * 120 <= max(part.clear for part in registered.parts) <= 120
    assert 0.75 * 32 <= started.parts[0].clear <= 32
    assert registered.source.startswith("Jorgensen2025")
    assert len(registered.reasons) >= 3
    assert len(started.reasons) >= 1

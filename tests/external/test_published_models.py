"""Ten published models, rewritten as mechanisms, give the numbers of an independent implementation to 1e-4.

The reference numbers were computed once from the equations of the papers with LSODA at a relative tolerance of 1e-9
(1e-8 for the last two) and are written here with six or more digits; both kernels run at 1e-9.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from external.published import blood_models, kinetic_models, leon_triana, product_models
from external.running import backends, run

AGREEMENT = 1e-4
MAKERS = {
    "leukaemia": leon_triana.leukaemia,
    "single_target": leon_triana.single_target,
    "dual_target": leon_triana.dual_target,
    "lotka_volterra": blood_models.lotka_volterra,
    "competition": blood_models.competition,
    "memory_recall": blood_models.memory_recall,
    "stein": kinetic_models.stein,
    "hardiansyah": kinetic_models.hardiansyah,
    "singh": product_models.singh,
    "mueller_schoell": product_models.mueller_schoell,
}
# model: (days, {output: values on those days}); each number as the independent implementation printed it
REFERENCE = {
    "leukaemia": (
        (7, 14, 28, 60),
        {
            "effector": (2.76767261e9, 1.54975349e10, 5.89426414e9, 5.99668844e8),
            "leukaemia": (5.40316630e10, 1.42839866e9, 4.01308657e6, 4.14717281e5),
            "healthy": (1.90377347e10, 3.54660892e8, 4.94807481e5, 1.03237788e4),
        },
    ),
    "single_target": (
        (7, 14, 28, 60),
        {
            "effector": (6.47894096e8, 5.27395140e8, 1.39681587e8, 4.89635688e6),
            "tumour": (2.98609184e9, 1.16833446e9, 5.31569493e8, 7.36520256e8),
        },
    ),
    "dual_target": (
        (7, 14, 28, 60),
        {
            "effector": (2.19232869e9, 4.81041392e9, 2.46735523e9, 3.42802820e7),
            "tumour": (1.37112559e10, 1.04461605e7, 6.91467562, 9.58333226e-2),
            "outside": (1.37683772e9, 3.86004892e9, 4.54758314e8, 1.13440367e5),
            "healthy": (1.82359882e10, 6.84641899e9, 1.42345298e9, 7.67035768e8),
        },
    ),
    "lotka_volterra": (
        (5, 10, 20, 40),
        {
            "effector": (1.45570778e4, 7.09404795e3, 1.43248634e3, 5.83969581e1),
            "target": (8.73504542e1, 5.87303155e-2, 1.30271388e-3, 7.21538998e-3),
        },
    ),
    # The tumour after day 28 lies below 1e-9, where the reference is noise of its solver.
    "competition": (
        (7, 14, 28),
        {
            "normal": (1.08644938e2, 2.95214468e2, 4.72883135e2),
            "effector": (3.01088138e1, 8.97462875, 2.48650420),
            "tumour": (5.21741355e-1, 7.89454958e-4, 3.77067652e-7),
        },
    ),
    "memory_recall": ((60,), {"memory": (2.09712611e6,), "effector": (5.15254396e5,)}),
    "singh": ((28, 90), {"transgene": (5991.77660, 134.059240)}),
    "mueller_schoell": ((7, 14, 28), {"tumour": (77.5788996, 51.7602014, 18.4068614)}),
}


@backends
@pytest.mark.parametrize("name", REFERENCE)
def test_the_published_model_gives_its_reference_numbers(name, backend):
    days, expected = REFERENCE[name]
    found = run(MAKERS[name](), days, backend=backend)
    for output, numbers in expected.items():
        assert found[output] == pytest.approx(np.array(numbers), rel=AGREEMENT, abs=0), output


@pytest.mark.parametrize("name", MAKERS)
def test_every_mechanism_of_the_published_model_keeps_its_units(name):
    model = MAKERS[name]()
    assert set(model.network.parameter_names) == set(model.values)
    assert set(model.network.state_names) == set(model.start)


@backends
def test_the_untreated_tumour_of_barros_reaches_the_reference_on_day_42(backend):
    found = run(blood_models.memory_recall(treated=False), [42], backend=backend)
    assert found["tumour"][0] == pytest.approx(21458713.43, rel=AGREEMENT)


@backends
def test_the_barros_tumour_given_again_on_day_250_is_rejected_by_memory(backend):
    found = run(blood_models.memory_recall(), [249, 250, 260], backend=backend)
    assert found["tumour"][1] == pytest.approx(1e6)
    assert found["tumour"][2] < 1
    assert found["effector"][2] > 1e6 * found["effector"][0]


@backends
def test_stein_equals_its_closed_form_on_both_sides_of_the_peak(backend):
    days = np.array([0, 3, 9, 9.3, 10, 28, 90, 180, 365])
    p = kinetic_models.STEIN
    after = days - p["peak_day"]
    decay = p["peak"] * ((1 - p["share"]) * np.exp(-p["alpha"] * after) + p["share"] * np.exp(-p["beta"] * after))
    growth = p["peak"] / p["fold"] * np.exp(math.log(p["fold"]) / p["peak_day"] * days)
    found = run(kinetic_models.stein(), days, backend=backend)
    assert found["effector"] + found["memory"] == pytest.approx(np.where(after < 0, growth, decay), rel=AGREEMENT)


@backends
def test_stein_gives_the_published_levels_and_half_lives(backend):
    found = run(kinetic_models.stein(), [0, 9.3, 28, 29, 180, 300, 365], backend=backend)
    total = found["effector"] + found["memory"]
    # Printed with four or more digits, the first with three decimals: half a last digit is 1e-4.
    assert total[[0, 1, 2, 4, 6]] == pytest.approx(np.array([6.154, 24000, 1373.559, 109.802, 60.745]), rel=AGREEMENT)
    early = math.log(2) / math.log(found["effector"][2] / found["effector"][3])
    late = 65 * math.log(2) / math.log(total[5] / total[6])
    assert early == pytest.approx(4.332, rel=AGREEMENT)
    assert late == pytest.approx(216.6, abs=0.05)  # printed with one decimal


@backends
def test_hardiansyah_upn1_peaks_where_and_as_high_as_the_reference(backend):
    days = np.round(np.arange(2.0, 10.0, 0.02), 2)
    found = run(kinetic_models.hardiansyah(), [*days, 28.0], backend=backend)
    for output, peak, when in (
        ("in_blood", 2.549753595e9, 3.82),
        ("IL6", 2747.446976, 3.24),
        ("IFNg", 828.4015751, None),
        ("IL10", 915.2681978, None),
    ):
        assert found[output].max() == pytest.approx(peak, rel=AGREEMENT), output
        if when is not None:
            assert days[found[output].argmax()] == pytest.approx(when, abs=0.011), output
    assert found["target"][-1] == pytest.approx(0.2801173528675e9, rel=AGREEMENT)


@backends
def test_singh_peaks_on_day_14_and_clears_the_tumour_as_the_reference(backend):
    days = np.round(np.arange(12.0, 17.0, 0.05), 2)
    found = run(product_models.singh(), [*days, 28.0, 90.0], backend=backend)
    assert found["transgene"].max() == pytest.approx(35773.95847, rel=AGREEMENT)
    assert days[found["transgene"].argmax()] == pytest.approx(14.2, abs=0.026)
    assert found["tumour"][-2:] / 2.5e9 == pytest.approx(np.array([5.548210823e-4, 6.593903359e-6]), rel=AGREEMENT)


@backends
def test_mueller_schoell_peaks_as_the_reference(backend):
    days = np.round(np.arange(10.0, 25.0, 0.1), 1)
    found = run(product_models.mueller_schoell(), days, backend=backend)
    assert found["all_cells"].max() == pytest.approx(7.180324245, rel=AGREEMENT)
    assert days[found["all_cells"].argmax()] == pytest.approx(16.3, abs=0.051)

"""What visits and samples show of a known tumour and a known product."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perforin.errors import UserError
from perforin.evidence.parameters import Row
from perforin.patients.course import Course, interpolate
from perforin.records import Records
from perforin.streams import Streams
from perforin.trial.numbers import numbers, observation_rows
from perforin.trial.observe import observe
from perforin.trial.plan import TrialPlan
from perforin.trial.tumour import tumour_of
from perforin.trial.visits import diameter, lesions, m_protein, sphere
from unit.trial.made_up import DAYS, course, lots, pulse, rows

EXACT = (
    "imaging.error", "marrow.error", "m_protein.error", "kinetics.error", "kinetics.cell_error", "cytokine.error",
    "death.background", "death.burden", "death.neutropenia", "dropout.rate", "crs.spread",
)  # fmt: skip


def fixed(name: str, value: float) -> Row:
    row = numbers().row(name)
    return replace(row, value=value, low=value, high=value, between_patient_cv=0.0, distribution="fixed")


def exact(**changed: float) -> dict[str, Row]:
    """No errors, no deaths, no spread between patients, and what is changed besides."""
    own = {name: fixed(name, 0.0) for name in EXACT}
    own |= {row.parameter: fixed(row.parameter, row.value) for row in observation_rows() if row.between_patient_cv}
    return own | {name: fixed(name, value) for name, value in changed.items()}


def seen(of: Course, criteria: str = "lugano", own: dict[str, Row] | None = None, seed: int = 1) -> Records:
    return observe(of, lots(of), TrialPlan(criteria, own=exact() if own is None else own), Streams(seed), arm="a")


def values(records: Records, parameter: str) -> pd.Series:
    return records.of(parameter).groupby("day")["value"].first()


def test_volume_and_diameters_follow_from_the_cells() -> None:
    cells = 2.4e8 * 100 * np.where(DAYS < 20, 1.0, 0.1)  # 100 mL, then 10 mL
    records = seen(course(3, tumour_burden=cells))
    assert values(records, "tumour_volume")[[0, 30]].tolist() == pytest.approx([100, 10])
    sums, products = values(records, "sum_longest_diameters"), values(records, "sum_product_diameters")
    assert sums[0] == pytest.approx(4 * (6 * 25 / np.pi) ** (1 / 3) * 10)
    assert sums[30] / sums[0] == pytest.approx(0.1 ** (1 / 3))
    assert products[30] / products[0] == pytest.approx(0.1 ** (2 / 3))


def test_a_small_tumour_is_one_lesion_and_a_tiny_one_is_not_seen() -> None:
    one = np.ones((1, 2))
    found = lesions(np.array([[1.0, 0.01]]), np.array([1.0]), np.array([6.0]), one, numbers())
    assert found.count.tolist() == [1]
    assert found.diameter[0, 0] == pytest.approx(diameter(np.array([1.0]))[0])
    assert found.diameter[0, 1] == 0, "2.7 mm are below the 5 mm that a scan shows"
    assert sphere(10) == pytest.approx(np.pi / 6)


def test_a_new_lesion_shows_when_the_tumour_has_risen_far_enough_from_its_nadir() -> None:
    cells = 2.4e8 * np.interp(DAYS, [0, 60, 90, 180, 730], [100, 5, 19, 21, 21])
    assert values(seen(course(2, tumour_burden=cells)), "new_lesion")[[0, 30, 60, 90, 180]].tolist() == [0, 0, 0, 0, 1]


def test_dying_cells_take_up_room_but_are_no_living_tumour() -> None:
    records = seen(course(2, tumour_burden=3e9, dying_cells=1e9))
    assert values(records, "tumour_cells")[0] == 2e9
    assert values(records, "tumour_volume")[0] == pytest.approx(3e9 / 2.4e8)


def test_a_clone_that_died_out_is_seen_no_more() -> None:
    gone = replace(
        course(4, tumour_burden=1e9, tumour_negative=4e8),
        positive_extinct_day=np.array([50, np.inf, 50, np.inf]),
        negative_extinct_day=np.array([np.inf, 50, 40, np.inf]),
        extinct_day=np.array([np.inf, np.inf, 50, np.inf]),
    )  # fmt: skip
    living = tumour_of(gone).living
    assert living[:, 0].tolist() == [1e9] * 4
    assert living[:, 100].tolist() == [4e8, 6e8, 0, 1e9]
    records = seen(gone)
    assert records.of("extinct").set_index("subject")["value"].tolist() == [0, 0, 1, 0]
    shares = records.of("antigen_negative_fraction").query("day == 90").set_index("subject")["value"]
    assert shares.to_dict() == {0: 1.0, 1: 0.0, 3: 0.4}, "of no tumour there is no share"


def test_marrow_shows_blasts_among_normal_cells_and_residual_disease_down_to_its_limit() -> None:
    records = seen(course(2, tumour_burden=7e11 * np.where(DAYS < 20, 1.0, 1e-6)), "leukaemia")
    assert values(records, "marrow_blasts")[[0, 30]].tolist() == pytest.approx([0.5, 1e-6])
    rest = records.of("mrd").query("subject == 0").set_index("day")
    assert (rest.loc[30, "value"], bool(rest.loc[30, "censored"])) == (1e-4, True)
    assert not rest.loc[0, "censored"]


def test_m_protein_follows_the_tumour_with_a_lag() -> None:
    days = np.arange(0.0, 200.0)
    steady = m_protein(days, np.full((1, 200), 1e10), np.array([30.0]), numbers())
    assert steady == pytest.approx(np.full((1, 200), 30.0))
    cured = m_protein(days, np.where(days < 1, 1e10, 0.0)[None, :], np.array([30.0]), numbers())[0]
    assert cured == pytest.approx(30 * np.exp(-0.117 * days)), "without tumour it is only lost"
    halved = m_protein(days, np.where(days < 1, 1e10, 5e9)[None, :], np.array([30.0]), numbers())[0]
    assert halved[-1] == pytest.approx(15, rel=1e-6)


def test_transgene_is_copies_per_microgram_with_a_limit() -> None:
    records = seen(course(2, product_blood=pulse(100, 10, 3)))
    rest = records.of("transgene_copies").query("subject == 0").set_index("day")
    assert rest.loc[10, "value"] == pytest.approx(100 * 1e6 * 0.002)
    assert (rest.loc[60, "value"], bool(rest.loc[60, "censored"])) == (50, True)
    assert not rest.loc[10, "censored"]
    assert (records.of("product_cells").query("day == 60")["censored"]).all()


def test_errors_of_measurement_have_the_spread_of_the_table() -> None:
    own = exact() | {"kinetics.error": numbers().row("kinetics.error")}
    copies = seen(course(1000, product_blood=10.0), own=own).of("transgene_copies").query("day == 28")["value"]
    # 1000 logs with spread 0.25: 4 standard errors of mean and spread
    assert abs(np.log(copies / 2e4).mean()) < 4 * 0.25 / np.sqrt(1000)
    assert np.log(copies).std() == pytest.approx(0.25, rel=0.09)


def test_a_visit_or_sample_more_changes_no_other() -> None:
    of = course(30, tumour_burden=3e10, product_blood=10.0)
    plan = TrialPlan()
    more = replace(plan, visit_days=(*plan.visit_days, 45.0), sampling_days=(*plan.sampling_days, 35.0))
    one, other = (observe(of, lots(of), p, Streams(1), arm="a").table for p in (plan, more))
    kept = other[~other["day"].isin([45.0, 35.0])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, one)


def test_nobody_is_seen_after_the_end_of_follow_up() -> None:
    of = course(400, tumour_burden=1e12)
    table = observe(of, lots(of), TrialPlan(), Streams(1), arm="a").table
    last = table[table["parameter"] == "death"].set_index("subject")["day"]
    per_day = table[table["parameter"].isin(["tumour_cells", "transgene_copies", "il6", "new_lesion"])]
    assert (per_day["day"] <= per_day["subject"].map(last)).all()
    assert last.max() == 730
    assert (last < 365).mean() > 0.5


def test_interpolation_is_exact_on_the_grid_and_silent_outside() -> None:
    grid, course_values = np.array([0.0, 1, 3]), np.array([[1.0, 2, 6]])
    found = interpolate(grid, course_values, [0, 1, 2, 3, 3.5, -1])
    assert found[0, :4].tolist() == [1, 2, 4, 6]
    assert np.isnan(found[0, 4:]).all()


def test_a_missing_observable_is_named() -> None:
    of = course(2)
    lacking = replace(of, observables={k: v for k, v in of.observables.items() if k != "il6"})
    with pytest.raises(UserError, match="no observable 'il6'"):
        observe(lacking, lots(lacking), TrialPlan(), Streams(1), arm="a")


def test_columns_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(UserError, match="other lengths"):
        replace(course(3), wait=np.zeros(2))
    with pytest.raises(UserError, match="not of shape"):
        replace(course(3), observables={"il6": rows(1, 3)[:, :-1]})

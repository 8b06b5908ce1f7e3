"""Death, dropout, those never infused, and what the plan refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import perforin.trial
from perforin.endpoints.catalogue import score
from perforin.errors import UserError
from perforin.making.lot import FAILED
from perforin.patients.course import Course
from perforin.records import Records
from perforin.streams import Streams
from perforin.trial.grades import toxicities
from perforin.trial.numbers import numbers, observation_rows
from perforin.trial.observe import clearance_day, observe
from perforin.trial.plan import ASSESSMENTS, TrialPlan
from perforin.trial.survival import first_crossing, hazard
from perforin.trial.tumour import tumour_of
from unit.trial.made_up import DAYS, course, lots, pulse, rows
from unit.trial.test_visits_and_samples import fixed

PLAN = TrialPlan()


def seen(of: Course, plan: TrialPlan = PLAN, seed: int = 1, reason: str = "") -> Records:
    return observe(of, lots(of, reason) if reason else lots(of), plan, Streams(seed), arm="a")


def rate(of: Course, plan: TrialPlan = PLAN) -> np.ndarray:
    found = toxicities(of, plan.numbers, Streams(1))
    return hazard(of, tumour_of(of), found, plan)


def test_each_cause_adds_its_own_hazard() -> None:
    table = numbers()
    background = table["death.background"]
    assert rate(course(1)) == pytest.approx(background)
    assert rate(course(1, tumour_burden=1e11)) == pytest.approx(background + 2 * table["death.burden"])
    assert rate(course(1, tumour_burden=1e7)) == pytest.approx(background), "few cells harm nobody"
    assert rate(course(1, neutrophils=499.0)) == pytest.approx(background + table["death.neutropenia"])
    assert rate(course(1, healthy_fraction=0.01)) == pytest.approx(background + table["death.aplasia"])
    other = replace(PLAN, antibody_makers=False)
    assert rate(course(1, healthy_fraction=0.01), other) == pytest.approx(background)
    assert rate(course(1, graft_injury=50.0))[0, 100] == pytest.approx(background + table["death.gvhd"])
    storm = rate(course(1, il6=pulse(1e6, 7, 2) + 1, ifn_gamma=pulse(1e5, 7, 2) + 1))
    assert storm[0].max() == pytest.approx(background + table["death.crs"])
    assert storm[0, 60] == pytest.approx(background)


def test_times_of_death_are_exponential_under_a_constant_hazard() -> None:
    own = {"death.background": fixed("death.background", 0.005), "dropout.rate": fixed("dropout.rate", 0.0)}
    deaths = seen(course(1500), replace(PLAN, own=own)).of("death")
    early = deaths[deaths["value"] == 1]["day"]
    # uniform after the transformation; a false alarm once in 10 000
    scaled = -np.expm1(-0.005 * early) / -np.expm1(-0.005 * 730)
    assert stats.kstest(scaled, "uniform").pvalue > 1e-4
    assert len(early) / 1500 == pytest.approx(-np.expm1(-0.005 * 730), abs=0.02)
    assert (deaths[deaths["value"] == 0]["day"] == 730).all()
    assert deaths["censored"].equals(deaths["value"] == 0)


def test_the_crossing_of_an_integral_is_where_algebra_puts_it() -> None:
    days = np.array([0.0, 10, 20])
    rates = np.array([[0.1, 0.1, 0.1], [0.0, 0.2, 0.2], [0.0, 0.0, 0.0]])
    assert first_crossing(days, rates, np.array([1.5, 2.0, 1.0])).tolist() == [15, 15, np.inf]


def test_dropout_censors_death() -> None:
    own = {"dropout.rate": fixed("dropout.rate", 0.01)}
    records = seen(course(800, tumour_burden=1e11), replace(PLAN, own=own))
    death, dropout = (records.of(name).set_index("subject") for name in ("death", "dropout"))
    left = dropout["value"] == 1
    assert (dropout["day"] == death["day"]).all(), "both rows end with the follow-up"
    assert not (left & (death["value"] == 1)).any()
    assert death.loc[left, "censored"].all()
    assert left.mean() == pytest.approx(0.01 / (0.01 + 0.0031) * -np.expm1(-0.0131 * 730), abs=0.06)


def test_those_lost_while_waiting_have_no_visits_and_die_or_live_on() -> None:
    infused = np.arange(1000) % 2 == 0
    records = seen(course(1000, infused=infused))
    waits = records.of("time_to_infusion").set_index("subject")
    assert (waits["censored"] == ~infused).all()
    assert set(records.of("tumour_cells")["subject"]) == set(np.flatnonzero(infused))
    assert set(records.of("crs_max_grade")["subject"]) == set(np.flatnonzero(infused))
    death = records.of("death").set_index("subject")[~infused]
    assert (death["day"] >= 20).all(), "nobody dies before the loss"
    at_once = (death["day"] == 20) & (death["value"] == 1)
    assert at_once.mean() == pytest.approx(0.5, abs=0.1)


def test_a_failed_product_is_not_a_death() -> None:
    records = seen(course(500, infused=np.zeros(500, bool)), reason=FAILED)
    assert (records.of("death")["day"] > 20).all()


def test_the_untreated_course_sets_the_hazard_where_it_is_given() -> None:
    nobody = np.zeros(800, bool)
    heavy, light = (seen(course(800, infused=nobody, tumour_burden=b), reason=FAILED) for b in (1e12, 1e8))
    unknown = seen(course(800, infused=nobody, tumour_burden=np.nan, dying_cells=np.nan), reason=FAILED)
    shares = [float(r.of("death")["value"].mean()) for r in (light, unknown, heavy)]
    assert shares == sorted(shares)
    assert shares[1] == pytest.approx(-np.expm1(-0.0036 * 710), abs=0.04)  # four standard errors are 0.04


def test_failed_patients_are_left_out_and_the_others_unchanged() -> None:
    of = course(40, tumour_burden=1e11)
    failed = replace(of, status=np.where(np.arange(40) % 4 == 0, 2, 0).astype(np.int8))
    whole, part = seen(of).table, seen(failed).table
    assert set(part["subject"]) == set(range(40)) - set(range(0, 40, 4))
    kept = whole[whole["subject"] % 4 != 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, part)


def test_patients_are_seen_alike_whoever_else_is_there() -> None:
    of = course(40, tumour_burden=1e11, il6=pulse(2000, 7, 2) + 1)
    order = np.random.default_rng(1).permutation(40)
    mixed = replace(of, patients=of.patients[order])
    columns = ["parameter", "subject", "day"]
    one, other = (seen(each).table.sort_values(columns).reset_index(drop=True) for each in (of, mixed))
    pd.testing.assert_frame_equal(one, other)


def test_death_within_grade_four_is_grade_five() -> None:
    storm = course(600, il6=pulse(1e5, 7, 2) + 1, ifn_gamma=pulse(1e4, 7, 2) + 1)
    own = {"death.crs": fixed("death.crs", 0.2)}
    records = seen(storm, replace(PLAN, own=own))
    grade = records.of("crs_max_grade").set_index("subject")["value"]
    death = records.of("death").set_index("subject")
    fatal = grade == 5
    assert 0.3 < fatal.mean() < 0.95
    assert (death.loc[fatal, "value"] == 1).all()
    assert (death.loc[fatal, "day"] < 20).all()
    assert (death.loc[(grade == 4), "day"] > 5).all()


def test_clearance_runs_from_the_event_to_the_product_below_its_limit() -> None:
    of = course(300, il6=pulse(2000, 7, 2) + 1, ifn_gamma=pulse(330, 7, 2) + 1,
                product_blood=np.where(DAYS < 40, 10.0, 0.0))  # fmt: skip
    assert clearance_day(of, numbers(), np.full(300, 730.0)).tolist() == [40.0] * 300
    assert np.isinf(clearance_day(of, numbers(), np.full(300, 39.0))).all()
    rest = seen(of).of("toxicity_to_clearance")
    cleared = rest[~rest["censored"]]
    assert len(cleared) > 50
    assert (cleared["value"] + cleared["day"] == 40).all()


def test_a_product_that_stays_is_censored() -> None:
    of = course(300, il6=pulse(2000, 7, 2) + 1, ifn_gamma=pulse(330, 7, 2) + 1, product_blood=10.0)
    rest = seen(of).of("toxicity_to_clearance")
    assert rest["censored"].all()
    assert (rest["value"] + rest["day"]).max() == 730


def test_courses_and_lots_must_be_of_the_same_patients() -> None:
    of = course(5)
    with pytest.raises(UserError, match="different patients"):
        observe(of, lots(course(5, patients=np.arange(1, 6))), PLAN, Streams(1), arm="a")


def test_a_horizon_before_the_first_visit_is_refused() -> None:
    with pytest.raises(UserError, match=r"horizon of 20 days.*first visit on day 30"):
        TrialPlan(horizon=20)


def test_unknown_criteria_and_parameters_suggest_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'recist'"):
        TrialPlan("recyst")
    with pytest.raises(UserError, match=r"did you mean 'dropout.rate'"):
        numbers(own={"dropout.rates": fixed("dropout.rate", 0.0)})
    with pytest.raises(UserError, match=r"did you mean 'crs.spread'"):
        numbers()["crs.spred"]


@pytest.mark.parametrize("days", [(), (0.0,), (-3.0, 30.0)])
def test_visits_must_follow_the_infusion(days: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match="visit"):
        TrialPlan(visit_days=days)


def test_every_number_of_an_observation_is_used() -> None:
    folder = Path(perforin.trial.__path__[0])
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    for row in observation_rows():
        stem = row.stem
        assert f'"{stem}"' in text or stem.endswith(".cut") or stem.startswith("admission."), stem


@pytest.mark.parametrize("criteria", ASSESSMENTS)
def test_every_set_of_criteria_is_scored_from_what_the_trial_wrote(criteria: str) -> None:
    shrinking = 7e11 * np.exp(-DAYS / 8) + 1e3 * np.exp(DAYS * 0.03)
    of = course(60, tumour_burden=shrinking, product_blood=pulse(50, 10, 8))
    found = {one.endpoint: one for one in score(seen(of, TrialPlan(criteria)), criteria=criteria)}
    assert found["ORR_best"].value > 0.8
    assert found["CR_best"].value > 0.5
    assert {"PFS_12m", "OS_12m", "Cmax", "cost", "CRS_any", "infused_share"} <= set(found)


def test_rows_of_a_course_can_be_chosen() -> None:
    chosen = course(5).only(np.array([True, False, True, False, False]))
    assert (len(chosen), chosen.patients.tolist()) == (2, [0, 2])
    assert chosen.at("il6", [3.0]).shape == (2, 1)
    assert rows(1, 2).shape == (2, len(DAYS))

"""What must hold for any records: order and bystanders do not matter, more survival never reads as less."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perforin.endpoints.arm import Arm
from perforin.endpoints.catalogue import score
from perforin.endpoints.criteria import responses
from perforin.endpoints.kaplan_meier import kaplan_meier
from perforin.endpoints.resampling import Weights
from perforin.endpoints.samples import Milestone, RestrictedMean, Share, SurvivalMedian, Times
from perforin.records import Records

SUBJECTS = st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=2, max_size=30)
FEW = settings(max_examples=40, deadline=None)


def arrays(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(day) for day, _ in rows]), np.array([event for _, event in rows])


def shares(rows: list[tuple[int, bool]]) -> np.ndarray:
    curve = kaplan_meier(*arrays(rows))
    return np.array([curve.share[np.searchsorted(curve.day, day, side="right") - 1] for day in range(42)])


@FEW
@given(SUBJECTS)
def test_survival_falls_from_one_and_stays_within_its_limits(rows: list[tuple[int, bool]]) -> None:
    curve = kaplan_meier(*arrays(rows))
    assert curve.share[0] == 1
    assert (np.diff(curve.share) <= 0).all()
    assert (curve.low <= curve.share + 1e-12).all()
    assert (curve.high >= curve.share - 1e-12).all()
    assert curve.at_risk[0] == len(rows)
    assert curve.events.sum() == sum(event for _, event in rows)


@FEW
@given(SUBJECTS)
def test_a_subject_followed_to_the_end_without_an_event_never_lowers_survival(rows: list[tuple[int, bool]]) -> None:
    assert (shares([*rows, (41, False)]) >= shares(rows) - 1e-12).all()


@FEW
@given(SUBJECTS, st.integers(0, 29))
def test_an_event_in_place_of_a_censoring_never_raises_survival(rows: list[tuple[int, bool]], which: int) -> None:
    day = rows[which % len(rows)][0]
    worse = [*rows[: which % len(rows)], (day, True), *rows[which % len(rows) + 1 :]]
    assert (shares(worse) <= shares(rows) + 1e-12).all()


@FEW
@given(SUBJECTS, st.randoms(use_true_random=False))
def test_the_order_of_subjects_does_not_matter(rows: list[tuple[int, bool]], random: object) -> None:
    mixed = list(rows)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert shares(mixed) == pytest.approx(shares(rows), rel=1e-12)


@FEW
@given(SUBJECTS)
def test_equal_weights_change_no_number(rows: list[tuple[int, bool]]) -> None:
    time, event = arrays(rows)
    times = Times(np.arange(len(rows)), time, event)
    equal = Weights(np.full((2, len(rows)), 0.7), np.arange(len(rows)))
    for sample in (Milestone(times, 10.0), RestrictedMean(times, 10.0), Share(times.subjects, event)):
        assert sample.replicates(equal) == pytest.approx(sample.result().value, rel=1e-9, nan_ok=True)
    middle = SurvivalMedian(times).result().value
    again = SurvivalMedian(times).replicates(equal)
    assert again == pytest.approx(np.inf if np.isnan(middle) else middle) or abs(shares(rows) - 0.5).min() < 1e-9


@FEW
@given(st.integers(1, 200), st.data())
def test_exact_limits_hold_the_share_and_tighten_with_the_level(n: int, data: st.DataObject) -> None:
    events = data.draw(st.integers(0, n))
    found = Share(np.arange(n), np.arange(n) < events)
    wide, narrow = found.result(0.99), found.result(0.8)
    assert 0 <= wide.low <= narrow.low <= narrow.value <= narrow.high <= wide.high <= 1


SIZES = st.lists(st.floats(0, 100), min_size=1, max_size=5)


def best(criteria: str, baseline: float, sizes: list[float]) -> int:
    days = np.arange(len(sizes) + 1) * 30.0
    nodes = np.array([baseline, *sizes])
    measures = {
        "sum_longest_diameters": 4 * nodes, "sum_product_diameters": 4 * (nodes / 10) ** 2, "longest_diameter": nodes,
    }  # fmt: skip
    records = Records.build(subject=1, arm="a", parameter=np.repeat(list(measures), len(days)), day=np.tile(days, 3),
                            value=np.concatenate(list(measures.values())))  # fmt: skip
    found = responses(Arm(records, "a", criteria))
    assert found is not None
    return int(found.best()[0])


@FEW
@given(st.sampled_from(["lugano", "recist"]), st.floats(20, 100), st.floats(0, 100), st.floats(0, 1))
def test_a_smaller_tumour_at_the_first_visit_never_reads_worse(
    criteria: str, baseline: float, size: float, smaller: float
) -> None:
    assert best(criteria, baseline, [size * smaller]) >= best(criteria, baseline, [size])


@FEW
@given(st.sampled_from(["lugano", "recist"]), st.floats(20, 100), SIZES, st.floats(0, 100))
def test_a_later_visit_never_lowers_a_best_response(
    criteria: str, baseline: float, sizes: list[float], later: float
) -> None:
    assert best(criteria, baseline, [*sizes, later]) >= best(criteria, baseline, sizes)


def test_renumbering_patients_changes_no_estimate() -> None:
    rng = np.random.default_rng(3)
    n = 40
    table = Records.concat([
        Records.build(subject=np.arange(n), arm="a", parameter="crs_max_grade", value=rng.integers(0, 5, n)),
        Records.build(subject=np.arange(n), arm="a", parameter="cost", value=rng.normal(100, 5, n)),
        Records.build(subject=np.arange(n), arm="a", parameter="death", value=rng.integers(0, 2, n),
                      day=rng.uniform(1, 400, n)),
    ]).table  # fmt: skip
    numbers = rng.permutation(1000)[:n]
    renamed = table.assign(subject=numbers[table["subject"]])
    one, other = score(Records(table)), score(Records(renamed))
    assert [(e.endpoint, e.n) for e in one] == [(e.endpoint, e.n) for e in other]
    for first, second in zip(one, other, strict=True):
        assert (first.value, first.low, first.high) == pytest.approx(
            (second.value, second.low, second.high), rel=1e-12, nan_ok=True
        )

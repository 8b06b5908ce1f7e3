"""What must hold for any curve: nobody is lost, and patients that were taken apart give their curve again."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from perforin.endpoints.kaplan_meier import kaplan_meier
from perforin.errors import UserError
from perforin.evidence.curves.digitised import Digitised, digitised
from perforin.evidence.curves.reconstruction import reconstruct

PATIENTS = st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=5, max_size=80)
STEP = st.integers(5, 30)
ONCE = settings(max_examples=60, deadline=None)


def curve_of(rows: list[tuple[int, bool]], step: int, known: str) -> Digitised:
    """The corners of the curve of these patients, with what a paper prints beside it."""
    time, event = np.array([float(day) for day, _ in rows]), np.array([event for _, event in rows])
    curve = kaplan_meier(time, event)
    day, share = np.append(0.0, np.repeat(curve.day, 2)[1:]), np.append(1.0, np.repeat(curve.share, 2)[:-1])
    risk = {float(at): int((time >= at).sum()) for at in range(0, int(time.max()) + 1, step)}
    if known == "at_risk":
        return digitised(day, share, unit="day", at_risk=risk)
    return digitised(day, share, unit="day", n=len(rows), events=int(event.sum()) if known == "events" else None)


@ONCE
@given(PATIENTS, STEP, st.sampled_from(["at_risk", "n", "events"]))
def test_nobody_is_lost_or_added(rows: list[tuple[int, bool]], step: int, known: str) -> None:
    curve = curve_of(rows, step, known)
    found = reconstruct(curve)
    assert len(found.time) == len(found.event) == len(rows)
    assert (np.diff(found.time) >= 0).all() and found.time.min() >= 0
    assert found.time.max() <= max(curve.day[-1], curve.risk_day[-1])


@ONCE
@given(PATIENTS, STEP, st.sampled_from(["at_risk", "n", "events"]))
def test_the_distance_that_is_stated_is_that_of_the_patients_own_curve(
    rows: list[tuple[int, bool]], step: int, known: str
) -> None:
    curve = curve_of(rows, step, known)
    found = reconstruct(curve)
    own = kaplan_meier(found.time, found.event)
    foot = np.append(np.diff(curve.day) > 0, True)  # of a step's two points, the lower is what is left after it
    there = own.share[np.searchsorted(own.day, curve.day[foot], side="right") - 1]
    np.testing.assert_allclose(there, found.fitted[foot], atol=1e-9)


@ONCE
@given(PATIENTS)
def test_with_numbers_at_risk_every_day_patients_without_censoring_come_back_exactly(
    rows: list[tuple[int, bool]],
) -> None:
    followed = [(day, True) for day, _ in rows]
    found = reconstruct(curve_of(followed, 1, "at_risk"))
    assert found.time.tolist() == sorted(float(day) for day, _ in rows)
    assert found.event.all()
    assert found.distance < 1e-9


@ONCE
@given(PATIENTS, STEP)
def test_numbers_at_risk_are_met_to_one_patient(rows: list[tuple[int, bool]], step: int) -> None:
    found = reconstruct(curve_of(rows, step, "at_risk"))
    np.testing.assert_allclose(found.left, found.curve.at_risk, atol=1)


@ONCE
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=40),
    st.lists(st.integers(0, 60), min_size=1, max_size=6),
    st.integers(3, 20),
    st.none() | st.integers(0, 60),
)
def test_any_numbers_are_taken_apart_or_refused_in_words(
    shares: list[float], counts: list[int], step: int, events: int | None
) -> None:
    falling = [1.0, *sorted(shares, reverse=True)]
    at_risk = {float(i * step): count for i, count in enumerate(sorted(counts, reverse=True))}
    try:
        curve = digitised(range(len(falling)), falling, unit="day", at_risk=at_risk, events=events)
    except UserError as problem:
        assert "needed" in str(problem)
        return
    found = reconstruct(curve)
    assert len(found.time) == curve.n and found.left[0] == curve.n
    assert (np.diff(found.left) <= 0).all()
    assert 0 <= found.distance <= 1 and np.isfinite(found.time).all()

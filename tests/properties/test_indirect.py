"""What must hold for any weights: what is inside is matched, nobody weighs less than nothing, order does not matter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perforin.errors import UserError
from perforin.evidence.indirect.aggregate import Covariate
from perforin.evidence.indirect.limits import difference, ratio, wilson
from perforin.evidence.indirect.matching import match, moments

PATIENTS = st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=6, max_size=40)
SOME = settings(max_examples=80, deadline=None)


def table(rows: list[tuple[int, bool]]) -> pd.DataFrame:
    return pd.DataFrame({"age": [40.0 + age for age, _ in rows], "late": [float(late) for _, late in rows]})


def baseline(age: float, late: float) -> list[Covariate]:
    return [Covariate(covariate="age", mean=age), Covariate(covariate="late", share=late)]


@SOME
@given(PATIENTS, st.integers(0, 2**32 - 1))
def test_any_mixture_of_the_patients_can_be_matched(rows: list[tuple[int, bool]], seed: int) -> None:
    patients, mixture = table(rows), np.random.default_rng(seed).dirichlet(np.ones(len(rows)))
    target = baseline(float(mixture @ patients["age"]), float(np.clip(mixture @ patients["late"], 0, 1)))
    try:
        found = match(moments(patients, target))
    except UserError:
        spreads = np.ptp(patients.to_numpy(), axis=0)
        assert (spreads == 0).any(), "only rounding brings a constant to one side of itself"
        return
    share = found.weights / found.weights.sum()
    assert (found.weights >= 0).all() and found.weights.mean() == pytest.approx(1)
    assert share @ patients["age"] == pytest.approx(target[0].mean, abs=1e-6)
    assert share @ patients["late"] == pytest.approx(target[1].share, abs=1e-6)
    assert 1 - 1e-9 <= found.effective <= len(rows) + 1e-9


@SOME
@given(PATIENTS, st.floats(30, 70), st.floats(0, 1), st.randoms(use_true_random=False))
def test_the_order_of_patients_does_not_matter_and_a_target_outside_is_always_refused(
    rows: list[tuple[int, bool]], age: float, late: float, random: object
) -> None:
    patients, mixed = table(rows), list(range(len(rows)))
    random.shuffle(mixed)  # type: ignore[attr-defined]
    inside = patients["age"].min() < age < patients["age"].max()
    try:
        found = match(moments(patients, baseline(age, late)))
    except UserError as problem:
        assert "needed" in str(problem)
        return
    assert inside or (patients["age"] == age).all()
    again = match(moments(patients.iloc[mixed], baseline(age, late)))
    np.testing.assert_allclose(again.weights, found.weights[mixed], rtol=1e-4, atol=1e-6)


@SOME
@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_intervals_hold_their_value_and_say_the_same_of_no_difference(a: int, m: int, b: int, n: int) -> None:
    ours, theirs = wilson(min(a, m) / m, m, 0.95), wilson(min(b, n) / n, n, 0.95)
    found = difference(ours, theirs)
    assert -1 - 1e-12 <= found.low <= found.value <= found.high <= 1 + 1e-12
    if theirs.value > 0:
        divided = ratio(ours, theirs)
        assert 0 <= divided.low <= divided.value <= divided.high
        if ours.value > 0 and abs(found.low) > 1e-9 and abs(found.high) > 1e-9:
            assert (found.low > 0) == (divided.low > 1) and (found.high < 0) == (divided.high < 1)

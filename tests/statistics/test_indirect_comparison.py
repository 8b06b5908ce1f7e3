"""Indirect comparison against R, and against simulated trials whose truth is known.

The simulated truth is that both products do the same. Measured confounders are then removed by either method; one that
nobody measured is not, and the tests show both.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from perforin.evidence.indirect.aggregate import Aggregate
from perforin.evidence.indirect.comparison import Indirect, compare
from perforin.evidence.indirect.hazard import Survivals, log_hazard_ratio
from perforin.evidence.indirect.matching import match, moments
from perforin.evidence.indirect.regression import logistic
from perforin.evidence.indirect.warning import METHODS, Method

REFERENCE = Path(__file__).parent / "reference"
PATIENTS, OTHER = (pd.read_csv(REFERENCE / f"indirect_{name}.csv").astype(float) for name in ("patients", "other"))
R = pd.read_csv(REFERENCE / "indirect_r.csv").set_index(["case", "quantity"])["value"]
PUBLISHED = Aggregate.model_validate({
    "label": "Other trial", "outcomes": [{"endpoint": "CR", "events": 20, "n": 50}],
    "baseline": [{"covariate": "age", "mean": 60, "sd": 9}, {"covariate": "late_line", "share": 0.55},
                 {"covariate": "burden", "median": 25}],
})  # fmt: skip


@pytest.mark.parametrize("case", ["means", "spread"])
def test_weights_their_error_and_the_weighted_hazard_ratio_equal_those_of_r(case: str) -> None:
    found = match(moments(PATIENTS, PUBLISHED.baseline, spread=case == "spread"))
    share, error = found.mean(PATIENTS["CR"].to_numpy())
    ours = Survivals(PATIENTS["PFS_day"].to_numpy(), PATIENTS["PFS_event"].to_numpy() == 1, found.weights)
    theirs = Survivals(OTHER["day"].to_numpy(), OTHER["event"].to_numpy() == 1, np.ones(len(OTHER)))
    ratio, robust = log_hazard_ratio(ours, theirs)
    got = {
        "weight_1": found.weights[0], "weight_last": found.weights[-1], "heaviest": found.weights.max(),
        "effective": found.effective, "share": share, "error": error, "log_hazard_ratio": ratio, "robust_error": robust,
    }  # fmt: skip
    for name, value in got.items():
        assert value == pytest.approx(R[case, name], rel=1e-5), name
    assert compare(PATIENTS, PUBLISHED, "CR", spread=case == "spread").ours.value == pytest.approx(share)  # type: ignore[union-attr]


def test_the_regression_equals_that_of_r() -> None:
    design = np.column_stack([np.ones(len(PATIENTS)), PATIENTS["age"], PATIENTS["late_line"]])
    coefficients, covariance = logistic(design, PATIENTS["CR"].to_numpy())
    names = ["intercept", "age", "late_line"]
    assert coefficients == pytest.approx([R["glm", name] for name in names], rel=1e-7)
    assert np.sqrt(np.diag(covariance)) == pytest.approx([R["glm", f"{name}_error"] for name in names], rel=1e-6)


def trial(rng: np.random.Generator, n: int, *, age: float, late: float, hidden: float) -> pd.DataFrame:
    """Patients of one trial: the outcome depends on age, line and something that nobody records."""
    x, z = rng.normal(age, 10, n), (rng.random(n) < late) * 1.0
    unseen = (rng.random(n) < hidden) * 1.0
    risk = expit(-0.3 - 0.07 * (x - 55) - 0.8 * z - 1.5 * unseen)
    return pd.DataFrame({"age": x, "late": z, "CR": (rng.random(n) < risk) * 1.0})


def summed_up(other: pd.DataFrame) -> Aggregate:
    return Aggregate.model_validate({
        "label": "Other trial", "outcomes": [{"endpoint": "CR", "events": int(other["CR"].sum()), "n": len(other)}],
        "baseline": [{"covariate": "age", "mean": other["age"].mean(), "sd": other["age"].std()},
                     {"covariate": "late", "share": other["late"].mean()}],
    })  # fmt: skip


def repeated(method: Method, replicates: int, n: int, hidden: tuple[float, float]) -> list[Indirect]:
    rng = np.random.default_rng([n, replicates])
    found = []
    for _ in range(replicates):
        ours = trial(rng, n, age=55, late=0.4, hidden=hidden[0])
        theirs = trial(rng, n, age=60, late=0.6, hidden=hidden[1])
        found.append(compare(ours, summed_up(theirs), "CR", method))
    return found


def bias(found: list[Indirect]) -> float:
    return float(np.mean([one.difference.value for one in found if one.difference is not None]))


def coverage(found: list[Indirect]) -> float:
    return float(np.mean([one.difference.low <= 0 <= one.difference.high for one in found if one.difference]))


SAME, UNEQUAL = (0.3, 0.3), (0.1, 0.6)


def test_what_was_measured_is_removed_and_the_intervals_then_hold_the_truth() -> None:
    plain = repeated("none", 200, 100, SAME)
    assert bias(plain) > 0.07, "the patients differ, so without adjustment our product looks better"
    assert coverage(plain) < 0.85
    for method in METHODS[1:]:
        found = repeated(method, 200, 100, SAME)
        assert abs(bias(found)) < 0.015, method
        assert 0.92 <= coverage(found) <= 0.98, method


@pytest.mark.parametrize("method", METHODS[1:])
def test_what_nobody_measured_is_not_removed(method: Method) -> None:
    found = repeated(method, 100, 200, UNEQUAL)
    assert bias(found) > 0.08
    assert coverage(found) < 0.8


def test_the_standard_error_of_a_weighted_share_is_that_of_many_trials() -> None:
    """Of trials matched to a fixed target; the mean of the stated errors is the spread of the estimates."""
    rng, rows = np.random.default_rng(7), []
    baseline = [{"covariate": "age", "mean": 59}, {"covariate": "late", "share": 0.55}]
    target = Aggregate.model_validate({"label": "Other trial", "outcomes": [], "baseline": baseline})
    for _ in range(500):
        ours = trial(rng, 120, age=55, late=0.4, hidden=0.3)
        rows.append(match(moments(ours, target.baseline)).mean(ours["CR"].to_numpy()))
    values, errors = np.array(rows).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.1)

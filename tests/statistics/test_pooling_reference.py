"""Pooling against metafor and lme4: to 1e-4, on eleven sets of studies.

``reference/make_pooling.R`` wrote the values from ``reference/pooling_data.csv``; the versions stand in its last rows.
"""

from __future__ import annotations

import csv
import math
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from perforin.evidence.pooling.groups import by_group, leave_one_out, regress, small_studies
from perforin.evidence.pooling.library_sets import study_set
from perforin.evidence.pooling.measures import back, effects
from perforin.evidence.pooling.mixed import fit_mixed
from perforin.evidence.pooling.pool import pool
from perforin.evidence.pooling.sparse import exact_limits
from perforin.evidence.pooling.studies import Study, StudySet
from perforin.evidence.pooling.weighted import fit, heterogeneity

HERE = Path(__file__).parent / "reference"
MEASURES = {"PLO": "logit", "PFT": "double arcsine", "PR": "raw", "IRLN": "log rate"}
ONE_VALUE = {"one", "all_events", "none"}
"""Sets that no mixed model can be fitted to."""


def read(path):
    found = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["set"] != "version":
                found.setdefault((row["set"], row["model"]), {})[row["quantity"]] = float(row["value"])
    return found


REFERENCE = read(HERE / "pooling_r.csv")


@lru_cache(maxsize=1)
def sets():
    found = {}
    with (HERE / "pooling_data.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            groups = {"group": row["group"], "dose": row["dose"]}
            found.setdefault(row["set"], []).append(Study(row["study"], int(row["events"]), float(row["n"]), groups))
    return {name: StudySet(name, tuple(rows), "rate" if name == "rates" else "share") for name, rows in found.items()}


def counts(name):
    return (np.array([float(getattr(one, what)) for one in sets()[name].studies]) for what in ("events", "n"))


def models(start):
    return [pytest.param(name, model, id=f"{name}: {model}") for name, model in REFERENCE if model.startswith(start)]


def close(ours, theirs):
    assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-4)


def test_the_sets_span_what_pooling_meets():
    assert {"ICANS_any", "ICANS_ge3", "zero_heavy", "two", "one", "all_events", "none", "wide", "alike", "moderators",
            "rates"} == set(sets())  # fmt: skip
    for name in ("ICANS_any", "ICANS_ge3"):
        library = {one.name: (one.events, one.n) for one in study_set(name, "CAR-T").studies}
        assert {one.name: (one.events, one.n) for one in sets()[name].studies} == library


@pytest.mark.parametrize("name, model", [case for measure in MEASURES for case in models(measure)
                                         if case.values[1] == measure])  # fmt: skip
def test_effects_and_their_variances_are_those_of_escalc(name, model):
    made = effects(*counts(name), MEASURES[model])
    for i, (y, v) in enumerate(zip(made.y, made.v, strict=True), 1):
        close(y, REFERENCE[name, model][f"y{i}"])
        close(v, REFERENCE[name, model][f"v{i}"])


@pytest.mark.parametrize("name, model", [case for measure in MEASURES for case in models(f"{measure} ")])
def test_weighted_models_are_those_of_rma(name, model):
    """DerSimonian-Laird, Paule-Mandel and REML; normal and Knapp-Hartung; value, limits, spread and prediction."""
    measure, estimator, test = model.split()
    made = effects(*counts(name), MEASURES[measure])
    ones = np.ones((len(made.y), 1))
    found = fit(made.y, made.v, ones, estimator, "normal" if test == "z" else "Knapp-Hartung")
    spread = heterogeneity(made.y, made.v, ones, found.tau2)
    low, high = found.limits()
    prediction_low, prediction_high = found.limits(extra=found.tau2)
    ours = {"b": found.beta[0], "se": math.sqrt(found.covariance[0, 0]), "low": low, "high": high, "tau2": found.tau2,
            "i2": spread.i2, "h2": spread.h2, "q": spread.q, "p": spread.p, "prediction_low": prediction_low,
            "prediction_high": prediction_high}  # fmt: skip
    assert found.converged
    for what, theirs in REFERENCE[name, model].items():
        close(ours[what], theirs)


@pytest.mark.parametrize("name, model", models("glmer"))
def test_mixed_models_are_those_of_glmer(name, model):
    """Binomial-normal and Poisson-normal, by Laplace (1 point) and adaptive quadrature (7 and 25 points)."""
    x, n = counts(name)
    found = fit_mixed(x, n, np.ones((len(x), 1)), sets()[name].kind, int(model.split()[1]))
    assert found.converged
    theirs = REFERENCE[name, model]
    close(found.beta[0], theirs["b"])
    close(found.tau2, theirs["tau2"])
    close(math.sqrt(found.covariance[0, 0]), theirs["se"])


@pytest.mark.parametrize("name, model", models("rma.glmm"))
def test_the_mixed_model_is_that_of_rma_glmm_with_its_spread_and_prediction(name, model):
    theirs = REFERENCE[name, model]
    ours = pool(sets()[name], "glmm", points=7)
    close(ours.value, back(theirs["b"], "logit"))
    close(ours.low, back(theirs["low"], "logit"))
    close(ours.high, back(theirs["high"], "logit"))
    close(ours.tau2, theirs["tau2"])
    close(ours.i2, theirs["i2"])
    if ours.k > 2:
        close(ours.prediction_low, back(theirs["prediction_low"], "logit"))
        close(ours.prediction_high, back(theirs["prediction_high"], "logit"))


@pytest.mark.parametrize("name, model", [case for case in models("ft") if case.values[0] not in ONE_VALUE | {"two"}])
def test_double_arcsines_come_back_at_the_harmonic_mean_size(name, model):
    ours = pool(sets()[name], "ft")
    for what, theirs in REFERENCE[name, model].items():
        close(getattr(ours, what), theirs)


@pytest.mark.parametrize("name, model", models("exact"))
def test_exact_intervals_are_those_of_binom_test_and_poisson_test(name, model):
    x, n = counts(name)
    low, high = exact_limits(int(x.sum()), n.sum(), sets()[name].kind)
    close(low, REFERENCE[name, model]["low"])
    close(high, REFERENCE[name, model]["high"])


@pytest.mark.parametrize("name, model", [case for case in models("leave1out") if case.values[0] not in ONE_VALUE])
def test_leaving_out_each_study_is_leave1out(name, model):
    theirs = REFERENCE[name, model]
    for i, ours in enumerate(leave_one_out(sets()[name], "dl").values(), 1):
        close(ours.value, back(theirs[f"b{i}"], "log rate" if name == "rates" else "logit"))
        close(ours.tau2, theirs[f"tau2_{i}"])


@pytest.mark.parametrize("name, model", [*models("egger"), *models("peters")])
def test_the_check_for_small_studies_is_regtest(name, model):
    ours = small_studies(sets()[name], "se" if model == "egger" else "1/n")
    close(ours.statistic, REFERENCE[name, model]["t"])
    close(ours.p, REFERENCE[name, model]["p"])


@pytest.mark.parametrize("name, model", models("regression"))
def test_regression_on_a_name_and_a_number_is_that_of_rma_with_moderators(name, model):
    _, estimator, test = model.split()
    ours = regress(sets()[name], ["group", "dose"], estimator, "normal" if test == "z" else "Knapp-Hartung")
    theirs = REFERENCE[name, model]
    assert [one.name for one in ours.coefficients] == ["intercept", "group: b", "group: c", "dose"]
    for i, one in enumerate(ours.coefficients, 1):
        close(one.value, theirs[f"b{i}"])
        close(one.se, theirs[f"se{i}"])
        close(one.p, theirs[f"p{i}"])
    close(ours.statistic, theirs["statistic"])
    close(ours.p, theirs["p"])
    close(ours.tau2, theirs["tau2"])


def test_the_test_between_groups_is_that_of_their_pooled_values():
    _, between = by_group(sets()["moderators"], ["group"], "dl")
    close(between.q, REFERENCE["moderators", "between DL"]["q"])
    close(between.p, REFERENCE["moderators", "between DL"]["p"])


@pytest.mark.slow
def test_the_reference_values_are_those_of_the_r_on_this_machine(tmp_path):
    """Run live: the committed values come out again, so they belong to the committed data and script."""
    rscript = shutil.which("Rscript")
    if rscript is None or subprocess.run([rscript, "-e", "library(metafor); library(lme4)"], check=False,
                                         capture_output=True, timeout=120).returncode:  # fmt: skip
        pytest.skip("R with metafor and lme4 is not here")
    subprocess.run([rscript, str(HERE / "make_pooling.R"), str(HERE / "pooling_data.csv"), str(tmp_path / "r.csv")],
                   check=True, capture_output=True, timeout=300)  # fmt: skip
    again = read(tmp_path / "r.csv")
    assert again.keys() == REFERENCE.keys()
    for case, values in REFERENCE.items():
        assert again[case] == pytest.approx(values, rel=1e-5, abs=1e-6), case

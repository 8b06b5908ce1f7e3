"""Pooling: what is said of sets that are small, empty, mixed or wrong, and the results that ship."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perforin.errors import UserError
from perforin.evidence.pooling import mixed
from perforin.evidence.pooling.groups import by_group, leave_one_out, regress, small_studies
from perforin.evidence.pooling.library_sets import reviews_of, study_set, trial_set
from perforin.evidence.pooling.mixed import log_likelihood
from perforin.evidence.pooling.pool import METHODS, pool
from perforin.evidence.pooling.shipped import shipped
from perforin.evidence.pooling.sparse import beta_binomial
from perforin.evidence.pooling.studies import Study, StudySet
from perforin.evidence.pooling.synthesis import synthesise
from perforin.evidence.pooling.table import impossible_share, read_studies
from perforin.evidence.sources import bibliography


def made(*counts: tuple[int, float], kind: str = "share") -> StudySet:
    studies = tuple(Study(f"study {i}", x, n) for i, (x, n) in enumerate(counts, 1))
    return StudySet("ICANS_any", studies, kind)  # type: ignore[arg-type]


def written(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "mine.csv"
    path.write_bytes(text.encode(encoding))
    return path


# What ships


@pytest.mark.parametrize("endpoint, value, low, high, i2, near, far", [
    ("ICANS_any", 0.310, 0.239, 0.391, 0.91, 0.07, 0.73), ("ICANS_ge3", 0.105, 0.073, 0.149, 0.84, 0.02, 0.41),
])  # fmt: skip
def test_the_rebuilt_set_gives_the_known_values_by_dersimonian_and_laird(
    endpoint: str, value: float, low: float, high: float, i2: float, near: float, far: float
) -> None:
    found = pool(study_set(endpoint, "CAR-T"), "dl")
    assert found.k == 28
    assert (found.value, found.low, found.high) == pytest.approx((value, low, high), abs=6e-4)
    assert found.i2 == pytest.approx(i2, abs=6e-3)
    assert (found.prediction_low, found.prediction_high) == pytest.approx((near, far), abs=6e-3)


def test_by_every_method_the_rebuild_overlaps_what_was_published() -> None:
    for endpoint in ("ICANS_any", "ICANS_ge3"):
        (review,) = reviews_of(endpoint, "CAR-T")
        for method in METHODS:
            found = pool(study_set(endpoint, "CAR-T"), method)
            assert found.low <= review.high and review.low <= found.high, method


def test_the_rebuild_says_that_it_is_one_and_every_row_has_its_source() -> None:
    for endpoint in ("ICANS_any", "ICANS_ge3"):
        studies = study_set(endpoint, "CAR-T")
        assert "REBUILT" in studies.title and "not the study table of Han 2024" in studies.said[0]
        for one in studies.studies:
            assert one.source in bibliography() and one.status in ("read", "memory") and one.scale
            assert one.locator or one.status == "memory", one.name


def test_classes_of_car_t_differ_and_have_their_own_prediction_intervals() -> None:
    lines = {(one.endpoint, one.label): one.pooled for one in shipped()}
    high = {name: lines["ICANS_ge3", f"CAR-T, {name}"] for name in
            ("CD19 with CD28", "CD19 with 4-1BB", "BCMA with 4-1BB")}  # fmt: skip
    assert high["CD19 with CD28"].low > high["BCMA with 4-1BB"].high
    assert all(one.prediction_low is not None for one in high.values())


def test_no_neurotoxicity_with_car_nk_is_an_upper_bound_and_says_what_it_is_without_memory() -> None:
    found = synthesise(study_set("ICANS_any", "CAR-NK"))
    n, read = found.pooled.n, found.without_memory
    assert found.pooled.events == 0 and n >= 181
    assert found.pooled.upper == pytest.approx(1 - 0.05 ** (1 / n))
    assert found.pooled.high == pytest.approx(1 - 0.025 ** (1 / n))
    assert read is not None and 153 <= read.n < n
    assert any(text.startswith("Without counts from memory: 0.0 %") for text in found.notes)
    assert any(f"of {found.pooled.k} counts were written from memory" in text for text in found.studies.said)


def test_of_cohorts_that_share_patients_the_smaller_is_left_out_and_named() -> None:
    left = {one.name: one.why for one in trial_set("ICANS_any", "CAR-NK").left_out}
    assert left["liu_2020"] == "shares patients with marin_2024, which is larger"


def test_where_nobody_had_it_at_any_grade_nobody_had_it_at_a_high_one_and_that_is_said() -> None:
    some, high = (study_set(f"ICANS_{grade}", "CAR-NK") for grade in ("any", "ge3"))
    assert [(one.name, one.events, one.n) for one in high.studies] == [(one.name, 0, one.n) for one in some.studies]
    assert {one.status for one in high.studies} == {"derived", "memory"}
    assert f"{len(high.studies)} of {len(high.studies)} counts follow from no case of any grade" in " ".join(high.said)
    severe = {one.name: one for one in trial_set("CRS_ge3", "CAR-NK").studies}
    assert "follows from" in severe["nkx101"].note and "follows from" not in severe["marin_2024"].note
    assert "gao_2025" not in severe  # one case, of a grade that is not known


def test_the_bound_on_severe_neurotoxicity_with_car_nk_lies_inside_the_interval_of_bcma_car_t() -> None:
    lines = {line.label: line.pooled for line in shipped() if line.endpoint == "ICANS_ge3"}
    bcma, nk = lines["CAR-T, BCMA with 4-1BB"], lines["CAR-NK"]
    assert nk.events == 0 and nk.upper is not None and bcma.low < nk.upper < bcma.high


def test_different_grading_scales_are_said() -> None:
    assert any("different scales: Lee, Penn" in text for text in trial_set("CRS_ge3", "CAR-T").said)


# Sets that are small, or all alike


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("exact", "beta-binomial")])
def test_sets_without_spread_fall_back_to_the_exact_interval_and_say_so(method: str) -> None:
    for studies, why in ((made((0, 9), (0, 20)), "no event"), (made((4, 4), (9, 9)), "every patient"),
                         (made((3, 9)), "one study")):  # fmt: skip
        found = pool(studies, method)
        assert why in found.warnings[0] and f"not {method}" in found.warnings[0]
        assert found.tau2 is None and found.prediction_low is None
    assert pool(made((3, 9)), method).value == pytest.approx(1 / 3)


def test_two_studies_get_no_prediction_interval_and_no_variance_is_no_proof_of_none() -> None:
    found = pool(made((3, 10), (3, 10)))
    assert found.tau2 == 0 and found.prediction_low is None
    assert any("too few" in text for text in found.warnings)
    assert any("no proof that there is none" in text for text in found.warnings)


def test_a_mixed_model_that_does_not_converge_names_its_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixed, "_derivatives", lambda _lost, at: (np.zeros(len(at)), np.full((len(at),) * 2, np.nan)))
    found = pool(made((3, 10), (9, 20), (1, 30)))
    assert "did not converge" in found.warnings[0] and "REML" in found.warnings[0]
    assert found == replace(pool(made((3, 10), (9, 20), (1, 30)), "reml"), warnings=found.warnings)


def test_quadrature_is_the_integral_over_the_effect_of_a_study() -> None:
    x, n, beta, tau = np.array([3.0]), np.array([11.0]), -0.4, 1.3
    effect = np.linspace(-9, 9, 20001)
    p = 1 / (1 + np.exp(-(beta + tau * effect)))
    density = 165 * p**3 * (1 - p) ** 8 * np.exp(-(effect**2) / 2) / np.sqrt(2 * np.pi)
    whole = np.log(np.trapezoid(density, effect))
    assert log_likelihood(np.array([beta]), tau, x, n, np.ones((1, 1)), points=15) == pytest.approx(whole, abs=1e-7)
    assert log_likelihood(np.array([beta]), tau, x, n, np.ones((1, 1)), points=1) != pytest.approx(whole, abs=1e-4)


def test_the_beta_binomial_posterior_is_the_known_one_for_one_large_alike_set_and_wide_for_few_zeros() -> None:
    many = beta_binomial(np.full(40, 30.0), np.full(40, 100.0))
    assert many.value == pytest.approx(0.30, abs=0.01)
    assert many.low < 0.29 < 0.31 < many.high < 0.34
    zeros = beta_binomial(np.zeros(6), np.array([9.0, 18, 86, 10, 37, 21]))
    assert 0 < zeros.low < zeros.value < 0.03 < zeros.high < zeros.prediction_high


# Groups, moderators, small studies


def test_groups_are_pooled_apart_and_a_moderator_nobody_gives_is_refused() -> None:
    studies = study_set("ICANS_any", "CAR-T")
    groups, between = by_group(studies, ["target", "costimulation"])
    assert sum(one.k for one in groups.values()) == 28
    assert between is not None and between.p < 1e-4
    with pytest.raises(UserError, match="needed one of costimulation, disease, product, target"):
        by_group(studies, ["colour"])


def test_a_group_without_events_is_shown_and_said_to_be_out_of_the_test_between_groups() -> None:
    counts = {"a": ((3, 20), (9, 31)), "b": ((1, 18), (2, 25)), "c": ((0, 12), (0, 9))}
    studies = [Study(f"{group}{x}{n}", x, n, {"group": group}) for group, rows in counts.items() for x, n in rows]
    found = synthesise(StudySet("x", tuple(studies)), by=["group"])
    assert found.groups["c"].upper is not None and found.between is not None and found.between.df == 1
    assert any("test between groups is of 2 of 3" in text for text in found.notes)


def test_regression_tells_costimulation_from_target_and_refuses_what_does_not_vary() -> None:
    found = regress(study_set("ICANS_any", "CAR-T"), ["target", "costimulation"])
    effect = {one.name: one for one in found.coefficients}["costimulation: CD28"]
    assert effect.low > 0
    assert found.explained is not None and 0.2 < found.explained < 0.8
    with pytest.raises(UserError, match="no variation"):
        regress(StudySet("x", tuple(Study(str(i), i, 20, {"a": "same"}) for i in range(1, 5))), ["a"])
    with pytest.raises(UserError, match="needed more studies"):
        regress(StudySet("x", tuple(Study(str(i), i, 20, {"a": str(i) + "x"}) for i in range(1, 4))), ["a"])


def test_leaving_one_out_and_the_check_for_small_studies_are_silent_where_they_mean_nothing() -> None:
    assert leave_one_out(made((3, 9))) == {}
    assert small_studies(made((3, 9), (4, 20))) is None
    assert small_studies(made((3, 10), (4, 10), (5, 10))) is None
    found = small_studies(made((3, 10), (4, 20), (5, 40)))
    assert found is not None and "next to nothing" in found.caveat


# A user's own table


def test_a_table_is_read_whatever_its_separator_decimal_sign_and_encoding(tmp_path: Path) -> None:
    text = "Study;Events;N;dose\nMüller 2020;3;20;1,5\nB;4;22;2,5\nC;11;30;3,0\n"
    found = read_studies(written(tmp_path, text, "cp1252"))
    assert [(one.name, one.events, one.n, one.groups["dose"]) for one in found.studies] == [
        ("Müller 2020", 3, 20, "1.5"), ("B", 4, 22, "2.5"), ("C", 11, 30, "3")]  # fmt: skip
    assert synthesise(found, by=["dose"]).regression is not None


def test_events_per_time_are_pooled_as_rates(tmp_path: Path) -> None:
    found = read_studies(written(tmp_path, "study,events,time\nA,3,10.5\nB,9,20\nC,0,4\n"))
    assert found.kind == "rate"
    assert "Poisson-normal" in pool(found).method
    with pytest.raises(UserError, match="for a rate"):
        pool(found, "ft")


@pytest.mark.parametrize("text, said", [
    ("study,events,n\nA,1,10\nB,11,10\n", r"mine.csv:3: found 11 events of 10 patients"),
    ("study,events,n\nA,-1,10\n", r"mine.csv:2: found -1 events in A; needed 0 or more"),
    ("study,events,n\nA,0,0\n", r"mine.csv:2: found 0 patients in A; needed at least 1"),
    ("study,events,n\nA,1.5,10\n", r"mine.csv:2: found 1.5 events; needed a whole number"),
    ("study,events,n\nA,1,10\nA,2,12\n", r"mine.csv:3: found the study 'A' twice, first in line 2"),
    ("study,events,n\nA,,10\n", r"mine.csv:2: found an empty cell under events; needed a number"),
    ("study,events,n\nA,many,10\n", r"mine.csv:2: found 'many' under events; needed a number"),
    ("study,events,n\n,1,10\n", r"mine.csv:2: found a row without the name of its study"),
    ("study,event,n\nA,1,10\n", r"mine.csv:1: .*needed one column of events or percent; did you mean 'event'"),
    ("study,events,n,time\nA,1,10,4\n", r"mine.csv:1: found n and time; needed one column of n or time"),
    ("study,percent,n\nA,120,10\n", r"mine.csv:2: found 120 percent; needed 0 to 100"),
    ("study,events,n,status\nA,1,10,guess\n", r"mine.csv:2: found the status 'guess'"),
    ("study,percent,n\nA,33,3,10\nB,10,10\n", r"mine.csv:2: found 4 cells; needed 3"),
    ("study,events,n\nA,1\nB,1,10\n", r"mine.csv:2: found an empty cell under n"),
    ("study,events,n,overlaps\nAhmed,1,10,\nB,1,10,Ahmad\n", r"mine.csv:3: found the overlap 'Ahmad' .*'Ahmed'"),
    ("study,events,n,overlaps\nA,1,10,A\nB,1,10,\n", r"mine.csv:2: found the overlap 'A' of 'A'; needed another"),
])  # fmt: skip
def test_what_cannot_be_pooled_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read_studies(written(tmp_path, text))


def test_a_percentage_that_no_count_gives_is_flagged(tmp_path: Path) -> None:
    assert impossible_share(0.333, 10, 3) and not impossible_share(0.33, 9, 2)
    found = read_studies(written(tmp_path, "study,percent,n\nA,33.3,10\nB,33.3,9\n"))
    assert [one.events for one in found.studies] == [3, 3]
    (flag,) = found.said
    assert flag.startswith("A: no whole number of 10 patients gives 33.3 %; 3 was taken")


def test_a_table_that_names_an_overlap_loses_the_smaller_study_and_an_endpoint_picks_its_rows(tmp_path: Path) -> None:
    text = "study,endpoint,events,n,overlaps\nA,X,1,10,B\nB,X,4,30,\nB,Y,2,30,\n"
    found = read_studies(written(tmp_path, text), "X")
    assert [one.name for one in found.studies] == ["B"] and found.left_out[0].name == "A"
    with pytest.raises(UserError, match="needed one of X, Y"):
        read_studies(tmp_path / "mine.csv", "Z")
    alike = read_studies(written(tmp_path, "study,events,n,overlaps\nA,1,30,B\nB,4,30,\n"))
    assert alike.left_out[0].why == "shares patients with A, which is as large"


def test_a_set_built_with_overlapping_or_double_cohorts_is_refused() -> None:
    with pytest.raises(UserError, match="found a and b, which share patients"):
        StudySet("x", (Study("a", 1, 9, overlaps=("b",)), Study("b", 1, 20)))
    with pytest.raises(UserError, match="'a' twice"):
        StudySet("x", (Study("a", 1, 9), Study("a", 1, 20)))


@pytest.mark.parametrize("endpoint, therapy, said", [
    ("ICANS_any", "CAR-M", "found the therapy 'CAR-M'; needed one of CAR-NK, CAR-T"),
    ("ICAN_any", "CAR-T", "did you mean 'ICANS_any'"),
])  # fmt: skip
def test_an_unknown_therapy_or_outcome_is_refused_with_the_nearest_name(endpoint: str, therapy: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        study_set(endpoint, therapy)

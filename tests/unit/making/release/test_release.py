"""What lots must show, what tests find, and what follows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from batch_recipes import library_process, valued
from perforin.errors import UserError
from perforin.library import default_library
from perforin.making.batch import Batches, grow
from perforin.making.release import Specifications, follow, read_specifications, release, specifications_of
from perforin.making.release.deciding import GIVEN_AS_IT_IS, NOT_MADE, OUT, REJECTED, RELEASED, REMADE
from perforin.making.release.risks import guard_band, risks
from perforin.streams import Streams
from perforin.yaml_reader import read_yaml

IDS = np.arange(3000, dtype=np.int64)
ASSUMED = "kind: assumed, status: assumed, note: x"


def made(name: str) -> tuple[Batches, Specifications]:
    process = library_process(name)
    found = specifications_of(process)
    assert found is not None
    return grow(process, IDS, Streams(1)), found


def only(found: Specifications, *names: str) -> Specifications:
    return replace(found, tests=tuple(test for test in found.tests if test.attribute in names))


@pytest.fixture(scope="module")
def cord() -> tuple[Batches, Specifications]:
    return made("nk_cord_blood")


@pytest.fixture(scope="module")
def own() -> tuple[Batches, Specifications]:
    return made("autologous_viral")


def test_without_assay_error_a_lot_passes_exactly_if_it_is_within_its_limits(cord) -> None:
    batches, found = cord
    tests = tuple(replace(test, cv=None, false_positive=None, detection=None) for test in found.tests)
    verdicts = release(batches, replace(found, tests=tests), Streams(1))
    assert (verdicts.failing == (verdicts.outside & verdicts.tested[:, None])).all()
    np.testing.assert_allclose(verdicts.measured, verdicts.true, rtol=1e-9)
    assert set(verdicts.verdict) == {NOT_MADE, RELEASED, REJECTED}


def test_gates_do_not_count_twice(cord) -> None:
    batches, found = cord
    verdicts = release(batches, found, Streams(1))
    assert (verdicts.verdict[batches.failed == "purity"] != NOT_MADE).all()
    lost = batches.failed == "lost at release tests"
    assert lost.any() and (verdicts.verdict[lost] == RELEASED).mean() > 0.9
    assert (verdicts.verdict[batches.failed == "lost at culture"] == NOT_MADE).all()
    assert (verdicts.reason[batches.failed == "lost at culture"] == "lost at culture").all()


def test_every_lot_has_one_verdict_and_only_released_lots_have_doses(own) -> None:
    batches, found = own
    verdicts = release(batches, found, Streams(1), own_cells=True)
    assert (verdicts.doses[verdicts.verdict != RELEASED] == 0).all()
    assert (verdicts.doses[verdicts.recalled] == 0).all()
    assert ((verdicts.reason == "") == ((verdicts.verdict == RELEASED) & ~verdicts.recalled)).all()
    assert np.isnan(verdicts.days[verdicts.verdict == NOT_MADE]).all()


def test_luck_is_a_lots_own(cord) -> None:
    batches, found = cord
    some = IDS[::7]
    few = grow(library_process("nk_cord_blood"), some, Streams(1))
    every, chosen = (release(one, found, Streams(1)).measured for one in (batches, few))
    np.testing.assert_array_equal(chosen, every[::7])


def test_a_bank_gives_nobody_a_lot_out_of_specification_and_own_cells_may(own) -> None:
    batches, found = own
    assert OUT not in set(release(batches, found, Streams(1)).verdict)
    assert OUT in set(release(batches, found, Streams(1), own_cells=True).verdict)


def test_conditional_release_shortens_the_wait_and_recalls_later(own) -> None:
    batches, found = own
    later = {test.attribute for test in found.tests if test.decision(own_cells=True) == "conditional release"}
    tests = [replace(test, action="reject") if test.attribute in later else test for test in found.tests]
    waiting = replace(found, tests=tuple(tests))
    early, late = (release(batches, one, Streams(1), own_cells=True) for one in (found, waiting))
    assert np.nanmedian(early.days) == 7 and np.nanmedian(late.days) == 14
    assert early.recalled.any() and not late.recalled.any()
    assert (late.verdict[early.recalled] == REJECTED).all()


def test_a_retest_refuses_fewer_good_lots_and_passes_more_bad_ones(cord) -> None:
    batches, found = cord
    strict = only(found, "residual_t_cells")
    once = replace(strict, tests=tuple(replace(test, action="reject") for test in strict.tests))
    first, second = release(batches, once, Streams(1)), release(batches, strict, Streams(1))
    bad = first.outside[:, 0] & first.tested
    good = ~first.outside[:, 0] & first.tested
    assert (second.verdict[good] == RELEASED).sum() > (first.verdict[good] == RELEASED).sum()
    assert (second.verdict[bad] == RELEASED).sum() > (first.verdict[bad] == RELEASED).sum()
    assert np.nanmax(second.days) == 2 * np.nanmax(first.days)


def test_what_follows_adds_up_and_needs_numbers(own) -> None:
    batches, found = own
    verdicts = release(batches, found, Streams(1), own_cells=True)
    fate = follow(verdicts, found, Streams(1))
    asked = fate == GIVEN_AS_IT_IS
    assert asked.any() and (verdicts.verdict[asked] == OUT).all()
    assert asked.sum() / (verdicts.verdict == OUT).sum() == pytest.approx(0.66, abs=0.1)
    assert (fate == REMADE).any()
    bare = follow(verdicts, replace(found, accepted=None, remade=None), Streams(1))
    assert set(bare) == {"in specification", "not given"}


@pytest.mark.parametrize("low, high", [(-np.inf, 1.3), (-0.5, np.inf), (-1.0, 1.5)])
def test_risks_are_those_of_the_bivariate_normal(low: float, high: float) -> None:
    mean, sd, error = 0.2, 0.9, 0.4
    total = np.hypot(sd, error)
    joint = multivariate_normal([mean, mean], [[sd**2, sd**2], [sd**2, total**2]])

    def box(lower: list[float], upper: list[float]) -> float:
        return float(joint.cdf(upper, lower_limit=lower))

    far = 30.0
    low_, high_ = max(low, -far), min(high, far)
    both = box([low_, low_], [high_, high_])
    passing = norm.cdf(high_, mean, total) - norm.cdf(low_, mean, total)
    inside = norm.cdf(high_, mean, sd) - norm.cdf(low_, mean, sd)
    found = risks(mean, sd, error, low, high)
    assert found.consumer == pytest.approx(passing - both, abs=1e-5)
    assert found.producer == pytest.approx(inside - both, abs=1e-5)
    assert found.passing == pytest.approx(passing, abs=1e-9)


def test_simulated_risks_are_the_analytic_ones(cord) -> None:
    batches, found = cord
    (test,) = only(found, "killing").tests
    truth = valued(test.batches, 0.25, 0.3)
    alone = replace(test, batches=truth, action="reject")
    every = np.arange(len(batches))
    whole = replace(batches, failed=np.full(len(every), ""), cells_filled=batches.planned_dose * 2)
    verdicts = release(whole, replace(found, tests=(alone,)), Streams(3))
    sd = 0.3 / 0.75
    found_risks = risks(np.log(0.25 / 0.75), sd, alone.error, np.log(0.2 / 0.8))
    passed = verdicts.verdict == RELEASED
    assert (passed & verdicts.outside[:, 0]).mean() == pytest.approx(found_risks.consumer, abs=0.012)
    assert (~passed & ~verdicts.outside[:, 0]).mean() == pytest.approx(found_risks.producer, abs=0.012)


def test_a_guard_band_holds_the_consumers_risk_and_costs_the_producer() -> None:
    open_, most = risks(0, 1, 0.4, -1.5, 1.5), 0.005
    band = guard_band(most, 0, 1, 0.4, -1.5, 1.5)
    guarded = risks(0, 1, 0.4, -1.5, 1.5, guard=band)
    assert band > 0 and open_.consumer > most
    assert guarded.consumer == pytest.approx(most, rel=1e-6)
    assert guarded.producer > open_.producer


def test_lots_that_are_all_alike_have_the_error_alone() -> None:
    found = risks(0.5, 0.0, 0.2, 0.0)
    assert found.consumer == 0 and found.producer == pytest.approx(norm.sf(2.5))


@pytest.mark.parametrize(
    "change, line, words",
    [
        (("    lower: {value: 0.7", f"    upper: {{value: 0.5, unit: '', {ASSUMED}}}\n    lower: {{value: 0.7"), 7,
         "lower < upper"),
        (("attribute: viability", "attribute: viabilty"), 5, "did you mean 'viability'?"),
        (("cv: {value: 0.05", "cv: {value: -0.05"), 7, "needed 0 or more"),
        (("action: retest", "action: hope"), 10, "needed one of"),
        (("attribute: purity", "attribute: viability"), 11, "twice"),
        (("volume:", "volumen:"), 9, "did you mean 'volume'?"),
        (("attribute: endotoxin\n", f"attribute: endotoxin\n    lower: {{value: 9, unit: EU/mL, {ASSUMED}}}\n"), 0,
         "not below the upper"),
        (("step: release tests", "step: release test"), 3, "did you mean 'release tests'?"),
        (("days: {value: 1,", "days: {value: 15,"), 8, "at most the 14 days of the step 'release tests'"),
    ],
)  # fmt: skip
def test_bad_specifications_are_refused_with_their_line(tmp_path: Path, change, line: int, words: str) -> None:
    text = default_library().path("specifications", "nk_bank").read_text(encoding="utf-8")
    assert change[0] in text
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    with pytest.raises(UserError, match="mine.yaml:") as caught:
        specifications_of(replace(library_process("nk_cord_blood"), specifications=str(path)))
    assert words in str(caught.value)
    assert not line or f"mine.yaml:{line}:" in str(caught.value)


@pytest.mark.parametrize("name", default_library().names("specifications"))
def test_the_librarys_specifications_say_what_they_use_up_and_are_used(name: str) -> None:
    path = default_library().path("specifications", name)
    found = read_specifications(name, read_yaml(path).data, str(path))
    assert 3 < found.volume < 10
    processes = [library_process(one) for one in default_library().names("processes")]
    assert any(process.specifications == name for process in processes)
    assert all(process.specifications for process in processes if process.batch is not None)

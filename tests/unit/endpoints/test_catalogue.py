"""One function scores simulated and published records; an endpoint is one function."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perforin.endpoints import registry
from perforin.endpoints.arm import Arm
from perforin.endpoints.catalogue import HEADLINE, arm_of, catalogue, estimate, find, score
from perforin.endpoints.compare import compare, compare_all
from perforin.endpoints.registry import endpoint
from perforin.endpoints.samples import Sample, Share
from perforin.errors import UserError
from perforin.evidence.published import published, trials
from perforin.records import Records
from perforin.trial.plan import ASSESSMENTS
from perforin.units import same
from unit.endpoints.hand_made import once


def test_the_headline_endpoints_exist() -> None:
    assert set(HEADLINE) <= set(catalogue())


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_every_endpoint_says_what_it_means_and_in_what_unit(name: str) -> None:
    entry = find(name)
    assert entry.meaning.endswith(".")
    assert "{" not in entry.meaning
    assert same(entry.unit, entry.unit), "the unit is one that perforin knows"
    assert entry.better in (-1, 0, 1)


def test_an_unknown_endpoint_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'PFS_12m'"):
        score(once("enrolled", {1: 1}), ["PFS_12"])


def test_an_unknown_arm_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'control'"):
        arm_of(once("enrolled", {1: 1}, arm="control"), "contrl")


def test_an_endpoint_is_added_by_writing_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "ENDPOINTS", dict(registry.ENDPOINTS))
    known = registry.ENDPOINTS

    @endpoint("long_wait_share", better=-1, days=30.0)
    def long_wait(arm: Arm, days: float) -> Sample | None:
        """Share of the enrolled who waited longer than {days:g} days."""
        wait = arm.once("time_to_infusion")
        return Share(wait.subjects, wait.value > days)

    records = once("time_to_infusion", {1: 20.0, 2: 40.0})
    found = known["long_wait_share"].make(arm_of(records, "a"))
    assert found is not None
    assert found.result().value == 0.5
    assert known["long_wait_share"].meaning == "Share of the enrolled who waited longer than 30 days."


def test_two_endpoints_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two endpoints are called CRS_any"):
        endpoint("CRS_any")(lambda _: None)


def test_published_and_simulated_counts_get_the_same_estimate() -> None:
    outcome = [1.0] * 18 + [0.0] * 19
    hand = dict(enumerate(outcome))
    reported = Records.build(subject=range(37), arm="a", parameter="outcome:CRS_any", value=outcome,
                             origin="published", source="Somebody2024")  # fmt: skip
    simulated = once("crs_max_grade", hand)
    one, other = (estimate(arm_of(records, "a"), "CRS_any") for records in (reported, simulated))
    assert one is not None
    assert other is not None
    assert (one.value, one.low, one.high, one.n) == (other.value, other.low, other.high, other.n)
    assert one.method == other.method
    assert one.sources == ("Somebody2024",)


@pytest.mark.parametrize("name", trials())
def test_every_published_trial_is_scored_by_the_same_function(name: str) -> None:
    records = published(name)
    named = {parameter.partition(":")[2] for parameter in records.table["parameter"]}
    known = named & set(catalogue())
    found = {one.endpoint: one for one in score(records)}
    assert known == set(found)
    for what, one in found.items():
        rows = records.of(f"outcome:{what}")
        if len(rows):
            assert one.value == rows["value"].mean()
            assert one.low <= one.value <= one.high
        else:
            assert math.isnan(one.low)
            assert "as published" in one.method


def test_published_numbers_keep_their_own_unit() -> None:
    records = Records.build(subject=[0], arm="x", parameter="summary:PFS_median", value=5.9, unit="month")
    found = estimate(arm_of(records, "x"), "PFS_median")
    assert found is not None
    assert (found.value, found.unit) == (5.9, "month")


def test_the_trial_and_the_endpoints_know_the_same_criteria() -> None:
    for criteria in ASSESSMENTS:
        assert Arm(Records.empty(), "a", criteria).criteria == criteria


def test_a_subject_with_two_rows_of_one_outcome_is_refused() -> None:
    twice = Records.concat([once("cost", {1: 1.0}), once("cost", {1: 2.0})])
    with pytest.raises(UserError, match="several rows of 'cost' for subject 1"):
        score(twice, ["cost"])


def two_arms(seed: int = 1, n: int = 60) -> Records:
    rng = np.random.default_rng(seed)
    parts = []
    for arm, median in (("new", 300.0), ("old", 200.0)):
        death = rng.exponential(median, n)
        seen = np.minimum(death, 400)
        parts += [
            once("death", dict(enumerate((death < 400).astype(float))), days=dict(enumerate(seen)),
                 censored=np.flatnonzero(death >= 400).tolist(), arm=arm),
            once("crs_max_grade", dict(enumerate(rng.integers(0, 4, n).astype(float))), arm=arm),
            once("cost", dict(enumerate(rng.normal(100, 10, n))), arm=arm),
        ]  # fmt: skip
    return Records.concat(parts)


WANTED = ("OS_12m", "OS_median", "RMST_OS_12m", "CRS_ge3", "cost")


def test_comparisons_do_not_depend_on_the_order_of_rows() -> None:
    records = two_arms()
    mixed = Records(records.table.sample(frac=1, random_state=3))
    one = {d.endpoint: d for d in compare_all(records, "old", WANTED)}
    other = {d.endpoint: d for d in compare_all(mixed, "old", WANTED)}
    for name in WANTED:
        assert (one[name].value, one[name].low, one[name].high) == pytest.approx(
            (other[name].value, other[name].low, other[name].high), rel=1e-12
        )
        assert one[name].better == other[name].better


def test_another_arm_changes_no_estimate_and_no_comparison() -> None:
    records = two_arms()
    third = records.table[records.table["arm"] == "new"].assign(arm="third")
    more = Records.concat([records, Records(third)])
    before, after = score(records, WANTED), [one for one in score(more, WANTED) if one.arm != "third"]
    assert before == after
    assert compare_all(records, "old", WANTED) == [d for d in compare_all(more, "old", WANTED) if d.arm == "new"]


def test_an_arm_against_itself_differs_by_nothing() -> None:
    records = two_arms()
    same_again = records.table[records.table["arm"] == "new"].assign(arm="again")
    both = Records.concat([records, Records(same_again)])
    for one in (compare(arm_of(both, "new"), arm_of(both, "again"), name) for name in WANTED):
        assert one is not None
        assert (one.value, one.better) == (0, 0.5)
        width = 0.03 if one.endpoint == "CRS_ge3" else 0.0  # score limits of a share are not symmetric
        assert -width <= one.low <= 0 <= one.high <= width


def test_published_patients_are_nobodys_pair() -> None:
    records = two_arms()
    record = Records.build(subject=range(60), arm="paper", parameter="outcome:CRS_ge3", value=[1.0] * 9 + [0.0] * 51,
                           origin="published")  # fmt: skip
    found = compare(arm_of(records, "new"), arm_of(Records.concat([records, record]), "paper"), "CRS_ge3")
    assert found is not None
    assert found.paired == 0


def test_no_event_in_either_arm_still_leaves_a_doubt() -> None:
    parts = [once("icans_max_grade", dict.fromkeys(range(40), 0.0), arm=arm) for arm in ("new", "old")]
    (found,) = compare_all(Records.concat(parts), "old", ["ICANS_any"])
    assert found.value == 0
    assert found.low < -0.05
    assert found.high > 0.05
    assert found.better == 0.5


def test_one_arm_alone_cannot_be_compared() -> None:
    with pytest.raises(UserError, match="only the arm 'a'"):
        compare_all(once("cost", {1: 1.0}), "a", ["cost"])

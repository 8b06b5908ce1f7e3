"""Digitised curves: hand-worked reconstructions, files as digitising programs write them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from perforin.endpoints.catalogue import arm_of, estimate, score
from perforin.errors import UserError
from perforin.evidence.curves import reconstruction
from perforin.evidence.curves.curve_file import read_curve
from perforin.evidence.curves.digitised import Digitised, digitised
from perforin.evidence.curves.reconstruction import SURVIVED, curve_records, curves_of, reconstruct
from perforin.evidence.published import published, trials
from perforin.evidence.sources import bibliography

TEN = ([0, 2, 2, 5, 5, 10], [1, 1, 0.9, 0.9, 0.8, 0.8])


def test_ten_patients_with_two_events_come_back_as_they_were() -> None:
    found = reconstruct(digitised(*TEN, unit="month", at_risk={0: 10, 10: 8}))
    assert found.time[found.event] == pytest.approx([2 * 365 / 12, 5 * 365 / 12])
    assert found.time[~found.event] == pytest.approx([10 * 365 / 12] * 8)
    assert found.distance == pytest.approx(0)
    assert found.left.tolist() == [10, 8]


def test_censorings_are_what_is_missing_between_numbers_at_risk_and_spread_evenly() -> None:
    found = reconstruct(digitised([0, 6, 6, 12], [1, 1, 0.5, 0.5], unit="day", at_risk={0: 8, 4: 5, 12: 1}))
    assert found.time[found.event].tolist() == [6, 6]
    assert found.time[~found.event] == pytest.approx([1, 2, 3, 4 + 8 / 3, 4 + 16 / 3, 12])
    assert found.left.tolist() == [8, 5, 1]


def test_a_published_total_decides_how_many_were_censored_before_the_end() -> None:
    time, survival = [0, 5, 5, 9, 9, 10], [1, 1, 0.9, 0.9, 0.6, 0.6]
    none = reconstruct(digitised(time, survival, unit="day", n=20, events=8))
    assert none.event.sum() == 8 and none.time[~none.event].tolist() == [10] * 12
    some = reconstruct(digitised(time, survival, unit="day", n=20, events=6))
    assert some.event.sum() == 6 and (some.time[~some.event] < 9).sum() >= 4
    assert len(some.time) == 20


def test_a_total_that_the_curve_cannot_give_is_said() -> None:
    found = reconstruct(digitised(*TEN, unit="day", n=10, events=9))
    assert any("the curve gives 2 events; 9 were published" in note for note in found.notes)


def test_with_only_the_number_of_patients_the_note_says_what_is_not_known() -> None:
    found = reconstruct(digitised(*TEN, unit="day", n=10))
    assert found.event.sum() == 2 and len(found.time) == 10
    assert any("neither numbers at risk nor a total of events" in note for note in found.notes)


def test_numbers_at_risk_go_on_where_the_curve_was_read_no_further() -> None:
    found = reconstruct(digitised(*TEN, unit="day", at_risk={0: 10, 10: 8, 20: 3}))
    assert found.time.max() == 20 and found.left.tolist() == [10, 8, 3]


def test_nobody_at_risk_after_the_end_means_that_all_have_left() -> None:
    found = reconstruct(digitised(*TEN, unit="day", at_risk={0: 10, 6: 8, 12: 0}))
    assert len(found.time) == 10 and found.event.sum() == 2
    assert (found.time[~found.event] < 10).all()


def test_per_cent_and_a_later_first_point_are_understood() -> None:
    share = digitised([1, 2, 2], [1, 1, 0.5], unit="weeks", n=4)
    per_cent = digitised([0, 1, 2, 2], [100, 100, 100, 50], unit="week", n=4)
    assert share.day.tolist() == [0, 7, 14, 14] and share.share.tolist() == [1, 1, 1, 0.5]
    assert per_cent.share.tolist() == [1, 1, 1, 0.5]
    assert per_cent.notes == ("survival was read as per cent",)


def test_small_wiggles_are_levelled_to_the_nearest_falling_curve_and_said() -> None:
    found = digitised([0, 1, 2, 3], [1, 0.8, 0.81, 0.5], unit="day", n=10)
    assert found.share == pytest.approx([1, 0.805, 0.805, 0.5])
    assert "2 of 4 points were moved, by at most 0.005" in found.notes[0]


@pytest.mark.parametrize(
    "time,survival,more,message",
    [
        ([0, 1, 2], [1, 0.7, 0.9], {}, "found survival 0.9; needed at most the 0.7 before it: a survival curve cannot"),
        ([0, 2, 1], [1, 0.9, 0.8], {}, "found time 1; needed one not below the 2"),
        ([0, 1, -2], [1, 0.9, 0.8], {}, "found time -2"),
        ([0, float("nan")], [1, 0.9], {}, "found time nan"),
        ([0, 1], [1, 1.2], {}, "found survival 1.2; needed 0 to 1"),
        ([0, 1], [1, -0.2], {}, "found survival -0.2; needed 0 to 1"),
        ([0, 1], [1, float("nan")], {}, "found survival nan; needed 0 to 1"),
        ([0, 1], [0.9, 0.8], {}, "found survival 0.9; needed 1 or 100 % at the first point"),
        ([0, 1], [97, 80], {}, "found survival 97; needed 1 or 100 %"),
        ([0], [1], {}, "found 1 times"),
        ([0, 1], [1], {}, "found 2 times and 1 values"),
        ([0, 1], [1, 0.5], {"unit": "mnth"}, "the unit of time 'mnth'; needed one of day, week, month, year; did you"),
        ([0, 1], [1, 0.5], {"unit": ""}, "found no unit of time"),
        ([0, 1], [1, 0.5], {"n": None}, "found no number of patients"),
        ([0, 1], [1, 0.5], {"n": 0}, "found 0 patients"),
        ([0, 1], [1, 0.5], {"events": 5}, "found 5 events of 4 patients"),
        ([0, 1], [1, 0.5], {"at_risk": {0: 4, 1: 5}}, "found number at risk 5; needed at most the 4 before it"),
        ([0, 1], [1, 0.5], {"at_risk": {0: 4, 1: 1.5}}, "found number at risk 1.5; needed a whole number"),
        ([0, 1], [1, 0.5], {"at_risk": {0: 4, 1: -1}}, "found number at risk -1"),
        ([0, 1], [1, 0.5], {"at_risk": {1: 4}}, "found no number at risk at time 0"),
        ([0, 1], [1, 0.5], {"at_risk": {0: 5}}, "found number at risk 5; needed 4, the number of patients"),
        ([0, 1], [1, 0.5], {"at_risk": {0: 0}, "n": None}, "found number at risk 0; needed at least 1"),
        ([0, 1, 2], [1, 0.2, 0.2], {"at_risk": {0: 100, 2: 100}, "n": 100}, "needed about 20 or fewer at time 2"),
    ],
)
def test_a_curve_that_cannot_be_is_refused(
    time: list[float], survival: list[float], more: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        digitised(time, survival, **{"unit": "day", "n": 4} | more)  # type: ignore[arg-type]
    assert message in str(caught.value)


def written(folder: Path, text: str, name: str = "PFS.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def same(one: Digitised, other: Digitised) -> bool:
    return one.day.tolist() == other.day.tolist() and one.share.tolist() == other.share.tolist()


def test_a_file_says_what_it_is_and_may_hold_the_numbers_at_risk(tmp_path: Path) -> None:
    facts = "# unit: month\n# source: Marin2024\n# status: read\n# a remark\n"
    found = read_curve(written(tmp_path, facts + "time,survival,at_risk\n0,1,4\n2,1,\n2,0.5,\n3,,1\n"))
    assert same(found, digitised([0, 2, 2], [1, 1, 0.5], unit="month", n=4))
    assert found.at_risk.tolist() == [4, 1] and found.risk_day == pytest.approx([0, 91.25])
    assert found.facts == {"source": "Marin2024", "status": "read"}


@pytest.mark.parametrize(
    "text",
    ["0,1\n2,1\n2,0.5\n", "time;survival\n0;1\n2;1,0\n2;0,5\n", "\ufefftime\tsurvival\n0\t100\n2\t100\n2\t50\n",
     "Time, Survival\r\n0, 1\r\n2, 1\r\n\r\n2, 0.5\r\n"],
    ids=["without names", "decimal commas", "tabs and per cent", "blanks"],
)  # fmt: skip
def test_what_digitising_programs_write_is_read_alike(tmp_path: Path, text: str) -> None:
    risk = written(tmp_path, "time,at_risk\n0,4\n3,1\n", "risk.csv")
    found = read_curve(written(tmp_path, text), risk, unit="day")
    assert same(found, digitised([0, 2, 2], [1, 1, 0.5], unit="day", n=4))


@pytest.mark.parametrize(
    "text,message",
    [
        ("# unit: day\n# n: 4\ntime,survival\n0,1\n1,0.5\n2,0.9\n", "PFS.csv:6: found survival 0.9"),
        ("# unit: day\ntime,survival,at_risk\n0,1,4\n1,0.5,5\n", "PFS.csv:4: found number at risk 5"),
        ("# unit: day\n# n: four\n0,1\n1,0.5\n", "found n 'four'"),
        ("# untis: day\n0,1\n", "PFS.csv:1: found 'untis' above the columns"),
        ("time,survivl\n0,1\n", "found the column 'survivl'"),
        ("time,at_risk\n0,1\n", "found no column 'survival'"),
        ("# unit: day\n0,1\n1,half\n", "PFS.csv:3: found survival 'half'"),
        ("# unit: day\n0,1\n1,0.5,3\n", "PFS.csv:3: found 3 cells; needed 2"),
        ("# unit: day\n0,1\n,0.5\n", "PFS.csv:3: found time ''"),
        ("# unit: day\n", "found no rows"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_curve(written(tmp_path, text))
    assert message in str(caught.value)


def test_a_missing_or_foreign_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found no file"):
        read_curve(tmp_path / "none.csv")
    with pytest.raises(UserError, match="UTF-8"):
        read_curve(written(tmp_path, "# unit: day\n# \u00e9\n0,1\n", encoding="utf-16"))
    both = written(tmp_path, "# unit: day\ntime,survival,at_risk\n0,1,4\n1,0.5,\n")
    with pytest.raises(UserError, match="in one of the two"):
        read_curve(both, both)


def test_the_endpoints_that_score_simulated_records_score_reconstructed_ones() -> None:
    found = reconstruct(digitised(*TEN, unit="month", at_risk={0: 10, 10: 8}))
    records = found.records("published", "PFS")
    arm = arm_of(records, "published")
    third = estimate(arm, "PFS_3m")
    assert third is not None and (third.value, third.n) == (pytest.approx(0.9), 10)
    assert {one.endpoint for one in score(records)} >= {"PFS_3m", "PFS_median", "RMST_PFS_6m"}
    assert not [one for one in score(records) if one.endpoint.startswith(("OS", "EFS", "DOR", "ORR"))]
    with pytest.raises(UserError, match="found a curve of 'PSF'.*did you mean 'PFS'"):
        found.records("published", "PSF")


def test_enrolled_or_infused_a_published_curve_keeps_its_own_origin() -> None:
    records = reconstruct(digitised(*TEN, unit="month", n=10)).records("published", "OS")
    infused, enrolled = (estimate(arm_of(records, "published", enrolled=one), "RMST_OS_6m") for one in (False, True))
    assert infused == enrolled and infused is not None
    assert infused.value == pytest.approx((6 - 0.1 * 4 - 0.1 * 1) * 365 / 12)


def test_a_trial_of_the_library_with_a_curve_file_has_its_patients_among_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "trials" / "zuma_1" / "curves"
    folder.mkdir(parents=True)
    written(folder, "# unit: month\n# n: 10\n# source: Neelapu2017\n0,1\n2,1\n2,0.9\n12,0.9\n")
    monkeypatch.setattr(reconstruction, "LIBRARY", tmp_path)
    records = published("zuma_1")
    found = estimate(arm_of(records, "zuma_1"), "PFS_6m")
    assert found is not None and found.value == pytest.approx(0.9) and found.n == 10
    assert set(records.of("time:PFS")["origin"]) == {"published"}
    assert set(records.of("time:PFS")["source"]) == {"Neelapu2017"}
    assert len(records.of("time:PFS", "zuma_1")) == 10
    assert curve_records("marin_2024") == []


def test_every_curve_in_the_library_is_read_and_names_source_locator_and_status() -> None:
    for name in trials():
        for what, path in curves_of(name).items():
            facts = reconstruct(read_curve(path)).curve.facts
            assert what in SURVIVED and facts["source"] in bibliography() and facts["locator"]
            assert facts["status"] in ("read", "memory", "derived")

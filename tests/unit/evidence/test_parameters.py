from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from perforin.errors import UserError
from perforin.evidence.parameters import COLUMNS, Parameters, Row, choose, read_table
from perforin.model.network import Slot
from perforin.streams import Streams

HEADER = ",".join(COLUMNS)
PATIENTS = np.arange(40_000, dtype=np.int64)


def row(parameter: str = "killing.rate", value: float = 2.0, **other: object) -> Row:
    neutral: dict[str, object] = {
        "keys": {}, "unit": "1/day", "low": value, "high": value, "between_patient_cv": 0.0,
        "distribution": "lognormal", "kind": "measured",
        "status": "read", "source": "Someone2020", "locator": "", "note": "", "place": "here.csv:2",
    }  # fmt: skip
    return Row(parameter=parameter, value=value, **{**neutral, **other})  # type: ignore[arg-type]


def table(tmp_path: Path, *lines: str, header: str = HEADER) -> Path:
    path = tmp_path / "mechanisms" / "killing.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


GOOD = 'killing.rate[low],T,CD19,,6,1/day,2,12,0.4,lognormal,measured,read,Someone2020,Table 1,"quoted, text"'


def test_a_row_is_read_with_its_keys_and_place(tmp_path: Path) -> None:
    (found,) = read_table(table(tmp_path, GOOD))
    assert (found.parameter, found.stem, found.members) == ("killing.rate[low]", "killing.rate", ("low",))
    assert dict(found.keys) == {"cell": "T", "antigen": "CD19"}
    assert (found.value, found.low, found.high, found.between_patient_cv) == (6, 2, 12, 0.4)
    assert found.place == "mechanisms/killing.csv:2" and found.note == "quoted, text"


def test_blank_ranges_are_the_value_and_no_spread_is_fixed(tmp_path: Path) -> None:
    (found,) = read_table(table(tmp_path, "a.b,,,,3,cell,,,,,fitted,derived,Someone2020,,"))
    assert (found.low, found.high, found.between_patient_cv, found.distribution) == (3, 3, 0, "fixed")


@pytest.mark.parametrize(
    "line, message",
    [
        ("a.b,,,,x,cell,,,,,measured,read,S,,", "found value 'x'; needed a number"),
        ("a.b,,,,3,cell,4,5,,,measured,read,S,,", "low <= value <= high"),
        ("a.b,,,,3,cell,1,2,,,measured,read,S,,", "low <= value <= high"),
        ("a.b,,,,3,cell,,,,,meassured,read,S,,", "did you mean 'measured'"),
        ("a.b,,,,3,cell,,,,,measured,opened,S,,", "found the status 'opened'"),
        ("a.b,,,,3,cell,,,0.2,lognorml,measured,read,S,,", "did you mean 'lognormal'"),
        ("a.b,,,,3,cell,,,,,measured,read,,,", "found no source for a measured number"),
        ("a.b,,,,3,cell,,,,,assumed,assumed,,,", "assumed number without a note"),
        ("a.b,,,,3,cellz/dy,,,,,measured,read,S,,", "found the unit 'cellz/dy'"),
        ("a.b,,,,3,cell,,,-1,,measured,read,S,,", "between_patient_cv -1"),
        ("a.b,,,,nan,cell,,,,,measured,read,S,,", "not finite"),
        ("a.b,,,,-3,cell,,,0.2,lognormal,measured,read,S,,", "lognormal spread about -3"),
        ("a.b,,,,3,cell,,,,,measured,read,S,", "found 14 cells; needed 15"),
        ("a b,,,,3,cell,,,,,measured,read,S,,", "found a name that is not"),
    ],
)
def test_a_bad_row_is_refused_with_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    path = table(tmp_path, GOOD, line)
    with pytest.raises(UserError) as caught:
        read_table(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{path}:3: ")


def test_missing_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"killing.csv:1: .*'source'.*did you mean 'source'"):
        read_table(table(tmp_path, header=HEADER.replace("source", "souce")))


def test_the_most_specific_row_wins() -> None:
    rows = [
        row(value=1),
        row(value=2, keys={"cell": "T"}),
        row(value=3, keys={"cell": "T", "antigen": "CD19"}),
        row("killing.rate[low]", value=4),
        row("killing.rate[low]", value=5, keys={"cell": "NK"}),
        row("other.rate", value=6, keys={"cell": "T", "antigen": "CD19", "disease": "LBCL"}),
    ]
    assert choose(rows, "killing.rate").value == 1
    assert choose(rows, "killing.rate", (), {"cell": "T", "disease": "LBCL"}).value == 2
    assert choose(rows, "killing.rate", ("high",), {"cell": "T", "antigen": "CD19"}).value == 3
    assert choose(rows, "killing.rate", ("low",), {"cell": "T", "antigen": "CD19"}).value == 4
    assert choose(rows, "killing.rate", ("low", "blood"), {"cell": "NK"}).value == 5


def test_a_tie_names_both_places() -> None:
    rows = [row(keys={"cell": "T"}, place="a.csv:2"), row(keys={"antigen": "CD19"}, place="b.csv:7")]
    with pytest.raises(UserError, match=r"a\.csv:2 and b\.csv:7"):
        choose(rows, "killing.rate", (), {"cell": "T", "antigen": "CD19"})
    assert choose(rows, "killing.rate", (), {"cell": "T", "antigen": "BCMA"}).place == "a.csv:2"


def test_an_unknown_parameter_gets_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"did you mean 'killing\.rate'"):
        choose([row()], "kiling.rate")


def test_a_parameter_known_for_others_only_says_where_they_are() -> None:
    with pytest.raises(UserError, match=r"no row that fits.*here\.csv:2"):
        choose([row(keys={"cell": "T"})], "killing.rate", (), {"cell": "NK"})


def one(**other: object) -> Parameters:
    return Parameters(("killing.rate[arm_a]",), (row(**other),), ("killing.rate",))  # type: ignore[arg-type]


def test_lognormal_draws_have_the_value_as_median_and_the_cv() -> None:
    drawn = one(between_patient_cv=0.5).draw(PATIENTS, Streams(1))[:, 0]
    assert np.median(drawn) == pytest.approx(2.0, rel=0.01)
    assert drawn.std() / drawn.mean() == pytest.approx(0.5, rel=0.03)
    assert drawn.min() > 0


def test_normal_draws_have_the_value_as_mean_and_the_cv() -> None:
    drawn = one(between_patient_cv=0.2, distribution="normal").draw(PATIENTS, Streams(1))[:, 0]
    assert drawn.mean() == pytest.approx(2.0, rel=0.01)
    assert drawn.std() == pytest.approx(0.4, rel=0.02)


def test_fractions_stay_between_zero_and_one() -> None:
    fraction = row(value=0.8, low=0.5, high=1.0, unit="", between_patient_cv=0.5)
    drawn = Parameters(("x",), (fraction,)).draw(PATIENTS, Streams(1))[:, 0]
    assert drawn.min() > 0
    assert drawn.max() < 1
    assert np.median(drawn) == pytest.approx(0.8, rel=0.01)
    narrow = dataclasses.replace(fraction, between_patient_cv=0.05)
    drawn = Parameters(("x",), (narrow,)).draw(PATIENTS, Streams(1))[:, 0]
    assert drawn.std() / drawn.mean() == pytest.approx(0.05, rel=0.05)


def test_fixed_parameters_do_not_vary() -> None:
    drawn = one(between_patient_cv=0.5, distribution="fixed").draw(PATIENTS[:50], Streams(1))
    assert set(drawn.ravel()) == {2.0}


def test_draws_depend_on_seed_parameter_and_patient_only() -> None:
    first, other = row(between_patient_cv=0.5), row("killing.other", between_patient_cv=0.5)
    both = Parameters(("killing.rate", "killing.other"), (first, other))
    drawn = both.draw(PATIENTS[:500], Streams(7))
    again = Parameters(("killing.other", "killing.rate"), (other, first)).draw(PATIENTS[:500], Streams(7))
    assert np.array_equal(drawn, again[:, ::-1])
    assert not np.array_equal(drawn[:, 0], drawn[:, 1])
    assert not np.array_equal(drawn, both.draw(PATIENTS[:500], Streams(8)))


def test_arms_share_the_luck_of_a_parameter() -> None:
    a = Parameters(("killing.rate[a]",), (row(between_patient_cv=0.5),), ("killing.rate",))
    b = Parameters(("killing.rate[b]",), (row(value=6, between_patient_cv=0.5),), ("killing.rate",))
    ratio = b.draw(PATIENTS[:500], Streams(3)) / a.draw(PATIENTS[:500], Streams(3))
    assert ratio == pytest.approx(np.full((500, 1), 3.0))


def test_subsets_and_permutations_give_the_same_patients() -> None:
    many = one(between_patient_cv=0.5)
    drawn = many.draw(PATIENTS[:1000], Streams(5))
    order = np.random.default_rng(0).permutation(1000)[:100]
    assert np.array_equal(many.draw(PATIENTS[order], Streams(5)), drawn[order])


def test_covariates_replace_the_random_effect() -> None:
    many = one(between_patient_cv=0.5)
    given = np.linspace(1, 2, 100)
    assert np.array_equal(many.draw(PATIENTS[:100], Streams(5), set_by={"killing.rate": given})[:, 0], given)
    scaled = many.draw(PATIENTS[:100], Streams(5), multiplied_by={"killing.rate[arm_a]": given})[:, 0]
    assert np.array_equal(scaled, 2 * given)
    untouched = many.draw(PATIENTS[:100], Streams(5), set_by={"absent.parameter": given})
    assert np.array_equal(untouched, many.draw(PATIENTS[:100], Streams(5)))


def test_slots_refuse_rows_in_another_unit() -> None:
    slot = Slot("killing.rate[nk,low]", "1/hour", "killing", "killing.rate", "nk", ("low",))
    with pytest.raises(UserError, match=r"here\.csv:2: found killing\.rate\[nk,low\]"):
        Parameters.of([slot], [row()])
    found = Parameters.of([slot._replace(unit="1/day")], [row()])
    assert found.stems == ("killing.rate[low]",) and found.values.tolist() == [2.0]


def test_the_table_keeps_the_winning_rows() -> None:
    line = one(low=1.0, high=3.0).table().iloc[0]
    assert (line["name"], line["value"], line["low"], line["high"]) == ("killing.rate[arm_a]", 2.0, 1.0, 3.0)
    assert (line["source"], line["place"]) == ("Someone2020", "here.csv:2")

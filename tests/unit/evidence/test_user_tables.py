"""A user's table: encodings, separators, decimal signs, guessed columns and units, values below the limit, bad rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from perforin.errors import UserError
from perforin.evidence.user_tables.convert import Converted, convert
from perforin.evidence.user_tables.guess import guess
from perforin.evidence.user_tables.mapping import Mapping, Measured, open_questions, read_mapping, write_mapping
from perforin.evidence.user_tables.reading import decimal_sign, read_cell, read_table
from perforin.evidence.user_tables.words import unit_of
from perforin.records import COLUMNS

NONMEM = """\
ID,TIME,AMT,DV,EVID,MDV,BLQ,LLOQ,CMT
1,0,1e8,.,1,1,0,.,1
1,24,.,1500,0,0,0,50,2
1,168,.,32000,0,0,0,50,2
1,672,.,0,0,0,1,50,2
2,0,1e8,.,1,1,0,.,1
2,24,.,800,0,0,0,50,2
2,336,.,<LLOQ,0,0,0,50,2
2,504,.,.,0,1,0,50,2
"""
ADPPK = """\
USUBJID,TRT01A,PARAMCD,PARAM,AFRLT,AVAL,AVALU,BLQFL,LLOQ
S-001,CAR-NK,CART,"Transgene, blood",24,1200,copies/ug,N,50
S-001,CAR-NK,IL6,Interleukin 6,24,<3.1,pg/mL,N,
S-002,CAR-T,CART,"Transgene, blood",24,,copies/ug,Y,50
S-002,CAR-T,IL6,Interleukin 6,24,0.2,ng/mL,N,
"""
FREE = """\
Patient;Day after infusion (weeks);IL-6 (pg/mL);Product cells [cells/µL];Remark
A1;0;1,5;0;
;;;;

A1;1;<0,5;12,5;für
B2;0;220;0;
B2;1;x;3,25;
"""


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "trial.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def read(path: Path, **changed: str) -> Converted:
    """The table by its guessed mapping, with open questions answered."""
    table = read_table(path)
    mapping = guess(table, "arm").mapping
    values = [one.model_copy(update={k: v for k, v in changed.items() if k in ("parameter", "unit")})
              for one in mapping.values]  # fmt: skip
    return convert(table, mapping.model_copy(
        update={"values": tuple(values)} | {k: v for k, v in changed.items() if k == "time_unit"}))  # fmt: skip


def rows(done: Converted, *columns: str) -> list[tuple[object, ...]]:
    return list(done.records.table[list(columns)].itertuples(index=False, name=None))


def test_a_nonmem_table_is_read_with_its_doses_flags_and_limits(file: Callable[..., Path]) -> None:
    done = read(file(NONMEM), time_unit="hour", parameter="transgene_copies", unit="copies/ug")
    assert rows(done, "subject", "day", "value", "unit", "censored") == [
        (1, 1.0, 1500.0, "copy/ug", False),
        (1, 7.0, 32000.0, "copy/ug", False),
        (1, 28.0, 50.0, "copy/ug", True),
        (2, 1.0, 800.0, "copy/ug", False),
        (2, 14.0, 50.0, "copy/ug", True),
    ]
    assert not done.errors
    assert any("2 rows are no observations (EVID is not 0)" in said and "lines 2, 6" in said for said in done.warnings)
    assert any("1 times a value is missing" in said and "line 9" in said for said in done.warnings)
    assert dict(done.records.table.dtypes.astype(str)) == dict(COLUMNS)


def test_what_a_nonmem_table_does_not_say_is_asked_and_not_assumed(file: Callable[..., Path]) -> None:
    found = guess(read_table(file(NONMEM)), "arm")
    questions = " ".join(open_questions(found.mapping))
    assert "the unit of the column 'TIME'" in questions
    assert "what the column 'DV' is" in questions and "the unit of the column 'DV'" in questions
    with pytest.raises(UserError, match="incomplete mapping"):
        convert(read_table(file(NONMEM)), found.mapping)


def test_an_adppk_table_is_read_by_parameter_and_unit_and_converted(file: Callable[..., Path]) -> None:
    done = read(file(ADPPK), time_unit="hour")
    assert rows(done, "subject", "arm", "parameter", "value", "unit", "censored") == [
        (1, "CAR-NK", "transgene_copies", 1200.0, "copy/ug", False),
        (1, "CAR-NK", "il6", 3.1, "pg/mL", True),
        (2, "CAR-T", "transgene_copies", 50.0, "copy/ug", True),
        (2, "CAR-T", "il6", pytest.approx(200.0), "pg/mL", False),
    ]
    assert done.subjects == {"S-001": 1, "S-002": 2}
    assert set(done.records.table["day"]) == {1.0} and set(done.records.table["origin"]) == {"observed"}


def test_the_unit_tells_copies_from_cells_where_the_name_does_not(file: Callable[..., Path]) -> None:
    cells = read_table(file(ADPPK.replace("copies/ug", "cells/uL"), "cells.csv"))
    assert {one.parameter for one in guess(cells, "a").mapping.values} == {"product_cells", "il6"}
    unsaid = read_table(file("ID,DAY,PARAM,DV\n1,1,CART,5\n2,1,CART,6\n"))
    assert [one.parameter for one in guess(unsaid, "a").mapping.values] == ["?"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_a_free_table_with_blanks_and_decimal_commas_is_read_in_every_encoding(
    file: Callable[..., Path], encoding: str
) -> None:
    done = read(file(FREE, encoding=encoding))
    assert rows(done, "subject", "day", "parameter", "value", "censored") == [
        (1, 0.0, "il6", 1.5, False),
        (1, 0.0, "product_cells", 0.0, False),
        (1, 7.0, "il6", 0.5, True),
        (1, 7.0, "product_cells", 12.5, False),
        (2, 0.0, "il6", 220.0, False),
        (2, 0.0, "product_cells", 0.0, False),
    ]
    assert [(problem.line, "found 'x'" in problem.text) for problem in done.errors] == [(7, True)]
    assert any("2 blank rows" in said and "lines 3, 4" in said for said in done.warnings)


def test_two_encodings_in_one_file_are_each_read_in_their_own_and_said(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_bytes("ID,DAY,SITE,IL6 (pg/mL)\n1,1,Köln,5\n".encode() + "2,1,Zürich,6\n".encode("latin-1"))
    table = read_table(path)
    assert table.encoding == "mixed" and table.column("SITE") == ["Köln", "Zürich"]
    assert "two encodings: line 3 in Latin-1, the rest in UTF-8" in table.warnings[0]


def test_a_column_that_stands_twice_is_named_apart_and_said(file: Callable[..., Path]) -> None:
    table = read_table(file("ID,DAY,DV (copies/ug),DV (copies/ug)\n1,1,5,6\n2,1,7,8\n"))
    assert table.header[2:] == ("DV (copies/ug)", "DV (copies/ug), column 4")
    assert "twice, with other content" in table.warnings[0]
    assert "one of those that stand twice" in " ".join(open_questions(guess(table, "a").mapping))
    same = read_table(file("ID,DAY,DV (copies/ug),DV (copies/ug)\n1,1,5,5\n2,1,7,7\n"))
    done = convert(same, guess(same, "a").mapping)
    assert done.records.table["value"].tolist() == [5.0, 7.0]
    assert "twice, with the same content" in done.warnings[0]


def test_a_missing_unit_is_an_open_question_and_an_unknown_one_an_error(file: Callable[..., Path]) -> None:
    table = read_table(file("ID,DAY,IL6\n1,1,5\n2,1,6\n"))
    assert any("the unit of the column 'IL6'" in said for said in open_questions(guess(table, "a").mapping))
    with pytest.raises(UserError, match=r"'IL6 \(pgg/mL\)': found the unit 'pgg/mL', which nobody knows.*'pg/ml'"):
        guess(read_table(file("ID,DAY,IL6 (pgg/mL)\n1,1,5\n2,1,6\n")), "a")
    done = read(file("ID,DAY,PARAM,DV,UNIT\n1,1,IL6,5,\n2,1,IL6,6,mL\n3,1,IL6,7,g/L\n"))
    assert [problem.line for problem in done.errors] == [2, 3]
    assert "found no unit of il6" in done.errors[0].text and "needed [pg / ml]" in done.errors[1].text
    assert done.records.table["value"].tolist() == [pytest.approx(7e9)]


@pytest.mark.parametrize(
    "cell,value",
    [("<LLOQ", 50.0), ("<5", 5.0), ("< 5", 5.0), ("≤5", 5.0), ("BLQ", 50.0), ("bloq", 50.0), ("Below LLOQ", 50.0)],
)
def test_a_value_below_the_limit_stays_as_censored(file: Callable[..., Path], cell: str, value: float) -> None:
    done = read(file(f"ID,DAY,IL6 (pg/mL),LLOQ\n1,1,{cell},50\n2,1,60,50\n"))
    assert rows(done, "value", "censored") == [(value, True), (60.0, False)]


def test_a_limit_that_nobody_states_is_an_error_and_one_in_the_mapping_serves(file: Callable[..., Path]) -> None:
    table = read_table(file("ID,DAY,IL6 (ng/mL)\n1,1,<LLOQ\n2,1,6\n"))
    mapping = guess(table, "a").mapping
    done = convert(table, mapping)
    assert [problem.line for problem in done.errors] == [2]
    assert "below an assay limit that is not stated" in done.errors[0].text
    stated = mapping.model_copy(update={"values": (mapping.values[0].model_copy(update={"limit": 0.05}),)})
    again = convert(table, stated).records.table
    assert again["value"].tolist() == pytest.approx([50, 6000]) and again["censored"].tolist() == [True, False]


def test_a_number_below_the_limit_of_its_row_without_a_flag_is_said(file: Callable[..., Path]) -> None:
    done = read(file("ID,DAY,IL6 (pg/mL),LLOQ\n1,1,3,5\n2,1,6,5\n"))
    assert rows(done, "value", "censored") == [(3.0, False), (6.0, False)]
    assert any("limit of their row but are not flagged" in said and "line 2" in said for said in done.warnings)


def test_no_line_is_lost_each_gives_records_or_a_reason(file: Callable[..., Path]) -> None:
    done = read(file("""\
ID,DAY,PARAM,DV,UNIT
1,1,IL6,5,pg/mL
,1,IL6,5,pg/mL
2,x,IL6,5,pg/mL
3,1,IL6,-4,pg/mL
4,1,IL6,1.2.3,pg/mL
5,1,IL6,>100,pg/mL
6,1,,5,pg/mL
7,1,IL6
8,1,IL6,.,pg/mL
9,1,IL6,7,pg/mL,
"""))
    assert done.records.table["subject"].tolist() == [1, 9]
    assert [problem.line for problem in done.errors] == [3, 4, 5, 6, 7, 8, 9]
    said = [problem.text for problem in done.errors]
    for text, expected in zip(said, ("no subject", "'x'", "il6 -4; needed 0 or more", "'1.2.3'", "'>100'", "found ''",
                                     "found 3 cells; needed 5"), strict=True):  # fmt: skip
        assert expected in text
    assert any("line 10" in warning for warning in done.warnings)


def test_adverse_events_keep_their_grade_and_onset(file: Callable[..., Path]) -> None:
    done = read(file("SUBJID,AETERM,AETOXGR,AESTDY\n101,Cytokine release syndrome,2,3\n102,ICANS,0,\n"
                     "103,Cytokine release syndrome,7,2\n"))  # fmt: skip
    assert rows(done, "subject", "parameter", "value") == [(101, "crs_max_grade", 2.0), (102, "icans_max_grade", 0.0)]
    assert done.records.table["day"][0] == 3.0 and math.isnan(done.records.table["day"][1])
    assert "crs_max_grade 7; needed 0 to 5" in done.errors[0].text
    assert any("begin at 1, not 0" in said for said in done.warnings)


def test_of_several_grades_of_a_subject_the_highest_stays_and_the_others_are_named(file: Callable[..., Path]) -> None:
    done = read(file("ID,Event,Grade,Day\n1,CRS,1,2\n1,CRS,3,5\n1,CRS,2,9\n1,CRS,3,8\n2,CRS,1,1\n"))
    assert rows(done, "subject", "parameter", "value", "day") == [
        (1, "crs_max_grade", 3.0, 5.0), (2, "crs_max_grade", 1.0, 1.0),
    ]  # fmt: skip
    assert any("3 lower or later grades" in said and "lines 2, 4, 5" in said for said in done.warnings)


def test_times_to_an_event_become_days_with_their_censoring(file: Callable[..., Path]) -> None:
    done = read(file("USUBJID,TRTP,PARAMCD,AVAL,AVALU,CNSR\n1,NK,OS,12,MONTHS,0\n2,NK,OS,20,MONTHS,1\n"))
    assert rows(done, "parameter", "day", "value", "censored") == [
        ("time:OS", pytest.approx(365.25), 1.0, False),
        ("time:OS", pytest.approx(608.75), 0.0, True),
    ]
    done = read(file("USUBJID,TRTP,PARAMCD,AVAL,AVALU\n1,NK,OS,12,MONTHS\n"))
    assert "no column that says whether time:OS was seen to its end" in done.errors[0].text


def test_events_per_study_become_one_row_per_patient_and_bad_counts_are_named(file: Callable[..., Path]) -> None:
    text = "study,events,n\nAlpha,3,20\nBeta,0,15\nGamma,9,8\nAlpha,3,20\nDelta,1.5,9\nEps,0,0\nZeta,-1,9\n"
    done = read(file(text), parameter="CR_best")
    table = done.records.table
    assert table.groupby("arm", observed=True)["value"].agg(["sum", "size"]).to_numpy().tolist() == [[3, 20], [0, 15]]
    assert set(table["parameter"]) == {"outcome:CR_best"}
    assert [problem.line for problem in done.errors] == [4, 5, 6, 7, 8]
    assert "9 events among 8 patients" in done.errors[0].text and "twice, first in line 2" in done.errors[1].text


@pytest.mark.parametrize(
    "cells,separator,sign",
    [
        (["1,5", "2"], ";", ","),
        (["1.5", "2"], ";", "."),
        (["1,234", "2"], ";", ","),
        (["1,234", "2"], ",", "."),
        (["1.234,5"], ";", ","),
        (["<0,5"], "\t", ","),
    ],
)
def test_the_decimal_sign_is_found_out(cells: list[str], separator: str, sign: str) -> None:
    assert decimal_sign(cells, separator) == sign


@pytest.mark.parametrize("text,value", [("1.234,5", 1234.5), ("-3", -3.0), ("1e5", 1e5), ("\u22122,5", -2.5)])
def test_numbers_are_read_with_a_decimal_comma(text: str, value: float) -> None:
    assert read_cell(text, ",").value == value


@pytest.mark.parametrize("text", ["1,5", "", "abc", "1.2.3", ">5", "ND", "nan", "inf", "1e400"])
def test_what_is_no_number_is_not_guessed(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the text is all it says
        read_cell(text, ".")


@pytest.mark.parametrize(
    "written,unit",
    [("copies/µg", "copy/ug"), ("Copies / ug DNA", "copy/ug"), ("PG/ML", "pg/mL"), ("10^9/L", "cell/nL"),
     ("cells/mm3", "cell/uL"), ("hrs", "hour"), ("ng/L", "pg/mL"), ("fmol/L", "fmol/L")],
)  # fmt: skip
def test_units_are_read_as_people_write_them(written: str, unit: str) -> None:
    assert unit_of(written) == unit


@pytest.mark.parametrize(
    "content,expected",
    [
        (b"", "empty file"),
        (b"PK\x03\x04rest", "found a workbook"),
        (b"a,b\x00,c\n1,2,3", "no text"),
        (b"ID,DV\n", "a header and no rows"),
        (b"just words\nmore words\n", "found one column"),
        (b"1,2,3\n4,5,6\n", "found numbers in the first row"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_the_reason(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(content)
    with pytest.raises(UserError, match=expected):
        read_table(path)
    with pytest.raises(UserError, match="cannot be read"):
        read_table(tmp_path / "absent.csv")


def test_a_mapping_is_kept_and_read_again_as_it_was(file: Callable[..., Path], tmp_path: Path) -> None:
    table = read_table(file(ADPPK))
    mapping = guess(table, "a").mapping.model_copy(update={"time_unit": "hour"})
    kept = tmp_path / "trial.mapping.yaml"
    write_mapping(kept, mapping, "trial.csv")
    assert read_mapping(kept, table) == mapping
    again = convert(table, read_mapping(kept, table)).records.table
    assert again.equals(read(file(ADPPK), time_unit="hour").records.table)


@pytest.mark.parametrize(
    "before,after,expected",
    [
        ("subject: USUBJID", "subject: USUBJD", "did you mean 'USUBJID'"),
        ("time_unit: hour", "time_unit: huor", "found the unit 'huor'"),
        ("time_unit: hour", "time_unit: '?'", "the unit of the column 'AFRLT'"),
        ("  subject:", "  subjct:", "did you mean 'subject'"),
        ("kind: observations", "kind: summaries", "'summary'"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_by_line(
    file: Callable[..., Path], tmp_path: Path, before: str, after: str, expected: str
) -> None:
    table = read_table(file(ADPPK))
    kept = tmp_path / "trial.mapping.yaml"
    write_mapping(kept, guess(table, "a").mapping.model_copy(update={"time_unit": "hour"}), "trial.csv")
    kept.write_text(kept.read_text().replace(before, after))
    with pytest.raises(UserError) as caught:
        read_mapping(kept, table)
    assert str(caught.value).startswith(f"{kept}:") and expected in str(caught.value)


def test_one_flag_column_for_two_columns_of_numbers_is_refused() -> None:
    values = (Measured(column="a", parameter="il6", unit="pg/mL"), Measured(column="b", parameter="il15", unit="pg/mL"))
    with pytest.raises(ValueError, match="found one column 'BLQ' for 2 columns of numbers"):
        Mapping(columns={"subject": "ID", "below": "BLQ"}, values=values)


def test_a_table_without_known_names_is_guessed_by_what_its_columns_hold(file: Callable[..., Path]) -> None:
    found = guess(read_table(file("who,when,what\nA,1,5.5\nA,3,2.5\nB,1,7\nB,9,1\n")), "a")
    assert found.mapping.columns == {"subject": "who", "day": "when"}
    assert [one.column for one in found.mapping.values] == ["what"]
    assert found.reasons == {"who": "its content", "when": "its content", "what": "its content"}

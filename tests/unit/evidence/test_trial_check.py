"""A user's trials: what is refused, what is flagged, and that nothing is left out unsaid."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from perforin.command import app
from perforin.evidence.published import for_calibration, trial, trials
from perforin.evidence.trial_check import Checked, check_trials, read_trials

TRIAL = """label: A trial
registration: "NCT99999999"
therapy: CAR-NK
product: x
target: CD19
cell_source: cord blood
indication: lymphoma
infused: 10
source: Liu2020
endpoints:
  - {endpoint: ORR_d30, count: 4, denominator: 10, population: infused, status: read, source: Liu2020, locator: p. 2}
"""
HEAD = "trial,label,therapy,product,target,cell_source,indication,infused,endpoint,count,denominator,population,scale,"
HEAD += "status,source,locator\n"
ROW = "mine,A trial,CAR-NK,x,CD19,cord blood,lymphoma,10,ORR_d30,4,10,infused,,read,Liu2020,p. 2\n"


def checked(folder: Path, text: str = TRIAL, name: str = "mine") -> Checked:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "trial.yaml").write_text(text, encoding="utf-8")
    return check_trials(folder)


def said(found: Checked, kind: str) -> str:
    return "\n".join(f"{one.where}: {one.text}" for one in found.remarks if one.kind == kind)


def test_the_library_has_no_errors_and_flags_shares_that_no_count_gives() -> None:
    found = check_trials()
    assert found.errors == 0 and len(found.trials) == 42
    assert "cooley_2019_subcutaneous: CR_best: no whole number of 16 patients gives 0.4; 6 was taken" in said(
        found, "warning"
    )


def test_a_good_trial_passes_without_remark_and_stands_beside_the_library(tmp_path: Path) -> None:
    assert checked(tmp_path).remarks == ()
    assert read_trials(tmp_path / "mine").trials["mine"].n == 10
    assert read_trials(tmp_path / "mine" / "trial.yaml") == read_trials(tmp_path)


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("count: 4", "count: 11", "the count 11 of 10"),
        ("count: 4", "count: -1", "greater than or equal to 0"),
        ("denominator: 10", "denominator: 0", "greater than or equal to 1"),
        ("source: Liu2020\n", "source: Liu2021\n", "did you mean 'Liu2020'"),
        ("endpoints:", "overlaps: [marin_2042]\nendpoints:", "did you mean 'marin_2024'"),
        ("label: A trial", "label: [A trial", "not YAML"),
        ("infused: 10", "infused: 10\nenrolled: 5", "found 10 infused of 5 enrolled"),
        ("infused: 10", "infused: 10\nenrolled: -5", "greater than or equal to 1"),
        ("infused: 10", "infused: 10\ninfused: 12", "found the key 'infused' twice"),
        ("endpoint: ORR_d30, count: 4", "endpoint: OS_12m, value: 1.3", "found a share of 1.3 alive"),
        ("count: 4", "value: nan", "finite number"),
        ("count: 4", "value: 4,5", "found the unknown key 5 (a decimal comma is written as a point)"),
        ("count: 4", "value: '4,5'", "found '4,5'; needed a valid number: a decimal comma is written as a point"),
        ("endpoints:", "overlaps: [mine]\nendpoints:", "found the trial itself in its overlaps"),
        (TRIAL[TRIAL.index("endpoints:"):], "endpoints: []", "found no endpoints; needed at least one number"),
        (TRIAL, "", "found an empty file; needed 'key: value' lines of a trial"),
        (TRIAL, "a word", "found 'a word'; needed 'key: value' lines of a trial"),
        ("count: 4", "value: 4, low: 5, high: 2", "found low 5 above high 2"),
    ],
)
def test_what_makes_a_trial_unusable_is_an_error(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = checked(tmp_path, TRIAL.replace(old, new))
    assert found.errors == 1 and message in said(found, "error")


def test_every_error_of_a_trial_is_told_with_its_line(tmp_path: Path) -> None:
    found = checked(tmp_path, TRIAL.replace("count: 4", "count: 11").replace("infused: 10", "infused: ten"))
    assert f"{tmp_path}/mine/trial.yaml:8: " in said(found, "error")
    assert f"{tmp_path}/mine/trial.yaml:11: " in said(found, "error")


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("count: 4", "share: 0.33", "no whole number of 10 patients gives 0.33; 3 was taken"),
        ("status: read", "status: memory", "1 of 1 numbers stand on memory alone"),
        (", locator: p. 2", "", "where is not said"),
        ("NCT99999999", "NCT03056339", "shares its registration with marin_2024"),
        ("ORR_d30", "ORR_d3O", "found the endpoint 'ORR_d3O', which no other trial and no model gives; did you mean"),
        ("count: 4", "share: 0.125", "no whole number of 10 patients gives 0.125; 1 was taken"),
    ],
)
def test_what_is_doubtful_is_a_warning(tmp_path: Path, old: str, new: str, message: str) -> None:
    found = checked(tmp_path, TRIAL.replace(old, new))
    assert found.errors == 0 and message in said(found, "warning")


def test_a_share_is_doubted_only_where_rounding_cannot_explain_it(tmp_path: Path) -> None:
    for share in ("0.3", "0.30", "0.300"):  # 3 of 10
        assert checked(tmp_path, TRIAL.replace("count: 4", f"share: {share}")).remarks == ()
    wide = TRIAL.replace("infused: 10", "infused: 37").replace("denominator: 10", "denominator: 37")
    assert checked(tmp_path, wide.replace("count: 4", "share: 0.486")).remarks == ()  # 18 of 37, to 3 digits
    assert "gives 0.487" in said(checked(tmp_path, wide.replace("count: 4", "share: 0.487")), "warning")


def test_an_endpoint_at_any_month_and_one_that_a_model_gives_are_known(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    assert checked(tmp_path, TRIAL.replace("endpoint: ORR_d30, count: 4", "endpoint: OS_31m, value: 0.4")).remarks == ()
    assert "'CRi_d91'" in said(checked(tmp_path, TRIAL.replace("ORR_d30", "CRi_d91")), "warning")
    assert check_trials(path, ["CRi_d91"]).remarks == ()


def test_a_cohort_that_stands_twice_is_an_error_unless_the_overlap_is_named(tmp_path: Path) -> None:
    checked(tmp_path)
    assert "the cohort of mine again" in said(checked(tmp_path, name="again"), "error")
    unregistered = TRIAL.replace("NCT99999999", "")
    assert "same product, same numbers" in said(checked(tmp_path, unregistered, name="again"), "error")
    named = TRIAL.replace("endpoints:", "overlaps: [mine]\nendpoints:")
    assert checked(tmp_path, named, name="again").errors == 0


def test_list_and_show_refuse_what_the_check_calls_an_error_and_tell_its_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verbs = (["list"], ["show", "mine"])
    for old, new, message in (
        ("source: Liu2020\n", "source: Liu2021\n", "did you mean 'Liu2020'"),
        ("endpoints:", "overlaps: [mine]\nendpoints:", "the trial itself"),
    ):
        checked(tmp_path, TRIAL.replace(old, new))
        for verb in verbs:
            assert app.execute(["evidence", *verb, "--trials", str(tmp_path)]) == 1
            assert message in capsys.readouterr().err
    checked(tmp_path, TRIAL.replace("count: 4", "share: 0.33"))
    for verb in verbs:
        assert app.execute(["evidence", *verb, "--trials", str(tmp_path)]) == 0
        assert "warning: mine: ORR_d30: no whole number" in capsys.readouterr().err


def test_a_name_that_the_library_has_is_refused(tmp_path: Path) -> None:
    assert "the name zuma_1, which the library has" in said(checked(tmp_path, name="zuma_1"), "error")


def test_sources_may_stand_beside_the_trials(tmp_path: Path) -> None:
    (tmp_path / "sources.bib").write_text("@article{Mine2026,\n  title = {Ours},\n  year = {2026},\n}\n")
    assert checked(tmp_path, TRIAL.replace("Liu2020", "Mine2026")).errors == 0


def test_a_table_with_a_row_per_number_is_read_as_trials(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + ROW + ROW.replace("ORR_d30,4", "CRS_any,1").replace("infused,,", "infused,Lee,"))
    found = check_trials(path)
    assert found.remarks == () and [row.events for row in found.trials["mine"].endpoints] == [4, 1]


def test_a_table_with_decimal_commas_blank_lines_and_mixed_encodings_is_read_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    head = HEAD.replace("count", "share").replace(",", ";")
    row = ROW.replace(",4,10", ",COMMA,10").replace(",", ";").replace("COMMA", "0,4")
    second = row.replace("ORR_d30", "CR_best").replace("p. 2", "S. 2, für alle")
    third = row.replace("ORR_d30", "DLT").replace("p. 2", "p. 3, Klinikum Köln")
    path.write_bytes((head + row + ";" * 15 + "\n" + second).encode() + third.encode("cp1252"))
    found = check_trials(path)
    assert [(row.share, row.events) for row in found.trials["mine"].endpoints] == [(0.4, 4)] * 3
    assert found.errors == 0
    assert f"{path}:3: found a blank line; it was passed over" in said(found, "warning")
    assert "two encodings: line 5 in Latin-1" in said(found, "warning")


@pytest.mark.parametrize(
    "row, line, message",
    [
        (ROW.replace("ORR_d30,4", "CR_best,four"), 3, "endpoints.1.count: found 'four'; needed a valid integer"),
        (ROW.replace("ORR_d30,4", "CR_best,-4"), 3, "endpoints.1.count: found -4.0; needed greater than or equal to 0"),
        (ROW.replace("ORR_d30,4", "CR_best,12"), 3, "the count 12 of 10"),
        (ROW.replace("ORR_d30", "CR_best").replace("CD19", "CD33"), 3, "found target 'CD33' of mine"),
        (ROW.replace("mine,", ","), 3, "without the name of its trial"),
        (ROW.replace(",p. 2", ""), 3, "found 15 cells; needed 16"),
        (ROW, 2, "ORR_d30 '' twice"),
    ],
)
def test_a_bad_row_of_a_table_is_an_error_with_its_line(tmp_path: Path, row: str, line: int, message: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(HEAD + ROW + row)
    found = check_trials(path)
    assert f"{path}:{line}: " in said(found, "error") and message in said(found, "error")


def test_numbers_from_memory_are_not_for_calibration_unless_asked_for() -> None:
    every = trial("zuma_1").endpoints
    read = for_calibration("zuma_1")
    assert {row.status for row in read} == {"read"} and len(read) == len(every) - 5
    assert for_calibration("zuma_1", memory=True) == every


def test_the_command_ends_with_one_where_there_are_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checked(tmp_path, TRIAL.replace("count: 4", "count: 11"))
    assert app.execute(["evidence", "check", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["errors"] == 1
    assert app.execute(["evidence", "check", "--json"]) == 0


def test_the_list_holds_a_users_trial_beside_the_librarys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checked(tmp_path)
    assert app.execute(["evidence", "list", "--trials", str(tmp_path), "--endpoint", "ORR_d30", "--json"]) == 0
    names = [row["trial"] for row in json.loads(capsys.readouterr().out)["trials"]]
    assert {"mine", "marin_2024"} <= set(names) and "zuma_1" not in names
    assert app.execute(["evidence", "list", "--target", "CD91"]) == 1
    assert "did you mean 'CD19'" in capsys.readouterr().err


def test_a_trial_is_shown_with_exact_intervals_and_a_warning_of_memory(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.execute(["evidence", "show", "liu_2020", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    crs = next(row for row in shown["values"] if row["endpoint"] == "CRS_any")
    assert (crs["events"], crs["denominator"]) == (0, 11) and crs["high"] == pytest.approx(1 - 0.025 ** (1 / 11))
    assert "1 of 8 numbers" in shown["warning"] and shown["overlaps"] == ["marin_2024"]


def test_the_list_and_a_trial_fit_a_terminal_of_80_columns_with_whole_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("COLUMNS", "80"), ("FORCE_COLOR", "1"), ("NO_COLOR", "1"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)

    def printed(*arguments: str) -> list[str]:
        assert app.execute(["evidence", *arguments]) == 0
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    lines = printed("list")
    assert {line.split()[0] for line in lines if line.strip()} >= set(trials())
    assert max(len(line.rstrip()) for line in lines[: len(trials())]) <= 80
    shown = printed("show", "marin_2024")
    table = shown[: next(place for place, line in enumerate(shown) if line.startswith("  1  "))]
    assert max(map(len, table)) <= 80
    words = {line.split()[0] for line in table if line.strip()}
    assert words >= {row.endpoint for row in trial("marin_2024").endpoints}
    assert "without antibody (18 patients); with antibody (68 patients)" in "\n".join(printed("show", "ghobadi_2025"))
    assert "standard care (not collected)" in "\n".join(printed("show", "zuma_7"))


def test_every_number_shown_leads_to_its_source_place_and_note(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.execute(["evidence", "show", "liu_2020"]) == 0
    shown = capsys.readouterr().out
    for row in trial("liu_2020").endpoints:
        assert "; ".join(filter(None, (row.source, row.locator, row.note))) in shown

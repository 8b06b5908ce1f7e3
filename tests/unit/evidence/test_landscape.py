"""The registry landscape: the snapshot's counts, what each count includes, and the published counts beside them."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from perforin.command import app
from perforin.errors import UserError
from perforin.evidence.registry.comparison import compare_with_published
from perforin.evidence.registry.landscape import FACETS, KINDS, Landscape, last_day, snapshot
from perforin.evidence.sources import bibliography
from perforin.report.landscape import FACET_TITLES, facet_figure

SHARED = Path(__file__).parents[4] / "shared" / "data" / "landscape.csv"
CLEAR, BULK, BORDERLINE = KINDS


def counted(by: str) -> dict[str, int]:
    table = snapshot().count(by)
    return dict(zip(table["value"], table[CLEAR], strict=True))


def records(**columns: list[str]) -> Landscape:
    size = len(columns["nct"])
    empty = {name: [""] * size for name in snapshot().records.columns}
    same = {"is_car_nk": ["yes"] * size, "suspect_bulk_registration": ["False"] * size}
    return Landscape(pd.DataFrame(empty | same | columns))


def test_each_record_is_of_one_kind_and_none_is_lost() -> None:
    kinds = list(snapshot().kinds)
    assert [kinds.count(kind) for kind in KINDS] == [134, 30, 12]
    for by in set(FACETS) - {"target", "country"}:
        assert snapshot().count(by)[list(KINDS)].sum().tolist() == [134, 30, 12], by
    for by in ("target", "country"):
        assert (snapshot().count(by)[list(KINDS)].sum() >= [134, 30, 12]).all(), by


def test_the_counts_are_those_of_the_hand_count() -> None:
    years = counted("year")
    assert [years[str(year)] for year in range(2021, 2026)] == [15, 15, 14, 28, 19]
    assert (counted("target")["CD19"], counted("target")["TROP2"]) == (53, 7)
    assert (counted("country")["China"], counted("country")["United States"]) == (89, 34)
    assert (counted("area")["blood cancer"], counted("area")["solid tumour"]) == (67, 45)
    phases = counted("phase")
    assert (phases["1"] + phases["early 1"], phases["1/2"], phases["2"]) == (97, 26, 5)
    sources = counted("source")
    assert [sources[name] for name in ("not stated", "cord blood", "iPSC or ESC", "NK-92", "donor's blood")] == [
        47, 22, 16, 13, 12,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "written,targets",
    [
        ("CD19/BCMA", ["CD19", "BCMA"]),
        ("MICA/B", ["MICA/B"]),
        ("TRBC1/2", ["TRBC1/2"]),
        ("CD33/FLT3 (NOT EMCN)", ["CD33", "FLT3"]),
        ("GPC3/B7-H3", ["GPC3", "B7-H3"]),
        ("dual (GBM)", ["dual, not named"]),
        ("undisclosed", ["not stated"]),
        ("", ["not stated"]),
    ],
)
def test_two_targets_count_under_each_and_a_slash_within_a_name_does_not_part_it(
    written: str, targets: list[str]
) -> None:
    assert FACETS["target"]({"target": written}) == targets


@pytest.mark.parametrize(
    "written,day",
    [("2024-02-10", date(2024, 2, 10)), ("2024-02", date(2024, 2, 29)), ("2017", date(2017, 12, 31)), ("", None)],
)
def test_a_date_without_a_day_counts_from_its_last_day(written: str, day: date | None) -> None:
    assert last_day(written) == day


@pytest.mark.parametrize("written", ["2024-13", "spring 2024", "2024-02-30"])
def test_what_is_no_date_is_refused(written: str) -> None:
    with pytest.raises(UserError, match="needed YYYY-MM-DD"):
        last_day(written)


def test_a_record_without_a_start_counts_once_its_registration_can_be_shown() -> None:
    found = records(
        nct=["NCT1", "NCT2", "NCT3", "NCT4"],
        start_date=["2020-01-01", "", "", "2030-01-01"],
        last_update=["2021-06-01", "2025-01-01", "", ""],
    )
    assert found.registered(date(2021, 12, 31)).tolist() == [True, False, False, False]
    assert found.registered(date(2025, 12, 31)).tolist() == [True, True, False, False]
    assert list(found.until(date(2025, 12, 31)).records["nct"]) == ["NCT1", "NCT2"]
    assert not len(found.until(date(2019, 1, 1)).records)


def test_the_answer_to_the_published_counts_says_on_which_records_it_rests() -> None:
    registered, started = compare_with_published()
    assert (registered.published, started.published) == (120, 32)
    assert [part.clear for part in registered.parts] == [82, 14, 96, 101]
    assert [part.unknown for part in registered.parts] == [30, 13, 43, 43]
    assert [part.counts[BULK] for part in registered.parts] == [0, 0, 0, 0]
    assert (started.parts[0].clear, started.parts[0].counts[BORDERLINE]) == (28, 4)
    assert "43 of the 96 have status UNKNOWN" in " ".join(registered.reasons)
    assert registered.status == "read" and registered.source.startswith("Jorgensen2025")
    assert started.status == "memory"


def test_an_unknown_facet_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'target'"):
        snapshot().count("targets")


def test_every_record_has_its_source_and_says_where_it_was_read() -> None:
    table = snapshot().records
    assert table["nct"].is_unique
    assert set(table["source"]) <= set(bibliography())
    assert table["provenance"].ne("").all()


@pytest.mark.skipif(not SHARED.exists(), reason="the table that the snapshot was taken from is not beside the sources")
def test_the_snapshot_is_the_table_it_was_taken_from_and_nothing_was_dropped() -> None:
    with SHARED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    ours = snapshot().records.to_dict("records")
    assert [{key: row[key] for key in rows[0]} for row in ours] == rows


def test_a_figure_draws_every_record_and_says_what_it_shows() -> None:
    counts = snapshot().count("target")
    drawing = facet_figure("target", counts)
    bars = [trace for trace in drawing.figure.data if trace.type == "bar"]
    assert [bar.name for bar in bars] == ["CAR-NK", "Suspected bulk registration", "Borderline"]
    assert [sum(bar.x) for bar in bars] == counts[list(KINDS)].sum().tolist()
    assert len({bar.marker.pattern.shape for bar in bars}) == 3
    assert "CD19: 55" in drawing.alt
    assert set(FACET_TITLES) == set(FACETS)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = app.execute(["evidence", "landscape", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_command_says_what_is_counted_and_what_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--by", "phase")
    assert (code, err) == (0, "")
    assert "134 counted; left out: 30 suspected bulk registrations" in out
    assert "12 borderline" in out
    code, out, _ = run(capsys, "--by", "phase", "--include-suspected")
    assert "164 counted, 30 of them suspected bulk registrations; left out: 12 borderline" in out.replace("\n", " ")


def test_the_command_prints_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--until", "2024-10-31", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["snapshot"], found["until"], found["counted"]) == ("2026-08-22", "2024-10-31", 96)
    assert found["counted_kinds"] == [CLEAR]
    assert set(found["counts"]) == set(FACETS)
    assert found["against_published"][0]["ours"][2] == {
        "records": "these two together", CLEAR: 96, BULK: 0, BORDERLINE: 5, "status_unknown": 43,
    }  # fmt: skip


def test_the_command_writes_a_page_that_needs_no_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "--out", str(tmp_path / "figures"))
    page = (tmp_path / "figures" / "landscape.html").read_text(encoding="utf-8")
    assert code == 0 and "landscape.html" in out
    assert page.count('class="plot"') == len(FACETS)
    assert "<script src" not in page and "134 counted" in page and "10.5281/zenodo.19738097" in page


@pytest.mark.parametrize(
    "words,expected",
    [(["--by", "yaer"], "did you mean 'year'"), (["--until", "October 2024"], "needed a day as YYYY-MM-DD")],
)
def test_a_wrong_option_is_a_sentence(capsys: pytest.CaptureFixture[str], words: list[str], expected: str) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (1, "")
    assert expected in err

from __future__ import annotations

from pathlib import Path

import pytest

from perforin.errors import UserError
from perforin.evidence.sources import bibliography, cite, cited_in_csv, cited_in_yaml, compare, read_bib

ENTRY = """% ---- heading
@article{Someone2020,
  author = {Someone A and Other B},
  title = {On {CAR} kinetics},
  journal = {Journal},
  year = {2020},
  volume = {3},
  pages = {1--9},
  doi = {10.1000/1},
}
"""


def bib(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sources.bib"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_entry_becomes_a_line_of_text(tmp_path: Path) -> None:
    sources = read_bib(bib(tmp_path, ENTRY))
    assert cite(["Someone2020", "Someone2020", ""], sources) == [
        "Someone A and others (2020) On CAR kinetics. Journal 3:1-9. doi:10.1000/1."
    ]


@pytest.mark.parametrize(
    "text, line, message",
    [
        (ENTRY + ENTRY, 12, "twice, first at"),
        (ENTRY.replace("year = {2020}", "yeer = {2020}"), 2, "without ['year']"),
        (ENTRY.replace("title = {On {CAR} kinetics}", "title = {On {CAR kinetics}"), 4, "on one line"),
        (ENTRY.replace("  doi", "  title = {x},\n  doi"), 9, "twice"),
        (ENTRY.rstrip().rstrip("}"), 2, "closing brace"),
        ("hello\n" + ENTRY, 1, "found 'hello'"),
    ],
)
def test_a_bad_bibliography_is_refused_with_file_and_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = bib(tmp_path, text)
    with pytest.raises(UserError) as caught:
        read_bib(path)
    assert str(caught.value).startswith(f"{path}:{line}: ") and message in str(caught.value)


def test_an_unknown_key_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'Someone2020'"):
        cite(["Someone2002"], read_bib(bib(tmp_path, ENTRY)))


def test_citations_in_yaml_are_found_in_block_and_flow_style(tmp_path: Path) -> None:
    path = tmp_path / "noun.yaml"
    path.write_text(
        "a: {value: 1, kind: measured, source: A2020, locator: x}\n"
        "b:\n  source: B2021   # with a remark\n  sources: [C2022, 'D2023']\n"
        "starting_source_material: peripheral\nc: {source: \"E2024\"}\n- source: F2025\nnote: 'no source given'\n",
        encoding="utf-8",
    )
    found = [key for key, _ in cited_in_yaml(path)]
    assert found == ["A2020", "B2021", "C2022", "D2023", "E2024", "F2025"]


def test_both_directions_are_compared(tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("parameter,source\na,Someone2020\nb,\nc,Some1999\n", encoding="utf-8")
    sources = read_bib(bib(tmp_path, ENTRY + ENTRY.replace("Someone2020", "Unread2020")))
    lost, unused = compare(cited_in_csv(table), sources)
    assert unused == ["Unread2020"]
    assert len(lost) == 1 and lost[0].startswith(f"{table}:4: found the source 'Some1999'")


def test_the_library_reads_without_error_and_every_entry_can_be_found() -> None:
    for source in bibliography().values():
        assert any(source.fields.get(name) for name in ("doi", "url", "journal", "howpublished", "note")), source.place

"""Files of a run are whole or absent, wherever they lie."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pandas as pd
import pytest

from perforin.errors import ComputeError, UserError
from perforin.records import Records
from perforin.runs import RunFolder
from perforin.stores import Bucket, Folder, open_store

TABLE = pd.DataFrame({"subject": [1, 2], "value": [0.5, 1.5]})


@pytest.fixture(params=["folder", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> RunFolder:
    """A run folder on disk, and one that fsspec keeps."""
    if request.param == "folder":
        return RunFolder.at(tmp_path / "run")
    pytest.importorskip("fsspec")
    return RunFolder.at(f"memory://{tmp_path.name}/run")


def test_parts_come_back_in_the_order_of_patients(kept: RunFolder) -> None:
    for first in (1000, 0, 500):
        kept.write_part("records.parquet", first, TABLE.assign(subject=[first, first + 1]))
    assert [part["subject"].tolist() for part in kept.parts("records.parquet")] == [[0, 1], [500, 501], [1000, 1001]]
    assert [kept.has_part("records.parquet", first) for first in (0, 500, 1500)] == [True, True, False]


def test_one_table_gives_one_sequence_of_bytes(kept: RunFolder) -> None:
    for name in ("one.parquet", "two.parquet"):
        kept.write_table(name, TABLE)
    assert kept.store.read("one.parquet") == kept.store.read("two.parquet")
    pd.testing.assert_frame_equal(kept.table("one.parquet"), TABLE)


@pytest.mark.parametrize("left", [0, 3, 200])
def test_a_part_cut_short_does_not_count_and_is_named(kept: RunFolder, left: int) -> None:
    kept.write_part("records.parquet", 0, TABLE)
    kept.write_bytes("records.parquet/000000000.parquet", kept.store.read("records.parquet/000000000.parquet")[:left])
    assert not kept.has_part("records.parquet", 0)
    with pytest.raises(UserError, match=r"records\.parquet/000000000\.parquet, which cannot be read.*perforin resume"):
        list(kept.parts("records.parquet"))


def test_what_is_missing_is_named(kept: RunFolder) -> None:
    with pytest.raises(UserError, match=r"without failed\.parquet; needed a finished run: perforin resume"):
        list(kept.parts("failed.parquet"))
    with pytest.raises(UserError, match=r"without courses\.parquet"):
        kept.table("courses.parquet")
    with pytest.raises(UserError, match=r"manifest\.json, which cannot be read"):
        kept.json("manifest.json")
    assert not kept.has("manifest.json")


def test_a_folder_that_is_no_run_is_refused_by_what_it_lacks(kept: RunFolder) -> None:
    with pytest.raises(UserError, match="found no run folder"):
        RunFolder.existing(kept.where)
    kept.write_bytes("scenario.yaml", b"title: t")
    with pytest.raises(UserError, match=r"without manifest\.json"):
        RunFolder.existing(kept.where)
    kept.write_json("manifest.json", {"seed": 1})
    assert RunFolder.existing(kept.where).json("manifest.json") == {"seed": 1}


def test_a_path_is_found_from_any_folder_and_a_file_url_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert RunFolder.at("run").where == str(tmp_path / "run")
    RunFolder.at(f"file://{tmp_path}/run").write_table("one.parquet", TABLE)
    assert len(pd.read_parquet(tmp_path / "run" / "one.parquet")) == 2


def test_pandas_reads_a_table_in_parts_as_one(tmp_path: Path) -> None:
    kept = RunFolder.at(tmp_path)
    for first, text in ((0, "a"), (500, "b")):
        texts = TABLE.assign(arm=pd.Categorical([text, text]))
        kept.write_part("records.parquet", first, texts)
    assert pd.read_parquet(tmp_path / "records.parquet")["arm"].tolist() == ["a", "a", "b", "b"]


def test_a_part_without_rows_spoils_no_other(tmp_path: Path) -> None:
    kept = RunFolder.at(tmp_path)
    some = Records.build(subject=[500], arm="a", parameter="cost", value=[1.0], unit="USD")
    for first, records in ((0, Records.empty()), (500, some)):
        kept.write_part("records.parquet", first, records.table)
    assert pd.read_parquet(tmp_path / "records.parquet").iloc[0].to_dict() == some.table.iloc[0].to_dict()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    folder = Folder(tmp_path)
    folder.write("table", b"old")

    def full(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            file.write(content[:2])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ComputeError, match=r"found no room for .*table.*make room and go on: perforin resume"):
        folder.write("table", b"new and longer")
    assert folder.read("table") == b"old"
    assert list((tmp_path / ".drafts").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match=r"cannot be written.*needed another --out"):
        Folder(tmp_path / "file").write("table", b"new")


def test_drafts_of_a_killed_process_are_swept_away(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write("table", b"whole")
    (tmp_path / ".drafts" / "half").write_bytes(b"ha")
    folder.tidy()
    assert [path.name for path in tmp_path.iterdir()] == ["table"]


def test_a_url_without_fsspec_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(UserError, match=r"memory://run, which needs fsspec; pip install perforin\[cluster\]"):
        open_store("memory://run")


def test_a_url_of_no_kind_that_exists_is_refused() -> None:
    pytest.importorskip("fsspec")
    with pytest.raises(UserError, match=r"found the URL s33://bucket/run, which cannot be opened here"):
        open_store("s33://bucket/run")


def test_a_place_that_refuses_to_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fsspec")
    store = open_store("memory://closed/run")
    assert isinstance(store, Bucket)

    def closed(*_: object) -> None:
        raise PermissionError("no")

    monkeypatch.setattr(store.system, "pipe_file", closed)
    with pytest.raises(UserError, match=r"memory://closed/run \(no\); needed another --out"):
        store.write("table", b"new")

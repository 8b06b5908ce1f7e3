"""perforin claims: every claim with its verdict, in a table or as JSON."""

from __future__ import annotations

import json

import pytest

from perforin.command import app
from perforin.evidence.claims import claims


def execute(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = app.execute(["claims", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_table_holds_every_claim_and_counts_the_verdicts(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = execute(capsys)
    assert (code, err) == (0, "")
    assert all(f"\n {one.id} " in out for one in claims())
    qualified = sum(one.verdict == "qualified" for one in claims())
    assert out.splitlines()[-1].startswith("56 claims: ")
    assert f"{qualified} qualified" in out.splitlines()[-1]


def test_the_filters_keep_what_they_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = execute(capsys, "--verdict", "qualified", "--json")
    found = json.loads(out)["claims"]
    assert code == 0
    assert {one["id"] for one in found} == {one.id for one in claims() if one.verdict == "qualified"}
    _, out, _ = execute(capsys, "--kind", "report", "--json")
    assert {one["kind"] for one in json.loads(out)["claims"]} == {"report"}


def test_json_is_the_whole_ledger_with_its_sources_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = execute(capsys, "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert len(found["claims"]) == 56 == sum(found["counts"].values())
    needed = {"statement", "must_show", "evidence_status", "verdict", "note", "tests", "sources"}
    assert all(needed <= set(one) for one in found["claims"])
    assert {key for one in found["claims"] for key in one["sources"]} == set(found["references"])


def test_a_wrong_verdict_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = execute(capsys, "--verdict", "qualifed")
    assert (code, out) == (1, "")
    assert err.startswith("perforin: found the verdict 'qualifed'; needed one of ")
    assert "did you mean 'qualified'?" in err

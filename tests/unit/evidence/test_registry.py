"""Reading ClinicalTrials.gov: pages, patience, cut-off answers, the day's cache, and rules that sort what comes."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from datetime import date
from email.message import Message
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, urlparse

import pytest

from perforin.command import app
from perforin.evidence.registry import clinicaltrials
from perforin.evidence.registry.clinicaltrials import Answer, RegistryError, flat, over_http, read_registry
from perforin.evidence.registry.landscape import snapshot
from perforin.evidence.registry.refresh import changes, classify, rules

TODAY = date(2026, 9, 1)
KNOWN = "NCT03056339"


def study(number: str, title: str = "CAR-NK cells in lymphoma", status: str = "RECRUITING") -> dict[str, Any]:
    """One study in the form of the interface, version 2."""
    return {
        "protocolSection": {
            "identificationModule": {"nctId": number, "briefTitle": title, "officialTitle": "Phase 1"},
            "statusModule": {"overallStatus": status, "startDateStruct": {"date": "2026-09", "type": "ESTIMATED"},
                             "lastUpdatePostDateStruct": {"date": "2026-08-30", "type": "ACTUAL"}},
            "sponsorCollaboratorsModule": {"leadSponsor": {"name": "A hospital", "class": "OTHER"}},
            "descriptionModule": {"briefSummary": "Safety."},
            "conditionsModule": {"conditions": ["Lymphoma", "Leukemia"]},
            "designModule": {"phases": ["PHASE1", "PHASE2"], "enrollmentInfo": {"count": 20, "type": "ESTIMATED"}},
            "armsInterventionsModule": {"interventions": [{"type": "BIOLOGICAL", "name": "cells", "description": "a"},
                                                          {"type": "DRUG", "name": "Fludarabine"}]},
            "contactsLocationsModule": {"locations": [{"country": "China"}, {"country": "China"}, {"country": "Iran"}]},
        }
    }  # fmt: skip


def page(studies: list[dict[str, Any]], total: int | None = None, following: str = "") -> bytes:
    content: dict[str, Any] = {"studies": studies}
    if total is not None:
        content["totalCount"] = total
    if following:
        content["nextPageToken"] = following
    return json.dumps(content).encode()


def http_error(code: int, said: str = "", **headers: str) -> HTTPError:
    given = Message()
    for name, text in headers.items():
        given[name.replace("_", "-")] = text
    return HTTPError("address", code, "reason", given, BytesIO(said.encode()))


class Script:
    """Answers in turn; an exception is raised. Remembers what was asked and how long was waited."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.answers, self.asked, self.waited = list(answers), [], []

    def get(self, address: str) -> bytes:
        self.asked.append({key: text[0] for key, text in parse_qs(urlparse(address).query).items()})
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def read(self, folder: Path) -> Answer:
        return read_registry(folder, TODAY, get=self.get, sleep=self.waited.append)


def test_pages_are_followed_to_the_end(tmp_path: Path) -> None:
    script = Script(page([study("NCT1"), study("NCT2")], 3, "next"), page([study("NCT3")]))
    answer = script.read(tmp_path)
    assert [flat(one)["nct"] for one in answer.studies] == ["NCT1", "NCT2", "NCT3"]
    assert "pageToken" not in script.asked[0] and script.asked[1]["pageToken"] == "next"
    assert script.asked[0]["query.term"] == answer.query
    assert script.asked[0]["fields"].startswith("NCTId,BriefTitle")
    assert script.waited == [clinicaltrials.PAUSE]


@pytest.mark.parametrize(
    "failure,waited",
    [
        (http_error(429, Retry_After="7"), 7.0),
        (http_error(429, Retry_After="86400"), clinicaltrials.LONGEST_WAIT),
        (http_error(500), 1.0),
        (URLError("no route"), 1.0),
        (ConnectionResetError("reset"), 1.0),
        (TimeoutError("timed out"), 1.0),
    ],
)
def test_a_passing_failure_is_waited_out(tmp_path: Path, failure: Exception, waited: float) -> None:
    script = Script(failure, page([study("NCT1")], 1))
    assert len(script.read(tmp_path).studies) == 1
    assert script.waited == [waited]


def test_after_four_failures_the_message_says_so_and_nothing_is_kept(tmp_path: Path) -> None:
    script = Script(*[http_error(503)] * 4)
    with pytest.raises(RegistryError, match=r"found HTTP 503 at .*, 4 times; needed an answer, try again later"):
        script.read(tmp_path)
    assert script.waited == list(clinicaltrials.WAITS)
    assert not list(tmp_path.iterdir())


def test_a_refused_query_is_not_repeated_and_its_reason_is_shown(tmp_path: Path) -> None:
    script = Script(http_error(400, "Invalid field name"))
    with pytest.raises(RegistryError, match=r"found HTTP 400 \(Invalid field name\)"):
        script.read(tmp_path)
    assert script.waited == []


@pytest.mark.parametrize(
    "broken,expected",
    [
        (page([study("NCT1")], 1)[:-20], "cut off or not JSON"),
        (b"", "cut off or not JSON"),
        (b"<html>maintenance</html>", "cut off or not JSON"),
        (b"[]", "without a list of studies"),
        (b'{"studies": [{"protocolSection": {}}]}', "no NCT number"),
    ],
)
def test_a_broken_answer_is_asked_again_and_then_refused(tmp_path: Path, broken: bytes, expected: str) -> None:
    assert len(Script(broken, page([study("NCT1")], 1)).read(tmp_path).studies) == 1
    with pytest.raises(RegistryError, match=expected):
        Script(*[broken] * 4).read(tmp_path / "other")


def test_fewer_studies_than_announced_are_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="found 1 studies where .* announced 2: an answer was cut off"):
        Script(page([study("NCT1")], 2)).read(tmp_path)
    assert not list(tmp_path.iterdir())


def test_pages_that_lead_back_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="pointing back"):
        Script(page([study("NCT1")], 3, "a"), page([study("NCT2")], following="a")).read(tmp_path)


def test_the_same_day_is_answered_from_the_cache_and_a_damaged_cache_is_not_believed(tmp_path: Path) -> None:
    first = Script(page([study("NCT1")], 1)).read(tmp_path)
    again = Script().read(tmp_path)
    assert (first.from_cache, again.from_cache, again.studies) == (False, True, first.studies)
    kept = next(tmp_path.iterdir())
    assert TODAY.isoformat() in kept.name
    kept.write_text(kept.read_text()[:-9])
    assert not Script(page([study("NCT1")], 1)).read(tmp_path).from_cache


def test_a_study_is_read_into_the_columns_of_the_snapshot() -> None:
    record = flat(study("NCT1"))
    assert (record["phase"], record["countries"], record["enrollment"]) == ("PHASE1|PHASE2", "China|Iran", "20")
    assert (record["start_date"], record["intervention"]) == ("2026-09", "cells|Fludarabine|a")
    assert flat({"protocolSection": {"identificationModule": {"nctId": "NCT2"}}})["countries"] == ""


@pytest.mark.parametrize(
    "title,intervention,verdict",
    [
        ("Anti-CD19 CAR-NK cells in lymphoma", "", "yes"),
        ("CARNK cells in lupus", "", "yes"),
        ("UCAR-NK after transplantation", "", "yes"),
        ("CAR-pNK cell immunotherapy", "", "yes"),
        ("A Study of TAK-007 in Adults", "TAK-007", "yes"),
        ("Natural killer cells with a chimeric antigen receptor", "", "yes"),
        ("CAR-T/CAR-NK cells in lymphoma", "", "borderline"),
        ("NK cell therapy targeting CD33 in AML", "QN-023a", "borderline"),
        ("NKG2D CAR-T in solid tumours", "NKG2D CAR-T cells", "no"),
        ("CD7 CAR-T in NK/T cell lymphoma", "CAR-T cells", "no"),
        ("CD19.CAR allogeneic NKT cells", "CD19.CAR-aNKT", "no"),
        ("Rituximab in lymphoma", "Rituximab", "no"),
    ],
)
def test_the_rules_tell_car_nk_from_its_neighbours(title: str, intervention: str, verdict: str) -> None:
    assert classify({"title": title, "intervention": intervention}).verdict == verdict


def test_the_rules_agree_with_the_hand_sorted_titles_wherever_a_title_decides() -> None:
    table = snapshot().records
    clear = table[(table["is_car_nk"] == "yes") & table["title"].str.contains(r"CAR-?\s?p?NK", case=False)]
    assert len(clear) > 100
    wrong = [title for title in clear["title"] if classify({"title": title}).verdict != "yes"]
    assert not wrong
    assert rules()[-1].verdict == "no" and rules()[-1].pattern.search("")


def test_new_records_moved_records_and_missing_records_are_told_apart() -> None:
    answer = Answer(TODAY, "q", (
        study(KNOWN, status="TERMINATED"), study("NCT99999999"), study("NCT99999998", "CAR-T in lymphoma"),
    ), from_cache=False)  # fmt: skip
    found = changes(answer)
    before = snapshot().records.set_index("nct")["status"][KNOWN]
    assert [row["nct"] for row in found.fresh] == ["NCT99999999"]
    assert found.fresh[0]["classified_by"] == "machine" and found.fresh[0]["rule"] == "title_names_it"
    assert [(row["nct"], row["before"], row["now"]) for row in found.moved] == [(KNOWN, before, "TERMINATED")]
    assert found.verdicts == {"yes": 2, "no": 1}
    assert len(found.not_found) == len(snapshot().records) - 1


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """A registry on this machine that gives (status, headers, body) in turn."""
    running: list[http.server.HTTPServer] = []
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    def start(*answers: tuple[int, dict[str, str], bytes]) -> str:
        left = list(answers)

        class Registry(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = left.pop(0)
                self.send_response(status)
                for name, text in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, text)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        one = http.server.HTTPServer(("127.0.0.1", 0), Registry)
        threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append(one)
        return f"http://127.0.0.1:{one.server_port}/api/v2/studies"

    yield start
    for one in running:
        one.shutdown()
        one.server_close()


def test_over_a_real_connection_a_busy_server_a_cut_off_body_and_two_pages_end_well(
    tmp_path: Path, server: Callable[..., str]
) -> None:
    whole = page([study("NCT1")], 2, "t")
    address = server(
        (429, {"Retry-After": "2"}, b"slow down"),
        (200, {"Content-Length": str(len(whole))}, whole[:-40]),
        (200, {}, whole),
        (200, {}, page([study("NCT2")])),
    )
    waited: list[float] = []
    answer = read_registry(tmp_path, TODAY, address=address, get=lambda url: over_http(url, 5), sleep=waited.append)
    assert len(answer.studies) == 2
    assert waited == [2.0, clinicaltrials.WAITS[1], clinicaltrials.PAUSE]


def test_without_a_network_the_command_warns_answers_from_the_snapshot_and_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RegistryError("found no connection; needed an answer")

    monkeypatch.setenv("PERFORIN_CACHE", str(tmp_path))
    monkeypatch.setattr(clinicaltrials, "read_registry", refuse)
    assert app.execute(["evidence", "landscape", "--by", "phase", "--refresh"]) == 0
    said = capsys.readouterr()
    assert "warning: the registry was not read: found no connection" in said.err
    assert "134 counted" in said.out
    assert app.execute(["evidence", "landscape", "--by", "phase", "--refresh", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["refresh"]["ok"] is False


def test_the_command_lists_what_is_new_as_sorted_by_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = Answer(TODAY, "q", (study("NCT99999999", "Fresh CAR-NK cells"),), from_cache=True)
    monkeypatch.setenv("PERFORIN_CACHE", str(tmp_path))
    monkeypatch.setattr(clinicaltrials, "read_registry", lambda *_, **__: answer)
    assert app.execute(["evidence", "landscape", "--by", "phase", "--refresh"]) == 0
    said = capsys.readouterr().out
    assert "a machine's work, not checked by hand" in " ".join(said.split())
    assert "NCT99999999" in said and "Fresh CAR-NK cells" in said and "not in the counts" in said

"""ClinicalTrials.gov read by its REST interface, version 2: paged, patient, cached by day, and whole or not at all."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from perforin.errors import PerforinError

__all__ = ["ADDRESS", "FIELDS", "QUERY", "Answer", "RegistryError", "flat", "over_http", "read_registry"]

ADDRESS = "https://clinicaltrials.gov/api/v2/studies"
QUERY = '("chimeric antigen receptor" OR "CAR" OR "CAR-NK") AND ("natural killer" OR "NK" OR "NK-92")'
"""Wide on purpose: the rules of ``car_nk_rules.csv`` decide what is CAR-NK."""
FIELDS = (
    "NCTId", "BriefTitle", "OfficialTitle", "OverallStatus", "Phase", "StartDate", "LastUpdatePostDate",
    "EnrollmentCount", "LocationCountry", "LeadSponsorName", "LeadSponsorClass", "Condition", "InterventionName",
    "InterventionDescription", "BriefSummary",
)  # fmt: skip
PAGE = 200
PAUSE = 0.2
"""Seconds between pages: five requests a second at most."""
WAITS = (1.0, 4.0, 16.0)
"""Seconds before each repeat of a request that failed; a server that states how long to wait is obeyed."""
LONGEST_WAIT = 60.0
PASSING = {429, 500, 502, 503, 504}
"""HTTP errors that may pass: too many requests, and a server in trouble."""

Get = Callable[[str], bytes]


class RegistryError(PerforinError):
    """The registry could not be read whole; nothing of a partial answer is kept."""

    exit_code = 1


class _Passing(Exception):
    """A failure worth repeating, with the wait that the server asked for."""

    def __init__(self, text: str, wait: float | None = None) -> None:
        super().__init__(text)
        self.wait = wait


@dataclass(frozen=True)
class Answer:
    """All studies that the registry gave to one query on one day."""

    day: date
    query: str
    studies: tuple[Mapping[str, Any], ...]
    from_cache: bool


def over_http(address: str, seconds: float = 30.0) -> bytes:
    """The body of one answer; errors are those of urllib and http.client."""
    request = urllib.request.Request(address, headers={"Accept": "application/json", "User-Agent": "perforin"})  # noqa: S310 - https, but for tests
    with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310 - likewise
        body: bytes = answer.read()
    return body


def read_registry(folder: Path, today: date, *, address: str = ADDRESS, get: Get = over_http,
                  sleep: Callable[[float], object] = time.sleep) -> Answer:  # fmt: skip
    """Every study that answers ``QUERY``, from this day's cache or from the registry.

    Args:
        folder: where answers are kept, one file per day and query.
        today: the day of the answer.
        address: of the studies endpoint.
        get: reads one address.
        sleep: waits so many seconds.

    Raises:
        RegistryError: no answer, a refused query, or an answer that is cut off or of another form; nothing is cached.
    """
    asked = hashlib.sha256("\n".join((address, QUERY, *FIELDS)).encode()).hexdigest()[:12]
    kept = folder / f"clinicaltrials-{today.isoformat()}-{asked}.json"
    try:
        page = _checked(json.loads(kept.read_text(encoding="utf-8")))
        if page.get("totalCount") == len(page["studies"]):
            return Answer(today, QUERY, tuple(page["studies"]), from_cache=True)
    except (OSError, ValueError, _Passing):
        pass  # not asked today, or a damaged file: the registry is asked
    studies = _all_pages(address, get, sleep)
    part = kept.with_suffix(".part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps({"totalCount": len(studies), "studies": studies}), encoding="utf-8")
        part.replace(kept)
    except OSError as problem:
        raise RegistryError(f"found a cache folder {folder} that cannot be written ({problem.strerror}); needed one "
                            "that can: set PERFORIN_CACHE") from None  # fmt: skip
    return Answer(today, QUERY, tuple(studies), from_cache=False)


def _all_pages(address: str, get: Get, sleep: Callable[[float], object]) -> list[Mapping[str, Any]]:
    asked = {"query.term": QUERY, "fields": ",".join(FIELDS), "pageSize": str(PAGE), "countTotal": "true"}
    studies: list[Mapping[str, Any]] = []
    tokens: list[str] = []
    total: int | None = None
    while True:
        page = _page(f"{address}?{urlencode(asked)}", get, sleep)
        studies += page["studies"]
        total = page.get("totalCount", total)
        token = page.get("nextPageToken")
        if not token:
            break
        if token in tokens:
            raise RegistryError(f"found page {len(tokens) + 1} of {address} pointing back to an earlier page; needed "
                                "pages that end")  # fmt: skip
        tokens.append(token)
        asked["pageToken"] = token
        sleep(PAUSE)
    names = {_number(study) for study in studies}
    if total is not None and len(names) != total:
        raise RegistryError(f"found {len(names)} studies where {address} announced {total}: an answer was cut off; "
                            "needed all of them, try again later")  # fmt: skip
    return studies


def _page(address: str, get: Get, sleep: Callable[[float], object]) -> Mapping[str, Any]:
    for wait in (*WAITS, None):
        try:
            return _read(address, get)
        except _Passing as problem:
            if wait is None:
                raise RegistryError(f"found {problem} at {address.partition('?')[0]}, {len(WAITS) + 1} times; needed "
                                    "an answer, try again later") from None  # fmt: skip
            sleep(min(wait if problem.wait is None else problem.wait, LONGEST_WAIT))
    raise AssertionError  # the last wait is None


def _read(address: str, get: Get) -> Mapping[str, Any]:
    try:
        body = get(address)
    except urllib.error.HTTPError as problem:
        if problem.code in PASSING:
            asked = str(problem.headers.get("Retry-After", "") if problem.headers else "")
            raise _Passing(f"HTTP {problem.code}", float(asked) if asked.isdigit() else None) from None
        said = problem.read(300).decode("utf-8", "replace").strip()
        raise RegistryError(f"found HTTP {problem.code} ({said or problem.reason}) at {address.partition('?')[0]}; "
                            "needed an answer: the query or the interface may have changed") from None  # fmt: skip
    except http.client.IncompleteRead as problem:
        raise _Passing(f"an answer cut off after {len(problem.partial)} bytes") from None
    except urllib.error.URLError as problem:
        raise _Passing(f"no connection ({problem.reason})") from None
    except (OSError, http.client.HTTPException) as problem:
        raise _Passing(f"no connection ({type(problem).__name__}: {problem})") from None
    try:
        return _checked(json.loads(body))
    except ValueError:
        raise _Passing(f"an answer cut off or not JSON, of {len(body)} bytes,") from None


def _checked(page: Any) -> Mapping[str, Any]:
    """A page that has studies, each with its number."""
    if not isinstance(page, dict) or not isinstance(page.get("studies"), list):
        raise _Passing("an answer without a list of studies")
    if not all(isinstance(study, dict) and _number(study) for study in page["studies"]):
        raise _Passing("an answer with a study that has no NCT number")
    return page


def _inside(study: Mapping[str, Any], *path: str) -> Any:
    here: Any = study.get("protocolSection")
    for name in path:
        here = here.get(name) if isinstance(here, dict) else None
    return here


def _number(study: Mapping[str, Any]) -> str:
    return str(_inside(study, "identificationModule", "nctId") or "")


def flat(study: Mapping[str, Any]) -> dict[str, str]:
    """One study as the columns of the snapshot that the registry states, and the texts that the rules read.

    What a study does not state is the empty text.
    """
    def text(*path: str) -> str:
        found = _inside(study, *path)
        return "" if found is None else str(found)

    def several(items: Any, key: str) -> str:
        return _joined([item.get(key) for item in items or [] if isinstance(item, dict)])

    interventions = _inside(study, "armsInterventionsModule", "interventions")
    return {
        "nct": _number(study),
        "title": text("identificationModule", "briefTitle"),
        "official_title": text("identificationModule", "officialTitle"),
        "status": text("statusModule", "overallStatus"),
        "phase": _joined(_inside(study, "designModule", "phases") or []),
        "start_date": text("statusModule", "startDateStruct", "date"),
        "last_update": text("statusModule", "lastUpdatePostDateStruct", "date"),
        "enrollment": text("designModule", "enrollmentInfo", "count"),
        "countries": several(_inside(study, "contactsLocationsModule", "locations"), "country"),
        "sponsor": text("sponsorCollaboratorsModule", "leadSponsor", "name"),
        "sponsor_class": text("sponsorCollaboratorsModule", "leadSponsor", "class"),
        "conditions": _joined(_inside(study, "conditionsModule", "conditions") or []),
        "intervention": f"{several(interventions, 'name')}|{several(interventions, 'description')}".strip("|"),
        "summary": text("descriptionModule", "briefSummary"),
    }


def _joined(items: Sequence[Any]) -> str:
    return "|".join(dict.fromkeys(str(item) for item in items if item))

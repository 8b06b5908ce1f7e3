"""A genealogy as EPCIS 2.0 JSON-LD and back: what happened to which item, in the words of GS1's public standard.

Items are named by opaque URIs (``urn:perforin:KIND:ID``); no identifier of a licensed coding system is made or read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pandas as pd

from perforin.errors import Location, UserError
from perforin.making.release.genealogy import KINDS, LINKS, NODES, Genealogy

__all__ = ["CONTEXT", "check_events", "epcis_document", "genealogy_from", "read_epcis", "uri",
           "write_epcis"]  # fmt: skip

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
OWN = {"perforin": "urn:perforin:term:"}
"""Where terms of our own stand, beside those of the standard."""
BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
"""Day 0 of a simulation, which has no dates."""

Event = dict[str, Any]
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "ObjectEvent": ("epcList", "action"),
    "AggregationEvent": ("parentID", "childEPCs", "action"),
    "AssociationEvent": ("parentID", "childEPCs", "action"),
    "TransactionEvent": ("bizTransactionList", "epcList", "action"),
    "TransformationEvent": (),
}
_URI = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]*:\S+$")
_OFFSET = re.compile(r"^[+-]\d\d:\d\d$")
_PATIENT_STEP, _MADE_STEP = "dispensing", "commissioning"


def uri(kind: str, one: str) -> str:
    """The opaque name of a node."""
    return f"urn:perforin:{kind}:{quote(one, safe='')}"


def _named(found: object) -> tuple[str, str]:
    parts = str(found).split(":", 3)
    if len(parts) != 4 or parts[:2] != ["urn", "perforin"] or parts[2] not in KINDS:
        raise UserError(f"found the item {found!r}; needed urn:perforin:KIND:ID with a kind of {list(KINDS)}")
    return parts[2], unquote(parts[3])


def epcis_document(genealogy: Genealogy) -> dict[str, Any]:
    """All events of a genealogy.

    Donors, collections and lots are observed (ObjectEvent); what becomes something else is transformed
    (TransformationEvent); vials are taken from their lot (AggregationEvent), held ready for a patient
    (AssociationEvent) and given (TransactionEvent). A link's amount stands in the event that made its child.
    """
    return {
        "@context": [CONTEXT, OWN], "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": _time(0.0),
        "epcisBody": {"eventList": list(_events(genealogy))},
    }  # fmt: skip


def _time(day: float) -> str:
    moment = BEGIN + timedelta(days=0.0 if np.isnan(day) else float(day))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event(kind: str, number: int, day: float, step: str, **parts: Any) -> Event:
    return {"type": kind, "eventID": f"urn:perforin:event:{number}", "eventTime": _time(day),
            "eventTimeZoneOffset": "+00:00", "bizStep": step, **parts}  # fmt: skip


def _events(genealogy: Genealogy) -> Iterator[Event]:
    kinds, number = genealogy.kinds, 0
    parents: dict[str, list[tuple[str, float, str]]] = {}
    for parent, child, amount, unit in genealogy.links[list(LINKS)].itertuples(index=False):
        parents.setdefault(child, []).append((parent, amount, unit))
    order = genealogy.nodes.sort_values("kind", key=lambda column: column.map(KINDS.index), kind="stable")
    for one, kind, day, status in order[list(NODES)].itertuples(index=False):
        item = uri(kind, one)
        own = {"perforin:day": None if np.isnan(day) else float(day), "perforin:status": status}
        above = parents.get(one, [])
        own["perforin:links"] = [{"perforin:parent": uri(kinds[p], p), "perforin:amount": amount, "perforin:unit": unit}
                                 for p, amount, unit in above]  # fmt: skip
        number += 1
        if not above:
            yield _event("ObjectEvent", number, day, _MADE_STEP, action="ADD", epcList=[item], **own)
        elif kind == "vial":
            for parent, *_ in above[:1]:
                yield _event("AggregationEvent", number, day, "unpacking", action="DELETE",
                             parentID=uri(kinds[parent], parent), childEPCs=[item], **own)  # fmt: skip
        elif kind == "patient":
            vials = [uri(kinds[parent], parent) for parent, *_ in above]
            yield _event("AssociationEvent", number, day, "reserving", action="ADD", parentID=item, childEPCs=vials,
                         **own)  # fmt: skip
            number += 1
            order_of = {"type": "po", "bizTransaction": f"urn:perforin:order:{quote(one, safe='')}"}
            yield _event("TransactionEvent", number, day, _PATIENT_STEP, action="ADD", bizTransactionList=[order_of],
                         epcList=vials)  # fmt: skip
        else:
            inputs = [uri(kinds[parent], parent) for parent, *_ in above]
            yield _event("TransformationEvent", number, day, _MADE_STEP, inputEPCList=inputs, outputEPCList=[item],
                         **own)  # fmt: skip


def check_events(document: Mapping[str, Any]) -> None:
    """Whether a document has what the standard requires of it and of each event.

    Raises:
        UserError: the first thing that is missing or is no URI, and in which event.
    """
    if document.get("type") != "EPCISDocument" or str(document.get("schemaVersion", "")).split(".")[0] != "2":
        found = {key: document.get(key) for key in ("type", "schemaVersion")}
        raise UserError(f"found {found}; needed the type EPCISDocument of schemaVersion 2.0")
    for key in ("@context", "creationDate"):
        if not document.get(key):
            raise UserError(f"found no {key!r}; needed it in an EPCISDocument")
    body = document.get("epcisBody")
    events = body.get("eventList") if isinstance(body, Mapping) else None
    if not isinstance(events, list):
        raise UserError("found no epcisBody with an eventList; needed one")
    for number, event in enumerate(events, 1):
        _check(event, f"event {number}")


def _check(event: Any, where: str) -> None:
    kind = str(event.get("type")) if isinstance(event, Mapping) else "none"
    if kind not in _REQUIRED:
        raise UserError(f"{where}: found the type {kind!r}; needed one of {list(_REQUIRED)}")
    for key in ("eventTime", "eventTimeZoneOffset", *_REQUIRED[kind]):
        if not event.get(key):
            raise UserError(f"{where}: found a {kind} without {key!r}; needed it")
    if kind == "TransformationEvent" and not (event.get("inputEPCList") and event.get("outputEPCList")):
        raise UserError(f"{where}: found a TransformationEvent without inputs and outputs; needed both")
    if "action" in event and event["action"] not in ("ADD", "OBSERVE", "DELETE"):
        raise UserError(f"{where}: found the action {event['action']!r}; needed ADD, OBSERVE or DELETE")
    if not _OFFSET.match(str(event["eventTimeZoneOffset"])):
        raise UserError(f"{where}: found the offset {event['eventTimeZoneOffset']!r}; needed such as +00:00")
    try:
        datetime.fromisoformat(str(event["eventTime"]))
    except ValueError:
        raise UserError(f"{where}: found the eventTime {event['eventTime']!r}; needed an ISO 8601 time") from None
    names = [event["parentID"]] if "parentID" in event else []
    for key in ("epcList", "childEPCs", "inputEPCList", "outputEPCList"):
        names += event.get(key, [])
    for name in (*names, event.get("eventID", "urn:none:none")):
        if not isinstance(name, str) or not _URI.match(name):
            raise UserError(f"{where}: found the identifier {name!r}; needed a URI")


def genealogy_from(document: Mapping[str, Any]) -> Genealogy:
    """The genealogy that a document tells; events of others' making are passed over if they name none of our items.

    Raises:
        UserError: what ``check_events`` refuses, or a graph that is none.
    """
    check_events(document)
    nodes: list[dict[str, Any]] = []
    links: list[dict[str, Any]] = []
    for event in document["epcisBody"]["eventList"]:
        if "perforin:links" not in event:
            continue
        kind, one = _named(_subject(event))
        day = event.get("perforin:day")
        nodes.append({"id": one, "kind": kind, "day": np.nan if day is None else float(day),
                      "status": str(event.get("perforin:status", ""))})  # fmt: skip
        links += [{"parent": _named(link["perforin:parent"])[1], "child": one,
                   "amount": float(link["perforin:amount"]), "unit": str(link["perforin:unit"])}
                  for link in event["perforin:links"]]  # fmt: skip
    return Genealogy(pd.DataFrame(nodes, columns=list(NODES)), pd.DataFrame(links, columns=list(LINKS)))


def _subject(event: Event) -> object:
    match event["type"]:
        case "AssociationEvent":
            return event["parentID"]
        case "AggregationEvent":
            return event["childEPCs"][0]
        case "TransformationEvent":
            return event["outputEPCList"][0]
    return event["epcList"][0]


def write_epcis(path: Path | str, genealogy: Genealogy) -> None:
    """Write a document."""
    Path(path).write_text(json.dumps(epcis_document(genealogy), indent=1) + "\n", encoding="utf-8")


def read_epcis(path: Path | str) -> Genealogy:
    """Read a document that ``write_epcis`` wrote.

    Raises:
        UserError: no such file, no JSON (file:line), or a document that does not fit.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as problem:
        raise UserError(f"found a file that cannot be read, {path} ({problem}); needed EPCIS JSON-LD") from None
    except json.JSONDecodeError as problem:
        raise UserError(f"found text that is not JSON ({problem.msg})", Location(str(path), problem.lineno)) from None
    if not isinstance(document, Mapping):
        raise UserError("found JSON that is no object; needed an EPCISDocument", Location(str(path), 1))
    try:
        return genealogy_from(document)
    except (KeyError, TypeError, ValueError) as problem:
        raise UserError(f"{path}: found an event that cannot be read ({problem})") from None

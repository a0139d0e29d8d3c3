"""What a recording implies of the portal it was sent to, and when; `requests` has what it implies of the request.

All of it follows from the method, the path and the recorded bodies; no rule names a recording.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from conformance import implied_v1
from conformance.calls import Caller
from conformance.recording import Recording, find_named
from hubspot_emulator import (
    associations,
    definitions,
    documents,
    event_occurrences,
    marketing_samples,
    owners,
    property_definition,
    timestamps,
)
from hubspot_emulator.clock import VIRTUAL_START
from hubspot_emulator.documents import Document
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.portal import Portal
from hubspot_emulator.settings import Settings

Json = dict[str, Any]
Ids = dict[str, str]
"""Recorded id -> the id of what stands for it."""

OBJECTS = re.compile(r"/crm/(?:v3/objects|objects/[\d-]+)/([\w-]+)(?:/(.*))?$")
LINKS = re.compile(r"/crm/v4/associations/(\w+)/(\w+)/batch/(\w+)$")
COMPUTED = {"hs_object_id", "createdate", "lastmodifieddate", "hs_lastmodifieddate"}
LAG_SECONDS = 5
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def build_settings(recording: Recording) -> Settings:
    """Give the portal before anything is seeded: empty where the answer holds all there was, else a generated one."""
    body = recording.body if isinstance(recording.body, dict) else {}
    is_empty = body.get("results") == []
    is_record = (
        OBJECTS.match(recording.path)
        or recording.path.startswith("/events/")
        or "/v1/" in recording.path
        or "/v2/" in recording.path
    )
    is_record = is_record and "workflows" not in recording.path and "/properties" not in recording.path
    return Settings(
        contacts=0 if is_record or is_empty else 30,
        activity=not (is_record or is_empty) or "/owners/" in recording.path,
        limits=recording.status == 429,
        tokens={"pat-test": frozenset()} if recording.status == 403 else {},
        index_lag_seconds=LAG_SECONDS if _stale(recording) else 0,
        knobs=Knobs(merge_keeps_primary=body.get("vid") in body.get("merged-vids", ())),
    )


def find_moment(recording: Recording) -> float:
    """Give when a recording was made: its date, else the latest moment that its answer tells."""
    if recording.recorded:
        return parsedate_to_datetime(recording.recorded).timestamp()
    moments = [each for each in map(_epoch, _scalars(recording.body)) if each is not None and each < VIRTUAL_START]
    return max(moments, default=VIRTUAL_START)


def _epoch(value: object) -> float | None:
    if isinstance(value, str) and _ISO.match(value):
        return datetime.fromisoformat(value).timestamp()
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return int(value) / 1000 if is_number and len(str(value)) == 13 else None  # type: ignore[call-overload]


def _scalars(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _scalars(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _scalars(inner)
    else:
        yield value


def seed(recording: Recording, portal: Portal, caller: Caller) -> Ids:
    """Put into a portal what a recording implies; give the ids of recorded things there."""
    ids: Ids = {}
    for pattern, put in SEEDS:
        if re.search(pattern, recording.path) and (recording.status < 400 or put in FOR_ERRORS):
            with portal.lock:
                ids |= put(recording, portal)
                portal.commit()
    for pattern, make in CALLS:
        if re.search(pattern, recording.path):
            make(recording, caller, ids, portal)
    return ids


def _owners(recording: Recording, portal: Portal) -> Ids:
    named = {str(each) for part in (recording.body, recording.request) for each in find_named(part, "hubspot_owner_id")}
    now = timestamps.render_ms(portal.now_ms())
    more = {"type": "PERSON", "archived": False, "createdAt": now, "updatedAt": now}
    owners.load(
        portal, [{"id": each, "email": f"o{each}@example.com", **more} for each in sorted(named - {"None", ""})]
    )
    return {}


def _definitions(recording: Recording, portal: Portal) -> Ids:
    """Make the properties that a change or a refused batch implies."""
    parts = recording.path.split("/")
    names = {parts[5]} if recording.method == "PATCH" and len(parts) > 5 else set()
    asked = recording.request if isinstance(recording.request, dict) else {}
    if recording.status == 207:
        named = json.dumps(recording.body.get("errors", []))
        names |= {each["name"] for each in asked["inputs"] if each["name"] in named}
    type_id = portal.types.resolve(parts[4]).type_id
    kinds = {each["name"]: each for each in asked.get("inputs", [])}
    for name in names - set(portal.properties(type_id)):
        wanted = kinds.get(name, asked)
        shape = {"kind": wanted.get("type", "string"), "field": wanted.get("fieldType", "text")}
        portal.add_property(type_id, definitions.portal_defined(name, name, group="contactinformation", **shape))
    return {}


def _groups(recording: Recording, caller: Caller, ids: Ids, portal: Portal) -> None:
    """Make the groups that properties of the request are in."""
    kind = recording.path.split("/")[4]
    if recording.status >= 400:
        return
    known = {each["name"] for each in caller.read(f"/crm/v3/properties/{kind}/groups")["results"]}
    for name in sorted(set(find_named(recording.request, "groupName")) - known):
        caller.make(f"/crm/v3/properties/{kind}/groups", {"name": name, "label": name})


def _records(recording: Recording, portal: Portal) -> Ids:
    found = OBJECTS.match(recording.path)
    assert found is not None
    if re.search(r"^(2-|butter)", found[1]):
        return {}
    type_id = portal.types.resolve(found[1].lower()).type_id
    records = shown_records(recording.body)
    asked = json.dumps(recording.request or {})
    for name in {name for each in records for name in each["properties"]} | set(re.findall(r'"(\w+_field)"', asked)):
        if name not in portal.properties(type_id):
            portal.add_property(type_id, property_definition.build_raw(name, name, "string", "text"))
    if recording.path.endswith("/batch/create") or (recording.method == "POST" and not found[2]):
        return {}
    ids = {each["id"]: _record(portal, type_id, each) for each in records}
    for number in range(1, 120 if "paging" in (recording.body or {}) else 0):
        portal.create_record(type_id, _values(records[-1], number))
    if not records and recording.method in {"DELETE", "PATCH"} and found[2]:
        return {found[2]: str(portal.create_record(type_id, {}))}
    return ids


def _record(portal: Portal, type_id: str, record: Json) -> str:
    """Make a record by the source that its history names."""
    sources = [each["sourceType"] for part in record.get("propertiesWithHistory", {}).values() for each in part[-1:]]
    with portal.acting(portal.now_ms(), next(iter(sources), "API")):
        first = {name: part[-1]["value"] for name, part in record.get("propertiesWithHistory", {}).items() if part}
        record_id = portal.create_record(type_id, _values(record | {"properties": record["properties"] | first}, 0))
    later = [
        (each["timestamp"], each["sourceType"], name, each["value"])
        for name, versions in record.get("propertiesWithHistory", {}).items()
        for each in versions[:-1]
        if name not in COMPUTED
    ]
    for _, source, name, value in sorted(later):
        with portal.acting(portal.now_ms(), source):
            portal.update_record(type_id, record_id, {name: value})
    return str(record_id)


def shown_records(body: object) -> list[Json]:
    """Give the records that an answer shows."""
    if not isinstance(body, dict):
        return []
    found = body.get("results", [body] if "properties" in body else [])
    return [each for each in found if isinstance(each, dict) and "properties" in each]


def _values(record: Mapping[str, Any], number: int) -> dict[str, str]:
    values = {name: str(value) for name, value in record["properties"].items() if value and name not in COMPUTED}
    if number and "email" in values:
        values["email"] = f"n{number}.{values['email']}"
    return values


def _taken(recording: Recording, portal: Portal) -> Ids:
    """Make who is in the way of a create that was refused as a conflict."""
    if recording.status == 409:
        portal.create_record("0-1", {"email": conflicting(recording)})
    return {}


def conflicting(recording: Recording) -> str:
    """Give the e-mail that a refused create asked for."""
    asked = json.dumps(recording.request or {})
    return next(iter(re.findall(r"[\w.]+@[\w.]+", asked)), "taken@example.com")


def _linked(recording: Recording, portal: Portal) -> Ids:
    """Make the ends of inline links, of the request and of the answer, and link what the answer shows linked."""
    found = OBJECTS.match(recording.path)
    assert found is not None
    ids: Ids = {}
    if not portal.types.knows(found[1].lower()):
        return ids
    kind = portal.types.resolve(found[1].lower())
    for link in _inline(recording.request):
        wanted = {(each["associationCategory"], each["associationTypeId"]) for each in link["types"]}
        for other in portal.types:
            if wanted <= set(associations.direction(portal, kind.type_id, other.type_id).by_key):
                ids[link["to"]["id"]] = str(portal.create_record(other.type_id, {}))
                break
    return ids


def _inline(request: object) -> Iterator[Json]:
    for each in find_named(request, "associations"):
        if isinstance(each, list):
            yield from (link for link in each if "types" in link)


def _inline_ends(recording: Recording, caller: Caller, ids: Ids, portal: Portal) -> None:
    """Link the records of an answer to new ones of the types that it shows."""
    found = OBJECTS.match(recording.path)
    assert found is not None
    for record in shown_records(recording.body):
        for other in record.get("associations", {}):
            made = caller.make(f"/crm/v3/objects/{other.replace(' ', '_')}", {"properties": {}})["id"]
            here = f"/crm/v4/objects/{found[1]}/{ids[record['id']]}/associations/default/{other}/{made}"
            caller.make(f"PUT {here}", None)


def _custom(recording: Recording, caller: Caller, ids: Ids, portal: Portal) -> None:
    """Define the portal's own object that a path names by its number."""
    number = re.search(r"/(2-\d+)", recording.path)
    if number is None or recording.status >= 400:
        return
    body = recording.body if isinstance(recording.body, dict) else {}
    required = body.get("requiredProperties") or ["title"]
    shown = {each["name"]: each for each in body.get("properties", []) if isinstance(each, dict)}
    names = [*required, *(name for name in shown if name not in required and not name.startswith("hs_"))]
    new = [
        {
            "name": name,
            "label": name,
            "type": shown.get(name, {}).get("type", "string"),
            "fieldType": shown.get(name, {}).get("fieldType", "text"),
            "options": [
                {key: each[key] for key in ("label", "value")} for each in shown.get(name, {}).get("options", [])
            ],
        }
        for name in names
    ]
    schema = {
        "name": body.get("name", "thing"),
        "labels": body.get("labels", {"singular": "Thing", "plural": "Things"}),
        "properties": new,
        "requiredProperties": required,
        "searchableProperties": body.get("searchableProperties", []),
        "secondaryDisplayProperties": body.get("secondaryDisplayProperties", []),
        "associatedObjects": ["CONTACT"],
    }
    made = caller.make("/crm-object-schemas/v3/schemas", schema)
    ids[number[1]] = made["objectTypeId"]
    for each in (recording.request or {}).get("inputs", []):
        record = {"properties": dict.fromkeys(required, "x")}
        ids[each["id"]] = caller.make(f"/crm/v3/objects/{made['objectTypeId']}", record)["id"]


def _pairs(recording: Recording, portal: Portal) -> Ids:
    """Make the ends of recorded links; of a read, link them as they were."""
    found = LINKS.match(recording.path)
    assert found is not None
    types = [portal.types.resolve(name).type_id for name in (found[1], found[2])]
    ids: Ids = {}
    for result in recording.body["results"]:
        ends = [result.get("from", {}).get("id", result.get("fromObjectId"))]
        others = [each["toObjectId"] for each in result.get("to", [{"toObjectId": result.get("toObjectId")}])]
        for type_id, recorded in [*((types[0], each) for each in ends), *((types[1], each) for each in others)]:
            ids.setdefault(str(recorded), str(portal.create_record(type_id, {})))
        for each in result.get("to", []):
            keys = [(kind["category"], kind["typeId"]) for kind in each["associationTypes"]]
            associations.link(portal, types[0], int(ids[ends[0]]), types[1], int(ids[str(each["toObjectId"])]), keys)
    for error in recording.body.get("errors", []):
        for number in re.findall(r"\d{9,}", error["message"]):
            if not re.search(rf"\w{number}|{number}\w", error["message"]):
                ids.setdefault(number, str(portal.create_record(types[0], {})))
    return ids


def _campaigns(recording: Recording, portal: Portal) -> Ids:
    """Make the campaigns of an answer, and one more where there was another page."""
    found = list(recording.body["results"])
    if "paging" in recording.body:
        found.append(found[-1] | {"id": "00000000-0000-4000-8000-00000000000f"})
    for each in found:
        assets = {
            kind: part["results"] * (11 if "paging" in part else 1) for kind, part in each.get("assets", {}).items()
        }
        body = {"properties": each["properties"], "businessUnits": each["businessUnits"], "assets": assets}
        moments = [timestamps.parse_ms(each[name]) for name in ("createdAt", "updatedAt")]
        documents.add(portal, marketing_samples.CAMPAIGNS, Document(each["id"], None, moments[0], moments[1], body))
    return {}


def _stale(recording: Recording) -> list[tuple[str, str]]:
    """Give the filters of a search whose hit does not keep them: the index still knew the value from before."""
    if not recording.path.endswith("/search") or not isinstance(recording.request, dict):
        return []
    filters = [each for group in recording.request.get("filterGroups", []) for each in group["filters"]]
    equal = [(each["propertyName"], each["value"]) for each in filters if each["operator"] == "EQ"]
    hits = shown_records(recording.body)
    return [pair for pair in equal if hits and all(hit["properties"].get(pair[0]) != pair[1] for hit in hits)]


def make_stale(recording: Recording, portal: Portal, ids: Ids) -> None:
    """Let the index know the value that was sought, and the record the one that was found."""
    found = OBJECTS.match(recording.path)
    for name, value in _stale(recording):
        assert found is not None
        type_id = portal.types.resolve(found[1].lower()).type_id
        for hit in shown_records(recording.body):
            record_id = int(ids[hit["id"]])
            with portal.lock:
                portal.update_record(type_id, record_id, {name: value})
                portal.commit()
                portal.clock.sleep(2 * LAG_SECONDS)
                portal.update_record(type_id, record_id, {name: hit["properties"][name]})
                portal.commit()


def _occurrences(recording: Recording, portal: Portal) -> Ids:
    """Make the events of an answer and whom they are about."""
    ids = {each["objectId"]: str(portal.create_record("0-1", {})) for each in recording.body["results"]}
    event_occurrences.load(
        portal,
        [
            event_occurrences.Occurrence(
                timestamps.parse_ms(each["occurredAt"]),
                each["id"],
                each["eventType"],
                "0-1",
                int(ids[each["objectId"]]),
                each["properties"],
            )
            for each in recording.body["results"]
        ],
    )
    return ids


SEEDS: tuple[tuple[str, Callable[[Recording, Portal], Ids]], ...] = (
    (r"/crm/v3/properties/", _definitions),
    (OBJECTS.pattern, _owners),
    (OBJECTS.pattern, _records),
    (r"/contacts/v1/contact$|objects/contacts/batch/create", _taken),
    (OBJECTS.pattern, _linked),
    (LINKS.pattern, _pairs),
    (r"/marketing/campaigns/", _campaigns),
    (r"/contacts/v1/lists/(static|\d+/)", implied_v1.put_lists),
    (r"/contacts/v1/(lists/all|contact/vid|contact/merge)", implied_v1.put_contacts),
    (r"/companies/v1/", implied_v1.put_companies),
    (r"^/events/", _occurrences),
    (r"/engagements/v1/", implied_v1.put_owners),
)
FOR_ERRORS = (_taken, implied_v1.put_lists, implied_v1.put_contacts)
"""What is seeded for refused calls too."""
CALLS: tuple[tuple[str, Callable[[Recording, Caller, Ids, Portal], None]], ...] = (
    (r"/crm/v3/properties/", _groups),
    (OBJECTS.pattern, _inline_ends),
    (r"/2-\d+", _custom),
    (r"/engagements/v1/", implied_v1.send_engagements),
)

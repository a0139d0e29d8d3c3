"""What a recording implies of its request: the query and the body, where they were not recorded.

All of it follows from the method, the path and the recorded bodies; no rule names a recording.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from conformance.implied import COMPUTED, Json, conflicting, shown_records
from conformance.recording import Recording


def derive_query(recording: Recording) -> str:
    """Give the recorded query, what the address of the next page adds to it, and names where they were left out."""
    pairs = dict(parse_qsl(recording.query, keep_blank_values=True))
    body = recording.body if isinstance(recording.body, dict) else {}
    link = body.get("paging", {}).get("next", {}).get("link", "")
    pairs = {name: value for name, value in parse_qsl(link.partition("?")[2]) if name != "after"} | pairs
    if body.get("paging") and recording.method == "GET" and "results" in body:
        pairs.setdefault("limit", str(len(body["results"])))
    for name in [name for name, value in pairs.items() if value == "..."]:
        shown = shown_records(body)
        pairs[name] = ",".join(sorted({key for each in shown for key in {**each["properties"], **each[name]}}))
        pairs["associations"] = ",".join(sorted({key for each in shown for key in each.get("associations", ())}))
    return urlencode(pairs)


def derive_body(recording: Recording) -> Any:
    """Give the recorded request, or the one that the answer implies; None where it implies none."""
    if recording.request is not None:
        return recording.request
    body = recording.body if isinstance(recording.body, dict) else {}
    for pattern, build in REQUESTS:
        if re.search(pattern, f"{recording.method} {recording.status} {recording.path}"):
            found = build(recording, body)
            if found is not None:
                return found
    return None


def _refused_values(recording: Recording, body: Json) -> Any:
    """Write the properties that the refusal names, each time that it names them."""
    listed = re.search(r"not valid: (\[.*\])", body["message"])
    if listed is None:
        return None
    names = [each["name"] for each in json.loads(listed[1])]
    if "/batch/" not in recording.path:
        return {"properties": dict.fromkeys(names, "x")}
    size = names.index(names[0], 1) if names[0] in names[1:] else len(names)
    parts = [names[start : start + size] for start in range(0, len(names), size)]
    return {"inputs": [{"properties": dict.fromkeys(part, "x")} for part in parts]}


def _written(recording: Recording, body: Json) -> Any:
    """Write what the results show: a caller's own values, and ids that nothing has where errors name such."""
    creates = recording.path.endswith("/create")
    found = [_input(each, creates=creates) for each in shown_records(body)]
    lost = [each for error in body.get("errors", []) for each in error.get("context", {}).get("ids", [])]
    return {"inputs": [*found, *({"id": each, "properties": {"firstname": "x"}} for each in lost)]} if found else None


def _input(result: Mapping[str, Any], *, creates: bool) -> Json:
    own = {name: value for name, value in result["properties"].items() if _is_own(name, value)}
    more = {} if creates else {"id": result["id"]}
    trace = {"objectWriteTraceId": result["objectWriteTraceId"]} if "objectWriteTraceId" in result else {}
    return {"properties": own} | more | trace


def _is_own(name: str, value: object) -> bool:
    """Whether a caller wrote a property: HubSpot's own begin with hs_, or count."""
    return value is not None and name not in COMPUTED and not name.startswith(("hs_", "num_", "lifecyclestage"))


def _sought(_: Recording, body: Json) -> Any:
    hits = shown_records(body)
    return {"limit": len(hits), "properties": sorted(hits[0]["properties"])} if hits else {}


def _links(recording: Recording, body: Json) -> Any:
    """Name both ends of each result, and of each error what it is about."""
    pairs = [
        {
            "from": {"id": str(each["fromObjectId"])},
            "to": {"id": str(each["toObjectId"])},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}],
        }
        for each in body["results"]
    ]
    own = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 449}]
    for error in body.get("errors", []):
        itself = re.search(r"Object (\d+) cannot be associated to itself", error["message"])
        here = itself[1] if itself else _itself(body)
        there = here if itself else error["context"]["id"][0]
        pairs.append({"from": {"id": here}, "to": {"id": there}, "types": own})
    return {"inputs": pairs}


def _itself(body: Json) -> str:
    return re.findall(r"Object (\d+) cannot", json.dumps(body))[0]


def _reads(_: Recording, body: Json) -> Any:
    lost = [each for error in body.get("errors", []) for each in error["context"]["fromObjectId"]]
    return {"inputs": [*({"id": each["from"]["id"]} for each in body["results"]), *({"id": each} for each in lost)]}


def _campaign_ids(_: Recording, body: Json) -> Any:
    lost = re.findall(r"GUID format: ([\w-]+)'", json.dumps(body.get("errors", [])))
    return {"inputs": [*({"id": each["id"]} for each in body["results"]), *({"id": each} for each in lost)]}


REQUESTS: tuple[tuple[str, Callable[[Recording, Json], Any]], ...] = (
    (r" 401 ", lambda recording, body: {}),
    (r"POST 409 .*/batch/create$", lambda r, body: {"inputs": [{"properties": {"email": conflicting(r)}}] * 2}),
    (r"POST 400 .*/batch/update$", lambda r, body: _twice(body)),
    (r"POST 400 .*/objects/\w+(/batch/create)?$", _refused_values),
    (r"POST 400 .*/search$", lambda recording, body: {}),
    (r"PUT 400 ", lambda recording, body: {}),
    (r"POST 20\d /crm/v4/.*/batch/create$", _links),
    (r"POST 20\d /crm/v4/.*/batch/read$", _reads),
    (r"POST 20\d /marketing/campaigns/.*/batch/read$", _campaign_ids),
    (r"POST 20\d /crm/v3/lists/search$", lambda r, body: {"count": 20, "offset": body["offset"] - len(body["lists"])}),
    (r"POST 20\d .*/objects/\w+/search$", _sought),
    (r"POST 20\d .*/objects/\w+/batch/", _written),
    (r"POST 201 .*/groups$", lambda recording, body: {"name": body["name"], "label": body["label"]}),
)


def _twice(body: Json) -> Any:
    ids = body.get("context", {}).get("ids", [])
    return {"inputs": [{"id": each, "properties": {"firstname": "x"}} for each in ids * 2]} if ids else None

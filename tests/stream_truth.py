"""Compares the table of any stream with what the emulator's control server says is true.

HubSpot's JSON is compared key by key with columns and `other`; the conversions share nothing with hubferry's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hubferry.pull.storage import current_name
from hubferry.streams.definition import VOLATILE, Stream
from hubferry.warehouse.interface import Warehouse
from truth import diff_object, fetch_truth

Json = dict[str, Any]
OWN = re.compile("_hubferry_.*")
HISTORY_OBJECTS = {"contacts", "companies", "deals"}
TRUTHS = {
    "account": "account_info",
    "custom_cars": "cars",
    "marketing_event_participations": "marketing_event_participants",
    "object_schemas": "custom_objects",
    "payments": "commerce_payments",
    "workflow_flows": "workflows",
}
"""What the control server calls a stream, where it has another name."""
WITH_ARCHIVED = {"deals_archived", "forms", "marketing_emails", "owners"}
"""Streams whose archived results are rows as others are."""


def diff_stream(warehouse: Warehouse, control_url: str, stream: Stream, *, append: bool = False) -> list[str]:
    """Give every difference between a stream's table and the portal; with `append` the table of rows as they are now."""
    table = current_name(stream.name, append=append and stream.has_versions)
    truth = fetch_truth(control_url, TRUTHS.get(stream.name, stream.name))
    if stream.reader == "records":
        assert stream.object is not None
        return list(diff_object(warehouse, "hubspot", table, truth, object_name=stream.object.name))
    rows = warehouse.query(f"SELECT * FROM {warehouse.name('hubspot', table)}").to_pylist()
    if stream.name == "deals_archived":
        deals = warehouse.name("hubspot", current_name("deals", append=append))
        return list(_diff_archived(warehouse.query(f"SELECT * FROM {deals}").to_pylist(), rows, truth))
    states = {"live", "archived"} if stream.name in WITH_ARCHIVED else {"live"}
    live = [each for each in truth if each["state"] in states]
    shape = SHAPES.get(stream.name, _plain)
    wanted = {_key(stream, each): each for raw in live for each in shape(raw)}
    return [f"{stream.name} {each}" for each in _diff(stream, rows, wanted)]


def _diff_archived(known: Iterable[Json], rows: Iterable[Json], truth: Iterable[Json]) -> Iterator[str]:
    """Archived deals are known by their dates; what they say must be what the table of all deals says of them."""
    live = {row["id"]: row for row in rows if row["_hubferry_deleted_at"] is None}
    wanted = {each["id"]: _moment(each["archivedAt"]) for each in truth}
    deals = {row["id"]: row for row in known}
    if {key: row["archived_at"] for key, row in live.items()} != wanted:
        yield f"deals_archived: {sorted(live)} instead of {sorted(wanted)}"
    for key, row in live.items():
        told = {name: value for name, value in deals[key].items() if not OWN.fullmatch(name)}
        differing = [name for name, value in told.items() if row[name] != value]
        yield from (f"deals_archived {key}: {name} is {row[name]!r} instead of {told[name]!r}" for name in differing)


def diff_versions(warehouse: Warehouse, stream: Stream) -> list[str]:
    """Give where the versions of a stream's rows do not lead to its rows as they are now, or say the same twice in a row."""
    rows: dict[str, list[list[Json]]] = {}
    for append in (False, True):
        name = warehouse.name("hubspot", current_name(stream.name, append=append))
        found = warehouse.query(f"SELECT * FROM {name} ORDER BY {warehouse.quote('_hubferry_synced_at')}").to_pylist()
        by_key: dict[str, list[Json]] = {}
        for row in found:
            content = {column: value for column, value in row.items() if column not in VOLATILE}
            by_key.setdefault(_text([row[each] for each in stream.key]), []).append(content)
        for key, versions in by_key.items():
            rows.setdefault(key, [[], []])[append] = versions
    last = [
        f"{stream.name} {key}: not what its last version says" for key, (old, now) in rows.items() if old[-1:] != now
    ]
    same = [f"{stream.name} {key}: two equal versions" for key, (old, _) in rows.items() if _has_equal(old)]
    return last + same


def _has_equal(versions: Sequence[Json]) -> bool:
    """Say whether one version repeats another; those of an erased record are all empty."""
    return any(a == b and a["_hubferry_deleted_reason"] != "erased" for a, b in pairwise(versions))


def _diff(stream: Stream, rows: Iterable[Json], wanted: Mapping[tuple[str, ...], Json]) -> Iterator[str]:
    left = dict(wanted)
    seen: set[tuple[str, ...]] = set()
    for row in rows:
        key = tuple(_text(row[name]) for name in KEYS.get(stream.name, stream.key))
        if key in seen:
            yield f"{key}: twice"
        seen.add(key)
        raw = left.pop(key, None)
        if row["_hubferry_deleted_at"] is not None:
            yield from () if raw is None else [f"{key}: marked as deleted, but there"]
        elif raw is None:
            yield from [f"{key}: not in the portal"] if stream.deletes else ()
        else:
            yield from (f"{key}: {each}" for each in _diff_row(stream.name, row, raw))
    yield from (f"{key}: no row" for key in left)


def _diff_row(name: str, row: Json, raw: Json) -> Iterator[str]:
    """Every key of the result is in its column or in `other`, and nothing else is in either."""
    other = json.loads(row.get("other") or "{}")
    stored = {column: value for column, value in row.items() if not OWN.fullmatch(column) and column != "other"}
    untold = PARTLY_TOLD.get(name, set())
    stored = {column: value for column, value in stored.items() if column not in (untold or ())}
    if name in KEYS:
        del stored["id"]
    for key, value in raw.items():
        if _snake(key) in (untold or ()):
            continue
        column = next((each for each in (_snake(key), key) if each in stored), None)
        found = stored.pop(column) if column is not None else other.pop(key, None)
        if not _is_equal(found, value):
            yield f"{key} is {found!r} instead of {value!r}"
    if untold is None:
        return
    strangers = {**{column: value for column, value in stored.items() if value is not None}, **other}
    yield from (f"{each} is {value!r}, which HubSpot does not say" for each, value in strangers.items())


def _is_equal(stored: object, value: object) -> bool:
    if value is None or stored is None:
        return value is stored
    if isinstance(stored, datetime):
        return stored == _moment(value)
    if isinstance(stored, bool):
        return str(value).lower() == str(stored).lower()
    if isinstance(stored, int | float):
        return float(str(value)) == stored
    if isinstance(stored, list) and isinstance(value, list):
        return stored == value or stored == [str(each) for each in value]
    if isinstance(stored, str) and isinstance(value, dict | list):
        return bool(json.loads(stored) == value)
    return stored in (value, str(value))


def _moment(value: object) -> datetime:
    text = str(value)
    if text.isdigit():
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))
    return datetime.fromisoformat(text).astimezone(UTC)


def _snake(key: str) -> str:
    return re.sub("([A-Z])", r"_\1", key).lower()


def _key(stream: Stream, raw: Json) -> tuple[str, ...]:
    by_column = {_snake(name): value for name, value in raw.items()}
    kinds = stream.columns
    return tuple(
        _text(_moment(by_column[name]) if kinds[name] == "timestamp" else by_column.get(name))
        for name in KEYS.get(stream.name, stream.key)
    )


def _text(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return value.isoformat() if isinstance(value, datetime) else str(value)


# What the control server tells, as the calls that a stream makes show it.


def _plain(raw: Json) -> Iterator[Json]:
    yield _without(raw, "state")


def _without(raw: Json, *names: str) -> Json:
    return {name: value for name, value in raw.items() if name not in names}


def _list(raw: Json) -> Iterator[Json]:
    yield {**_without(raw, "state", "filterBranch", "additionalProperties"), **raw["additionalProperties"]}


def _engagement(raw: Json) -> Iterator[Json]:
    yield {**_without(raw, "state", "engagement"), **raw["engagement"]}


def _changes(raw: Json) -> Iterator[Json]:
    for change in raw["changes"]:
        own = {
            "recipient": raw["recipient"],
            "normalizedEmailId": raw["normalizedEmailId"],
            "portalId": raw["portalId"],
        }
        yield {**own, "timestamp": raw["timestamp"], **change}


def _campaign(raw: Json) -> Iterator[Json]:
    yield {**_without(raw, "state", "assets", "properties"), **raw["properties"]}


def _event(raw: Json) -> Iterator[Json]:
    """The keys of the events that one names are in columns of their own."""
    named = ("sentBy", "causedBy", "obsoletedBy")
    keys = {f"{name}{key.capitalize()}": value for name in named for key, value in (raw.get(name) or {}).items()}
    yield {**_without(raw, "state", *named), **keys}


def _participation(raw: Json) -> Iterator[Json]:
    whom = raw["associations"]["contact"]
    yield {
        **_without(raw, "state", "properties"),
        **raw["properties"],
        "contactId": whom["contactId"],
        "email": whom["email"],
        "marketingEventId": raw["associations"]["marketingEvent"]["marketingEventId"],
    }


def _schema(raw: Json) -> Iterator[Json]:
    yield _without(raw, "state", "records")


def _flow(raw: Json) -> Iterator[Json]:
    yield _without(raw, "state", "workflowId")


def _email(raw: Json) -> Iterator[Json]:
    yield {**_without(raw, "state", "emailState"), "state": raw["emailState"]}


def _workflow(raw: Json) -> Iterator[Json]:
    """Only workflows of contacts have a third version; it is told in part."""
    if raw["objectTypeId"] == "0-1":
        same = {"name": raw["name"], "updatedAt": raw["updatedAt"]}
        yield {"id": raw["workflowId"], "enabled": raw["isEnabled"], "insertedAt": raw["createdAt"], **same}


def _version(raw: Json) -> Iterator[Json]:
    """The dates of the last change are versions of nothing."""
    if raw["object"] in HISTORY_OBJECTS and raw["property"] not in {"lastmodifieddate", "hs_lastmodifieddate"}:
        yield {**_without(raw, "state", "id"), "recordId": raw["id"]}


def _pipeline(raw: Json) -> Iterator[Json]:
    name = "custom_cars" if raw["object"] == "cars" else raw["object"]
    yield {**_without(raw, "state"), "object": name}


def _label(raw: Json) -> Iterator[Json]:
    """Of the pairs whose links are kept where a project says nothing."""
    ends = {raw["fromObject"], raw["toObject"]}
    if len(ends) == 2 and ends <= {"contacts", "companies", "deals"}:
        yield _without(raw, "state")


KEYS: Mapping[str, tuple[str, ...]] = {
    "property_history": ("object", "record_id", "property", "timestamp", "value", "source_type", "source_id"),
    "subscription_changes": (
        "recipient",
        "timestamp",
        "change_type",
        "change",
        "subscription_id",
        "caused_by_event",
    ),
}
"""HubSpot gives these no id: hubferry makes one, and the rows are compared by what they say."""
PARTLY_TOLD = {"contact_lists": {"hs_folder_name"}, "api_usage": {"current_usage", "collected_at"}, "workflows": None}
"""Columns that the control server does not tell, or tells of another moment; None: most of them."""
SHAPES: Mapping[str, Callable[[Json], Iterator[Json]]] = {
    "association_labels": _label,
    "contact_lists": _list,
    "email_events": _event,
    "engagements": _engagement,
    "marketing_campaigns": _campaign,
    "marketing_emails": _email,
    "marketing_event_participations": _participation,
    "object_schemas": _schema,
    "pipelines": _pipeline,
    "property_history": _version,
    "subscription_changes": _changes,
    "workflow_flows": _flow,
    "workflows": _workflow,
}

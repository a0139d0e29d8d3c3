"""What rows a result holds, where that is not one row of the result's own keys. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from hubferry.streams.definition import Raw


def unfold_pipeline(raw: Raw) -> Iterator[Raw]:
    """Give a pipeline. Its date is the newest of it and its stages: HubSpot need not move it with them."""
    stages = raw.get("stages", ())
    dates = [date for each in (raw, *stages) if (date := each.get("updatedAt"))]
    ordered = sorted(stages, key=lambda stage: (stage.get("displayOrder", 0), str(stage["id"])))
    yield {**raw, "stages": ordered, "updatedAt": max(dates, default=None, key=datetime.fromisoformat)}


def unfold_pipeline_alone(raw: Raw) -> Iterator[Raw]:
    """Give a pipeline for the table of all objects' pipelines, without its stages."""
    for each in unfold_pipeline(raw):
        yield {name: value for name, value in each.items() if name != "stages"}


def unfold_stages(raw: Raw) -> Iterator[Raw]:
    """Give a pipeline's stages."""
    for stage in raw.get("stages", ()):
        closed = (stage.get("metadata") or {}).get("isClosed")
        yield {**stage, "pipelineId": raw["id"], "isClosed": None if closed is None else str(closed).lower()}


def unfold_owner_teams(raw: Raw) -> Iterator[Raw]:
    """Give the teams that an owner is in."""
    for team in raw.get("teams") or ():
        rest = {name: value for name, value in team.items() if name != "id"}
        yield {"ownerId": raw["id"], "teamId": team["id"], **rest}


def unfold_team_users(raw: Raw) -> Iterator[Raw]:
    """Give who is in a team; whoever is in it twice is in it as the primary one."""
    for secondary, users in ((True, raw.get("secondaryUserIds")), (False, raw.get("userIds"))):
        yield from ({"teamId": raw["id"], "userId": user, "secondary": secondary} for user in users or ())


def unfold_event(raw: Raw) -> Iterator[Raw]:
    """Give an event of an e-mail with the keys of the events that it names, each in columns of its own."""
    row = dict(raw)
    for name in ("sentBy", "causedBy", "obsoletedBy"):
        named = dict(row.pop(name, None) or {})
        row |= {f"{name}Id": named.pop("id", None), f"{name}Created": named.pop("created", None)}
        row |= {name: named} if named else {}
    yield row


def unfold_list(raw: Raw) -> Iterator[Raw]:
    """Give a list with its additional properties beside its own keys."""
    own = {name: value for name, value in raw.items() if name != "additionalProperties"}
    yield {**(raw.get("additionalProperties") or {}), **own}


def unfold_engagement(raw: Raw) -> Iterator[Raw]:
    """Give an engagement with its own keys beside what it is joined to."""
    own = {name: value for name, value in raw.items() if name != "engagement"}
    yield {**own, **raw["engagement"]}


_CHANGE_IDENTITY = ("recipient", "timestamp", "changeType", "change", "subscriptionId", "source", "causedByEvent")


def unfold_changes(raw: Raw) -> Iterator[Raw]:
    """Give each change of a timeline's entry. HubSpot gives none an id: it is a hash of whom, when, what and why."""
    entry = {name: raw.get(name) for name in ("recipient", "normalizedEmailId", "portalId", "timestamp")}
    for change in raw.get("changes", ()):
        row = {**entry, **change}
        yield {"id": hash_of([row.get(name) for name in _CHANGE_IDENTITY]), **row}


def unfold_versions(raw: Raw) -> Iterator[Raw]:
    """Give each version of each property of a record read with its history.

    HubSpot gives none an id, and two may be of one millisecond: it is a hash of which property, when, what and whence.
    """
    for name, versions in (raw.get("propertiesWithHistory") or {}).items():
        for each in versions:
            identity = [raw["id"], name, *(each.get(key) for key in ("timestamp", "value", "sourceType", "sourceId"))]
            yield {"id": hash_of(identity), "recordId": raw["id"], "property": name, **each}


def unfold_participation(raw: Raw) -> Iterator[Raw]:
    """Give who took part in a marketing event, with what is known of it beside the ids."""
    own = {name: value for name, value in raw.items() if name not in {"associations", "properties"}}
    ends = raw.get("associations") or {}
    contact = ends.get("contact") or {}
    named = {"contactId": contact.get("contactId"), "email": contact.get("email")}
    yield {**(raw.get("properties") or {}), **own, **named, "associations": ends}


def unfold_campaign(raw: Raw) -> Iterator[Raw]:
    """Give a marketing campaign with its properties beside its own keys."""
    own = {name: value for name, value in raw.items() if name != "properties"}
    yield {**(raw.get("properties") or {}), **own}


def hash_of(value: Any) -> str:
    """Give a short text that stands for a value: 128 bits of SHA-256."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]

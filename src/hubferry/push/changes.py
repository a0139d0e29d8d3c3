"""Who changed a property last, read from HubSpot's history of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hubferry.hubspot.client import Client
from hubferry.hubspot.readers.history import fetch_history
from hubferry.push.observed import parse_moment


@dataclass(frozen=True)
class Version:
    """One value that a property had: since when, and who wrote it, as far as HubSpot tells."""

    value: str | None
    at: str
    source: str
    by: str

    @property
    def moment(self) -> datetime | None:
        """Give when it was written."""
        return parse_moment(self.at)


def fetch_versions(
    client: Client, object_name: str, ids: Collection[str], properties: Collection[str]
) -> dict[tuple[str, str], tuple[Version, ...]]:
    """Give every version HubSpot keeps of these properties, newest first, by record id and property; 50 records a call."""
    found: dict[tuple[str, str], tuple[Version, ...]] = {}
    if not ids or not properties:
        return found
    for records in fetch_history(client, object_name, sorted(ids), sorted(properties)):
        for record in records:
            for name, versions in (record.get("propertiesWithHistory") or {}).items():
                found[str(record["id"]), name] = tuple(_version(each) for each in versions)
    return found


def _version(each: Mapping[str, Any]) -> Version:
    source = str(each.get("sourceType") or "unknown")
    detail = each.get("sourceLabel") or each.get("sourceId") or ""
    user = f"userId:{each['updatedByUserId']}" if each.get("updatedByUserId") else ""
    by = " ".join(dict.fromkeys(filter(None, (source, str(detail), user))))
    return Version(each.get("value"), str(each.get("timestamp") or ""), source, by)


Authors = Mapping[tuple[str, str], str]
"""Who changed a property last, and when, by record id and property."""


def fetch_authors(client: Client, object_name: str, wanted: Mapping[str, Collection[str]]) -> Authors:
    """Say who changed these properties of these records last; `wanted` by record id."""
    names = {name for some in wanted.values() for name in some}
    versions = fetch_versions(client, object_name, list(wanted), names)
    return {key: f"{found[0].by}, {found[0].at[:19]}Z" for key, found in versions.items() if found}

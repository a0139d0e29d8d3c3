"""Records as HubSpot holds them now, read by id or by a unique property, 100 a call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hubferry.hubspot.client import Client
from hubferry.hubspot.properties import Property
from hubferry.hubspot.readers.batch import fetch_by_ids


@dataclass(frozen=True)
class Observed:
    """One record: its id (the survivor's, where it was merged away) and the values asked for; None: empty."""

    record_id: str
    values: Mapping[str, str | None]
    created_at: datetime | None = None


def fetch_observed(
    client: Client,
    object_name: str,
    asked: Collection[str],
    properties: Collection[str],
    *,
    id_property: Property | None = None,
    archived: bool = False,
) -> dict[str, Observed]:
    """Give the records that exist, by the id or value that was asked for."""
    name = id_property.name if id_property else None
    return fetch_observed_by_name(client, object_name, asked, properties, id_property=name, archived=archived)


def fetch_observed_by_name(
    client: Client,
    object_name: str,
    asked: Collection[str],
    properties: Collection[str],
    *,
    id_property: str | None = None,
    archived: bool = False,
) -> dict[str, Observed]:
    """Do the same where only the unique property's name is known."""
    if not asked:
        return {}
    names = tuple(sorted(properties))
    read = fetch_by_ids(client, object_name, sorted(asked), names, id_property=id_property, archived=archived)
    return {
        key: Observed(
            record.id, {name: record.properties.get(name) for name in properties}, parse_moment(record.createdAt)
        )
        for key, record in read.found.items()
    }


def parse_moment(text: str | None) -> datetime | None:
    """Read a time of HubSpot's; None where there is none."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

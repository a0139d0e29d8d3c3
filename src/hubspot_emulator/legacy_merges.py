"""What v1 tells of contacts that became part of another: who they were, and which versions came from them (HS-63)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hubspot_emulator import rendering, timestamps
from hubspot_emulator.portal import decode_properties
from hubspot_emulator.storage import Row

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Json = dict[str, Any]
Values = dict[str, str]

USER_ID = 12_282_590
_OF_LOADED = {"email", "firstname", "lastname", "phone"}
"""What counts as set of a contact that a portal was made with: it has no history."""
_MOVED = "createdate"
"""Moves with every merge, whoever set it (recorded)."""


def contact_version(value: str, at_ms: int, source: str) -> Json:
    return {
        "value": value,
        "source-type": source,
        "source-id": None,
        "source-label": None,
        "updated-by-user-id": None,
        "timestamp": at_ms,
        "selected": False,
    }


def lead_guid(vid: int, at_ms: int) -> Json:
    """Build the identity that every contact has, with or without an e-mail."""
    return {"type": "LEAD_GUID", "value": f"{vid:08x}-0000-4000-8000-{at_ms:012x}", "timestamp": at_ms}


def _merged(row: Row, values: Values) -> list[tuple[int, int]]:
    """Give the contacts that became part of this one, and when."""
    pairs = (part.partition(":") for part in values.get("hs_calculated_merged_vids", "").split(";"))
    found = [(int(vid), int(moment or 0)) for vid, _, moment in pairs if vid.isdigit()]
    return [(vid, moment) for vid, moment in found if vid != row.id]


def identities(portal: Portal, row: Row, values: Values) -> list[Json]:
    """Build the identity profiles of those that became part of a contact."""
    profiles = []
    for vid, moment in _merged(row, values):
        gone = portal.table("0-1").row(vid)
        profile = {"vid": vid, "saved-at-timestamp": moment, "deleted-changed-timestamp": 0}
        profiles.append(profile | {"identities": [lead_guid(vid, gone.created_ms if gone else moment)]})
    return profiles


def audits(portal: Portal, row: Row, values: Values) -> list[Json]:
    """Build what is told of each merge."""
    found = []
    for vid, moment in _merged(row, values):
        gone = portal.table("0-1").row(vid)
        before = decode_properties(gone.properties) if gone else {}
        audit: Json = {"canonical-vid": row.id, "vid-to-merge": vid, "timestamp": moment, "entity-id": ""}
        audit |= {"user-id": USER_ID, "num-properties-moved": len(_moved(portal, vid))}
        if before.get("email"):
            audit["merged_from_email"] = contact_version(before["email"], gone.created_ms if gone else moment, "API")
        if values.get("email"):
            audit["merged_to_email"] = contact_version(values["email"], row.created_ms, "API")
        names = {"first-name": before.get("firstname"), "last-name": before.get("lastname")}
        found.append(audit | {key: value for key, value in names.items() if value})
    return found


def old_value(value_type: str, value: str) -> str:
    """Write a value as the older versions did: dates and moments as epoch milliseconds."""
    if value_type not in {"date", "datetime"} or not value:
        return value
    try:
        return str(timestamps.parse_ms(value))
    except ValueError:
        return value  # what is no moment is shown as it is


def versions(portal: Portal, row: Row, values: Values, names: Sequence[str]) -> dict[str, list[Json]]:
    """Give the versions of these properties that a contact has from those merged into it, by property.

    Each names the contact that it came from. The e-mail has one more, of the moment of the merge (recorded).
    """
    kind, known = portal.types.resolve("contacts"), portal.properties("0-1")
    found: dict[str, list[Json]] = {}
    for vid, moment in _merged(row, values):
        gone = portal.table("0-1").row(vid)
        if gone is None or not gone.properties:
            continue
        moved = [name for name in names if name in _moved(portal, vid)]
        for name, past in rendering.history(portal, kind, gone, moved).items():
            found.setdefault(name, []).extend(_past(known[name].type, past, vid))
        if "email" in moved and values.get("email"):
            found["email"].append(contact_version(values["email"], moment, "MERGE_CONTACTS"))
    return found


def _past(value_type: str, past: Iterable[Json], vid: int) -> list[Json]:
    return [
        contact_version(
            old_value(value_type, each["value"]), timestamps.parse_ms(each["timestamp"]), each["sourceType"]
        )
        | {"source-vids": [vid]}
        for each in past
    ]


def _moved(portal: Portal, vid: int) -> set[str]:
    """Give the properties that a merge took along: those that somebody set, not what HubSpot made of them (assumed)."""
    gone = portal.table("0-1").row(vid)
    if gone is None:
        return set()
    written = portal.db.execute("SELECT changes FROM history WHERE type_id = '0-1' AND record_id = ?", (vid,))
    names = {name for (changes,) in written for name in decode_properties(changes)}
    return (names or decode_properties(gone.properties).keys() & _OF_LOADED) | {_MOVED}

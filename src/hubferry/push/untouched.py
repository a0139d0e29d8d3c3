"""Whether somebody else had a hand in a record that we made: changed it, or linked it to something."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from hubferry import objects
from hubferry.errors import RefusedError, ScopeError
from hubferry.hubspot.associations import fetch_links
from hubferry.hubspot.client import Client
from hubferry.push.changes import fetch_versions
from hubferry.push.mapping import Portal
from hubferry.push.observed import fetch_observed
from hubferry.state.ledger import LedgerReader

AUTOMATIC = frozenset({"CALCULATED", "INTERNAL_PROCESSING", "MIGRATION", "DATA_ENRICHMENT"})
"""Sources of values that HubSpot writes itself (HS-25); what a person, a workflow or an app wrote is somebody's."""


def fetch_touched(
    client: Client, portal: Portal, ledger: LedgerReader, object_name: str, ids: Sequence[str]
) -> dict[str, str]:
    """Give the reason for each of these records of ours that others changed or linked since they were made."""
    if not ids:
        return {}
    changed = _fetch_changed(client, portal, ledger, object_name, ids)
    return _fetch_linked(client, ledger, object_name, ids) | changed


def _fetch_changed(
    client: Client, portal: Portal, ledger: LedgerReader, object_name: str, ids: Sequence[str]
) -> dict[str, str]:
    """The first value of a property is ours where it is the one we sent: it may be dated moments after the record was made."""
    sent = {row.record_id: {**row.sent, **row.stored} for row in ledger.query_rows_at(object_name, ids)}
    names = [each.name for each in portal.fetch_properties(object_name).values() if not each.read_only]
    created = {
        record_id: record.created_at for record_id, record in fetch_observed(client, object_name, ids, ()).items()
    }
    reasons: dict[str, str] = {}
    for (record_id, name), versions in fetch_versions(client, object_name, ids, names).items():
        made, ours = created.get(record_id), sent.get(record_id, {}).get(name)
        first = versions[-1] if versions else None
        for version in versions:
            if version is first and ours is not None and version.value == ours:
                continue
            if version.source not in AUTOMATIC and (made is None or version.moment is None or version.moment > made):
                reasons[record_id] = f"{name} was changed since, by {version.by} at {version.at}"
                break
    return reasons


def _fetch_linked(client: Client, ledger: LedgerReader, object_name: str, ids: Sequence[str]) -> dict[str, str]:
    """A link that is not ours counts, and so does a label beside ours; where both ends claim labels, the safe side is taken."""
    ours: dict[tuple[str, str, str], Counter[bool]] = defaultdict(Counter)
    for row in ledger.query_links_at(object_name, ids):
        label = row.category == "USER_DEFINED"
        if row.from_object == object_name:  # ids of two objects may be alike
            ours[row.from_id, row.to_object, row.to_id][True] += label
        if row.to_object == object_name:
            ours[row.to_id, row.from_object, row.from_id][False] += label
    reasons: dict[str, str] = {}
    for other in objects.OBJECTS:
        try:
            found = [link for links in fetch_links(client, object_name, other.name, ids) for link in links]
        except (RefusedError, ScopeError):
            continue  # these two objects cannot be linked, or not be seen to be by this token
        labels = Counter((link.from_id, link.to_id) for link in found if link.category == "USER_DEFINED")
        for link in found:
            claims = ours.get((link.from_id, other.name, link.to_id))
            if link.from_id in ids and (claims is None or labels[link.from_id, link.to_id] > max(claims.values())):
                reasons[link.from_id] = f"it was linked to {other.name} {link.to_id} by others"
    return reasons

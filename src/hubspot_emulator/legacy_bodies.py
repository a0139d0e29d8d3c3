"""Records as v1 and v2 show them: every property an object, moments as epoch milliseconds (HS-63)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hubspot_emulator import (
    associations,
    form_submissions,
    legacy_merges,
    list_members,
    lists,
    rendering,
    sensitivity,
    timestamps,
)
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.portal import decode_properties
from hubspot_emulator.storage import Row

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Json = dict[str, Any]

LISTS_END_MS = 1_777_507_200_000
"""30 April 2026: the lists of v1 answer no more, and contacts do not say which lists they are in."""
CONTACT_OPTIONS = ("formSubmissionMode", "property", "propertyMode", "showListMemberships")
FORM_MODES = ("all", "newest", "none", "oldest")
_CONTACT_DEFAULTS = ("company", "firstname", "lastmodifieddate", "lastname")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a call asks for of each record; `names` None stands for everything that is set."""

    granted: frozenset[str]
    names: Sequence[str] | None = None
    history: bool = False
    associations: bool = False
    memberships: bool = False
    """Contacts: whether the lists that they are in are shown."""
    submissions: str = "none"
    """Contacts: which of the forms that they sent are shown, one of `FORM_MODES`."""


def contact(portal: Portal, row: Row, wanted: Wanted, *, added_ms: int | None = None) -> Json:
    """Build a contact of v1; `added_ms` is what the lists say of when it joined them."""
    kind = portal.types.resolve("contacts")
    values = decode_properties(row.properties)
    names = (*_CONTACT_DEFAULTS, *wanted.names) if wanted.names is not None else None
    shown = _properties(portal, kind, row, names, wanted)
    moved = legacy_merges.versions(portal, row, values, sorted(shown)) if wanted.history else {}
    body: Json = {
        "vid": row.id,
        "canonical-vid": row.id,
        "merged-vids": [int(part) for part in values.get("hs_merged_object_ids", "").split(";") if part],
        "portal-id": portal.portal_id,
        "is-contact": True,
        "properties": {name: _contact_property(found, wanted, moved.get(name, ())) for name, found in shown.items()},
        "form-submissions": _submissions(portal, values, wanted),
        **({"list-memberships": _memberships(portal, row)} if wanted.memberships else {}),
        "identity-profiles": [_identities(row, values), *legacy_merges.identities(portal, row, values)],
        "merge-audits": legacy_merges.audits(portal, row, values),
    }
    return body | ({} if added_ms is None else {"addedAt": added_ms})


def _submissions(portal: Portal, values: dict[str, str], wanted: Wanted) -> list[Json]:
    if wanted.submissions == "none" or not values.get("email"):
        return []
    found = [
        {
            "conversion-id": each.id,
            "timestamp": each.at_ms,
            "form-id": each.form_id,
            "portal-id": portal.portal_id,
            **({"page-url": each.page_url} if each.page_url else {}),
            "title": each.title,
            "form-type": each.form_type,
            "contact-associated-by": ["EMAIL"],
            "meta-data": [],
        }
        for each in form_submissions.of_email(portal, values["email"])
    ]
    if wanted.submissions == "all":
        return found
    return found[:1] if wanted.submissions == "newest" else found[-1:]


def _memberships(portal: Portal, row: Row) -> list[Json]:
    return [
        {
            "static-list-id": each.list_id + lists.LEGACY_OFFSET,
            "internal-list-id": each.list_id + lists.LEGACY_OFFSET,
            "timestamp": each.joined_ms,
            "vid": row.id,
            "is-member": True,
        }
        for each in list_members.of_record(portal, "0-1", row.id)
    ]


def company(portal: Portal, row: Row, wanted: Wanted) -> Json:
    """Build a company of v2."""
    kind = portal.types.resolve("companies")
    return {
        "portalId": portal.portal_id,
        "companyId": row.id,
        "isDeleted": False,
        "properties": _properties(portal, kind, row, wanted.names, wanted),
        "additionalDomains": [],
        "stateChanges": [],
        "mergeAudits": [],
    }


def deal(portal: Portal, row: Row, wanted: Wanted) -> Json:
    """Build a deal of v1."""
    kind = portal.types.resolve("deals")
    linked = {"associatedVids": "0-1", "associatedCompanyIds": "0-2", "associatedDealIds": "0-3"}
    linked["associatedTicketIds"] = "0-5"
    return {
        "portalId": portal.portal_id,
        "dealId": row.id,
        "isDeleted": False,
        "associations": {
            key: _linked(portal, kind, row, to_type) if wanted.associations else [] for key, to_type in linked.items()
        },
        "properties": _properties(portal, kind, row, wanted.names, wanted),
        "imports": [],
        "stateChanges": [],
    }


def _linked(portal: Portal, kind: ObjectType, row: Row, to_type: str) -> list[int]:
    ways = associations.direction(portal, kind.type_id, to_type)
    return list(associations.page(portal, ways, row.id, size=10_000).ends)


def _properties(
    portal: Portal, kind: ObjectType, row: Row, names: Iterable[str] | None, wanted: Wanted
) -> dict[str, Json]:
    known, values = portal.properties(kind.type_id), decode_properties(row.properties)
    hidden = sensitivity.hidden(portal, kind, wanted.granted)
    chosen = values if names is None else names
    shown = [name for name in sorted(set(chosen)) if name in known and not known[name].archived and name not in hidden]
    # What the record was given last is needed of every property, its whole past only where it is asked for.
    history = rendering.history(portal, kind, row, shown) if wanted.history else {}
    return {
        name: _property(name, known[name].type, values[name], row, history.get(name, []))
        for name in shown
        if name in values
    }


def _property(name: str, value_type: str, value: str, row: Row, history: Sequence[Json]) -> Json:
    if not history:
        history = [{"value": value, "timestamp": timestamps.render_ms(row.updated_ms), "sourceType": "API"}]
    versions = [
        {
            "name": name,
            "value": legacy_merges.old_value(value_type, each["value"]),
            "timestamp": timestamps.parse_ms(each["timestamp"]),
            "source": each["sourceType"],
            "sourceId": "",
            "sourceVid": [],
        }
        for each in history
    ]
    latest = {key: versions[0][key] for key in ("timestamp", "source", "sourceId")}
    return {"value": legacy_merges.old_value(value_type, value), **latest, "versions": versions}


def _contact_property(found: Json, wanted: Wanted, moved: Sequence[Json]) -> Json:
    """Contacts write the same with hyphens, and the source only in versions, which lists leave away."""
    if not wanted.history:
        return {"value": found["value"]}
    own = [
        legacy_merges.contact_version(each["value"], each["timestamp"], each["source"]) for each in found["versions"]
    ]
    # The value that counts stands first, whoever brought it; the others go back in time.
    first, *rest = sorted((*own, *moved), key=lambda each: (each["value"] != found["value"], -each["timestamp"]))
    versions = [first, *sorted(rest, key=lambda each: -each["timestamp"])]
    return {"value": found["value"], "versions": versions}


def _identities(row: Row, values: dict[str, str]) -> Json:
    emails = [values["email"]] if values.get("email") else []
    more = [part for part in values.get("hs_additional_emails", "").split(";") if part]
    identities = [
        {"type": "EMAIL", "value": email, "timestamp": row.created_ms}
        | ({"is-primary": True} if email in emails else {"is-secondary": True})
        for email in (*emails, *more)
    ]
    identities.append(legacy_merges.lead_guid(row.id, row.created_ms))
    profile = {"vid": row.id, "saved-at-timestamp": row.updated_ms, "deleted-changed-timestamp": 0}
    return profile | {"identities": identities}

"""Facts of HubSpot's CRM objects that every layer needs, once: type id, names, cursor, scopes, what identifies a record.

Sources: HubSpot's object type ids table, "Using object APIs", and the security sections of its API specifications.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CrmObject:
    """One CRM object."""

    name: str
    """The plural name that paths take: `contacts`."""
    type_id: str
    singular: str
    read_scopes: tuple[frozenset[str], ...]
    """Any one of these sets suffices."""
    write_scopes: tuple[frozenset[str], ...]
    cursor: str = "hs_lastmodifieddate"
    created: str = "createdate"
    required: tuple[str, ...] = ()
    """Properties that a create must carry."""
    match_candidates: tuple[str, ...] = ()
    """Built-in properties that identify a record beside `hs_object_id` and the portal's own unique properties."""
    writable: bool = True
    mergeable: bool = False


def _crm(
    name: str,
    type_id: str,
    singular: str,
    *,
    scope: str | None = None,
    either: str | None = None,
    cursor: str = "hs_lastmodifieddate",
    created: str = "createdate",
    required: tuple[str, ...] = (),
    match_candidates: tuple[str, ...] = (),
    mergeable: bool = False,
) -> CrmObject:
    stem = scope or f"crm.objects.{name}"
    read = (frozenset({f"{stem}.read"}), *((frozenset({either}),) if either else ()))
    write = (frozenset({f"{stem}.write"}), *((frozenset({either}),) if either else ()))
    return CrmObject(
        name=name,
        type_id=type_id,
        singular=singular,
        read_scopes=read if scope != "tickets" else (frozenset({"tickets"}),),
        write_scopes=write if scope != "tickets" else (frozenset({"tickets"}),),
        cursor=cursor,
        created=created,
        required=required,
        match_candidates=match_candidates,
        mergeable=mergeable,
    )


_ACTIVITY = "crm.objects.contacts"

OBJECTS: tuple[CrmObject, ...] = (
    # HS-07: contacts alone are dated by `lastmodifieddate`; their `hs_lastmodifieddate` moves for other reasons.
    _crm("contacts", "0-1", "contact", cursor="lastmodifieddate", match_candidates=("email",), mergeable=True),
    _crm("companies", "0-2", "company", mergeable=True),
    _crm("deals", "0-3", "deal", required=("dealname",), mergeable=True),
    _crm("tickets", "0-5", "ticket", scope="tickets", required=("subject", "hs_pipeline_stage"), mergeable=True),
    _crm("products", "0-7", "product", either="e-commerce", required=("name",)),
    _crm("line_items", "0-8", "line item", either="e-commerce"),
    _crm(
        "quotes",
        "0-14",
        "quote",
        either="e-commerce",
        created="hs_createdate",
        required=("hs_title", "hs_expiration_date"),
    ),
    _crm("tasks", "0-27", "task", scope=_ACTIVITY, created="hs_createdate", required=("hs_timestamp",)),
    _crm("notes", "0-46", "note", scope=_ACTIVITY, created="hs_createdate", required=("hs_timestamp",)),
    _crm("meetings", "0-47", "meeting", scope=_ACTIVITY, created="hs_createdate", required=("hs_timestamp",)),
    _crm("calls", "0-48", "call", scope=_ACTIVITY, created="hs_createdate", required=("hs_timestamp",)),
    _crm("emails", "0-49", "email", scope=_ACTIVITY, created="hs_createdate", required=("hs_timestamp",)),
)

BY_NAME = {each.name: each for each in OBJECTS}


def find(name: str) -> CrmObject | None:
    """Give the object of that plural name, or None (a custom object, or no object at all)."""
    return BY_NAME.get(name)

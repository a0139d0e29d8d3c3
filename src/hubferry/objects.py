"""Facts of HubSpot's CRM objects that every layer needs, once: type id, names, cursor, scopes, what identifies a record.

Sources: HubSpot's object type ids table, "Using object APIs", and the security sections of its API specifications.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CrmObject:
    """One CRM object."""

    name: str
    """What hubferry calls it everywhere: HubSpot's plural name (`contacts`), or `custom_<name>`."""
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
    pipeline: tuple[str, str] | None = None
    """The properties that hold a record's pipeline and its stage."""
    custom_unique: bool = True
    """Whether a portal can give it properties with unique values."""
    writable: bool = True
    mergeable: bool = False

    @property
    def path_name(self) -> str:
        """What paths take: the name, but a custom object's type id, because its name may be a standard object's."""
        return self.name if self.type_id.startswith("0-") else self.type_id

    @property
    def is_custom(self) -> bool:
        """Whether the portal defined it."""
        return self.type_id.startswith("2-")


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
    pipeline: tuple[str, str] | None = None,
    custom_unique: bool = True,
    mergeable: bool = False,
    writable: bool = True,
    also_read: str | None = None,
) -> CrmObject:
    stem = scope or f"crm.objects.{name}"
    others = (frozenset({either}),) if either else ()
    return CrmObject(
        name=name,
        type_id=type_id,
        singular=singular,
        read_scopes=(frozenset({f"{stem}.read", *([also_read] if also_read else [])}), *others),
        write_scopes=(frozenset({f"{stem}.write"}), *others),
        cursor=cursor,
        created=created,
        required=required,
        match_candidates=match_candidates,
        pipeline=pipeline,
        custom_unique=custom_unique,
        mergeable=mergeable,
        writable=writable,
    )


def build_custom(name: str, type_id: str) -> CrmObject:
    """Build the object that a portal defined under this name."""
    return CrmObject(
        name=f"{CUSTOM}{name}",
        type_id=type_id,
        singular=f"{CUSTOM}{name}",
        read_scopes=(frozenset({"crm.objects.custom.read", "crm.schemas.custom.read"}),),
        write_scopes=(frozenset({"crm.objects.custom.write"}),),
        created="hs_createdate",
        pipeline=_PIPELINE,
    )


CUSTOM = "custom_"
_ACTIVITY = "crm.objects.contacts"
_LINE_ITEMS = "crm.objects.line_items"
_PIPELINE = ("hs_pipeline", "hs_pipeline_stage")

OBJECTS: tuple[CrmObject, ...] = (
    # HS-07: contacts alone are dated by `lastmodifieddate`; their `hs_lastmodifieddate` moves for other reasons.
    _crm("contacts", "0-1", "contact", cursor="lastmodifieddate", match_candidates=("email",), mergeable=True),
    _crm("companies", "0-2", "company", match_candidates=("domain",), mergeable=True),
    _crm("deals", "0-3", "deal", required=("dealname",), pipeline=("pipeline", "dealstage"), mergeable=True),
    _crm(
        "tickets",
        "0-5",
        "ticket",
        either="tickets",
        required=("subject", "hs_pipeline_stage"),
        pipeline=_PIPELINE,
        mergeable=True,
    ),
    _crm("products", "0-7", "product", either="e-commerce", required=("name",), custom_unique=False),
    _crm("line_items", "0-8", "line item", either="e-commerce"),
    _crm(
        "quotes",
        "0-14",
        "quote",
        either="e-commerce",
        created="hs_createdate",
        required=("hs_title", "hs_expiration_date"),
    ),
    _crm("communications", "0-18", "communication", scope=_ACTIVITY, created="hs_createdate"),
    _crm(
        "feedback_submissions",
        "0-19",
        "feedback submission",
        created="hs_createdate",
        custom_unique=False,
        writable=False,
    ),
    _crm("tasks", "0-27", "task", scope=_ACTIVITY, created="hs_createdate", required=("hs_timestamp",)),
    _crm("notes", "0-46", "note", scope=_ACTIVITY, created="hs_createdate", required=("hs_timestamp",)),
    _crm("meetings", "0-47", "meeting", scope=_ACTIVITY, created="hs_createdate", required=("hs_timestamp",)),
    _crm("calls", "0-48", "call", scope=_ACTIVITY, created="hs_createdate", required=("hs_timestamp",)),
    _crm(
        "emails",
        "0-49",
        "email",
        scope=_ACTIVITY,
        also_read="sales-email-read",  # without it HubSpot leaves the bodies out
        created="hs_createdate",
        required=("hs_timestamp",),
    ),
    _crm("invoices", "0-53", "invoice"),
    _crm("subscriptions", "0-69", "subscription", created="hs_createdate"),
    _crm("goal_targets", "0-74", "goal target", scope="crm.objects.goals", created="hs_createdate", writable=False),
    _crm("discounts", "0-84", "discount", scope=_LINE_ITEMS, either="e-commerce"),
    _crm("fees", "0-85", "fee", scope=_LINE_ITEMS, either="e-commerce"),
    _crm("taxes", "0-86", "tax", scope=_LINE_ITEMS),
    _crm("commerce_payments", "0-101", "commerce payment", scope="crm.objects.commercepayments"),
    _crm("users", "0-115", "user", created="hs_createdate"),
    _crm("postal_mail", "0-116", "postal mail", scope=_ACTIVITY, created="hs_createdate"),
    _crm("orders", "0-123", "order", pipeline=_PIPELINE),
    _crm("leads", "0-136", "lead", pipeline=_PIPELINE),
    _crm("carts", "0-142", "cart"),
    _crm("services", "0-162", "service", created="hs_createdate", pipeline=_PIPELINE),
    _crm("courses", "0-410", "course", created="hs_createdate", pipeline=_PIPELINE),
    _crm("listings", "0-420", "listing", created="hs_createdate", pipeline=_PIPELINE),
    _crm("appointments", "0-421", "appointment", created="hs_createdate", pipeline=_PIPELINE),
    _crm("projects", "0-970", "project", created="hs_createdate", pipeline=_PIPELINE),
    # HubSpot publishes no type id of deal splits; this is what their paths take.
    _crm("deal_splits", "deal_split", "deal split", scope="crm.objects.deals", created="hs_createdate", writable=False),
)

BY_NAME = {each.name: each for each in OBJECTS}


def find(name: str) -> CrmObject | None:
    """Give the object of that plural, singular or type id, or None (a custom object, or no object at all)."""
    return BY_NAME.get(name) or next((each for each in OBJECTS if name in {each.singular, each.type_id}), None)

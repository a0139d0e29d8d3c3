"""Fivetran's HubSpot tables, as far as ours hold what is in them: data. `fivetran_views.py` makes views of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_ACTIVITIES = ("calls", "communications", "emails", "meetings", "notes", "tasks")
_NEXT = "LEAD({timestamp}) OVER (PARTITION BY {record_id}, {property} ORDER BY {timestamp}, {id})"
_AFTER = "configuration.postSubmitAction"
_LISTED = "{_hubferry_deleted_at} IS NULL"
_PROBABILITY = "CAST(NULLIF({metadata.probability}, '') AS DOUBLE PRECISION)"
ID, SAME = "id", "same"
"""How a column is taken over: as a number, or as it is."""


@dataclass(frozen=True)
class View:
    """One table of Fivetran's."""

    name: str
    stream: str
    """The stream, or the table that hubferry fills beside streams."""
    columns: Mapping[str, tuple[str, str]]
    """Column -> ours, and how it is taken over."""
    properties: bool = False
    """Every property as `property_<name>`, too."""
    constants: Mapping[str, str] = field(default_factory=dict)
    expressions: Mapping[str, str] = field(default_factory=dict)
    """Column -> SQL over our columns, each in braces; `{column.key}` is the text of a key in one of JSON."""
    where: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Column -> the value that a row must have there, or one of several."""
    once: bool = False
    """Rows that would be equal but for when they were written are one."""
    deleted: tuple[str, ...] = ("_fivetran_deleted",)
    """Columns that say that a row is deleted; none: deleted rows are left out."""
    merged: bool = False
    """Rows of records that were merged away, and no others."""
    portal: bool = False
    """The portal's number as `portal_id`: HubSpot does not say it in each row."""


def _record(name: str, stream: str, key: str = "id", *, portal: bool = False, **named: tuple[str, str]) -> View:
    columns = {key: ("id", ID), **named}
    flags = ("_fivetran_deleted", "is_deleted")
    return View(name, stream, columns, properties=True, deleted=flags, portal=portal)


def _links(name: str, one: str, one_key: str, other: str, other_key: str) -> View:
    columns = {
        one_key: ("from_id", ID),
        other_key: ("to_id", ID),
        "type_id": ("type_id", SAME),
        "category": ("category", SAME),
    }
    return View(name, "associations", columns, where={"from_object": one, "to_object": other}, deleted=())


def _activity_links(name: str, object_name: str, key: str) -> View:
    """Links of activities of every kind; how often and by which types a pair is linked does not show there."""
    columns = {key: ("to_id", ID), "engagement_id": ("from_id", ID), "category": ("category", SAME)}
    where: dict[str, str | tuple[str, ...]] = {"from_object": _ACTIVITIES, "to_object": object_name}
    return View(f"engagement_{name}", "associations", columns, where=where, deleted=(), once=True)


def _engagement(kind: str, stream: str) -> View:
    columns = {
        "engagement_id": ("id", ID),
        "property_hubspot_owner_id": ("hubspot_owner_id", ID),
        "property_hubspot_team_id": ("hubspot_team_id", ID),
        "body": ("hs_note_body", SAME),
    }
    return View(f"engagement_{kind}", stream, columns, properties=True, constants={"type": kind.upper()})


def _history(name: str, object_name: str, key: str, moment: str = "timestamp", **expressions: str) -> View:
    columns = {
        key: ("record_id", ID),
        "name": ("property", SAME),
        "source": ("source_type", SAME),
        "source_id": ("source_id", SAME),
        moment: ("timestamp", SAME),
        "value": ("value", SAME),
    }
    return View(
        f"{name}_property_history",
        "property_history",
        columns,
        expressions=expressions,
        where={"object": object_name},
        deleted=(),
    )


def _pipelines(
    name: str, object_name: str, of_pipeline: Mapping[str, str], of_stage: Mapping[str, str]
) -> tuple[View, View]:
    common = {
        "label": ("label", SAME),
        "display_order": ("display_order", SAME),
        "created_at": ("created_at", SAME),
        "updated_at": ("updated_at", SAME),
    }
    stage = {"stage_id": ("id", SAME), "pipeline_id": ("pipeline_id", SAME), "is_closed": ("is_closed", SAME), **common}
    pipeline = {"pipeline_id": ("id", SAME), **common}
    more = {"active": _LISTED, **of_stage}
    return (
        View(f"{name}_pipeline", f"{name}_pipelines", pipeline, expressions={"active": _LISTED, **of_pipeline}),
        View(f"{name}_pipeline_stage", "pipeline_stages", stage, expressions=more, where={"object": object_name}),
    )


def _merged(name: str, stream: str, loser: str, *survivor: str) -> View:
    columns = {loser: ("id", ID), **dict.fromkeys(survivor, ("_hubferry_merged_into", ID))}
    return View(name, stream, columns, deleted=(), merged=True)


def _event(kind: str, *columns: str) -> View:
    named = {"id": ("id", SAME), **{name: (name, SAME) for name in columns}}
    return View(f"email_event_{kind.lower()}", "email_events", named, where={"type": kind.replace("_", "")}, deleted=())


_CLIENT = ("browser", "ip_address", "location", "user_agent")
VIEWS: tuple[View, ...] = (
    _record("contact", "contacts"),
    _record("company", "companies", property_address_2=("address2", SAME)),
    _record(
        "deal",
        "deals",
        "deal_id",
        portal=True,
        deal_pipeline_id=("pipeline", SAME),
        deal_pipeline_stage_id=("dealstage", SAME),
        owner_id=("hubspot_owner_id", ID),
    ),
    _record("ticket", "tickets", property_hubspot_owner_id=("hubspot_owner_id", ID)),
    _merged("contact_merge_audit", "contacts", "vid_to_merge", "canonical_vid", "contact_id"),
    _merged("merged_deal", "deals", "merged_deal_id", "deal_id"),
    _engagement("call", "engagements_calls"),
    _engagement("email", "engagements_emails"),
    _engagement("meeting", "engagements_meetings"),
    _engagement("note", "engagements_notes"),
    _engagement("task", "engagements_tasks"),
    _engagement("communication", "communications"),
    View("engagement", "engagements", {"id": ("id", ID), "portal_id": ("portal_id", SAME), "type": ("type", SAME)}),
    View(
        "owner",
        "owners",
        {
            "owner_id": ("id", ID),
            "active_user_id": ("user_id", SAME),
            "created_at": ("created_at", SAME),
            "updated_at": ("updated_at", SAME),
            "email": ("email", SAME),
            "first_name": ("first_name", SAME),
            "last_name": ("last_name", SAME),
            "type": ("type", SAME),
        },
        portal=True,
    ),
    View(
        "owner_team",
        "owner_teams",
        {"owner_id": ("owner_id", ID), "team_id": ("team_id", ID), "is_team_primary": ("primary", SAME)},
    ),
    View(
        "role",
        "roles",
        {"id": ("id", ID), "name": ("name", SAME), "requires_billing_write": ("requires_billing_write", SAME)},
    ),
    View("team", "teams", {"id": ("id", ID), "name": ("name", SAME)}),
    View(
        "team_user",
        "team_users",
        {"team_id": ("team_id", ID), "user_id": ("user_id", ID), "is_secondary_user": ("secondary", SAME)},
    ),
    *_pipelines(
        "deal",
        "deals",
        {},
        {"probability": _PROBABILITY, "closed_won": f"{{is_closed}} AND {_PROBABILITY} = 1"},
    ),
    *_pipelines("ticket", "tickets", {"object_type_id": "'0-5'"}, {"ticket_state": "{metadata.ticketState}"}),
    _history("contact", "contacts", "contact_id"),
    _history("company", "companies", "company_id"),
    _history("deal", "deals", "deal_id"),
    _history(
        "ticket",
        "tickets",
        "ticket_id",
        moment="timestamp_instant",
        _fivetran_start="{timestamp}",
        _fivetran_end=_NEXT,
    ),
    View(
        "contact_list",
        "contact_lists",
        {
            "id": ("list_id", ID),
            **{
                name: (name, SAME)
                for name in (
                    "name",
                    "created_at",
                    "updated_at",
                    "created_by_id",
                    "filters_updated_at",
                    "list_version",
                    "object_type_id",
                    "processing_status",
                    "processing_type",
                )
            },
            "metadata_size": ("hs_list_size", SAME),
        },
        expressions={"dynamic": "{processing_type} = 'DYNAMIC'"},
        portal=True,
    ),
    View(
        "contact_list_member",
        "list_memberships",
        {
            "contact_id": ("record_id", ID),
            "contact_list_id": ("list_id", ID),
            "added_at": ("membership_timestamp", SAME),
        },
    ),
    View(
        "email_event",
        "email_events",
        {
            "id": ("id", SAME),
            "created": ("created", SAME),
            "type": ("type", SAME),
            "recipient": ("recipient", SAME),
            "portal_id": ("portal_id", SAME),
            "app_id": ("app_id", ID),
            "email_campaign_id": ("email_campaign_id", ID),
            "filtered_event": ("filtered_event", SAME),
            **{
                f"{name}_{part}": (f"{name}_{part}", SAME)
                for name in ("caused_by", "obsoleted_by", "sent_by")
                for part in ("id", "created")
            },
        },
        deleted=(),
    ),
    _event("BOUNCE", "category", "response", "status"),
    _event("CLICK", *_CLIENT, "referer", "url"),
    _event("DEFERRED", "attempt", "response"),
    _event("DELIVERED", "response", "smtp_id"),
    _event("DROPPED", "bcc", "cc", "drop_message", "drop_reason", "reply_to", "subject", "from"),
    _event("FORWARD", *_CLIENT),
    _event("OPEN", *_CLIENT, "duration"),
    _event("PRINT", *_CLIENT),
    _event("SENT", "bcc", "cc", "reply_to", "subject", "from"),
    _event("SPAM_REPORT", "ip_address", "user_agent"),
    _event("STATUS_CHANGE", "bounced", "portal_subscription_status", "requested_by", "source", "subscriptions"),
    _links("deal_company", "deals", "deal_id", "companies", "company_id"),
    _links("deal_contact", "deals", "deal_id", "contacts", "contact_id"),
    _links("ticket_company", "tickets", "ticket_id", "companies", "company_id"),
    _links("ticket_contact", "tickets", "ticket_id", "contacts", "contact_id"),
    _links("ticket_deal", "tickets", "ticket_id", "deals", "deal_id"),
    _activity_links("contact", "contacts", "contact_id"),
    _activity_links("company", "companies", "company_id"),
    _activity_links("deal", "deals", "deal_id"),
    View(
        "ticket_engagement",
        "associations",
        {"ticket_id": ("from_id", ID), "engagement_id": ("to_id", ID), "category": ("category", SAME)},
        where={"from_object": "tickets", "to_object": _ACTIVITIES},
        deleted=(),
        once=True,
    ),
    View(
        "deal_stage",
        "property_history",
        {
            "deal_id": ("record_id", ID),
            "value": ("value", SAME),
            "date_entered": ("timestamp", SAME),
            "source": ("source_type", SAME),
            "source_id": ("source_id", SAME),
            "_fivetran_start": ("timestamp", SAME),
        },
        expressions={"_fivetran_end": _NEXT, "_fivetran_active": f"{_NEXT} IS NULL"},
        where={"object": "deals", "property": "dealstage"},
        deleted=(),
    ),
    View(
        "form",
        "forms",
        {"guid": ("id", SAME), **{each: (each, SAME) for each in ("name", "form_type", "created_at", "updated_at")}},
        expressions={
            "css_class": "{display_options.cssClass}",
            "submit_text": "{display_options.submitButtonText}",
            "redirect": f"CASE WHEN {{{_AFTER}.type}} = 'redirect_url' THEN {{{_AFTER}.value}} END",
        },
        portal=True,
    ),
    View(
        "contact_form_submission",
        "form_submissions",
        {
            "form_id": ("form_id", SAME),
            "conversion_id": ("conversion_id", SAME),
            "timestamp": ("submitted_at", SAME),
            "page_url": ("page_url", SAME),
        },
        deleted=(),
        portal=True,
    ),
    View(
        "email_campaign",
        "campaigns",
        {
            **{each: (each, ID) for each in ("id", "app_id", "content_id")},
            **{
                each: (each, SAME)
                for each in ("app_name", "name", "num_included", "num_queued", "sub_type", "subject", "type")
            },
        },
        deleted=(),
    ),
    View(
        "users",
        "settings_users",
        {
            "id": ("id", SAME),
            "email": ("email", SAME),
            "first_name": ("first_name", SAME),
            "last_name": ("last_name", SAME),
            "role_id": ("role_id", ID),
            "primary_team_id": ("primary_team_id", ID),
        },
    ),
    View(
        "property",
        "properties",
        {
            "hubspot_object": ("object", SAME),
            **{
                name: (name, SAME)
                for name in (
                    "calculated",
                    "created_at",
                    "description",
                    "field_type",
                    "group_name",
                    "hubspot_defined",
                    "label",
                    "name",
                    "show_currency_symbol",
                    "type",
                    "updated_at",
                )
            },
        },
        expressions={"_fivetran_id": "{object} || '.' || {name}"},
        deleted=(),
    ),
    View(
        "property_option",
        "property_options",
        {
            "hubspot_object": ("object", SAME),
            "name": ("property", SAME),
            "display_order": ("position", SAME),
            **{name: (name, SAME) for name in ("value", "label", "hidden")},
        },
        expressions={"property_id": "{object} || '.' || {property}"},
        deleted=(),
    ),
)

"""Views in the shape of Fivetran's HubSpot tables, so that dbt models written for those run on ours.

Data and one builder: a view is made where its table is, of the columns that the table has; dbt's staging models fill the
others with NULL. Ids are numbers there and texts here, and a row is deleted there by a flag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from hubferry.pull.pulling import Pulling
from hubferry.types import Column, Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Warehouse

_LIST = "_hubferry_views"
_ACTIVITIES = ("calls", "communications", "emails", "meetings", "notes", "tasks")
_NEXT = "LEAD({timestamp}) OVER (PARTITION BY {record_id} ORDER BY {timestamp}, {id})"
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
    """Column -> SQL over our columns, each in braces."""
    where: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """Column -> the value that a row must have there, or one of several."""
    once: bool = False
    """Rows that would be equal but for when they were written are one."""
    deleted: tuple[str, ...] = ("_fivetran_deleted",)
    """Columns that say that a row is deleted; none: deleted rows are left out."""


def _record(name: str, stream: str, key: str = "id", **named: str) -> View:
    columns = {key: ("id", ID), **{target: (ours, SAME) for target, ours in named.items()}}
    return View(name, stream, columns, properties=True, deleted=("_fivetran_deleted", "is_deleted"))


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
    columns = {"engagement_id": ("id", ID)}
    return View(f"engagement_{kind}", stream, columns, properties=True, constants={"type": kind.upper()})


def _history(name: str, object_name: str, key: str, moment: str = "timestamp") -> View:
    columns = {
        key: ("record_id", ID),
        "name": ("property", SAME),
        "source": ("source_type", SAME),
        "source_id": ("source_id", SAME),
        moment: ("timestamp", SAME),
        "value": ("value", SAME),
    }
    return View(f"{name}_property_history", "property_history", columns, where={"object": object_name}, deleted=())


def _pipelines(name: str, object_name: str) -> tuple[View, View]:
    common = {
        "label": ("label", SAME),
        "display_order": ("display_order", SAME),
        "created_at": ("created_at", SAME),
        "updated_at": ("updated_at", SAME),
    }
    stage = {"stage_id": ("id", SAME), "pipeline_id": ("pipeline_id", SAME), "is_closed": ("is_closed", SAME), **common}
    only = {"object": object_name}
    return (
        View(f"{name}_pipeline", f"{name}_pipelines", {"pipeline_id": ("id", SAME), **common}),
        View(f"{name}_pipeline_stage", "pipeline_stages", stage, where=only),
    )


def _event(kind: str, *columns: str) -> View:
    named = {"id": ("id", SAME), **{name: (name, SAME) for name in columns}}
    return View(f"email_event_{kind.lower()}", "email_events", named, where={"type": kind.replace("_", "")}, deleted=())


_CLIENT = ("browser", "ip_address", "location", "user_agent")
VIEWS: tuple[View, ...] = (
    _record("contact", "contacts"),
    _record("company", "companies"),
    _record(
        "deal",
        "deals",
        "deal_id",
        deal_pipeline_id="pipeline",
        deal_pipeline_stage_id="dealstage",
        owner_id="hubspot_owner_id",
    ),
    _record("ticket", "tickets"),
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
    ),
    View("team", "teams", {"id": ("id", ID), "name": ("name", SAME)}),
    *_pipelines("deal", "deals"),
    *_pipelines("ticket", "tickets"),
    _history("contact", "contacts", "contact_id"),
    _history("company", "companies", "company_id"),
    _history("deal", "deals", "deal_id"),
    _history("ticket", "tickets", "ticket_id", moment="timestamp_instant"),
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
            **{name: (name, SAME) for name in ("name", "label", "type", "field_type", "calculated", "hubspot_defined")},
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


def merge_views(pulling: Pulling, schema: str) -> None:
    """Make the views whose tables are there, anew; the table `_hubferry_views` beside them lists them."""
    warehouse, rows = pulling.warehouse, []
    listed = Table(schema, _LIST, (Column("name", "string"), Column("made_at", "timestamp")), ("name",))
    warehouse.ensure_table(listed)
    for view in VIEWS:
        stream = pulling.catalog.by_name.get(view.stream)
        table = view.stream if stream is None else pulling.storage_of(stream).current.name
        stored = warehouse.query_columns(pulling.schema, table)
        if stored:
            source = warehouse.name(pulling.schema, table)
            select = render(warehouse, view, source, stored, _properties(pulling, view))
            name = warehouse.name(schema, view.name)
            with warehouse.transaction() as tx:  # alone in it: Snowflake ends a transaction where a view is made
                tx.execute(f"DROP VIEW IF EXISTS {name}")
                tx.execute(f"CREATE VIEW {name} AS {select}")
            rows.append({"name": view.name, "made_at": pulling.client.now()})
    with pulling.lease.transaction() as tx:
        tx.merge(listed, table_from_rows(listed, rows))


def render(
    warehouse: Warehouse, view: View, source: str, stored: tuple[Column, ...], properties: Mapping[str, str]
) -> str:
    """Give the SELECT of one view; `properties` are columns by property."""
    quote, present = warehouse.quote, {column.name: column.type for column in stored}
    columns = list(_columns(warehouse, view, present, properties))
    conditions = [f"t.{quote(name)} IN ({_texts(value)})" for name, value in view.where.items()]
    if not view.deleted and "_hubferry_deleted_at" in present:
        conditions.append(f"t.{quote('_hubferry_deleted_at')} IS NULL")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    synced = f"t.{quote('_hubferry_synced_at')}"
    if not view.once:
        return f"SELECT {', '.join(columns)}, {synced} AS {quote('_fivetran_synced')} FROM {source} AS t{where}"
    last = f"max({synced}) AS {quote('_fivetran_synced')}"
    groups = ", ".join(str(place) for place in range(1, len(columns) + 1))
    return f"SELECT {', '.join(columns)}, {last} FROM {source} AS t{where} GROUP BY {groups}"


def _texts(value: str | tuple[str, ...]) -> str:
    return ", ".join(f"'{each}'" for each in ((value,) if isinstance(value, str) else value))


def _columns(
    warehouse: Warehouse, view: View, present: Mapping[str, str], properties: Mapping[str, str]
) -> Iterator[str]:
    quote = warehouse.quote
    for target, (ours, how) in view.columns.items():
        if ours in present:
            number = how == ID and present[ours] == "string"
            yield f"{f'CAST(t.{quote(ours)} AS BIGINT)' if number else f't.{quote(ours)}'} AS {quote(target)}"
    for target, value in view.constants.items():
        yield f"'{value}' AS {quote(target)}"
    for target, expression in view.expressions.items():
        yield f"{re.sub(r'{(.+?)}', lambda found: f't.{quote(found[1])}', expression)} AS {quote(target)}"
    taken = set(view.columns)
    for name, column in properties.items():
        target = f"property_{name}"
        if column in present and target not in taken:
            yield f"t.{quote(column)} AS {quote(target)}"
    for target in view.deleted:
        yield f"t.{quote('_hubferry_deleted_at')} IS NOT NULL AS {quote(target)}"


def _properties(pulling: Pulling, view: View) -> Mapping[str, str]:
    stream = pulling.catalog.by_name.get(view.stream)
    if not view.properties or stream is None or stream.object is None:
        return {}
    quote = pulling.warehouse.quote
    rows = pulling.warehouse.query(
        f"SELECT name, column_name FROM {pulling.warehouse.name(pulling.schema, 'properties')}"
        f" WHERE {quote('object')} = ? AND {quote('_hubferry_deleted_at')} IS NULL AND column_name IS NOT NULL ORDER BY name",
        (stream.object.name,),
    )
    return dict(zip(rows["name"].to_pylist(), rows["column_name"].to_pylist(), strict=True))

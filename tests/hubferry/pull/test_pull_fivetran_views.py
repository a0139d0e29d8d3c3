"""Views in the shape of Fivetran's HubSpot tables, over tables that were pulled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from truth import fetch_truth

MakeWorld = Callable[..., Any]
STREAMS = (
    "contacts",
    "companies",
    "deals",
    "owners",
    "deal_pipelines",
    "engagements_calls",
    "property_history",
    "contact_lists",
    "list_memberships",
    "email_events",
    "forms",
    "form_submissions",
    "campaigns",
    "settings_users",
    "tickets",
)
SETTINGS = {
    "contacts": {"properties": ["email", "firstname", "createdate"], "storage": "append"},
    "companies": {"properties": ["name"]},
    "deals": {"properties": ["dealname", "pipeline", "dealstage", "amount", "hubspot_owner_id"]},
    "engagements_calls": {
        "properties": ["hs_timestamp", "hs_createdate", "hubspot_owner_id"],
        "associations": ["contacts", "companies", "deals", "tickets"],
    },
    "email_events": {"start": "2026-06-01"},
    "property_history": {"objects": ["deals"]},
    "tickets": {"properties": ["subject"], "associations": []},
}
WANTED = {
    "contact": {"id", "property_email", "property_firstname", "property_createdate", "is_deleted"},
    "company": {"id", "property_name", "_fivetran_deleted", "_fivetran_synced"},
    "deal": {
        "deal_id",
        "deal_pipeline_id",
        "deal_pipeline_stage_id",
        "owner_id",
        "property_dealname",
        "property_amount",
    },
    "deal_pipeline": {"pipeline_id", "label", "display_order", "_fivetran_deleted"},
    "deal_pipeline_stage": {"stage_id", "pipeline_id", "label", "is_closed"},
    "deal_contact": {"deal_id", "contact_id", "type_id", "category"},
    "deal_company": {"deal_id", "company_id", "type_id", "category"},
    "deal_property_history": {"deal_id", "name", "value", "timestamp", "source", "source_id"},
    "engagement_call": {"engagement_id", "type", "property_hs_timestamp", "property_hubspot_owner_id"},
    "owner": {"owner_id", "email", "first_name", "active_user_id"},
    "contact_list": {"id", "name", "metadata_size"},
    "contact_list_member": {"contact_id", "contact_list_id", "added_at"},
    "email_event": {"id", "created", "type", "recipient", "email_campaign_id"},
    "email_event_open": {"id", "browser", "duration"},
    "property": {"_fivetran_id", "hubspot_object", "name", "label", "type"},
    "property_option": {"property_id", "hubspot_object", "name", "value", "label", "display_order"},
    "engagement_contact": {"engagement_id", "contact_id", "category", "_fivetran_synced"},
    "engagement_company": {"engagement_id", "company_id", "category"},
    "engagement_deal": {"engagement_id", "deal_id", "category"},
    "ticket_engagement": {"engagement_id", "ticket_id", "category"},
    "contact_form_submission": {"form_id", "conversion_id", "timestamp", "page_url"},
    "form": {"guid", "name", "form_type", "created_at", "updated_at", "_fivetran_deleted"},
    "email_campaign": {
        *("id", "app_id", "app_name", "content_id", "name", "num_included", "num_queued", "sub_type", "subject", "type")
    },
    "deal_stage": {
        *("deal_id", "value", "date_entered", "source", "source_id"),
        *("_fivetran_start", "_fivetran_end", "_fivetran_active"),
    },
    "users": {"id", "email", "first_name", "last_name", "role_id", "primary_team_id"},
}


def test_views_have_fivetrans_names_and_the_rows_of_our_tables(world: MakeWorld) -> None:
    portal = world(contacts=40)

    report = portal.pull(*STREAMS, settings=SETTINGS, fivetran_schema="fivetran")

    assert report.exit_code == 0, [str(each.error) for each in report.streams if each.error]
    for view, columns in WANTED.items():
        found = {column.name for column in portal.warehouse.query_columns("fivetran", view)}
        assert columns <= found, f"{view} lacks {columns - found}"
    contacts = fetch_truth(portal.emulator.control_url, "contacts")
    live = {int(each["id"]): each["properties"].get("email") for each in contacts if each["state"] == "live"}
    rows = portal.rows("SELECT id, property_email, is_deleted FROM fivetran.contact")
    assert {row["id"]: row["property_email"] for row in rows if not row["is_deleted"]} == live
    assert len({row["id"] for row in rows}) == len(rows) > len(live)
    linked = portal.rows(
        "SELECT count(*) AS n FROM fivetran.deal_contact AS l JOIN fivetran.deal AS d ON d.deal_id = l.deal_id"
        " JOIN fivetran.contact AS c ON c.id = l.contact_id"
    )
    deals = fetch_truth(portal.emulator.control_url, "deals")
    assert linked[0]["n"] == sum(
        link["toObject"] == "contacts" for each in deals if each["state"] == "live" for link in each["associations"]
    )
    assert portal.rows("SELECT DISTINCT type FROM fivetran.engagement_call") == [{"type": "CALL"}]
    check_stages(portal)
    check_activities(portal)
    joined = "fivetran.property_option AS o LEFT JOIN fivetran.property AS p ON p._fivetran_id = o.property_id"
    assert portal.rows(f"SELECT count(*) AS n FROM {joined} WHERE p.name IS NULL") == [{"n": 0}]


def check_stages(portal: Any) -> None:
    """Each live deal is in one stage now, the one that it says; each stage ends where the next one begins."""
    active = portal.rows("SELECT deal_id, value FROM fivetran.deal_stage WHERE _fivetran_active")
    deals = fetch_truth(portal.emulator.control_url, "deals")
    now = {int(each["id"]): each["properties"]["dealstage"] for each in deals if each["state"] == "live"}
    assert len(active) == len({row["deal_id"] for row in active})
    assert {row["deal_id"]: row["value"] for row in active if row["deal_id"] in now} == now
    ends = portal.rows("SELECT count(*) AS n FROM fivetran.deal_stage WHERE _fivetran_end < _fivetran_start")
    assert ends == [{"n": 0}]


def check_activities(portal: Any) -> None:
    """Each pair of a call and a contact is there once."""
    calls = fetch_truth(portal.emulator.control_url, "calls")
    pairs = {
        (int(each["id"]), int(link["toId"]))
        for each in calls
        if each["state"] == "live"
        for link in each["associations"]
        if link["toObject"] == "contacts"
    }
    rows = portal.rows("SELECT engagement_id, contact_id FROM fivetran.engagement_contact")
    assert sorted((row["engagement_id"], row["contact_id"]) for row in rows) == sorted(pairs)


def test_views_follow_a_property_that_appears(world: MakeWorld) -> None:
    portal = world(contacts=20)
    portal.pull("contacts", settings={"contacts": {"properties": ["email"]}}, fivetran_schema="fivetran")

    portal.pull("contacts", settings={"contacts": {"properties": ["email", "firstname"]}}, fivetran_schema="fivetran")

    columns = {column.name for column in portal.warehouse.query_columns("fivetran", "contact")}
    assert {"property_email", "property_firstname"} <= columns

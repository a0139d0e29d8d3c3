"""Views in the shape of Fivetran's HubSpot tables, over tables that were pulled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fivetran_columns import LEFT_OUT, TABLES, UNKNOWN

from truth import fetch_truth

MakeWorld = Callable[..., Any]
ACTIVITIES = (
    "communications",
    "engagements_calls",
    "engagements_emails",
    "engagements_meetings",
    "engagements_notes",
    "engagements_tasks",
)
STREAMS = (
    "contacts",
    "companies",
    "deals",
    "tickets",
    *ACTIVITIES,
    "engagements",
    "owners",
    "roles",
    "teams",
    "settings_users",
    "deal_pipelines",
    "ticket_pipelines",
    "property_history",
    "contact_lists",
    "list_memberships",
    "email_events",
    "campaigns",
    "forms",
    "form_submissions",
)
SETTINGS: dict[str, dict[str, Any]] = {
    "contacts": {
        "properties": [
            *("annualrevenue", "company", "createdate", "email", "firstname"),
            *("hs_merged_object_ids", "jobtitle", "lastname"),
        ],
        "storage": "append",
    },
    "companies": {
        "properties": [
            *("address", "address2", "annualrevenue", "city", "country"),
            *("createdate", "description", "industry", "name", "state"),
        ]
    },
    "deals": {
        "properties": [
            *("amount", "closedate", "createdate", "dealname", "dealstage"),
            *("description", "hubspot_owner_id", "pipeline"),
        ]
    },
    "tickets": {
        "properties": [
            *("closed_date", "content", "createdate", "hs_pipeline", "hs_pipeline_stage"),
            *("hs_ticket_category", "hs_ticket_priority", "hubspot_owner_id", "subject"),
        ],
        "associations": [],
    },
    **{
        name: {"properties": ["hs_timestamp", "hs_createdate", "hubspot_owner_id"], "associations": []}
        for name in ACTIVITIES
    },
    "email_events": {"start": "2026-06-01"},
    "property_history": {"objects": ["deals"]},
}
SETTINGS["engagements_notes"]["properties"] += ["hs_note_body"]
SETTINGS["engagements_calls"]["associations"] = ["contacts", "companies", "deals", "tickets"]


def test_views_have_fivetrans_names_and_the_rows_of_our_tables(world: MakeWorld) -> None:
    portal = world(contacts=40)

    report = portal.pull(*STREAMS, settings=SETTINGS, fivetran_schema="fivetran")

    assert report.exit_code == 0, [str(each.error) for each in report.streams if each.error]
    check_columns(portal)
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
    check_pipelines(portal)
    check_activities(portal)
    check_merges(portal)
    check_people(portal)
    joined = "fivetran.property_option AS o LEFT JOIN fivetran.property AS p ON p._fivetran_id = o.property_id"
    assert portal.rows(f"SELECT count(*) AS n FROM {joined} WHERE p.name IS NULL") == [{"n": 0}]


def check_columns(portal: Any) -> None:
    """Each table has each column that the package reads, but those of which the guide says why not."""
    guide = Path("docs/guides/moving.md").read_text()
    for view, names in TABLES.items():
        found = {column.name.lower() for column in portal.warehouse.query_columns("fivetran", view)}
        left_out = set(LEFT_OUT.get(view, "").split())
        assert set(names.split()) - UNKNOWN - found == left_out, view
        assert all(f"`{name}`" in guide for name in left_out), view


def check_pipelines(portal: Any) -> None:
    """Stages say what HubSpot has in their metadata."""
    truth = fetch_truth(portal.emulator.control_url, "deal_pipelines")
    wanted = {
        stage["id"]: (float(stage["metadata"]["probability"]), stage["metadata"]["probability"] == "1.0")
        for each in truth
        if each["state"] == "live"
        for stage in each["stages"]
    }
    rows = portal.rows("SELECT stage_id, probability, closed_won FROM fivetran.deal_pipeline_stage WHERE active")
    assert {row["stage_id"]: (row["probability"], row["closed_won"]) for row in rows} == wanted
    assert {won for _, won in wanted.values()} == {True, False}
    states = portal.rows("SELECT DISTINCT ticket_state FROM fivetran.ticket_pipeline_stage ORDER BY ticket_state")
    assert states == [{"ticket_state": "CLOSED"}, {"ticket_state": "OPEN"}]


def check_merges(portal: Any) -> None:
    """Each record that was merged away is there with the one that it is in now."""
    rows = portal.rows("SELECT vid_to_merge, canonical_vid, contact_id FROM fivetran.contact_merge_audit")
    contacts = {each["id"]: each for each in fetch_truth(portal.emulator.control_url, "contacts")}
    merged = {int(number) for number, each in contacts.items() if each["state"] == "merged"}
    assert {row["vid_to_merge"] for row in rows} == merged != set()
    assert all(row["canonical_vid"] == row["contact_id"] not in merged for row in rows)


def check_people(portal: Any) -> None:
    """Users, owners, teams and roles can be joined."""
    for view, table, key, other in (
        ("owner_team", "owner", "owner_id", "owner_id"),
        ("owner_team", "team", "team_id", "id"),
        ("team_user", "team", "team_id", "id"),
        ("users", "role", "role_id", "id"),
        ("deal", "owner", "owner_id", "owner_id"),
    ):
        joined = f"fivetran.{view} AS a LEFT JOIN fivetran.{table} AS b ON b.{other} = a.{key}"
        counts = f"count(a.{key}) AS keys, count(b.{other}) AS found"
        (row,) = portal.rows(f"SELECT {counts} FROM {joined}")
        assert row["keys"] == row["found"] > 0, (view, table)


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

"""A stream is data, and wrong data fails at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hubferry.streams import account, crm, parse
from hubferry.streams.definition import Detail
from hubferry.streams.registry import BY_NAME, STREAMS

NAMED_BY_THE_REFERENCE = (
    "campaigns",
    "companies",
    "contact_lists",
    "contacts",
    "deal_pipelines",
    "deals",
    "deals_archived",
    "email_events",
    "engagements",
    "engagements_calls",
    "engagements_emails",
    "engagements_meetings",
    "engagements_notes",
    "engagements_tasks",
    "forms",
    "form_submissions",
    "goals",
    "line_items",
    "owners",
    "products",
    "property_history",
    "subscription_changes",
    "tickets",
    "ticket_pipelines",
    "workflows",
)


def test_a_key_that_is_no_column_is_refused() -> None:
    with pytest.raises(ValueError, match="stream 'owners': key not among its columns: \\['number'\\]"):
        replace(account.OWNERS, key=("number",))


def test_a_column_of_hubferrys_own_name_is_refused() -> None:
    with pytest.raises(ValueError, match="_hubferry_run_id"):
        replace(account.OWNERS, columns={**account.OWNERS.columns, "_hubferry_run_id": "string"})


def test_a_column_that_a_part_of_the_definition_speaks_of_must_exist() -> None:
    detail = Detail(path="/x/{id}", moved="changed_at")
    with pytest.raises(ValueError, match="stream 'owners': 'changed_at' is not among its columns"):
        replace(account.OWNERS, detail=detail)


def test_names_are_unique_and_every_stream_but_the_accounts_own_names_a_scope() -> None:
    assert len({stream.name for stream in STREAMS}) == len(STREAMS)
    assert {stream.name for stream in STREAMS if not stream.scopes} == {"account", "api_usage"}
    assert all(all(stream.scopes) for stream in STREAMS)


def test_contacts_alone_are_dated_by_a_property_without_prefix() -> None:
    records = [stream for stream in crm.STREAMS if stream.reader == "records"]
    assert crm.CONTACTS.cursor == "lastmodifieddate"
    assert {stream.cursor for stream in records} - {"lastmodifieddate"} == {"hs_lastmodifieddate"}


@pytest.mark.parametrize("name", NAMED_BY_THE_REFERENCE)
def test_a_stream_of_the_reference_product_exists_and_can_be_read_incrementally(name: str) -> None:
    assert BY_NAME[name].strategy == "incremental"


def test_a_pipeline_is_as_new_as_its_newest_stage() -> None:
    raw = {
        "id": "default",
        "label": "Sales",
        "updatedAt": "2020-01-01T00:00:00Z",
        "stages": [{"id": "b", "displayOrder": 1, "updatedAt": "2025-01-01T00:00:00Z"}, {"id": "a", "displayOrder": 0}],
    }

    [pipeline] = parse.unfold_pipeline(raw)

    assert pipeline["updatedAt"] == "2025-01-01T00:00:00Z"
    assert [row["id"] for row in parse.unfold_stages(raw)] == ["b", "a"]


def test_a_change_of_a_subscription_keeps_its_id_when_hubspot_says_more_of_it() -> None:
    change = {"changeType": "SUBSCRIPTION_STATUS", "change": "SUBSCRIBED", "subscriptionId": 7}
    entry = {"recipient": "a@b.example", "timestamp": 1, "changes": [change]}
    more = {**entry, "changes": [{**change, "explained": "by a person"}]}

    [before], [after] = parse.unfold_changes(entry), parse.unfold_changes(more)

    assert before["id"] == after["id"]
    assert after["explained"] == "by a person"


def test_an_event_names_others_by_columns_and_keeps_what_else_is_said_of_them() -> None:
    raw = {"id": "b", "sentBy": {"id": "a", "created": 5}, "causedBy": {"id": "c", "created": 6, "why": "x"}}

    [row] = parse.unfold_event(raw)

    assert (row["sentById"], row["sentByCreated"], row["causedById"], row["causedByCreated"]) == ("a", 5, "c", 6)
    assert (row["obsoletedById"], row["causedBy"]) == (None, {"why": "x"})
    assert "sentBy" not in row

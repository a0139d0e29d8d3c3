"""A stream is data, and wrong data fails at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from hubferry.streams import account, crm, parse
from hubferry.streams.registry import STREAMS


def test_a_key_that_is_no_column_is_refused() -> None:
    with pytest.raises(ValueError, match="stream 'owners': key not among its columns: \\['number'\\]"):
        replace(account.OWNERS, key=("number",))


def test_a_column_of_hubferrys_own_name_is_refused() -> None:
    with pytest.raises(ValueError, match="_hubferry_run_id"):
        replace(account.OWNERS, columns={**account.OWNERS.columns, "_hubferry_run_id": "string"})


def test_a_stream_of_pages_without_a_parse_function_is_refused() -> None:
    with pytest.raises(ValueError, match="parse function"):
        replace(account.OWNERS, parse=None)


def test_names_are_unique_and_every_stream_names_a_scope() -> None:
    assert len({stream.name for stream in STREAMS}) == len(STREAMS)
    assert all(stream.scopes and all(stream.scopes) for stream in STREAMS)


def test_contacts_alone_are_dated_by_a_property_without_prefix() -> None:
    assert crm.CONTACTS.cursor == "lastmodifieddate"
    assert {stream.cursor for stream in crm.STREAMS} - {"lastmodifieddate"} == {"hs_lastmodifieddate"}


def test_a_pipeline_is_as_new_as_its_newest_stage() -> None:
    raw = {
        "id": "default",
        "label": "Sales",
        "updatedAt": "2020-01-01T00:00:00Z",
        "stages": [{"id": "b", "displayOrder": 1, "updatedAt": "2025-01-01T00:00:00Z"}, {"id": "a", "displayOrder": 0}],
    }

    assert parse.parse_pipeline(raw)["updated_at"] == datetime(2025, 1, 1, tzinfo=UTC)
    assert [row["id"] for row in parse.parse_stages(raw)] == ["b", "a"]

"""tap-hubspot, meltano-tap-hubspot and airbyte-source-hubspot discover and read the emulator; only the host is another."""

from __future__ import annotations

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from judge import START, Judge, collect, write

from hubspot_emulator.server import Emulator

pytestmark = pytest.mark.judges

AIRBYTE = Judge("airbyte-source-hubspot", "source_hubspot.run:run")
MELTANO = Judge("meltano-tap-hubspot", "tap_hubspot.tap:TapHubspot.cli")
SINGER = Judge("tap-hubspot", "tap_hubspot:main")
NO_ROUTE = {"marketing_emails"}
"""Airbyte reads them by a call of v1 whose shape no fact gives."""
FILTERED = {"deals_archived", "deal_pipelines", "ticket_pipelines"}
"""Airbyte leaves out what was not updated since the start date: built-in pipelines bear dates of 1970."""
Truth = Callable[[str], set[str]]


def test_airbyte_discovers_and_reads_every_stream_whole(portal: Emulator, truth: Truth, tmp_path: Path) -> None:
    credentials = {"credentials_title": "Private App Credentials", "access_token": "pat-judge"}
    config = write(tmp_path, "config.json", {"start_date": START, "credentials": credentials})

    checked = AIRBYTE.run(portal.base_url, "check", "--config", config)
    found = AIRBYTE.run(portal.base_url, "discover", "--config", config)
    streams = next(message["catalog"]["streams"] for message in found if message["type"] == "CATALOG")
    wanted = [
        {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite"}
        for stream in streams
        if stream["name"] not in NO_ROUTE
    ]
    catalog = write(tmp_path, "catalog.json", {"streams": wanted})
    messages = AIRBYTE.run(portal.base_url, "read", "--config", config, "--catalog", catalog)

    assert any(message.get("connectionStatus", {}).get("status") == "SUCCEEDED" for message in checked)
    assert len(streams) == 33
    records = [message["record"] for message in messages if message["type"] == "RECORD"]
    ids = collect((record["stream"], record["data"].get("id", record["data"].get("listId"))) for record in records)
    ended = {
        status["stream_descriptor"]["name"]
        for message in messages
        if message["type"] == "TRACE" and (status := message["trace"].get("stream_status"))
        if status["status"] == "COMPLETE"
    }
    assert ended == {stream["name"] for stream in streams} - NO_ROUTE
    assert ended - set(ids) <= FILTERED
    same = "contacts companies tickets products line_items leads deal_splits cars owners email_events engagements"
    for name in (*same.split(), *(f"engagements_{each}" for each in ("calls", "emails", "meetings", "notes", "tasks"))):
        assert ids[name] == truth(name), name
    assert ids["goals"] == truth("goal_targets")
    assert ids["forms"] < truth("forms")  # it asks for three of the four types


def test_meltano_discovers_and_reads_every_stream_whole(portal: Emulator, truth: Truth, tmp_path: Path) -> None:
    more = {"custom_object_types": ["cars"], "associations": {"contact": ["company", "deal"]}}
    config = write(tmp_path, "config.json", {"start_date": START, "access_token": "pat-judge"} | more)

    (catalog,) = MELTANO.run(portal.base_url, "--config", config, "--discover")
    messages = MELTANO.run(portal.base_url, "--config", config)

    names = {stream["stream"] for stream in catalog["streams"]}
    assert len(names) == 27
    ids = read_singer(messages)
    same = (
        "calls cars communications companies contacts deals emails feedback_submissions goal_targets leads line_items"
    )
    same += " meetings notes owners postal_mail products quotes tasks tickets teams"
    for name in same.split():
        assert ids[name] == truth(name), name
    assert ids["users"] == truth("settings_users")
    assert names - set(ids) == set()


def test_tap_hubspot_discovers_and_reads_every_stream_whole(portal: Emulator, truth: Truth, tmp_path: Path) -> None:
    """By OAuth: it refreshes a token of half an hour."""
    config = write(tmp_path, "config.json", {"start_date": START} | _authorize(portal))

    (catalog,) = SINGER.run(portal.base_url, "--config", config, "--discover")
    for stream in catalog["streams"]:
        for each in stream["metadata"]:
            each["metadata"]["selected"] = each["metadata"].get("inclusion") != "unsupported"
    chosen = write(tmp_path, "catalog.json", catalog)
    messages = SINGER.run(portal.base_url, "--config", config, "--properties", chosen)

    names = {stream["stream"] for stream in catalog["streams"]}
    assert len(names) == 17
    ids = read_singer(messages, {"companies": "companyId", "deals": "dealId", "engagements": "engagement_id"})
    for name in (
        "contacts",
        "tickets",
        "deals",
        "companies",
        "cars",
        "owners",
        "email_events",
        "engagements",
        "campaigns",
    ):
        assert ids[name] == truth(name), name
    assert names - set(ids) == set()


def read_singer(messages: list[Any], keys: dict[str, str] | None = None) -> dict[str, set[str]]:
    records = [message for message in messages if message.get("type") == "RECORD"]
    named = keys or {}
    return collect(
        (each["stream"], each["record"].get(named.get(each["stream"], "id"), each["record"].get("guid")))
        for each in records
    )


def _authorize(portal: Emulator) -> dict[str, str]:
    client = {"client_id": "judge", "client_secret": "planted", "redirect_uri": "http://127.0.0.1/back"}
    asked = urllib.parse.urlencode({"grant_type": "authorization_code", "code": "one", **client}).encode()
    with urllib.request.urlopen(f"{portal.base_url}/oauth/2026-09/token", data=asked) as answer:
        return client | {"refresh_token": json.load(answer)["refresh_token"]}

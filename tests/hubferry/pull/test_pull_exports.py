"""All records are looked at by an export where the project says so: few calls, the same rows, and the list where it fails."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_pull_schema import ids, write
from test_pull_tombstones import erase, row_of

from forked import run_forked
from hubferry.config.model import PullBlock
from hubferry.hubspot.downloads import DownloadError, Place, fetch_file
from hubferry.pull.estimate import estimate_pull
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator
from hubspot_emulator.tokens import ALL_SCOPES
from truth import SOME_PROPERTIES, assert_equal_to_truth, call_control

MakeWorld = Callable[..., Any]
AT_ONCE = Knobs(export_start_ms=0, export_rows_per_second=1_000_000)
EXPORTS = {"contacts": {"reader": "exports"}}
STATUS = "/crm/exports/2026-09/export/async/tasks/*/status"
FILE = "/exports/download/*"
WEEK = 7 * 86_400


def pulled(world: MakeWorld, **options: Any) -> Any:
    """Give a portal whose contacts were pulled and then changed."""
    portal = world(**{"contacts": 30, "companies": 0, "deals": 0, **options})
    portal.pull("contacts", settings=EXPORTS)
    portal.clock.advance(3600)
    portal.mutate(3, object="contacts", edits=5, creates=3, merges=1, archives=2)
    erase(portal, ids(portal)[-1])
    return portal


def refresh(portal: Any, **options: Any) -> Any:
    return portal.pull("contacts", settings=EXPORTS, full_refresh=True, **options).streams[0]


def fault(portal: Any, path: str, do: dict[str, Any], *, method: str = "GET", **rule: Any) -> None:
    match = {"method": method, "path": path}
    portal.control("POST", "/faults", [{"match": match, "phase": "before", "do": do, **rule}])


@pytest.mark.parametrize("knobs", [Knobs(), Knobs(export_file_rows=7)], ids=["one file", "zip of files"])
def test_a_full_refresh_by_an_export_leaves_the_rows_that_the_list_would(world: MakeWorld, knobs: Knobs) -> None:
    portal = pulled(world, knobs=knobs)
    write(portal, {ids(portal)[1]: {"firstname": ""}})
    with portal.warehouse.transaction() as tx:  # what no date tells of
        tx.execute(f"UPDATE hubspot.contacts SET email = 'wrong' WHERE id = '{ids(portal)[0]}'")

    report = refresh(portal)

    assert (report.state, report.reader, report.notes) == ("done", "exports", ())
    portal.check("contacts", pairs=False)


def test_what_changes_while_the_export_is_made_is_read_by_the_next_pull(world: MakeWorld) -> None:
    portal = pulled(world)
    target = ids(portal)[0]
    refresh(portal)

    write(portal, {target: {"firstname": "Meanwhile"}})
    portal.clock.advance(60)
    report = portal.pull("contacts", settings=EXPORTS).streams[0]

    assert (report.reader, row_of(portal, target)["firstname"]) == ("changes", "Meanwhile")
    portal.check("contacts", pairs=False)


def test_an_export_of_unchanged_records_takes_a_handful_of_calls_however_many_there_are(world: MakeWorld) -> None:
    portal = world(contacts=1000, companies=0, deals=0, knobs=AT_ONCE)
    portal.pull("contacts", settings=EXPORTS)
    by_list = portal.pull("contacts", full_refresh=True).streams[0]

    by_export = refresh(portal)

    assert (by_list.reader, by_export.reader, by_export.read) == ("scan", "exports", len(ids(portal)))
    assert (by_export.calls, by_list.calls) == (6, 16)
    portal.check("contacts", pairs=False)


def test_a_first_pull_and_new_columns_need_the_list(world: MakeWorld) -> None:
    portal = world(contacts=30, companies=0, deals=0)
    first = portal.pull("contacts", settings=EXPORTS).streams[0]
    settings = {"contacts": {"reader": "exports", "properties": ["firstname", "jobtitle"]}}
    second = portal.pull("contacts", settings=settings, full_refresh=True).streams[0]

    assert (first.reader, second.reader) == ("scan", "scan")
    assert all("cleared and unset ones alike" in each.notes[0] for each in (first, second))
    assert portal.control("GET", "/truth/exports") == b""


FAILURES = [
    pytest.param(Knobs(export_ends="FAILED"), "ended as FAILED", id="failed"),
    pytest.param(Knobs(export_ends="CANCELED"), "ended as CANCELED", id="cancelled"),
    pytest.param(Knobs(export_ends="STUCK"), "not ready after 60 minutes", id="stuck"),
    pytest.param(Knobs(export_needs_approval=True), "administrator's approval", id="waits for a person"),
]


@pytest.mark.parametrize(("knobs", "said"), FAILURES)
def test_an_export_that_ends_without_a_file_gives_way_to_the_list(world: MakeWorld, knobs: Knobs, said: str) -> None:
    portal = pulled(world, knobs=knobs)
    report = refresh(portal)

    assert (report.state, report.reader) == ("done", "scan")
    assert said in report.notes[0]
    portal.check("contacts", pairs=False)


REFUSED = {"status": 400, "body": {"status": "error", "category": "VALIDATION_ERROR", "message": "no"}}
FULL = {"status": 429, "body": {"status": "error", "category": "RATE_LIMITS", "message": "30 exports"}}
SHORT = {"status": 200, "headers": {"Content-Type": "text/csv"}, "body": "hs_object_id,lastmodifieddate\r\n"}
ELSEWHERE = {"status": 200, "body": {"status": "COMPLETE", "result": "https://files.example.com/contacts.csv"}}
FAULTS: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("/crm/exports/2026-09/export/async", "POST", REFUSED, "makes no export"),
    ("/crm/exports/2026-09/export/async", "POST", FULL, "makes no export"),
    (FILE, "GET", {"status": 403, "body": "<Error/>"}, "answers HTTP 403"),
    (FILE, "GET", {"status": 302, "headers": {"Location": "/"}}, "answers HTTP 302"),
    (FILE, "GET", {"kind": "gzip_garbage"}, "could not be fetched"),
    (FILE, "GET", {"kind": "gzip_bomb"}, "unpacks to more than is believable"),
    (FILE, "GET", SHORT, "lacks the column 'birthday'"),
    (STATUS, "GET", ELSEWHERE, "host 'files.example.com'"),
)


def test_an_export_that_cannot_be_had_gives_way_to_the_list(world: MakeWorld) -> None:
    """Refused, the 31st of a day, its address expired, a redirect, a column missing, on a foreign host."""
    portal = pulled(world, knobs=AT_ONCE)
    for seed, (path, method, answer, said) in enumerate(FAULTS):
        portal.control("DELETE", "/faults")
        fault(portal, path, answer, method=method)
        report = refresh(portal)

        assert (report.state, report.reader) == ("done", "scan"), said
        assert said in report.notes[0]
        portal.check("contacts", pairs=False)
        portal.mutate(seed, object="contacts", edits=2, archives=1)


def test_a_file_with_fewer_records_than_the_export_gives_way_to_the_list(world: MakeWorld) -> None:
    portal = pulled(world)
    settings = {"contacts": {"reader": "exports", "properties": ["lastmodifieddate"]}}
    portal.pull("contacts", settings=settings)
    fault(portal, FILE, SHORT)
    report = portal.pull("contacts", settings=settings, full_refresh=True).streams[0]

    assert report.reader == "scan"
    assert "the file holds 0 records, and the export" in report.notes[0]
    portal.check("contacts", pairs=False)


def test_a_file_that_breaks_off_or_an_address_that_expired_is_asked_for_again(world: MakeWorld) -> None:
    portal = pulled(world, knobs=AT_ONCE)
    cut = {"match": {"path": FILE}, "when": {"nth": 1}, "phase": "mid_body", "do": {"kind": "truncate"}}
    expired = {"match": {"path": FILE}, "when": {"nth": 2}, "phase": "before", "do": {"kind": "address_expired"}}
    portal.control("POST", "/faults", [cut, expired])
    report = refresh(portal)

    assert (report.reader, report.notes) == ("exports", ())
    asked = json.loads(portal.control("GET", "/requests"))["by"]
    assert sum(each["count"] for each in asked if each["path"].startswith("/exports/download/")) == 3
    portal.check("contacts", pairs=False)


def test_without_its_scope_the_list_is_read_and_the_scope_named(world: MakeWorld) -> None:
    scopes = ALL_SCOPES - {"crm.export"}
    portal = pulled(world, token="pat-narrow", tokens={"pat-narrow": scopes, "pat-other": ALL_SCOPES})
    report = refresh(portal)

    assert (report.state, report.reader) == ("done", "scan")
    assert "crm.export" in report.notes[0]
    portal.check("contacts", pairs=False)


def test_the_weekly_look_goes_by_an_export_too(world: MakeWorld) -> None:
    portal = pulled(world)
    portal.pull("contacts", settings=EXPORTS)
    target = ids(portal)[0]
    with portal.warehouse.transaction() as tx:
        tx.execute(f"DELETE FROM hubspot.contacts WHERE id = '{target}'")
    portal.clock.advance(WEEK)
    report = portal.pull("contacts", settings=EXPORTS).streams[0]

    assert (report.reader, report.notes) == ("changes", ())
    assert portal.control("GET", "/truth/exports").count(b"\n") == 1
    portal.check("contacts", pairs=False)


def test_a_dry_run_names_the_export_and_its_calls(world: MakeWorld) -> None:
    portal = pulled(world)
    block = PullBlock(streams={"contacts": SOME_PROPERTIES["contacts"] | EXPORTS["contacts"]})  # as it was pulled
    found = estimate_pull(client=portal.client, state=portal.state, pull=block, full_refresh=True)[0]

    assert (found.reader, found.calls) == ("exports", 7)
    assert "in one export" in found.basis


def test_a_pull_killed_while_it_uses_an_export_begins_anew(
    tmp_path: Path, portal_factory: Callable[..., Emulator]
) -> None:
    path, script = tmp_path / "warehouse.duckdb", Path(__file__).parent / "pull_run.py"
    clock = VirtualClock()
    portal = portal_factory(contacts=30, companies=0, deals=0, limits=False, shared_clock=clock, knobs=AT_ONCE)

    def run(crash: str | None = None) -> int:
        environ = {"HUBFERRY_CRASH": crash} if crash else {}
        done = run_forked(script, portal.base_url, str(path), function="main_exports", environ=environ)
        assert done.code in {0, -signal.SIGKILL}, done.stderr
        return done.code

    run()
    clock.advance(3600)
    call_control(portal.control_url, "POST", "/mutate", {"seed": 4, "object": "contacts", "edits": 6, "archives": 2})
    codes = [run("pull.page_fetched:1"), run("pull.before_sweep:1"), run()]

    assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0]
    assert call_control(portal.control_url, "GET", "/truth/exports").count(b"\n") == 3
    assert_equal_to_truth(DuckDBWarehouse(path), portal.control_url, objects=("contacts",))


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://files.hubspot.com/a.csv", "no https://"),
        ("https://files.hubspot.com:8443/a.csv", "no https://"),
        ("https://hubspot.com.example.org/a.csv", "not known to be HubSpot's"),
        ("https://nothubspot.com/a.csv", "not known to be HubSpot's"),
        ("https://169.254.169.254/latest", "not known to be HubSpot's"),
        ("https://user@files.hubspot.com/a.csv", "carries a user"),
        ("https://localhost/a.csv", "private network"),
        ("https://[broken/a.csv", "is none"),
    ],
)
def test_only_https_hosts_that_are_hubspots_and_public_are_called(address: str, said: str, tmp_path: Path) -> None:
    place = Place("https://api.hubapi.com", ("localhost",))
    with pytest.raises(DownloadError, match=said):
        fetch_file(address, tmp_path / "file", place, check=lambda: None)

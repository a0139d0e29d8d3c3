"""What one stream meets does not stop the others, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubferry.config.model import PullBlock
from hubferry.errors import ConfigError, GuardError, InterruptedRunError, UnexpectedAnswerError, UnknownNameError
from hubferry.hubspot.client import Client
from hubferry.pull import chunks
from hubferry.pull.report import AssociationReport, PullReport, StreamReport
from hubferry.pull.run import choose_streams
from hubferry.types import Quiet, Secret

MakeWorld = Callable[..., Any]
SCOPES = frozenset({"crm.objects.contacts.read", "crm.objects.owners.read", "crm.schemas.contacts.read"})


def test_a_missing_scope_blocks_its_stream_and_names_itself_while_others_go_on(world: MakeWorld) -> None:
    portal = world(token="pat-narrow", tokens={"pat-narrow": SCOPES})

    report = portal.pull("companies", "contacts", "owners")

    states = {each.name: each.state for each in report.streams}
    assert states == {"companies": "blocked", "contacts": "done", "owners": "done"}
    assert "crm.objects.companies.read" in str(report.streams[0].error)
    portal.check("contacts")


def test_a_stream_whose_calls_fail_does_not_stop_the_next(world: MakeWorld) -> None:
    portal = world()
    rule = {
        "match": {"method": "GET", "path": "/crm/properties/2026-09/contacts"},
        "when": {"every": 1},
        "phase": "before",
        "do": {"status": 400, "body": {"status": "error", "category": "VALIDATION_ERROR", "message": "no"}},
    }
    portal.control("POST", "/faults", [rule])

    report = portal.pull("contacts", "companies")

    assert [each.state for each in report.streams] == ["failed", "done"]
    portal.check("companies")


def test_a_used_up_quota_pauses_every_stream_and_the_next_run_goes_on_where_it_stopped(
    world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "SMALLEST", 100)
    monkeypatch.setattr(chunks, "CELLS", 100)
    portal = world(contacts=900, limits=False)
    daily = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY", "message": "daily limit reached"}
    rule = {
        "match": {"method": "GET", "path": "/crm/objects/2026-09/contacts"},
        "when": {"nth": 7},
        "phase": "before",
        "do": {"status": 429, "body": daily},
    }
    portal.control("POST", "/faults", [rule])

    report = portal.pull("contacts", "companies")
    paused_at = portal.clock.time()
    resumes_at = report.streams[0].error.resumes_at
    portal.clock.advance(resumes_at.timestamp() - paused_at)
    again = portal.pull("contacts", "companies")

    assert {each.state for each in report.streams} == {"paused"}
    assert report.exit_code == 4
    assert {each.error.exit_code for each in report.streams} == {4}
    assert f"{resumes_at:%Y-%m-%d %H:%M}" in str(report.streams[0].error)
    assert 0 < resumes_at.timestamp() - paused_at <= 86_400
    assert portal.rows("SELECT state FROM hubferry.runs ORDER BY started_at")[0]["state"] == "paused"
    assert again.exit_code == 0
    assert 0 < again.streams[0].read < 700
    portal.check("contacts", "companies")


def test_an_interrupted_pull_says_so_and_is_resumed(world: MakeWorld) -> None:
    import signal  # noqa: PLC0415

    class Impatient(Quiet):
        def advance(self, task: str, **_: Any) -> None:
            signal.raise_signal(signal.SIGTERM)

    portal = world(contacts=300)
    with pytest.raises(InterruptedRunError):
        portal.pull(progress=Impatient())

    assert portal.rows("SELECT state FROM hubferry.runs")[0]["state"] == "interrupted"
    portal.pull()
    portal.check()


class Signalling:
    """A clock whose first long wait brings a SIGTERM; it is the thread that works who waits."""

    def __init__(self, clock: Any) -> None:
        self._clock, self.time, self.monotonic = clock, clock.time, clock.monotonic
        self.asked_at: float | None = None

    def sleep(self, seconds: float) -> None:
        import signal  # noqa: PLC0415

        self._clock.sleep(seconds)
        if seconds > 1 and self.asked_at is None:
            self.asked_at = self.monotonic()
            signal.raise_signal(signal.SIGTERM)


def test_a_pull_that_waits_for_the_limit_stops_within_ten_seconds_of_being_asked(world: MakeWorld) -> None:
    portal = world()
    clock = Signalling(portal.clock)
    body = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING", "message": "slow down"}
    rule = {
        "match": {"path": "/crm/properties/*"},
        "phase": "before",
        "do": {"status": 429, "headers": {"Retry-After": "60"}, "body": body},
    }
    portal.control("POST", "/faults", [rule])

    with Client(token=Secret("pat-test"), base_url=portal.emulator.base_url, clock=clock) as client:
        portal.client = client
        with pytest.raises(InterruptedRunError):
            portal.pull("contacts")

    assert clock.asked_at is not None
    assert portal.clock.monotonic() - clock.asked_at < 10


def test_a_schema_that_holds_another_portals_records_is_not_pulled_into(world: MakeWorld) -> None:
    portal = world(contacts=30)
    portal.pull("contacts")
    before = portal.rows("SELECT count(*) AS n FROM hubspot.contacts WHERE _hubferry_deleted_at IS NULL")
    portal.rows("SELECT 1 AS one")
    with portal.warehouse.transaction() as tx:
        tx.execute("UPDATE hubferry.schemas SET portal_id = portal_id + 1")

    with pytest.raises(ConfigError, match="holds the records of portal"):
        portal.pull("contacts", full_refresh=True)

    assert portal.rows("SELECT count(*) AS n FROM hubspot.contacts WHERE _hubferry_deleted_at IS NULL") == before


@pytest.mark.parametrize(
    ("ended", "code"),
    [
        ([], 0),
        ([("done", None), ("failed", ConfigError("x"))], 1),
        ([("blocked", None)], 1),
        ([("failed", ConfigError("x")), ("failed", GuardError("x"))], 3),
        ([("failed", GuardError("x")), ("paused", None)], 4),
    ],
)
@pytest.mark.parametrize("of_links", [False, True])
def test_the_exit_code_is_that_of_the_worst_part_links_included(ended: list[Any], code: int, of_links: bool) -> None:
    kind = AssociationReport if of_links else StreamReport
    parts = tuple(kind(name="x", state=state, error=error) for state, error in ended)

    report = PullReport(run_id="r", streams=() if of_links else parts, associations=parts if of_links else ())

    assert report.exit_code == code


def test_an_unknown_stream_is_named_with_what_there_is() -> None:
    with pytest.raises(UnknownNameError, match="contacts"):
        choose_streams(PullBlock(streams={"contact": None}))


def test_an_unknown_property_fails_its_stream_with_a_suggestion(world: MakeWorld) -> None:
    report = world().pull("contacts", settings={"contacts": {"properties": ["emial"]}})

    assert report.streams[0].state == "failed"
    assert isinstance(report.streams[0].error, UnknownNameError)
    assert "'email'" in str(report.streams[0].error)


ODD = [
    ("owners", "/crm/owners/*", {"results": [{"id": "1", "teams": [{"x": 1}]}]}),
    ("pipelines", "/crm/pipelines/*", {"results": [{"id": "x", "stages": "nope"}]}),
    ("engagements", "/engagements/*", {"results": [{}]}),
    ("subscription_changes", "/email/public/v1/subscriptions/*", {"timeline": [{"timestamp": 1, "changes": 5}]}),
    ("subscription_statuses", "/communication-preferences/*/definitions", {"results": [{}]}),
    ("list_memberships", "/crm/lists/*/all", {"results": [{"name": "x"}]}),
    (
        "property_history",
        "/crm/objects/*/batch/read",
        {"results": [{"id": "1", "propertiesWithHistory": {"email": 5}}]},
    ),
]


@pytest.mark.parametrize(("stream", "path", "body"), ODD, ids=[each[0] for each in ODD])
def test_an_answer_of_an_unknown_shape_fails_its_stream_and_the_others_go_on(
    world: MakeWorld, stream: str, path: str, body: dict[str, Any]
) -> None:
    portal = world(contacts=12)
    portal.control("POST", "/faults", [{"match": {"path": path}, "do": {"status": 200, "body": body}}])

    report = portal.pull("contacts", stream, "forms", settings={"contacts": {"properties": ["email"]}})

    assert {each.name: each.state for each in report.streams} == {"contacts": "done", "forms": "done", stream: "failed"}
    assert isinstance(next(each.error for each in report.streams if each.name == stream), UnexpectedAnswerError)


def test_records_with_ids_and_dates_of_another_kind_are_rows_all_the_same(world: MakeWorld) -> None:
    portal = world(contacts=12)
    odd = {"properties": {"email": "x@example.com"}, "createdAt": "2026-01-01T00:00:00Z", "archived": False}
    results = [{**odd, "id": "abc", "updatedAt": "soon"}, {**odd, "id": "abc", "updatedAt": "2026-01-01T00:00:00Z"}]
    match = {"method": "GET", "path": "/crm/objects/*/contacts"}
    portal.control("POST", "/faults", [{"match": match, "do": {"status": 200, "body": {"results": results}}}])

    report = portal.pull("contacts", settings={"contacts": {"properties": ["email"], "sweep": "weekly"}})

    assert report.streams[0].state == "done"
    assert portal.rows("SELECT email FROM hubspot.contacts") == [{"email": "x@example.com"}]

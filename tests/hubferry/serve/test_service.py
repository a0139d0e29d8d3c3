"""Jobs run when they are due, one after the other; who wants to know is told of each change of state, and of no value."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import urllib3
from aiosmtpd.controller import Controller
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from hubferry.errors import InterruptedRunError
from hubferry.project import Project
from hubferry.serve.metrics import serve_metrics
from hubferry.serve.service import Service
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.server import Emulator
from truth import call_control

FILE = """\
hubspot: {token: "${TOKEN}", base_url: "${URL}"}
pull:
  schedule: "*/15 * * * *"
  streams: {contacts: {properties: [email]}}
"""
SYNC = """\
query: SELECT 'C-1' AS number, 'ada@x.com' AS email
key: number
object: contacts
match: email
fields: {email: email}
schedule: {after: pull}
"""
ALERTS = 'alerts: {webhook: {url: "${HOOK}", secret: "${HOOK_KEY}"}}\n'
KEY = "a key that only both know"
QUARTER = 15 * 60


@dataclass
class World:
    """A project folder, its portal on a virtual clock, and a server."""

    folder: Path
    emulator: Emulator
    clock: VirtualClock
    environ: dict[str, str]
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service = self.serve()

    def serve(self) -> Service:
        now = datetime.fromtimestamp(self.clock.time(), UTC)
        return Service(open_project=self.open, clock=self.clock, say=self.said.append, since=now)

    def open(self) -> Project:
        return Project.open(self.folder, self.environ, clock=self.clock)

    def write(self, project: str = FILE, sync: str | None = None) -> None:
        (self.folder / "hubferry.yml").write_text(project)
        (self.folder / "syncs").mkdir(exist_ok=True)
        if sync is not None:
            (self.folder / "syncs" / "people.yml").write_text(sync)

    def pass_time(self, seconds: float = QUARTER) -> None:
        self.clock.sleep(seconds)
        self.service.step()

    def runs(self) -> list[tuple[str, str]]:
        with self.open() as project:
            return [(run.kind, run.state) for run in reversed(project.runs())]

    def fault(self, do: dict[str, Any]) -> None:
        rule = {"match": {"path": "/crm/properties/*"}, "phase": "before", "do": do}
        call_control(self.emulator.control_url, "POST", "/faults", [rule])


@pytest.fixture
def world(tmp_path: Path, portal_factory: Callable[..., Emulator]) -> Iterator[World]:
    clock = VirtualClock()
    emulator = portal_factory(contacts=30, companies=0, deals=0, shared_clock=clock)
    made = World(tmp_path, emulator, clock, {"TOKEN": "pat-test", "URL": emulator.base_url, "HOOK_KEY": KEY})
    made.write()
    with DuckDBWarehouse(tmp_path / "warehouse.duckdb").busy():
        yield made


@dataclass
class Receiver:
    """Somebody who is told."""

    url: str
    told: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    answer: int = 200


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            stamp, signed = self.headers["Hubferry-Signature"].split(",")
            text = f"{stamp.removeprefix('t=')}.{body}".encode()
            assert signed == f"v1={hmac.new(KEY.encode(), text, hashlib.sha256).hexdigest()}"
            if made.answer == 200:
                made.told.append(json.loads(body))
                made.texts.append(body)
            self.send_response(made.answer)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Receiver(f"http://127.0.0.1:{server.server_port}/hook?secret=in-the-address")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def test_a_pull_runs_at_its_times_and_a_push_after_each(world: World) -> None:
    world.write(sync=SYNC)
    world.service.step()
    before = world.runs()

    world.pass_time()
    world.pass_time(60)
    first = list(world.said)
    world.pass_time()

    assert before == []
    assert first == ["pull: started", "pull: done", "people: started", "people: done"]
    assert world.said == first * 2
    assert sorted(world.runs()) == [("pull", "done")] * 2 + [("push", "done")] * 2


def test_times_that_were_missed_are_made_up_for_once(world: World) -> None:
    world.pass_time()

    world.pass_time(10 * QUARTER)

    assert world.runs() == [("pull", "done")] * 2


def test_a_push_does_not_follow_a_pull_that_was_not_done(world: World) -> None:
    world.write(sync=SYNC)
    world.fault({"status": 403, "body": {"status": "error", "category": "MISSING_SCOPES", "message": "no"}})

    world.pass_time()

    assert [kind for kind, _ in world.runs()] == ["pull"]


def test_an_edit_of_the_files_holds_from_the_next_time_on_and_a_mistake_does_not_end_the_server(world: World) -> None:
    world.write(FILE.replace("pull:", "pul:"))
    world.pass_time()
    said = world.said[-1]
    world.write(FILE.replace("*/15", "*/5"))

    world.pass_time(300)

    assert "Did you mean 'pull'" in said
    assert world.runs() == [("pull", "done")]


def test_a_job_that_died_with_its_server_runs_again_with_the_next(world: World) -> None:
    world.pass_time()
    with world.open() as project:
        project.record_job(project.jobs()["pull"].ended(state="running", finished_at=None))

    world.serve().step()

    assert world.runs() == [("pull", "done")] * 2


def test_of_two_servers_one_runs_a_job(world: World) -> None:
    world.pass_time()
    with world.open() as project:
        row = project.jobs()["pull"]
        later = row.ended(started_at=row.started_at + timedelta(minutes=15), state="running")

        claims = [project.claim_job(later, before=row.started_at) for _ in range(2)]

    assert claims == [True, False]


def test_a_busy_portal_is_tried_again_in_a_minute(world: World) -> None:
    world.pass_time()
    with world.open() as project:
        portal = project.runs()[0].portal_id
        holder = project.state.acquire(portal, run_id="another")
        world.pass_time()
        state = project.jobs()["pull"].state
        holder.release()

    world.pass_time(61)

    assert state == "busy"
    assert world.runs()[-1] == ("pull", "done")


def test_a_run_that_is_stopped_ends_the_server_and_is_made_up_for_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes while the pull waits for HubSpot."""
    sleep = world.clock.sleep
    world.fault({"status": 429, "headers": {"Retry-After": "60"}, "body": {"policyName": "TEN_SECONDLY_ROLLING"}})

    def interrupted(seconds: float) -> None:
        sleep(seconds)
        signal.raise_signal(signal.SIGTERM)

    sleep(QUARTER)
    monkeypatch.setattr(world.clock, "sleep", interrupted)
    with pytest.raises(InterruptedRunError):
        world.service.step()
    monkeypatch.setattr(world.clock, "sleep", sleep)
    call_control(world.emulator.control_url, "DELETE", "/faults")

    world.serve().step()

    assert [state for _, state in world.runs()] == ["interrupted", "done"]


def test_each_change_of_state_is_told_once_without_values(world: World, receiver: Receiver) -> None:
    world.environ["HOOK"] = receiver.url
    world.write(ALERTS + FILE)
    world.pass_time()
    world.fault({"status": 403, "body": {"status": "error", "category": "MISSING_SCOPES", "message": "no"}})

    world.pass_time()
    world.pass_time()
    call_control(world.emulator.control_url, "DELETE", "/faults")
    world.pass_time()

    assert [(each["job"], each["state"], each["was"]) for each in receiver.told] == [
        ("pull", "partial", "done"),
        ("pull", "done", "partial"),
    ]
    assert "scope" in receiver.told[0]["error"]
    assert "pat-test" not in "".join([*receiver.texts, *world.said])


def test_who_could_not_be_told_is_told_later(world: World, receiver: Receiver) -> None:
    world.environ["HOOK"] = receiver.url
    world.write(ALERTS + FILE.replace("contacts: {", "contacts: {types: {no_such: json}, "))
    receiver.answer = 404
    world.fault({"status": 403, "body": {"status": "error", "category": "MISSING_SCOPES", "message": "no"}})

    world.pass_time()
    said = world.said[-1]
    receiver.answer = 200
    world.pass_time(30)

    assert "answered 404" in said
    assert "in-the-address" not in "".join(world.said)
    assert [each["state"] for each in receiver.told] == ["partial"]


@pytest.mark.parametrize(("tolerated", "states"), [(0, ["partial"]), (1, [])])
def test_so_many_rows_as_are_tolerated_are_nobodys_trouble(
    world: World, receiver: Receiver, tolerated: int, states: list[str]
) -> None:
    world.environ["HOOK"] = receiver.url
    world.write(
        ALERTS.replace("}}\n", f"}}, tolerated_rows: {tolerated}}}\n") + FILE, SYNC.replace("ada@x.com", "no e-mail")
    )

    world.pass_time()

    assert [each["state"] for each in receiver.told if each["job"] == "people"] == states


class Mailbox:
    """What aiosmtpd hands each mail to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


def test_a_mail_says_what_changed_and_where_to_look(world: World) -> None:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        world.write(f"alerts: {{email: {{host: 127.0.0.1, port: {port}, from: a@x.com, to: [b@x.com]}}}}\n{FILE}")
        world.fault({"status": 403, "body": {"status": "error", "category": "MISSING_SCOPES", "message": "no"}})

        world.pass_time()
    finally:
        controller.stop()

    assert len(box.mails) == 1
    assert "pull is partial, was done" in box.mails[0]["Subject"]
    assert "hubferry show" in box.mails[0].get_content()


def test_a_scrape_tells_of_jobs_cursors_and_open_rows(world: World) -> None:
    world.write(sync=SYNC.replace("ada@x.com", "no e-mail"))
    world.pass_time()

    with serve_metrics(world.open, 0) as port, urllib3.PoolManager() as pool:
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        text = pool.request("GET", f"http://127.0.0.1:{port}/metrics", headers=accept).data.decode()
        pool.clear()

    values = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["hubferry_readable",] == 1
    assert values["hubferry_job_state", "partial", "people"] == 1
    assert values["hubferry_job_state", "done", "people"] == 0
    assert values["hubferry_job_done_seconds", "pull"] == pytest.approx(world.clock.time(), abs=60)
    assert values["hubferry_stream_cursor_seconds", "contacts"] > 0
    assert values["hubferry_sync_open_rows", "people"] == 1

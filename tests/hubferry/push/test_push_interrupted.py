"""SIGTERM while batches are on their way: what was answered is kept, and the next run goes on without making anything twice."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from hubferry.cli.app import main
from hubferry.push.apply import run_push
from hubferry.state.plans import PAGE
from hubferry.types import Quiet

ROWS = PAGE + 150


class _Terminated(Quiet):
    """SIGTERM comes when the second chunk of records is drawn; the last batches of the first are on their way then."""

    def advance(self, task: str, **_: Any) -> None:
        if task.startswith("records of"):
            signal.raise_signal(signal.SIGTERM)


@pytest.fixture
def as_the_command_line() -> Iterator[None]:
    """SIGTERM is what Ctrl-C is, as `hubferry` sets it up."""

    def interrupt(_signal: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("as_the_command_line")
def test_a_push_that_is_told_to_end_keeps_what_was_answered_and_goes_on_next_time(world: Any) -> None:
    world.sql(
        f"CREATE TABLE main.people AS SELECT i AS id, 'p' || i || '@x.com' AS email, 'P' AS firstname FROM range({ROWS}) t(i)"
    )
    together = {"syncs": world.syncs, "client": world.client, "warehouse": world.warehouse, "state": world.state}
    with world.warehouse.session(), pytest.raises(KeyboardInterrupt):
        run_push(progress=_Terminated(), **together)
    ended, kept = world.state.runs(1)[0].state, world.sql("SELECT count(*) FROM hubferry.ledger")[0][0]
    made = len(world.creates())

    report = world.push()

    assert ended == "interrupted"
    assert kept > 0
    assert made <= PAGE, "nothing of the chunk that was drawn last was sent"
    assert report.exit_code == 0
    assert Counter(Counter(each["id"] for each in world.creates()).values()) == {1: ROWS}
    assert world.sql("SELECT count(*) FROM hubferry.journal WHERE state = 'intended'") == [(0,)]


def test_resolve_says_what_became_of_a_create(
    timed_world: Any, make_sync: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    world = timed_world
    world.sql("CREATE TABLE main.notes AS SELECT 1 AS id, 'Said' AS body, '2026-01-02T03:04:05Z' AS at")
    settings = {"source": "main.notes", "object": "notes", "match": "hs_object_id", "allow_keyless_create": True}
    world.syncs = [make_sync("notes", fields={"hs_note_body": "body", "hs_timestamp": "at"}, **settings)]
    world.fault("/notes/batch/create", {"status": 502, "body": {}}, times=1)
    world.push()
    monkeypatch.setenv("HUBSPOT_TOKEN", "pat-test")
    folder = str(world.write_project())

    both = main(["resolve", "notes", "1", "--record", "5", "--resend", "--project", folder])
    none = main(["resolve", "notes", "2", "--resend", "--project", folder])
    code = main(["resolve", "notes", "1", "--resend", "--project", folder])
    world.push()

    assert (both, none, code) == (2, 2, 0)
    assert "is created by the next push" in capsys.readouterr().out
    assert len([each for each in world.truth("notes").values() if each["state"] == "live"]) == 1

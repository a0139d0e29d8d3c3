"""Every stream against a portal: without its scope, empty, in many pages, again, after changes, from scratch, interrupted.

One portal gives no more than four results on a page, so that every list has several. The streams are pulled together, as a
project does, and looked at one by one.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from stream_changes import Changes

from hubferry.config.model import PullBlock
from hubferry.errors import ScopeError
from hubferry.hubspot.client import Client
from hubferry.objects import build_custom
from hubferry.pull.report import PullReport, StreamReport
from hubferry.pull.run import run_pull
from hubferry.state.leases import Lease
from hubferry.state.store import StateStore
from hubferry.streams.crm import ALL_CUSTOM, custom_stream
from hubferry.streams.definition import Stream
from hubferry.streams.registry import BY_NAME, STREAMS
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubferry.warehouse.interface import Transaction
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator
from hubspot_emulator.settings import Settings
from stream_truth import diff_stream, diff_versions
from truth import SOME_PROPERTIES

CARS = custom_stream(build_custom("cars", "2-0"))
EVERY = (*STREAMS, CARS)
NAMES = [stream.name for stream in EVERY]
MOVES_BY_BEING_READ = {"api_usage"}
READS_RECORDS_THAT_MOVE_NOTHING = {"engagements", "list_memberships", "marketing_event_participations"}
ONE_OF_EACH_READER = (
    "contact_lists",
    "contacts",
    "deals_archived",
    "email_events",
    "form_submissions",
    "property_history",
)
ALIKE = {stream.name for stream in STREAMS if stream.reader == "records"} - {"contacts"}
"""Records of whatever object are read by the same code."""
COMPANIONS = {
    "association_labels": ("contacts", "companies", "deals"),
    "deals_archived": ("deals",),
    "property_history": ("contacts",),
    "subscription_statuses": ("contacts", "subscription_changes"),
}
"""Streams that use what others wrote."""
BLOCKS = {**SOME_PROPERTIES, "deals_archived": SOME_PROPERTIES["deals"]}
"""The widest tables have a few columns of each type; the tests of pull read all of them."""
OF_ANY_OBJECT = {"deal_pipelines"}
"""HubSpot names a scope of whatever object where none lets the token read pipelines."""


@dataclass
class Story:
    """What happened to each stream, by the name of the episode."""

    reports: dict[str, dict[str, StreamReport]] = field(default_factory=dict)
    differences: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    versions: dict[str, list[str]] = field(default_factory=dict)
    """Where versions are not what they should be, after the last episode."""


@dataclass
class Scene:
    """A portal and a warehouse that every stream is pulled into."""

    emulator: Emulator
    client: Client
    warehouse: DuckDBWarehouse
    clock: VirtualClock

    def pull(self, *names: str, full_refresh: bool = False, **settings: str) -> PullReport:
        """Pull these streams, or all, each with these settings."""
        chosen = names or (*(stream.name for stream in STREAMS), ALL_CUSTOM)
        blocks = {name: BLOCKS.get(name, {}) | settings for name in chosen}
        block = PullBlock.model_validate({"streams": blocks})
        kind = Arming if isinstance(self.warehouse, Dying) else StateStore
        state = kind(self.warehouse, self.clock)
        with self.warehouse.session():
            return run_pull(
                client=self.client, warehouse=self.warehouse, state=state, pull=block, full_refresh=full_refresh
            )

    def tell(
        self,
        story: Story,
        episode: str,
        report: PullReport,
        streams: Sequence[Stream] = EVERY,
        *,
        append: bool = False,
    ) -> None:
        """Note what a pull did, what the tables say now, and where that is not what the portal says."""
        story.reports[episode] = {each.name: each for each in report.streams}
        url = self.emulator.control_url
        with self.warehouse.session():
            story.differences[episode] = {
                stream.name: diff_stream(self.warehouse, url, stream, append=append) for stream in streams
            }
            story.rows[episode] = {stream.name: self.count(stream) for stream in streams}
            versioned = [stream for stream in streams if append and stream.has_versions]
            story.versions = {stream.name: diff_versions(self.warehouse, stream) for stream in versioned}

    def count(self, stream: Stream) -> int:
        """Count the rows of a stream's table."""
        name = self.warehouse.name("hubspot", stream.name)
        return int(self.warehouse.query(f"SELECT count(*) AS n FROM {name}")["n"][0].as_py())


@contextmanager
def scene(path: Path, token: str = "pat-all", **settings: object) -> Iterator[Scene]:
    """Open a portal on a virtual clock and a warehouse."""
    clock = VirtualClock()
    made = Settings(**settings)  # type: ignore[arg-type]
    with (
        Emulator(made, clock=clock) as emulator,
        Client(token=Secret(token), base_url=emulator.base_url, clock=clock) as client,
    ):
        yield Scene(emulator, client, DuckDBWarehouse(path / "warehouse.duckdb"), clock)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Pull everything: first, again at once, after changes everywhere, all of it anew with versions kept, after more changes."""
    told = Story()
    knobs = Knobs(most_on_a_page=4, late_event_seconds=0)
    with scene(tmp_path_factory.mktemp("story"), contacts=24, knobs=knobs, limits=False) as played:
        played.tell(told, "first", played.pull())
        played.clock.advance(7200)
        played.tell(told, "again", played.pull())
        changes = Changes(played.emulator)
        changes.change_everything(list(STREAMS))
        played.clock.advance(7200)
        played.tell(told, "changed", played.pull())
        played.clock.advance(7200)
        played.tell(told, "anew", played.pull(strategy="full_refresh", storage="append"), append=True)
        changes.change_records(list(STREAMS))
        changes.close()
        played.clock.advance(7200)
        played.tell(told, "kept", played.pull(storage="append"), append=True)
    return told


@pytest.mark.parametrize("name", NAMES)
def test_a_first_pull_of_many_pages_equals_the_portal(story: Story, name: str) -> None:
    assert story.reports["first"][name].state == "done"
    assert story.differences["first"][name] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_pull_after_which_nothing_changed_writes_no_row(story: Story, name: str) -> None:
    report = story.reports["again"][name]

    assert report.state == "done"
    assert name in MOVES_BY_BEING_READ or report.inserted + report.updated + report.deleted == 0
    assert story.rows["again"][name] == story.rows["first"][name]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in READS_RECORDS_THAT_MOVE_NOTHING])
def test_changed_and_deleted_results_are_found_incrementally(story: Story, name: str) -> None:
    assert story.reports["changed"][name].state == "done"
    assert story.differences["changed"][name] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_full_refresh_equals_the_portal_and_loses_no_row(story: Story, name: str) -> None:
    assert story.reports["anew"][name].state == "done"
    assert story.differences["anew"][name] == []
    assert story.rows["anew"][name] >= story.rows["changed"][name]


@pytest.mark.parametrize("name", [stream.name for stream in EVERY if stream.has_versions])
def test_kept_versions_lead_to_rows_that_equal_the_portal(story: Story, name: str) -> None:
    assert story.reports["kept"][name].state == "done"
    assert name in READS_RECORDS_THAT_MOVE_NOTHING or story.differences["kept"][name] == []
    assert story.versions[name] == []
    assert story.rows["kept"][name] >= story.rows["anew"][name]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Pull everything from a portal in which nothing has happened."""
    told = Story()
    with scene(tmp_path_factory.mktemp("empty"), contacts=0, activity=False) as played:
        played.tell(told, "first", played.pull(*(stream.name for stream in STREAMS)), STREAMS)
    return told


@pytest.mark.parametrize("name", [stream.name for stream in STREAMS])
def test_an_empty_portal_gives_a_table_that_equals_it(empty: Story, name: str) -> None:
    assert empty.reports["first"][name].state == "done"
    assert empty.differences["first"][name] == []


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StreamReport]:
    """Pull everything with a token that has no scope."""
    tokens = {"pat-bare": frozenset({"oauth"})}
    with scene(tmp_path_factory.mktemp("bare"), token="pat-bare", contacts=4, tokens=tokens) as played:
        report = played.pull()
    assert report.exit_code == 1
    return {each.name: each for each in report.streams}


@pytest.mark.parametrize("name", [*(stream.name for stream in STREAMS), ALL_CUSTOM])
def test_a_stream_without_its_scope_is_blocked_and_names_one_that_would_do(
    bare: dict[str, StreamReport], name: str
) -> None:
    scopes = BY_NAME[name].scopes if name in BY_NAME else CARS.scopes

    assert bare[name].state == ("blocked" if scopes else "done")
    if scopes:
        assert isinstance(bare[name].error, ScopeError)
        named = {scope for each in scopes for scope in each}
        assert name in OF_ANY_OBJECT or any(scope in str(bare[name].error) for scope in named)


class Killed(BaseException):
    """The process ends here, and nothing that the transaction did is durable."""


class Dying(DuckDBWarehouse):
    """A warehouse whose process ends right before or right after its nth commit."""

    at: float = 0
    commits: float = 0
    armed: bool = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with super().transaction() as tx:
            yield tx
            self._step()
        self._step()

    def _step(self) -> None:
        self.commits += 0.5 if self.armed else 0
        if self.armed and self.commits == self.at:
            self.armed = False
            raise Killed


class Arming(StateStore):
    """State whose warehouse lives until a run has its lease: in one process nobody could tell that the owner died."""

    warehouse: Dying

    def acquire(self, portal_id: int, **asked: Any) -> Lease:
        lease = super().acquire(portal_id, **asked)
        self.warehouse.armed = self.warehouse.at > 0
        return lease


def interrupt(path: Path, name: str, *, changed: bool, at: Iterable[int]) -> None:
    """Pull a stream and end before and after commits, one run after the other; then pull to the end and compare.

    `at` are the ends: 1 is before the first commit of a run, 2 right after it, 3 before the second.
    """
    names = (*COMPANIONS.get(name, ()), name)
    knobs = Knobs(most_on_a_page=4, late_event_seconds=0)
    with scene(path, contacts=24, knobs=knobs, limits=False) as played:
        warehouse = Dying(path / "dying.duckdb")
        played.warehouse = warehouse
        if changed:
            played.pull(*names)
            changes = Changes(played.emulator)
            changes.change_everything([stream for stream in STREAMS if stream.name in names])
            changes.close()
            played.clock.advance(7200)
        for half in at:
            warehouse.at, warehouse.commits = half / 2, 0
            try:
                played.pull(*names)
                break
            except Killed:
                warehouse.armed = False
                with warehouse.transaction() as tx:  # a dead process's lease is free; this process lives on
                    tx.execute(f"UPDATE {warehouse.name('hubferry', 'leases')} SET run_id = NULL")
        else:
            pytest.fail("the pull never came to its end")
        assert half > 4, "the pull was hardly interrupted"
        warehouse.at, warehouse.armed = 0, False
        report = played.pull(*names)
        stream = CARS if name == CARS.name else BY_NAME[name]
        assert {each.state for each in report.streams} == {"done"}
        assert name in MOVES_BY_BEING_READ or sum(each.inserted + each.deleted for each in report.streams) == 0
        assert (changed and name == "engagements") or diff_stream(warehouse, played.emulator.control_url, stream) == []


@pytest.mark.parametrize("name", ONE_OF_EACH_READER)
def test_a_pull_interrupted_at_commits_loses_nothing(tmp_path: Path, name: str) -> None:
    """At a third of them, drawn anew each time; the heavy tests end at each."""
    first = random.randint(1, 3)
    print(f"first interrupted at {first}")
    interrupt(tmp_path, name, changed=False, at=range(first, 200, 3))


@pytest.mark.heavy
@pytest.mark.parametrize("changed", [False, True], ids=["first", "changed"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ALIKE])
def test_a_pull_of_any_stream_interrupted_at_every_commit_loses_nothing(
    tmp_path: Path, name: str, *, changed: bool
) -> None:
    interrupt(tmp_path, name, changed=changed, at=range(1, 200))

"""A portal, a DuckDB file and a client, for pushing."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from forked import run_forked
from hubferry.clock import SystemClock
from hubferry.config.model import Sync, SyncBlock
from hubferry.hubspot.client import Client
from hubferry.push.apply import PushReport, apply_plan, run_push
from hubferry.push.plan import Plan, PlannedStep, build_plan, query_steps
from hubferry.push.rejected import Rejected, query_rejected
from hubferry.state.store import StateStore
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.server import Emulator
from owner import owner_of


def build_sync(name: str = "contacts", **block: Any) -> Sync:
    """A sync of contacts by e-mail, unless told otherwise."""
    settings = {
        "source": "main.people",
        "key": "id",
        "object": "contacts",
        "mode": "upsert",
        "match": "email",
        "fields": {"email": "email", "firstname": "firstname"},
    }
    lines = {"match": 6, "fields": 7, "fields.email": 8, "fields.firstname": 9, "source": 2, "key": 3}
    return Sync(name=name, file=f"syncs/{name}.yml", block=SyncBlock.model_validate(settings | block), lines=lines)


@dataclass
class World:
    """Everything a push touches."""

    portal: Emulator
    client: Client
    path: Path
    warehouse: DuckDBWarehouse
    state: StateStore
    syncs: list[Sync] = field(default_factory=lambda: [build_sync()])

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run SQL on the warehouse as its owner would."""
        with owner_of(self.path) as connection:
            for statement in statements:
                rows = connection.execute(statement).fetchall()
        return rows

    def people(self, *rows: Sequence[Any], columns: str = "id INTEGER, email VARCHAR, firstname VARCHAR") -> None:
        """Make the source table hold just these rows."""
        with owner_of(self.path) as connection:
            connection.execute(f"CREATE OR REPLACE TABLE main.people ({columns})")
            for row in rows:
                connection.execute(f"INSERT INTO main.people VALUES ({', '.join('?' * len(row))})", list(row))

    def write_project(self) -> Path:
        """Write the world as a project's files, for the command line; the token stands in HUBSPOT_TOKEN."""
        folder = self.path.parent
        block = {"base_url": self.portal.base_url, "token": "${HUBSPOT_TOKEN}"}
        files = {"hubferry.yml": {"hubspot": block, "warehouse": {"duckdb": {"path": self.path.name}}}}
        files |= {
            f"syncs/{sync.name}.yml": sync.block.model_dump(mode="json", by_alias=True, exclude_unset=True)
            for sync in self.syncs
        }
        (folder / "syncs").mkdir(exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(yaml.safe_dump(content))
        return folder

    def plan(self, *, full: bool = True) -> Plan:
        with self.warehouse.session():  # or the file is opened for every transaction, which is slow
            return self._plan(full=full)

    def _plan(self, *, full: bool) -> Plan:
        return build_plan(syncs=self.syncs, client=self.client, warehouse=self.warehouse, state=self.state, full=full)

    def apply(self, plan: Plan) -> PushReport:
        with self.warehouse.session():
            return apply_plan(plan.id, client=self.client, warehouse=self.warehouse, state=self.state, syncs=self.syncs)

    def push(self, *, full: bool = False) -> PushReport:
        with self.warehouse.session():
            return run_push(syncs=self.syncs, client=self.client, warehouse=self.warehouse, state=self.state, full=full)

    def steps(self, plan: Plan) -> list[PlannedStep]:
        return list(query_steps(self.state, plan.id))

    def rejected(self, sync: str = "contacts") -> list[Rejected]:
        return query_rejected(self.state, sync)

    def truth(self, object_name: str = "contacts") -> dict[str, dict[str, Any]]:
        """Every record of the portal by id."""
        return {record["id"]: record for record in self._control(f"/truth/{object_name}")}

    def contact(self, email: str) -> dict[str, Any]:
        found = [
            record
            for record in self.truth().values()
            if record["state"] == "live" and record["properties"].get("email") == email
        ]
        assert len(found) == 1, f"{len(found)} contacts"
        return found[0]

    def labels_between(self, from_id: str, to_id: str, object_name: str = "contacts", to: str = "") -> set[str | None]:
        """The labels of a pair as its first record reads them; None: unlabelled. `to`: the other object, where ids repeat."""
        links = self.truth(object_name)[from_id]["associations"]
        return {
            link["label"]
            for link in links
            if str(link["toId"]) == str(to_id) and link["toObject"] in {to, to or link["toObject"]}
        }

    def creates(self, object_name: str | None = None) -> list[dict[str, Any]]:
        """Every create that the portal carried out."""
        return [event for event in self._control("/events") if "create" in event["what"]]

    def call(self, method: str, path: str, body: Mapping[str, Any] | list[Any] | None = None) -> Any:
        """Act on the portal as somebody else would, by HubSpot's API."""
        return _request(method, self.portal.base_url + path, body, {"Authorization": "Bearer pat-somebody-else"})

    def add_contact(self, **properties: str) -> str:
        return str(self.call("POST", "/crm/v3/objects/contacts", {"properties": properties})["id"])

    def add_company(self, **properties: str) -> str:
        return str(self.call("POST", "/crm/v3/objects/companies", {"properties": properties})["id"])

    def add_property(self, name: str, object_name: str = "contacts", **more: Any) -> None:
        body = {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "contactinformation"}
        self.call("POST", f"/crm/v3/properties/{object_name}", body | more)

    def add_label(self, one: str, other: str, label: str, inverse: str | None = None) -> None:
        body = {"name": label.lower().replace(" ", "_"), "label": label}
        self.call(
            "POST", f"/crm/v4/associations/{one}/{other}/labels", body | ({"inverseLabel": inverse} if inverse else {})
        )

    def type_id(self, one: str, other: str, label: str) -> int:
        found = self.call("GET", f"/crm/v4/associations/{one}/{other}/labels")["results"]
        return next(each["typeId"] for each in found if each["label"] == label)

    def link(self, one: str, from_id: str, other: str, to_id: str, *labels: str) -> None:
        """Link two records as somebody else: with exactly these labels, or unlabelled."""
        path = f"/crm/v4/objects/{one}/{from_id}/associations"
        if not labels:
            self.call("PUT", f"{path}/default/{other}/{to_id}")
            return
        types = [
            {"associationCategory": "USER_DEFINED", "associationTypeId": self.type_id(one, other, label)}
            for label in labels
        ]
        self.call("PUT", f"{path}/{other}/{to_id}", types)

    def change(self, record_id: str, object_name: str = "contacts", **properties: str) -> None:
        self.call("PATCH", f"/crm/v3/objects/{object_name}/{record_id}", {"properties": properties})

    def advance(self, seconds: float) -> None:
        """Let time pass in HubSpot."""
        _request("POST", self.portal.control_url + "/clock", {"advance_seconds": seconds}, {})

    def calls(self, ending: str) -> int:
        """How many calls of paths that end so the portal has had."""
        summary = _request("GET", self.portal.control_url + "/requests", None, {})
        return sum(row["count"] for row in summary["by"] if row["path"].endswith(ending))

    def lose_answers(self, path: str, times: int = 1) -> None:
        """Let the portal carry out such calls and never answer them."""
        rule = {
            "match": {"method": "POST", "path": f"*{path}"},
            "phase": "after",
            "do": {"kind": "reset"},
            "times": times,
        }
        _request("POST", self.portal.control_url + "/faults", [rule], {})

    def refuse(self, path: str, status: int, body: Mapping[str, Any], *, nth: int) -> None:
        """Let the portal refuse one such call."""
        rule = {
            "match": {"method": "POST", "path": f"*{path}"},
            "when": {"nth": nth},
            "phase": "before",
            "do": {"status": status, "body": body},
        }
        _request("POST", self.portal.control_url + "/faults", [rule], {})

    def fault(
        self, path: str, do: Mapping[str, Any], *, match: Mapping[str, str] | None = None, **more: object
    ) -> None:
        """Let such calls go wrong: `do` in place of the answer."""
        rule = {"match": {"method": "POST", "path": f"*{path}"} | dict(match or {}), "phase": "before", "do": do} | more
        _request("POST", self.portal.control_url + "/faults", [rule], {})

    def clear_faults(self) -> None:
        """Let the portal be good again."""
        _request("DELETE", self.portal.control_url + "/faults", None, {})

    def new_client(self) -> None:
        """Call as a new process would."""
        self.client.close()
        self.client = Client(token=Secret("pat-test"), base_url=self.portal.base_url)

    def writes(self) -> int:
        """How many write calls the portal has had."""
        summary = _request("GET", self.portal.control_url + "/requests", None, {})
        return sum(
            row["count"]
            for row in summary["by"]
            if row["method"] != "GET" and not row["path"].endswith(("/read", "/search", "access-token-info"))
        )

    def _control(self, path: str) -> list[dict[str, Any]]:
        request = urllib.request.Request(self.portal.control_url + path)
        with urllib.request.urlopen(request) as answer:
            return [json.loads(line) for line in answer.read().splitlines() if line.strip()]


def _request(method: str, url: str, body: Any, headers: Mapping[str, str]) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


SCRIPT = Path(__file__).parent / "hubferry" / "push" / "push_in_process.py"


def push_in_process(world: World, crash: str = "") -> int:
    """Push the world's first sync in a process of its own, which may be killed at a crash point; give its exit code."""
    text = world.syncs[0].model_dump_json(by_alias=True)
    environ = {"HUBFERRY_CRASH": crash} if crash else {}
    ended = run_forked(SCRIPT, str(world.path), world.portal.base_url, text, environ=environ)
    print(ended.said)  # shown where the test fails
    return ended.code


@pytest.fixture
def make_sync() -> Any:
    """Build a sync: `make_sync("name", mode="update", ...)`."""
    return build_sync


@pytest.fixture
def world_type() -> type[World]:
    """World, for a test that starts its own portal."""
    return World


@pytest.fixture
def world(portal_factory: Any, tmp_path: Path) -> Iterator[World]:
    """An empty portal and an empty warehouse."""
    portal = portal_factory(contacts=0)
    path = tmp_path / "warehouse.duckdb"
    with Client(token=Secret("pat-test"), base_url=portal.base_url) as client:
        warehouse = DuckDBWarehouse(path)
        made = World(portal, client, path, warehouse, StateStore(warehouse, SystemClock()))
        with warehouse.busy():  # the file may stay open between steps, as between those of a run
            yield made
        made.client.close()


@pytest.fixture
def timed_world(portal_factory: Any, tmp_path: Path) -> Iterator[World]:
    """The same, whose time passes where somebody waits and nowhere else."""
    clock = VirtualClock()
    portal = portal_factory(contacts=0, shared_clock=clock)
    path = tmp_path / "warehouse.duckdb"
    with Client(token=Secret("pat-test"), base_url=portal.base_url, clock=clock) as client:
        warehouse = DuckDBWarehouse(path)
        with warehouse.busy():
            yield World(portal, client, path, warehouse, StateStore(warehouse, clock))

"""What a check says before a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from hubferry.config.load import load_project
from hubferry.config.model import Project, ProjectFile
from hubferry.hubspot.client import Client
from hubferry.project.checks import CheckItem, CheckReport, check
from hubferry.state.store import StateReader
from hubferry.types import Secret
from hubferry.warehouse.duckdb import DuckDBWarehouse
from hubspot_emulator.server import Emulator
from hubspot_emulator.tokens import ALL_SCOPES


def test_the_scope_of_exports_is_asked_for_where_a_stream_uses_them_alone(
    tmp_path: Path, portal_factory: Callable[..., Emulator]
) -> None:
    portal = portal_factory(contacts=2, companies=0, deals=0, tokens={"pat-narrow": ALL_SCOPES - {"crm.export"}})
    streams = {"contacts": {"reader": "exports"}, "deals": None}
    files = Project(folder=str(tmp_path), file=ProjectFile.model_validate({"pull": {"streams": streams}}))
    with Client(token=Secret("pat-narrow"), base_url=portal.base_url) as client:
        report = check(files, client=lambda: client, state=StateReader(DuckDBWarehouse(tmp_path / "w.duckdb")))

    found = {each.name: (each.passed, each.detail) for each in report.items}
    assert found["stream contacts"] == (False, "missing: crm.export")
    assert found["stream deals"][0]


def test_two_syncs_that_write_one_property_are_named_with_their_files_and_lines(
    tmp_path: Path, portal_factory: Callable[..., Emulator]
) -> None:
    """A warning: whether a record is in both sources nobody can tell without reading them."""
    syncs = {
        name: f"source: main.{name}\nkey: id\nobject: {kind}\nmatch: hs_object_id\nmode: update\nfields:\n  phone: phone\n"
        for name, kind in (("crm", "contacts"), ("shop", "contacts"), ("firms", "companies"))
    }

    report, found = check_syncs(tmp_path, portal_factory(contacts=0), syncs)

    assert (report.passed, found.passed, found.name) == (True, None, "syncs crm, shop")
    assert "both write contacts.phone (syncs/crm.yml:7 and syncs/shop.yml:7)" in found.detail


def test_two_syncs_that_know_records_by_hubferry_key_are_named(
    tmp_path: Path, portal_factory: Callable[..., Emulator]
) -> None:
    """A row of one whose key a row of the other has, too, would take over its record."""
    of_kind = (("bugs", "tickets", "content"), ("calls", "tickets", "subject"), ("firms", "companies", "name"))
    syncs = {
        name: f"source: main.{name}\nkey: id\nobject: {kind}\nmatch: hubferry_key\nmode: upsert\nfields:\n  {field}: text\n"
        for name, kind, field in of_kind
    }

    report, found = check_syncs(tmp_path, portal_factory(contacts=0), syncs)

    assert (report.passed, found.passed, found.name) == (True, None, "syncs bugs, calls")
    assert "both know tickets by hubferry_key (syncs/bugs.yml:4 and syncs/calls.yml:4)" in found.detail


def check_syncs(folder: Path, portal: Emulator, syncs: Mapping[str, str]) -> tuple[CheckReport, CheckItem]:
    """Check a project of these sync files; give the report, and the one thing that it says of two syncs."""
    (folder / "syncs").mkdir()
    (folder / "hubferry.yml").write_text("warehouse: {duckdb: {path: w.duckdb}}\n")
    for name, text in syncs.items():
        (folder / "syncs" / f"{name}.yml").write_text(text)
    files = load_project(folder, {})
    with Client(token=Secret("pat-test"), base_url=portal.base_url) as client:
        report = check(files, client=lambda: client, state=StateReader(DuckDBWarehouse(folder / "w.duckdb")))
    (found,) = [each for each in report.items if each.name.startswith("syncs ")]
    return report, found

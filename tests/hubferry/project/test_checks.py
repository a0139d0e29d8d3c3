"""What a check says before a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hubferry.config.model import Project, ProjectFile
from hubferry.hubspot.client import Client
from hubferry.project.checks import check
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

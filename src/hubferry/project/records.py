"""One record's whole story: the row that was pulled, its links, what was written to it, and who changed it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hubferry.config.model import Project as ProjectFiles
from hubferry.hubspot.client import Client
from hubferry.project.tables import StreamTable, Tables
from hubferry.pull.catalog import find_object_stream
from hubferry.push.changes import Version, fetch_versions
from hubferry.push.draft import load_step
from hubferry.push.plan import PlannedStep
from hubferry.state.ledger import LedgerReader, LedgerRow
from hubferry.state.plans import PlanReader
from hubferry.state.store import StateReader

SHOWN_LINKS = 200


@dataclass(frozen=True, kw_only=True)
class Writing:
    """One step that was done, or tried, to a record."""

    at: datetime
    plan_id: str
    planned: PlannedStep
    state: str
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class RecordLink:
    """One link of a record, as it was pulled."""

    to_object: str
    to_id: str
    label: str | None
    deleted_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class RecordStory:
    """What the warehouse knows of a record."""

    object: str
    id: str
    row: dict[str, Any] | None = None
    """None: it was never pulled."""
    labels: dict[str, str] = field(default_factory=dict)
    writings: tuple[Writing, ...] = ()
    ledger: tuple[LedgerRow, ...] = ()
    """The rows of syncs that this record is."""
    links: tuple[RecordLink, ...] = ()


@dataclass(frozen=True)
class Records:
    """Looks records up."""

    files: ProjectFiles
    tables: Tables
    state: StateReader
    client: Callable[[], Client]

    def find(self, object_name: str, record_id: str) -> RecordStory:
        """Give what the warehouse knows of a record; makes no call."""
        stream = find_object_stream(object_name)
        table = self.tables.describe(stream.name, counted=False) if stream else None
        return RecordStory(
            object=object_name,
            id=record_id,
            row=self.tables.row(table, record_id) if table else None,
            labels={each.name: each.label for each in table.columns} if table else {},
            writings=self._writings(object_name, record_id),
            ledger=self._ledger(object_name, record_id),
            links=self._links(object_name, record_id, table),
        )

    def fetch_versions(
        self, object_name: str, record_id: str, properties: Sequence[str]
    ) -> dict[str, tuple[Version, ...]]:
        """Ask HubSpot which values these properties had, and who wrote them, newest first."""
        found = fetch_versions(self.client(), object_name, [record_id], properties)
        return {name: versions for (_, name), versions in found.items() if versions}

    def _writings(self, object_name: str, record_id: str) -> tuple[Writing, ...]:
        if not self.state.is_made():
            return ()
        found = PlanReader(self.state.warehouse).query_of_record(record_id)
        writings = (
            Writing(
                at=at,
                plan_id=plan_id,
                planned=PlannedStep(step.number, step.sync, load_step(step)),
                state=row.state,
                reason=row.reason,
            )
            for plan_id, step, row, at in found
        )
        return tuple(each for each in writings if _is_about(each.planned.step, object_name))

    def _ledger(self, object_name: str, record_id: str) -> tuple[LedgerRow, ...]:
        if not self.state.is_made():
            return ()
        portals = {run.portal_id for run in self.state.runs(50)}
        readers = (LedgerReader(self.state.warehouse, portal) for portal in portals)
        return tuple(row for reader in readers for row in reader.query_rows_at(object_name, [record_id]))

    def _links(self, object_name: str, record_id: str, table: StreamTable | None) -> tuple[RecordLink, ...]:
        schema, warehouse = self.files.file.pull.schema_, self.tables.warehouse
        if table is None or not table.columns or not warehouse.query_columns(schema, "associations"):
            return ()
        quote = warehouse.quote
        sql = (
            f"SELECT to_object, to_id, label, {quote('_hubferry_deleted_at')} AS deleted_at"
            f" FROM {warehouse.name(schema, 'associations')} WHERE from_object = ? AND from_id = ?"
            f" ORDER BY to_object, to_id LIMIT {SHOWN_LINKS}"
        )
        return tuple(RecordLink(**row) for row in warehouse.query(sql, (object_name, record_id)).to_pylist())


def _is_about(step: object, object_name: str) -> bool:
    """Links name their objects at both ends; records of two objects may have one id."""
    named = {getattr(step, "object", None)}
    named |= {getattr(getattr(step, end, None), "object", None) for end in ("from_", "to")}
    return object_name in named

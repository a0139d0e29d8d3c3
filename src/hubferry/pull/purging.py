"""Empties one record everywhere at once, for a person who asked to be forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from hubferry.config.model import PullBlock
from hubferry.errors import UnknownNameError
from hubferry.hubspot.client import Client
from hubferry.hubspot.readers.batch import fetch_by_ids
from hubferry.pull import erasure
from hubferry.pull.catalog import fetch_catalog
from hubferry.pull.session import open_session
from hubferry.state.store import StateStore
from hubferry.types import Quiet
from hubferry.warehouse.interface import Warehouse


@dataclass(frozen=True)
class PurgeReport:
    """What a purge did."""

    run_id: str
    object: str
    record_id: str
    stored: bool
    """The object's table had a row of it."""
    lives: bool
    """HubSpot still has it: the next pull brings it back."""


def purge_record(
    object_name: str,
    record_id: str,
    *,
    client: Client,
    warehouse: Warehouse,
    state: StateStore,
    pull: PullBlock,
    wait_seconds: float = 0,
) -> PurgeReport:
    """Take everything that a record said out of all tables; its key, and that it was there, stay."""
    catalog = fetch_catalog(client, pull)
    stream = catalog.by_object.get(object_name) or catalog.by_name.get(object_name)
    if stream is None or stream.object is None:
        raise UnknownNameError("object", object_name, known=tuple(catalog.by_object))
    with open_session(
        "purge",
        client=client,
        warehouse=warehouse,
        state=state,
        pull=pull,
        catalog=catalog,
        detail={"object": stream.object.name, "record": record_id},
        progress=Quiet(),
        wait_seconds=wait_seconds,
    ) as pulling:
        found = fetch_by_ids(client, stream.object.path_name, [record_id], ("hs_object_id",)).found
        storage = pulling.storage_of(stream)
        name = warehouse.name(storage.current.schema, storage.current.name)
        stored = bool(storage.current.columns) and _has_row(warehouse, name, record_id)
        stamp = pulling.stamp()
        with storage.transaction(stamp) as tx:
            erasure.erase(tx, pulling, stream, storage if stored else None, [record_id], stamp)
    state.finish_run(pulling.run_id, "done", {"purged": int(stored)})
    return PurgeReport(pulling.run_id, stream.object.name, record_id, stored, record_id in found)


def _has_row(warehouse: Warehouse, name: str, record_id: str) -> bool:
    found = warehouse.query(f"SELECT id FROM {name} WHERE id = ?", (record_id,))
    return len(found["id"]) > 0

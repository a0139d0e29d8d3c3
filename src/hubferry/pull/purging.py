"""Empties one record everywhere at once, for a person who asked to be forgotten."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hubferry.config.model import PullBlock, StreamBlock
from hubferry.errors import UnknownNameError
from hubferry.hubspot.client import Client
from hubferry.hubspot.readers.batch import fetch_by_ids
from hubferry.pull import erasure
from hubferry.pull.catalog import fetch_catalog
from hubferry.pull.pulling import Pulling
from hubferry.pull.session import open_session
from hubferry.pull.storage import CURRENT, Storage
from hubferry.state.store import StateStore
from hubferry.streams.definition import Stream
from hubferry.types import Quiet
from hubferry.warehouse.interface import Warehouse


@dataclass(frozen=True)
class PurgeReport:
    """What a purge did."""

    run_id: str
    object: str
    record_id: str
    stored: bool
    """A table of the object had a row of it."""
    schemas: tuple[str, ...]
    """The schemas whose tables had one."""
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
    """Take everything that a record said out of every schema of its portal; its key, and that it was there, stay."""
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
        stamp = pulling.stamp()
        places = _find_places(pulling, stream, record_id)
        with pulling.lease.transaction() as tx:
            erasure.erase_everywhere(tx, stream, places, [record_id], stamp)
            for _, storage in places:
                if storage is not None:
                    storage.append_written(tx, stamp)
    schemas = tuple(each.schema for each, storage in places if storage is not None)
    state.finish_run(pulling.run_id, "done", {"purged": len(schemas)})
    return PurgeReport(pulling.run_id, stream.object.name, record_id, bool(schemas), schemas, record_id in found)


def _find_places(pulling: Pulling, stream: Stream, record_id: str) -> list[tuple[Pulling, Storage | None]]:
    """Give each schema that the portal was pulled into, with the stream's tables there; None: they have no row of the record."""
    own, known = pulling.schema, pulling.state.query_schemas(pulling.portal_id)
    places: list[tuple[Pulling, Storage | None]] = []
    for schema in (own, *(each for each in known if each.lower() != own.lower())):
        there = _in_schema(pulling, schema)
        storage = there.storage_of(stream)
        name = there.warehouse.name(storage.current.schema, storage.current.name)
        stored = bool(storage.current.columns) and _has_row(there.warehouse, name, record_id)
        places.append((there, storage if stored else None))
    return places


def _in_schema(pulling: Pulling, schema: str) -> Pulling:
    """Turn to another schema; how its rows are stored is seen by its tables, since another project may have pulled them."""
    tables = set(pulling.warehouse.query_tables(schema))
    kept = {
        each.name: StreamBlock(storage="append") for each in pulling.catalog.streams if each.name + CURRENT in tables
    }
    return replace(pulling, block=pulling.block.model_copy(update={"schema_": schema, "streams": kept}))


def _has_row(warehouse: Warehouse, name: str, record_id: str) -> bool:
    found = warehouse.query(f"SELECT id FROM {name} WHERE id = ?", (record_id,))
    return len(found["id"]) > 0

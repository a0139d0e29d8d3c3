"""What the control server tells of things that stand beside records: links, histories, definitions, the account.

Each is a stream that a connector reads with calls of several families, so none of them owns it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hubspot_emulator import (
    account,
    association_labels,
    email_campaigns,
    list_routes,
    pipeline_store,
    properties,
    rendering,
)
from hubspot_emulator.association_types import Direction
from hubspot_emulator.family import Family
from hubspot_emulator.object_types import ObjectType
from hubspot_emulator.storage import State

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

Rows = Iterator[dict[str, Any]]


def links(portal: Portal) -> Rows:
    """Give every link of two live records, a line a type and direction."""
    live: dict[str, frozenset[int]] = {}
    for kind in portal.types:
        sql = f"SELECT id FROM {portal.table(kind.type_id).name} WHERE state = {State.LIVE:d}"
        live[kind.type_id] = frozenset(record_id for (record_id,) in portal.db.execute(sql))
    types = {
        kind: (from_type, to_type, {"category": category, "typeId": type_id, "label": label})
        for kind, from_type, to_type, category, type_id, label in portal.db.execute(
            "SELECT kind, from_type, to_type, category, type_id, label FROM association_types"
        )
    }
    for from_id, kind, to_id in portal.db.execute("SELECT from_id, kind, to_id FROM associations"):
        from_type, to_type, named = types[kind]
        if from_id in live.get(from_type, ()) and to_id in live.get(to_type, ()):
            yield {
                "state": "live",
                "fromObject": portal.types.resolve(from_type).name,
                "fromId": str(from_id),
                "toObject": portal.types.resolve(to_type).name,
                "toId": str(to_id),
                **named,
            }


def association_types(portal: Portal) -> Rows:
    """Give every association type of every direction, as the calls for labels show it."""
    for found in portal.types:
        for other in portal.types:
            for each in Direction(portal.db, found.type_id, other.type_id).by_key.values():
                ends = {"fromObject": found.name, "toObject": other.name}
                yield {"state": "live", **ends, **association_labels.render_type(each)}


def histories(portal: Portal) -> Rows:
    """Give every version of every property that a record of any state but erased has or had, newest first."""
    for kind in portal.types:
        for row in portal.table(kind.type_id).all_rows():
            if row.state in (State.GONE, State.MERGED):
                continue
            whose = {
                "object": kind.name,
                "id": str(row.id),
                "state": "live" if row.state == State.LIVE else "archived",
            }
            for name, versions in rendering.history(portal, kind, row, None).items():
                yield from (whose | {"property": name} | version for version in versions)


def definitions(portal: Portal) -> Rows:
    """Give every property of every object type, archived ones too."""
    for kind in portal.types:
        for definition in portal.properties(kind.type_id).values():
            state = "archived" if definition.archived else "live"
            yield {"object": kind.name, "state": state, **definition.raw}


def groups(portal: Portal) -> Rows:
    """Give every property group of every object type."""
    for kind in portal.types:
        for group in properties.groups_of(portal, kind).values():
            yield {"object": kind.name, "state": "live", **group}


def pipelines(portal: Portal) -> Rows:
    """Give every pipeline of every object type, without its stages."""
    for kind, pipeline in _pipelines(portal):
        yield {"object": kind.name, "state": "live", **{k: v for k, v in pipeline.items() if k != "stages"}}


def stages(portal: Portal) -> Rows:
    """Give every stage of every pipeline."""
    for kind, pipeline in _pipelines(portal):
        for stage in pipeline["stages"]:
            yield {"object": kind.name, "pipelineId": pipeline["id"], "state": "live", **stage}


def _pipelines(portal: Portal) -> Iterator[tuple[ObjectType, dict[str, Any]]]:
    for kind in portal.types:
        for pipeline in pipeline_store.read(portal, kind.type_id):
            yield kind, pipeline


def archived_deals(portal: Portal) -> Rows:
    """Give the deals in the bin."""
    return (row for row in portal.truth("0-3") if row["state"] == "archived")


FAMILY = Family(
    truths={
        "account_info": account.truth,
        "association_labels": association_types,
        "associations": links,
        "campaigns": email_campaigns.truth,
        "contact_lists": list_routes.truth,
        "deals_archived": archived_deals,
        "pipeline_stages": stages,
        "pipelines": pipelines,
        "properties": definitions,
        "property_groups": groups,
        "property_history": histories,
    }
)

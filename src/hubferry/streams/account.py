"""The streams of what a portal is set up with: owners and pipelines."""

from __future__ import annotations

from collections.abc import Mapping

from hubferry.objects import BY_NAME
from hubferry.streams import parse
from hubferry.streams.definition import RECORD_COLUMNS, SideTable, Stream
from hubferry.types import ColumnType

_LABELLED: Mapping[str, ColumnType] = {**RECORD_COLUMNS, "label": "string", "display_order": "integer"}


def _pipelines(name: str, object_name: str) -> Stream:
    """Build the stream of one object's pipelines; the tables of all objects' pipelines and stages come with it."""
    scope = {"object": object_name}
    stage_columns: Mapping[str, ColumnType] = {
        "pipeline_id": "string",
        **_LABELLED,
        "is_closed": "boolean",
        "metadata": "json",
    }
    return Stream(
        name=name,
        doc="crm/pipelines",
        reader="pages",
        path=f"/crm/pipelines/{{version}}/{object_name}",
        scopes=BY_NAME[object_name].read_scopes,
        strategy="full_refresh",
        columns={**_LABELLED, "stages": "json"},
        parse=parse.parse_pipeline,
        side_tables=(
            SideTable(name="pipelines", columns=_LABELLED, key=("id",), scope=scope, parse=parse.parse_pipeline_alone),
            SideTable(
                name="pipeline_stages",
                columns=stage_columns,
                key=("pipeline_id", "id"),
                scope=scope,
                parse=parse.parse_stages,
            ),
        ),
    )


DEAL_PIPELINES = _pipelines("deal_pipelines", "deals")
OWNERS = Stream(
    name="owners",
    doc="crm/owners",
    reader="pages",
    path="/crm/owners/{version}",
    scopes=(frozenset({"crm.objects.owners.read"}),),
    strategy="full_refresh",
    columns={
        **RECORD_COLUMNS,
        "email": "string",
        "type": "string",
        "first_name": "string",
        "last_name": "string",
        "user_id": "integer",
        "user_id_including_inactive": "integer",
        "teams": "json",
    },
    # An archived owner is in the second list only, and without a date of it.
    passes=((("limit", "500"), ("archived", "false")), (("limit", "500"), ("archived", "true"))),
    parse=parse.parse_owner,
)
TICKET_PIPELINES = _pipelines("ticket_pipelines", "tickets")

STREAMS = (DEAL_PIPELINES, OWNERS, TICKET_PIPELINES)

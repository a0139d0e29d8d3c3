"""The streams of what a portal is set up with: owners, users, teams, pipelines, its own details."""

from __future__ import annotations

from collections.abc import Mapping

from hubferry.objects import BY_NAME
from hubferry.streams import parse
from hubferry.streams.definition import RECORD_COLUMNS, Parents, SideTable, Stream
from hubferry.types import ColumnType

_LABELLED: Mapping[str, ColumnType] = {**RECORD_COLUMNS, "label": "string", "display_order": "integer"}
_USERS = (frozenset({"settings.users.read"}), frozenset({"crm.objects.users.read"}))
_STAGE: Mapping[str, ColumnType] = {
    "pipeline_id": "string",
    **_LABELLED,
    "is_closed": "boolean",
    "metadata": "json",
}


def _pipelines(name: str, object_name: str) -> Stream:
    """Build the stream of one object's pipelines; the tables of all objects' pipelines and stages come with it."""
    return Stream(
        name=name,
        doc="crm/pipelines",
        reader="pages",
        path=f"/crm/pipelines/{{version}}/{object_name}",
        paging="none",
        scopes=BY_NAME[object_name].read_scopes,
        columns={**_LABELLED, "stages": "json"},
        cursor="updated_at",
        unfold=parse.unfold_pipeline,
        side_tables=pipeline_tables(object_name),
    )


def pipeline_tables(object_name: str) -> tuple[SideTable, SideTable]:
    """Give the tables of all objects' pipelines and stages, as far as one object fills them."""
    scope = {"object": object_name}
    pipelines = SideTable(
        name="pipelines", columns=_LABELLED, key=("id",), scope=scope, unfold=parse.unfold_pipeline_alone
    )
    stages = SideTable(
        name="pipeline_stages", columns=_STAGE, key=("pipeline_id", "id"), scope=scope, unfold=parse.unfold_stages
    )
    return pipelines, stages


PIPELINE_OBJECTS = (
    "appointments",
    "companies",
    "contacts",
    "courses",
    "deals",
    "leads",
    "listings",
    "orders",
    "projects",
    "services",
    "tickets",
)
"""Objects whose records go through pipelines, or have a lifecycle; custom ones may."""

ACCOUNT = Stream(
    name="account",
    doc="account/account-information",
    reader="pages",
    path="/account-info/{version}/details",
    results=None,
    paging="none",
    scopes=(),
    key=("portal_id",),
    columns={
        "portal_id": "integer",
        "portal_name": "string",
        "account_type": "string",
        "created_at": "timestamp",
        "time_zone": "string",
        "utc_offset": "string",
        "utc_offset_milliseconds": "integer",
        "company_currency": "string",
        "additional_currencies": "strings",
        "ui_domain": "string",
        "data_hosting_location": "string",
    },
)
API_USAGE = Stream(
    name="api_usage",
    doc="account/account-information",
    reader="pages",
    path="/account-info/{version}/api-usage/daily/private-apps",
    paging="none",
    scopes=(),
    # One row a day: the day ends when the count begins anew.
    key=("name", "resets_at"),
    columns={
        "name": "string",
        "resets_at": "timestamp",
        "usage_limit": "integer",
        "current_usage": "integer",
        "collected_at": "timestamp",
        "fetch_status": "string",
    },
    deletes=False,
    steady=False,
)
ASSOCIATION_LABELS = Stream(
    name="association_labels",
    doc="crm/associations",
    reader="children",
    path="/crm/associations/{version}/{parent}/labels",
    paging="none",
    # The ends' own scopes, which the project's streams need anyhow.
    scopes=(BY_NAME["contacts"].read_scopes[0], BY_NAME["companies"].read_scopes[0], BY_NAME["deals"].read_scopes[0]),
    key=("from_object", "to_object", "category", "type_id"),
    columns={
        "from_object": "string",
        "to_object": "string",
        "category": "string",
        "type_id": "integer",
        "label": "string",
    },
    parents=Parents(source="pairs", columns=("from_object", "to_object")),
)
DEAL_PIPELINES = _pipelines("deal_pipelines", "deals")
OBJECT_SCHEMAS = Stream(
    name="object_schemas",
    doc="crm/objects/schemas",
    reader="pages",
    path="/crm-object-schemas/{version}/schemas",
    paging="none",
    scopes=(frozenset({"crm.schemas.custom.read"}), frozenset({"crm.objects.custom.read"})),
    columns={
        "id": "string",
        "created_at": "timestamp",
        "updated_at": "timestamp",
        "archived": "boolean",
        "object_type_id": "string",
        "name": "string",
        "fully_qualified_name": "string",
        "labels": "json",
        "primary_display_property": "string",
        "secondary_display_properties": "strings",
        "required_properties": "strings",
        "searchable_properties": "strings",
        "associations": "json",
        "properties": "json",
    },
    cursor="updated_at",
)
OWNERS = Stream(
    name="owners",
    doc="crm/owners",
    reader="pages",
    path="/crm/owners/{version}",
    params=(("limit", "500"),),
    scopes=(frozenset({"crm.objects.owners.read"}),),
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
    cursor="updated_at",
    # An archived owner is in the second list only, and without a date of it.
    passes=((("archived", "false"),), (("archived", "true"),)),
    side_tables=(
        SideTable(
            name="owner_teams",
            columns={"owner_id": "string", "team_id": "string", "name": "string", "primary": "boolean"},
            key=("owner_id", "team_id"),
            unfold=parse.unfold_owner_teams,
        ),
    ),
)
PIPELINES = Stream(
    name="pipelines",
    doc="crm/pipelines",
    reader="children",
    path="/crm/pipelines/{version}/{parent}",
    paging="none",
    # Any object's read scope opens every object's pipelines.
    scopes=tuple(scopes for name in PIPELINE_OBJECTS for scopes in BY_NAME[name].read_scopes),
    key=("object", "id"),
    columns={"object": "string", **_LABELLED},
    cursor="updated_at",
    unfold=parse.unfold_pipeline_alone,
    parents=Parents(
        source="objects",
        objects=PIPELINE_OBJECTS,
        columns=("object",),
        refused=("Unable to infer object type",),
    ),
    side_tables=pipeline_tables("{parent}")[1:],
)
ROLES = Stream(
    name="roles",
    doc="settings/users",
    reader="pages",
    path="/settings/users/2026-03/roles",
    paging="none",
    scopes=_USERS,
    columns={"id": "string", "name": "string", "requires_billing_write": "boolean"},
)
SETTINGS_USERS = Stream(
    name="settings_users",
    doc="settings/users",
    reader="pages",
    path="/settings/users/2026-03",
    params=(("limit", "100"),),
    scopes=_USERS,
    columns={
        "id": "string",
        "email": "string",
        "first_name": "string",
        "last_name": "string",
        "role_id": "string",
        "role_ids": "strings",
        "primary_team_id": "string",
        "secondary_team_ids": "strings",
        "seat_names": "strings",
        "super_admin": "boolean",
    },
)
TEAMS = Stream(
    name="teams",
    doc="settings/users",
    reader="pages",
    path="/settings/users/2026-03/teams",
    paging="none",
    scopes=(frozenset({"settings.users.teams.read"}),),
    columns={"id": "string", "name": "string", "user_ids": "strings", "secondary_user_ids": "strings"},
    side_tables=(
        SideTable(
            name="team_users",
            columns={"team_id": "string", "user_id": "string", "secondary": "boolean"},
            key=("team_id", "user_id"),
            unfold=parse.unfold_team_users,
        ),
    ),
)
TICKET_PIPELINES = _pipelines("ticket_pipelines", "tickets")

STREAMS = tuple(each for each in vars().values() if isinstance(each, Stream))

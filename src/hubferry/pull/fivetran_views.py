"""Views in the shape of Fivetran's HubSpot tables, so that dbt models written for those run on ours.

A view is made where its table is, of the columns that the table has; dbt's staging models fill the others with NULL. Ids
are numbers there and texts here, and a row is deleted there by a flag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from hubferry.pull.fivetran_tables import ID, VIEWS, View
from hubferry.pull.pulling import Pulling
from hubferry.types import Column, Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import Warehouse

_LIST = "_hubferry_views"
_NAMED = re.compile(r"{(.+?)}")
"""A column of ours in an expression."""


def merge_views(pulling: Pulling, schema: str) -> None:
    """Make the views whose tables are there, anew; the table `_hubferry_views` beside them lists them."""
    warehouse, rows = pulling.warehouse, []
    listed = Table(schema, _LIST, (Column("name", "string"), Column("made_at", "timestamp")), ("name",))
    warehouse.ensure_table(listed)
    for view in VIEWS:
        stream = pulling.catalog.by_name.get(view.stream)
        table = view.stream if stream is None else pulling.storage_of(stream).current.name
        stored = warehouse.query_columns(pulling.schema, table)
        if stored:
            source = warehouse.name(pulling.schema, table)
            select = render(warehouse, view, source, stored, _properties(pulling, view), pulling.portal_id)
            name = warehouse.name(schema, view.name)
            with warehouse.transaction() as tx:  # alone in it: Snowflake ends a transaction where a view is made
                tx.execute(f"DROP VIEW IF EXISTS {name}")
                tx.execute(f"CREATE VIEW {name} AS {select}")
            rows.append({"name": view.name, "made_at": pulling.client.now()})
    with pulling.lease.transaction() as tx:
        tx.merge(listed, table_from_rows(listed, rows))


def render(
    warehouse: Warehouse,
    view: View,
    source: str,
    stored: tuple[Column, ...],
    properties: Mapping[str, str],
    portal_id: int,
) -> str:
    """Give the SELECT of one view; `properties` are columns by property."""
    quote, present = warehouse.quote, {column.name: column.type for column in stored}
    columns = list(_columns(warehouse, view, present, properties))
    columns += [f"{portal_id} AS {quote('portal_id')}"] if view.portal else []
    conditions = [f"t.{quote(name)} IN ({_texts(value)})" for name, value in view.where.items()]
    if view.merged:
        conditions.append(f"t.{quote('_hubferry_deleted_reason')} = 'merged'")
    elif not view.deleted and "_hubferry_deleted_at" in present:
        conditions.append(f"t.{quote('_hubferry_deleted_at')} IS NULL")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    synced = f"t.{quote('_hubferry_synced_at')}"
    if not view.once:
        return f"SELECT {', '.join(columns)}, {synced} AS {quote('_fivetran_synced')} FROM {source} AS t{where}"
    last = f"max({synced}) AS {quote('_fivetran_synced')}"
    groups = ", ".join(str(place) for place in range(1, len(columns) + 1))
    return f"SELECT {', '.join(columns)}, {last} FROM {source} AS t{where} GROUP BY {groups}"


def _texts(value: str | tuple[str, ...]) -> str:
    return ", ".join(f"'{each}'" for each in ((value,) if isinstance(value, str) else value))


def _columns(
    warehouse: Warehouse, view: View, present: Mapping[str, str], properties: Mapping[str, str]
) -> Iterator[str]:
    quote = warehouse.quote
    for target, (ours, how) in view.columns.items():
        if ours in present:
            number = how == ID and present[ours] == "string"
            value = f"CAST(NULLIF(t.{quote(ours)}, '') AS BIGINT)" if number else f"t.{quote(ours)}"
            yield f"{value} AS {quote(target)}"
    for target, value in view.constants.items():
        yield f"'{value}' AS {quote(target)}"
    for target, expression in view.expressions.items():
        if {name.partition(".")[0] for name in _NAMED.findall(expression)} <= present.keys():
            yield f"{_NAMED.sub(lambda found: _render_named(warehouse, found[1]), expression)} AS {quote(target)}"
    taken = set(view.columns)
    for name, column in properties.items():
        target = f"property_{name}"
        if column in present and target not in taken:
            yield f"t.{quote(column)} AS {quote(target)}"
    for target in view.deleted:
        yield f"t.{quote('_hubferry_deleted_at')} IS NOT NULL AS {quote(target)}"


def _render_named(warehouse: Warehouse, name: str) -> str:
    column, *path = name.split(".")
    value = f"t.{warehouse.quote(column)}"
    return warehouse.text_at(value, path) if path else value


def _properties(pulling: Pulling, view: View) -> Mapping[str, str]:
    stream = pulling.catalog.by_name.get(view.stream)
    if not view.properties or stream is None or stream.object is None:
        return {}
    quote = pulling.warehouse.quote
    rows = pulling.warehouse.query(
        f"SELECT name, column_name FROM {pulling.warehouse.name(pulling.schema, 'properties')}"
        f" WHERE {quote('object')} = ? AND {quote('_hubferry_deleted_at')} IS NULL AND column_name IS NOT NULL ORDER BY name",
        (stream.object.name,),
    )
    return dict(zip(rows["name"].to_pylist(), rows["column_name"].to_pylist(), strict=True))

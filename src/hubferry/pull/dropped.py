"""Tables that somebody dropped: a cursor beside a new, empty table would hide every row that does not change again.

Looked at once a run, before any table is made: from then on a table that was dropped looks like one that is merely empty.
"""

from __future__ import annotations

from collections.abc import Iterable

from hubferry.errors import WarehouseError
from hubferry.pull.pulling import Pulling
from hubferry.pull.storage import CURRENT
from hubferry.state.tables import CURSORS, PARENTS

NOTE = "the table of {} was gone, so that everything was read again"


def forget_dropped(pulling: Pulling) -> None:
    """Forget how far streams were read whose tables are not there, and note their names in `pulling.dropped`."""
    with pulling.warehouse.session():
        cursors = pulling.state.cursors(pulling.portal_id, pulling.schema)
        needed = {name: _tables_of(pulling, name) for name in cursors}
        missing = _query_missing(pulling, {table for tables in needed.values() for table in tables})
        dropped = sorted(name for name, tables in needed.items() if not missing.isdisjoint(tables))
        if dropped:
            _delete(pulling, dropped)
    pulling.dropped.update(dropped)


def refuse_view(pulling: Pulling, name: str) -> None:
    """Raise WarehouseError where a view stands in the place of a stream's table."""
    if name in pulling.views:
        raise WarehouseError(
            f"{pulling.schema}.{name} is a view, and rows are written to a table: give the view another name or schema."
            " The next pull makes the table again and fills it."
        )


def _tables_of(pulling: Pulling, name: str) -> tuple[str, ...]:
    """Give the tables that a cursor's rows are in; the cursors of links and of versions have their object's name behind."""
    stream = name.partition(" ")[0]
    known = pulling.catalog.by_name.get(stream)
    return (stream, *((side.name for side in known.side_tables) if known is not None else ()))


def _query_missing(pulling: Pulling, tables: Iterable[str]) -> set[str]:
    """Give the tables that are not there, not even as a view or under the name of the rows as they are now."""
    warehouse, schema = pulling.warehouse, pulling.schema
    there = set(warehouse.query_tables(schema))
    absent = {name for name in set(tables) - there if name + CURRENT not in there}
    views = {name for name in absent if warehouse.query_columns(schema, name)}
    pulling.views.update(views)
    return absent - views


def _delete(pulling: Pulling, names: Iterable[str]) -> None:
    with pulling.lease.transaction() as tx:
        for table in (CURSORS, PARENTS):
            quoted = pulling.warehouse.name(table.table.schema, table.name)
            for name in names:
                tx.execute(
                    f"DELETE FROM {quoted} WHERE portal_id = ? AND stream = ?",
                    (pulling.portal_id, pulling.kept_as(name)),
                )

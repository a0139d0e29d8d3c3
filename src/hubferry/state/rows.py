"""Single rows of hubferry's own tables."""

from __future__ import annotations

from collections.abc import Mapping

from hubferry.state.tables import SCHEMA, StateTable
from hubferry.warehouse.arrow import clean_chunk, clean_json, table_from_rows
from hubferry.warehouse.interface import Transaction, Warehouse


def merge_row(tx: Transaction, warehouse: Warehouse, table: StateTable, row: Mapping[str, object]) -> None:
    """Make a table hold a row under its key; columns that the row lacks keep their values, and are NULL where it is new.

    For rows that are nearly always there and nearly always other than before: one statement, where a merge of a chunk takes
    several to find out which of them to write.
    """
    chunk = table_from_rows(table.table, [row]).select(list(row))
    (values,) = clean_json(table.table, clean_chunk(table.table, chunk)).to_pylist()
    kinds = {column.name: column.type for column in table.columns}
    written = [name for name in row if name not in table.key]
    assignments = ", ".join(
        f"{warehouse.quote(name)} = {warehouse.as_json('?') if kinds[name] == 'json' else '?'}" for name in written
    )
    where = " AND ".join(f"{warehouse.quote(name)} = ?" for name in table.key)
    params = [values[name] for name in (*written, *table.key)]
    if not tx.execute(f"UPDATE {warehouse.name(SCHEMA, table.name)} SET {assignments} WHERE {where}", params):
        tx.append(table.table, chunk)

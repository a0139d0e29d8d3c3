"""The rows of one list, or of one parent's, being made equal to what HubSpot shows: in parts, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa

from hubferry.errors import GuardError
from hubferry.pull.pulling import Pulling, Tally
from hubferry.pull.results import build_rows
from hubferry.pull.snapshots import IF_GONE, check_vanished, count_gone, count_live, mark_gone
from hubferry.pull.storage import Storage
from hubferry.state.crash import crashpoint
from hubferry.streams.definition import VOLATILE, Raw
from hubferry.warehouse.interface import MergeCounts, Transaction

PART = 10_000
"""Results that are written at once."""


class Listing:
    """One list being read. Rows are written as they come; only `finish` says that all of them were seen."""

    def __init__(
        self,
        pulling: Pulling,
        storage: Storage,
        tally: Tally,
        *,
        scope: Mapping[str, str] | None = None,
        guarded: bool = True,
        size: int | None = None,
        erasable: bool = False,
    ) -> None:
        """`size` is what HubSpot itself counts, where it does; `erasable` rows stay empty once they were erased."""
        self._size, self._erasable = size, erasable
        self._pulling, self._storage, self._tally = pulling, storage, tally
        self._table = storage.current
        self._scope, self._guarded = scope or {}, guarded
        self._waiting: list[Raw] = []
        self._seen: list[pa.Table] = []

    def add(self, raws: Iterable[Raw]) -> None:
        """Take results in; of those with one key the last one holds."""
        self._waiting += raws
        if len(self._waiting) >= PART:
            with self._storage.transaction(self._pulling.stamp()) as tx:
                counts, unparsed = self._merge(tx)
                crashpoint("pull.chunk_merged")
            self._count(counts, unparsed)

    def keep(self, keys: pa.Table) -> None:
        """Note rows that are there and need not be written."""
        self._seen.append(keys)
        self._tally.merged += MergeCounts(unchanged=len(keys))

    def finish(self, settle: Callable[[Transaction], None], *, sweep: bool) -> None:
        """Write what is left and, with `sweep`, mark rows that were not seen; `settle` is part of the transaction.

        Raises GuardError, after the commit and without having marked any row or settled, where suspiciously many were not
        seen.
        """
        pulling, gone, doubt = self._pulling, 0, None
        with self._storage.transaction(pulling.stamp()) as tx:
            counts, unparsed = self._merge(tx)
            if sweep:
                crashpoint("pull.before_sweep")
                keys = self._all_seen()
                doubt = self._doubt(tx, keys)
                if doubt is None:
                    gone = mark_gone(tx, pulling.warehouse, self._table, keys, self._scope, pulling.stamp())
            if doubt is None:
                settle(tx)
            crashpoint("pull.chunk_merged")
        self._count(counts, unparsed)
        self._tally.deleted += gone
        if doubt is not None:
            raise doubt

    def _merge(self, tx: Transaction) -> tuple[MergeCounts, int]:
        chunk = build_rows(self._table, self._waiting, self._scope, self._pulling.stamp())
        self._waiting = []
        self._seen.append(chunk.rows.select(list(self._table.key)))
        return tx.merge(self._table, self._without_erased(tx, chunk.rows), volatile=VOLATILE), chunk.unparsed

    def _without_erased(self, tx: Transaction, rows: pa.Table) -> pa.Table:
        """Leave out what was erased here: HubSpot may list what was told of a person after the person is gone."""
        if not self._erasable or not len(rows):
            return rows
        warehouse, key = self._pulling.warehouse, self._table.key
        quote, keys = warehouse.quote, rows.select(list(key))
        same = " AND ".join(f"r.{quote(name)} = t.{quote(name)}" for name in key)
        with tx.register("read", keys) as read:
            found = tx.query(
                f"SELECT {', '.join(f't.{quote(name)}' for name in key)}"
                f" FROM {warehouse.name(self._table.schema, self._table.name)} AS t JOIN {read} AS r ON {same}"
                f" WHERE t.{quote('_hubferry_deleted_reason')} = 'erased'"
            )
        erased = {tuple(row.values()) for row in found.to_pylist()}
        return rows.filter([tuple(row.values()) not in erased for row in keys.to_pylist()]) if erased else rows

    def _all_seen(self) -> pa.Table:
        return pa.concat_tables(self._seen).combine_chunks()

    def _doubt(self, tx: Transaction, keys: pa.Table) -> GuardError | None:
        if not self._guarded or self._is_counted(keys):
            return None
        warehouse = self._pulling.warehouse
        vanished = count_gone(tx, warehouse, self._table, keys, self._scope)
        try:
            live = count_live(tx, warehouse, self._table, self._scope)
            check_vanished(self._what, vanished, live, allowed=self._pulling.allow_deletes)
            self._check_size(keys, live)
        except GuardError as error:
            return error
        return None

    def _is_counted(self, keys: pa.Table) -> bool:
        """Say whether HubSpot lists just as many as it counts: then what is not listed has left, however much that is."""
        return self._size is not None and self._size == keys.group_by(keys.column_names).aggregate([]).num_rows

    @property
    def _what(self) -> str:
        return " ".join([self._table.name, *(f"of {name} {value}" for name, value in self._scope.items())])

    def _check_size(self, keys: pa.Table, live: int) -> None:
        """Raise GuardError where HubSpot counts what it does not list."""
        if self._size and live and not len(keys) and not self._pulling.allow_deletes:
            raise GuardError(
                f"{self._what}: HubSpot counts {self._size:,} and lists none; the {live:,} rows were left as they are, and"
                f" the next pull looks again. {IF_GONE}"
            )

    def _count(self, counts: MergeCounts, unparsed: int) -> None:
        self._tally.merged += counts
        self._tally.unparsed += unparsed

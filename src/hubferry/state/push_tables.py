"""The tables that push keeps in the warehouse: ledger, links, plans, journal, rejected rows. Data only.

`journal` rows are intents while `state` is `intended`, results afterwards; nothing is sent before its intent is committed.
"""

from __future__ import annotations

from hubferry.types import Column, Table

SCHEMA = "hubferry"


def _table(name: str, key: tuple[str, ...], **columns: str) -> Table:
    return Table(SCHEMA, name, tuple(Column(column, kind) for column, kind in columns.items()), key)


LEDGER = _table(
    "ledger",
    ("portal_id", "sync", "row_key"),
    portal_id="integer",
    sync="string",
    row_key="string",
    object="string",
    record_id="string",
    row_hash="string",  # of the encoded row, links included: what `push` compares with
    sent="json",  # property -> text as we sent it
    stored="json",  # property -> text as HubSpot stored it: the base of the next comparison
    created="boolean",  # the record was made by this sync
    due="boolean",  # to be looked at again although the row did not change: rejected, skipped, unknown
    run_id="string",
    written_at="timestamp",
)
LINKS = _table(
    "links",
    ("portal_id", "sync", "from_object", "from_id", "to_object", "to_id", "category", "type_id"),
    portal_id="integer",
    sync="string",
    row_key="string",
    from_object="string",
    from_id="string",
    to_object="string",
    to_id="string",
    category="string",
    type_id="integer",
    label="string",
    added="boolean",  # false: wanted by the sync, but it stood there before us; never removed by us
    before="json",  # [[category, type_id], ...] on the pair before our first write
    run_id="string",
    written_at="timestamp",
)
PLANS = _table(
    "plans",
    ("plan_id",),
    plan_id="string",
    portal_id="integer",
    state="string",  # drafting, ready, applied, superseded
    header="json",
    run_id="string",
    created_at="timestamp",
    applied_at="timestamp",
)
PLAN_STEPS = _table(
    "plan_steps",
    ("plan_id", "number"),
    plan_id="string",
    number="integer",
    sync="string",
    kind="string",
    row_key="string",
    record_id="string",
    step="json",
)
JOURNAL = _table(
    "journal",
    ("plan_id", "number"),
    plan_id="string",
    number="integer",
    portal_id="integer",
    run_id="string",
    sync="string",
    row_key="string",
    state="string",  # intended; then applied, rejected, skipped, unknown
    record_id="string",
    reason="string",
    written_at="timestamp",
)
REJECTED = _table(
    "rejected",
    ("portal_id", "sync", "row_key", "detail"),
    portal_id="integer",
    sync="string",
    row_key="string",
    detail="string",  # what of the row: `row`, a column, or a link
    state="string",  # invalid, rejected, skipped, unknown
    step="string",
    message="string",
    category="string",
    correlation_id="string",
    advice="string",
    run_id="string",
    recorded_at="timestamp",
)

TABLES: tuple[Table, ...] = (LEDGER, LINKS, PLANS, PLAN_STEPS, JOURNAL, REJECTED)

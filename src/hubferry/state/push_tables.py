"""The tables that push keeps in the warehouse: ledger, links, plans, journal, rejected rows. Data only.

Rows of `journal` are intents while their state is `intended` and results afterwards; nothing is sent before its intent is
committed.
"""

from __future__ import annotations

from hubferry.state.tables import StateColumn, StateTable

_PORTAL = StateColumn("portal_id", "integer", "the HubSpot account")
_SYNC = StateColumn("sync", "string", "the sync")
_ROW = StateColumn("row_key", "string", "the row's key, as text")
_RUN = StateColumn("run_id", "string", "the run that wrote this")
_PLAN = StateColumn("plan_id", "string", "the plan")
_NUMBER = StateColumn("number", "integer", "the step's place in the plan")

LEDGER = StateTable(
    "ledger",
    "Which record each row of a sync is, and what HubSpot held of it after our last look.",
    (
        _PORTAL,
        _SYNC,
        _ROW,
        StateColumn("object", "string", "the record's object"),
        StateColumn("record_id", "string", "the record"),
        StateColumn(
            "row_hash", "string", "of the encoded row, links included; `push` reads only rows where it differs"
        ),
        StateColumn("sent", "json", "property -> text as we sent it"),
        StateColumn("stored", "json", "property -> text as HubSpot stored it: the base of the next comparison"),
        StateColumn("created", "boolean", "the record was made by this sync"),
        _RUN,
        StateColumn("written_at", "timestamp", "when this was written"),
    ),
    key=("portal_id", "sync", "row_key"),
)
LINKS = StateTable(
    "links",
    "Which types of link each row of a sync asked for; `added` ones are ours to remove.",
    (
        _PORTAL,
        _SYNC,
        _ROW,
        StateColumn("from_object", "string", "the row's object"),
        StateColumn("from_id", "string", "the row's record"),
        StateColumn("to_object", "string", "the other object"),
        StateColumn("to_id", "string", "the other record"),
        StateColumn("category", "string", "HUBSPOT_DEFINED, USER_DEFINED or INTEGRATOR_DEFINED"),
        StateColumn("type_id", "integer", "the type, in the direction from the row's record"),
        StateColumn("label", "string", "its label at that time; NULL: unlabelled"),
        StateColumn("added", "boolean", "the type was not on the pair before our first write"),
        StateColumn("before", "json", "[[category, type id, label], ..] on the pair before our first write"),
        _RUN,
        StateColumn("written_at", "timestamp", "when this was written"),
    ),
    key=("portal_id", "sync", "from_object", "from_id", "to_object", "to_id", "category", "type_id"),
)
PLANS = StateTable(
    "plans",
    "Every plan: what it does in numbers, its cost, its guards.",
    (
        _PLAN,
        _PORTAL,
        StateColumn("state", "string", "drafting, ready, applying, applied or superseded"),
        StateColumn("header", "json", "the plan without its steps"),
        StateColumn("run_id", "string", "the run that made it"),
        StateColumn("created_at", "timestamp", "when it was made"),
    ),
    key=("plan_id",),
)
PLAN_STEPS = StateTable(
    "plan_steps",
    "The steps of every plan, with old and new values.",
    (
        _PLAN,
        _NUMBER,
        _SYNC,
        StateColumn(
            "kind", "string", "what it does: create, update, archive, hold, set_links, create_property, invalid ..."
        ),
        _ROW,
        StateColumn("record_id", "string", "the record, where it exists"),
        StateColumn("step", "json", "the step"),
    ),
    key=("plan_id", "number"),
)
PLAN_ROWS = StateTable(
    "plan_rows",
    "Which record each row of a plan is, while it is being made: two rows on one record are found here. Emptied afterwards.",
    (
        _PLAN,
        _SYNC,
        _ROW,
        StateColumn("record_id", "string", "the row's record, where it exists"),
        StateColumn(
            "match_value", "string", "hash of the value that the row is matched by, in the form that is compared"
        ),
        StateColumn("number", "integer", "its step, where it has one"),
        StateColumn("bucket", "string", "unchanged, creates, updates or held"),
        StateColumn("clears", "integer", "filled properties that become empty"),
        StateColumn("matched", "boolean", "its record exists"),
        StateColumn("noted", "boolean", "the plan wrote it into the ledger"),
        StateColumn("known", "boolean", "the ledger had it before"),
        StateColumn(
            "wanted",
            "string",
            "JSON: property -> hash of what the row asks for, of properties that another sync writes, too",
        ),
    ),
    key=("plan_id", "sync", "row_key"),
)
ENCODED_ROWS = StateTable(
    "encoded_rows",
    "What each source row was when it was last encoded: one whose digest is the same, and done by the ledger, is not read again.",
    (
        _PORTAL,
        _SYNC,
        _ROW,
        StateColumn(
            "encoding", "string", "hash of what decides how rows are encoded: the sync, properties, options, labels"
        ),
        StateColumn("digest", "string", "of the row's columns, made by the warehouse"),
        StateColumn("row_hash", "string", "of the encoded row, as in the ledger"),
        StateColumn(
            "match_value", "string", "hash of the value that the row is matched by, in the form that is compared"
        ),
    ),
    key=("portal_id", "sync", "row_key"),
)
JOURNAL = StateTable(
    "journal",
    "What became of each step that was begun: intended before it is sent, its result afterwards.",
    (
        _PLAN,
        _NUMBER,
        _PORTAL,
        _SYNC,
        _ROW,
        StateColumn("state", "string", "intended, then applied, rejected, skipped or unknown"),
        StateColumn("record_id", "string", "the record written"),
        StateColumn("reason", "string", "why it was rejected, skipped or is unknown"),
        _RUN,
        StateColumn("written_at", "timestamp", "when this was written"),
    ),
    key=("plan_id", "number"),
)
REJECTED = StateTable(
    "rejected",
    "What could not be done at the last look: rows, columns and links, each with its reason and what to do.",
    (
        _PORTAL,
        _SYNC,
        _ROW,
        StateColumn("detail", "string", "what of the row: `row`, a property, or a link"),
        StateColumn("state", "string", "invalid, rejected, skipped or unknown"),
        StateColumn("step", "string", "what was to be done"),
        StateColumn("message", "string", "the reason, HubSpot's own words where it refused"),
        StateColumn("category", "string", "HubSpot's category"),
        StateColumn("correlation_id", "string", "HubSpot's correlation id, for its support"),
        StateColumn("advice", "string", "what to do"),
        _RUN,
        StateColumn("recorded_at", "timestamp", "when this was written"),
    ),
    key=("portal_id", "sync", "row_key", "detail"),
)

HOLDS = StateTable(
    "holds",
    "Syncs that push leaves alone until `hubferry resume`.",
    (
        _PORTAL,
        _SYNC,
        StateColumn("reason", "string", "why"),
        StateColumn("held_at", "timestamp", "since when"),
    ),
    key=("portal_id", "sync"),
)

ROW_STATES = StateTable(
    "row_states",
    "Rows that are not tried now: refused by HubSpot a short while ago, or skipped by a person.",
    (
        _PORTAL,
        _SYNC,
        _ROW,
        StateColumn("content", "string", "hash of the row that this is about; another one is tried at once"),
        StateColumn("attempts", "integer", "how often HubSpot refused it"),
        StateColumn("next_at", "timestamp", "when it is tried again; NULL: when it changes, or by `hubferry retry`"),
        StateColumn("skip", "string", "once (until it changes), always, or empty"),
        StateColumn("reason", "string", "HubSpot's words at the last refusal"),
        StateColumn("written_at", "timestamp", "when this was written"),
    ),
    key=("portal_id", "sync", "row_key"),
)

TABLES: tuple[StateTable, ...] = (
    ENCODED_ROWS,
    HOLDS,
    JOURNAL,
    LEDGER,
    LINKS,
    PLANS,
    PLAN_ROWS,
    PLAN_STEPS,
    REJECTED,
    ROW_STATES,
)

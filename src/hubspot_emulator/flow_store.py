"""Workflows as they are kept: one flow a row, with the older id that contact workflows have, and every revision."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import timestamps
from hubspot_emulator.samples import DAY_MS, WORDS

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS flows (id INTEGER PRIMARY KEY, workflow_id INTEGER UNIQUE, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS flow_revisions (
    flow_id INTEGER, revision INTEGER, at_ms INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (flow_id, revision)
) WITHOUT ROWID;
"""

Flow = dict[str, Any]

CONTACT = "0-1"
FIRST_FLOW, FIRST_WORKFLOW, USER_ID = 321_690_519, 40_032_127, 12_282_590
_PLANS = (
    (CONTACT, "Welcome series"),
    (CONTACT, "Lead nurturing; spring"),
    (CONTACT, "Unnamed workflow - Mon Mar 15 2021 12:58:03 GMT+0200 (cloned)"),
    ("0-3", 'Deal won → notify "finance"'),
    ("0-5", "Ticket escalation"),
    ("0-2", "Firmen: Datenqualität 🧹"),
)


def find(portal: Portal, flow_id: str) -> Flow | None:
    """Give a flow by its id."""
    number = int(flow_id) if flow_id.isdecimal() and len(flow_id) < 19 else -1
    found = portal.db.execute("SELECT body FROM flows WHERE id = ?", (number,)).fetchone()
    return msgspec.json.decode(found[0]) if found else None


def page(portal: Portal, after: int, limit: int) -> list[Flow]:
    """Give flows behind an id, by id."""
    sql = "SELECT body FROM flows WHERE id > ? ORDER BY id LIMIT ?"
    return [msgspec.json.decode(body) for (body,) in portal.db.execute(sql, (after, limit))]


def workflows(portal: Portal) -> Iterator[tuple[int, Flow]]:
    """Give the flows that v3 knows, with the id it knows them by."""
    sql = "SELECT workflow_id, body FROM flows WHERE workflow_id IS NOT NULL ORDER BY workflow_id"
    for workflow_id, body in portal.db.execute(sql):
        yield workflow_id, msgspec.json.decode(body)


def mapping(portal: Portal, column: str, value: str) -> tuple[int, int] | None:
    """Give the flow id and the workflow id of one that has both; `column` is the name of the known one."""
    assert column in {"id", "workflow_id"}
    number = int(value) if value.isdecimal() and len(value) < 19 else -1
    sql = f"SELECT id, workflow_id FROM flows WHERE {column} = ? AND workflow_id IS NOT NULL"
    found: tuple[int, int] | None = portal.db.execute(sql, (number,)).fetchone()
    return found


def revision(portal: Portal, flow_id: str, revision_id: str) -> tuple[int, Flow] | None:
    """Give one revision and its moment."""
    if not (flow_id.isdecimal() and revision_id.isdecimal() and len(flow_id + revision_id) < 19):
        return None
    sql = "SELECT at_ms, body FROM flow_revisions WHERE flow_id = ? AND revision = ?"
    found = portal.db.execute(sql, (int(flow_id), int(revision_id))).fetchone()
    return (found[0], msgspec.json.decode(found[1])) if found else None


def add(portal: Portal, flow: Flow, at_ms: int) -> Flow:
    """Store a new flow under the next ids; contact flows have a workflow id beside theirs."""
    last = "SELECT coalesce(max(id), ?), coalesce(max(workflow_id), ?) FROM flows"
    flow_id, workflow_id = portal.db.execute(last, (FIRST_FLOW, FIRST_WORKFLOW)).fetchone()
    flow_id, workflow_id = flow_id + 7, workflow_id + 3
    moment = timestamps.render_ms(at_ms)
    whole = flow | {"id": str(flow_id), "revisionId": "1", "createdAt": moment, "updatedAt": moment}
    known = workflow_id if whole["objectTypeId"] == CONTACT else None
    portal.db.execute("INSERT INTO flows VALUES (?, ?, ?)", (flow_id, known, msgspec.json.encode(whole)))
    _remember(portal, whole, at_ms)
    return whole


def change(portal: Portal, flow: Flow, changes: Flow, at_ms: int) -> Flow:
    """Store what a flow is from now on, as its next revision."""
    number = str(int(flow["revisionId"]) + 1)
    whole = flow | changes | {"revisionId": number, "updatedAt": timestamps.render_ms(at_ms)}
    portal.db.execute("UPDATE flows SET body = ? WHERE id = ?", (msgspec.json.encode(whole), int(flow["id"])))
    _remember(portal, whole, at_ms)
    return whole


def delete(portal: Portal, flow_id: str) -> None:
    """Remove a flow and its revisions."""
    portal.db.execute("DELETE FROM flows WHERE id = ?", (int(flow_id),))
    portal.db.execute("DELETE FROM flow_revisions WHERE flow_id = ?", (int(flow_id),))


def _remember(portal: Portal, flow: Flow, at_ms: int) -> None:
    row = (int(flow["id"]), int(flow["revisionId"]), at_ms, msgspec.json.encode(flow))
    portal.db.execute("INSERT INTO flow_revisions VALUES (?, ?, ?, ?)", row)


def blank(object_type_id: str) -> Flow:
    """Build the parts that every flow has and a request may leave out."""
    contact = object_type_id == CONTACT
    parts: Flow = {
        "isEnabled": False,
        "flowType": "WORKFLOW",
        "nextAvailableActionId": "1",
        "actions": [],
        "timeWindows": [],
        "blockedDates": [],
        "customProperties": {},
        "dataSources": [],
        "crmObjectCreationStatus": "COMPLETE",
        "type": "CONTACT_FLOW" if contact else "PLATFORM_FLOW",
        "objectTypeId": object_type_id,
    }
    return parts | ({"suppressionListIds": [], "canEnrollFromSalesforce": False} if contact else {})


def fill(portal: Portal, seed: int) -> None:
    """Make the workflows of a portal."""
    rng = Random(f"flows {seed}")  # noqa: S311 - repeatable on purpose
    now_ms = portal.now_ms()
    for number, (object_type_id, name) in enumerate(_PLANS):
        created = now_ms - (600 - 60 * number) * DAY_MS + rng.randint(0, DAY_MS)
        action = {
            "actionId": "1",
            "actionTypeId": "0-1",
            "actionTypeVersion": 0,
            "fields": {"delta": str(rng.choice((1440, 2880))), "time_unit": "MINUTES"},
            "type": "SINGLE_CONNECTION",
        }
        flow = blank(object_type_id) | {
            "name": name,
            "isEnabled": rng.random() < 0.7,
            "startActionId": "1",
            "nextAvailableActionId": "2",
            "actions": [action],
            "uuid": f"{rng.getrandbits(32):08x}-0000-4000-8000-{rng.getrandbits(48):012x}",
            "customProperties": {"campaign": rng.choice(WORDS)} if rng.random() < 0.3 else {},
        }
        stored = add(portal, flow, created)
        if rng.random() < 0.5:
            change(portal, stored, {"isEnabled": True}, created + rng.randint(1, 40) * DAY_MS)

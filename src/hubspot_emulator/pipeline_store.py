"""A portal's pipelines: those that every portal has, until somebody changes them, and what was done to them since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from hubspot_emulator import timestamps

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

SCHEMA = """
CREATE TABLE IF NOT EXISTS pipelines (type_id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS pipeline_ids (number INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS pipeline_audit (
    seq INTEGER PRIMARY KEY, type_id TEXT NOT NULL, identifier TEXT NOT NULL, action TEXT NOT NULL,
    at_ms INTEGER NOT NULL, body BLOB NOT NULL);
"""

Json = dict[str, Any]

_FIRST_ID = 900_000_000
_USER_ID = 12_282_590
_NEVER = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One step of a pipeline."""

    stage_id: str
    label: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """One pipeline; built-in ones bear dates of 1970."""

    pipeline_id: str
    label: str
    stages: tuple[Stage, ...]
    created_at: str = _NEVER
    updated_at: str = _NEVER


def _deal(stage_id: str, label: str, probability: str) -> Stage:
    closed = probability in {"0.0", "1.0"}
    return Stage(
        stage_id=stage_id,
        label=label,
        metadata={"isClosed": "true" if closed else "false", "probability": probability},
    )


def _ticket(stage_id: str, label: str, state: str) -> Stage:
    return Stage(
        stage_id=stage_id,
        label=label,
        metadata={"isClosed": "true" if state == "CLOSED" else "false", "ticketState": state},
    )


_LIFECYCLE = tuple(
    Stage(stage_id=label.lower().replace(" ", ""), label=label, metadata={})
    for label in (
        "Subscriber",
        "Lead",
        "Marketing Qualified Lead",
        "Sales Qualified Lead",
        "Opportunity",
        "Customer",
        "Evangelist",
        "Other",
    )
)


def _plain(pipeline_id: str, label: str, *stages: tuple[str, str, bool]) -> tuple[Pipeline, ...]:
    """Build the one pipeline of a type from (id, label, whether it ends the way)."""
    built = (Stage(stage_id=i, label=name, metadata={"isClosed": str(ends).lower()}) for i, name, ends in stages)
    return (Pipeline(pipeline_id=pipeline_id, label=label, stages=tuple(built)),)


BUILT_IN: dict[str, tuple[Pipeline, ...]] = {
    "0-1": (Pipeline(pipeline_id="contacts-lifecycle-pipeline", label="Lifecycle Stage Pipeline", stages=_LIFECYCLE),),
    "0-2": (Pipeline(pipeline_id="companies-lifecycle-pipeline", label="Lifecycle Stage Pipeline", stages=_LIFECYCLE),),
    "0-3": (
        Pipeline(
            pipeline_id="default",
            label="Sales Pipeline",
            stages=(
                _deal("appointmentscheduled", "Appointment Scheduled", "0.2"),
                _deal("qualifiedtobuy", "Qualified To Buy", "0.4"),
                _deal("presentationscheduled", "Presentation Scheduled", "0.6"),
                _deal("decisionmakerboughtin", "Decision Maker Bought-In", "0.8"),
                _deal("contractsent", "Contract Sent", "0.9"),
                _deal("closedwon", "Closed Won", "1.0"),
                _deal("closedlost", "Closed Lost", "0.0"),
            ),
        ),
        Pipeline(
            pipeline_id="75800461",
            label="Renewals",
            stages=(
                _deal("141270873", "Up For Renewal", "0.5"),
                _deal("141270874", "Renewed", "1.0"),
                _deal("141270875", "Not Renewed", "0.0"),
            ),
            created_at="2025-04-03T12:58:52.529Z",
            updated_at="2025-04-03T12:59:10.749Z",
        ),
    ),
    "0-5": (
        Pipeline(
            pipeline_id="0",
            label="Support Pipeline",
            stages=(
                _ticket("1", "New", "OPEN"),
                _ticket("2", "Waiting on contact", "OPEN"),
                _ticket("3", "Waiting on us", "OPEN"),
                _ticket("4", "Closed", "CLOSED"),
            ),
        ),
    ),
    "0-123": _plain(
        "14a2e10e-5471-408a-906e-c51f3b04369e",
        "Order Pipeline",
        ("4b27b500-f031-4927-9811-68a0b525cbae", "Open", False),
        ("aa99e8d0-c1d5-4071-b915-d240bbb1aed9", "Shipped", False),
        ("937ea84d-0a4f-4dcf-9028-3f9c2aafbf03", "Processed", True),
        ("3725360f-519b-4b18-a593-494d60a29c9f", "Delivered", True),
        ("3c85a297-e9ce-400b-b42e-9f16853d69d6", "Cancelled", True),
    ),
    "0-136": _plain(
        "lead-pipeline-id",
        "Lead pipeline",
        ("new-stage-id", "New", False),
        ("attempting-stage-id", "Attempting", False),
        ("connected-stage-id", "Connected", False),
        ("qualified-stage-id", "Qualified", True),
        ("unqualified-stage-id", "Disqualified", True),
    ),
    "0-162": _plain(
        "service-pipeline-id",
        "Service Pipeline",
        ("service-new-id", "New", False),
        ("service-in-progress-id", "In progress", False),
        ("service-closed-id", "Closed", True),
    ),
    "0-410": _plain(
        "course-pipeline-id",
        "Course Pipeline",
        ("course-planned-id", "Planned", False),
        ("course-running-id", "Running", False),
        ("course-completed-id", "Completed", True),
    ),
    "0-420": _plain(
        "listing-pipeline-id",
        "Listing Pipeline",
        ("listing-draft-id", "Draft", False),
        ("listing-for-sale-id", "For sale", False),
        ("listing-sold-id", "Sold", True),
    ),
    "0-421": _plain(
        "appointment-pipeline-id",
        "Appointment Pipeline",
        ("appointment-requested-id", "Requested", False),
        ("appointment-confirmed-id", "Confirmed", False),
        ("appointment-completed-id", "Completed", True),
    ),
    "0-970": _plain(
        "project-pipeline-id",
        "Project Pipeline",
        ("project-planned-id", "Planned", False),
        ("project-in-progress-id", "In progress", False),
        ("project-completed-id", "Completed", True),
    ),
}
"""By object type; types that are not here have no pipelines. Order ids are recorded, other types' assumed (HS-71)."""


def read(portal: Portal, type_id: str) -> list[Json]:
    """Give the pipelines of an object type in HubSpot's JSON, in their order."""
    row = portal.db.execute("SELECT body FROM pipelines WHERE type_id = ?", (type_id,)).fetchone()
    if row is not None:
        stored: list[Json] = msgspec.json.decode(row[0])
        return stored
    return [_render(order, pipeline) for order, pipeline in enumerate(BUILT_IN.get(type_id, ()))]


def write(portal: Portal, type_id: str, pipelines: list[Json]) -> None:
    """Let these be the pipelines of an object type."""
    for pipeline in pipelines:
        pipeline["stages"].sort(key=lambda stage: stage["displayOrder"])
    ordered = sorted(pipelines, key=lambda pipeline: pipeline["displayOrder"])
    portal.db.execute("INSERT OR REPLACE INTO pipelines VALUES (?, ?)", (type_id, msgspec.json.encode(ordered)))


def new_id(portal: Portal) -> str:
    """Give an id that no pipeline or stage ever had."""
    number = portal.db.execute("INSERT INTO pipeline_ids DEFAULT VALUES").lastrowid
    return str(_FIRST_ID + 11 * (number or 0))


def note(portal: Portal, type_id: str, action: str, changed: Json) -> None:
    """Note for the audit what was done to a pipeline or a stage."""
    row = (type_id, changed["id"], action, portal.now_ms(), msgspec.json.encode(changed))
    sql = "INSERT INTO pipeline_audit (type_id, identifier, action, at_ms, body) VALUES (?, ?, ?, ?, ?)"
    portal.db.execute(sql, row)


def audit(portal: Portal, type_id: str, identifier: str) -> list[Json]:
    """Give what was done to a pipeline or a stage, the last first."""
    sql = "SELECT action, at_ms, body FROM pipeline_audit WHERE type_id = ? AND identifier = ? ORDER BY seq DESC"
    return [
        {
            "portalId": portal.portal_id,
            "identifier": identifier,
            "action": action,
            "timestamp": timestamps.render_ms(at_ms),
            "rawObject": msgspec.json.decode(body),
            "fromUserId": _USER_ID,
        }
        for action, at_ms, body in portal.db.execute(sql, (type_id, identifier))
    ]


def _render(order: int, pipeline: Pipeline) -> Json:
    dates = {"createdAt": pipeline.created_at, "updatedAt": pipeline.updated_at}
    return {
        "label": pipeline.label,
        "displayOrder": order,
        "id": pipeline.pipeline_id,
        "stages": [
            {
                "label": stage.label,
                "displayOrder": place,
                "metadata": dict(stage.metadata),
                "id": stage.stage_id,
                **dates,
                "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
                "archived": False,
            }
            for place, stage in enumerate(pipeline.stages)
        ],
        **dates,
        "archived": False,
    }

"""How an export goes on: one at a time, by the portal's clock (HS-69); its file holds what was there when it was finished."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubspot_emulator.exports import files, request, tables
from hubspot_emulator.exports.tables import Export

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

ENDED = ("CANCELED", "CONFLICT", "DELETED", "DONE", "FAILED")
FORCED = ("CANCELED", "CONFLICT", "DEFERRED", "DELETED", "ENQUEUED", "FAILED", "PENDING_APPROVAL", "STUCK")
"""What a test can make of an export; ENQUEUED approves one that waits for approval."""


def advance(portal: Portal) -> None:
    """Do all that is due, in the order in which it is due."""
    while (job := tables.next_due(portal.db, portal.now_ms())) is not None:
        assert job.due_ms is not None
        with portal.acting(job.due_ms, "EXPORT"):
            _finish(portal, job)
        portal.commit()


def begin_next(portal: Portal) -> None:
    """Put the oldest waiting export to work, unless one is at work."""
    job = tables.next_waiting(portal.db)
    if job is None:
        return
    now, knobs = portal.now_ms(), portal.knobs
    records = portal.table(request.parse_ask(portal, job.body).type_id).live_count()
    due = now + knobs.export_start_ms + 1_000 * records // knobs.export_rows_per_second
    if job.ends == "STUCK":
        tables.save(portal.db, job._replace(state="PROCESSING", updated_ms=now, started_ms=now))
    else:
        tables.save(portal.db, job._replace(state="PROCESSING", updated_ms=now, started_ms=now, due_ms=due))


def force(portal: Portal, job: Export, state: str) -> None:
    """Bring an export to a state that a test wants, as HubSpot or a person might; ValueError names the states."""
    if state not in FORCED:
        raise ValueError(f"an export cannot be made {state}; it can be made {', '.join(FORCED)}")
    if state == "DELETED":
        tables.drop_file(portal.db, job.id)
    stands = job.state if state == "STUCK" else state
    tables.save(portal.db, job._replace(state=stands, due_ms=None, updated_ms=portal.now_ms()))
    begin_next(portal)


def _finish(portal: Portal, job: Export) -> None:
    ended = job._replace(state=job.ends, due_ms=None, updated_ms=portal.now_ms())
    if job.ends == "DONE":
        built = files.build_file(portal, request.parse_ask(portal, job.body))
        tables.put_file(portal.db, job.id, built.name, built.content)
        ended = ended._replace(records=built.records)
    tables.save(portal.db, ended)
    begin_next(portal)

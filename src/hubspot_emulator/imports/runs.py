"""How an import goes on: a state machine that the portal's clock drives, a hundred rows a step (HS-64).

What is due is done before the next call is answered, and bears the moment at which it was due, so that an import
comes out the same however often it is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubspot_emulator import list_members, lists
from hubspot_emulator.imports import links, request, rows, tables
from hubspot_emulator.imports.tables import Import, State
from hubspot_emulator.imports.work import Work

if TYPE_CHECKING:
    from hubspot_emulator.portal import Portal

STEP_ROWS = 100
AT_ONCE, LARGE_AT_ONCE = 3, 2
SOURCE = "IMPORT"


def advance(portal: Portal) -> None:
    """Do all that is due, in the order in which it is due."""
    while (job := tables.next_due(portal.db, portal.now_ms())) is not None:
        assert job.due_ms is not None
        with portal.acting(job.due_ms, SOURCE):
            _go_on(portal, job)
        portal.commit()


def admit(portal: Portal, job: Import) -> None:
    """Let a new import begin, or wait while three others run."""
    count, large = tables.running(portal.db)
    full = count >= AT_ONCE or (job.rows > tables.ROWS_OF_A_LARGE_ONE and large >= LARGE_AT_ONCE)
    job.state = "DEFERRED" if full else "STARTED"
    job.due_ms = None if full else portal.now_ms() + portal.knobs.import_start_ms


def cancel(portal: Portal, job: Import) -> None:
    """End an import; what it has written stays."""
    _end(portal, job, "CANCELED")


def force(portal: Portal, job: Import, outcome: str) -> None:
    """Bring an import to a state that a test wants, as if HubSpot or a person had done it; ValueError names the others."""
    if outcome == "STUCK":
        job.due_ms = None
        tables.save(portal.db, job)
    elif outcome == "REVERTED":
        _revert(portal, job)
    elif outcome in {"CANCELED", "FAILED"}:
        _end(portal, job, "CANCELED" if outcome == "CANCELED" else "FAILED")
    else:
        raise ValueError(f"an import cannot be made {outcome}; it can be made CANCELED, FAILED, REVERTED or STUCK")


def _go_on(portal: Portal, job: Import) -> None:
    if job.state == "STARTED":
        _begin(portal, job)
        return
    work = Work(portal=portal, job=job, plan=request.parse_plan(portal, job.request), ways={})
    if job.done < _stop(job):
        _write_some(work, _stop(job))
    if job.done < _stop(job):
        job.due_ms = portal.now_ms() + _step_ms(portal)
        job.updated_ms = portal.now_ms()
        tables.save(portal.db, job)
    elif job.ends == "STUCK":
        force(portal, job, "STUCK")
    else:
        _finish(work)


def _begin(portal: Portal, job: Import) -> None:
    plan = request.parse_plan(portal, job.request)
    work = Work(portal=portal, job=job, plan=plan, ways={})
    mapped = sum(each.role != "ignored" for file in plan.files for each in file.columns)
    columns = sum(len(file.columns) for file in plan.files)
    job.counters = dict.fromkeys(_COUNTERS, 0) | {
        "TOTAL_ROWS": job.rows,
        "MAPPED_COLUMNS": mapped,
        "UNMAPPED_COLUMNS": columns - mapped,
    }
    for problem in job.problems:
        file, error_type, message, column, value = problem
        work.note(file, 0, error_type, message, column=column, value=value)
    if job.problems:
        _end(portal, job, "FAILED")
        return
    job.state = "PROCESSING"
    job.due_ms = portal.now_ms() + _step_ms(portal)
    job.updated_ms = portal.now_ms()
    tables.save(portal.db, job)


def _write_some(work: Work, stop: int) -> None:
    job, db = work.job, work.portal.db
    second = job.done >= job.rows
    first_row = job.done - job.rows if second else job.done
    most = min(STEP_ROWS, stop - job.done, job.rows - first_row)
    for row in tables.rows(db, job.id, first_row, most):
        if second:
            links.link_keys(work, row)
        else:
            ids = rows.write_row(work, row)
            if ids and work.file(row).linking:
                tables.keep_ids(db, job.id, row.seq, ids)
    job.done += most


def _finish(work: Work) -> None:
    job = work.job
    if job.ends == "DONE" and work.plan.makes_list:
        job.lists = [_make_list(work, type_id) for type_id in work.plan.types]
    endings: dict[str, State] = {"CANCELED": "CANCELED", "DONE": "DONE", "FAILED": "FAILED"}
    _end(work.portal, job, endings[job.ends])


def _end(portal: Portal, job: Import, state: State) -> None:
    job.state, job.due_ms, job.updated_ms = state, None, portal.now_ms()
    tables.save(portal.db, job)
    tables.drop_rows(portal.db, job.id)
    for waiting in tables.deferred(portal.db):
        admit(portal, waiting)
        if waiting.state == "STARTED":
            waiting.updated_ms = portal.now_ms()
            tables.save(portal.db, waiting)


def _revert(portal: Portal, job: Import) -> None:
    """Take back an import as a person does in HubSpot: what it created is archived."""
    for type_id, record_id, created in tables.written(portal.db, job.id):
        if created and portal.record_state(type_id, record_id) == "live":
            portal.archive_record(type_id, record_id, request=job.call)
    _end(portal, job, "REVERTED")


def _stop(job: Import) -> int:
    """An import that will not end well stops half way."""
    return job.steps if job.ends == "DONE" else job.steps // 2


def _step_ms(portal: Portal) -> int:
    return max(1, 1_000 * STEP_ROWS // portal.knobs.import_rows_per_second)


def _make_list(work: Work, type_id: str) -> dict[str, str]:
    """Make the static list of what an import wrote."""
    portal, job = work.portal, work.job
    kind = portal.types.resolve(type_id)
    ids = [record_id for each, record_id, _ in tables.written(portal.db, job.id) if each == type_id]
    name = f"{work.plan.name} ({kind.name}, import {job.id})"
    made = lists.create(portal, name, type_id, "MANUAL", None, request=job.call)
    list_members.add(portal, made, ids, request=job.call)
    return {"listId": str(made.id), "objectType": kind.singular.upper()}


_COUNTERS = (
    "TOTAL_ROWS",
    "UNIQUE_OBJECTS_WRITTEN",
    "CREATED_OBJECTS",
    "UPDATED_OBJECTS",
    "PROPERTY_VALUES_EMITTED",
    "ERRORS",
    "MAPPED_COLUMNS",
    "UNMAPPED_COLUMNS",
    "ASSOCIATIONS_EMITTED",
    "ASSOCIATIONS_CREATED",
)

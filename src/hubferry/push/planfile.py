"""Plans as files: a header, one step a line, and a closing hash; readable by the owner only, because values stand in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec

from hubferry.errors import PlanFileError
from hubferry.push.plan import Plan, query_plan
from hubferry.push.steps import Step
from hubferry.state import plans
from hubferry.state.ledger import Stamp
from hubferry.state.plans import PlanReader, StoredStep
from hubferry.state.store import StateReader, StateStore

FORMAT = 1
CHUNK = 2_000


class _Header(msgspec.Struct):
    hubferry_plan: int
    plan: Plan


class _Line(msgspec.Struct, omit_defaults=True):
    number: int
    sync: str
    kind: str
    row_key: str
    step: Step
    record_id: str | None = None


class _Footer(msgspec.Struct):
    steps: int
    sha256: str


def write_plan_file(state: StateReader, plan_id: str, path: Path) -> None:
    """Write a stored plan to a file of mode 0600; an older file of that name is replaced whole or not at all."""
    plan = query_plan(state, plan_id)
    draft = path.with_name(path.name + ".part")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for line in _render_lines(state, plan):
            file.write(line)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _render_lines(state: StateReader, plan: Plan) -> Iterator[bytes]:
    """Give the lines of a plan file; the state is left out, so that a plan reads the same before and after it is applied."""
    digest, steps = hashlib.sha256(), 0
    head = msgspec.json.encode(_Header(FORMAT, msgspec.structs.replace(plan, state="ready"))) + b"\n"
    digest.update(head)
    yield head
    for stored in PlanReader(state.warehouse).query_steps(plan.id):
        step = msgspec.json.decode(stored.step, type=Step)
        line = _Line(stored.number, stored.sync, stored.kind, stored.row_key, step, stored.record_id)
        text = msgspec.json.encode(line) + b"\n"
        digest.update(text)
        steps += 1
        yield text
    yield msgspec.json.encode(_Footer(steps, digest.hexdigest())) + b"\n"


def merge_plan_file(state: StateStore, path: Path) -> str:
    """Make the plan of a file a stored one, where it is none yet, and give its id; raise PlanFileError when it is damaged."""
    state.migrate()
    plan, footer = _check(path)
    stored = PlanReader(state.warehouse).query_plan(plan.id)
    if stored is not None and stored.state != "drafting":
        *_, last = _render_lines(state, query_plan(state, plan.id))
        if msgspec.json.decode(last, type=_Footer) != footer:
            raise PlanFileError(
                f"{path}: this warehouse has another plan {plan.id!r} than the file. Plan anew: hubferry plan {' '.join(plan.syncs)}"
            )
        return plan.id
    stamp = Stamp(plan.portal_id, plan.id, datetime.fromtimestamp(plan.observed_at, UTC))
    lines = _step_lines(path, footer.steps)
    with state.warehouse.transaction() as tx:
        plans.delete_plan_steps(tx, plan.id)
        while chunk := list(islice(lines, CHUNK)):
            plans.append_steps(tx, plan.id, chunk)
        plans.merge_plan(tx, state.warehouse, stamp, plan.id, "ready", msgspec.json.encode(plan).decode())
    return plan.id


def _check(path: Path) -> tuple[Plan, _Footer]:
    """Read a file through once: nothing is stored of one that was cut short or edited."""
    digest, before, count = hashlib.sha256(), b"", 0
    try:
        with path.open("rb") as file:
            first = file.readline()
            header = msgspec.json.decode(first, type=_Header)
            digest.update(first)
            for line in file:
                if before:
                    digest.update(before)
                    count += 1
                before = line
        footer = msgspec.json.decode(before, type=_Footer)
    except OSError as error:
        raise PlanFileError(
            f"{path}: cannot be read ({error.strerror}). Name a file that `hubferry plan --out` wrote."
        ) from error
    except msgspec.MsgspecError as error:
        raise PlanFileError(
            f"{path}: not a whole plan file. Write it again: hubferry plan SYNC --out {path}"
        ) from error
    if (footer.steps, footer.sha256) != (count, digest.hexdigest()) or header.hubferry_plan != FORMAT:
        raise PlanFileError(
            f"{path}: changed or damaged since it was written. Write it again: hubferry plan SYNC --out {path}"
        )
    return header.plan, footer


def _step_lines(path: Path, steps: int) -> Iterator[StoredStep]:
    with path.open("rb") as file:
        for text in islice(file, 1, steps + 1):
            line = msgspec.json.decode(text, type=_Line)
            step = msgspec.json.encode(line.step).decode()
            yield StoredStep(line.number, line.sync, line.kind, line.row_key, line.record_id, step)

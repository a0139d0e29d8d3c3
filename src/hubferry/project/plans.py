"""Stored plans for who looks at them: a page of steps at a time, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from hubferry.push.advice import render_advice
from hubferry.push.draft import load_step
from hubferry.push.plan import Plan, PlannedStep
from hubferry.push.rejected import Rejected, query_rejected
from hubferry.state.ledger import LedgerReader, LedgerRow
from hubferry.state.plans import PlanReader, StoredPlan
from hubferry.state.store import Run, StateReader

PAGE_STEPS = 50
SHOWN_CAUSES = 20
LOOKED_AT_FIRST = ("rejected", "unknown")


@dataclass(frozen=True, kw_only=True)
class PlanInfo:
    """One stored plan, in short."""

    id: str
    state: str
    created_at: datetime
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class StepPage:
    """Some steps of a plan in order, and the number after which the next page begins (None: this is the last)."""

    steps: tuple[PlannedStep, ...]
    next: int | None = None


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """One step and what became of it."""

    planned: PlannedStep
    state: str
    record_id: str | None
    reason: str | None

    @property
    def advice(self) -> str:
        """Say what to do about it."""
        said = getattr(self.planned.step, "advice", "")
        return said or (render_advice(self.reason) if self.state == "rejected" and self.reason else "")


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why steps did not end as applied: the reason, how many it stopped, and what to do."""

    reason: str
    count: int
    advice: str


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What became of a plan's steps: all states in numbers, of one state its causes and a page of steps."""

    state: str
    counts: dict[str, int]
    causes: tuple[Cause, ...]
    results: tuple[StepResult, ...]
    next: int | None = None


@dataclass(frozen=True, kw_only=True)
class RowAnswer:
    """What HubSpot made of one row."""

    sync: str
    row_key: str
    object: str = ""
    record_id: str | None = None
    """None: it has no record."""
    values: tuple[tuple[str, str, str | None], ...] = ()
    """Property, the text that was sent, and what HubSpot stored (None: nothing)."""
    refusals: tuple[Rejected, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepCount:
    """How many steps of one kind came to one state; `pending`: not begun."""

    sync: str
    kind: str
    state: str
    count: int


@dataclass(frozen=True, kw_only=True)
class RunSteps:
    """What a run did to HubSpot, or would: its plan, its steps by what became of them, and why some were not done."""

    plan: str
    state: str
    """Of the plan."""
    counts: tuple[StepCount, ...]
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class Plans:
    """Reads stored plans."""

    state: StateReader

    def latest(self, limit: int = 20) -> tuple[PlanInfo, ...]:
        """Give the latest finished plans, newest first."""
        return tuple(_plan_info(each) for each in self._reader.query_latest(limit)) if self.state.is_made() else ()

    def of_run(self, run: Run) -> PlanInfo | None:
        """Give the plan that a run made or applied."""
        stored = self._reader.query_plan(str(run.detail.get("plan") or f"plan-{run.run_id}"))
        return _plan_info(stored) if stored is not None and stored.state != "drafting" else None

    def steps_of_run(self, run: Run) -> RunSteps | None:
        """Give what the plan that a run made or applied came to; None: the run had none."""
        found = self.of_run(run)
        if found is None:
            return None
        counted = self._reader.query_outcomes(found.id)
        reasons = [
            (why, number) for state, why, number in self._reader.count_reasons(found.id) if why and state != "applied"
        ]
        return RunSteps(
            plan=found.id,
            state=found.state,
            counts=tuple(
                StepCount(sync=sync, kind=kind, state=state, count=number)
                for (sync, kind, state), number in sorted(counted.items())
            ),
            causes=tuple(
                Cause(reason=why, count=number, advice=render_advice(why)) for why, number in reasons[:SHOWN_CAUSES]
            ),
        )

    def count_kinds(self, plan_id: str) -> dict[tuple[str, str], int]:
        """Count the steps of a plan, by sync and kind."""
        return self._reader.count_kinds(plan_id)

    def page(
        self,
        plan_id: str,
        *,
        kinds: Sequence[str] = (),
        sync: str | None = None,
        search: str = "",
        after: int = 0,
        limit: int = PAGE_STEPS,
    ) -> StepPage:
        """Give a page of a plan's steps; `search`: those whose row key begins with it, or whose record has that id."""
        found = self._reader.query_steps_after(
            plan_id, kinds=kinds, sync=sync, search=search, after=after, limit=limit + 1
        )
        steps = tuple(PlannedStep(each.number, each.sync, load_step(each)) for each in found[:limit])
        return StepPage(steps=steps, next=steps[-1].number if len(found) > limit else None)

    def outcomes(self, plan_id: str, state: str = "", *, after: int = 0, limit: int = PAGE_STEPS) -> Outcomes:
        """Give what became of a plan's steps, a page of those that came to one state; without one: what needs a look first."""
        reasons = self._reader.count_reasons(plan_id)
        counts: dict[str, int] = {}
        for each, _, number in reasons:
            counts[each] = counts.get(each, 0) + number
        state = state or next((each for each in LOOKED_AT_FIRST if counts.get(each)), "applied")
        found = self._reader.query_results(plan_id, state, after=after, limit=limit + 1)
        results = tuple(
            StepResult(
                planned=PlannedStep(step.number, step.sync, load_step(step)),
                state=row.state,
                record_id=row.record_id,
                reason=row.reason,
            )
            for step, row in found[:limit]
        )
        advice = {each.reason: each.advice for each in reversed(results)}
        return Outcomes(
            state=state,
            counts=counts,
            causes=tuple(
                Cause(reason=why, count=number, advice=advice.get(why) or render_advice(why))
                for found_state, why, number in reasons
                if found_state == state and why
            ),
            results=results,
            next=results[-1].planned.number if len(found) > limit else None,
        )

    def answers(self, plan: Plan) -> tuple[RowAnswer, ...]:
        """Give what HubSpot made of the rows that a plan was asked for by their keys; none for a plan of all rows."""
        if not plan.only:
            return ()
        ledger = LedgerReader(self.state.warehouse, plan.portal_id)
        return tuple(
            _answer(sync, key, known.get(key), [each for each in refused if each.row_key == key])
            for sync, keys in plan.only.items()
            for known in [ledger.query_rows(sync, keys)]
            for refused in [query_rejected(self.state, sync, portal_id=plan.portal_id, keys=keys)]
            for key in keys
        )

    @property
    def _reader(self) -> PlanReader:
        return PlanReader(self.state.warehouse)


def _answer(sync: str, key: str, known: LedgerRow | None, refused: Sequence[Rejected]) -> RowAnswer:
    if known is None:
        return RowAnswer(sync=sync, row_key=key, refusals=tuple(refused))
    values = tuple((name, sent, known.stored.get(name)) for name, sent in sorted(known.sent.items()))
    return RowAnswer(
        sync=sync,
        row_key=key,
        object=known.object,
        record_id=known.record_id,
        values=values,
        refusals=tuple(refused),
    )


def _plan_info(stored: StoredPlan) -> PlanInfo:
    plan = msgspec.structs.replace(msgspec.json.decode(stored.header, type=Plan), state=stored.state)
    return PlanInfo(id=stored.plan_id, state=stored.state, created_at=stored.created_at, plan=plan)

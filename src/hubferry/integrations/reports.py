"""What an orchestrator is told of a run: ids, states and numbers, never a record's value or a secret. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec

from hubferry.errors import ConfigError, HubferryError, PlanError, ScopeError, SourceError, TokenError
from hubferry.project import AssociationReport, Plan, PullReport, PushReport, StreamReport

_PERSONS = (ConfigError, PlanError, ScopeError, SourceError, TokenError)
"""Errors that stay until a person did something."""
_COUNTS = ("read", "inserted", "updated", "unchanged", "deleted", "calls")


def may_retry(error: HubferryError) -> bool:
    """Say whether the same run may go well later with nobody doing anything; running again is safe in any case."""
    return not isinstance(error, _PERSONS)


def find_unfinished(report: PullReport) -> tuple[StreamReport | AssociationReport, ...]:
    """Give the streams and links that a pull did not end as done."""
    parts: tuple[StreamReport | AssociationReport, ...] = (*report.streams, *report.associations)
    return tuple(each for each in parts if each.state != "done")


def describe_failures(report: PullReport) -> str:
    """Say of each stream that was not done why not, a line each."""
    return "\n".join(
        f"{each.name}: {each.state}{f': {each.error}' if each.error else ''}" for each in find_unfinished(report)
    )


def summarise_stream(report: StreamReport | AssociationReport) -> dict[str, Any]:
    """Give one stream's numbers."""
    found: dict[str, Any] = {"state": report.state} | {name: getattr(report, name) for name in _COUNTS}
    if isinstance(report, StreamReport):
        found |= {"unparsed": report.unparsed, "late": report.late, "reader": report.reader}
    return found


def summarise_pull(report: PullReport) -> dict[str, Any]:
    """Give a pull's numbers, stream by stream; `links` by pair of objects."""
    return {
        "run_id": report.run_id,
        "exit_code": report.exit_code,
        "calls": report.calls,
        "seconds": round(report.seconds, 3),
        "streams": {each.name: summarise_stream(each) for each in report.streams},
        "links": {f"{each.name}, {each.kind}": summarise_stream(each) for each in report.associations},
    }


def summarise_plan(plan: Plan) -> dict[str, Any]:
    """Give a plan's numbers, sync by sync, what it costs, and its guards."""
    return {
        "plan_id": plan.id,
        "changes": plan.changes,
        "full": plan.full,
        "counts": {name: msgspec.to_builtins(counts) for name, counts in plan.counts.items()},
        "cost": msgspec.to_builtins(plan.cost),
        "guards": [msgspec.to_builtins(verdict) | {"passed": verdict.passed} for verdict in plan.guards],
    }


def summarise_push(report: PushReport) -> dict[str, Any]:
    """Give a push's numbers: its plan, and what became of every planned row and link."""
    return {
        "run_id": report.run_id,
        "exit_code": report.exit_code,
        "calls": report.calls,
        "seconds": round(report.seconds, 3),
        "rows_open": report.rows_open,
        "rows": {name: asdict(outcome) for name, outcome in report.rows.items()},
        "links": {name: asdict(outcome) for name, outcome in report.links.items()},
        "plan": summarise_plan(report.plan),
    }

"""The facade: open a project; check, pull, plan, apply, push, look. The terminal and pages call this and nothing below it."""

from __future__ import annotations

from hubferry.project.facade import Project
from hubferry.project.values import CheckItem, CheckReport, Status, StreamInfo
from hubferry.pull.run import AssociationReport, PullReport, StreamReport
from hubferry.push.accounting import Outcome
from hubferry.push.apply import PushReport
from hubferry.push.counts import GuardVerdict, SyncCounts
from hubferry.push.plan import Plan, PlannedStep
from hubferry.push.rejected import Rejected
from hubferry.push.steps import (
    ArchiveRecord,
    Change,
    CreateLabel,
    CreateRecord,
    End,
    HoldLinks,
    HoldRow,
    InvalidEntry,
    LinkStep,
    RemoveLabels,
    RemoveLinks,
    SetLinks,
    Step,
    TypeRef,
    UpdateRecord,
)
from hubferry.state.jobs import Job
from hubferry.state.store import Run, StreamRun

__all__ = [
    "ArchiveRecord",
    "AssociationReport",
    "Change",
    "CheckItem",
    "CheckReport",
    "CreateLabel",
    "CreateRecord",
    "End",
    "GuardVerdict",
    "HoldLinks",
    "HoldRow",
    "InvalidEntry",
    "Job",
    "LinkStep",
    "Outcome",
    "Plan",
    "PlannedStep",
    "Project",
    "PullReport",
    "PushReport",
    "Rejected",
    "RemoveLabels",
    "RemoveLinks",
    "Run",
    "SetLinks",
    "Status",
    "Step",
    "StreamInfo",
    "StreamReport",
    "StreamRun",
    "SyncCounts",
    "TypeRef",
    "UpdateRecord",
]

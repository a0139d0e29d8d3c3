"""The facade: open a project; check, pull, plan, apply, push, look. The terminal and pages call this and nothing below it."""

from __future__ import annotations

from hubferry.project.activity import StreamActivity, SyncActivity
from hubferry.project.calls import Calls
from hubferry.project.facade import Project
from hubferry.project.hosted import open_hosted
from hubferry.project.mapper import Mapper, PropertyInfo, SourceInfo, fit
from hubferry.project.plans import Cause, Outcomes, PlanInfo, RowAnswer, RunSteps, StepCount, StepPage, StepResult
from hubferry.project.records import RecordStory
from hubferry.project.snowflake_package import write_package
from hubferry.project.snowflake_sql import Rendered, render_snowflake
from hubferry.project.sync_draft import GUARDS, FieldDraft, LinkDraft, Origin, SyncDraft
from hubferry.project.tables import RowPage, StreamTable, TableColumn
from hubferry.project.texts import TextChange
from hubferry.project.values import CheckItem, CheckReport, Status, StreamInfo
from hubferry.pull.estimate import Estimate
from hubferry.pull.purging import PurgeReport
from hubferry.pull.run import AssociationReport, PullReport, StreamReport
from hubferry.pull.verification import TableReport
from hubferry.push.accounting import Outcome
from hubferry.push.apply import PushReport
from hubferry.push.changes import Version
from hubferry.push.counts import GuardVerdict, SyncCounts
from hubferry.push.plan import Plan, PlannedStep
from hubferry.push.rejected import Rejected
from hubferry.push.steps import (
    AddOptions,
    ArchiveRecord,
    Change,
    Conflict,
    ConflictEntry,
    CreateLabel,
    CreateProperty,
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
from hubferry.push.trial import Trial
from hubferry.push.verify import Finding, VerifyReport
from hubferry.state.jobs import Job
from hubferry.state.move import MovedTable
from hubferry.state.store import Run, StreamRun

__all__ = [
    "GUARDS",
    "AddOptions",
    "ArchiveRecord",
    "AssociationReport",
    "Calls",
    "Cause",
    "Change",
    "CheckItem",
    "CheckReport",
    "Conflict",
    "ConflictEntry",
    "CreateLabel",
    "CreateProperty",
    "CreateRecord",
    "End",
    "Estimate",
    "FieldDraft",
    "Finding",
    "GuardVerdict",
    "HoldLinks",
    "HoldRow",
    "InvalidEntry",
    "Job",
    "LinkDraft",
    "LinkStep",
    "Mapper",
    "MovedTable",
    "Origin",
    "Outcome",
    "Outcomes",
    "Plan",
    "PlanInfo",
    "PlannedStep",
    "Project",
    "PropertyInfo",
    "PullReport",
    "PurgeReport",
    "PushReport",
    "RecordStory",
    "Rejected",
    "RemoveLabels",
    "RemoveLinks",
    "Rendered",
    "RowAnswer",
    "RowPage",
    "Run",
    "RunSteps",
    "SetLinks",
    "SourceInfo",
    "Status",
    "Step",
    "StepCount",
    "StepPage",
    "StepResult",
    "StreamActivity",
    "StreamInfo",
    "StreamReport",
    "StreamRun",
    "StreamTable",
    "SyncActivity",
    "SyncCounts",
    "SyncDraft",
    "TableColumn",
    "TableReport",
    "TextChange",
    "Trial",
    "TypeRef",
    "UpdateRecord",
    "VerifyReport",
    "Version",
    "fit",
    "open_hosted",
    "render_snowflake",
    "write_package",
]

"""`Project`: what can be looked at and done with an open project; each method is one command, or one page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from hubferry.config import load
from hubferry.config.model import Sync
from hubferry.config.warehouses import DuckDBBlock, WarehouseBlock
from hubferry.errors import ConfigError, RunError, UnknownNameError, UsageError
from hubferry.hubspot.account import fetch_account
from hubferry.hubspot.client import watched
from hubferry.project import checks, diagnosis, traces
from hubferry.project.calls import Calls, build_calls
from hubferry.project.diagnosis import Diagnosis
from hubferry.project.opening import OpenProject
from hubferry.project.values import CheckReport, Status, StreamInfo
from hubferry.pull.catalog import find_stream, is_custom
from hubferry.pull.estimate import Estimate, estimate_pull
from hubferry.pull.purging import PurgeReport, purge_record
from hubferry.pull.run import PullReport, run_pull
from hubferry.pull.verification import SAMPLE, TableReport, verify_tables
from hubferry.push import holds, orders, planfile, rejected
from hubferry.push.apply import PushReport, apply_plan, run_push
from hubferry.push.plan import Plan, PlannedStep, build_plan, query_plan, query_steps
from hubferry.push.rejected import Rejected
from hubferry.push.rename import rename_sync
from hubferry.push.resolve import resolve_unknown
from hubferry.push.undo import build_undo
from hubferry.push.verify import VerifyReport, verify_sync
from hubferry.state import jobs
from hubferry.state.jobs import Job
from hubferry.state.move import MovedTable, move_all
from hubferry.state.renaming import Renamed
from hubferry.state.store import Run, StreamRun
from hubferry.streams.crm import ALL_CUSTOM
from hubferry.streams.definition import Stream
from hubferry.streams.registry import STREAMS
from hubferry.types import Progress, Quiet
from hubferry.warehouse.open import open_warehouse

_QUIET = Quiet()


class Project(OpenProject):
    """A hubferry project. Files are read at once; portal and warehouse are opened by the first call that needs them."""

    # Look

    def calls(self) -> Calls:
        """Give what this process called HubSpot for so far, and how far the limits are used; makes no call."""
        if "client" not in vars(self):
            return Calls(limit=self.files.file.hubspot.burst_limit)
        return build_calls(self.client)

    def fetch_quota(self) -> Calls:
        """Ask HubSpot what is left of today's calls; one call."""
        fetch_account(self.client)
        return build_calls(self.client)

    def session(self) -> AbstractContextManager[None]:
        """Keep the warehouse open for several looks in a row; make no call to HubSpot inside."""
        return self.warehouse.session()

    def query(self, sql: str, params: Sequence[object] = ()) -> pa.Table:
        """Read rows of the warehouse."""
        return self.warehouse.query(sql, params)

    def table_name(self, schema: str, table: str) -> str:
        """Give the full quoted name of a table."""
        return self.warehouse.name(schema, table)

    def check(self) -> CheckReport:
        """Ask portal and warehouse whether everything the project chose can be done; name each missing scope."""
        return checks.check(self.files, client=lambda: self.client, state=self.state)

    def diagnose(self) -> Diagnosis:
        """Give what somebody who helps needs to know: no secret, and no value of a record."""
        return diagnosis.build_diagnosis(self.files, self.state, self.check)

    def hide_secrets(self, text: str) -> str:
        """Give a text without the secrets that this project refers to."""
        return diagnosis.hide_secrets(text, self._environ, self.files)

    def streams(self, *, ask_portal: bool = True) -> tuple[StreamInfo, ...]:
        """Give every stream; with `ask_portal`, whether the token may read it."""
        if not ask_portal:
            return checks.build_streams(self.files, None, (*STREAMS, *self._known_custom_streams()))
        granted = checks.fetch_granted(self.client)
        return checks.build_streams(self.files, granted, checks.fetch_streams(self.client, granted))

    def _known_custom_streams(self) -> list[Stream]:
        """Give the custom objects that hubferry.yml names or that were pulled: only the portal knows of more."""
        names = {*self.files.file.pull.streams, *self.state.all_cursors(self.files.file.pull.schema_)}
        return [find_stream(name) for name in sorted(names) if is_custom(name) and name != ALL_CUSTOM]

    def status(self) -> Status:
        """Give the latest run of each kind, how far each stream has been read, and what could not be done."""
        with self.session():
            runs = self.runs(limit=200)
            portals = tuple(sorted({run.portal_id for run in runs}))
            schema = self.files.file.pull.schema_
            cursors = {
                name: each.value for portal in portals for name, each in self.state.cursors(portal, schema).items()
            }
            counts = {name: len(self.rejected(name)) for name in self.sync_names}
        return Status(portals, {run.kind: run for run in reversed(runs)}, cursors, counts)

    def runs(self, limit: int = 20, *, before: str | None = None) -> list[Run]:
        """Give the latest runs, newest first, or those before a run."""
        return self.state.runs(limit, before=before)

    def show(self, run_id: str) -> tuple[Run, list[StreamRun]]:
        """Give one run and what it did to each stream; `latest` is the latest run."""
        found = next(iter(self.state.runs(1)), None) if run_id == "latest" else self.state.run(run_id)
        if found is None:
            raise RunError(
                f"there is no run {run_id!r}. `hubferry runs` lists them."
                if run_id != "latest"
                else "nothing has run yet. `hubferry pull` is where to begin."
            )
        return found, self.state.stream_runs(found.run_id)

    def rejected(
        self, sync: str, *, limit: int = 1000, state: str | None = None, after: tuple[str, str] | None = None
    ) -> list[Rejected]:
        """List what of a sync could not be done at its last run, with the reason and what to do; `after` pages by key."""
        return rejected.query_rejected(self.state, self._sync(sync).name, limit=limit, only=state, after=after)

    # Serve

    def jobs(self) -> dict[str, Job]:
        """Give what is remembered of every scheduled job of this environment, by name."""
        return jobs.query_jobs(self.warehouse, self.environment or "")

    def claim_job(self, job: Job, *, before: datetime | None) -> bool:
        """Note that a job starts; False where another server started it since `before`, the start that was seen."""
        with self.warehouse.session():
            self.state.migrate()
            with self.warehouse.transaction() as tx:
                return jobs.claim_job(tx, self.warehouse, job, before=before)

    def record_job(self, job: Job) -> None:
        """Note how a job ended, or what was told of it."""
        with self.warehouse.session(), self.warehouse.transaction() as tx:
            jobs.merge_job(tx, self.warehouse, job)

    # Do

    def watched(self, check: Callable[[], None]) -> AbstractContextManager[None]:
        """Have `check` called every few seconds while a call to HubSpot waits; what it raises ends what is done inside."""
        return watched(check)

    def pull(
        self,
        *,
        select: Sequence[str] = (),
        exclude: Sequence[str] = (),
        full_refresh: bool = False,
        allow_deletes: bool = False,
        wait_seconds: float = 0,
        progress: Progress = _QUIET,
    ) -> PullReport:
        """Make the warehouse's tables equal to HubSpot, of all chosen streams or those selected."""
        checks.check_selection(self.files, (*select, *exclude))
        with traces.traced(self.state):
            return run_pull(
                client=self.client,
                warehouse=self.warehouse,
                state=self.state,
                pull=self.files.file.pull,
                select=select,
                exclude=exclude,
                full_refresh=full_refresh,
                allow_deletes=allow_deletes,
                wait_seconds=wait_seconds,
                progress=progress,
            )

    def estimate(
        self, *, select: Sequence[str] = (), exclude: Sequence[str] = (), full_refresh: bool = False
    ) -> tuple[Estimate, ...]:
        """Reckon what a pull would take; nothing is written."""
        checks.check_selection(self.files, (*select, *exclude))
        return estimate_pull(
            client=self.client,
            state=self.state,
            pull=self.files.file.pull,
            select=select,
            exclude=exclude,
            full_refresh=full_refresh,
        )

    def verify_pull(
        self,
        streams: Sequence[str] = (),
        *,
        sample: int | None = SAMPLE,
        repair: bool = False,
        allow_deletes: bool = False,
        wait_seconds: float = 0,
        progress: Progress = _QUIET,
    ) -> tuple[TableReport, ...]:
        """Prove the tables of these streams, or of all, against HubSpot; `repair` writes what is otherwise."""
        checks.check_selection(self.files, streams)
        return verify_tables(
            client=self.client,
            warehouse=self.warehouse,
            state=self.state,
            pull=self.files.file.pull,
            select=streams,
            sample=sample,
            repair=repair,
            allow_deletes=allow_deletes,
            wait_seconds=wait_seconds,
            progress=progress,
        )

    def purge(self, object_name: str, record_id: str, *, wait_seconds: float = 0) -> PurgeReport:
        """Take everything that a record said out of all tables."""
        return purge_record(
            object_name,
            record_id,
            client=self.client,
            warehouse=self.warehouse,
            state=self.state,
            pull=self.files.file.pull,
            wait_seconds=wait_seconds,
        )

    def plan(
        self,
        syncs: Sequence[str],
        *,
        full: bool = True,
        rows: Sequence[str] = (),
        retry: bool = False,
        wait_seconds: float = 0,
        progress: Progress = _QUIET,
    ) -> Plan:
        """Store what a push of these syncs would do; nothing is written to HubSpot.

        `rows`: of these keys alone, of one sync, the others left as they are; `retry`: of the rows that could not be done.
        """
        chosen = [self._sync(name) for name in syncs]
        if rows and len(chosen) != 1:
            raise UsageError("rows are named by their keys, and keys are of one sync: plan one sync.")
        return build_plan(
            syncs=chosen,
            only={chosen[0].name: rows} if rows else None,
            retry=retry,
            client=self.client,
            warehouse=self.warehouse,
            state=self.state,
            full=full,
            wait_seconds=wait_seconds,
            progress=progress,
        )

    def stored_plan(self, plan_id: str) -> Plan:
        """Give a stored plan."""
        return query_plan(self.state, plan_id)

    def steps(self, plan_id: str, *, kinds: Sequence[str] = (), limit: int | None = None) -> Iterator[PlannedStep]:
        """Stream the steps of a stored plan, of all kinds or these (the tags of the steps' classes)."""
        return query_steps(self.state, plan_id, kinds=kinds, limit=limit)

    def export_plan(self, plan_id: str, path: Path) -> None:
        """Write a stored plan to a file that only its owner can read."""
        planfile.write_plan_file(self.state, plan_id, path)

    def apply(self, plan: str, *, wait_seconds: float = 0, progress: Progress = _QUIET) -> PushReport:
        """Write exactly what a plan says, by its id or its file; raise StalePlanError where sync or properties moved."""
        stored = query_plan(self.state, self._plan_id(plan))
        with traces.traced(self.state):
            return apply_plan(
                stored.id,
                client=self.client,
                warehouse=self.warehouse,
                state=self.state,
                syncs=[] if stored.undoes else [self._sync(name) for name in stored.syncs],
                wait_seconds=wait_seconds,
                progress=progress,
            )

    def push(
        self,
        syncs: Sequence[str] = (),
        *,
        full: bool = False,
        canary: int | None = None,
        wait_seconds: float = 0,
        progress: Progress = _QUIET,
    ) -> PushReport:
        """Plan and apply these syncs, or all, as one run under their guards; raise GuardError with the plan kept.

        `canary`: so many records are written first, and the rest only where HubSpot took all of them.
        """
        with traces.traced(self.state):
            return run_push(
                syncs=[self._sync(name) for name in syncs or self.sync_names],
                client=self.client,
                warehouse=self.warehouse,
                state=self.state,
                full=full,
                canary=canary,
                wait_seconds=wait_seconds,
                progress=progress,
            )

    def retry(self, sync: str, *, wait_seconds: float = 0, progress: Progress = _QUIET) -> PushReport:
        """Push only the rows of a sync that could not be done, those too whose next try is not due yet."""
        with traces.traced(self.state):
            return run_push(
                syncs=[self._sync(sync)],
                client=self.client,
                warehouse=self.warehouse,
                state=self.state,
                retry=True,
                wait_seconds=wait_seconds,
                progress=progress,
            )

    def skip(self, sync: str, keys: Sequence[str], *, always: bool = False) -> None:
        """Leave rows of a sync alone: until they change, or always."""
        orders.skip_rows(self._sync(sync), keys, always=always, client=self.client, state=self.state)

    def resync(self, sync: str, keys: Sequence[str] = ()) -> None:
        """Have the next push compare rows with HubSpot anew, refused and skipped ones too; none given: all of the sync."""
        orders.resync_rows(self._sync(sync), keys, client=self.client, state=self.state)

    def undo(self, run_id: str, *, wait_seconds: float = 0) -> Plan:
        """Store the inverse of a run as a plan; nothing is written to HubSpot before it is applied."""
        return build_undo(
            run_id, client=self.client, warehouse=self.warehouse, state=self.state, wait_seconds=wait_seconds
        )

    def move(
        self, *, duckdb: Path | None = None, environment: str = "", progress: Progress = _QUIET
    ) -> list[MovedTable]:
        """Copy everything from a DuckDB file, or from the warehouse of another environment, into the project's, and verify it."""
        if duckdb is not None:
            if not duckdb.is_file():
                raise ConfigError(f"there is no DuckDB file {str(duckdb)!r} to move from.")
            source = open_warehouse(WarehouseBlock(duckdb=DuckDBBlock(path=str(duckdb.resolve()))), self.folder)
        else:
            source = type(self).open(self.folder, self._opened[1], environment=environment, clock=self._clock).warehouse
        schema = self.files.file.pull.schema_

        def tell(table: str, rows: int) -> None:
            progress.advance(table, done=rows)

        return move_all(source, self.warehouse, schema=schema, clock=self._clock, tell=tell)

    def hold(self, sync: str, *, reason: str = "") -> None:
        """Keep a sync from being pushed until it is resumed."""
        holds.hold_syncs([self._sync(sync).name], client=self.client, state=self.state, reason=reason)

    def resume(self, sync: str) -> str | None:
        """Let a sync go on; give why it was on hold, None where it was not."""
        return holds.resume_syncs([sync], client=self.client, state=self.state).get(sync)

    def resolve(self, sync: str, row_key: str, *, record_id: str | None = None, wait_seconds: float = 0) -> None:
        """Say of a create whose answer was lost which record it made; None: none, so that the next push makes it."""
        name = self._sync(sync).name
        resolve_unknown(
            name, row_key, record_id=record_id, client=self.client, state=self.state, wait_seconds=wait_seconds
        )

    def rename(self, old: str, new: str, *, wait_seconds: float = 0) -> Renamed:
        """Keep what was written under a sync's former name, now that its file is called otherwise."""
        if old in self.files.syncs:
            raise UsageError(f"syncs/{old}.yml is still there. Rename that file to {new}.yml first.")
        return rename_sync(old, self._sync(new).name, client=self.client, state=self.state, wait_seconds=wait_seconds)

    def verify(self, sync: str, *, recorded: bool = True, progress: Progress = _QUIET) -> VerifyReport:
        """Read back everything that a sync wrote and compare it; `recorded`: as a run of its own."""
        return verify_sync(self._sync(sync), client=self.client, state=self.state, recorded=recorded, progress=progress)

    def _sync(self, name: str) -> Sync:
        if not self.files.syncs:
            raise ConfigError(
                f"the project has no syncs. Write one as {self.folder / load.SYNC_FOLDER / (name + '.yml')}."
            )
        if name not in self.files.syncs:
            raise UnknownNameError("sync", name, known=self.sync_names)
        return self.files.syncs[name]

    def _plan_id(self, plan: str) -> str:
        path = Path(plan)
        return planfile.merge_plan_file(self.state, path) if path.is_file() else plan

"""What ran lately, by stream and by sync: what an overview shows at a glance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hubferry.config.model import Project as ProjectFiles
from hubferry.config.model import ScheduleBlock
from hubferry.project.plans import PlanInfo, Plans
from hubferry.pull.catalog import is_custom
from hubferry.state.store import Run, StateStore, StreamRun
from hubferry.streams.crm import ALL_CUSTOM

LOOKED_AT = 60


@dataclass(frozen=True)
class NextRun:
    """When `hubferry serve` runs something next; without a time: after another job, or by hand."""

    at: datetime | None = None
    words: str = "by hand"


BY_HAND = NextRun()


@dataclass(frozen=True, kw_only=True)
class StreamActivity:
    """One chosen stream: its last runs, oldest first, and how far it is read."""

    name: str
    runs: tuple[StreamRun, ...] = ()
    next_run: NextRun = BY_HAND
    equal_as_of: datetime | None = None
    """The table is equal to HubSpot as of this time; None: it was never read to its end."""

    @property
    def last(self) -> StreamRun | None:
        """Give the last run."""
        return self.runs[-1] if self.runs else None

    @property
    def written(self) -> list[int]:
        """Give the rows that each run wrote."""
        return [each.inserted + each.updated + each.deleted for each in self.runs]


@dataclass(frozen=True, kw_only=True)
class SyncActivity:
    """One sync: its last plans and runs, newest first, and what could not be done."""

    name: str
    object: str
    mode: str
    source: str
    plans: tuple[PlanInfo, ...] = ()
    runs: tuple[Run, ...] = ()
    held: str = ""
    """Why it is on hold; empty: it is not."""
    next_run: NextRun = BY_HAND
    rejected: Mapping[str, int]
    """State -> how many rows, columns and links are in it."""

    @property
    def applied(self) -> list[int]:
        """Give the rows and links that each run wrote to HubSpot, oldest first."""
        wrote = [run for run in reversed(self.runs) if run.kind != "plan"]
        return [run.counts.get("rows_applied", 0) + run.counts.get("links_applied", 0) for run in wrote]

    @property
    def not_done(self) -> int:
        """Count what could not be done."""
        return sum(self.rejected.values())


@dataclass(frozen=True)
class Activity:
    """Reads the runs of a project's streams and syncs."""

    files: ProjectFiles
    state: StateStore

    def streams(self, *, runs: int = 20) -> tuple[StreamActivity, ...]:
        """Give every chosen stream with its last runs, those of custom objects that a wildcard chose among them."""
        found: defaultdict[str, list[StreamRun]] = defaultdict(list)
        for each in self.state.latest_stream_runs(runs):
            found[each.stream].append(each)
        cursors, following = self._cursors(), self._next(self.files.file.pull.schedule)
        custom = sorted(name for name in {*found, *cursors} if is_custom(name))
        return tuple(
            StreamActivity(name=name, runs=tuple(found[name]), equal_as_of=cursors.get(name), next_run=following)
            for name in dict.fromkeys((*self.files.file.pull.streams, *custom))
            if name != ALL_CUSTOM or not custom
        )

    def stream(self, name: str, *, runs: int = 50) -> StreamActivity:
        """Give one stream with its last runs."""
        found = tuple(each for each in self.state.latest_stream_runs(runs, stream=name))
        return StreamActivity(name=name, runs=found, equal_as_of=self._cursors().get(name))

    def syncs(self) -> tuple[SyncActivity, ...]:
        """Give every sync with its last plans and runs."""
        plans, runs = Plans(self.state).latest(LOOKED_AT), self.state.runs(LOOKED_AT)
        rejected = self.state.rejected_counts()
        held = self.state.holds()
        owners = {each.id: each.plan.syncs for each in plans}
        return tuple(
            SyncActivity(
                name=name,
                object=sync.block.object_,
                mode=sync.block.mode,
                source=sync.block.source or "a query",
                plans=tuple(each for each in plans if name in each.plan.syncs),
                runs=tuple(run for run in runs if name in _syncs_of(run, owners)),
                held=held.get(name, ""),
                next_run=self._next(sync.block.schedule),
                rejected=rejected.get(name, {}),
            )
            for name, sync in self.files.syncs.items()
        )

    def _next(self, schedule: ScheduleBlock | None) -> NextRun:
        if schedule is None:
            return BY_HAND
        following = schedule.next_after(datetime.fromtimestamp(self.state.clock.time(), UTC))
        return NextRun(following, schedule.cron or f"after {schedule.after}")

    def _cursors(self) -> dict[str, datetime | None]:
        return {name: each.value for name, each in self.state.all_cursors(self.files.file.pull.schema_).items()}


def _syncs_of(run: Run, owners: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    named = run.detail.get("syncs")
    return tuple(named) if named else owners.get(str(run.detail.get("plan", "")), ())

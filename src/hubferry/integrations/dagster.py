"""Dagster (extra `dagster`): streams and syncs as assets.

All chosen streams are one multi-asset, because a pull is one run; any part of them can be materialised alone. Each sync is
an asset whose metadata is the summary of its plan. What goes wrong is a `Failure` that says what to do next.
"""

# No `from __future__ import annotations`: Dagster looks at the annotations of a function's context.
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

try:
    import dagster as dg
except ImportError as error:  # pragma: no cover  tested in an environment without it
    raise ImportError("hubferry.integrations.dagster needs Dagster: pip install 'hubferry[dagster]'") from error

from hubferry.errors import ConfigError, HubferryError, UnknownNameError
from hubferry.integrations import reports
from hubferry.project import Project, PushReport, StreamInfo, StreamReport

CHECK = "everything_done"
"""The name of the check of each asset: of a stream, that every value fitted its column; of a sync, that no row was left open."""
_ALL_CUSTOM = "custom_*"
"""How hubferry.yml chooses every custom object of the portal."""
_KINDS = {"hubspot"}


def build_assets(
    folder: str | Path,
    *,
    environment: str | None = None,
    key_prefix: Sequence[str] = (),
    sync_prefix: Sequence[str] = ("hubspot_syncs",),
    group_name: str = "hubferry",
    deps: Mapping[str, Sequence[Any]] | None = None,
    wait_seconds: float = 600,
    pool: str | None = "hubferry",
    retry_policy: Any = None,
    ask_portal: bool = False,
) -> list[dg.AssetsDefinition]:
    """Give the assets of a project: one definition for all chosen streams, one for each sync.

    A stream's key is `key_prefix`, schema, stream; a sync's `sync_prefix`, sync. A sync that reads `source: schema.table`
    depends on the asset `key_prefix`, schema, table; `deps` (sync -> assets) says it for the others. The folder is read when
    Dagster loads the definitions; HubSpot is asked only with `ask_portal`, which `custom_*` needs. Secrets are looked
    up when a run begins. Runs of one portal wait for each other up to `wait_seconds`; `pool` lets Dagster queue them.
    Raises ConfigError where the files cannot be meant.
    """
    made = _Project(Path(folder), environment, tuple(key_prefix), group_name, wait_seconds, pool, retry_policy)
    with made.open() as project:
        streams = _chosen(project, ask_portal=ask_portal)
        syncs = {name: sync.block.source for name, sync in project.files.syncs.items()}
    given = dict(deps or {})
    for name in given:
        if name not in syncs:
            raise UnknownNameError("sync", name, known=tuple(syncs))
    assets = [_build_streams(made, streams)] if streams else []
    for name, source in syncs.items():
        found = given.get(name, [dg.AssetKey([*key_prefix, *source.split(".")])] if source else [])
        assets.append(_build_sync(made, name, dg.AssetKey([*sync_prefix, name]), found))
    return assets


class _Project:
    """Where the project is, and what all of its assets have in common."""

    def __init__(
        self,
        folder: Path,
        environment: str | None,
        prefix: tuple[str, ...],
        group: str,
        wait_seconds: float,
        pool: str | None,
        retry_policy: Any,
    ) -> None:
        self.folder, self.environment, self.prefix = folder.resolve(), environment, prefix
        self.wait_seconds = wait_seconds
        self.shared: dict[str, Any] = {"group_name": group, "pool": pool, "retry_policy": retry_policy}

    def open(self) -> Project:
        """Open it anew: its files may have changed since the definitions were loaded."""
        return Project.open(self.folder, environment=self.environment)


def _chosen(project: Project, *, ask_portal: bool) -> list[StreamInfo]:
    if _ALL_CUSTOM in project.files.file.pull.streams and not ask_portal:
        raise ConfigError(
            f"hubferry.yml chooses {_ALL_CUSTOM}, and only the portal knows which there are: name them one by one"
            " (custom_<name>), or call build_assets(.., ask_portal=True)."
        )
    known = {each.name: each for each in project.streams(ask_portal=ask_portal)}
    schema = project.files.file.pull.schema_
    named = [each for each in known.values() if each.chosen]
    custom = [name for name in project.files.file.pull.streams if name not in known and name != _ALL_CUSTOM]
    return named + [
        StreamInfo(name=each, table=f"{schema}.{each}", chosen=True, strategy="", key=("id",), cursor=None, scopes=())
        for each in custom
    ]


def _build_streams(made: _Project, streams: Sequence[StreamInfo]) -> dg.AssetsDefinition:
    keys = {each.name: dg.AssetKey([*made.prefix, *each.table.split(".")]) for each in streams}
    specs = [
        dg.AssetSpec(
            keys[each.name],
            description=f"HubSpot's {each.name}, one row a {', '.join(each.key)}.",
            group_name=made.shared["group_name"],
            kinds=_KINDS,
            metadata={"dagster/table_name": each.table},
        )
        for each in streams
    ]
    checks = [
        dg.AssetCheckSpec(CHECK, asset=key, description="Every value fitted its column's type.")
        for key in keys.values()
    ]
    shared = {name: value for name, value in made.shared.items() if name != "group_name"}

    @dg.multi_asset(name="hubferry_pull", specs=specs, check_specs=checks, can_subset=True, **shared)
    def pull(context: dg.AssetExecutionContext) -> Iterator[Any]:
        wanted = {name: key for name, key in keys.items() if key in context.selected_asset_keys}
        with _failing(), made.open() as project:
            report = project.pull(select=tuple(wanted), wait_seconds=made.wait_seconds)
            for stream in report.streams:
                if stream.state == "done" and stream.name in wanted:
                    yield _stream_result(project, report.run_id, stream, wanted[stream.name])
        if unfinished := reports.find_unfinished(report):
            errors = [each.error for each in unfinished if each.error]
            raise dg.Failure(
                reports.describe_failures(report),
                metadata={"run_id": report.run_id, "exit_code": report.exit_code},
                allow_retries=not errors or any(map(reports.may_retry, errors)),
            )

    return pull


def _stream_result(project: Project, run_id: str, stream: StreamReport, key: dg.AssetKey) -> dg.MaterializeResult:
    numbers = reports.summarise_stream(stream)
    return dg.MaterializeResult(
        asset_key=key,
        metadata=_plain({"run_id": run_id, "notes": "\n".join(stream.notes), **numbers}) | _table(project, stream.name),
        check_results=[
            dg.AssetCheckResult(
                passed=not stream.unparsed,
                asset_key=key,
                check_name=CHECK,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"unparsed": stream.unparsed},
                description="Values that did not fit are in _hubferry_unparsed." if stream.unparsed else None,
            )
        ],
    )


def _table(project: Project, stream: str) -> dict[str, Any]:
    """Describe a stream's table in Dagster's own words."""
    table = project.tables.describe(stream)
    columns = [dg.TableColumn(each.name, each.type, description=each.label or None) for each in table.columns]
    return {
        "dagster/row_count": table.rows,
        "dagster/column_schema": dg.TableSchema(columns=columns),
    }


def _build_sync(made: _Project, name: str, key: dg.AssetKey, deps: Sequence[Any]) -> dg.AssetsDefinition:
    check = dg.AssetCheckSpec(CHECK, asset=key, description="No row or link is invalid, rejected or unknown.")

    @dg.asset(
        key=key,
        deps=list(deps),
        kinds=_KINDS,
        description=f"The rows of sync {name}, in HubSpot.",
        check_specs=[check],
        **made.shared,
    )
    def sync(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        with _failing(), made.open() as project:
            report = project.push([name], wait_seconds=made.wait_seconds)
        context.log.info("%s: %d changes planned, %d rows left open", name, report.plan.changes, report.rows_open)
        return _sync_result(report, name, key)

    return sync


def _sync_result(report: PushReport, name: str, key: dg.AssetKey) -> dg.MaterializeResult:
    told = reports.summarise_push(report)
    plan = told["plan"]
    metadata = {each: told[each] for each in ("run_id", "calls", "seconds", "rows_open")}
    metadata |= {"plan_id": plan["plan_id"], "changes": plan["changes"], "guards": plan["guards"], "cost": plan["cost"]}
    metadata |= {f"plan/{each}": value for each, value in plan["counts"][name].items()}
    metadata |= {f"rows/{each}": value for each, value in told["rows"][name].items()}
    metadata |= {f"links/{each}": value for each, value in told["links"][name].items()}
    return dg.MaterializeResult(
        asset_key=key,
        metadata=_plain(metadata),
        check_results=[
            dg.AssetCheckResult(
                passed=not report.rows_open,
                check_name=CHECK,
                metadata={"rows_open": report.rows_open},
                description=f"hubferry rejected {name} lists them with reasons." if report.rows_open else None,
            )
        ],
    )


@contextmanager
def _failing() -> Iterator[None]:
    """Say hubferry's errors as Dagster's failures; those that only a person can mend are not tried again."""
    try:
        yield
    except HubferryError as error:
        facts = {"type": type(error).__name__, "exit_code": error.exit_code}
        if (plan_id := getattr(error, "plan_id", None)) is not None:
            facts["plan_id"] = plan_id
        raise dg.Failure(str(error), metadata=facts, allow_retries=reports.may_retry(error)) from error


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not known; Dagster shows the rest."""
    return {name: value for name, value in metadata.items() if value is not None and value != ""}

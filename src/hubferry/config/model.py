"""What hubferry.yml and syncs/*.yml can say: one frozen definition each, for validation, the JSON Schema and the code.

Defaults live here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hubferry.config.block import Block, SecretReference
from hubferry.config.periods import Period
from hubferry.config.warehouses import WarehouseBlock

Scalar = str | int | float | bool
API_VERSION = "2026-09"
"""The one place that names HubSpot's API version."""


class HubSpotBlock(Block):
    """How to reach the portal."""

    token: SecretReference = "${HUBSPOT_TOKEN}"  # noqa: S105  a reference, never the secret
    """`${NAME}`: the environment variable that holds a private app token or a service key."""
    base_url: str = "https://api.hubapi.com"
    """Where HubSpot answers; `http://127.0.0.1:PORT` for an emulator on this machine."""
    burst_limit: Annotated[int, Field(ge=1, le=250)] = 190
    """Calls in any ten seconds; lowered by the response headers where the account allows fewer."""
    daily_reserve: Annotated[int, Field(ge=0)] = 5000
    """Daily calls left for the account's other apps."""

    @model_validator(mode="after")
    def _check_base_url(self) -> Self:
        """Send a token over plain HTTP to this machine only."""
        url = urlsplit(self.base_url)
        local = url.hostname in ("127.0.0.1", "::1", "localhost")
        if not url.hostname or url.scheme not in ("http", "https") or (url.scheme == "http" and not local):
            raise ValueError("base_url must begin with https://, or with http:// for an emulator on this machine")
        return self


class StreamBlock(Block):
    """What a project says about one stream."""

    strategy: Literal["full_refresh", "incremental"] | None = None
    """Without it: incremental where the stream can."""
    storage: Literal["merge", "append"] = "merge"
    """merge: one row a record; append: one row a version, and a table `<stream>__current` of one row a record beside it."""
    associations: tuple[str, ...] | None = None
    """Objects whose links to this one are kept in the associations table; without it, those of [streams](streams.md)."""
    properties: tuple[str, ...] | Literal["all", "custom", "not_empty"] = "all"
    """Which properties are asked for and become columns: a list, all, the portal's own, or those that some record has a value of."""
    types: Mapping[str, str] = {}
    """Column types of single properties, e.g. `{amount: decimal(38,9)}`."""
    multi_select: Literal["text", "list"] = "text"
    """Properties with several values: the text that HubSpot sends (`a;b`), or a list; `types` may differ for single ones."""
    max_columns: Annotated[int, Field(ge=1)] | None = None
    """So many properties have columns of their own; the others are in one JSON column, `_hubferry_more`. Columns that are
    there already stay in use. Without it, as many as the warehouse takes."""
    tags: tuple[str, ...] = ()
    """Words to choose streams by: `--select tag:nightly`."""
    start: date | None = None
    """Streams of events: the first day that is read; without it, everything that HubSpot has. With an earlier day than before, everything from it on is read anew."""
    objects: tuple[str, ...] | None = None
    """property_history: whose; without it, companies, contacts and deals."""
    sweep: Literal["auto", "every_run", "daily", "weekly"] = "auto"
    """How often archived records, merges and links are looked at; auto: every run while it costs at most 200 calls, else daily."""
    sweep_links: Literal["auto", "every_run", "daily", "weekly"] | None = None
    """How often the links of all records are looked at, where that is not to be as often as `sweep`."""
    reconcile: Period = "weekly"
    """How often ids and modified dates of all records are compared with the table, beside reading what changed: finds what HubSpot's search showed too late. Of list_memberships: how often all members are read, also of lists of which nothing says that they changed."""
    calculated: Period = "never"
    """How often calculated and rollup properties of all records are compared with the table: they change without a modified date."""
    full_refresh: Period = "never"
    """How often everything is read again, beside reading what changed; of every stream."""
    reader: Literal["list", "exports"] = "list"
    """Streams of records: how all of them are looked at again, by a full refresh or `reconcile`: by HubSpot's list, or by one of its [exports](../guides/incremental-and-deletes.md#looking-at-everything-by-an-export), which takes fewer calls and the scope `crm.export`."""


class ScheduleBlock(Block):
    """When `hubferry serve` runs it."""

    cron: str | None = None
    """Five fields: minute, hour, day of month, month, day of week."""
    timezone: str = "UTC"
    """Whose clock the cron expression means, e.g. Europe/Berlin; days of clock changes as Debian's cron has them."""
    after: str | None = None
    """In place of `cron`: `pull`, or a sync; this one runs each time that one ended with everything done."""

    @model_validator(mode="after")
    def _check_time(self) -> Self:
        if (self.cron is None) == (self.after is None):
            raise ValueError("write exactly one of cron and after")
        try:
            zone = ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{self.timezone!r} is no time zone; one is e.g. Europe/Berlin") from None
        if self.cron is not None:
            try:
                CronSim(self.cron, datetime.now(zone))
            except CronSimError as error:
                raise ValueError(f"{self.cron!r} is no cron expression ({error}); one is e.g. 0 6 * * 1-5") from None
        return self

    def next_after(self, moment: datetime) -> datetime | None:
        """Give the first time that the cron expression means after a moment; None: it runs after another job."""
        if self.cron is None:
            return None
        return next(CronSim(self.cron, moment.astimezone(ZoneInfo(self.timezone)))).astimezone(UTC)


def _expand_schedule(value: object) -> object:
    return {"cron": value} if isinstance(value, str) else value


Schedule = Annotated[
    ScheduleBlock | None, BeforeValidator(_expand_schedule, json_schema_input_type=str | ScheduleBlock | None)
]
"""A cron expression, or a block."""


class WebhookBlock(Block):
    """An address that is sent each alert as JSON, by POST."""

    url: SecretReference
    """`${NAME}`: the address, which is a secret too; https, or http on this machine."""
    secret: SecretReference | None = None
    """`${NAME}`: the key of the signature, `Hubferry-Signature: t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>">`."""


class EmailBlock(Block):
    """Who is sent each alert, and by which server."""

    host: str
    """The SMTP server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """Its port; the connection is encrypted by STARTTLS, on 465 from its start, and not at all on this machine."""
    username: str | None = None
    """For servers that ask."""
    password: SecretReference | None = None
    """`${NAME}`."""
    from_: str = Field(alias="from")
    """The sender's address."""
    to: tuple[str, ...]
    """The receivers' addresses."""


class AlertsBlock(Block):
    """Who is told when the state of a scheduled job changes."""

    webhook: WebhookBlock | None = None
    email: EmailBlock | None = None
    tolerated_rows: Annotated[int, Field(ge=0)] = 0
    """So many rows of a push may be invalid, rejected or unknown before anybody is told."""


class PullBlock(Block):
    """What to pull, and where to."""

    schema_: str = Field(default="hubspot", alias="schema")
    """The warehouse schema that the tables are in."""
    streams: Mapping[str, StreamBlock | None] = {}
    """The streams to pull, each with its settings or none; `hubferry streams` lists them."""
    fivetran_schema: str | None = None
    """A schema in which each pull makes views in the shape of Fivetran's HubSpot tables, for dbt models written for those."""
    lookback_minutes: Annotated[float, Field(ge=0)] = 5
    """How far before its cursor an incremental read begins, because HubSpot's search index lags."""
    export_hosts: tuple[str, ...] = ()
    """Further hosts that the files of exports may be fetched from, e.g. `files.example.com`; HubSpot's own domains always are."""
    schedule: Schedule = None
    """When `hubferry serve` pulls: a cron expression, or a block."""


class EnvironmentBlock(Block):
    """What is otherwise under `--env NAME`: settings named here replace those of the files, one by one; the others stay."""

    hubspot: HubSpotBlock = HubSpotBlock()
    warehouse: WarehouseBlock = WarehouseBlock()
    """Another engine than the file's replaces the whole block."""
    pull: PullBlock = PullBlock()
    alerts: AlertsBlock = AlertsBlock()
    syncs: Mapping[str, Mapping[str, Any]] = {}
    """Sync -> settings of its file, such as `where` or `guards`."""


class ProjectFile(Block):
    """hubferry.yml."""

    hubspot: HubSpotBlock = HubSpotBlock()
    warehouse: WarehouseBlock = WarehouseBlock()
    pull: PullBlock = PullBlock()
    alerts: AlertsBlock = AlertsBlock()
    environments: Mapping[str, EnvironmentBlock] = {}
    """Other portals, warehouses or schemas, chosen by `--env NAME` or HUBFERRY_ENV."""


class FieldBlock(Block):
    """Where a property's value comes from and what an absent one means."""

    column: str | None = None
    """The source column."""
    constant: Scalar | None = None
    """The same value for every row."""
    sql: str | None = None
    """An SQL expression over the source's columns."""
    on_null: Literal["ignore", "clear", "error"] = "ignore"
    """What a NULL means: leave the property alone, clear it, or set the row aside as invalid."""
    on_unknown_option: Literal["reject", "create"] = "reject"
    """A value that is no option of the property: the row is set aside, or the plan adds the option to the property first."""
    multi: Literal["replace", "append", "remove"] = "replace"
    """Whether a multi-select's values replace those in HubSpot, are added to them, or are taken out of them."""
    create: Literal["string", "number", "date", "datetime"] | None = None
    """The type of the property, where HubSpot does not have it yet: the plan makes it, before any record is written."""
    policy: Literal["warehouse_wins", "hubspot_wins", "fill_only", "manual"] = "warehouse_wins"
    """Who decides where HubSpot holds another value: the source; HubSpot, where it was changed there since our last
    write; HubSpot, where it holds anything at all; or nobody: the property is listed as a conflict and left alone."""

    @model_validator(mode="after")
    def _check_origin(self) -> Self:
        if sum(each is not None for each in (self.column, self.constant, self.sql)) != 1:
            raise ValueError("write exactly one of column, constant and sql")
        return self


class LinksBlock(Block):
    """A source of its own for links, one row a link; a link with several labels has a row for each."""

    source: str | None = None
    """A table or view: `schema.table`."""
    query: str | None = None
    """A SELECT, in place of `source`."""
    row: str
    """Its column that holds the `key` of the sync's row."""
    key: str
    """Its column that holds the key of the other record."""
    label: str | None = None
    """Its column that holds the label, NULL for unlabelled; without it, all links are unlabelled."""

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if (self.source is None) == (self.query is None):
            raise ValueError("write exactly one of source (a table) and query (a SELECT)")
        return self


class AssociationBlock(Block):
    """Links that a row asks for: keys of other records, each with a label, null (unlabelled), or a list of labels."""

    to: str
    """The object at the other end; or `lists`: static lists of the sync's own object, which a row's record is put on."""
    column: str | None = None
    """The source column: a list of keys, or an object of key -> label, null, or list of labels."""
    links: LinksBlock | None = None
    """A table with one row a link, in place of `column`."""
    by: str = "hs_object_id"
    """The other object's property that the keys are values of: `hs_object_id` = record ids, a property with unique values, or `domain` of companies; of `lists`, `name`."""
    cleanup_default: bool = False
    """Remove the unlabelled link too once no label is left."""
    create_missing_labels: bool = False
    """Define labels that HubSpot does not have yet, as steps of the plan; without it, links that name one are set aside."""

    @model_validator(mode="after")
    def _check_column(self) -> Self:
        if (self.column is None) == (self.links is None):
            raise ValueError("write exactly one of column (of the sync's source) and links (a source of their own)")
        return self


class GuardsBlock(Block):
    """Ceilings; a plan over one of them is saved and not applied (exit code 3)."""

    max_creates: Annotated[int, Field(ge=0)] | None = None
    """New records."""
    max_changed_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Part of the matched records that may change, 0 to 1; looked at from 100 matched records on."""
    max_clears: Annotated[int, Field(ge=0)] | None = None
    """Filled properties that become empty."""
    max_archives: Annotated[int, Field(ge=0)] = 0
    """Records archived because their rows left the source."""
    max_links_removed: Annotated[int, Field(ge=0)] | None = None
    """Links taken away; without it, a tenth of those that are ours, at least 100."""
    empty_source: Literal["stop", "allow"] | None = None
    """What happens where the source has no row although it had some before; without it: stop in `mirror`, else allow."""


class SyncBlock(Block):
    """syncs/NAME.yml: rows of one source into one HubSpot object."""

    source: str | None = None
    """A table or view: `schema.table`."""
    query: str | None = None
    """A SELECT, in place of `source`."""
    where: str | None = None
    """An SQL condition over the source's columns; rows that do not meet it are as if they were not there."""
    model: str | None = None
    """A file of `models/` without its ending, in place of `source`: `models/NAME.sql` holds a SELECT."""
    key: str
    """The source column that identifies a row from run to run."""
    object_: str = Field(alias="object")
    """What the rows become: `contacts`, `companies`, `deals` ..."""
    mode: Literal["create", "update", "upsert", "mirror"] = "upsert"
    """create: new records only; update: existing ones only; upsert: both; mirror: both, and archive ours whose rows left."""
    match: str = "hs_object_id"
    """The property that decides which record a row is: `hs_object_id`, one with unique values, or `domain` of companies.
    `hubferry_key` is made, unique, by the first plan where the object has no such property, and filled with the key."""
    allow_keyless_create: bool = False
    """With `match: hs_object_id`, make records for rows that have none yet, although a create whose answer is lost
    cannot be told from one that was never carried out without looking for it."""
    adopt_by: str | None = None
    """How the first run finds records that do not hold the match property yet, to fill it in: `email`, `domain` or another
    property among `fields`; `none`: there is nothing to adopt."""
    owns: Literal["created", "matched"] = "created"
    """Which records `mirror` may archive when their rows leave the source: those this sync made, or all it wrote to."""
    fields: Mapping[str, str | FieldBlock]
    """HubSpot property -> a column of the source, or a block."""
    associations: tuple[AssociationBlock, ...] = ()
    """Links to other records."""
    schedule: Schedule = None
    """When `hubferry serve` pushes it: a cron expression, or a block."""
    guards: GuardsBlock = GuardsBlock()
    """Ceilings under which a push may apply its plan."""
    review: Literal["never", "destructive", "always"] = "never"
    """Which plans `push` keeps for a person to apply: none; those that archive, clear or unlink something; all."""
    on_archived: Literal["skip", "recreate"] = "skip"
    """What happens to a row whose record was archived in HubSpot."""
    reconcile: Period = "never"
    """How often a push compares every row with HubSpot, as `push --full` does, and so mends what was changed there:
    the others look only at rows that changed in the source."""

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        if sum(each is not None for each in (self.source, self.query, self.model)) != 1:
            raise ValueError("write exactly one of source (a table), query (a SELECT) and model (a file of models/)")
        return self


class Sync(BaseModel):
    """A sync with its name and its file, as push receives it."""

    model_config = ConfigDict(frozen=True)

    name: str
    file: str
    block: SyncBlock
    model_sql: str | None = None
    """What the file of `model` holds."""
    lines: Mapping[str, int] = {}
    """Line of each setting in the file, by dotted path (`fields.email`, `associations.0.by`), for messages."""

    def line(self, path: str) -> int | None:
        """Give the line of a setting, or of the nearest enclosing one."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path.rpartition(".")[0]
        return None


class Project(BaseModel):
    """Everything the project's files say."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    folder: str
    environment: str | None = None
    """The chosen environment; None where the files hold as they are."""
    file: ProjectFile
    syncs: Mapping[str, Sync] = {}
    lines: Mapping[str, int] = {}


Yaml = Mapping[str, Any]

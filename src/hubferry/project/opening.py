"""`OpenProject`: a folder's files, and its portal, warehouse and state, each opened when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from hubferry.clock import SystemClock
from hubferry.config import load, references
from hubferry.config.model import Project as ProjectFiles
from hubferry.hubspot.client import Client
from hubferry.project import checks
from hubferry.project.activity import Activity
from hubferry.project.mapper import Mapper
from hubferry.project.plans import Plans
from hubferry.project.records import Records
from hubferry.project.stream_settings import StreamSettings
from hubferry.project.sync_files import SyncFiles
from hubferry.project.tables import Tables
from hubferry.state.store import StateStore
from hubferry.types import Clock, Secret
from hubferry.warehouse.interface import Warehouse
from hubferry.warehouse.open import open_warehouse


class OpenProject:
    """A project's files, read at once, and what they name: each is made by the first use of it, and kept."""

    def __init__(self, files: ProjectFiles, environ: Mapping[str, str], clock: Clock) -> None:
        self.files, self.folder = files, Path(files.folder)
        self._environ, self._clock = environ, clock
        self._opened: tuple[load.Signature, Mapping[str, str] | None, str | None] = (
            load.read_signature(self.folder),
            environ,
            None,
        )
        checks.check_stream_names(files)

    @classmethod
    def open(
        cls,
        folder: str | Path = ".",
        environ: Mapping[str, str] | None = None,
        *,
        environment: str | None = None,
        clock: Clock | None = None,
        warehouse: Warehouse | None = None,
    ) -> Self:
        """Open the project of a folder, under one of its environments or as the files stand.

        `warehouse`: one that is open already, in place of the one that the files name. Raises ConfigError with file and line where the files cannot be meant, UnknownNameError for an environment that is not there.
        """
        path = Path(folder)
        written = load.read_signature(path)
        complete = references.read_environment(path, os.environ if environ is None else environ)
        project = cls(load.load_project(path, complete, environment or None), complete, clock or SystemClock())
        project._opened = (written, environ, environment)
        if warehouse is not None:
            vars(project)["warehouse"] = warehouse
        return project

    def reopened(self) -> Self:
        """Give the project as its files are now: itself where none changed, else one that goes on with the same client.

        A process that stays (a page, a scheduler) keeps HubSpot's limits together that way.
        """
        written, environ, environment = self._opened
        if load.read_signature(self.folder) == written:
            return self
        anew = type(self).open(self.folder, environ, environment=environment, clock=self._clock)
        kept = {"warehouse": anew.files.file.warehouse == self.files.file.warehouse}
        kept |= {"client": anew.files.file.hubspot == self.files.file.hubspot and anew._token() == self._token()}
        vars(anew).update({name: vars(self)[name] for name in kept if kept[name] and name in vars(self)})
        return anew

    @cached_property
    def client(self) -> Client:
        """The portal's one client."""
        block = self.files.file.hubspot
        return Client(
            token=self._token(),
            base_url=block.base_url,
            clock=self._clock,
            burst_limit=block.burst_limit,
            daily_reserve=block.daily_reserve,
        )

    @cached_property
    def warehouse(self) -> Warehouse:
        """The project's warehouse; its file is opened for the length of a transaction or query."""

        def resolve(path: str, reference: str) -> Secret:
            return load.resolve_secret(self.files, path, reference, self._environ)

        return open_warehouse(self.files.file.warehouse, self.folder, resolve=resolve)

    @cached_property
    def state(self) -> StateStore:
        """What hubferry knows, in the warehouse."""
        return StateStore(self.warehouse, self._clock)

    @cached_property
    def tables(self) -> Tables:
        """What was pulled, table by table: columns, pages of rows, values that did not fit."""
        return Tables(self.files, self.warehouse)

    @cached_property
    def activity(self) -> Activity:
        """What ran lately, by stream and by sync."""
        return Activity(self.files, self.state)

    @cached_property
    def plans(self) -> Plans:
        """Stored plans: a page of steps at a time, and what became of them."""
        return Plans(self.state)

    @cached_property
    def records(self) -> Records:
        """Single records: what was pulled, written and changed."""
        return Records(self.files, self.tables, self.state, lambda: self.client)

    @cached_property
    def mapper(self) -> Mapper:
        """What a sync can be built from: sources, columns, properties, and a row to try."""
        return Mapper(self.warehouse, self.state, lambda: self.client)

    @cached_property
    def stream_settings(self) -> StreamSettings:
        """The streams in hubferry.yml, to be chosen and set."""
        return StreamSettings(self.files, self._environ)

    @cached_property
    def sync_files(self) -> SyncFiles:
        """The files of the syncs, to be read and changed."""
        return SyncFiles(self.files, self._environ)

    @property
    def sync_names(self) -> tuple[str, ...]:
        """The project's syncs."""
        return tuple(self.files.syncs)

    @property
    def environment(self) -> str | None:
        """The chosen environment; None where the files hold as they stand."""
        return self.files.environment

    def secret(self, path: str, reference: str) -> Secret:
        """Give the secret that the setting at this path of hubferry.yml refers to."""
        return load.resolve_secret(self.files, path, reference, self._environ)

    def close(self) -> None:
        """Close the connections to the portal; harmless where none was made."""
        if "client" in vars(self):
            self.client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _token(self) -> Secret:
        return load.resolve_token(self.files, self._environ)

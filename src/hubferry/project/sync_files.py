"""The files of syncs: read, drafted, changed in place with comments kept, compared, checked and saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hubferry.config import edit, load
from hubferry.config.model import Project as ProjectFiles
from hubferry.config.model import Sync
from hubferry.errors import ConfigError, UnknownNameError
from hubferry.project.sync_draft import OWNED, SyncDraft, parse_draft
from hubferry.project.texts import TextChange, read_text, save_text

_HEAD = "# yaml-language-server: $schema=../.hubferry/sync.schema.json\n"


@dataclass(frozen=True)
class SyncFiles:
    """Reads and writes syncs/*.yml of a project."""

    files: ProjectFiles
    environ: Mapping[str, str]

    def read(self, name: str) -> str:
        """Give the text of a sync's file."""
        if name not in self.files.syncs:
            raise UnknownNameError("sync", name, known=tuple(self.files.syncs))
        return read_text(self._path(name))

    def draft(self, name: str) -> SyncDraft:
        """Give a sync as a draft, to be changed."""
        return parse_draft(name, self.read(name), file=f"{load.SYNC_FOLDER}/{name}.yml")

    def change(self, draft: SyncDraft, *, is_new: bool = False) -> TextChange:
        """Give what the draft makes of its file; raise ConfigError, with the line, where the result cannot be meant."""
        before = read_text(self._path(draft.name))
        file = f"{load.SYNC_FOLDER}/{draft.name}.yml"
        if is_new and before:
            raise ConfigError("exists already. Name the new sync otherwise, or edit that one.", file=file)
        if missing := draft.missing:
            raise ConfigError(f"{missing} is not chosen yet.", file=file)
        after = edit.change_text(before or _HEAD, draft.build_settings(), OWNED, file=file)
        load.parse_sync(draft.name, after, self.environ)
        return TextChange(file=file, before=before, after=after)

    def build(self, draft: SyncDraft) -> Sync:
        """Give the sync that the draft would be, without saving it."""
        sync = load.parse_sync(draft.name, self.change(draft).after, self.environ)
        return load.with_model(Path(self.files.folder), sync)

    def save(self, name: str, text: str, *, seen: str) -> None:
        """Write a sync's file; raise ConfigError where it cannot be meant, or was changed since it was `seen`."""
        load.parse_sync(name, text, self.environ)
        save_text(self._path(name), text, seen=seen, file=f"{load.SYNC_FOLDER}/{name}.yml")

    def _path(self, name: str) -> Path:
        if not load.is_sync_name(name):
            raise ConfigError(
                "a sync is named by letters, digits, - and _. Name it otherwise.",
                file=f"{load.SYNC_FOLDER}/{name or '?'}.yml",
            )
        return Path(self.files.folder) / load.SYNC_FOLDER / f"{name}.yml"

"""The streams in hubferry.yml: chosen, set, or taken out, with everything else of the file as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hubferry.config import edit, lines, load
from hubferry.config.model import Project as ProjectFiles
from hubferry.config.model import StreamBlock
from hubferry.project.texts import TextChange, read_text, save_text
from hubferry.pull.catalog import find_stream

_OWNED = dict.fromkeys(("strategy", "storage", "associations", "properties"))


@dataclass(frozen=True)
class StreamSettings:
    """Reads and writes the streams of hubferry.yml."""

    files: ProjectFiles
    environ: Mapping[str, str]

    def block(self, stream: str) -> StreamBlock:
        """Give the settings of a stream, those of a stream that was not chosen being the defaults."""
        find_stream(stream)
        return self.files.file.pull.streams.get(stream) or StreamBlock()

    def change(self, stream: str, settings: Mapping[str, Any] | None) -> TextChange:
        """Give what the file would say with these settings of a stream, or without the stream (None)."""
        self.block(stream)
        before = read_text(self._path)
        streams = ((lines.parse_yaml(before, file=load.PROJECT_FILE).data or {}).get("pull") or {}).get("streams") or {}
        if settings is None:
            kept = {name: value for name, value in streams.items() if name != stream}
            wanted: dict[str, Any] = {"pull": {"streams": kept}}
            owned: dict[str, Any] = {"pull": {"streams": {stream: None}}}
        else:
            wanted = {"pull": {"streams": {stream: self._merged(streams.get(stream), settings)}}}
            owned = {"pull": {"streams": {stream: _OWNED}}}
        after = edit.change_text(before, wanted, owned, file=load.PROJECT_FILE)
        return TextChange(file=load.PROJECT_FILE, before=before, after=after)

    def save(self, text: str, *, seen: str) -> None:
        """Write the file; raise ConfigError where it cannot be meant, or was changed since it was `seen`."""
        load.check_project_text(text, self.environ)
        save_text(self._path, text, seen=seen, file=load.PROJECT_FILE)

    @staticmethod
    def _merged(held: Any, settings: Mapping[str, Any]) -> dict[str, Any] | None:
        """Give all settings of the stream: those that are not ours to decide stay."""
        others = {name: value for name, value in (held or {}).items() if name not in _OWNED}
        return {**settings, **others} or None

    @property
    def _path(self) -> Path:
        return Path(self.files.folder) / load.PROJECT_FILE

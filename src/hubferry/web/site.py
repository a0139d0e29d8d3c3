"""One started page: its project, its session, its running work, its templates."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

import hubferry
from hubferry.project import Project
from hubferry.types import Clock
from hubferry.web import steps, text
from hubferry.web.live import LiveRuns
from hubferry.web.session import Session

SECTIONS = (
    ("overview", "/", "Overview"),
    ("streams", "/streams", "Streams"),
    ("syncs", "/syncs", "Syncs"),
    ("runs", "/runs", "Runs"),
    ("rejected", "/rejected", "Rejected"),
    ("records", "/records", "Records"),
    ("check", "/check", "Check"),
)


@dataclass
class Site:
    """What every request shares."""

    folder: Path
    session: Session
    environ: Mapping[str, str] | None = None
    environment: str | None = None
    clock: Clock | None = None
    runs: LiveRuns = field(default_factory=LiveRuns)
    _project: Project | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("hubferry.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= text.FILTERS
        self._templates.globals |= text.GLOBALS | {"step_view": steps.view}

    def project(self) -> Project:
        """Give the project as its files are now, with one client for all, so that the limits are kept together."""
        with self._lock:
            if self._project is None:
                self._project = Project.open(self.folder, self.environ, environment=self.environment, clock=self.clock)
            else:
                self._project = self._project.reopened()
            return self._project

    def render(self, template: str, context: object, *, is_part: bool = False) -> str:
        """Give the HTML of a page, or of a part that goes into one."""
        return self._templates.get_template(template).render(
            page=context,
            layout="bare.html" if is_part else "base.html",
            csrf=self.session.csrf,
            sections=SECTIONS,
            folder=self.folder.resolve().name,
            environment=self.environment,
            suffix=self.suffix,
            version=hubferry.__version__,
            running=self.runs.running,
        )

    @property
    def suffix(self) -> str:
        """Give the options that a command needs to mean this project from where the page was started."""
        folder = "" if self.folder.resolve() == Path.cwd() else f" --project {shlex.quote(str(self.folder))}"
        return folder + (f" --env {shlex.quote(self.environment)}" if self.environment else "")

    def close(self) -> None:
        """Stop what runs and close the connections to the portal."""
        self.runs.stop_all(timeout=10)
        if self._project is not None:
            self._project.close()

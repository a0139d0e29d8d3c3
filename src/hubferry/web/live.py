"""Runs that this process carries out: each in a thread, with what it tells of itself kept for whoever watches."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from hubferry.errors import InterruptedRunError
from hubferry.project import Calls, Project
from hubferry.types import Progress

State = Literal["running", "done", "failed"]
SAMPLE_SECONDS = 0.5
SAMPLES_KEPT = 240
Work = Callable[[Project, Progress], str]
"""Does the run and gives the address of what came of it."""


@dataclass
class Task:
    """One stream or one step of a sync."""

    name: str
    done: int = 0
    total: int | None = None
    ended: bool = False
    note: str = ""


@dataclass(frozen=True)
class Sample:
    """How the calls stood at a moment."""

    at: float
    calls: Calls


@dataclass
class LiveRun:
    """One run on its way; a Progress that remembers."""

    kind: str
    title: str
    command: str
    project: Project
    work: Work
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    state: State = "running"
    address: str = ""
    """Where its result is shown."""
    result: object = None
    """What it gave, where that is shown by this process only."""
    error: Exception | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    def advance(self, task: str, *, done: int, total: int | None = None, calls: int = 0, share: float = 0.0) -> None:  # noqa: ARG002
        """Remember how far a task is; end the run here when somebody asked for it."""
        self.check()
        found = self.tasks.setdefault(task, Task(task))
        found.done, found.total = done, total

    def check(self) -> None:
        """End the run here when somebody asked for it."""
        if self._stop.is_set():
            raise InterruptedRunError("stopped from the page; what was committed is kept, and running again resumes")

    def finish(self, task: str, *, note: str = "") -> None:
        """Remember that a task ended."""
        found = self.tasks.setdefault(task, Task(task))
        found.ended, found.note = True, note

    def stop(self) -> None:
        """Ask the run to end at the next point where nothing is half done."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Say whether the run was asked to end."""
        return self._stop.is_set() and self.state == "running"

    @property
    def seconds(self) -> float:
        """Give how long the run has taken."""
        return (self.ended or time.monotonic()) - self.started

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the run is over."""
        return self._over.wait(timeout)

    def start(self) -> None:
        """Begin."""
        self.samples.append(Sample(time.monotonic(), self.project.calls()))
        threading.Thread(target=self._work, name=f"run {self.id}", daemon=True).start()
        threading.Thread(target=self._sample, name=f"samples of {self.id}", daemon=True).start()

    def _work(self) -> None:
        try:
            with self.project.watched(self.check):
                self.address = self.work(self.project, self)
            self.state = "done"
        except Exception as error:  # noqa: BLE001  the worker's edge: shown on the run's page
            self.error = error
            self.state = "failed"
        finally:
            self.ended = time.monotonic()
            self._take_sample()
            self._over.set()

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self._take_sample()

    def _take_sample(self) -> None:
        """Note how the calls stand; the first sample stays, since counts are from there."""
        self.samples.append(Sample(time.monotonic(), self.project.calls()))
        del self.samples[1:-SAMPLES_KEPT]


class LiveRuns:
    """The runs of this process, latest last; the portal's lease decides which of two may go on."""

    def __init__(self) -> None:
        self._runs: dict[str, LiveRun] = {}

    def start(self, run: LiveRun) -> LiveRun:
        """Begin a run and remember it."""
        self._runs[run.id] = run
        run.start()
        return run

    def find(self, run_id: str) -> LiveRun | None:
        """Give a run."""
        return self._runs.get(run_id)

    @property
    def running(self) -> list[LiveRun]:
        """Give the runs that are not over."""
        return [each for each in self._runs.values() if each.state == "running"]

    def stop_all(self, timeout: float) -> None:
        """Ask all runs to end, and wait for them so long."""
        for each in self.running:
            each.stop()
        for each in self.running:
            each.wait(timeout)

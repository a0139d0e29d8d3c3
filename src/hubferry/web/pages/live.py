"""A run on its way: calls against the limit, rows, waits; told to the browser by server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from hubferry.errors import GuardError, UnknownNameError
from hubferry.web import trouble
from hubferry.web.live import LiveRun, Task
from hubferry.web.routing import Routes
from hubferry.web.site import Site
from hubferry.web.visit import Answer, Page, Redirect, Visit

TICK_SECONDS = 0.5
WINDOW_SECONDS = 10


@dataclass(frozen=True)
class LivePage:
    """One run on its way."""

    run: LiveRun
    section: str = "runs"

    @property
    def title(self) -> str:
        """Name the run."""
        return self.run.title

    @property
    def command(self) -> str:
        """Give the command that does the same."""
        return self.run.command

    @property
    def tasks(self) -> Sequence[Task]:
        """Give its tasks in the order in which they began."""
        return list(self.run.tasks.values())

    @property
    def calls(self) -> int:
        """Count the calls since it began."""
        return self.run.samples[-1].calls.total - self.run.samples[0].calls.total if self.run.samples else 0

    @property
    def searches(self) -> int:
        """Count the searches among them."""
        return self.run.samples[-1].calls.searches - self.run.samples[0].calls.searches if self.run.samples else 0

    @property
    def waited(self) -> float:
        """Give the seconds that its calls waited for the limit, added up over threads."""
        return self.run.samples[-1].calls.waited - self.run.samples[0].calls.waited if self.run.samples else 0.0

    @property
    def refused(self) -> int:
        """Count how often HubSpot said 429."""
        now, then = self.run.samples[-1].calls, self.run.samples[0].calls
        return now.rate_limited - then.rate_limited

    @property
    def limit(self) -> float:
        """Give the limit, in calls a second."""
        return self.run.samples[-1].calls.limit / WINDOW_SECONDS if self.run.samples else 0.0

    @property
    def share(self) -> float:
        """Give the part of the ten-second limit in use."""
        return self.run.samples[-1].calls.share if self.run.samples else 0.0

    @property
    def rates(self) -> list[float]:
        """Give the calls a second between samples, oldest first."""
        return [
            (now.calls.counted - then.calls.counted) / max(now.at - then.at, 0.01)
            for then, now in pairwise(self.run.samples[-120:])
        ]

    @property
    def rows(self) -> int:
        """Count the records read or sent so far."""
        return sum(task.done for task in self.tasks)

    @property
    def trouble(self) -> trouble.TroublePage | None:
        """Say what ended it early."""
        if self.run.error is None:
            return None
        context = trouble.build_page(self.run.error).context
        return context if isinstance(context, trouble.TroublePage) else None

    @property
    def is_over_guard(self) -> bool:
        """Say whether a guard stopped it: its plan is kept, to be looked at."""
        return isinstance(self.run.error, GuardError)


def show(visit: Visit) -> Answer:
    """Show a run of this process."""
    return Page("live.html", LivePage(_find(visit.site, visit.path["run"])))


def stop(visit: Visit) -> Answer:
    """Ask a run to end where nothing is half done."""
    run = _find(visit.site, visit.path["run"])
    run.stop()
    return Redirect(f"/live/{run.id}")


def stream_live(site: Site, request: Request) -> Response:
    """Send the state of a run until it is over."""
    run = site.runs.find(request.path_params["run"])
    if run is None:
        return Response("no such run\n", 404)
    return StreamingResponse(_tell(site, run), media_type="text/event-stream")


async def _tell(site: Site, run: LiveRun) -> AsyncIterator[str]:
    while True:
        over = run.state != "running"
        yield _event("progress", site.render("live_part.html", LivePage(run)))
        if over:
            yield _event("over", run.address or "failed")
            return
        await asyncio.sleep(TICK_SECONDS)


def _event(name: str, text: str) -> str:
    lines = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"event: {name}\n{lines}\n"


def _find(site: Site, run_id: str) -> LiveRun:
    run = site.runs.find(run_id)
    if run is None:
        raise UnknownNameError("run of this page", run_id, known=[each.id for each in site.runs.running])
    return run


def register(routes: Routes) -> None:
    """Add this page."""
    routes.get("/live/{run}", show)
    routes.post("/live/{run}/stop", stop)

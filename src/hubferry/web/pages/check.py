"""What portal and warehouse allow: token, scopes by stream and sync, quota, rights."""

from __future__ import annotations

from dataclasses import dataclass

from hubferry.project import CheckReport
from hubferry.web.routing import Routes
from hubferry.web.visit import Answer, Page, Visit


@dataclass(frozen=True)
class CheckPage:
    """The frame; what HubSpot answers comes into it."""

    title: str = "Check"
    section: str = "check"
    command: str = "hubferry check"


@dataclass(frozen=True)
class CheckResults:
    """What was found."""

    report: CheckReport

    @property
    def failed(self) -> int:
        """Count what is known to be wrong."""
        return sum(1 for each in self.report.items if each.passed is False)


def show(_visit: Visit) -> Answer:
    """Show the frame at once: HubSpot is asked by a request of its own."""
    return Page("check.html", CheckPage())


def show_results(visit: Visit) -> Answer:
    """Ask portal and warehouse."""
    return Page("check_results.html", CheckResults(visit.project.check()))


def register(routes: Routes) -> None:
    """Add this page."""
    routes.get("/check", show)
    routes.get("/check/results", show_results)

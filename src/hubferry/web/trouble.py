"""What a page says when something went wrong: what happened, and what to do. Never a trace, never a value."""

from __future__ import annotations

import logging
import traceback
from dataclasses import dataclass

from hubferry.errors import (
    ConfigError,
    HubferryError,
    HubSpotError,
    PlanError,
    RunError,
    TokenError,
    UnknownNameError,
    UnreachableError,
    UsageError,
    WarehouseLockedError,
)
from hubferry.web.visit import Page

_log = logging.getLogger("hubferry.web")


@dataclass(frozen=True)
class TroublePage:
    """An error as a page."""

    title: str
    message: str
    advice: str
    command: str = ""
    section: str = ""


_KNOWN: tuple[tuple[type[HubferryError], str, str, int], ...] = (
    (UsageError, "This form is not complete", "Go back and complete it.", 400),
    (UnknownNameError, "There is nothing of this name", "Pick one from the list.", 404),
    (ConfigError, "A project file needs a correction", "Correct the file and reload: it is read anew each time.", 400),
    (TokenError, "HubSpot does not accept the token", "Run the check: it says what the token lacks.", 502),
    (
        UnreachableError,
        "HubSpot cannot be reached",
        "Check the connection, then reload. What was pulled can be read.",
        502,
    ),
    (HubSpotError, "HubSpot refused this", "Run the check: it says what the token may do.", 502),
    (WarehouseLockedError, "Another process has the warehouse", "Close it there, or reload when it is done.", 503),
    (PlanError, "This plan cannot be used", "Plan again: a plan belongs to what was looked at when it was made.", 409),
    (RunError, "This cannot run now", "Wait for the other run, then try again.", 409),
    (HubferryError, "This did not work", "", 500),
)


def build_missing() -> Page:
    """Give the page of an address that is none of ours."""
    page = TroublePage(
        "There is nothing here", "No page has this address.", "Go to the overview, or correct the address."
    )
    return Page("trouble.html", page, 404)


def build_page(error: Exception) -> Page:
    """Give the page of an error."""
    if not isinstance(error, HubferryError):
        _log.error("%s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
        page = TroublePage(
            "hubferry made a mistake",
            f"It failed with {type(error).__name__}. Where it happened stands in the terminal of `hubferry ui`,"
            " without tokens or values.",
            "What was committed is kept. Please report it with those lines.",
        )
        return Page("trouble.html", page, 500)
    kind = ConfigError if getattr(error, "file", None) else type(error)  # a name in a file is not one of an address
    title, advice, status = next(
        (title, advice, status) for known, title, advice, status in _KNOWN if issubclass(kind, known)
    )
    return Page("trouble.html", TroublePage(title, str(error), advice), status)

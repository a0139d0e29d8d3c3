"""Every error that hubferry raises, in one tree; the branch says where it arose, `recovery` what to do about it.

HubferryError
    ConfigError
        UnknownNameError
        LiteralSecretError
    HubSpotError
        TokenError
        ScopeError
        QuotaError
        RefusedError
        UnknownOutcomeError
        UnreachableError
        UnexpectedAnswerError
    WarehouseError
        WarehouseLockedError
        SourceError
    PlanError
        StalePlanError
        PlanFileError
        GuardError
        HeldError
        ReviewError
    RunError
        PortalBusyError
        FencedError
        InterruptedRunError
    DifferenceError
    EmulatorError
    InternalError
    UsageError
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import ClassVar


class Recovery(Enum):
    """What can be done about an error."""

    RETRY = "try the same request again, later"
    SKIP = "set this record aside, record it, go on"
    STOP = "end the run; state stays as last committed"


class HubferryError(Exception):
    """Something hubferry can explain: what happened, to what, and what to do next."""

    recovery: ClassVar[Recovery] = Recovery.STOP
    exit_code: ClassVar[int] = 2


class ConfigError(HubferryError):
    """A project file says something that cannot be meant."""

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        self.file, self.line = file, line
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{where}{message}")


class UnknownNameError(ConfigError):
    """A stream, sync, object, property or setting is named that does not exist."""

    def __init__(
        self,
        kind: str,
        name: str,
        *,
        known: Sequence[str] = (),
        hint: str = "",
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        self.kind, self.name, self.known = kind, name, tuple(known)
        said = f"unknown {kind} {name!r}.{_suggestion(name, known)}{f' {hint}' if hint else ''}"
        super().__init__(said, file=file, line=line)


class LiteralSecretError(ConfigError):
    """A secret stands in a project file instead of a reference to the environment."""


class HubSpotError(HubferryError):
    """HubSpot refused, failed, or could not be reached."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        category: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        self.status, self.category, self.correlation_id = status, category, correlation_id
        tail = f" (HubSpot correlation id {correlation_id})" if correlation_id else ""
        super().__init__(f"{message}{tail}")


class TokenError(HubSpotError):
    """HubSpot does not accept the token: wrong, expired or revoked."""

    exit_code = 4


class ScopeError(HubSpotError):
    """HubSpot refused the request because the token lacks a scope."""

    def __init__(
        self, *, what: str, scopes: Sequence[str], correlation_id: str | None = None, advice: str | None = None
    ) -> None:
        self.what, self.scopes = what, tuple(scopes)
        needed = " or ".join(repr(scope) for scope in scopes) or "a scope that HubSpot does not name"
        super().__init__(
            f"{what} needs the scope {needed}, which this token lacks."
            f" {advice or 'Add it to the app or service key in HubSpot, then run `hubferry check`.'}",
            status=403,
            category="MISSING_SCOPES",
            correlation_id=correlation_id,
        )


class QuotaError(HubSpotError):
    """The account's daily quota is used up, or the account cannot serve calls for hours; the run is paused."""

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        resumes_at: datetime | None = None,
        status: int | None = None,
        category: str | None = None,
        correlation_id: str | None = None,
    ) -> None:
        self.resumes_at = resumes_at
        super().__init__(message, status=status, category=category, correlation_id=correlation_id)


class RefusedError(HubSpotError):
    """HubSpot refused the content of a request (400, 404, 409): the same request will be refused again."""

    recovery = Recovery.SKIP

    def __init__(
        self,
        message: str,
        *,
        status: int,
        text: str | None = None,
        category: str | None = None,
        correlation_id: str | None = None,
        context: Mapping[str, Sequence[str]] | None = None,
        errors: Sequence[Mapping[str, object]] = (),
    ) -> None:
        self.text = message if text is None else text  # HubSpot's own; can hold property values, so never in a log
        self.context, self.errors = dict(context or {}), tuple(errors)
        super().__init__(message, status=status, category=category, correlation_id=correlation_id)


class UnknownOutcomeError(HubSpotError):
    """A write was sent and its answer was lost: whether HubSpot applied it is not known yet."""

    exit_code = 1


class UnreachableError(HubSpotError):
    """HubSpot could not be reached, or kept failing, for as long as we are willing to try."""

    exit_code = 4


class UnexpectedAnswerError(HubSpotError):
    """HubSpot answered something of a shape that was never seen."""


class WarehouseError(HubferryError):
    """The warehouse refused or failed."""


class WarehouseLockedError(WarehouseError):
    """Another process holds the DuckDB file."""

    exit_code = 5


class SourceError(WarehouseError):
    """The source of a sync cannot be read: no such table, column or a query that fails."""


class PlanError(HubferryError):
    """A plan cannot be made or applied."""


class StalePlanError(PlanError):
    """The sync, or the object's properties, moved since the plan was made; nothing was written."""


class PlanFileError(PlanError):
    """A plan file is damaged, cut short, or not a plan."""


class GuardError(PlanError):
    """A plan exceeds the guards of its sync; nothing was written."""

    exit_code = 3

    def __init__(self, message: str, *, plan_id: str | None = None) -> None:
        self.plan_id = plan_id  # the plan that is kept; None: a guard of pull, where there is none
        super().__init__(message)


class HeldError(PlanError):
    """A sync is on hold, by a person or by an undo; nothing was written."""

    exit_code = 3


class ReviewError(PlanError):
    """A sync wants a person to look at its plan before it is applied; nothing was written."""

    exit_code = 3

    def __init__(self, message: str, *, plan_id: str | None = None) -> None:
        self.plan_id = plan_id
        super().__init__(message)


class RunError(HubferryError):
    """A run cannot go on."""


class PortalBusyError(RunError):
    """Another run holds the portal."""

    exit_code = 5


class FencedError(RunError):
    """This run lost its lease to another one; what it had not committed was rolled back."""

    exit_code = 5


class InterruptedRunError(RunError):
    """A person or the system asked the run to stop; running again resumes it."""

    exit_code = 130


class DifferenceError(HubferryError):
    """A comparison found that tables and portal differ where they must be equal."""

    exit_code = 1


class EmulatorError(HubferryError):
    """The emulator could not be started, or ended before its time."""


class InternalError(HubferryError):
    """A mistake in hubferry itself; where it happened is written to a file that holds no values."""

    def __init__(self, kind: str, trace: object) -> None:
        self.kind, self.trace = kind, str(trace)
        super().__init__(
            f"hubferry failed with {kind}, which is a mistake of its own. Where it happened stands in {trace}, without"
            " tokens or values: please send that file with a report. What was committed is kept; running again is safe."
        )


class UsageError(HubferryError):
    """A command was written with an option or argument that does not exist or does not fit."""


def _suggestion(name: str, known: Sequence[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  only on the error path

    close = get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return f" Did you mean {', '.join(repr(item) for item in close)}?"
    return f" Known: {', '.join(sorted(known))}." if known and len(known) <= 60 else ""

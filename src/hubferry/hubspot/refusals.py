"""What a failed call means: HubSpot's error bodies, in all the shapes seen, as facts and as our errors. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

import msgspec

from hubferry.errors import HubSpotError, RefusedError, ScopeError, TokenError, UnexpectedAnswerError

_LEGACY_SCOPE = re.compile(r"([a-z_]+?)(?:-object)?-(read|write)")
_LISTED_SCOPES = re.compile(r"requires (?:any|one|all) of \[([^\]]*)\]")
_QUOTED_SCOPE = re.compile(r"missing required '([^']+)' scope")
_TOKEN = re.compile(r"pat-[\w-]+|(?<=\()C[\w-]{40,}|Bearer \S+")
_EXPIRED = re.compile(r"expired (\d+) second")
_EPOCH_AGE_SECONDS = 1_000_000_000
"""A token that "expired" decades ago was never one."""
_MANY_SCOPES = 6


class Problem(msgspec.Struct, frozen=True):
    """HubSpot's error envelope; everything but the message may be missing."""

    message: str = ""
    category: str | None = None
    subCategory: str | None = None  # noqa: N815
    correlationId: str | None = None  # noqa: N815
    policyName: str | None = None  # noqa: N815
    errorType: str | None = None  # noqa: N815
    context: dict[str, Any] = {}
    errors: list[Any] = []


class Kind(Enum):
    """Why a call failed, as far as it matters for what comes next."""

    TOKEN = "the token is not accepted"  # noqa: S105
    TOKEN_MALFORMED = "the token is not a token"  # noqa: S105
    SCOPE = "a scope is missing"
    DAILY = "the day's calls are used up"
    MIGRATION = "the account is being moved"
    BURST = "too many calls in ten seconds"
    SECONDLY = "too many calls in a second"
    LOCKED = "the record or the account is busy"
    REFUSED = "the content is refused"
    BROKEN = "no usable answer"
    UNSENT = "no connection"
    REDIRECT = "a redirect, which is not followed"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One failed attempt; `status` is None where no answer came."""

    kind: Kind
    reason: str
    status: int | None = None
    problem: Problem = field(default_factory=Problem)
    retry_after: float | None = None

    @property
    def undone(self) -> bool:
        """Whether HubSpot certainly did not carry the request out."""
        return self.kind not in {Kind.BROKEN, Kind.REDIRECT}


def parse_failure(status: int, headers: Mapping[str, str], body: bytes, *, now: float) -> Failure:
    """Read an answer that is not a 2xx; `now` is epoch seconds, for a Retry-After that is a date."""
    problem = parse_problem(body)
    retry_after = parse_retry_after(headers.get("Retry-After"), now)
    return Failure(
        kind=_kind(status, problem), reason=f"HTTP {status}", status=status, problem=problem, retry_after=retry_after
    )


def parse_problem(body: bytes) -> Problem:
    """Read an error body; an empty Problem where it is HTML, cut or of another shape."""
    try:
        return msgspec.json.decode(body, type=Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Problem()


def parse_retry_after(text: str | None, now: float) -> float | None:
    """Read seconds or an HTTP date; None where there is neither."""
    if text is None:
        return None
    try:
        return max(0.0, float(int(text)))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None


def parse_scopes(problem: Problem) -> tuple[str, ...]:
    """Find the scopes that a 403 names, in any of its shapes, under the names that an app is given them by (HS-40)."""
    return tuple(_current_name(scope) for scope in _named_scopes(problem))


def _current_name(scope: str) -> str:
    legacy = _LEGACY_SCOPE.fullmatch(scope)
    return f"crm.objects.{legacy[1]}.{legacy[2]}" if legacy else scope


def _named_scopes(problem: Problem) -> tuple[str, ...]:
    for context in (problem.context, *(each.get("context") for each in problem.errors if isinstance(each, dict))):
        if isinstance(context, dict):
            for name in ("requiredGranularScopes", "requiredScopes"):
                if isinstance(context.get(name), list) and context[name]:
                    return tuple(str(scope) for scope in context[name])
    if listed := _LISTED_SCOPES.search(problem.message):
        return tuple(scope.strip() for scope in listed[1].split(",") if scope.strip())
    quoted = _QUOTED_SCOPE.search(problem.message)
    return (quoted[1],) if quoted else ()


def redact(text: str) -> str:
    """Hide whatever looks like a token: some of HubSpot's messages repeat it."""
    return _TOKEN.sub("***", text)


def build_error(what: str, failure: Failure, *, show_message: bool) -> HubSpotError:
    """Make the error of a failure that ends a call; quota and unreachable are the client's, who knows more.

    `show_message` says whether HubSpot's text may stand in the error: that of a write can hold property values.
    """
    problem, status = failure.problem, failure.status
    text = redact(problem.message)
    if failure.kind is Kind.SCOPE:
        scopes = parse_scopes(problem)
        advice = None
        if len(scopes) > _MANY_SCOPES:
            advice = f"HubSpot names {len(scopes)} scopes of which one suffices; `hubferry check` says which we want."
        return ScopeError(what=what, scopes=scopes[:_MANY_SCOPES], correlation_id=problem.correlationId, advice=advice)
    if failure.kind in {Kind.TOKEN, Kind.TOKEN_MALFORMED}:
        return _token_error(what, failure)
    if failure.kind is Kind.REDIRECT:
        return UnexpectedAnswerError(
            f"{what}: HubSpot answered with a redirect ({failure.reason}), which is never followed because it would carry"
            " the token elsewhere. Check base_url.",
            status=status,
        )
    shown = f" {text[:500]}" if show_message and text else _codes(problem)
    return RefusedError(
        f"{what}: HubSpot refused the request ({failure.reason}{f' {problem.category}' if problem.category else ''}).{shown}",
        text=text,
        status=status or 0,
        category=problem.category,
        correlation_id=problem.correlationId,
        context=parse_context(problem.context),
        errors=[each for each in problem.errors if isinstance(each, dict)],
    )


def parse_context(context: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Bring the values of a context to lists of text."""
    return {
        name: [str(each) for each in value] if isinstance(value, list) else [str(value)]
        for name, value in context.items()
    }


def _token_error(what: str, failure: Failure) -> TokenError:
    said = "HubSpot does not accept the token"
    if failure.kind is Kind.TOKEN_MALFORMED:
        said = "HubSpot does not recognise the token as one; was it cut, or pasted with something else"
    return TokenError(
        f"{what}: {said} ({failure.reason}). Put a private app token or service key of this account into the variable"
        " that `token` names, then run `hubferry check`.",
        status=failure.status,
        category=failure.problem.category,
        correlation_id=failure.problem.correlationId,
    )


def _codes(problem: Problem) -> str:
    """Name error codes and properties, never values."""
    found: dict[str, None] = {}
    for each in problem.errors:
        if isinstance(each, dict) and isinstance(each.get("code"), str):
            context = each.get("context")
            names = context.get("propertyName", []) if isinstance(context, dict) else []
            found[f"{each['code']} {', '.join(map(str, names))}".strip()] = None
    return f" {'; '.join(list(found)[:5])}." if found else ""


def _kind(status: int, problem: Problem) -> Kind:
    if status == 429:
        return _limit_kind(problem)
    if status == 401:
        age = _EXPIRED.search(problem.message)
        return Kind.TOKEN_MALFORMED if age and int(age[1]) > _EPOCH_AGE_SECONDS else Kind.TOKEN
    simple = {403: Kind.SCOPE, 408: Kind.BROKEN, 423: Kind.LOCKED, 477: Kind.MIGRATION, 530: Kind.TOKEN_MALFORMED}
    if status in simple:
        return simple[status]
    if 300 <= status < 400:
        return Kind.REDIRECT
    return Kind.REFUSED if 400 <= status < 500 else Kind.BROKEN


def _limit_kind(problem: Problem) -> Kind:
    """Tell the limits apart by policy, else by the text."""
    said = (problem.policyName or problem.message).lower()
    if "daily" in said:
        return Kind.DAILY
    return Kind.SECONDLY if "secondly" in said and "ten_secondly" not in said else Kind.BURST

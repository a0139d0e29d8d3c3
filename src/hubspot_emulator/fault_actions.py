"""What a fault rule may do to a call: the kinds, the phases each belongs to, and how one is read from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import msgspec

Phase = Literal["before", "after", "mid_body"]
ActionKind = Literal[
    "respond",
    "reset",
    "hang",
    "html",
    "truncate",
    "delay",
    "address_expired",
    "bad_text",
    "change_property",
    "cut_headers",
    "duplicate_keys",
    "empty",
    "expired_page",
    "gzip_bomb",
    "gzip_garbage",
    "half_chunk",
    "index_lag",
    "job_ends",
    "limit",
    "mutate",
    "noop",
    "page_link",
    "partial",
    "revoke",
    "shuffle",
    "skew",
    "slow",
    "take_scope",
    "wrong_type",
]

_BEFORE: frozenset[Phase] = frozenset({"before"})
_EITHER: frozenset[Phase] = frozenset({"before", "after"})
_AFTER: frozenset[Phase] = frozenset({"after"})
_MID_BODY: frozenset[Phase] = frozenset({"mid_body"})

PHASES: Mapping[str, frozenset[Phase]] = {
    "address_expired": _EITHER,
    "bad_text": _AFTER,
    "change_property": _BEFORE,
    "cut_headers": _MID_BODY,
    "delay": _EITHER,
    "duplicate_keys": _AFTER,
    "empty": _EITHER,
    "expired_page": _BEFORE,
    "gzip_bomb": _EITHER,
    "gzip_garbage": _EITHER,
    "half_chunk": _MID_BODY,
    "hang": _EITHER,
    "html": _EITHER,
    "index_lag": _BEFORE,
    "job_ends": _BEFORE,
    "limit": _EITHER,
    "mutate": _BEFORE,
    "noop": _BEFORE,
    "page_link": _AFTER,
    "partial": _AFTER,
    "reset": _EITHER,
    "respond": _EITHER,
    "revoke": _BEFORE,
    "shuffle": _AFTER,
    "skew": _AFTER,
    "slow": _MID_BODY,
    "take_scope": _BEFORE,
    "truncate": _MID_BODY,
    "wrong_type": _AFTER,
}
"""In which phases a kind can act: what changes an answer needs one, what changes the portal comes before it."""

POLICIES = ("DAILY", "SEARCH", "SECONDLY", "TEN_SECONDLY_ROLLING", "TOKEN")
"""The 429s: of the day, of search, of a second as older answers say it, of ten seconds, of the token endpoint."""
JOB_STATES = {"exports": "export_ends", "imports": "import_ends"}
PROPERTY_CHANGES = ("add", "archive", "remove_option", "retype")

_OPTIONS: Mapping[str, Mapping[str, object]] = {
    "change_property": {"object": None, "property": None, "change": None, "type": "", "fieldType": "", "option": ""},
    "job_ends": {"job": None, "state": None},
    "limit": {"policy": "TEN_SECONDLY_ROLLING", "retry_after": ""},
    "mutate": {"mutation": None},
    "page_link": {"host": "https://api.hubapi.example"},
    "partial": {"keep": 0.5, "report": False},
    "take_scope": {"scope": None},
    "truncate": {"at": -1},
    "wrong_type": {"content_type": "text/html"},
}
"""What a kind may say beside `seconds`, `status`, `headers` and `body`; None: it must."""
_CHOICES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("change_property", "change"): PROPERTY_CHANGES,
    ("job_ends", "job"): tuple(JOB_STATES),
    ("limit", "policy"): POLICIES,
}

HANG_SECONDS = 600.0
_ANSWERS = frozenset({"respond", "html"})
"""Kinds that take an answer from the rule."""


class FaultRuleError(ValueError):
    """A rule names something that does not exist; the message says which rule and what may stand there."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """What happens to a call; `docs/reference/emulator.md` explains each kind."""

    kind: ActionKind
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    hubspots_body: bool = False
    """Whether the body is the one HubSpot sends with this status; False: `body`."""
    options: Mapping[str, Any] = field(default_factory=dict)


def parse_action(where: str, value: object, phase: Phase) -> Action:
    """Read the `do` of a rule; FaultRuleError when a word or a value of it is unknown."""
    parts = as_fields(where, value, None)
    kind = str(parts.get("kind", "respond" if "status" in parts else None))
    if kind not in get_args(ActionKind):
        raise FaultRuleError(
            f"{where}: give a status, or a kind out of {', '.join(get_args(ActionKind))}; kind is {kind!r}"
        )
    known = {"kind", "seconds", *_OPTIONS.get(kind, ()), *({"status", "headers", "body"} if kind in _ANSWERS else ())}
    parts = as_fields(where, value, known)
    if phase not in PHASES[kind]:
        raise FaultRuleError(
            f"{where}: phase {' or '.join(sorted(PHASES[kind]))} and kind {kind} belong together; phase is {phase}"
        )
    return Action(
        kind=cast("ActionKind", kind),
        seconds=_seconds(where, kind, parts.get("seconds")),
        options=_options(where, kind, parts),
        **_answer(where, kind, parts),
    )


def _answer(where: str, kind: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    if kind not in _ANSWERS:
        return {}
    status = as_count(f"{where}, status", parts.get("status"), least=200)
    headers = as_fields(f"{where}, headers", parts.get("headers", {}), None)
    if kind == "html":
        return {"status": status or 524, "headers": {"Content-Type": "text/html"} | headers, "hubspots_body": True}
    if status is None:
        raise FaultRuleError(f"{where}: kind respond needs a status")
    body = parts.get("body")
    encoded = body.encode() if isinstance(body, str) else b"" if body is None else msgspec.json.encode(body)
    return {"status": status, "headers": headers, "body": encoded, "hubspots_body": "body" not in parts}


def _seconds(where: str, kind: str, value: object) -> float:
    seconds = (HANG_SECONDS if kind == "hang" else 1.0) if value is None else value
    if not isinstance(seconds, int | float) or (seconds < 0 and kind != "skew"):
        raise FaultRuleError(f"{where}: seconds is {seconds!r}; use a number of 0 or more")
    return float(seconds)


def _options(where: str, kind: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: parts.get(name, default) for name, default in _OPTIONS.get(kind, {}).items()}
    for name, value in options.items():
        choices = _CHOICES.get((kind, name))
        if value is None or (choices and value not in choices):
            raise FaultRuleError(
                f"{where}: kind {kind} needs {name}" + (f", one of {', '.join(choices or ())}" * bool(choices))
            )
    if kind == "truncate" and not isinstance(options["at"], int):
        raise FaultRuleError(f"{where}: at is {options['at']!r}; use a number of bytes")
    if kind == "partial" and not (isinstance(options["keep"], int | float) and 0 <= options["keep"] <= 1):
        raise FaultRuleError(f"{where}: keep is {options['keep']!r}; use a share from 0 to 1")
    return options


def as_fields(where: str, value: object, known: set[str] | None) -> dict[str, Any]:
    """Give an object that has no fields but the known ones; None: any."""
    if not isinstance(value, dict):
        raise FaultRuleError(f"{where}: an object is needed here, not {type(value).__name__}")
    unknown = set(value) - known if known is not None else set()
    if unknown:
        raise FaultRuleError(
            f"{where}: {', '.join(sorted(unknown))} is unknown; known are {', '.join(sorted(known or ()))}"
        )
    return value


def as_count(where: str, value: object, *, least: int = 1) -> int | None:
    """Give a whole number, or None where there is none."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise FaultRuleError(f"{where}: a whole number of {least} or more is needed, not {value!r}")
    return value

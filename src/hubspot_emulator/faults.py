"""Rules by which calls go wrong on purpose: which call, when, in which phase, and what happens to it."""

from __future__ import annotations

import fnmatch
import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast, get_args

import msgspec

from hubspot_emulator.clock import Clock, RealClock

Phase = Literal["before", "after", "mid_body"]
ActionKind = Literal["respond", "reset", "hang", "html", "truncate", "delay"]

HANG_SECONDS = 600.0
CLOUDFLARE_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>api.hubapi.com | 524: A timeout occurred</title></head>"
    b"<body><h1>A timeout occurred</h1><p>Error code 524</p></body></html>\n"
)


class FaultRuleError(ValueError):
    """A rule names something that does not exist; the message says which rule and what may stand there."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """What happens to a call.

    `respond` and `html` replace the answer with `status`, `headers`, `body`; `reset` closes the connection without one;
    `hang` and `delay` wait `seconds`, then reset and go on respectively; `truncate` sends about half of the body, then resets.
    """

    kind: ActionKind
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Match:
    """Which calls a rule looks at; None matches all."""

    method: str | None = None
    path: str | None = None
    """A path with `*` for any text, as in `/crm/objects/*/contacts/batch/*`."""
    body: str | None = None
    """A text that the request's body contains."""

    def covers(self, method: str, path: str, body: bytes) -> bool:
        """Tell whether a call is meant."""
        return (
            (self.method is None or self.method == method)
            and (self.path is None or fnmatch.fnmatchcase(path, self.path))
            and (self.body is None or self.body.encode() in body)
        )


@dataclass(frozen=True, kw_only=True)
class When:
    """Which of the matching calls, counted from 1, are hit; nothing given means every one."""

    nth: frozenset[int] | None = None
    every: int | None = None
    probability: float | None = None
    until_call: int | None = None
    """The last matching call that may be hit."""
    until_time: float | None = None
    """Epoch seconds of the emulator's clock after which nothing is hit."""


@dataclass(kw_only=True)
class Rule:
    """One rule and how far it has counted."""

    match: Match
    when: When
    phase: Phase
    action: Action
    times: int | None = None
    seed: int = 0
    seen: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable on purpose

    def fires(self, now: float) -> bool:
        """Count one matching call and tell whether it is hit."""
        self.seen += 1
        drawn = self._random.random()  # drawn for each call, so that a hit depends on its number alone
        when = self.when
        hit = (
            (self.times is None or self.fired < self.times)
            and (when.nth is None or self.seen in when.nth)
            and (when.every is None or self.seen % when.every == 0)
            and (when.probability is None or drawn < when.probability)
            and (when.until_call is None or self.seen <= when.until_call)
            and (when.until_time is None or now <= when.until_time)
        )
        self.fired += hit
        return hit


class Faults:
    """The rules in force; safe to call from several threads."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or RealClock()
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def add(self, rules: Iterable[object]) -> int:
        """Add decoded JSON rules, all or none; give how many are in force. FaultRuleError names what is wrong."""
        parsed = [parse_rule(number, rule) for number, rule in enumerate(rules, 1)]
        with self._lock:
            self._rules.extend(parsed)
            return len(self._rules)

    def clear(self) -> None:
        """Remove every rule."""
        with self._lock:
            self._rules.clear()

    def choose(self, method: str, path: str, body: bytes, phase: Phase) -> Action | None:
        """Give what the first rule that fires does to this call; every rule that matches it counts it."""
        if not self._rules:
            return None
        with self._lock:
            now = self._clock.time()
            chosen: Action | None = None
            for rule in self._rules:
                if rule.phase == phase and rule.match.covers(method, path, body) and rule.fires(now) and chosen is None:
                    chosen = rule.action
            return chosen


def parse_rule(number: int, rule: object) -> Rule:
    """Read one rule of `POST /faults`; FaultRuleError when a word or a value of it is unknown."""
    where = f"fault rule {number}"
    parts = _fields(where, rule, {"match", "when", "phase", "do", "times"})
    match = _fields(f"{where}, match", parts.get("match", {}), {"method", "path", "body"})
    phase = parts.get("phase", "before")
    if phase not in get_args(Phase):
        raise FaultRuleError(f"{where}: phase is {phase!r}; use one of {', '.join(get_args(Phase))}")
    when_fields = _fields(f"{where}, when", parts.get("when", {}), {"nth", "every", "probability", "seed", "until"})
    action = _parse_action(f"{where}, do", parts.get("do"))
    if (action.kind == "truncate") != (phase == "mid_body"):
        raise FaultRuleError(
            f"{where}: phase mid_body and kind truncate belong together; phase is {phase}, kind is {action.kind}"
        )
    return Rule(
        match=Match(**{name: _text(f"{where}, match, {name}", value) for name, value in match.items()}),
        when=_parse_when(f"{where}, when", when_fields),
        phase=cast("Phase", phase),
        action=action,
        times=_count(f"{where}, times", parts.get("times")),
        seed=_count(f"{where}, when, seed", when_fields.get("seed"), least=0) or 0,
    )


def _parse_when(where: str, parts: Mapping[str, Any]) -> When:
    nth, probability, until = parts.get("nth"), parts.get("probability"), parts.get("until")
    numbers = nth if isinstance(nth, list) else [nth]
    if probability is not None and not (isinstance(probability, int | float) and 0 <= probability <= 1):
        raise FaultRuleError(f"{where}: probability is {probability!r}; use a number from 0 to 1")
    return When(
        nth=None if nth is None else frozenset(_count(f"{where}, nth", each) or 0 for each in numbers),
        every=_count(f"{where}, every", parts.get("every")),
        probability=probability,
        until_call=None if isinstance(until, str) else _count(f"{where}, until", until),
        until_time=_moment(f"{where}, until", until) if isinstance(until, str) else None,
    )


def _parse_action(where: str, value: object) -> Action:
    parts = _fields(where, value, {"kind", "status", "headers", "body", "seconds"})
    kind = parts.get("kind", "respond" if "status" in parts else None)
    if kind not in get_args(ActionKind):
        raise FaultRuleError(
            f"{where}: give a status, or a kind out of {', '.join(get_args(ActionKind))}; kind is {kind!r}"
        )
    status = _count(f"{where}, status", parts.get("status"), least=200)
    if kind == "respond" and status is None:
        raise FaultRuleError(f"{where}: kind respond needs a status")
    seconds = parts.get("seconds", HANG_SECONDS if kind == "hang" else 1.0)
    if not isinstance(seconds, int | float) or seconds < 0:
        raise FaultRuleError(f"{where}: seconds is {seconds!r}; use a number of 0 or more")
    headers = _fields(f"{where}, headers", parts.get("headers", {}), None)
    body = parts.get("body", b"")
    if kind == "html":
        return Action(
            kind="html", status=status or 524, headers={"Content-Type": "text/html"} | headers, body=CLOUDFLARE_PAGE
        )
    encoded = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    return Action(
        kind=cast("ActionKind", kind), status=status or 200, headers=headers, body=encoded, seconds=float(seconds)
    )


def _fields(where: str, value: object, known: set[str] | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FaultRuleError(f"{where}: an object is needed here, not {type(value).__name__}")
    unknown = set(value) - known if known is not None else set()
    if unknown:
        raise FaultRuleError(
            f"{where}: {', '.join(sorted(unknown))} is unknown; known are {', '.join(sorted(known or ()))}"
        )
    return value


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise FaultRuleError(f"{where}: a text is needed, not {value!r}")
    return value


def _count(where: str, value: object, *, least: int = 1) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise FaultRuleError(f"{where}: a whole number of {least} or more is needed, not {value!r}")
    return value


def _moment(where: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise FaultRuleError(f"{where}: {text!r} is no ISO 8601 time such as 2026-11-23T08:00:30Z") from error
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()

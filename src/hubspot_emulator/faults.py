"""Rules by which calls go wrong on purpose: which call, when, in which phase. What then happens is in `fault_actions`."""

from __future__ import annotations

import fnmatch
import random
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast, get_args

from hubspot_emulator import fault_effects
from hubspot_emulator.clock import Clock, RealClock
from hubspot_emulator.fault_actions import Action, FaultRuleError, Phase, as_count, as_fields, parse_action

_PAGING = re.compile(r"(^|&)(after|offset|vidOffset|vid-offset|timeOffset|time-offset)=[^&]")
_PAGING_BODY = re.compile(rb'"(after|offset)"\s*:\s*"?[^"0\s,}][^,}]*')


@dataclass(frozen=True, kw_only=True)
class Match:
    """Which calls a rule looks at; None matches all."""

    method: str | None = None
    path: str | None = None
    """With `*` for any text, as in `/crm/objects/*/contacts/batch/*`, or a template, as in `/crm/owners/{version}`."""
    body: str | None = None
    """A text that the request's body contains."""
    token: str | None = None
    """The token that the call bears."""
    paged: bool = False
    """Only calls that go on from a page: with `after`, `offset` and the like."""

    def covers(self, method: str, path: str, body: bytes, query: str = "", token: str = "") -> bool:
        """Tell whether a call is meant."""
        return (
            (self.method is None or self.method == method)
            and (self.path is None or _matches(self.path, path))
            and (self.body is None or self.body.encode() in body)
            and (self.token is None or self.token == token)
            and (not self.paged or bool(_PAGING.search(query) or _PAGING_BODY.search(body)))
        )


def _matches(pattern: str, path: str) -> bool:
    if "{" not in pattern:
        return fnmatch.fnmatchcase(path, pattern)
    parts = (re.escape(part) if number % 2 == 0 else "[^/]+" for number, part in enumerate(re.split(r"[{}]", pattern)))
    return re.fullmatch("".join(parts).replace(r"\*", ".*"), path) is not None


@dataclass(frozen=True, kw_only=True)
class When:
    """Which of the matching calls, counted from 1, are hit; nothing given means every one."""

    nth: frozenset[int] | None = None
    every: int | None = None
    probability: float | None = None
    until_call: int | None = None
    """The last matching call that may be hit."""
    from_time: float | None = None
    until_time: float | None = None
    """Epoch seconds of the emulator's clock before and after which nothing is hit."""


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
            and (when.from_time is None or now >= when.from_time)
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

    @property
    def is_empty(self) -> bool:
        """Whether there is no rule at all."""
        return not self._rules

    def add(self, rules: Iterable[object]) -> int:
        """Add decoded JSON rules, all or none; give how many are in force. FaultRuleError names what is wrong."""
        parsed = [parse_rule(number, rule) for number, rule in enumerate(rules, 1)]
        with self._lock:
            self._rules.extend(parsed)
            return len(self._rules)

    def clear(self) -> None:
        """Remove every rule; tokens and scopes that one took away are back."""
        with self._lock:
            self._rules.clear()

    def choose(
        self, method: str, path: str, body: bytes, phase: Phase, *, query: str = "", token: str = ""
    ) -> Action | None:
        """Give what the first rule that fires does to this call; every rule that matches it counts it."""
        if not self._rules:
            return None
        with self._lock:
            now = self._clock.time()
            chosen: Action | None = None
            for rule in self._rules:
                covered = rule.phase == phase and rule.match.covers(method, path, body, query, token)
                if covered and rule.fires(now) and chosen is None:
                    chosen = rule.action
            return chosen

    def is_revoked(self, token: str) -> bool:
        """Tell whether a rule took this token away: from the call it hit on, until the rules are cleared."""
        return any(rule.action.kind == "revoke" for rule in self._fired(token))

    def taken_scopes(self, token: str) -> frozenset[str]:
        """Give the scopes that rules took away from a token."""
        return frozenset(
            rule.action.options["scope"] for rule in self._fired(token) if rule.action.kind == "take_scope"
        )

    def _fired(self, token: str) -> list[Rule]:
        return [rule for rule in self._rules if rule.fired and rule.match.token in {None, token}]


def parse_rule(number: int, rule: object) -> Rule:
    """Read one rule of `POST /faults`; FaultRuleError when a word or a value of it is unknown."""
    where = f"fault rule {number}"
    parts = as_fields(where, rule, {"match", "when", "phase", "do", "times"})
    match = dict(as_fields(f"{where}, match", parts.get("match", {}), {"method", "path", "body", "token", "paged"}))
    phase = parts.get("phase", "before")
    if phase not in get_args(Phase):
        raise FaultRuleError(f"{where}: phase is {phase!r}; use one of {', '.join(get_args(Phase))}")
    when_fields = as_fields(
        f"{where}, when", parts.get("when", {}), {"nth", "every", "probability", "seed", "from", "until"}
    )
    action = parse_action(f"{where}, do", parts.get("do"), cast("Phase", phase))
    fault_effects.check(action)
    paged = match.pop("paged", False) is True or action.kind == "expired_page"
    return Rule(
        match=Match(**{name: _text(f"{where}, match, {name}", value) for name, value in match.items()}, paged=paged),
        when=_parse_when(f"{where}, when", when_fields),
        phase=cast("Phase", phase),
        action=action,
        times=as_count(f"{where}, times", parts.get("times")),
        seed=as_count(f"{where}, when, seed", when_fields.get("seed"), least=0) or 0,
    )


def _parse_when(where: str, parts: Mapping[str, Any]) -> When:
    nth, probability, until = parts.get("nth"), parts.get("probability"), parts.get("until")
    numbers = nth if isinstance(nth, list) else [nth]
    if probability is not None and not (isinstance(probability, int | float) and 0 <= probability <= 1):
        raise FaultRuleError(f"{where}: probability is {probability!r}; use a number from 0 to 1")
    return When(
        nth=None if nth is None else frozenset(as_count(f"{where}, nth", each) or 0 for each in numbers),
        every=as_count(f"{where}, every", parts.get("every")),
        probability=probability,
        until_call=None if isinstance(until, str) else as_count(f"{where}, until", until),
        from_time=None if parts.get("from") is None else _moment(f"{where}, from", parts["from"]),
        until_time=_moment(f"{where}, until", until) if isinstance(until, str) else None,
    )


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise FaultRuleError(f"{where}: a text is needed, not {value!r}")
    return value


def _moment(where: str, text: object) -> float:
    text = _text(where, text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise FaultRuleError(f"{where}: {text!r} is no ISO 8601 time such as 2026-11-23T08:00:30Z") from error
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()

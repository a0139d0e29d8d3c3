"""The one way to HubSpot: permits, retries by kind of failure, errors that explain, typed answers. Thread-safe.

It never logs, and no error of it holds a token, a header or a property value.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from itertools import count, islice
from types import TracebackType
from typing import Any, Generic, NoReturn, Self, TypeVar
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import msgspec

from hubferry.clock import SystemClock
from hubferry.config.model import API_VERSION
from hubferry.errors import (
    HubSpotError,
    QuotaError,
    RefusedError,
    UnexpectedAnswerError,
    UnknownOutcomeError,
    UnreachableError,
)
from hubferry.hubspot import refusals, retry
from hubferry.hubspot.limits import BURST_SECONDS, Daily, Limiter
from hubferry.hubspot.refusals import Failure, Kind
from hubferry.hubspot.transport import READ_SECONDS, Exchange, Transport
from hubferry.types import Clock, Secret

T = TypeVar("T")
I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741
UNMETERED = ("/account-info/", "/oauth/")
"""What `check` asks must answer also where the daily reserve is reached."""
_IDENTIFIER = re.compile(r"(?<=/)(?!\d{4}-\d{2}(?:/|$))[^/]*(?:\d{3,}|%)[^/]*(?=/|$)")
FEWEST, MOST = 4, 48
NAP_SECONDS = 2.0
"""How long a wait goes on at most before `while_waiting` is asked."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A decoded answer; `date` is HubSpot's time of it."""

    value: T
    status: int
    date: datetime
    repeated: bool = False
    """A write that an earlier attempt may have carried out already: its answer got lost."""


class Usage:
    """What the calls of a client came to."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter, self._lock = limiter, threading.Lock()
        self.counted = self.searches = self.retries = self.rate_limited = 0
        self.waited = 0.0
        """Seconds that calls waited for a permit or for another attempt, added up over threads."""

    def share(self) -> float:
        """Give the part of the ten-second limit in use now, 0 to 1."""
        return self._limiter.share()

    @property
    def daily(self) -> Daily | None:
        """Give what the account has left today, as its last answer said; None where HubSpot does not say."""
        return self._limiter.daily

    def add(self, *, search: bool, again: bool, waited: float) -> None:
        """Count one call as it is sent."""
        with self._lock:
            self.counted += not search
            self.searches += search
            self.retries += again
            self.waited += waited

    def add_refusal(self) -> None:
        """Count one 429."""
        with self._lock:
            self.rate_limited += 1


@dataclass(frozen=True, kw_only=True)
class _Call:
    method: str
    target: str
    body: bytes | None
    search: bool
    write: bool
    replayable: bool

    @property
    def what(self) -> str:
        """The method and path without ids and query, for people."""
        return f"{self.method} {_IDENTIFIER.sub('{id}', self.target.partition('?')[0])}"


_WATCHED: ContextVar[Callable[[], None] | None] = ContextVar("watched", default=None)


@contextmanager
def watched(check: Callable[[], None]) -> Iterator[None]:
    """Have `check` called every few seconds while a call made inside waits, in the threads of such calls too; what it raises ends the call.

    It is of this run alone, where several share one client.
    """
    token = _WATCHED.set(check)
    try:
        yield
    finally:
        _WATCHED.reset(token)


class Client:
    """Calls one portal. Close it, or use it in a `with`."""

    def __init__(
        self,
        *,
        token: Secret,
        base_url: str = "https://api.hubapi.com",
        clock: Clock | None = None,
        burst_limit: int = 190,
        daily_reserve: int = 5000,
        read_seconds: float = READ_SECONDS,
        budget_seconds: float = retry.READ_BUDGET_SECONDS,
    ) -> None:
        self.token = token
        self._clock = clock or SystemClock()
        self._transport = Transport(token, base_url, self._clock, read_seconds=read_seconds)
        self._limiter = Limiter(self._clock, burst_limit, sleep=self._sleep)
        self._reserve, self._budget = daily_reserve, budget_seconds
        self._decoders: dict[Any, msgspec.json.Decoder[Any]] = {}
        self._date: datetime | None = None
        self._dated_at = 0.0
        """When that date arrived, by our clock."""
        self._zone: tzinfo | None = None
        self._exhausted: QuotaError | None = None
        self._latency = 0.3
        self.usage = Usage(self._limiter)
        self.before_write: Callable[[], None] | None = None
        """Called right before every attempt of a write, after all waiting; what it raises ends the call unsent."""
        self.while_waiting: Callable[[], None] | None = None
        """Called every few seconds while a call waits for a permit or for another attempt; what it raises ends the call."""
        self.before_call: Callable[[], None] | None = None
        """Called before each call; it returns when there may be one, and what it raises ends the call."""

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close the connections; harmless when closed."""
        self._transport.close()

    def now(self) -> datetime:
        """Give HubSpot's time: the date of its last answer; asks for account details where nothing was asked yet."""
        if self._date is None:
            self.fetch("/account-info/{version}/details", type=dict)
        return self._date or datetime.fromtimestamp(self._clock.time(), UTC)

    def present(self) -> datetime:
        """Give HubSpot's time at this moment: the date of its last answer, and what passed since then by our clock."""
        date = self.now()
        return date + timedelta(seconds=self._clock.monotonic() - self._dated_at)

    @property
    def base_url(self) -> str:
        """The origin that is called."""
        return self._transport.base_url

    def monotonic(self) -> float:
        """Give seconds of the clock by which this client waits."""
        return self._clock.monotonic()

    def fetch(
        self,
        path: str,
        *,
        type: type[T] | msgspec.json.Decoder[T],  # noqa: A002
        params: Sequence[tuple[str, str]] = (),
        body: object | None = None,
        search: bool = False,
    ) -> Answer[T]:
        """Read: GET, or POST where there is a body. Retried until the time budget ends; UnreachableError then."""
        method = "GET" if body is None else "POST"
        return self._run(self._build(method, path, params, body, search=search), type)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: object | None,
        type: type[T] | msgspec.json.Decoder[T],  # noqa: A002
        replayable: bool,
        patience: float | None = None,
    ) -> Answer[T]:
        """Write. Where the outcome is unknown a replayable one is sent again, another raises UnknownOutcomeError.

        What HubSpot certainly did not carry out (429, 423, no connection) is sent again in either case. An empty answer
        is decoded as `{}`. `patience`: for so many seconds at most, where that is less than the client's own budget.
        """
        return self._run(self._build(method, path, (), body, write=True, replayable=replayable), type, patience)

    def map(self, function: Callable[[I], O], items: Iterable[I]) -> Iterator[O]:
        """Call `function` for each item, several at a time, and give the results as they come.

        Items are drawn only as threads get free. An error of one ends all; those under way are waited for.
        """
        source = iter(items)
        pending: set[Future[O]] = set()
        pool = ThreadPoolExecutor(max_workers=MOST, thread_name_prefix="hubspot")
        try:
            while True:
                free = max(0, self.concurrency - len(pending))
                pending |= {pool.submit(copy_context().run, function, item) for item in islice(source, free)}
                if not pending:
                    return
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    @property
    def burst_limit(self) -> int:
        """How many calls in ten seconds are allowed now: as configured, or fewer where the account allows fewer."""
        return self._limiter.burst

    def divide_limits(self, portion: float) -> None:
        """Allow ourselves this part of the portal's limits, 0 to 1; other processes that call for us have the rest."""
        self._limiter.divide(portion)

    @property
    def calls_left(self) -> int | None:
        """How many calls today's quota leaves us, the reserve for other apps kept; None where HubSpot does not say."""
        daily = self._limiter.daily
        return None if daily is None else max(0, daily.remaining - self._reserve)

    @property
    def concurrency(self) -> int:
        """How many calls at a time keep the limit full at the latency seen."""
        return max(FEWEST, min(MOST, round(1.6 * self._latency * self._limiter.burst / BURST_SECONDS) + 2))

    def remember_zone(self, name: str, utc_offset: str) -> None:
        """Learn the account's time zone: its midnight starts the daily quota anew."""
        try:
            self._zone = ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            self._zone = _parse_offset(utc_offset)

    def wait(self, seconds: float) -> None:
        """Let time pass between two looks at something that may still happen."""
        self._sleep(seconds)

    def _build(
        self,
        method: str,
        path: str,
        params: Sequence[tuple[str, str]],
        body: object | None,
        *,
        search: bool = False,
        write: bool = False,
        replayable: bool = True,
    ) -> _Call:
        target = path.replace("{version}", API_VERSION)
        if params:
            target = f"{target}?{urlencode(params, safe=',', quote_via=quote)}"
        encoded = None if body is None else msgspec.json.encode(body)
        return _Call(method=method, target=target, body=encoded, search=search, write=write, replayable=replayable)

    def _run(self, call: _Call, type_: type[T] | msgspec.json.Decoder[T], patience: float | None = None) -> Answer[T]:
        """Try until there is an answer, a failure that another attempt would not mend, or no time left."""
        decoder = self._decoder(type_)
        started = self._clock.monotonic()
        doubtful = False
        for attempt in count(1):
            outcome = self._attempt(call, decoder, again=attempt > 1)
            if isinstance(outcome, Answer):
                return replace(outcome, repeated=True) if doubtful else outcome
            doubtful = doubtful or (call.write and not outcome.undone)
            if doubtful and not call.replayable:
                raise self._unknown(call, outcome)
            seconds = retry.wait_seconds(outcome, attempt, random.random())  # noqa: S311
            budget = retry.FIRST_CONTACT_SECONDS if self._is_first_contact(outcome) else self._budget
            budget = budget if patience is None else min(budget, patience)
            if seconds is None or self._clock.monotonic() - started + seconds > budget:
                self._stop(call, outcome, doubtful=doubtful)
            self._pause(call, outcome, seconds)
        raise AssertionError("counting never ends")

    def _attempt(self, call: _Call, decoder: msgspec.json.Decoder[T], *, again: bool) -> Answer[T] | Failure:
        self._check_quota(call)
        if self.before_call is not None:
            self.before_call()
        with self._limiter.permit(search=call.search) as waited:
            if call.write and self.before_write is not None:
                self.before_write()
            self.usage.add(search=call.search, again=again, waited=waited)
            sent = self._clock.monotonic()
            outcome = self._transport.exchange(call.method, call.target, call.body)
            self._latency += 0.25 * (self._clock.monotonic() - sent - self._latency)
        if isinstance(outcome, Failure):
            return outcome
        self._limiter.learn(outcome.headers)
        date = self._learn_date(outcome)
        if not 200 <= outcome.status < 300:
            return refusals.parse_failure(outcome.status, outcome.headers, outcome.body, now=date.timestamp())
        return self._decode(call, outcome, decoder, date)

    def _decode(
        self, call: _Call, answer: Exchange, decoder: msgspec.json.Decoder[T], date: datetime
    ) -> Answer[T] | Failure:
        body = answer.body or (b"{}" if call.write else b"")
        try:
            return Answer(_decode(decoder, body), answer.status, date)
        except msgspec.ValidationError as error:
            if call.write:  # applied, but we cannot say to what
                return Failure(kind=Kind.BROKEN, reason="an answer of unknown shape", status=answer.status)
            raise UnexpectedAnswerError(
                f"{call.what}: HubSpot's answer has another shape than documented ({error}). Please report it.",
                status=answer.status,
            ) from error
        except (msgspec.DecodeError, ValueError):
            return Failure(kind=Kind.BROKEN, reason="an answer that is no JSON", status=answer.status)

    def _pause(self, call: _Call, failure: Failure, seconds: float) -> None:
        if failure.status == 429:
            self.usage.add_refusal()
            self._limiter.slow_down(seconds, search=call.search)
            return  # the permit waits
        self._sleep(seconds)

    def _sleep(self, seconds: float) -> None:
        """Wait; in short naps where somebody may want to end the run meanwhile."""
        until = self._clock.monotonic() + seconds
        asked = [each for each in (self.while_waiting, _WATCHED.get()) if each is not None]
        while (left := until - self._clock.monotonic()) > 0:
            for each in asked:
                each()
            self._clock.sleep(min(left, NAP_SECONDS) if asked else left)

    def _stop(self, call: _Call, failure: Failure, *, doubtful: bool) -> NoReturn:
        """Raise what the failure means; a write that may have been applied stays unknown unless it was refused."""
        error = self._error(call, failure)
        if doubtful and not isinstance(error, RefusedError):
            raise self._unknown(call, failure) from error
        raise error

    def _error(self, call: _Call, failure: Failure) -> HubSpotError:
        if failure.kind is Kind.DAILY:
            self.usage.add_refusal()
            self._exhausted = self._quota_error("The account's calls of today are used up.", failure)
            return self._exhausted
        if failure.kind is Kind.MIGRATION:
            return self._migration_error(failure)
        if failure.kind in {Kind.BROKEN, Kind.UNSENT, Kind.BURST, Kind.SECONDLY, Kind.LOCKED}:
            return UnreachableError(
                f"{call.what}: {self._transport.base_url} gave no usable answer ({failure.reason}: {failure.kind.value}),"
                " also when asked again. Check base_url, the network and status.hubspot.com; running again resumes.",
                status=failure.status,
                category=failure.problem.category,
                correlation_id=failure.problem.correlationId,
            )
        return refusals.build_error(call.what, failure, show_message=call.method == "GET" or call.search)

    def _unknown(self, call: _Call, failure: Failure) -> UnknownOutcomeError:
        return UnknownOutcomeError(
            f"{call.what} was sent, but its answer was lost ({failure.reason}); whether HubSpot applied it must be looked"
            " up before it is sent again.",
            status=failure.status,
            category=failure.problem.category,
            correlation_id=failure.problem.correlationId,
        )

    def _check_quota(self, call: _Call) -> None:
        """Stop before a call that would eat into the day's reserve, or that HubSpot would only refuse."""
        if call.target.startswith(UNMETERED):
            return
        if self._exhausted is not None and not self._is_past(self._exhausted.resumes_at):
            raise self._exhausted
        self._exhausted, daily = None, self._limiter.daily
        if daily is not None and daily.remaining <= self._reserve:
            self._learn_zone()
            self._limiter.daily = None  # so that the first call after midnight is made, and tells what is left then
            self._exhausted = self._quota_error(
                f"{daily.remaining} of the account's calls are left today, and `daily_reserve` keeps {self._reserve}"
                " for its other apps."
            )
            raise self._exhausted

    def _quota_error(self, said: str, failure: Failure | None = None) -> QuotaError:
        problem = failure.problem if failure else refusals.Problem()
        resumes = self._next_midnight()
        when = f"at {resumes:%Y-%m-%d %H:%M} UTC, midnight" if resumes else "at midnight"
        return QuotaError(
            f"{said} The quota starts anew {when} in the account's time zone; run again then, nothing is lost.",
            resumes_at=resumes,
            status=failure.status if failure else None,
            category=problem.policyName or problem.category,
            correlation_id=problem.correlationId,
        )

    def _migration_error(self, failure: Failure) -> QuotaError:
        resumes = self.now() + timedelta(seconds=failure.retry_after or 3600)
        return QuotaError(
            "HubSpot is moving this account to another data centre and answers no calls;"
            f" run again after {resumes:%Y-%m-%d %H:%M} UTC, nothing is lost.",
            resumes_at=resumes,
            status=failure.status,
            category=failure.problem.category,
            correlation_id=failure.problem.correlationId,
        )

    def _learn_zone(self) -> None:
        if self._zone is None:
            found = self.fetch("/account-info/{version}/details", type=dict).value
            self.remember_zone(str(found.get("timeZone", "")), str(found.get("utcOffset", "")))

    def _next_midnight(self) -> datetime | None:
        if self._zone is None or self._date is None:
            return None
        tomorrow = self._date.astimezone(self._zone).date() + timedelta(days=1)
        return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self._zone).astimezone(UTC)

    def _is_past(self, moment: datetime | None) -> bool:
        return moment is not None and self._clock.time() >= moment.timestamp()

    def _is_first_contact(self, failure: Failure) -> bool:
        return self._date is None and failure.status is None

    def _learn_date(self, answer: Exchange) -> datetime:
        try:
            self._date = parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
        except (
            ValueError
        ):  # no Date: keep the last; only where there was none at all is the local clock better than nothing
            self._date = self._date or datetime.fromtimestamp(self._clock.time(), UTC)
        self._dated_at = self._clock.monotonic()
        return self._date

    def _decoder(self, type_: type[T] | msgspec.json.Decoder[T]) -> msgspec.json.Decoder[T]:
        if isinstance(type_, msgspec.json.Decoder):
            return type_
        if type_ not in self._decoders:
            self._decoders[type_] = msgspec.json.Decoder(type_)
        return self._decoders[type_]


def _decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    """Decode; text that is no valid Unicode (half a surrogate pair, stray bytes) has those places replaced by U+FFFD."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = json.dumps(json.loads(body.decode("utf-8", "replace")), ensure_ascii=False)
        return decoder.decode(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _parse_offset(text: str) -> tzinfo | None:
    found = re.fullmatch(r"([+-])(\d\d):(\d\d)", text)
    if not found:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)

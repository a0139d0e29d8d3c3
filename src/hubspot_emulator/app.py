"""The API as an ASGI application: routing, tokens, limits, faults, and the transaction around every handler.

One call after another runs in the event loop: a handler takes milliseconds and all share one database
connection, so threads would only add their switching.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import msgspec

from hubspot_emulator import (
    account,
    association_routes,
    batches,
    delivery,
    fault_effects,
    oauth,
    objects,
    owners,
    paging,
    pipelines,
    properties,
    search,
    timestamps,
)
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.delivery import Receive, Send
from hubspot_emulator.families import FAMILIES
from hubspot_emulator.fault_actions import Action, Phase
from hubspot_emulator.faults import Faults
from hubspot_emulator.http import HUBSPOT, ApiError, ApiRequest, ApiResponse, Headers, Route
from hubspot_emulator.limits import Limits
from hubspot_emulator.mutate import MutationError
from hubspot_emulator.portal import Portal
from hubspot_emulator.request_log import RequestLog
from hubspot_emulator.routing import Match, Router
from hubspot_emulator.tokens import Tokens

Scope = MutableMapping[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_URL = 16_384
UNANSWERED = frozenset({"hang", "reset"})
"""Faults that close the connection in place of an answer."""
NO_ANSWER = 0
"""The status in the request log of a call whose connection was closed instead of answered."""

_LOG = logging.getLogger(__name__)


def build_app(
    portal: Portal, limits: Limits, log: RequestLog, faults: Faults, tokens: Tokens, latency_ms: float = 0.0
) -> Application:
    """Build the application that serves one portal."""
    tokens.open(portal)
    portal.chores = [family.chore for family in FAMILIES if family.chore is not None]
    return _Api(portal, limits, log, faults, tokens, latency_ms)


@dataclass
class _Call:
    """One call on its way through the application."""

    method: str
    path: str
    raw_query: bytes
    headers: Mapping[bytes, bytes]
    body: bytes
    correlation_id: str
    match: Match | frozenset[str]
    rate_headers: Headers
    request: ApiRequest | None = None
    """The call as its handler sees it, once it is built."""

    @property
    def route(self) -> Route | None:
        """The call's route, if its path and method have one."""
        return self.match.route if isinstance(self.match, Match) else None


class _Api:
    def __init__(
        self, portal: Portal, limits: Limits, log: RequestLog, faults: Faults, tokens: Tokens, latency_ms: float
    ) -> None:
        self._portal, self._limits, self._log, self._faults = portal, limits, log, faults
        self._tokens, self._latency = tokens, latency_ms / 1000
        self._router = Router(all_routes(limits, tokens))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise ValueError(f"the emulator serves http only, not {scope['type']}")
        arrived = self._log.arrived()
        call = await self._read(scope, receive)
        if call is None:
            return
        action = await self._after_delay(self._before(call))
        answer = None if action is None else fault_effects.answer(action, call.correlation_id)
        unanswered = action if action is not None and action.kind in UNANSWERED else None
        if answer is None and unanswered is None:
            answer = self._refuse(call)
        if answer is None and unanswered is None:
            answer = self._run(call, action)
            action = await self._after_delay(self._choose(call, "after"))
            unanswered = action if action is not None and action.kind in UNANSWERED else None
            if action is not None:
                answer = fault_effects.answer(action, call.correlation_id) or fault_effects.alter(
                    action, answer, self._portal.clock.time()
                )
        await self._pause(self._latency)
        cut = self._choose(call, "mid_body")
        self._note(call, NO_ANSWER if unanswered or answer is None else answer.status, arrived)
        if unanswered is not None or answer is None:
            await delivery.destroy(unanswered or Action(kind="reset"), receive, send)
            return
        headers = delivery.render_headers(answer, self._portal.clock.time(), call.correlation_id, call.rate_headers)
        await delivery.send_answer(send, answer, headers, cut, self._pause)

    async def _read(self, scope: Scope, receive: Receive) -> _Call | None:
        """Read a call whole; one whose client went away in the middle of its body is none."""
        parts: list[bytes] = []
        more = scope["method"] not in {"GET", "HEAD"}
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        path = scope.get("raw_path") or scope["path"].encode()
        text = path.decode("latin-1")
        return _Call(
            method=scope["method"],
            path=scope["path"],
            raw_query=scope["query_string"],
            headers=dict(scope["headers"]),
            body=b"".join(parts),
            correlation_id=str(uuid.uuid4()),
            match=self._router.find(scope["method"], text),
            rate_headers={},
        )

    def _before(self, call: _Call) -> Action | None:
        """Ask for a fault, but only for calls whose token is good, so that a bad one is always told so."""
        try:
            self._token(call)
        except ApiError:
            return None
        return self._choose(call, "before")

    def _choose(self, call: _Call, phase: Phase) -> Action | None:
        if self._faults.is_empty:
            return None
        header = call.headers.get(b"authorization", b"").decode("latin-1")
        query, token = call.raw_query.decode("latin-1"), header.rpartition(" ")[2]
        return self._faults.choose(call.method, call.path, call.body, phase, query=query, token=token)

    async def _after_delay(self, action: Action | None) -> Action | None:
        """Wait where a fault is nothing but a delay; then there is none left."""
        if action is None or action.kind != "delay":
            return action
        await self._pause(action.seconds)
        return None

    def _refuse(self, call: _Call) -> ApiResponse | None:
        """Give the answer of a call that reaches no handler."""
        try:
            token = self._token(call)
            if token and self._faults.is_revoked(token):
                return fault_effects.answer(Action(kind="revoke"), call.correlation_id)
            route = self._routed(call)
            app = self._tokens.oauth_client(token)
            admission = self._limits.admit(route.kind, token, correlation_id=call.correlation_id, app=app)
            call.rate_headers = admission.headers
            if admission.refusal is not None:
                return admission.refusal
            if route.scopes is not None:
                with self._portal.lock:
                    needed = route.scopes(self._portal, self._request(call, token))
                    self._tokens.require(token, needed, taken=self._faults.taken_scopes(token))
        except ApiError as error:
            if error.status == 405 and "/v1/" in call.path:
                return ApiResponse(status=405)  # recorded: without a body
            if error.category == "MISSING_SCOPES":
                call.rate_headers = {}  # recorded: it carries none
            return _error(error, call.correlation_id)
        return None

    def _token(self, call: _Call) -> str:
        if call.route is not None and call.route.public:
            return ""
        header = call.headers.get(b"authorization")
        return self._tokens.authenticate(None if header is None else header.decode("latin-1"))

    def _routed(self, call: _Call) -> Route:
        if len(call.path) + len(call.raw_query) > LONGEST_URL:
            raise ApiError(414, f"The URL is longer than {LONGEST_URL} characters", category=None)
        if isinstance(call.match, Match):
            route = call.match.route
            if route.until_ms is not None and self._portal.now_ms() >= route.until_ms:
                ended = timestamps.render_ms(route.until_ms)[:10]
                raise ApiError(404, f"No such path: {call.method} {call.path} ended on {ended}", category=None)
            return route
        if call.match:
            allowed = ", ".join(sorted(call.match))
            raise ApiError(405, f"{call.method} is not allowed for {call.path}; it has {allowed}", category=None)
        raise ApiError(404, f"No such path: {call.method} {call.path}", category=None)

    def _request(self, call: _Call, token: str) -> ApiRequest:
        if call.request is None:
            call.request = self._build_request(call, token)
        return call.request

    def _build_request(self, call: _Call, token: str) -> ApiRequest:
        assert isinstance(call.match, Match)
        params = dict(call.match.params)
        version = params.pop("version", call.match.route.version or "2026-09")
        query = parse_qs(call.raw_query.decode("latin-1"), keep_blank_values=True)
        body = call.body
        if self._portal.knobs.most_on_a_page:
            query, body = paging.cut_limits(query, body, self._portal.knobs.most_on_a_page)
        return ApiRequest(
            method=call.method,
            path=call.path,
            params=params,
            query=query,
            body=body,
            version=version,
            token=token,
            granted=(self._tokens.scopes(token) or frozenset()) - self._faults.taken_scopes(token),
            content_type=call.headers.get(b"content-type", b"").decode("latin-1"),
            base_url=_base_url(call.headers.get(b"host", b"").decode("latin-1")),
            correlation_id=call.correlation_id,
        )

    def _run(self, call: _Call, action: Action | None) -> ApiResponse:
        """Run the handler in a transaction of its own, which a fault may undo; what a fault changes is changed before."""
        assert isinstance(call.match, Match)
        portal = self._portal
        with portal.lock:
            try:
                with fault_effects.changed(action, portal):
                    portal.settle()
                    answer = call.match.route.handler(portal, self._request(call, self._token(call)))
                if action is not None and action.kind == "noop":
                    portal.rollback()
                portal.commit()
            except ApiError as error:
                portal.rollback()
                return _error(error, call.correlation_id)
            except MutationError as error:
                return _error(ApiError(500, f"a fault rule could not act: {error}", category=None), call.correlation_id)
            except Exception:  # noqa: BLE001 - the worker's edge
                # A fault of the emulator itself is answered like one of HubSpot's and shown in full here.
                portal.rollback()
                _LOG.exception("the emulator failed at %s %s", call.method, call.match.route.template)
                return _error(ApiError(500, "internal error", category=None), call.correlation_id)
        return answer

    def _note(self, call: _Call, status: int, arrived: float) -> None:
        route = call.route
        template = route.template if route else call.path
        self._log.record(call.method, template, route.kind if route else "counted", status, arrived=arrived)

    async def _pause(self, seconds: float) -> None:
        if not seconds:
            return
        if isinstance(self._portal.clock, VirtualClock):
            self._portal.clock.sleep(seconds)
        else:
            await asyncio.sleep(seconds)


def all_routes(limits: Limits, tokens: Tokens) -> tuple[Route, ...]:
    """Give every call the emulator serves."""
    families: Iterable[Iterable[Route]] = (
        account.routes(limits),
        association_routes.ROUTES,
        batches.ROUTES,
        objects.ROUTES,
        owners.ROUTES,
        pipelines.ROUTES,
        properties.ROUTES,
        search.ROUTES,
        tokens.routes(),
        oauth.OAuth().routes(),
        *(family.routes for family in FAMILIES),
    )
    return tuple(route for family in families for route in family)


def _base_url(host: str) -> str:
    """Give what addresses in answers begin with: the host that was called, plainly unless it is HubSpot's own name."""
    return HUBSPOT if HUBSPOT.endswith(f"//{host}") or not host else f"http://{host}"


def _error(error: ApiError, correlation_id: str) -> ApiResponse:
    return ApiResponse(status=error.status, body=msgspec.json.encode(error.envelope(correlation_id)))

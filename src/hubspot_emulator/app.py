"""The API as an ASGI application: routing, tokens, limits, faults, and the transaction around every handler.

One call after another runs in the event loop: a handler takes milliseconds and all share one database
connection, so threads would only add their switching.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

import msgspec

from hubspot_emulator import account, association_routes, batches, oauth, objects, owners, pipelines, properties, search
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.families import FAMILIES
from hubspot_emulator.faults import Action, Faults
from hubspot_emulator.http import ApiError, ApiRequest, ApiResponse, Headers, Route
from hubspot_emulator.limits import Limits
from hubspot_emulator.portal import Portal
from hubspot_emulator.request_log import RequestLog
from hubspot_emulator.routing import Match, Router
from hubspot_emulator.tokens import Tokens

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST_URL = 16_384
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
        action = self._before(call)
        if action is not None and action.kind == "delay":
            await self._pause(action.seconds)
            action = None
        answer = self._refuse(call) if action is None else _replacement(action)
        if answer is None:
            answer = self._run(call)
            action = self._faults.choose(call.method, call.path, call.body, "after")
            if action is not None and action.kind == "delay":
                await self._pause(action.seconds)
                action = None
            answer = _replacement(action) or answer
        await self._pause(self._latency)
        cut = self._faults.choose(call.method, call.path, call.body, "mid_body")
        unanswered = action is not None and action.kind in {"reset", "hang"}
        self._note(call, NO_ANSWER if unanswered else answer.status, arrived)
        if action is not None and unanswered:
            await _destroy(action, receive, send)
        else:
            await self._send(call, answer, send, cut=cut is not None)

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
        return self._faults.choose(call.method, call.path, call.body, "before")

    def _refuse(self, call: _Call) -> ApiResponse | None:
        """Give the answer of a call that reaches no handler."""
        try:
            token = self._token(call)
            route = self._routed(call)
            app = self._tokens.oauth_client(token)
            admission = self._limits.admit(route.kind, token, correlation_id=call.correlation_id, app=app)
            call.rate_headers = admission.headers
            if admission.refusal is not None:
                return admission.refusal
            if route.scopes is not None:
                with self._portal.lock:
                    self._tokens.require(token, route.scopes(self._portal, self._request(call, token)))
        except ApiError as error:
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
            return call.match.route
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
        return ApiRequest(
            method=call.method,
            path=call.path,
            params=params,
            query=parse_qs(call.raw_query.decode("latin-1"), keep_blank_values=True),
            body=call.body,
            version=version,
            token=token,
            granted=self._tokens.scopes(token) or frozenset(),
            content_type=call.headers.get(b"content-type", b"").decode("latin-1"),
            base_url=f"http://{call.headers.get(b'host', b'api.hubapi.com').decode('latin-1')}",
            correlation_id=call.correlation_id,
        )

    def _run(self, call: _Call) -> ApiResponse:
        """Run the handler in a transaction of its own."""
        assert isinstance(call.match, Match)
        portal = self._portal
        with portal.lock:
            try:
                portal.settle()
                answer = call.match.route.handler(portal, self._request(call, self._token(call)))
                portal.commit()
            except ApiError as error:
                portal.rollback()
                return _error(error, call.correlation_id)
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

    async def _send(self, call: _Call, answer: ApiResponse, send: Send, *, cut: bool) -> None:
        headers = {
            "Date": formatdate(self._portal.clock.time(), usegmt=True),
            "X-HubSpot-Correlation-Id": call.correlation_id,
            "Vary": "origin, Accept-Encoding",
            **call.rate_headers,
            "Content-Length": str(len(answer.body)),
        }
        if answer.status != 204:
            headers["Content-Type"] = answer.content_type
        headers.update({name.title() if name.islower() else name: value for name, value in answer.headers.items()})
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        if answer.status == 204:
            raw = [(name, value) for name, value in raw if name != b"Content-Length"]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        if not cut:
            await send({"type": "http.response.body", "body": answer.body})
            return
        await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
        await _close(send, flush=True)


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


def _error(error: ApiError, correlation_id: str) -> ApiResponse:
    return ApiResponse(status=error.status, body=msgspec.json.encode(error.envelope(correlation_id)))


def _replacement(action: Action | None) -> ApiResponse | None:
    if action is None:
        return None
    answer = ApiResponse(status=action.status, body=action.body)
    lowered = {name.lower(): value for name, value in action.headers.items()}
    content_type = lowered.pop("content-type", answer.content_type)
    return replace(answer, headers=lowered, content_type=content_type)


async def _destroy(action: Action, receive: Receive, send: Send) -> None:
    """End a call without an answer: at once, or after the time a hanging server takes or the client has patience for."""
    if action.kind == "hang":
        waiting = asyncio.ensure_future(_disconnected(receive))
        await asyncio.wait([waiting], timeout=action.seconds)
        waiting.cancel()
    await _close(send, flush=False)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _close(send: Send, *, flush: bool) -> None:
    """Close the connection beneath the answer; ASGI has no word for it, so the server's own object is asked."""
    transport = send.__self__.transport  # type: ignore[attr-defined]
    if flush:
        transport.close()
    else:
        transport.abort()
    await asyncio.sleep(0)  # lets the server notice before this call returns to it
    await asyncio.sleep(0)

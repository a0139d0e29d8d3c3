"""The control server: what tests, benchmarks and the demo ask and tell a portal, on a port of its own, loopback only."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from hubspot_emulator import account, associations, owners, pipelines
from hubspot_emulator.clock import VirtualClock
from hubspot_emulator.families import FAMILIES
from hubspot_emulator.fault_actions import FaultRuleError
from hubspot_emulator.faults import Faults
from hubspot_emulator.http import ApiError
from hubspot_emulator.limits import Limits
from hubspot_emulator.mutate import Mutation, MutationError, mutate
from hubspot_emulator.portal import Portal
from hubspot_emulator.request_log import RequestLog

IN_MEMORY_BYTES = 16_000_000
CHUNK_BYTES = 1 << 18

encode = msgspec.json.Encoder().encode


class Advance(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of `POST /clock`."""

    advance_seconds: float


class Forced(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of `POST /jobs/{kind}/{id}`."""

    state: str


class Control:
    """The calls of the control server, over one portal."""

    def __init__(self, portal: Portal, log: RequestLog, faults: Faults, limits: Limits) -> None:
        self._portal, self._log, self._faults, self._limits = portal, log, faults, limits

    def build_app(self) -> Starlette:
        """Build the server's application; every call runs in a worker thread."""
        calls: tuple[tuple[str, str, Callable[[Request, bytes], Response]], ...] = (
            ("GET", "/health", self.health),
            ("GET", "/truth/{object}", self.truth),
            ("GET", "/requests", self.requests),
            ("DELETE", "/requests", self.reset_requests),
            ("GET", "/events", self.events),
            ("POST", "/clock", self.advance_clock),
            ("POST", "/jobs/{kind}/{id}", self.force_job),
            ("POST", "/mutate", self.mutate),
            ("POST", "/faults", self.add_faults),
            ("DELETE", "/faults", self.clear_faults),
        )
        return Starlette(routes=[_route(method, path, call) for method, path, call in calls])

    def health(self, _request: Request, _body: bytes) -> Response:
        """Tell that the portal is filled and answers."""
        return _json({"ok": True})

    def truth(self, request: Request, _body: bytes) -> Response:
        """Give every record of an object in every state, one a line, as of one moment."""
        name = request.path_params["object"]
        with self._portal.lock:
            self._portal.settle()
            self._portal.commit()
            return _lines(self._truth_rows(name))

    def requests(self, _request: Request, _body: bytes) -> Response:
        """Count the requests since the last reset."""
        return _json(self._log.summary())

    def reset_requests(self, _request: Request, _body: bytes) -> Response:
        """Forget the requests."""
        self._log.reset()
        return Response(status_code=204)

    def events(self, _request: Request, _body: bytes) -> Response:
        """Give every applied write, one a line, oldest first."""
        with self._portal.lock:
            self._portal.settle()
            self._portal.commit()
            return _lines(self._event_rows())

    def advance_clock(self, _request: Request, body: bytes) -> Response:
        """Move a virtual clock."""
        clock = self._portal.clock
        if not isinstance(clock, VirtualClock):
            return _refused("this portal runs on the machine's clock; start it with --clock virtual to move its time")
        try:
            clock.advance(msgspec.json.decode(body, type=Advance).advance_seconds)
        except ValueError as error:
            return _refused(str(error))
        return _json({"now": clock.time()})

    def force_job(self, request: Request, body: bytes) -> Response:
        """Bring an import or export to a state: stuck, failed, canceled by a person, approved."""
        kind, job_id = request.path_params["kind"], request.path_params["id"]
        if kind not in JOBS:
            return _refused(f"there are no jobs named {kind}; there are {', '.join(sorted(JOBS))}")
        state = msgspec.json.decode(body, type=Forced).state
        with self._portal.lock:
            self._portal.settle()
            try:
                JOBS[kind](self._portal, job_id, state)
            except ValueError as error:
                return _refused(str(error))
            self._portal.commit()
        return Response(status_code=204)

    def mutate(self, _request: Request, body: bytes) -> Response:
        """Change records and links, and tell which."""
        return _json(mutate(self._portal, msgspec.json.decode(body or b"{}", type=Mutation)))

    def add_faults(self, _request: Request, body: bytes) -> Response:
        """Add rules, or none of them if one is wrong."""
        rules = msgspec.json.decode(body)
        if not isinstance(rules, list):
            return _refused("a list of fault rules is needed")
        return _json({"rules": self._faults.add(rules)})

    def clear_faults(self, _request: Request, _body: bytes) -> Response:
        """Remove every rule."""
        self._faults.clear()
        return Response(status_code=204)

    def _truth_rows(self, name: str) -> Iterator[dict[str, Any]]:
        if name == "owners":
            return owners.truth(self._portal)
        if name == "api_usage":
            return iter([{"state": "live", **account.usage_of(self._portal, self._limits)}])
        if name in TRUTHS:
            return TRUTHS[name](self._portal)
        if name in PIPELINES:
            return pipelines.truth(self._portal, PIPELINES[name])
        type_id = self._portal.types.resolve(name.removeprefix("engagements_")).type_id
        return (
            row | {"associations": associations.links_of(self._portal, type_id, int(row["id"]))}
            for row in self._portal.truth(type_id)
        )

    def _event_rows(self) -> Iterator[dict[str, Any]]:
        rows = self._portal.db.execute(
            "SELECT seq, at_ms, what, type_id, record_id, request, detail FROM events ORDER BY seq"
        )
        for seq, at_ms, what, type_id, record_id, request, detail in rows:
            yield {
                "seq": seq,
                "atMs": at_ms,
                "what": what,
                "object": self._portal.types.resolve(type_id).name if type_id[0].isdigit() else type_id,
                "id": str(record_id),
                "request": request,
                "detail": msgspec.json.decode(detail) if detail else None,
            }


TRUTHS = {name: truth for family in FAMILIES for name, truth in family.truths.items()}
JOBS = {name: force for family in FAMILIES for name, force in family.jobs.items()}
PIPELINES = {"deal_pipelines": "0-3", "ticket_pipelines": "0-5"}


def _route(method: str, path: str, call: Callable[[Request, bytes], Response]) -> Route:
    async def endpoint(request: Request) -> Response:
        body = await request.body()
        try:
            return await run_in_threadpool(call, request, body)
        except (ApiError, FaultRuleError, MutationError, msgspec.MsgspecError) as error:
            return _refused(str(error))

    return Route(path, endpoint, methods=[method])


def _refused(message: str) -> Response:
    return Response(encode({"error": message}), status_code=400, media_type="application/json")


def _json(value: object) -> Response:
    return Response(encode(value), media_type="application/json")


def _lines(rows: Iterator[dict[str, Any]]) -> Response:
    """Write all lines while the caller holds the portal, then send them at the reader's pace."""
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed when it is sent
    try:
        for row in rows:
            file.write(encode(row))
            file.write(b"\n")
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return StreamingResponse(_chunks(file), media_type="application/x-ndjson")


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk

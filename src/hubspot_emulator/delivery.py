"""How an answer goes out: whole, slowly, in part, or not at all. ASGI has no word for a cut connection, so uvicorn's is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email.utils import formatdate
from typing import Any

from hubspot_emulator.fault_actions import Action
from hubspot_emulator.http import ApiResponse

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Pause = Callable[[float], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]

PIECES = 8
"""In how many pieces a slow answer comes."""


def render_headers(answer: ApiResponse, now: float, correlation_id: str, rate: Mapping[str, str]) -> RawHeaders:
    """Build an answer's headers as HubSpot sends them; the answer's own win."""
    headers = {
        "Date": formatdate(now, usegmt=True),
        "X-HubSpot-Correlation-Id": correlation_id,
        "Vary": "origin, Accept-Encoding",
        **rate,
    }
    if answer.status != 204:
        headers |= {"Content-Length": str(len(answer.body)), "Content-Type": answer.content_type}
    headers.update({name.title() if name.islower() else name: value for name, value in answer.headers.items()})
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def send_answer(send: Send, answer: ApiResponse, headers: RawHeaders, cut: Action | None, pause: Pause) -> None:
    """Send an answer as far as a fault of the phase `mid_body` lets it go."""
    start = {"type": "http.response.start", "status": answer.status, "headers": headers}
    body = answer.body
    if cut is None:
        await send(start)
        await send({"type": "http.response.body", "body": body})
    elif cut.kind == "slow":
        await send(start)
        size = max(1, -(-len(body) // PIECES))
        for first in range(0, len(body), size):
            await pause(cut.seconds / PIECES)
            await send({"type": "http.response.body", "body": body[first : first + size], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    elif cut.kind == "half_chunk":
        await send(start | {"headers": [pair for pair in headers if pair[0] != b"Content-Length"]})
        _transport(send).write(b"%x\r\n%b" % (len(body), body[: len(body) // 2]))
        await _close(send, flush=True)
    elif cut.kind == "cut_headers":
        _transport(send).write(b"HTTP/1.1 %d OK\r\nContent-Type: appli" % answer.status)
        await _close(send, flush=True)
    else:
        await send(start)
        at = cut.options.get("at", -1)
        await send({"type": "http.response.body", "body": body[: len(body) // 2 if at < 0 else at], "more_body": True})
        await _close(send, flush=True)


async def destroy(action: Action, receive: Receive, send: Send) -> None:
    """End a call without an answer: at once, or after the time a hanging server takes or the client has patience for."""
    if action.kind == "hang":
        waiting = asyncio.ensure_future(_disconnected(receive))
        await asyncio.wait([waiting], timeout=action.seconds)
        waiting.cancel()
    await _close(send, flush=False)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _transport(send: Send) -> asyncio.Transport:
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
    return transport


async def _close(send: Send, *, flush: bool) -> None:
    """Close the connection beneath the answer, after what was written to it or at once."""
    transport = _transport(send)
    if flush:
        transport.close()
    else:
        transport.abort()
    await asyncio.sleep(0)  # lets the server notice before this call returns to it
    await asyncio.sleep(0)

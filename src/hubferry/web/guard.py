"""What every request passes before a page sees it, and what every answer carries. Pure ASGI, so that nothing goes around it."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hubferry.web.session import Session

SAFE_METHODS = frozenset({"GET", "HEAD"})
OPEN_PATHS = ("/open/", "/static/")
"""Reachable without a session: the one-time address, and files that hold no data."""
BODY_LIMIT = 2 << 20
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with `no-referrer`, browsers send our own forms with `Origin: null`
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass
class Guard:
    """Refuses what another site, another host name or another user sent."""

    app: ASGIApp
    session: Session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 4xx, or pass the request on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return  # a web socket: there is none
        answer = self._refusal(scope)
        await (answer or self.app)(scope, receive, _with_headers(scope, send))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if headers.get("host") not in self.session.hosts:
            return _say(421, "This page answers only to its own address. Open the one that `hubferry ui` printed.")
        if not self._is_ours(scope, headers):
            return _say(403, "This request was sent by another site and was not carried out.")
        if int(headers.get("content-length", "0") or "0") > BODY_LIMIT or "transfer-encoding" in headers:
            return _say(413, "This form is larger than any of ours.")
        if not scope["path"].startswith(OPEN_PATHS) and not self.session.knows(_cookie(headers, self.session)):
            return _say(
                401,
                "This browser has no session. Run `hubferry ui` and open the address that it prints;"
                " each address works once.",
            )
        return None

    def _is_ours(self, scope: Scope, headers: Headers) -> bool:
        """A page of another port is the same *site*: only the same origin, or a person's own navigation, is ours."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is not None and origin not in self.session.origins:
            return False
        if scope["method"] in SAFE_METHODS:
            return site in {None, "same-origin", "none"} or headers.get("sec-fetch-mode") == "navigate"
        return (origin is not None or site is not None) and site in {None, "same-origin"}


def _cookie(headers: Headers, session: Session) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(session.cookie_name)
    except CookieError:
        return None
    return found.value if found else None


def _say(status: int, text: str) -> Response:
    return Response(f"{text}\n", status, media_type="text/plain")


def _with_headers(scope: Scope, send: Send) -> Send:
    """Add our headers to whatever is answered; only files of the package may be kept by the browser."""
    is_file = scope["path"].startswith("/static/")

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers["Cache-Control"] = "max-age=3600, private" if is_file else "no-store"
        await send(message)

    return sending

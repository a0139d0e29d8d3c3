"""The site as an ASGI application: every page, behind the guard."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from hubferry.web import trouble
from hubferry.web.guard import Guard
from hubferry.web.pages import PAGES
from hubferry.web.pages.live import stream_live
from hubferry.web.routing import Routes
from hubferry.web.site import Site

STATIC = Path(__file__).parent / "static"


def build_app(site: Site) -> Guard:
    """Give the application of one started page."""
    routes = Routes(site)
    for page in PAGES:
        page.register(routes)

    def open_session(request: Request) -> Response:
        if not site.session.redeem(request.path_params["ticket"]):
            return Response(
                "This address was used already, or is of an earlier start. Run `hubferry ui` again for a new one.\n",
                403,
            )
        return RedirectResponse("/", 303, headers={"Set-Cookie": site.session.cookie_header})

    async def events(request: Request) -> Response:
        return stream_live(site, request)

    async def nothing(_request: Request, _error: Exception) -> Response:
        answer = trouble.build_missing()
        return Response(site.render(answer.template, answer.context), answer.status, media_type="text/html")

    app = Starlette(
        routes=[
            Route("/open/{ticket}", open_session, methods=["GET"]),
            Route("/live/{run}/events", events, methods=["GET"]),
            Mount("/static", GZipMiddleware(StaticFiles(directory=STATIC))),  # pages go plain: each holds a token
            *routes.found,
        ],
        exception_handlers={404: nothing},
    )
    return Guard(app, site.session)

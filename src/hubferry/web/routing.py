"""How a page is reached: a function takes a Visit and gives a Page, a Part or a Redirect. Every POST is checked for its token here."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from hubferry.web import trouble
from hubferry.web.site import Site
from hubferry.web.visit import Answer, Download, Form, Redirect, Visit

View = Callable[[Visit], Answer]


class Routes:
    """The addresses of the site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.found: list[Route] = []

    def get(self, path: str, view: View) -> None:
        """Add an address that shows something and changes nothing."""

        def endpoint(request: Request) -> Response:
            return self._answer(request, _visit(self.site, request), view)

        self.found.append(Route(path, endpoint, methods=["GET"], name=f"GET {path}"))

    def post(self, path: str, view: View) -> None:
        """Add an address that does something; a form without our token is refused before the view is called."""

        async def endpoint(request: Request) -> Response:
            form = Form(tuple(parse_qsl((await request.body()).decode(), keep_blank_values=True)))
            if not self.site.session.wrote_form(request.headers.get("x-csrf-token") or form.get("csrf", "")):
                return Response(
                    "This form did not come from this page, or the page was started anew since. Reload it.\n", 403
                )
            visit = _visit(self.site, request, form)
            return await run_in_threadpool(self._answer, request, visit, view)

        self.found.append(Route(path, endpoint, methods=["POST"], name=f"POST {path}"))

    def _answer(self, request: Request, visit: Visit, view: View) -> Response:
        try:
            answer = view(visit)
        except Exception as error:  # noqa: BLE001  the worker's edge: a trace helps nobody who sees it in a browser
            answer = trouble.build_page(error)
        if isinstance(answer, Redirect):
            return self._redirect(request, answer)
        if isinstance(answer, Download):
            named = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(answer.name, safe='')}"}
            return StreamingResponse(answer.texts, media_type="text/csv; charset=utf-8", headers=named)
        html = self.site.render(answer.template, answer.context, is_part=visit.is_part)
        if visit.is_part and answer.status >= 400:  # htmx swaps nothing of an error's answer
            html = self.site.render("trouble_part.html", answer.context)
            return Response(
                html,
                200,
                media_type="text/html",
                headers={"HX-Retarget": "#trouble", "HX-Reswap": "innerHTML show:top", "HX-Reselect": ".note"},
            )
        return Response(html, answer.status, media_type="text/html")

    @staticmethod
    def _redirect(request: Request, answer: Redirect) -> Response:
        if request.headers.get("hx-request"):
            return Response(headers={"HX-Redirect": answer.path})
        return RedirectResponse(answer.path, 303)


def _visit(site: Site, request: Request, form: Form | None = None) -> Visit:
    query = Form(tuple(request.query_params.multi_items()))
    return Visit(site, request.path_params, query, form or Form(), is_part="hx-request" in request.headers)

"""What another site, another host name, another user or a hostile field cannot do."""

from __future__ import annotations

import re

import pytest
import urllib3
from web_world import Visitor, World

from hubferry.web.pages import PAGES
from hubferry.web.routing import Routes

POSTS = (
    "/pull",
    "/plans",
    "/plans/x/apply",
    "/live/x/stop",
    "/runs/x/undo",
    "/syncs/contacts/hold",
    "/syncs/contacts/retry",
    "/syncs/contacts/resume",
    "/syncs/contacts/verify",
    "/syncs/contacts/save",
    "/settings/save",
    "/streams/contacts/review",
    "/editor",
    "/editor/review",
    "/editor/try",
)


def test_a_page_answers_only_to_its_own_host(world: World) -> None:
    for host in (
        "evil.example",
        f"evil.example:{world.server.port}",
        "127.0.0.1",
        f"127.0.0.1.nip.io:{world.server.port}",
    ):
        assert world.visitor.get("/", Host=host).status == 421

    assert world.visitor.get("/", Host=f"localhost:{world.server.port}").status == 200


def test_without_the_cookie_nothing_is_shown(world: World) -> None:
    stranger = Visitor(world.server)

    for path in ("/", "/streams/contacts?tab=rows", "/overview/quota", "/live/x/events"):
        answer = stranger.get(path)
        assert (answer.status, "hubferry ui" in answer.text) == (401, True)
    assert stranger.get("/", Cookie=f"hubferry_{world.server.port}=guess").status == 401


def test_an_address_opens_a_session_once(world: World) -> None:
    address, pool = world.server.address, urllib3.PoolManager()

    first = pool.request("GET", address, redirect=False)
    second = pool.request("GET", address, redirect=False)

    assert (first.status, second.status) == (303, 403)
    assert "Set-Cookie" not in second.headers
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(re.split(r"; ", first.headers["Set-Cookie"]))


def test_every_address_that_takes_a_form_is_tried(world: World) -> None:
    routes = Routes(world.server.site)
    for page in PAGES:
        page.register(routes)
    patterns = {route.path_regex for route in routes.found if "POST" in (route.methods or ())}

    assert [each.pattern for each in patterns if not any(each.match(path) for path in POSTS)] == []


@pytest.mark.parametrize("path", POSTS)
def test_a_form_without_our_token_does_nothing(world: World, path: str) -> None:
    before = len(world.project.runs(1000))

    assert world.visitor.post(path, [("stream", "contacts"), ("sync", "contacts")], csrf=None).status == 403
    assert world.visitor.post(path, [("stream", "contacts"), ("sync", "contacts")], csrf="guess").status == 403
    assert (len(world.project.runs(1000)), world.server.site.runs.running) == (before, [])


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Origin": "", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "", "Sec-Fetch-Site": "same-site"},
        {"Origin": "", "Sec-Fetch-Site": "none"},
        {"Origin": "", "Sec-Fetch-Site": ""},
    ],
)
@pytest.mark.parametrize("path", POSTS)
def test_a_form_of_another_origin_is_refused_even_with_token_and_cookie(
    world: World, path: str, headers: dict[str, str]
) -> None:
    assert world.visitor.post(path, **headers).status == 403


def test_another_port_of_this_machine_cannot_read_by_script(world: World) -> None:
    """It is the same *site*, so that the browser sends the cookie."""
    script = {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors"}

    assert world.visitor.get("/streams/contacts?tab=rows", **script).status == 403
    assert world.visitor.get("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate").status == 200


def test_every_answer_carries_its_headers(world: World) -> None:
    stranger = Visitor(world.server)
    for answer in (
        world.visitor.get("/"),
        world.visitor.get("/nonsense"),
        stranger.get("/"),
        world.visitor.get("/static/hubferry.css"),
    ):
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert world.visitor.get("/").headers["Cache-Control"] == "no-store"


def test_no_address_changes_anything_by_get(world: World) -> None:
    for path in POSTS:
        assert world.visitor.get(path).status in {404, 405}


def test_other_methods_and_huge_forms_are_refused(world: World) -> None:
    assert world.visitor.post("/pull", [("stream", "x" * (3 << 20))]).status == 413
    pool = urllib3.PoolManager()
    headers = {"Cookie": world.visitor.cookie, "Origin": world.visitor.origin}
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert pool.request(method, f"{world.visitor.origin}/pull", headers=headers).status in {403, 405}


def test_values_of_the_portal_are_text(world: World, evil_contact: str) -> None:
    page = world.visitor.get("/streams/contacts?tab=rows&column=lastname").text
    row = world.visitor.get(f"/streams/contacts/rows/{evil_contact}").text
    record = world.visitor.get(f"/records?object=contacts&id={evil_contact}").text

    for text in (page, row, record):
        assert "<script>window" not in text
        assert "&lt;script&gt;window.hacked" in text


def test_a_name_in_the_address_is_text(world: World) -> None:
    for path in ("/streams/%3Cscript%3E", "/plans/%3Cscript%3E", "/runs/%3Cscript%3E", "/rejected?sync=%3Cscript%3E"):
        answer = world.visitor.get(path)
        assert answer.status >= 400
        assert "<script>" not in answer.text.replace('<script src="', "")


def test_a_mistake_of_ours_shows_no_trace_and_no_value(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("planted-secret-value")

    monkeypatch.setattr(type(world.project), "runs", fail)

    answer = world.visitor.get("/runs")

    assert answer.status == 500
    assert "KeyError" in answer.text
    assert not {"Traceback", "planted-secret-value", ".py"} & set(re.split(r"[\s\"']+", answer.text))


def test_the_token_stands_on_no_page(world: World) -> None:
    for path in ("/", "/check/results", "/streams", "/syncs/contacts", "/overview/quota"):
        assert world.environ["EMULATOR_TOKEN"] not in world.visitor.get(path).text

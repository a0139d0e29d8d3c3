"""A real browser goes the whole way, and tries what a hostile page would. Skipped where Chromium or playwright is missing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import duckdb
import pytest
from web_world import EVIL, World, running_world

from hubferry.cli.demo import source
from truth import call_control

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: make setup")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SERIOUS = {"serious", "critical"}
REPLACED = ("htmx:afterRequest", "htmx:sendAbort")
"""How htmx notes that a newer request of the editor took the place of one under way."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Any, world: World) -> Iterator[Any]:
    with open_page(browser, world) as opened:
        yield opened


class open_page:  # noqa: N801  reads as the verb that it is
    """A page with a session; at the end, whatever the browser complained about fails the test."""

    def __init__(self, browser: Any, world: World, *, scheme: str = "light") -> None:
        self.context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 800})
        self.context.set_default_timeout(20_000)
        self.world, self.complaints = world, []

    def __enter__(self) -> Any:
        page = self.context.new_page()
        page.on(
            "console", lambda said: self.complaints.append(said.text) if said.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(self.world.server.address)
        return page

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.context.close()
        if kind is None:
            assert [each for each in self.complaints if not each.startswith(REPLACED)] == []


@pytest.mark.heavy
def test_the_whole_way_from_check_to_a_refused_row_and_its_fix(browser: Any, tmp_path: Path) -> None:
    with running_world(tmp_path, contacts=60, pulled=False) as world, open_page(browser, world) as page:
        check(page)
        choose_a_stream(page, tmp_path)
        pull(page)
        source.write_source(tmp_path / "warehouse.duckdb", "hubspot")
        (tmp_path / "syncs" / "contacts.yml").unlink()
        build_a_sync(page, tmp_path)
        plan_and_apply(page)
        see_the_refused_row(page)
        fix_and_retry(page, tmp_path)
        undo(page, world)


def check(page: Any) -> None:
    page.get_by_role("link", name="Check", exact=True).click()
    page.get_by_text("Everything that can be known is in order").wait_for()
    assert page.get_by_role("row", name=re.compile("stream contacts")).is_visible()


def choose_a_stream(page: Any, folder: Path) -> None:
    before = (folder / "hubferry.yml").read_text(encoding="utf-8")
    page.get_by_role("link", name="Streams", exact=True).click()
    page.get_by_role("link", name="Add tickets").click()
    page.get_by_text("properties found").wait_for()
    page.get_by_label("these:").check()
    page.get_by_label("Search properties").press_sequentially("subject")
    page.get_by_text(re.compile(r"^\d propert(y|ies) found")).wait_for()
    page.get_by_role("checkbox", name=re.compile("^subject")).check()
    page.get_by_role("button", name="Review the change").click()
    page.get_by_text("+    tickets: {properties: [subject]}").wait_for()
    assert (folder / "hubferry.yml").read_text(encoding="utf-8") == before
    page.get_by_role("button", name="Save the file").click()
    page.get_by_role("checkbox", name="Pick tickets").wait_for()
    after = (folder / "hubferry.yml").read_text(encoding="utf-8")
    assert [line for line in after.splitlines() if line not in before.splitlines()] == [
        "    tickets: {properties: [subject]}"
    ]


def pull(page: Any) -> None:
    page.get_by_role("button", name="Pull what is picked").click()
    page.wait_for_url("**/live/*")
    page.get_by_text("Limit in use").wait_for()
    page.get_by_role("link", name="See what it did").click(timeout=60_000)
    assert page.get_by_role("row", name=re.compile("contacts.*done")).is_visible()


def build_a_sync(page: Any, folder: Path) -> None:
    page.get_by_role("link", name="Syncs", exact=True).click()
    page.get_by_role("link", name="New sync").first.click()
    page.get_by_label("Name of the sync").fill("people")
    page.get_by_label("Table").fill("analytics.contacts")
    page.get_by_label("Table").press("Tab")
    page.get_by_role("columnheader", name=re.compile("contact_number")).wait_for()
    page.get_by_label("Key of a row").select_option("contact_number")
    page.get_by_label("Match by").select_option("email")
    page.get_by_role("button", name="Suggest mappings").click()
    page.get_by_label("Property of field 5").wait_for()
    mapped = {page.get_by_label(f"Property of field {place}").input_value() for place in range(1, 6)}
    assert {"email", "contact_number", "firstname", "lastname", "jobtitle"} <= mapped
    page.get_by_label("To", exact=True).select_option("contacts")
    page.get_by_role("button", name="Add an association").click()
    page.get_by_label("What the keys are").select_option(label="Contact Association by Alternate ID(s): contact_number")
    page.get_by_label("Column of keys").select_option("relations")
    page.get_by_label("Cleanup Default Associations after Labelled Association removal").check()
    page.get_by_label("New records").fill("50")
    page.get_by_label("Key", exact=True).fill("D-0000001")
    page.get_by_role("button", name="Show the request").click()
    page.get_by_text("has no record in HubSpot yet").wait_for()
    assert '"ada@example.com"' in page.locator("#trial").inner_text()
    page.get_by_role("button", name="Review the change").click()
    page.get_by_text("A new file.").wait_for()
    assert not (folder / "syncs" / "people.yml").exists()
    page.get_by_role("button", name="Save the file").click()
    page.get_by_role("heading", name="people", exact=True).wait_for()
    text = (folder / "syncs" / "people.yml").read_text(encoding="utf-8")
    assert "{to: contacts, column: relations, by: contact_number, cleanup_default: true}" in text


def plan_and_apply(page: Any) -> None:
    page.get_by_role("button", name="Plan", exact=True).click()
    page.get_by_role("link", name="See what it did").click(timeout=60_000)
    page.get_by_role("heading", name="Plan of people").wait_for()
    assert page.get_by_text("Manager").first.is_visible()
    page.get_by_role("link", name=re.compile("^Create")).click()
    assert page.get_by_text("ada@example.com").first.is_visible()
    page.get_by_label(re.compile("I have looked at this plan")).check()
    page.get_by_role("button", name="Apply to HubSpot").click()
    page.get_by_role("link", name="See what it did").click(timeout=60_000)
    page.get_by_role("link", name=re.compile("^Applied")).wait_for()
    assert page.get_by_text("ada@example.com").first.is_visible()


def see_the_refused_row(page: Any) -> None:
    page.get_by_role("link", name="Rejected", exact=True).click()
    row = page.get_by_role("row", name=re.compile("D-0000003"))
    assert "not an e-mail address" in row.inner_text()
    assert "Correct the value in the source" in row.inner_text()


def fix_and_retry(page: Any, folder: Path) -> None:
    """What the list says is done in the source; Retry then plans just that row."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as base:
        base.execute("UPDATE analytics.contacts SET email = 'katherine@example.com' WHERE contact_number = 'D-0000003'")
    page.get_by_role("button", name="Retry these rows").click()
    page.get_by_role("link", name="See what it did").click(timeout=60_000)
    page.get_by_text("katherine@example.com").first.wait_for()
    assert "+ create\n1" in page.locator(".figures").inner_text()
    page.get_by_label(re.compile("I have looked at this plan")).check()
    page.get_by_role("button", name="Apply to HubSpot").click()
    page.get_by_role("link", name="See what it did").click(timeout=60_000)
    page.get_by_role("link", name="Rejected", exact=True).click()
    assert page.get_by_role("row", name=re.compile("D-0000003")).count() == 0


def undo(page: Any, world: World) -> None:
    made = int(control(world, "contacts", "ada@example.com"))
    page.get_by_role("link", name="Runs", exact=True).click()
    page.get_by_role("row", name=re.compile("apply")).last.get_by_role("link").click()
    page.get_by_role("button", name="Undo this run").click()
    page.get_by_role("link", name="See what it did").click(timeout=60_000)
    page.get_by_role("link", name=re.compile("^Archive")).wait_for()
    page.get_by_label(re.compile("take something away|takes something away")).check()
    page.get_by_role("button", name="Apply to HubSpot").click()
    page.get_by_role("link", name="See what it did").click(timeout=60_000)
    assert (made, control(world, "contacts", "ada@example.com")) == (1, 0)
    page.get_by_role("link", name="Syncs", exact=True).click()
    page.get_by_role("row", name=re.compile("people.*on hold")).get_by_role("link", name="people").click()
    page.get_by_role("button", name="Let it go on").click()
    page.get_by_role("button", name="Hold", exact=True).wait_for()


def control(world: World, name: str, email: str) -> int:
    """Count the portal's living records with this e-mail, by the portal's own truth."""
    lines = call_control(world.portal.control_url, "GET", f"/truth/{name}").splitlines()
    found = [json.loads(line) for line in lines if line]
    return sum(1 for each in found if each["state"] == "live" and each["properties"].get("email") == email)


def test_a_page_of_another_origin_can_do_nothing(browser: Any, world: World) -> None:
    """A page on another port of this machine is the same site: the browser would send the cookie along."""
    target = world.visitor.origin
    with open_page(browser, world) as page:
        other = page.context.new_page()
        other.route("http://localhost:1/", lambda route: route.fulfill(body="<form></form>", content_type="text/html"))
        other.goto("http://localhost:1/")
        read = other.evaluate(
            "u => fetch(u, {credentials: 'include'}).then(r => r.text(), e => 'blocked')", f"{target}/"
        )
        before = len(world.project.runs(1000))
        other.evaluate(
            "u => fetch(u, {method: 'POST', mode: 'no-cors', credentials: 'include', body: new URLSearchParams({stream: 'contacts'})}).catch(() => 0)",
            f"{target}/pull",
        )

        # A run is listed before the request that starts it is answered: `Visitor.follow` lives by that.
        assert read == "blocked"
        assert (len(world.project.runs(1000)), world.server.site.runs.running) == (before, [])


def test_another_host_name_for_this_machine_is_refused(browser: Any, world: World) -> None:
    context = browser.new_context()
    answer = context.request.get(f"{world.visitor.origin}/", headers={"Host": f"rebound.example:{world.server.port}"})

    assert answer.status == 421
    context.close()


def test_a_form_without_the_token_is_refused_in_the_browser_too(browser: Any, world: World) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(world.server.address)
    status = page.evaluate(
        "() => fetch('/pull', {method: 'POST', body: new URLSearchParams({stream: 'contacts'})}).then(r => r.status)"
    )

    assert status == 403
    assert not world.server.site.runs.running
    context.clear_cookies()
    assert page.goto(f"{world.visitor.origin}/").status == 401
    context.close()


def test_script_in_a_field_of_the_portal_stays_text(browser: Any, world: World) -> None:
    with world.project.warehouse.transaction() as tx:
        tx.execute(
            "UPDATE hubspot.contacts SET lastname = ? WHERE id = (SELECT min(id) FROM hubspot.contacts)", (EVIL,)
        )
    with open_page(browser, world) as page:
        page.goto(f"{world.visitor.origin}/streams/contacts?tab=rows&column=lastname")
        page.get_by_text(EVIL).first.wait_for()
        page.locator("table.cells a").first.click()
        page.locator("#row dl").wait_for()
        assert EVIL in page.locator("#row").inner_text()
        assert page.evaluate("window.hacked") is None


def test_the_policy_of_the_page_stops_a_script_that_got_in(browser: Any, world: World) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(world.server.address)
    page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 1'; document.body.append(s); }"
    )
    page.evaluate(
        "() => { const i = document.createElement('img'); i.setAttribute('onerror', 'window.hacked = 1'); i.src = '/nothing'; document.body.append(i); }"
    )

    assert page.evaluate("window.hacked") is None
    context.close()


PAGES = (
    "/",
    "/check",
    "/streams",
    "/streams/contacts",
    "/streams/contacts?tab=columns&search=address",
    "/streams/owners?tab=rows",
    "/streams/contacts?tab=unparsed",
    "/streams/contacts/settings",
    "/syncs",
    "/syncs/contacts",
    "/syncs/contacts/edit",
    "/syncs/new",
    "/plans/{plan}",
    "/plans/{undo}",
    "/live/{verify}",
    "/verified/{verify}",
    "/runs",
    "/runs/{apply}",
    "/runs/{pull}",
    "/rejected",
    "/records",
    "/records?object=contacts&id=107",
    "/nonsense",
)


@pytest.mark.heavy
def test_axe_finds_nothing_serious_on_any_page_light_and_dark(browser: Any, world: World) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed: make setup").Axe()
    places = {"plan": world.plan_id, "apply": world.latest("apply"), "pull": world.latest("pull")}
    places["undo"] = world.project.undo(places["apply"]).id
    places["verify"] = world.visitor.post("/syncs/contacts/verify").headers["Location"].rpartition("/")[2]
    world.server.site.runs.find(places["verify"]).wait(60)  # type: ignore[union-attr]
    world.project.hold("contacts", reason="to see how that looks")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(20_000)
    page, found = context.new_page(), []
    page.goto(world.server.address)
    for path in PAGES:
        page.goto(f"{world.visitor.origin}{path.format(**places)}", wait_until="networkidle")
        for scheme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
            page.emulate_media(color_scheme=scheme)
            answer = axe.run(page, options={"resultTypes": ["violations"], **rules}).response
            for violation in (each for each in answer["violations"] if each["impact"] in SERIOUS):
                nodes = [node["html"][:200] for node in violation["nodes"][:3]]
                found.append(f"{path} {scheme}: {violation['id']}: {nodes}")
    context.close()
    world.project.resume("contacts")

    assert found == []


def test_every_page_is_reached_by_the_keyboard(page: Any) -> None:
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "() => [document.activeElement.textContent.trim(), getComputedStyle(document.activeElement).outlineStyle]"
            )
        )

    assert reached[0][0] == "Skip to the content"
    assert {"Overview", "Streams", "Syncs", "Runs", "Rejected", "Check"} <= {name for name, _ in reached}
    assert all(outline != "none" for _, outline in reached)


def test_a_first_visit_asks_nobody_but_this_machine(browser: Any, world: World) -> None:
    context = browser.new_context()
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(urlparse(request.url).hostname))
    page.goto(world.server.address, wait_until="networkidle")

    assert set(asked) == {"127.0.0.1"}
    context.close()

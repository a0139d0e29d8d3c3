"""Each page over HTTP: what it shows, the command that does the same, and what it weighs."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from web_world import EVIL, World, addresses_in, running_world

from hubferry.cli.demo import source
from hubferry.errors import InterruptedRunError
from truth import call_control

STATIC = Path(__file__).parents[3] / "src" / "hubferry" / "web" / "static"
FIRST_PAINT = 150_000
PAGES = {
    "/": ("Equal to HubSpot as of", "hubferry status"),
    "/check": ("Asking HubSpot", "hubferry check"),
    "/streams": ("Pull what is picked", "hubferry streams"),
    "/streams/contacts": ("Live records", "hubferry pull --select contacts"),
    "/streams/contacts?tab=columns": ("Label in HubSpot", "hubferry pull --select contacts"),
    "/streams/contacts?tab=rows": ("@", "hubferry pull --select contacts"),
    "/streams/contacts?tab=unparsed": ("Every value fits", "hubferry pull --select contacts"),
    "/streams/tickets": ("Never pulled", "hubferry pull --select tickets"),
    "/syncs": ("analytics.contacts", "hubferry push"),
    "/syncs/contacts": ("match: email", "hubferry plan contacts"),
    "/runs": ("Started (UTC)", "hubferry runs"),
    "/records": ("s record id", ""),
    "/rejected": ("of type string", "hubferry rejected contacts"),
}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_what_it_is_for_and_the_command_that_does_the_same(world: World, path: str) -> None:
    says, command = PAGES[path]

    answer = world.visitor.get(path)

    assert answer.status == 200
    assert says in answer.text
    assert not command or f"{command} --project {world.folder}" in answer.text


def all_addresses(world: World) -> set[str]:
    """Follow every link of ours from the overview."""
    seen: set[str] = set()
    waiting = ["/", f"/plans/{world.plan_id}", f"/runs/{world.latest('apply')}", f"/runs/{world.latest('pull')}"]
    while waiting and len(seen) < 150:
        path = waiting.pop()
        if path in seen or path.startswith("/static"):
            continue
        seen.add(path)
        answer = world.visitor.get(path)
        if answer.status == 405:
            continue
        assert answer.status == 200, f"{path}: {answer.text[:400]}"
        waiting += [
            each for each in addresses_in(answer.text) if "/rows/" not in each or not any("/rows/" in s for s in seen)
        ]
    return seen


def test_no_link_leads_nowhere(world: World) -> None:
    assert len(all_addresses(world)) > 25


@pytest.mark.parametrize("path", PAGES)
def test_the_first_paint_is_light_and_needs_no_inline_script_or_style(world: World, path: str) -> None:
    html = world.visitor.get(path).text
    files = re.findall(r'(?:src|href)="/static/([^"]+)"', html)

    assert len(html) + sum((STATIC / name).stat().st_size for name in set(files)) < FIRST_PAINT
    assert not re.search(r"<script(?! src)|<style|<[^>]*\s(style|on[a-z]+)=|(src|href|action)=\"(?!/|\?|#|\")", html)


def test_files_are_sent_compressed_and_pages_are_not(world: World) -> None:
    """A page holds the form's token and what a stranger wrote: compressed together, the length would tell of the token."""
    script = world.visitor.get("/static/htmx-2.0.11.min.js", Accept_Encoding="gzip")
    page = world.visitor.get("/streams", Accept_Encoding="gzip")

    assert script.headers["Content-Encoding"] == "gzip"
    assert int(script.headers["Content-Length"]) < 20_000
    assert "Content-Encoding" not in page.headers


def test_check_names_what_it_found(world: World) -> None:
    text = world.visitor.get("/check/results").text

    assert "portal 62515" in text
    assert "stream contacts" in text
    assert "sync contacts" in text


def test_the_quota_is_told(world: World) -> None:
    assert "left of" in world.visitor.get("/overview/quota").text


def test_a_run_shows_results_by_state_and_each_refusal_with_a_fix(world: World) -> None:
    run = world.latest("apply")

    applied = world.visitor.get(f"/runs/{run}?tab=applied").text
    plan = world.visitor.get(f"/plans/{world.plan_id}?kind=invalid").text

    assert "becomes" in applied
    assert "ABDUCTED" in plan or "option" in plan


def test_a_record_shows_its_row_its_links_what_was_written_and_who_wrote_it(world: World) -> None:
    ledger = world.project.query("SELECT record_id FROM hubferry.ledger WHERE row_key = 'C-0000002'")
    found = f"object=contacts&id={ledger['record_id'][0].as_py()}"

    page = world.visitor.get(f"/records?{found}").text
    versions = world.visitor.get(f"/records/versions?{found}&property=jobtitle").text

    assert "C-0000002" in page
    assert "Chief of everything" in page
    assert "/records?object=companies" in page
    assert "Chief of everything" in versions
    assert "Not known here" in world.visitor.get("/records?object=contacts&id=999999").text


def test_custom_objects_and_activities_have_pages_like_any_other(tmp_path: Path) -> None:
    with running_world(tmp_path, contacts=20, activity=True, pulled=False) as world:
        path = tmp_path / "hubferry.yml"
        before = path.read_text(encoding="utf-8")
        chosen = "  streams:\n    custom_*: {associations: []}\n    engagements_notes: {associations: []}\n"
        path.write_text(re.sub(r"  streams:\n(    .*\n)+", chosen, before), encoding="utf-8")
        world.server.site.project().pull()
        visitor, project = world.visitor, world.server.site.project()
        ids = {
            name: str(project.query(f"SELECT min(id) AS id FROM hubspot.{name}")["id"][0].as_py())
            for name in ("custom_cars", "engagements_notes")
        }
        for name, key in ids.items():
            assert f'href="/streams/{name}"' in visitor.get("/streams").text
            assert key in visitor.get(f"/streams/{name}?tab=rows").text
            assert key in visitor.get(f"/streams/{name}/rows/{key}").text
        car = visitor.get(f"/records?object=custom_cars&id={ids['custom_cars']}").text
        note = visitor.get(f"/records?object=notes&id={ids['engagements_notes']}").text
        assert "Not known here" not in car
        assert "Not known here" not in note


def test_a_plan_is_filtered_by_kind_and_row(world: World) -> None:
    everything = world.visitor.get(f"/plans/{world.plan_id}").text
    creates = world.visitor.get(f"/plans/{world.plan_id}?kind=create").text
    one = world.visitor.get(f"/plans/{world.plan_id}?search=D-0000001").text

    assert "D-0000001" in everything
    assert ("D-0000002" in creates, "Ferry captain" in creates) == (True, False)
    assert ("D-0000001" in one, "D-0000002" in one.partition('id="steps"')[2].partition("⇄")[0]) == (True, False)


def test_rows_are_paged_by_key_without_gap_or_repeat(world: World) -> None:
    path, keys = "/streams/contacts?tab=rows&column=email", []
    for _ in range(10):
        html = world.visitor.get(path).text
        keys += re.findall(r'href="/streams/contacts/rows/(\d+)"', html)
        following = re.search(r'rel="next" href="([^"]+)"', html)
        if not following:
            break
        path = "/streams/contacts" + following[1].replace("&amp;", "&")
    expected = world.project.query("SELECT id FROM hubspot.contacts ORDER BY id")["id"].to_pylist()

    assert keys == expected


def test_columns_are_found_by_label_and_show_how_full_they_are(world: World) -> None:
    html = world.visitor.get("/streams/contacts/fill?search=job%20title").text

    assert "jobtitle" in html
    assert "firstname" not in html
    assert " %" in html


def test_a_broken_file_is_told_with_its_line_and_mended_without_a_restart(tmp_path: Path) -> None:
    with running_world(tmp_path, pulled=False) as world:
        file = tmp_path / "syncs" / "contacts.yml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("object: contacts", "objekt: contacts"), encoding="utf-8")
        broken = world.visitor.get("/")
        file.write_text(text, encoding="utf-8")

        assert (broken.status, "syncs/contacts.yml:4" in broken.text) == (400, True)
        assert world.visitor.get("/").status == 200


def test_an_empty_project_says_what_to_do_first(tmp_path: Path) -> None:
    with running_world(tmp_path, pulled=False) as world:
        overview = world.visitor.get("/").text

        assert "Pull for the first time" in overview
        assert "Nothing has run yet" in world.visitor.get("/runs").text
        assert "There is no table yet" in world.visitor.get("/streams/contacts?tab=rows").text


def test_pull_plan_and_apply_run_from_the_page(tmp_path: Path) -> None:
    with running_world(tmp_path, contacts=20, pulled=False, wide=False) as world:
        visitor = world.visitor
        pulled = visitor.follow(visitor.post("/pull", [("stream", "contacts"), ("stream", "companies")]))
        source.write_source(tmp_path / "warehouse.duckdb", "hubspot")
        plan = visitor.follow(visitor.post("/plans", [("sync", "contacts")]))
        plan_id = next(each.id for each in world.project.plans.latest())
        applied = visitor.follow(visitor.post(f"/plans/{plan_id}/apply", [("approved", "yes")]))

        assert "contacts" in pulled.text
        assert "Apply to HubSpot" in plan.text
        assert "Applied" in applied.text
        assert world.project.plans.outcomes(plan_id).counts["applied"] > 0


def test_rows_steps_and_what_could_not_be_done_are_files_too(world: World, evil_contact: str) -> None:
    rows = list(csv.DictReader(io.StringIO(world.visitor.get("/streams/contacts/rows.csv?column=lastname").text)))
    steps = world.visitor.get(f"/plans/{world.plan_id}/steps.csv?kind=create")
    refused = list(csv.DictReader(io.StringIO(world.visitor.get("/rejected.csv?sync=contacts").text)))

    assert {"id": evil_contact, "lastname": EVIL} in rows
    assert len(rows) == world.project.query("SELECT count(*) AS n FROM hubspot.contacts")["n"][0].as_py()
    assert steps.headers["Content-Disposition"] == f"attachment; filename*=UTF-8''{world.plan_id}.csv"
    assert "D-0000001,contacts,,email,,,ada@example.com" in steps.text
    assert {each["row"] for each in refused} == {each.row_key for each in world.project.rejected("contacts")}
    assert world.visitor.get("/rejected.csv?sync=nobody").status == 404


def test_a_field_that_a_spreadsheet_would_carry_out_is_text_in_a_file(world: World, evil_contact: str) -> None:
    with world.project.warehouse.transaction() as tx:  # put back by the fixture
        tx.execute("UPDATE hubspot.contacts SET lastname = '=HYPERLINK(1)' WHERE id = ?", (evil_contact,))
    file = world.visitor.get("/streams/contacts/rows.csv?column=lastname").text

    assert f"{evil_contact},'=HYPERLINK(1)" in file


def test_the_cost_of_a_pull_is_told_before_the_first_one(tmp_path: Path) -> None:
    with running_world(tmp_path, contacts=20, pulled=False) as world:
        page = world.visitor.get("/streams").text
        cost = world.visitor.get("/streams/cost?stream=contacts", HX_Request="true")

        assert 'hx-get="/streams/cost" hx-trigger="load"' in page
        assert (cost.status, "hubferry pull --select contacts --dry-run" in cost.text) == (200, True)
        assert re.search(r"<h3>\d+ calls, at least", cost.text)
        assert re.search(r"\d\d records<", cost.text)
        assert world.visitor.get("/runs").text.count("<tr>") <= 1  # nothing ran


def test_what_could_not_be_done_is_planned_again_and_one_row_alone(tmp_path: Path) -> None:
    with running_world(tmp_path, contacts=20, wide=False) as world:
        visitor, project = world.visitor, world.project
        again = visitor.follow(visitor.post("/syncs/contacts/retry"))
        retried = project.plans.latest(1)[0].plan.counts["contacts"]
        one = visitor.follow(visitor.post("/plans", [("sync", "contacts"), ("row", "D-0000002")]))
        plan = project.plans.latest(1)[0].plan
        listed = {each.row_key for each in project.rejected("contacts")}
        visitor.follow(visitor.post(f"/plans/{plan.id}/apply", [("approved", "yes")]))
        run = visitor.get(f"/runs/{world.latest('apply')}").text

        assert "D-0000003" in again.text
        assert (retried.invalid, retried.creates) == (len(listed), 0)
        assert "of row D-0000002 alone" in one.text
        assert plan.only == {"contacts": ("D-0000002",)}
        assert "What HubSpot made of row D-0000002" in run
        assert {each.row_key for each in project.rejected("contacts")} == listed


def test_a_sync_is_verified_held_and_resumed_from_its_page(tmp_path: Path) -> None:
    with running_world(tmp_path, contacts=20, wide=False) as world:
        visitor = world.visitor
        verified = visitor.follow(visitor.post("/syncs/contacts/verify"))
        held = visitor.post("/syncs/contacts/hold")
        on_hold = visitor.get("/syncs/contacts").text
        visitor.post("/syncs/contacts/resume")

        assert "HubSpot holds what was written" in verified.text
        assert (held.status, "put on hold from the page" in on_hold) == (303, True)
        assert "put on hold" not in visitor.get("/syncs/contacts").text


def test_undo_makes_a_plan_and_writes_nothing_before_it_is_applied(tmp_path: Path) -> None:
    with running_world(tmp_path, contacts=20, wide=False) as world:
        before = call_control(world.portal.control_url, "GET", "/events")
        plan = world.visitor.follow(world.visitor.post(f"/runs/{world.latest('apply')}/undo"))

        assert "Apply to HubSpot" in plan.text
        undone = world.project.plans.count_kinds(next(each.id for each in world.project.plans.latest()))
        assert undone["contacts", "archive"] == 2
        assert call_control(world.portal.control_url, "GET", "/events") == before


def test_when_something_runs_next_is_told_from_its_schedule(tmp_path: Path) -> None:
    with running_world(tmp_path, contacts=20, pulled=False) as world:
        file = tmp_path / "hubferry.yml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("  streams:\n", "  schedule: 0 6 * * *\n  streams:\n", 1), encoding="utf-8")

        overview = world.visitor.get("/").text

        assert re.search(r'title="0 6 \* \* \*">\d{4}-\d\d-\d\d 06:00:00<', overview)
        assert "by hand" in overview


def test_stop_ends_a_run_that_waits(tmp_path: Path) -> None:
    """Without asking in between, it would wait for as long as HubSpot says."""
    with running_world(tmp_path, contacts=5, pulled=False) as world:
        rule = {"match": {"path": "*"}, "phase": "before", "do": {"kind": "limit", "retry_after": "500"}}
        call_control(world.portal.control_url, "POST", "/faults", [rule])
        address = world.visitor.post("/pull", [("stream", "contacts")]).headers["Location"]
        run = world.server.site.runs.find(address.rpartition("/")[2])
        world.visitor.post(f"{address}/stop")

        assert run is not None
        assert run.wait(60)
        assert isinstance(run.error, InterruptedRunError)
        assert "stopped from the page" in world.visitor.get(address).text


def test_a_plan_that_was_not_approved_is_not_applied(world: World) -> None:
    answer = world.visitor.post(f"/plans/{world.plan_id}/apply")

    assert answer.status == 400
    assert not world.server.site.runs.running


def test_progress_comes_as_events_until_the_run_is_over(tmp_path: Path) -> None:
    with running_world(tmp_path, contacts=20, pulled=False, wide=False) as world:
        address = world.visitor.post("/pull", [("stream", "contacts")]).headers["Location"]

        events = world.visitor.get(f"{address}/events")

        assert events.headers["Content-Type"].startswith("text/event-stream")
        assert "event: progress" in events.text
        assert events.text.rstrip().splitlines()[-2:][0] == "event: over"
        assert "calls/s" in events.text
        run = world.server.site.runs.find(address.rpartition("/")[2])
        assert run is not None
        assert run.samples[-1].calls.total - run.samples[0].calls.total >= world.project.runs(1)[0].counts["calls"] > 0

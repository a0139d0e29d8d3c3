"""The sync editor and the settings of streams: drafts come and go, and only what was shown is saved, to the file alone."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from web_world import World, running_world

from hubferry.cli.demo import source
from hubferry.hubspot.client import Client
from hubferry.project.texts import fingerprint


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A project of its own: its files are changed here."""
    with running_world(tmp_path_factory.mktemp("editor"), contacts=40, pulled=False) as made:
        made.project.pull(select=["contacts", "companies"])
        source.write_source(made.folder / "warehouse.duckdb", "hubspot")
        yield made


@pytest.fixture(autouse=True)
def same_files(world: World) -> Iterator[None]:
    before = {path: path.read_bytes() for path in world.folder.rglob("*.yml")}
    yield
    for path in world.folder.rglob("*.yml"):
        if path not in before:
            path.unlink()
    for path, text in before.items():
        path.write_bytes(text)


class EditorForm(HTMLParser):
    """What a browser would send of the editor's form."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.inside = False
        self.select: str | None = None
        self.options: list[tuple[str | None, bool, str]] = []
        self.area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        got = dict(attrs)
        self.inside |= tag == "form" and got.get("id") == "editor"
        if not self.inside:
            return
        if tag == "input" and got.get("name", "csrf") != "csrf" and (got.get("type") != "checkbox" or "checked" in got):
            self.sent.append((str(got["name"]), got.get("value") or ""))
        elif tag == "select":
            self.select, self.options = got.get("name"), []
        elif tag == "option":
            self.options.append((got.get("value"), "selected" in got, ""))
        elif tag == "textarea":
            self.area = ""
            self.sent.append((str(got["name"]), ""))

    def handle_data(self, data: str) -> None:
        if self.select and self.options:
            value, chosen, text = self.options[-1]
            self.options[-1] = (value, chosen, text + data)
        if self.area is not None:
            self.sent[-1] = (self.sent[-1][0], self.sent[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "textarea":
            self.area = None
        elif tag == "select" and self.select:
            value, _, text = next((each for each in self.options if each[1]), (self.options or [("", False, "")])[0])
            self.sent.append((self.select, text if value is None else value))
            self.select = None


def fields_of(text: str) -> list[tuple[str, str]]:
    form = EditorForm()
    form.feed(text)
    return form.sent


def with_values(sent: list[tuple[str, str]], **values: str) -> list[tuple[str, str]]:
    return [(name, values.get(name.replace("-", "_"), value)) for name, value in sent]


def test_saving_what_was_not_touched_changes_nothing(world: World) -> None:
    sent = fields_of(world.visitor.get("/syncs/contacts/edit").text)

    assert "says this already" in world.visitor.post("/editor/review", sent).text


def test_a_change_is_shown_as_a_diff_and_saved_with_everything_else_as_it_was(world: World) -> None:
    file = world.folder / "syncs" / "contacts.yml"
    before = "# ours, with a reason\n" + source.SYNC.replace(
        "  firstname: first_name", "  firstname: first_name  # as on the card"
    )
    file.write_text(before, encoding="utf-8")
    sent = with_values(fields_of(world.visitor.get("/syncs/contacts/edit").text), f3_on_null="clear")

    review = world.visitor.post("/editor/review", sent).text
    assert file.read_text(encoding="utf-8") == before
    text = html.unescape(re.search(r'<textarea hidden name="text">\n(.*?)</textarea>', review, re.DOTALL)[1])  # type: ignore[index]
    seen = re.search(r'name="seen" value="([^"]+)"', review)[1]  # type: ignore[index]
    saved = world.visitor.post("/syncs/contacts/save", [("text", text.replace("\n", "\r\n")), ("seen", seen)])

    assert saved.status == 303
    after = file.read_text(encoding="utf-8")
    assert "lastname: {column: last_name, on_null: clear}" in after
    assert [line for line in before.splitlines() if line not in after.splitlines()] == ["  lastname: last_name"]
    assert world.project.files.syncs["contacts"].block.fields["lastname"].on_null == "clear"  # type: ignore[union-attr]


def test_a_file_that_was_changed_meanwhile_is_not_overwritten(world: World) -> None:
    file = world.folder / "syncs" / "contacts.yml"
    review = world.visitor.post(
        "/editor/review", with_values(fields_of(world.visitor.get("/syncs/contacts/edit").text), where="true")
    ).text
    seen = re.search(r'name="seen" value="([^"]+)"', review)[1]  # type: ignore[index]
    file.write_text(source.SYNC + "# by somebody else\n", encoding="utf-8")

    answer = world.visitor.post("/syncs/contacts/save", [("text", source.SYNC), ("seen", seen)])

    assert (answer.status, "changed meanwhile" in answer.text) == (400, True)
    assert file.read_text(encoding="utf-8").endswith("# by somebody else\n")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"guard_max_changed_share": "7"}, "max_changed_share"),
        ({"key": ""}, "the key of a row is not chosen yet"),
        ({"f0_value": ""}, "the source of email is not chosen yet"),
        ({"name": "../evil"}, "named by letters"),
        ({"name": ""}, "named by letters"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_it_is_saved(world: World, values: dict[str, str], says: str) -> None:
    sent = with_values(fields_of(world.visitor.get("/syncs/contacts/edit").text), **values)

    answer = world.visitor.post("/editor/review", sent)

    assert (answer.status, says in answer.text) == (400, True)


def test_a_save_never_leaves_the_folder_of_syncs(world: World) -> None:
    for name in ("..%2Fevil", ".hidden", "a%2Fb"):
        answer = world.visitor.post(f"/syncs/{name}/save", [("text", source.SYNC), ("seen", "")])
        assert answer.status in {400, 404}
    assert not list(world.folder.rglob("*evil*"))


def test_suggestions_go_by_name_and_type_and_take_no_property_twice(world: World) -> None:
    start = [
        ("is_new", "yes"),
        ("name", "people"),
        ("from", "source"),
        ("source", "analytics.contacts"),
        ("object", "contacts"),
    ]

    page = world.visitor.post("/editor", [*start, ("fields", "0"), ("links", "0"), ("action", "suggest")]).text

    mapped = dict(re.findall(r'name="f(\d+)-property" list="properties" value="([^"]+)"', page))
    columns = [value for name, value in fields_of(page) if re.fullmatch(r"f\d+-value", name)]
    assert dict(zip(columns, mapped.values(), strict=True)) == {
        "contact_number": "contact_number",
        "email": "email",
        "first_name": "firstname",
        "last_name": "lastname",
        "job_title": "jobtitle",
        "lead_status": "hs_lead_status",
    }


def test_values_that_hubspot_would_refuse_are_told_while_mapping(world: World) -> None:
    page = html.unescape(world.visitor.get("/syncs/contacts/edit").text)

    assert "not an e-mail address" in page
    assert "not an option of it" in page


def test_associations_are_offered_by_record_id_and_by_every_alternate_id(world: World) -> None:
    page = world.visitor.get("/syncs/contacts/edit").text

    for words in (
        "Company Association by Record ID(s)",
        "Company Association by Alternate ID(s): domain",
        "Contact Association by Alternate ID(s): contact_number",
        "Contact Association by Alternate ID(s): email",
        "Cleanup Default Associations after Labelled Association removal",
    ):
        assert words in page


def test_the_request_that_is_shown_is_the_request_that_is_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = fields_of(world.visitor.get("/syncs/contacts/edit").text)
    shown = html.unescape(world.visitor.post("/editor/try", with_values(sent, try_key="D-0000001")).text)
    body = json.loads(re.search(r"batch/upsert</h3><pre[^>]*>(.*?)</pre>", shown, re.DOTALL)[1])  # type: ignore[index]
    received: list[dict[str, Any]] = []
    send = Client.send

    def listening(self: Client, method: str, path: str, **options: Any) -> Any:
        received.extend(options["body"]["inputs"] if path.endswith("contacts/batch/upsert") else ())
        return send(self, method, path, **options)

    monkeypatch.setattr(Client, "send", listening)
    world.project.apply(world.project.plan(["contacts"]).id)

    ours = next(each for each in received if each["id"] == "ada@example.com")
    assert {**body["inputs"][0], "objectWriteTraceId": ""} == {**ours, "objectWriteTraceId": ""}


def test_a_property_that_hubspot_lacks_can_be_made_by_the_plan(world: World) -> None:
    sent = fields_of(world.visitor.get("/syncs/contacts/edit").text)
    place = next(name for name, value in sent if value == "jobtitle" and name.endswith("-property")).removesuffix(
        "-property"
    )
    unknown = with_values(sent, **{f"{place}_property": "loyalty_level"})
    offered = html.unescape(world.visitor.post("/editor", unknown).text)
    made = with_values([*unknown, (f"{place}-create", "")], **{f"{place}_create": "number"})
    chosen = html.unescape(world.visitor.post("/editor", made).text)
    diff = html.unescape(world.visitor.post("/editor/review", made).text)

    assert "HubSpot has no such property" in offered
    assert '<option value="number">a number</option>' in offered
    assert "the plan makes it" in chosen
    assert re.search(r"\+.*loyalty_level: \{.*create: number", diff)


def test_only_what_is_saved_can_be_sent_as_one_row(world: World) -> None:
    sent = fields_of(world.visitor.get("/syncs/contacts/edit").text)
    saved = world.visitor.post("/editor/try", with_values(sent, try_key="D-0000001")).text
    changed = world.visitor.post("/editor/try", with_values(sent, try_key="D-0000001", where="1 = 1")).text

    assert "Save the sync first" not in saved
    assert "Save the sync first" in changed
    assert "Plan this one row" not in changed


def test_a_stream_is_added_set_and_taken_out_with_the_rest_of_the_file_as_it_was(world: World) -> None:
    before = (world.folder / "hubferry.yml").read_text(encoding="utf-8")

    def save(*fields: tuple[str, str], stream: str) -> str:
        review = world.visitor.post(f"/streams/{stream}/review", fields).text
        text = html.unescape(re.search(r'<textarea hidden name="text">\n(.*?)</textarea>', review, re.DOTALL)[1])  # type: ignore[index]
        seen = re.search(r'name="seen" value="([^"]+)"', review)[1]  # type: ignore[index]
        assert world.visitor.post("/settings/save", [("text", text), ("seen", seen)]).status == 303
        return (world.folder / "hubferry.yml").read_text(encoding="utf-8")

    added = save(
        ("strategy", "full_refresh"),
        ("association", "contacts"),
        ("properties", "these"),
        ("property", "subject"),
        stream="tickets",
    )
    removed = save(("action", "remove"), stream="tickets")

    assert "    tickets: {strategy: full_refresh, associations: [contacts], properties: [subject]}\n" in added
    assert removed == before


def test_settings_that_cannot_be_meant_are_not_saved(world: World) -> None:
    file: Path = world.folder / "hubferry.yml"
    before = file.read_text(encoding="utf-8")
    answer = world.visitor.post(
        "/settings/save",
        [("text", before.replace("schema: hubspot", "schema: hubferry")), ("seen", fingerprint(before))],
    )

    assert answer.status == 400
    assert file.read_text(encoding="utf-8") == before


def test_a_token_in_the_text_is_refused(world: World) -> None:
    file = world.folder / "hubferry.yml"
    before = file.read_text(encoding="utf-8")
    text = before.replace("${EMULATOR_TOKEN}", "pat-na1-00000000-1111")

    assert world.visitor.post("/settings/save", [("text", text), ("seen", fingerprint(before))]).status == 400
    assert file.read_text(encoding="utf-8") == before

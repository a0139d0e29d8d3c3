"""Forms by type and state, and what was sent through them, the latest first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from hubspot_emulator import form_submissions
from hubspot_emulator.form_submissions import Submission
from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator

RECORDED = Path(__file__).parents[3] / "shared/hubspot/recorded"
FORMS = "/marketing/v3/forms"
SUBMISSIONS = "/form-integrations/v1/submissions/forms"
Call = Callable[..., Any]


def truth(control: Call, **wanted: Any) -> list[dict[str, Any]]:
    found = control("GET", "/truth/forms").lines()
    return [each for each in found if all(each[name] == value for name, value in wanted.items())]


def ids(page: dict[str, Any]) -> list[str]:
    return [each["id"] for each in page["results"]]


def scan(call: Call, path: str, limit: int) -> list[dict[str, Any]]:
    found, after = [], ""
    while True:
        page = call("GET", f"{path}?limit={limit}{after}").json()
        found += page["results"]
        if "paging" not in page:
            return found
        assert len(page["results"]) == limit
        after = f"&after={page['paging']['next']['after']}"


@pytest.fixture
def busy_form(emulator: Emulator, control: Call) -> str:
    """A form with seven more submissions, three of them in one millisecond."""
    form_id: str = truth(control, formType="captured", state="live")[0]["id"]
    now = emulator.portal.now_ms()
    made = [
        Submission(form_id, now + max(0, number - 2), f"id-{number}", [("email", f"{number}@example.com")], "https://x")
        for number in range(7)
    ]
    with emulator.portal.lock:
        form_submissions.load(emulator.portal, made)
        emulator.portal.commit()
    return form_id


def test_without_a_type_only_hubspot_forms_are_listed(call: Call, control: Call) -> None:
    assert ids(call("GET", FORMS).json()) == [each["id"] for each in truth(control, formType="hubspot", state="live")]


def test_types_are_asked_for_one_by_one_or_all(call: Call, control: Call) -> None:
    live = truth(control, state="live")
    two = [each["id"] for each in live if each["formType"] in {"captured", "flow"}]

    assert ids(call("GET", f"{FORMS}?formTypes=captured&formTypes=flow").json()) == two
    assert ids(call("GET", f"{FORMS}?formTypes=all").json()) == [each["id"] for each in live]
    assert {each["formType"] for each in live} == {"hubspot", "captured", "flow", "blog_comment"}


def test_archived_forms_are_a_list_of_their_own(call: Call, control: Call) -> None:
    gone = truth(control, state="archived")

    listed = call("GET", f"{FORMS}?archived=true").json()["results"]

    assert listed == [{name: each[name] for name in each if name != "state"} for each in gone]
    assert listed[0]["archivedAt"]
    assert call("GET", f"{FORMS}/{gone[0]['id']}").status == 404
    assert call("GET", f"{FORMS}/{gone[0]['id']}?archived=true").json() == listed[0]


@pytest.mark.parametrize("again", [False, True])
def test_a_paging_token_may_be_sent_as_it_is_or_encoded_again(call: Call, control: Call, again: bool) -> None:
    first = call("GET", f"{FORMS}?limit=1").json()
    after = first["paging"]["next"]["after"]

    second = call("GET", f"{FORMS}?limit=1&after={quote(after) if again else after}").json()

    assert [*ids(first), *ids(second)] == [each["id"] for each in truth(control, formType="hubspot", state="live")][:2]


def test_the_link_of_a_page_leads_to_the_next(emulator: Emulator, call: Call, control: Call) -> None:
    link = call("GET", "/marketing/forms/2026-09-beta?limit=2").json()["paging"]["next"]["link"]

    assert link == f"{emulator.base_url}/marketing/forms/2026-09-beta?limit=2&after=Mg%3D%3D"
    following = call("GET", link.removeprefix(emulator.base_url)).json()
    assert ids(following)[0] == truth(control, formType="hubspot", state="live")[2]["id"]


def test_changing_a_form_moves_updated_at_and_archiving_hides_it(emulator: Emulator, call: Call, control: Call) -> None:
    form = truth(control, state="live")[0]
    emulator.clock.advance(5)

    changed = call("PATCH", f"{FORMS}/{form['id']}", json={"name": "Renamed"}).json()

    assert (changed["name"], changed["createdAt"]) == ("Renamed", form["createdAt"])
    assert changed["updatedAt"] > form["updatedAt"]
    assert call("DELETE", f"{FORMS}/{form['id']}").status == 204
    assert call("GET", f"{FORMS}/{form['id']}").status == 404
    assert form["id"] in ids(call("GET", f"{FORMS}?archived=true").json())


def test_the_v2_list_is_a_bare_array_with_dates_in_milliseconds(call: Call, control: Call) -> None:
    live = truth(control, state="live")

    everything = call("GET", "/forms/v2/forms?formTypes=ALL").json()

    assert [each["guid"] for each in everything] == [each["id"] for each in live]
    assert all(isinstance(each["updatedAt"], int) for each in everything)
    assert {each["formType"] for each in call("GET", "/forms/v2/forms").json()} == {"HUBSPOT"}
    assert call("GET", f"/forms/v2/forms/{live[0]['id']}").json() == everything[0]


@pytest.mark.parametrize("query", ["formTypes=pop_up", "limit=0", "after=%25", "archived=maybe", "colour=red"])
def test_a_parameter_that_makes_no_sense_is_named(call: Call, query: str) -> None:
    answer = call("GET", f"{FORMS}?{query}")

    assert answer.status == 400
    assert query.split("=", maxsplit=1)[0] in answer.json()["message"]


def test_submissions_come_latest_first_and_each_once(call: Call, busy_form: str) -> None:
    found = scan(call, f"{SUBMISSIONS}/{busy_form}", 2)

    moments = [each["submittedAt"] for each in found]
    assert moments == sorted(moments, reverse=True)
    conversions = [each["conversionId"] for each in found]
    assert len(set(conversions)) == len(conversions)
    assert set(conversions) >= {f"id-{number}" for number in range(7)}
    assert found[0]["values"] == [{"name": "email", "value": "6@example.com", "objectTypeId": "0-1"}]


def test_all_forms_together_have_all_submissions(call: Call, control: Call) -> None:
    listed = [
        {"formId": form["id"], **each, "state": "live"}
        for form in truth(control, state="live")
        if form["formType"] != "blog_comment"
        for each in scan(call, f"{SUBMISSIONS}/{form['id']}", 50)
    ]

    everything = control("GET", "/truth/form_submissions").lines()
    assert sorted(listed, key=str) == sorted((each for each in everything if each["state"] == "live"), key=str)
    assert len(listed) > 20


def test_a_page_of_submissions_is_20_unless_told_and_50_at_most(emulator: Emulator, call: Call, busy_form: str) -> None:
    more = [Submission(busy_form, 1000 + number, f"old-{number}", [], "https://x") for number in range(60)]
    with emulator.portal.lock:
        form_submissions.load(emulator.portal, more)
        emulator.portal.commit()

    assert len(call("GET", f"{SUBMISSIONS}/{busy_form}").json()["results"]) == 20
    assert len(call("GET", f"{SUBMISSIONS}/{busy_form}?limit=50").json()["results"]) == 50
    assert call("GET", f"{SUBMISSIONS}/{busy_form}?limit=51").status == 400


def test_blog_comments_cannot_be_read_and_archived_forms_have_no_submissions(call: Call, control: Call) -> None:
    (blog,) = truth(control, formType="blog_comment")
    (gone,) = truth(control, state="archived")

    refused = call("GET", f"{SUBMISSIONS}/{blog['id']}")

    assert (refused.status, refused.json()["errors"][0]["errorType"]) == (400, "FORM_TYPE_NOT_ALLOWED")
    assert call("GET", f"{SUBMISSIONS}/{gone['id']}").status == 404
    assert call("GET", f"{SUBMISSIONS}/nonsense").status == 404


@pytest.mark.parametrize("path", [FORMS, f"{SUBMISSIONS}/x", "/forms/v2/forms"])
def test_forms_need_their_scope(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call], path: str
) -> None:
    emulator = portal_factory(contacts=0, tokens={"pat-narrow": frozenset({"content"})})

    answer = caller_of(emulator)("GET", path, token="pat-narrow")

    assert answer.status == 403
    assert answer.json()["errors"][0]["context"] == {"requiredGranularScopes": ["forms"]}


@pytest.mark.parametrize("size", [1, 3])
def test_how_many_forms_a_page_has_is_a_knob(
    portal_factory: Callable[..., Emulator], caller_of: Callable[[Emulator], Call], size: int
) -> None:
    emulator = portal_factory(contacts=0, knobs=Knobs(form_page=size))

    assert len(caller_of(emulator)("GET", FORMS).json()["results"]) == size


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded answers are not beside this checkout")
class TestRecorded:
    """Answers have the shape of recorded ones."""

    def test_a_page_of_forms(self, call: Call) -> None:
        recorded = json.loads((RECORDED / "forms/list_2026_09_beta__amp_labs.json").read_text())

        page = call("GET", "/marketing/forms/2026-09-beta?limit=1").json()

        wanted, found = recorded["results"][0], page["results"][0]
        assert list(found) == list(wanted)
        for part in ("configuration", "displayOptions", "legalConsentOptions"):
            assert set(found[part]) == set(wanted[part])
        assert page["paging"]["next"]["after"] == recorded["paging"]["next"]["after"]

    def test_the_fields_of_a_form(self, call: Call) -> None:
        wanted = json.loads((RECORDED / "forms/v3_item__airbyte.json").read_text())["fieldGroups"][0]

        groups = [each["fieldGroups"][0] for each in call("GET", f"{FORMS}?formTypes=all").json()["results"]]

        with_fields = next(group for group in groups if "fields" in group)
        assert set(with_fields) == set(wanted)
        assert with_fields["fields"][0] == wanted["fields"][0]

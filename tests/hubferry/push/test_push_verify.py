"""What was written is read back by id: equal, normalised, ignored by HubSpot, or changed since, and by whom."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hubferry.cli.app import main
from hubferry.hubspot.properties import Property
from hubferry.push.verify import VerifyReport, means_same, verify_sync

FIELDS = {
    "email": "email",
    "firstname": "firstname",
    "phone": "phone",
    "lifecyclestage": "stage",
    "closedate": "closed",
}


@pytest.fixture
def written(world: Any, make_sync: Any) -> Any:
    """Two contacts that were pushed, the first linked to the second and to a company."""
    world.add_contact(email="b@x.com", lifecyclestage="customer")
    firm = world.add_company(name="Firm")
    world.sql(
        "CREATE TABLE main.people (id INTEGER, email VARCHAR, firstname VARCHAR, phone VARCHAR, stage VARCHAR, closed TIMESTAMP,"
        " firms JSON)",
        f"INSERT INTO main.people VALUES (1, 'A@X.com', 'Ann', '+1 555 010 0001', 'lead', '2026-05-01 10:00:00', '[\"{firm}\"]'),"
        " (2, 'b@x.com', 'Bob', NULL, 'lead', NULL, NULL)",
    )
    world.syncs = [make_sync(fields=FIELDS, associations=[{"to": "companies", "column": "firms"}])]
    assert world.push().exit_code == 0
    return world


def verify(world: Any, *, recorded: bool = True) -> VerifyReport:
    return verify_sync(world.syncs[0], client=world.client, state=world.state, recorded=recorded)


def test_what_was_written_is_equal_in_every_spelling_and_what_hubspot_ignored_is_said(written: Any) -> None:
    report = verify(written)

    assert report.records == 2
    assert (report.values["equal"], report.values["ignored by HubSpot"], report.links["equal"]) == (7, 1, 1)
    (finding,) = report.findings
    assert (finding.row_key, finding.what, finding.sent, finding.now) == ("2", "lifecyclestage", "lead", "customer")
    assert report.exit_code == 1
    assert written.state.runs(1)[0].kind == "verify"


def test_what_somebody_changed_since_is_named_with_who_and_when(written: Any) -> None:
    one = written.contact("a@x.com")["id"]
    firm = next(link["toId"] for link in written.contact("a@x.com")["associations"])
    written.change(one, firstname="Anna")
    written.call("DELETE", f"/crm/v4/objects/contacts/{one}/associations/companies/{firm}")
    written.call("DELETE", f"/crm/v3/objects/contacts/{written.contact('b@x.com')['id']}")

    report = verify(written, recorded=False)

    found = {(each.row_key, each.what): each for each in report.findings}
    assert set(found) == {("1", "firstname"), ("1", f"link to companies {firm}"), ("2", "record")}
    name = found["1", "firstname"]
    assert (name.verdict, name.sent, name.now) == ("changed since", "Ann", "Anna")
    assert (name.by, bool(name.at)) == ("API", True)
    assert found["2", "record"].now == "archived"
    assert found["1", f"link to companies {firm}"].now == "no link"
    assert written.state.runs(1)[0].kind == "push"  # drift leaves no run behind


def test_what_hubspot_made_of_a_value_is_normalised_and_no_difference(written: Any) -> None:
    one = written.contact("a@x.com")["id"]
    written.change(one, firstname="ANN")
    written.sql(
        "UPDATE hubferry.ledger SET stored = json_merge_patch(stored, '{\"firstname\": \"ANN\"}') WHERE row_key = '1'",
        "UPDATE main.people SET stage = NULL",
    )

    report = verify(written)

    assert report.values["normalised"] == 1


@pytest.mark.parametrize(
    ("command", "arguments"), [("verify", ["contacts"]), ("verify", ["--push", "contacts"]), ("drift", ["contacts"])]
)
def test_the_commands_end_with_1_where_something_differs(
    written: Any, capsys: Any, monkeypatch: Any, command: str, arguments: list[str]
) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "pat-test")
    folder = written.write_project()

    code = main([command, *arguments, "--project", str(folder), "--output", "json", "--quiet"])

    (report,) = json.loads(capsys.readouterr().out)["data"]
    assert (code, report["exit_code"], report["values"]["ignored by HubSpot"]) == (1, 1, 1)


def test_verify_reads_a_hundred_records_a_call_and_writes_nothing(written: Any) -> None:
    before, writes = written.calls("/batch/read"), written.writes()

    report = verify(written)

    assert written.writes() == writes
    assert written.calls("/batch/read") - before == 2  # one of records, one of links
    assert report.calls < 8


@pytest.mark.parametrize(
    ("sent", "now", "kind", "same"),
    [
        ("+1 (555) 010-0001", "15550100001", "phonenumber", True),
        ("+1 555 010 0001", "+1 555 010 0002", "phonenumber", False),
        ("", None, "text", True),
        ("", "x", "phonenumber", False),
        (";a;b", "b;c;a", "checkbox", True),
        (";a;d", "b;c;a", "checkbox", False),
    ],
)
def test_spellings_of_one_value_are_equal(sent: str, now: str | None, kind: str, same: bool) -> None:
    value_type = "enumeration" if kind == "checkbox" else "string"
    prop = Property(name="p", label="P", type=value_type, field_type=kind)

    assert means_same(sent, now, prop) is same

"""What rows become: records found by their keys, values read from cells, errors with their lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from import_client import Imports, column, render_csv

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.spreadsheets import write_sheet

Call = Callable[..., Any]
EMAIL = column("Email", "email", columnType="HUBSPOT_ALTERNATE_ID")
FIRST = column("First", "firstname")


def create(call: Call, objects: str, **properties: str) -> str:
    return str(call("POST", f"/crm/v3/objects/{objects}", json={"properties": properties}).json()["id"])


def test_rows_create_and_update_and_the_counters_say_how_many(imports: Imports, call: Call) -> None:
    create(call, "contacts", email="old@x.com", firstname="Old")

    job = imports.run([["Old@X.com", "Changed"], ["new@x.com", "New"]], [EMAIL, FIRST])

    assert job["state"] == "DONE"
    assert imports.contact("old@x.com", "firstname")["firstname"] == "Changed"
    assert imports.contact("new@x.com", "firstname")["firstname"] == "New"
    assert job["metadata"]["counters"] == {
        "TOTAL_ROWS": 2,
        "UNIQUE_OBJECTS_WRITTEN": 2,
        "CREATED_OBJECTS": 1,
        "UPDATED_OBJECTS": 1,
        "PROPERTY_VALUES_EMITTED": 3,
        "ERRORS": 0,
        "MAPPED_COLUMNS": 2,
        "UNMAPPED_COLUMNS": 0,
        "ASSOCIATIONS_EMITTED": 0,
        "ASSOCIATIONS_CREATED": 0,
    }


def test_a_blank_cell_clears_nothing(imports: Imports, call: Call) -> None:
    create(call, "contacts", email="a@x.com", firstname="A")

    imports.run([["a@x.com", "", "B"]], [EMAIL, FIRST, column("Last", "lastname")])

    assert imports.contact("a@x.com", "firstname", "lastname")["firstname"] == "A"
    assert imports.contact("a@x.com", "lastname")["lastname"] == "B"


@pytest.mark.parametrize(
    ("operation", "errors", "firstname"),
    [("CREATE", [("CREATE_ONLY_IMPORT", 2)], "Old"), ("UPDATE", [("UPDATE_ONLY_IMPORT", 3)], "New")],
)
def test_operations_are_kept_to(
    imports: Imports, call: Call, operation: str, errors: list[tuple[str, int]], firstname: str
) -> None:
    create(call, "contacts", email="a@x.com", firstname="Old")

    job = imports.run([["a@x.com", "New"], ["b@x.com", "New"]], [EMAIL, FIRST], importOperations={"0-1": operation})

    assert imports.errors(job) == errors
    assert imports.contact("a@x.com", "firstname")["firstname"] == firstname
    assert bool(imports.contact("b@x.com")) is (operation == "CREATE")


def test_a_record_id_column_finds_records_and_an_unknown_id_is_an_error(imports: Imports, call: Call) -> None:
    record = create(call, "contacts", email="a@x.com")
    columns = [column("ID", None, columnType="HUBSPOT_OBJECT_ID"), FIRST]

    job = imports.run([[record, "A"], ["999999999", "B"], ["x", "C"], [record, "D"]], columns)

    assert imports.errors(job) == [("INVALID_RECORD_ID", 3), ("INVALID_RECORD_ID", 4), ("DUPLICATE_RECORD_ID", 5)]
    assert imports.contact("a@x.com", "firstname")["firstname"] == "A"


def test_a_repeated_key_is_an_error_of_the_later_row(imports: Imports) -> None:
    job = imports.run([["a@x.com", "A"], ["A@x.com", "B"]], [EMAIL, FIRST])

    assert imports.errors(job) == [("DUPLICATE_ALTERNATE_ID", 3)]
    assert imports.contact("a@x.com", "firstname")["firstname"] == "A"


def test_a_secondary_email_finds_its_contact_and_stays_secondary(imports: Imports, call: Call) -> None:
    create(call, "contacts", email="a@x.com", hs_additional_emails="b@x.com")

    job = imports.run([["b@x.com", "B"]], [EMAIL, FIRST])

    assert job["metadata"]["counters"]["UPDATED_OBJECTS"] == 1
    assert imports.contact("a@x.com", "email", "firstname")["firstname"] == "B"
    assert imports.contact("b@x.com", "email")["email"] == "a@x.com"


def test_companies_are_found_by_domain_which_two_may_have(imports: Imports, call: Call) -> None:
    one = create(call, "companies", domain="one.com", name="One")
    for name in "ab":
        create(call, "companies", domain="two.com", name=name)
    columns = [column("Domain", "domain", "0-2"), column("Name", "name", "0-2")]

    rows = [["https://www.ONE.com/", "1"], ["two.com", "2"], ["new.com", "3"], ["no domain", "4"]]
    job = imports.run(rows, columns)

    assert imports.errors(job) == [("MULTIPLE_COMPANIES_WITH_THIS_DOMAIN", 3), ("INVALID_DOMAIN", 5)]
    assert call("GET", f"/crm/v3/objects/companies/{one}").json()["properties"]["name"] == "1"
    assert job["metadata"]["counters"]["CREATED_OBJECTS"] == 1


def test_a_custom_unique_property_is_a_key(imports: Imports, call: Call) -> None:
    create(call, "contacts", email="a@x.com", contact_number="77")
    columns = [column("Number", "contact_number", columnType="HUBSPOT_ALTERNATE_ID"), FIRST]

    imports.run([["77", "A"]], columns)

    assert imports.contact("a@x.com", "firstname")["firstname"] == "A"


def test_a_taken_unique_value_in_a_plain_column_is_an_error(imports: Imports, call: Call) -> None:
    create(call, "contacts", email="a@x.com", contact_number="77")

    job = imports.run([["b@x.com", "77"]], [EMAIL, column("Number", "contact_number")])

    assert imports.errors(job) == [("DUPLICATE_UNIQUE_PROPERTY_VALUE", 2)]
    assert imports.contact("b@x.com") == {}


def test_a_bad_cell_is_left_out_and_named(imports: Imports, call: Call) -> None:
    columns = [EMAIL, FIRST, column("Score", "loyalty_score"), column("Birthday", "birthday")]

    job = imports.run([["a@x.com", "A", "much", "31/31/2020"], ["no email", "B", "", ""]], columns)

    path = f"/crm/v3/imports/{job['id']}/errors?includeErrorMessage=true&includeRowData=true"
    found = call("GET", path).json()["results"]
    assert [(each["errorType"], each["knownColumnNumber"], each["invalidValue"]) for each in found] == [
        ("COULD_NOT_PARSE_DATE", 3, "31/31/2020"),
        ("COULD_NOT_PARSE_NUMBER", 2, "much"),
        ("INVALID_EMAIL", 0, "no email"),
    ]
    assert found[0]["sourceData"]["rowData"] == ["a@x.com", "A", "much", "31/31/2020"]
    assert all(each["errorMessage"] for each in found)
    assert imports.contact("a@x.com", "firstname")["firstname"] == "A"
    plain = call("GET", f"/crm/v3/imports/{job['id']}/errors").json()["results"][0]
    assert plain["sourceData"]["rowData"] == []
    assert "errorMessage" not in plain


def test_a_knob_lets_a_bad_cell_skip_its_row(make_imports: Callable[..., Imports]) -> None:
    imports = make_imports(knobs=Knobs(import_bad_cell_skips_row=True))

    job = imports.run([["a@x.com", "much"]], [EMAIL, column("Score", "loyalty_score")])

    assert imports.errors(job) == [("COULD_NOT_PARSE_NUMBER", 2)]
    assert imports.contact("a@x.com") == {}


@pytest.mark.parametrize(
    ("date_format", "text", "stored"),
    [
        ("MONTH_DAY_YEAR", "02/03/2024", "2024-02-03"),
        ("DAY_MONTH_YEAR", "02.03.2024", "2024-03-02"),
        ("YEAR_MONTH_DAY", "2024/02/03", "2024-02-03"),
        ("DAY_MONTH_YEAR", "2024-02-03", "2024-02-03"),
        ("MONTH_DAY_YEAR", "1706918400000", "2024-02-03"),
    ],
)
def test_dates_are_read_in_the_order_that_the_import_names(
    imports: Imports, date_format: str, text: str, stored: str
) -> None:
    imports.run([["a@x.com", text]], [EMAIL, column("Birthday", "birthday")], dateFormat=date_format)

    assert imports.contact("a@x.com", "birthday")["birthday"] == stored


def test_a_time_without_zone_is_of_the_zone_that_the_import_names(imports: Imports) -> None:
    columns = [EMAIL, column("Visit", "last_visit_at")]

    imports.run([["a@x.com", "07/01/2024 3:30 PM"]], columns, timeZone="America/New_York")

    assert imports.contact("a@x.com", "last_visit_at")["last_visit_at"] == "2024-07-01T19:30:00Z"


def test_options_are_named_by_label_or_value_and_a_semicolon_adds(imports: Imports, call: Call) -> None:
    topics = call("GET", "/crm/v3/properties/contacts/topics").json()["options"]
    one, two = topics[0], topics[1]
    create(call, "contacts", email="a@x.com", topics=one["value"])
    columns = [EMAIL, column("Topics", "topics"), column("Stage", "lifecyclestage")]

    job = imports.run([["a@x.com", f";{two['label']}", "Customer"], ["b@x.com", "no such", ""]], columns)

    contact = imports.contact("a@x.com", "topics", "lifecyclestage")
    assert contact["topics"] == f"{one['value']};{two['value']}"
    assert contact["lifecyclestage"] == "customer"
    assert imports.errors(job) == [("INVALID_ENUMERATION_OPTION", 3)]


def test_two_options_of_one_label_are_ambiguous(imports: Imports, call: Call) -> None:
    options = [{"label": "Same", "value": value} for value in ("s1", "s2")]
    definition = {"name": "pick", "label": "Pick", "type": "enumeration", "fieldType": "select", "options": options}
    call("POST", "/crm/v3/properties/contacts", json=definition | {"groupName": "contactinformation"})

    job = imports.run([["a@x.com", "Same"], ["b@x.com", "s2"]], [EMAIL, column("Pick", "pick")])

    assert imports.errors(job) == [("AMBIGUOUS_ENUMERATION_OPTION", 2)]
    assert imports.contact("b@x.com", "pick")["pick"] == "s2"


def test_owners_are_named_by_id_email_or_full_name(imports: Imports, call: Call) -> None:
    owner = call("GET", "/crm/v3/owners").json()["results"][0]
    names = [owner["id"], owner["email"], f"{owner['firstName']} {owner['lastName']}", "nobody"]
    rows = [[f"{number}@x.com", name] for number, name in enumerate(names)]

    job = imports.run(rows, [EMAIL, column("Owner", "hubspot_owner_id")])

    owners = [imports.contact(f"{number}@x.com", "hubspot_owner_id")["hubspot_owner_id"] for number in range(3)]
    assert owners == [owner["id"]] * 3
    assert imports.errors(job) == [("COULD_NOT_FIND_OWNER", 5)]


def test_a_stage_is_found_by_label_in_the_pipeline_of_its_row(imports: Imports, call: Call) -> None:
    columns = [
        column("Deal", "dealname", "0-3"),
        column("Stage", "dealstage", "0-3"),
        column("Pipeline", "pipeline", "0-3"),
    ]

    imports.run([["D", "Renewed", "Renewals"]], columns)

    properties = call("GET", "/crm/v3/objects/deals").json()["results"][0]["properties"]
    assert (properties["pipeline"], properties["dealstage"]) == ("75800461", "141270874")


def test_notes_are_created_and_never_changed(imports: Imports, call: Call) -> None:
    note = create(call, "notes", hs_timestamp="2024-01-01T00:00:00Z", hs_note_body="old")
    moment = column("When", "hs_timestamp", "0-46")
    body = column("Body", "hs_note_body", "0-46")
    rid = column("ID", None, "0-46", columnType="HUBSPOT_OBJECT_ID")

    job = imports.run(
        [["", "2024-02-01", "new"], [note, "2024-02-01", "changed"], ["", "", "no date"]], [rid, moment, body]
    )

    assert imports.errors(job) == [("CREATE_ONLY_IMPORT", 3), ("MISSING_REQUIRED_PROPERTY", 4)]
    assert job["metadata"]["counters"]["CREATED_OBJECTS"] == 1


def test_rows_of_other_lengths_and_blank_rows_are_errors(imports: Imports) -> None:
    job = imports.run([["a@x.com"], ["", ""], ["b@x.com", "B"]], [EMAIL, FIRST])

    assert imports.errors(job) == [
        ("INCORRECT_NUMBER_OF_COLUMNS", 2),
        ("FAILED_TO_PROCESS_OBJECT_WITH_EMPTY_PROPERTY_VALUES", 3),
    ]
    assert job["metadata"]["counters"]["CREATED_OBJECTS"] == 1


def test_columns_in_another_order_are_found_by_their_headers(imports: Imports) -> None:
    content = render_csv([["First", "Email"], ["A", "a@x.com"]])

    _, body = imports.post({"rows.csv": (content, [EMAIL, FIRST])})

    assert imports.wait(body["id"])["state"] == "DONE"
    assert imports.contact("a@x.com", "firstname")["firstname"] == "A"


@pytest.mark.parametrize(
    ("content", "columns", "error"),
    [
        (b"Email,First\na@x.com,A\n", [EMAIL], "INCORRECT_NUMBER_OF_COLUMNS"),
        (b"Email,Other\na@x.com,A\n", [EMAIL, FIRST], "INVALID_COLUMN_CONFIGURATION"),
        (b"Email,X\na@x.com,A\n", [EMAIL, column("X", "no_such")], "PROPERTY_DEFINITION_NOT_FOUND"),
        (b"Email,First\n\xff\xfe,A\n", [EMAIL, FIRST], "INVALID_FILE_TYPE"),
        (b'Email,First\n"a@x.com,A\n', [EMAIL, FIRST], "COULD_NOT_PARSE_ROW"),
        (b"First\nA\n", [column("First", "firstname", columnType="HUBSPOT_ALTERNATE_ID")], "INVALID_ALTERNATE_ID"),
    ],
)
def test_what_spoils_a_whole_file_fails_the_import(
    imports: Imports, content: bytes, columns: list[Any], error: str
) -> None:
    status, body = imports.post({"rows.csv": (content, columns)})

    job = imports.wait(body["id"])
    assert (status, job["state"]) == (200, "FAILED")
    assert imports.errors(job) == [(error, 0)]
    assert imports.contact("a@x.com") == {}


def test_a_workbook_is_read_like_a_csv(imports: Imports) -> None:
    content = write_sheet([["Email", "First"], ["a@x.com", "A\u0007 \U0001f600"], ["b@x.com", ""]])

    _, body = imports.post({"rows.xlsx": (content, [EMAIL, FIRST])})

    assert imports.wait(body["id"])["metadata"]["counters"]["CREATED_OBJECTS"] == 2
    assert imports.contact("a@x.com", "firstname")["firstname"] == "A\u0007 \U0001f600"


def test_lines_are_rows_unless_a_knob_counts_lines(make_imports: Callable[..., Imports]) -> None:
    found = []
    for knobs in (Knobs(), Knobs(import_lines_are_physical=True), Knobs(import_first_line=1)):
        imports = make_imports(knobs=knobs)
        found += imports.errors(imports.run([["a@x.com", "two\nlines"], ["bad", "B"]], [EMAIL, FIRST]))

    assert [line for _, line in found] == [3, 4, 2]


def test_an_erased_email_is_refused(imports: Imports, call: Call) -> None:
    record = create(call, "contacts", email="a@x.com")
    call("POST", "/crm/v3/objects/contacts/gdpr-delete", json={"objectId": record})

    job = imports.run([["a@x.com", "A"]], [EMAIL, FIRST])

    assert imports.errors(job) == [("GDPR_BLACKLISTED_EMAIL", 2)]


def test_marketable_contacts_and_participation_in_an_event(imports: Imports, call: Call, control: Call) -> None:
    event = create(call, "marketing_events")
    moment = column("Joined", None, columnType="EVENT_TIMESTAMP", marketingEventSubmissionType="JOINED")
    more = {"marketingEventObjectId": int(event), "marketableContactImport": True}

    rows = [["a@x.com", "2024-02-01T10:00:00Z"], ["b@x.com", ""], ["c@x.com", "soon"]]
    job = imports.run(rows, [EMAIL, moment], **more)

    contact = imports.contact("a@x.com", "hs_marketable_status")
    assert contact["hs_marketable_status"] == "true"
    assert imports.errors(job) == [("MISSING_EVENT_TIMESTAMP", 3), ("INVALID_EVENT_TIMESTAMP", 4)]
    part = {"eventId": event, "contactId": contact["id"], "kind": "JOINED", "atMs": 1_706_781_600_000}
    assert control("GET", "/truth/event_participations").lines() == [part]


def test_histories_name_the_import_as_the_source_at_the_moment_it_was_due(imports: Imports, call: Call) -> None:
    job = imports.run([["a@x.com", "A"]], [EMAIL, FIRST])

    record = imports.contact("a@x.com")["id"]
    path = f"/crm/v3/objects/contacts/{record}?propertiesWithHistory=firstname"
    version = call("GET", path).json()["propertiesWithHistory"]["firstname"][0]
    assert (version["sourceType"], version["timestamp"]) == ("IMPORT", job["updatedAt"])

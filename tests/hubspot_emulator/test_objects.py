"""The CRM object family answers and refuses as recorded HubSpot does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.server import Emulator

Call = Callable[..., Any]
CONTACTS = "/crm/objects/2026-09/contacts"


@pytest.fixture
def emulator(portal_factory: Callable[..., Emulator], request: pytest.FixtureRequest) -> Emulator:
    """A portal of 30 contacts; a test may ask for other options."""
    return portal_factory(**({"contacts": 30, "limits": False} | getattr(request, "param", {})))


def create(call: Call, **properties: str) -> str:
    answer = call("POST", CONTACTS, json={"properties": properties})
    assert answer.status == 201, answer.body
    return str(answer.json()["id"])


def batch(call: Call, what: str, inputs: list[dict[str, Any]], kind: str = "contacts", **more: Any) -> Any:
    return call("POST", f"/crm/objects/2026-09/{kind}/batch/{what}", json={"inputs": inputs, **more})


def add_unique(call: Call, name: str = "source_key", kind: str = "contacts") -> None:
    group = call("GET", f"/crm/v3/properties/{kind}/groups").json()["results"][0]["name"]
    definition = {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": group}
    assert call("POST", f"/crm/v3/properties/{kind}", json={**definition, "hasUniqueValue": True}).status == 201


def test_a_single_record_that_is_not_there_is_an_html_404(call: Call) -> None:
    answer = call("GET", f"{CONTACTS}/99999999999")

    assert answer.status == 404
    assert answer.headers["content-type"] == "text/html;charset=iso-8859-1"
    assert answer.headers["x-hubspot-notfound"] == "true"
    assert b"<h2>HTTP ERROR 404</h2>" in answer.body


def test_an_unknown_object_type_is_named(call: Call) -> None:
    answer = call("GET", "/crm/v3/objects/butterflies")

    assert answer.status == 400
    assert set(answer.json()) == {"status", "message", "correlationId"}
    assert answer.json()["message"] == "Unable to infer object type from: butterflies"


@pytest.mark.parametrize("name", ["contacts", "contact", "CONTACT", "0-1"])
def test_an_object_type_goes_by_every_name_hubspot_knows(call: Call, name: str) -> None:
    expected = call("GET", f"{CONTACTS}?limit=3").json()["results"]

    assert call("GET", f"/crm/v3/objects/{name}?limit=3").json()["results"] == expected


def test_pages_hold_every_live_record_once_in_order_of_ids(emulator: Emulator, call: Call) -> None:
    seen, after = [], "0"
    while after:
        page = call("GET", f"{CONTACTS}?limit=7&after={after}").json()
        seen += [int(record["id"]) for record in page["results"]]
        after = page.get("paging", {}).get("next", {}).get("after")

    live = [int(record["id"]) for record in emulator.portal.truth("0-1") if record["state"] == "live"]
    assert seen == sorted(live)
    assert "paging" not in page


@pytest.mark.parametrize(
    ("query", "named"), [("limit=101", "100"), ("limit=51&propertiesWithHistory=email", "50"), ("color=red", "color")]
)
def test_a_parameter_out_of_range_or_unknown_is_refused_by_name(call: Call, query: str, named: str) -> None:
    answer = call("GET", f"{CONTACTS}?{query}")

    assert answer.status == 400
    assert named in answer.json()["message"]


def test_what_is_asked_for_and_unset_is_null_and_what_is_unknown_is_dropped(call: Call) -> None:
    record_id = create(call, firstname="Ada")

    shown = call("GET", f"{CONTACTS}/{record_id}?properties=phone,nowhere&properties=firstname").json()["properties"]

    assert set(shown) == {"createdate", "firstname", "hs_object_id", "lastmodifieddate", "phone"}
    assert shown["phone"] is None


def test_a_cleared_value_reads_back_empty_and_not_as_null(call: Call) -> None:
    record_id = create(call, firstname="Ada", city="London")

    call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"city": ""}})

    shown = call("GET", f"{CONTACTS}/{record_id}?properties=city,zip").json()["properties"]
    assert (shown["city"], shown["zip"]) == ("", None)


@pytest.mark.parametrize("emulator", [{"knobs": Knobs(cleared_reads_empty=False)}], indirect=True)
def test_a_cleared_value_reads_back_as_null_where_the_portal_does_so(call: Call) -> None:
    record_id = create(call, firstname="Ada", city="London")

    call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"city": ""}})

    assert call("GET", f"{CONTACTS}/{record_id}?properties=city").json()["properties"]["city"] is None


def test_a_create_answers_everything_that_is_set(call: Call) -> None:
    answer = call("POST", CONTACTS, json={"properties": {"email": "Test@Example.org", "firstname": "Test"}})

    body = answer.json()
    assert answer.status == 201
    assert answer.headers["location"].endswith(f"/{body['id']}")
    assert {"hs_all_contact_vids", "hs_email_domain", "hs_is_unworked", "hs_pipeline", "lifecyclestage"} <= set(
        body["properties"]
    )
    assert body["properties"]["email"] == "test@example.org"
    assert list(body["properties"]) == sorted(body["properties"])
    assert body["url"].endswith(f"/record/0-1/{body['id']}")


def test_an_update_answers_what_was_changed_and_the_core(call: Call) -> None:
    record_id = create(call, email="a@example.org", firstname="A", city="Rome")

    shown = call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"firstname": "B"}}).json()["properties"]

    assert shown["firstname"] == "B"
    assert {"createdate", "hs_object_id", "lastmodifieddate"} < set(shown)
    assert not {"city", "email"} & set(shown)


def test_an_update_without_properties_is_refused(call: Call) -> None:
    answer = call("PATCH", f"{CONTACTS}/{create(call, firstname='A')}", json={"properties": {}})

    assert answer.status == 400
    assert answer.json()["message"] == "No properties found to update, please provide at least one."


def test_an_email_that_another_contact_has_is_a_conflict_also_as_a_secondary_one(call: Call) -> None:
    first, second = create(call, email="a@example.org"), create(call, email="b@example.org")
    merge = call("POST", f"{CONTACTS}/merge", json={"primaryObjectId": first, "objectIdToMerge": second})
    survivor = merge.json()["id"]

    for email in ("a@example.org", "B@example.org"):
        answer = call("POST", CONTACTS, json={"properties": {"email": email}})
        assert answer.status == 409
        assert answer.json()["message"] == f"Contact already exists. Existing ID: {survivor}"
        assert answer.json()["category"] == "CONFLICT"


def test_secondary_emails_can_be_written_made_primary_and_clash(call: Call) -> None:
    other = create(call, email="other@example.org")
    record_id = create(call, email="a@example.org", hs_additional_emails="B@example.org;c@example.org")

    swapped = call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"email": "b@example.org"}})
    clash = call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"hs_additional_emails": "other@example.org"}})

    assert swapped.status == 200
    assert (clash.status, clash.json()["message"]) == (409, f"Contact already exists. Existing ID: {other}")
    read = batch(call, "read", [{"id": "C@example.org"}], idProperty="email")
    assert [each["id"] for each in read.json()["results"]] == [record_id]
    assert create(call, email="a@example.org") != record_id


def test_the_holder_of_a_custom_unique_value_is_named_in_the_400(call: Call) -> None:
    add_unique(call)
    holder = create(call, firstname="A", source_key="k1")

    answer = call("POST", CONTACTS, json={"properties": {"firstname": "B", "source_key": "k1"}})

    pattern = r"propertyName=(.*?), value=\[?(.*?)\]?\}.* on .*\. (\d+) already has that value\."
    found = re.search(pattern, answer.json()["message"])
    assert answer.status == 400
    assert found is not None
    assert found.groups() == ("source_key", "k1", holder)


def test_archiving_frees_a_unique_value_and_leaves_the_modified_date(emulator: Emulator, call: Call) -> None:
    record_id = create(call, email="a@example.org")
    before = call("GET", f"{CONTACTS}/{record_id}").json()["updatedAt"]
    earlier = call("GET", f"{CONTACTS}?archived=true").json()["results"]
    emulator.clock.advance(60)

    assert call("DELETE", f"{CONTACTS}/{record_id}").status == 204

    archived = call("GET", f"{CONTACTS}/{record_id}?archived=true").json()
    assert (archived["archived"], archived["updatedAt"]) == (True, before)
    assert archived["archivedAt"] > before
    bin_now = [each["id"] for each in call("GET", f"{CONTACTS}?archived=true").json()["results"]]
    assert bin_now == [*(each["id"] for each in earlier), record_id]
    assert create(call, email="a@example.org") != record_id


def test_deleting_is_a_204_for_an_id_that_never_was(call: Call) -> None:
    answer = call("DELETE", f"{CONTACTS}/99999999999")

    assert (answer.status, answer.body) == (204, b"")


def test_a_lifecycle_stage_going_back_is_ignored_without_an_error(call: Call) -> None:
    record_id = create(call, firstname="A", lifecyclestage="customer")

    answer = call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"lifecyclestage": "lead"}})

    assert answer.status == 200
    assert (
        call("GET", f"{CONTACTS}/{record_id}?properties=lifecyclestage").json()["properties"]["lifecyclestage"]
        == "customer"
    )


def test_a_merge_makes_a_new_record_that_the_old_ids_lead_to(emulator: Emulator, call: Call) -> None:
    first = create(call, email="a@example.org", firstname="A")
    second = create(call, email="b@example.org", city="Rome")

    merged = call("POST", f"{CONTACTS}/merge", json={"primaryObjectId": first, "objectIdToMerge": second}).json()

    assert merged["id"] not in {first, second}
    assert merged["properties"]["hs_merged_object_ids"] == f"{first};{second}"
    assert (merged["properties"]["firstname"], merged["properties"]["city"]) == ("A", "Rome")
    assert merged["properties"]["hs_additional_emails"] == "b@example.org"
    read = batch(call, "read", [{"id": first}, {"id": second}]).json()
    assert [each["id"] for each in read["results"]] == [merged["id"]]
    assert emulator.portal.record_state("0-1", int(first)) == "merged"
    update = batch(call, "update", [{"id": first, "properties": {"city": "Oslo"}}])
    assert (update.status, update.json()["errors"][0]["context"]["ids"]) == (207, [first])


@pytest.mark.parametrize("emulator", [{"knobs": Knobs(merge_keeps_primary=True)}], indirect=True)
def test_a_merge_keeps_the_primary_where_the_portal_does_so(call: Call) -> None:
    first, second = create(call, email="a@example.org"), create(call, email="b@example.org")

    merged = call("POST", f"{CONTACTS}/merge", json={"primaryObjectId": first, "objectIdToMerge": second}).json()

    assert merged["id"] == first
    assert merged["properties"]["hs_merged_object_ids"] == second
    assert call("GET", f"{CONTACTS}/{second}").json()["id"] == first


def test_an_erased_contact_is_gone_from_every_read_and_its_email_is_barred(call: Call) -> None:
    record_id = create(call, email="a@example.org")

    erased = call("POST", f"{CONTACTS}/gdpr-delete", json={"objectId": "a@example.org", "idProperty": "email"})

    assert erased.status == 204
    assert call("GET", f"{CONTACTS}/{record_id}").status == 404
    assert call("GET", f"{CONTACTS}/{record_id}?archived=true").status == 404
    assert (
        "GDPR_BLACKLISTED_EMAIL"
        in call("POST", CONTACTS, json={"properties": {"email": "a@example.org"}}).json()["message"]
    )


def test_history_is_newest_first(emulator: Emulator, call: Call) -> None:
    record_id = create(call, firstname="A")
    emulator.clock.advance(5)
    call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"firstname": "B"}})

    history = call("GET", f"{CONTACTS}/{record_id}?propertiesWithHistory=firstname").json()["propertiesWithHistory"]

    assert [each["value"] for each in history["firstname"]] == ["B", "A"]
    assert history["firstname"][0]["timestamp"] == "2026-11-23T08:00:05Z"


def test_without_trace_ids_one_bad_input_spoils_the_batch(emulator: Emulator, call: Call) -> None:
    before = len(list(emulator.portal.truth("0-1")))

    answer = batch(
        call,
        "create",
        [{"properties": {"email": f"n{n}@example.org"}} for n in range(3)] + [{"properties": {"first000name": "x"}}],
    )

    assert answer.status == 400
    assert answer.json()["category"] == "VALIDATION_ERROR"
    assert answer.json()["message"].startswith('Property values were not valid: [{"isValid":false,')
    assert answer.json()["errors"] == [
        {
            "message": 'Property "first000name" does not exist',
            "code": "PROPERTY_DOESNT_EXIST",
            "context": {"propertyName": ["first000name"]},
        }
    ]
    assert len(list(emulator.portal.truth("0-1"))) == before


def test_with_trace_ids_good_inputs_are_written_and_bad_ones_are_grouped(call: Call) -> None:
    holder = create(call, email="taken@example.org")
    inputs = [
        {"objectWriteTraceId": "r1", "properties": {"nowhere": "x"}},
        {"objectWriteTraceId": "r2", "properties": {"email": "new@example.org"}},
        {"objectWriteTraceId": "r3", "properties": {"nowhere": "y"}},
        {"objectWriteTraceId": "r4", "properties": {"email": "Taken@example.org"}},
    ]

    answer = batch(call, "create", inputs)

    body = answer.json()
    assert (answer.status, body["status"], body["numErrors"]) == (207, "COMPLETE", 2)
    assert [each["objectWriteTraceId"] for each in body["results"]] == ["r2"]
    assert body["errors"][0]["context"] == {"objectWriteTraceId": ["r1", "r3"]}
    assert body["errors"][1]["context"] == {"objectWriteTraceId": ["r4"], "existingId": [holder]}


def test_several_conflicts_without_trace_ids_name_nobody(call: Call) -> None:
    create(call, email="a@example.org")
    create(call, email="b@example.org")

    answer = batch(call, "create", [{"properties": {"email": f"{name}@example.org"}} for name in "abc"])

    assert (answer.status, answer.json()["message"]) == (409, "Contact already exists")


def test_a_batch_create_stamps_one_millisecond_and_shuffles_its_answer(call: Call) -> None:
    inputs = [{"properties": {"email": f"user{n}@example.org"}} for n in range(10)]

    answer = batch(call, "create", inputs)

    results = answer.json()["results"]
    assert answer.status == 201
    assert len({each["createdAt"] for each in results}) == 1
    assert [each["properties"]["email"] for each in results] != [each["properties"]["email"] for each in inputs]


@pytest.mark.parametrize("what", ["update", "upsert"])
def test_duplicate_keys_spoil_a_batch_even_with_trace_ids(call: Call, what: str) -> None:
    key = {} if what == "update" else {"idProperty": "email"}
    ids = ("123456", "123456") if what == "update" else ("A@example.org", "a@example.org ")
    inputs = [
        {"id": each, "properties": {"firstname": "x"}, "objectWriteTraceId": str(n), **key}
        for n, each in enumerate(ids)
    ]

    answer = batch(call, what, inputs)

    assert answer.status == 400
    assert answer.json()["message"] == f"Duplicate IDs found in batch input: [{ids[1]}]. IDs must be unique"
    assert answer.json()["context"] == {"ids": [ids[1]]}


def test_more_than_100_inputs_are_refused(call: Call) -> None:
    answer = batch(call, "read", [{"id": str(n)} for n in range(101)])

    assert (answer.status, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_ids_that_find_nothing_share_one_error(call: Call) -> None:
    record_id = create(call, firstname="A")

    answer = batch(call, "read", [{"id": "1"}, {"id": record_id}, {"id": "unknownIdentifier888"}])

    body = answer.json()
    assert (answer.status, body["numErrors"]) == (207, 1)
    assert [each["id"] for each in body["results"]] == [record_id]
    assert body["errors"] == [
        {
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": "Could not get some CONTACT objects, they may be deleted or not exist."
            " Check that ids are valid.",
            "context": {"ids": ["1", "unknownIdentifier888"]},
        }
    ]


def test_an_upsert_by_email_changes_the_holder_and_creates_the_rest(call: Call) -> None:
    holder = create(call, email="a@example.org", firstname="A")

    answer = batch(
        call,
        "upsert",
        [
            {"id": "A@example.org", "idProperty": "email", "properties": {"firstname": "B"}},
            {"id": "New@example.org", "idProperty": "email", "properties": {"firstname": "C"}},
        ],
    )

    by_email = {each["properties"]["email"]: each for each in answer.json()["results"]}
    assert answer.status == 200
    assert (by_email["a@example.org"]["id"], by_email["a@example.org"]["new"]) == (holder, False)
    assert by_email["new@example.org"]["new"] is True


@pytest.mark.parametrize(
    ("what", "kind", "key"),
    [
        ("update", "contacts", "email"),
        ("update", "contacts", "hs_object_id"),
        ("upsert", "contacts", "hs_object_id"),
        ("upsert", "companies", "domain"),
        ("upsert", "deals", "dealname"),
    ],
)
def test_a_property_that_is_no_key_for_the_call_is_refused(call: Call, what: str, kind: str, key: str) -> None:
    type_id = {"companies": "0-2", "contacts": "0-1", "deals": "0-3"}[kind]

    answer = batch(call, what, [{"id": "1", "idProperty": key, "properties": {"description": "x"}}], kind)

    assert answer.status == 400
    assert answer.json()["message"].startswith(
        f"Unable to perform update/upsert by non-unique {type_id} property {key}"
    )


def test_an_update_by_a_unique_key_nobody_holds_fails_the_whole_request(call: Call) -> None:
    add_unique(call)
    create(call, firstname="A", source_key="k1")

    answer = batch(
        call, "update", [{"id": key, "idProperty": "source_key", "properties": {"city": "X"}} for key in ("k1", "k2")]
    )

    assert 400 <= answer.status < 500
    assert answer.json()["context"]["missingObjectPropertyValueCoordinates"] == ["source_key:k2"]


def test_a_field_nobody_knows_is_named(call: Call) -> None:
    answer = call("POST", CONTACTS, json={"properties": {"firstname": "A"}, "owner": 1})

    assert answer.status == 400
    assert 'Unrecognized field "owner"' in answer.json()["message"]
    assert "category" not in answer.json()


def test_inline_associations_are_part_of_the_write(emulator: Emulator, call: Call) -> None:
    company = next(each["id"] for each in emulator.portal.truth("0-2"))
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}]
    link = {"to": {"id": company}, "types": types}

    record_id = call("POST", CONTACTS, json={"properties": {"firstname": "A"}, "associations": [link]}).json()["id"]

    shown = call("GET", f"{CONTACTS}/{record_id}?associations=companies").json()["associations"]
    assert {each["id"] for each in shown["companies"]["results"]} == {company}

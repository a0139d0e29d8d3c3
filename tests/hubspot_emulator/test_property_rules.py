"""Property groups, rules of values, sensitive values, and the other checks of written values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hubspot_emulator.knobs import Knobs
from hubspot_emulator.property_rules import KEPT_ONLY
from hubspot_emulator.server import Emulator

Call = Callable[..., Any]
CONTACTS = "/crm/objects/2026-09/contacts"
RULES = "/crm/property-validations/2026-09/0-1"


def put(call: Call, rule_type: str, *arguments: str, name: str = "remarks") -> int:
    return int(call("PUT", f"{RULES}/{name}/rule-type/{rule_type}", json={"ruleArguments": list(arguments)}).status)


def write(call: Call, value: str, path: str = CONTACTS) -> Any:
    return call("POST", path, json={"properties": {"remarks": value}})


@pytest.mark.parametrize(
    ("rule", "kept", "broken"),
    [
        (("ALPHANUMERIC",), "a1", "a-1"),
        (("DAYS_OF_WEEK", "MONDAY"), "2026-11-23", "2026-11-24"),
        (("DECIMAL", "2"), "1.25", "1.255"),
        (("DOMAIN",), "acme.com", "acme"),
        (("EMAIL",), "a@acme.com", "a.acme.com"),
        (("EMAIL_ALLOWED_DOMAINS", "acme.com"), "a@acme.com", "a@notacme.com"),
        (("EMAIL_BLOCKED_DOMAINS", "acme.com"), "a@b.org", "a@sub.acme.com"),
        (("END_DATE", "2026-01-31"), "2026-01-31", "2026-02-01"),
        (("MAX_LENGTH", "3"), "abc", "abcd"),
        (("MAX_NUMBER", "10"), "10", "10.5"),
        (("MIN_LENGTH", "3"), "abc", "ab"),
        (("MIN_NUMBER", "10"), "10", "N/A"),
        (("PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE",), "+49 30", "030"),
        (("REGEX", "[A-Z]+"), "ABC", "ABc"),
        (("SPECIAL_CHARACTERS",), "a b", "a&b"),
        (("START_DATE", "2026-01-31"), "2026-01-31", "2026-01-30"),
        (("URL",), "https://acme.com/x", "acme.com"),
        (("URL_ALLOWED_DOMAINS", "acme.com"), "https://www.acme.com", "https://b.org"),
        (("URL_BLOCKED_DOMAINS", "acme.com"), "https://b.org", "https://acme.com/"),
        (("WHITESPACE",), "ab", "a b"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused(call: Call, rule: tuple[str, ...], kept: str, broken: str) -> None:
    assert put(call, *rule) == 204

    assert write(call, kept).status == 201
    refused = write(call, broken)
    assert (refused.status, refused.json()["errors"][0]["code"]) == (400, rule[0])
    record_id = write(call, kept).json()["id"]
    assert call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"remarks": broken}}).status == 400
    assert call("PATCH", f"{CONTACTS}/{record_id}", json={"properties": {"remarks": ""}}).status == 200


def test_rules_hold_in_the_versions_that_the_knob_names(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call]
) -> None:
    for versions, expected in (((), 201), (("v3",), 400), (None, 201)):
        knobs = Knobs() if versions is None else Knobs(rules_enforced_in=versions)
        call = connect(portal_factory(contacts=0, knobs=knobs).base_url)
        put(call, "MAX_LENGTH", "1")
        assert write(call, "ab", "/crm/v3/objects/contacts").status == expected


def test_rules_are_shown_as_they_were_set(call: Call) -> None:
    rule = {"ruleType": "MAX_LENGTH", "ruleArguments": ["5"], "shouldApplyNormalization": True}
    body = {"ruleArguments": ["5"], "shouldApplyNormalization": True}
    call("PUT", f"{RULES}/remarks/rule-type/MAX_LENGTH", json=body)

    assert call("GET", f"{RULES}/remarks/rule-type/MAX_LENGTH").json() == rule
    assert call("GET", f"{RULES}/remarks").json() == {"results": [rule]}
    assert call("GET", RULES).json() == {"results": [{"propertyName": "remarks", "propertyValidationRules": [rule]}]}
    assert call("GET", f"{RULES}/remarks/rule-type/REGEX").status == 404
    assert put(call, "MAX_LENGTH", "long") == 400
    assert put(call, "REGEX", "[") == 400
    assert put(call, "SHORT", "1") == 400
    assert put(call, "URL", name="nothing") == 404
    assert [put(call, kept, "1") for kept in sorted(KEPT_ONLY)] == [204] * len(KEPT_ONLY)


def test_groups_are_made_changed_and_removed_when_empty(call: Call) -> None:
    groups = "/crm/properties/2026-09/contacts/groups"
    call("POST", groups, json={"name": "mine", "label": "Mine"})

    assert call("PATCH", f"{groups}/mine", json={"label": "Ours"}).json()["label"] == "Ours"
    own = {"name": "own", "label": "Own", "type": "string", "fieldType": "text", "groupName": "mine"}
    call("POST", "/crm/properties/2026-09/contacts", json=own)
    refused = call("DELETE", f"{groups}/mine")
    assert (refused.status, refused.json()["subCategory"]) == (400, "PropertyGroupError.GROUP_WITH_ACTIVE_PROPERTIES")
    call("DELETE", "/crm/properties/2026-09/contacts/own")
    assert call("DELETE", f"{groups}/mine").status == 204
    assert call("GET", f"{groups}/mine").status == 404
    assert call("DELETE", f"{groups}/mine").status == 204


@pytest.mark.parametrize("level", ["sensitive", "highly_sensitive"])
def test_sensitive_values_are_shown_to_those_who_may_see_them(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call], level: str
) -> None:
    usual = frozenset({"crm.objects.contacts.read", "crm.objects.contacts.write", "crm.schemas.contacts.write"})
    tokens = {"pat-usual": usual, "pat-more": usual | {f"crm.objects.contacts.{level}.read.v2"}}
    call = connect(portal_factory(contacts=0, tokens=tokens).base_url)
    secret = {"name": "iban", "label": "IBAN", "type": "string", "fieldType": "text", "dataSensitivity": level}
    body = secret | {"groupName": "contactinformation"}
    call("POST", "/crm/properties/2026-09/contacts", json=body, token="pat-usual")
    made = call("POST", CONTACTS, json={"properties": {"iban": "DE1", "city": "Ulm"}}, token="pat-usual").json()

    for token, shown in (("pat-usual", {"city": "Ulm"}), ("pat-more", {"city": "Ulm", "iban": "DE1"})):
        paths = ("?properties=iban,city", "?propertiesWithHistory=iban,city")
        for path in paths:
            found = call("GET", f"{CONTACTS}/{made['id']}{path}", token=token).json()
            assert {
                name: found["properties"][name] for name in ("iban", "city") if name in found["properties"]
            } == shown
            assert set(found.get("propertiesWithHistory", shown)) == set(shown)
        search = call("POST", f"{CONTACTS}/search", json={"properties": ["iban"]}, token=token).json()
        assert ("iban" in search["results"][0]["properties"]) is ("iban" in shown)


def test_an_owner_must_exist_unless_the_knob_says_not(
    portal_factory: Callable[..., Emulator], connect: Callable[[str], Call]
) -> None:
    for knobs, expected in ((Knobs(), 400), (Knobs(owners_must_exist=False), 201)):
        call = connect(portal_factory(contacts=0, knobs=knobs).base_url)
        answer = call("POST", CONTACTS, json={"properties": {"hubspot_owner_id": "1"}})
        assert answer.status == expected
        owner = call("GET", "/crm/owners/2026-09?limit=1").json()["results"][0]["id"]
        assert call("POST", CONTACTS, json={"properties": {"hubspot_owner_id": owner}}).status == 201


def test_a_contact_has_250_identities_at_most(emulator: Emulator, call: Call) -> None:
    ids = [call("POST", CONTACTS, json={"properties": {"firstname": name}}).json()["id"] for name in "abc"]
    with emulator.portal.lock:
        crowd = ";".join(str(number) for number in range(900_001, 900_249))
        emulator.portal.update_record("0-1", int(ids[0]), {"hs_merged_object_ids": crowd})
        emulator.portal.commit()

    def merge(primary: str, merged: str) -> Any:
        return call("POST", f"{CONTACTS}/merge", json={"primaryObjectId": primary, "objectIdToMerge": merged})

    survivor = merge(ids[0], ids[1])
    assert survivor.status == 200
    refused = merge(survivor.json()["id"], ids[2])
    assert (refused.status, refused.json()["message"]) == (400, "Cannot have more than 250 identities on a profile")

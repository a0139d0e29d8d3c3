"""Static lists as the target of a sync: put on, taken off what we put on, undone, proven."""

from __future__ import annotations

from typing import Any

import pytest

from hubferry.errors import ConfigError
from hubferry.push.undo import build_undo
from hubferry.push.verify import verify_sync

COLUMNS = "id INTEGER, email VARCHAR, firstname VARCHAR, lists VARCHAR[]"


def make_list(world: Any, name: str, kind: str = "MANUAL", object_type: str = "0-1") -> str:
    body: dict[str, Any] = {"name": name, "objectTypeId": object_type, "processingType": kind}
    if kind == "DYNAMIC":
        body["filterBranch"] = {"filterBranchType": "OR", "filterBranches": [], "filters": []}
    return str(world.call("POST", "/crm/v3/lists", body)["list"]["listId"])


def members(world: Any, list_id: str) -> set[str]:
    found = world.call("GET", f"/crm/v3/lists/{list_id}/memberships")["results"]
    return {world.truth()[each["recordId"]]["properties"]["email"] for each in found}


@pytest.fixture
def listed(world: Any, make_sync: Any) -> Any:
    """A sync that names lists by their names."""
    world.syncs = [make_sync(associations=[{"to": "lists", "column": "lists", "by": "name"}])]
    return world


def test_rows_are_put_on_lists_and_taken_off_when_the_source_says_so(listed: Any) -> None:
    vip, news = make_list(listed, "VIP"), make_list(listed, "News")
    listed.people((1, "a@x.com", "Ann", ["vip", "News"]), (2, "b@x.com", "Bob", ["News"]), columns=COLUMNS)

    first = listed.push()
    on_lists = members(listed, vip), members(listed, news)
    listed.sql(
        "UPDATE main.people SET lists = ['News'] WHERE id = 1", "UPDATE main.people SET lists = NULL WHERE id = 2"
    )
    listed.push()

    assert first.links["contacts"].applied == 3
    assert on_lists == ({"a@x.com"}, {"a@x.com", "b@x.com"})
    assert (members(listed, vip), members(listed, news)) == (set(), {"a@x.com"})
    assert listed.plan().changes == 0


def test_who_was_on_the_list_before_us_stays_on_it(listed: Any, make_sync: Any) -> None:
    vip, theirs = make_list(listed, "VIP"), listed.add_contact(email="a@x.com")
    listed.call("PUT", f"/crm/v3/lists/{vip}/memberships/add", [theirs])
    listed.people((1, "a@x.com", "Ann", ["VIP"]), (2, "b@x.com", "Bob", ["VIP"]), columns=COLUMNS)
    listed.push()

    listed.sql("UPDATE main.people SET lists = NULL")
    listed.push()

    assert members(listed, vip) == {"a@x.com"}


@pytest.mark.parametrize("mode", ["upsert", "mirror"])
def test_a_row_that_left_is_taken_off_only_in_a_mirror(listed: Any, make_sync: Any, mode: str) -> None:
    """Its record was there before us, so it stays."""
    vip = make_list(listed, "VIP")
    listed.add_contact(email="a@x.com")
    listed.syncs = [make_sync(mode=mode, associations=[{"to": "lists", "column": "lists"}])]
    listed.people((1, "a@x.com", "Ann", [vip]), (2, "b@x.com", "Bob", [vip]), columns=COLUMNS)
    listed.push()

    listed.sql("DELETE FROM main.people WHERE id = 1")
    listed.push()

    assert members(listed, vip) == {"b@x.com"} | ({"a@x.com"} if mode == "upsert" else set())


def test_lists_that_cannot_be_are_named_and_the_rest_goes_on(listed: Any) -> None:
    vip = make_list(listed, "VIP")
    for name, more in (("Clever", {"kind": "DYNAMIC"}), ("Firms", {"object_type": "0-2"})):
        make_list(listed, name, **more)
    listed.people((1, "a@x.com", "Ann", ["VIP", "Clever", "Firms", "None such"]), columns=COLUMNS)

    report = listed.push()

    assert members(listed, vip) == {"a@x.com"}
    assert (report.links["contacts"].applied, report.plan.counts["contacts"].links_invalid) == (1, 3)
    assert all("no such static list" in each.message for each in listed.rejected())


def test_a_list_that_is_deleted_after_the_plan_is_refused_in_hubspots_words(listed: Any) -> None:
    vip, news = make_list(listed, "VIP"), make_list(listed, "News")
    listed.people((1, "a@x.com", "Ann", ["VIP", "News"]), columns=COLUMNS)
    plan = listed.plan()
    listed.call("DELETE", f"/crm/v3/lists/{vip}")

    report = listed.apply(plan)

    assert (report.links["contacts"].applied, report.links["contacts"].rejected) == (1, 1)
    assert "List does not exist" in listed.rejected()[0].message
    assert members(listed, news) == {"a@x.com"}


def test_a_lost_answer_is_looked_up_and_what_was_put_on_is_ours(listed: Any) -> None:
    vip = make_list(listed, "VIP")
    listed.people((1, "a@x.com", "Ann", ["VIP"]), columns=COLUMNS)
    listed.fault("/memberships/add-and-remove", {"kind": "reset"}, match={"method": "PUT"}, phase="after", times=1)

    report = listed.push()

    assert report.links["contacts"].applied == 1
    assert members(listed, vip) == {"a@x.com"}
    assert listed.sql("SELECT added FROM hubferry.links") == [(True,)]


def test_being_on_a_list_is_undone_and_verified(listed: Any) -> None:
    vip = make_list(listed, "VIP")
    listed.add_contact(email="a@x.com", firstname="Ann")
    listed.people((1, "a@x.com", "Ann", ["VIP"]), columns=COLUMNS)
    report = listed.push()
    found = verify_sync(listed.syncs[0], client=listed.client, state=listed.state)
    listed.apply(build_undo(report.run_id, client=listed.client, warehouse=listed.warehouse, state=listed.state))

    assert found.links == {"equal": 1}
    assert members(listed, vip) == set()


@pytest.mark.parametrize(
    ("entry", "said"), [({"by": "email"}, "by `name`"), ({"cleanup_default": True}, "about labels")]
)
def test_what_a_list_has_not_is_a_mistake_of_the_sync(
    listed: Any, make_sync: Any, entry: dict[str, Any], said: str
) -> None:
    listed.syncs = [make_sync(associations=[{"to": "lists", "column": "lists"} | entry])]
    listed.people((1, "a@x.com", "Ann", None), columns=COLUMNS)

    with pytest.raises(ConfigError, match=said):
        listed.plan()

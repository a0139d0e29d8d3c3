"""What fields can say: policies, options, owners, stages, multi-selects; models as sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hubferry.config.load import load_project
from hubferry.errors import ConfigError, UnknownNameError


def push_name(world: Any, make_sync: Any, policy: str, name: str) -> Any:
    world.syncs = [make_sync(fields={"email": "email", "firstname": {"column": "firstname", "policy": policy}})]
    world.people((1, "a@x.com", name))
    return world.push()


@pytest.mark.parametrize(
    ("policy", "left"),
    [("warehouse_wins", "Source"), ("hubspot_wins", "Theirs"), ("fill_only", "Theirs"), ("manual", "Theirs")],
)
def test_a_policy_decides_where_hubspot_was_changed_since_our_write(
    world: Any, make_sync: Any, policy: str, left: str
) -> None:
    push_name(world, make_sync, policy, "Ours")
    assert world.contact("a@x.com")["properties"]["firstname"] == "Ours"  # an empty value is ours to fill
    world.change(world.contact("a@x.com")["id"], firstname="Theirs")

    report = push_name(world, make_sync, policy, "Source")
    world.push(full=True)

    assert world.contact("a@x.com")["properties"]["firstname"] == left
    assert report.plan.counts["contacts"].conflicts == (policy == "manual")


@pytest.mark.parametrize(("policy", "left"), [("hubspot_wins", "Next"), ("manual", "Next"), ("fill_only", "Ours")])
def test_a_value_that_nobody_else_changed_follows_the_source(
    world: Any, make_sync: Any, policy: str, left: str
) -> None:
    push_name(world, make_sync, policy, "Ours")
    push_name(world, make_sync, policy, "Next")

    assert world.contact("a@x.com")["properties"]["firstname"] == left


@pytest.mark.parametrize("policy", ["hubspot_wins", "manual"])
def test_our_last_write_stays_the_base_while_the_source_has_no_value(world: Any, make_sync: Any, policy: str) -> None:
    fields = {"email": "email", "firstname": {"column": "firstname", "policy": policy}, "lastname": "lastname"}
    world.syncs = [make_sync(fields=fields)]
    columns = "id INTEGER, email VARCHAR, firstname VARCHAR, lastname VARCHAR"
    for rows in (
        [(1, "a@x.com", "Ours", "One"), (2, "b@x.com", "Ours", "One")],
        [(1, "a@x.com", None, "One"), (2, "b@x.com", None, "Two")],  # only noted of one record, written to the other
        [(1, "a@x.com", "Next", "One"), (2, "b@x.com", "Next", "Two")],
    ):
        world.people(*rows, columns=columns)
        report = world.push()

    assert [world.contact(f"{each}@x.com")["properties"]["firstname"] for each in "ab"] == ["Next", "Next"]
    assert (report.rows["contacts"].applied, world.rejected()) == (2, [])


@pytest.mark.parametrize("policy", ["hubspot_wins", "manual"])
def test_what_others_wrote_while_the_source_had_no_value_is_still_theirs(
    world: Any, make_sync: Any, policy: str
) -> None:
    push_name(world, make_sync, policy, "Ours")
    world.people((1, "a@x.com", None))
    world.push()
    world.change(world.contact("a@x.com")["id"], firstname="Theirs")

    push_name(world, make_sync, policy, "Next")

    assert world.contact("a@x.com")["properties"]["firstname"] == "Theirs"


def test_a_conflict_is_listed_with_who_changed_it_and_the_rest_of_the_row_goes_on(world: Any, make_sync: Any) -> None:
    fields = {"email": "email", "firstname": {"column": "firstname", "policy": "manual"}, "lastname": "lastname"}
    world.syncs = [make_sync(fields=fields)]
    columns = "id INTEGER, email VARCHAR, firstname VARCHAR, lastname VARCHAR"
    world.people((1, "a@x.com", "Ours", "One"), columns=columns)
    world.push()
    world.change(world.contact("a@x.com")["id"], firstname="Theirs")
    world.people((1, "a@x.com", "Source", "Two"), columns=columns)

    report = world.push()

    assert report.rows["contacts"].applied == 1
    assert world.contact("a@x.com")["properties"]["lastname"] == "Two"
    assert world.contact("a@x.com")["properties"]["firstname"] == "Theirs"
    (entry,) = [each for each in world.rejected() if each.detail == "firstname"]
    assert entry.state == "skipped"
    assert "by API, 20" in entry.message
    assert world.push().plan.counts["contacts"].conflicts == 1  # until somebody settles it
    world.change(world.contact("a@x.com")["id"], firstname="Source")
    assert world.push().plan.counts["contacts"].conflicts == 0
    assert world.rejected() == []


def test_a_plan_says_who_changed_last_what_it_overwrites(world: Any, make_sync: Any) -> None:
    push_name(world, make_sync, "warehouse_wins", "Ours")
    world.change(world.contact("a@x.com")["id"], firstname="Theirs")

    (step,) = [each.step for each in world.steps(world.plan())]

    assert [(each.old, each.new) for each in step.changes] == [("Theirs", "Ours")]
    assert step.changes[0].by.startswith("API, 20")


@pytest.fixture
def coloured(world: Any) -> Any:
    """Contacts with a select and a multi-select of two options."""
    options = [{"label": text.title(), "value": text, "displayOrder": 1} for text in ("red", "blue")]
    world.add_property("colour", type="enumeration", fieldType="select", options=options)
    world.add_property("colours", type="enumeration", fieldType="checkbox", options=options)
    world.sql("CREATE TABLE main.people AS SELECT 1 AS id, 'a@x.com' AS email, 'Green' AS one, 'Blue;Green' AS many")
    return world


def test_options_that_hubspot_lacks_are_steps_of_the_plan_where_a_field_says_so(coloured: Any, make_sync: Any) -> None:
    fields = {
        "email": "email",
        "colour": {"column": "one", "on_unknown_option": "create"},
        "colours": {"column": "many", "on_unknown_option": "create"},
    }
    coloured.syncs = [make_sync(fields=fields)]

    plan = coloured.plan()
    before = coloured.call("GET", "/crm/v3/properties/contacts/colour")["options"]
    report = coloured.apply(plan)

    assert plan.counts["contacts"].options_added == 2
    assert [each["value"] for each in before] == ["red", "blue"]
    after = coloured.call("GET", "/crm/v3/properties/contacts/colour")["options"]
    assert [each["value"] for each in after] == ["red", "blue", "Green"]
    assert report.exit_code == 0
    found = coloured.contact("a@x.com")["properties"]
    assert (found["colour"], found["colours"]) == ("Green", "blue;Green")
    assert coloured.plan().changes == 0


def test_an_option_that_hubspot_lacks_sets_the_row_aside_else(coloured: Any, make_sync: Any) -> None:
    coloured.syncs = [make_sync(fields={"email": "email", "colour": "one"})]

    assert coloured.push().plan.counts["contacts"].invalid == 1
    assert "on_unknown_option: create" in coloured.rejected()[0].advice


@pytest.mark.parametrize(("kind", "value"), [("string", "gold"), ("number", "7"), ("date", "2026-01-31")])
def test_a_property_that_hubspot_lacks_is_a_step_of_the_plan_where_a_field_says_so(
    world: Any, make_sync: Any, kind: str, value: str
) -> None:
    world.sql(f"CREATE TABLE main.people AS SELECT 1 AS id, 'a@x.com' AS email, '{value}' AS loyalty")
    fields = {"email": "email", "loyalty_level": {"column": "loyalty", "create": kind}}
    world.syncs = [make_sync(fields=fields)]

    plan = world.plan()
    unmade = world.call("GET", "/crm/v3/properties/contacts")["results"]
    report = world.apply(plan)
    made = world.call("GET", "/crm/v3/properties/contacts/loyalty_level")

    assert [type(each.step).__name__ for each in world.steps(plan)] == ["CreateRecord", "CreateProperty"]
    assert "loyalty_level" not in {each["name"] for each in unmade}
    assert (made["type"], made["label"], made["hasUniqueValue"]) == (kind, "Loyalty level", False)
    assert (report.exit_code, world.contact("a@x.com")["properties"]["loyalty_level"]) == (0, value)
    assert world.plan().changes == 0


def test_a_property_that_is_made_needs_a_name_that_hubspot_takes(world: Any, make_sync: Any) -> None:
    world.people((1, "a@x.com", "Ann"))
    world.syncs = [make_sync(fields={"email": "email", "First Name": {"column": "firstname", "create": "string"}})]

    with pytest.raises(ConfigError, match="lower-case letters"):
        world.plan()


@pytest.mark.parametrize(("multi", "left"), [("replace", "blue"), ("append", "red;blue"), ("remove", "red")])
def test_a_multi_select_is_replaced_added_to_or_taken_from(
    coloured: Any, make_sync: Any, multi: str, left: str
) -> None:
    start = {"replace": "red", "append": "red", "remove": "red;blue"}[multi]
    coloured.add_contact(email="a@x.com", colours=start)
    coloured.sql("UPDATE main.people SET many = 'Blue'")
    coloured.syncs = [make_sync(fields={"email": "email", "colours": {"column": "many", "multi": multi}})]

    coloured.push()

    assert set(coloured.contact("a@x.com")["properties"]["colours"].split(";")) == set(left.split(";"))
    assert coloured.plan().changes == 0


def test_owners_are_named_by_id_or_email(world: Any, make_sync: Any) -> None:
    owners = [each for each in world.call("GET", "/crm/v3/owners?limit=100")["results"] if each.get("email")]
    owner = owners[0]
    world.syncs = [make_sync(fields={"email": "email", "hubspot_owner_id": "owner"})]
    world.sql(
        f"CREATE TABLE main.people AS SELECT 1 AS id, 'a@x.com' AS email, '{owner['email'].upper()}' AS owner"
        f" UNION ALL SELECT 2, 'b@x.com', '{owner['id']}' UNION ALL SELECT 3, 'c@x.com', 'nobody@x.com'"
    )

    report = world.push()

    assert [world.contact(f"{name}@x.com")["properties"]["hubspot_owner_id"] for name in "ab"] == [owner["id"]] * 2
    assert report.plan.counts["contacts"].invalid == 1
    assert world.plan().changes == 0


def test_pipelines_and_stages_are_named_by_id_or_label(world: Any, make_sync: Any) -> None:
    """A stage's label is looked for in the row's own pipeline."""
    world.sql(
        "CREATE TABLE main.deals AS SELECT 1 AS id, 'One' AS dealname, 'Renewals' AS line, 'Renewed' AS stage"
        " UNION ALL SELECT 2, 'Two', 'default', 'Closed Won' UNION ALL SELECT 3, 'Three', 'Sales Pipeline', 'closedlost'"
        " UNION ALL SELECT 4, 'Four', 'Sales Pipeline', 'Renewed'"
    )
    fields = {"dealname": "dealname", "dealstage": "stage", "pipeline": "line"}
    settings = {"source": "main.deals", "object": "deals", "match": "hs_object_id", "allow_keyless_create": True}
    world.syncs = [make_sync("deals", fields=fields, **settings)]

    report = world.push()

    found = {each["properties"]["dealname"]: each["properties"] for each in world.truth("deals").values()}
    assert {name: (each["pipeline"], each["dealstage"]) for name, each in found.items()} == {
        "One": ("75800461", "141270874"),
        "Two": ("default", "closedwon"),
        "Three": ("default", "closedlost"),
    }
    assert report.rows["deals"].rejected == 1  # HubSpot judges a stage that the pipeline does not have
    assert world.plan().counts["deals"].updates == 0


def test_a_model_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "hubferry.yml").write_text("warehouse: {duckdb: {path: w.duckdb}}\n")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "people.sql").write_text("SELECT 1 AS id -- the last line;\n")
    (tmp_path / "syncs").mkdir()
    sync = tmp_path / "syncs" / "people.yml"
    sync.write_text("model: people\nkey: id\nobject: contacts\nmatch: email\nfields: {email: email}\n")

    assert load_project(tmp_path, {}).syncs["people"].model_sql == "SELECT 1 AS id -- the last line;\n"
    sync.write_text(sync.read_text().replace("model: people", "model: peopel"))
    with pytest.raises(UnknownNameError, match="people"):
        load_project(tmp_path, {})
    sync.write_text(sync.read_text().replace("model: peopel", "model: people\nsource: a.b"))
    with pytest.raises(ConfigError, match="exactly one"):
        load_project(tmp_path, {})


def test_rows_of_a_model_are_pushed(world: Any, make_sync: Any) -> None:
    sync = make_sync(source=None, model="people")
    text = "SELECT 1 AS id, 'a@x.com' AS email, 'Ann' AS firstname -- end"
    world.syncs = [sync.model_copy(update={"model_sql": text})]

    world.push()

    assert world.contact("a@x.com")["properties"]["firstname"] == "Ann"


def test_rows_are_looked_at_again_when_their_policy_is_another_one(world: Any, make_sync: Any) -> None:
    push_name(world, make_sync, "hubspot_wins", "Ours")
    world.change(world.contact("a@x.com")["id"], firstname="Theirs")
    push_name(world, make_sync, "hubspot_wins", "Source")
    push_name(world, make_sync, "hubspot_wins", "Source")
    assert world.contact("a@x.com")["properties"]["firstname"] == "Theirs"

    push_name(world, make_sync, "warehouse_wins", "Source")

    assert world.contact("a@x.com")["properties"]["firstname"] == "Source"


def test_rows_are_looked_at_again_when_a_column_of_the_source_is_of_another_type(world: Any, make_sync: Any) -> None:
    """A time and its text are the same in JSON, of which the digest of a row is made."""
    world.syncs = [make_sync(fields={"email": "email", "firstname": "firstname"})]
    world.people((1, "a@x.com", "2026-01-01 12:00:00"))
    world.push()
    world.push()

    world.people((1, "a@x.com", "2026-01-01 12:00:00"), columns="id INTEGER, email VARCHAR, firstname TIMESTAMP")
    world.push()

    assert world.contact("a@x.com")["properties"]["firstname"] == "2026-01-01T12:00:00.000Z"


def test_a_number_that_was_pulled_is_not_written_back_in_fewer_digits(world: Any, make_sync: Any) -> None:
    """HubSpot writes all digits of some doubles; a column of doubles, as a pull makes it, holds the same number."""
    digits = "0.46472771417998692822237671862239949405193328857421875"
    made = {
        "name": "score",
        "label": "Score",
        "type": "number",
        "fieldType": "number",
        "groupName": "contactinformation",
    }
    world.call("POST", "/crm/v3/properties/contacts", made)
    world.add_contact(email="a@x.com", score=digits)
    world.syncs = [make_sync(fields={"email": "email", "score": "score"})]
    columns = "id INTEGER, email VARCHAR, score DOUBLE"
    world.people((1, "a@x.com", float(digits)), columns=columns)
    first = world.push()
    world.people((1, "a@x.com", 0.5), columns=columns)
    world.push()

    assert first.plan.changes == 0
    assert world.contact("a@x.com")["properties"]["score"] == "0.5"

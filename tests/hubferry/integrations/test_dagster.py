"""Streams and syncs as assets, run by Dagster itself; `make test-integrations` installs it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from integration_world import BARE, EMAIL, TOKEN, World, read_python

from hubferry.errors import ConfigError, UnknownNameError

dg = pytest.importorskip("dagster", reason="Dagster is not installed here: make test-integrations has it")

from hubferry.integrations.dagster import CHECK, build_assets  # noqa: E402

CONTACTS, OWNERS = dg.AssetKey(["hubspot", "contacts"]), dg.AssetKey(["hubspot", "owners"])
PEOPLE = dg.AssetKey(["hubspot_syncs", "people"])


def materialize(world: World, *keys: Any, **options: Any) -> Any:
    """Have Dagster run the assets of a project, all or these."""
    with dg.DagsterInstance.ephemeral() as instance:
        assets = build_assets(world.folder, **options)
        return dg.materialize(assets, selection=list(keys) or None, instance=instance, raise_on_error=False)


def failure_of(result: Any) -> Any:
    """Give what Dagster keeps of the failed step."""
    (event,) = [each for each in result.all_events if each.event_type_value == "STEP_FAILURE"]
    return event.step_failure_data


def retries_of(result: Any) -> int:
    return [each.event_type_value for each in result.all_events].count("STEP_UP_FOR_RETRY")


def numbers_of(result: Any, key: Any) -> dict[str, Any]:
    (event,) = [each for each in result.get_asset_materialization_events() if each.asset_key == key]
    return {name: each.value for name, each in event.materialization.metadata.items()}


def everything_said(result: Any) -> str:
    return "\n".join(str(each) for each in result.all_events)


def test_a_stream_that_is_blocked_is_a_failure_that_says_why_and_the_others_are_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTEGRATION_TOKEN", BARE)

    result = materialize(world, CONTACTS, OWNERS, retry_policy=dg.RetryPolicy(max_retries=3))

    assert not result.success
    failed = failure_of(result).user_failure_data
    assert "contacts: blocked: " in failed.description
    assert "needs the scope 'crm.objects.contacts.read'" in failed.description
    assert retries_of(result) == 0
    assert numbers_of(result, OWNERS)["state"] == "done"


def test_a_plan_over_its_guards_is_a_failure_that_names_the_plan_and_is_not_tried_again(world: World) -> None:
    world.write(guards={"max_creates": 0})

    result = materialize(world, PEOPLE, retry_policy=dg.RetryPolicy(max_retries=3))

    assert retries_of(result) == 0
    failed = failure_of(result).user_failure_data
    with world.open() as project:
        assert project.stored_plan(failed.metadata["plan_id"].value).counts["people"].creates == 1
    assert failed.metadata["type"].value == "GuardError"
    assert "max_creates allows 0" in failed.description


def test_an_unreachable_portal_is_tried_again(world: World) -> None:
    world.write()
    file = world.folder / "hubferry.yml"
    file.write_text(file.read_text().replace(world.portal.base_url, "http://127.0.0.1:9"))

    result = materialize(world, OWNERS, retry_policy=dg.RetryPolicy(max_retries=1))

    assert retries_of(result) == 1
    assert failure_of(result).user_failure_data.metadata["type"].value == "UnreachableError"


def test_chosen_streams_are_assets_with_the_numbers_of_the_run(world: World) -> None:
    result = materialize(world, CONTACTS, OWNERS)

    assert result.success
    told = numbers_of(result, CONTACTS)
    with world.open() as project:
        table, (run, streams) = project.tables.describe("contacts"), project.show("latest")
    assert told["run_id"] == run.run_id
    assert (told["dagster/row_count"], told["inserted"]) == (table.rows, table.live)
    assert [each.name for each in told["dagster/column_schema"].columns] == [each.name for each in table.columns]
    assert {each.stream for each in streams} == {"contacts", "owners"}


def test_one_stream_can_be_materialised_alone(world: World) -> None:
    result = materialize(world, OWNERS)

    assert [each.asset_key for each in result.get_asset_materialization_events()] == [OWNERS]
    with world.open() as project:
        assert [each.stream for each in project.show("latest")[1]] == ["owners"]


def test_a_sync_is_an_asset_with_the_summary_of_its_plan(world: World) -> None:
    result = materialize(world, PEOPLE)

    told = numbers_of(result, PEOPLE)
    with world.open() as project:
        plan = project.stored_plan(told["plan_id"])
    assert (told["plan/rows"], told["plan/creates"]) == (plan.counts["people"].rows, plan.counts["people"].creates)
    assert told["rows/applied"] == 1
    assert {each["guard"] for each in told["guards"]} == {"max_archives", "max_links_removed"}
    assert told["cost"]["apply_calls"] == plan.cost.apply_calls


def test_rows_that_could_not_be_done_fail_the_check_of_the_sync_and_not_the_run(world: World) -> None:
    world.write(query="SELECT 'C-2' AS number, 'no address' AS email, 'Ada' AS name")

    result = materialize(world, PEOPLE)

    (check,) = result.get_asset_check_evaluations()
    assert result.success
    assert (check.check_name, check.passed, check.metadata["rows_open"].value) == (CHECK, False, 1)


def test_a_sync_depends_on_the_table_that_it_reads(world: World) -> None:
    world.write(source="hubspot.contacts", query=None, key="id")

    graph = dg.Definitions(assets=build_assets(world.folder)).resolve_asset_graph()

    assert graph.get(PEOPLE).parent_keys == {CONTACTS}


def test_dependencies_of_a_query_are_said_by_hand(world: World) -> None:
    assets = build_assets(world.folder, deps={"people": [dg.AssetKey(["marts", "people"])]})

    assert dg.Definitions(assets=assets).resolve_asset_graph().get(PEOPLE).parent_keys == {
        dg.AssetKey(["marts", "people"])
    }
    with pytest.raises(UnknownNameError, match="unknown sync 'peopel'"):
        build_assets(world.folder, deps={"peopel": []})


def test_custom_objects_are_asked_for_only_where_that_is_said(world: World) -> None:
    world.write(streams=("custom_*",))

    with pytest.raises(ConfigError, match="ask_portal=True"):
        build_assets(world.folder)
    keys = {key for each in build_assets(world.folder, ask_portal=True) for key in each.keys}
    assert dg.AssetKey(["hubspot", "custom_cars"]) in keys


def test_definitions_load_without_a_token_or_a_portal(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTEGRATION_TOKEN")

    assert {key for each in build_assets(world.folder) for key in each.keys} == {CONTACTS, OWNERS, PEOPLE}


def test_what_dagster_keeps_holds_neither_the_token_nor_a_value(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    result = materialize(world)

    said = everything_said(result) + "".join(capfd.readouterr())
    assert result.success
    assert TOKEN not in said
    assert EMAIL not in said


def test_a_mistake_in_the_files_is_said_when_definitions_load(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no hubferry\.yml"):
        build_assets(tmp_path)


def test_the_guide_is_what_dagster_loads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.folder.rename(world.folder.parent / "crm")
    monkeypatch.chdir(world.folder.parent)
    found: dict[str, Any] = {}

    exec(read_python("dagster.md"), found)

    graph = found["defs"].resolve_asset_graph()
    assert graph.get(PEOPLE).parent_keys == {dg.AssetKey(["marts", "customers"])}
    assert {CONTACTS, OWNERS} <= set(graph.get_all_asset_keys())
    dg.Definitions.validate_loadable(found["defs"])

"""The operators in DAGs that Airflow itself runs; `make test-integrations` installs it."""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration_world import BARE, EMAIL, TOKEN, World, read_python

if importlib.util.find_spec("airflow") is None:
    pytest.skip("Airflow is not installed here: make test-integrations has it", allow_module_level=True)

HOME = Path(tempfile.mkdtemp(prefix="hubferry-airflow-"))
DAGS = HOME / "dags" / "hubferry_dags.py"
os.environ |= {  # read when Airflow is imported
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS.parent),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
}
DAG_FILE = """
from datetime import timedelta
from airflow.sdk import DAG
from hubferry.integrations.airflow import PullOperator, PushOperator

shared = {"folder": "{{ dag_run.conf['folder'] }}", "wait_seconds": 0, "secrets": {"INTEGRATION_TOKEN": "hubspot"}}
retried = {"retries": 1, "retry_delay": timedelta(0)}
with DAG("pull", schedule=None, default_args=retried) as pull:
    PullOperator(task_id="task", select=["{{ dag_run.conf.get('stream', 'owners') }}", "owners"], **shared)
with DAG("push", schedule=None, default_args=retried) as push:
    PushOperator(task_id="task", syncs=["people"], **shared)
with DAG("tolerant", schedule=None, default_args=retried) as tolerant:
    PushOperator(task_id="task", tolerated_rows=1, **shared)
"""
pytestmark = pytest.mark.filterwarnings("default")  # Airflow warns of itself


@pytest.fixture(scope="module", autouse=True)
def airflow() -> Iterator[dict[str, Any]]:
    """Make Airflow's database and the DAGs; give the DAGs by name."""
    from airflow.utils.db import initdb  # noqa: PLC0415

    DAGS.parent.mkdir()
    DAGS.write_text(DAG_FILE)
    initdb()
    yield runpy.run_path(str(DAGS))
    shutil.rmtree(HOME)


@pytest.fixture
def run(airflow: dict[str, Any], world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Have Airflow run a DAG of one task, which may be tried twice; give state and tries of the task, and its XComs."""
    monkeypatch.delenv("INTEGRATION_TOKEN")

    def begin(name: str, *, token: str = TOKEN, **conf: str) -> tuple[str, int, dict[str, Any]]:
        monkeypatch.setenv("AIRFLOW_CONN_HUBSPOT", json.dumps({"conn_type": "generic", "password": token}))
        ended = airflow[name].test(run_conf={"folder": str(world.folder)} | conf)
        (task,) = ended.get_task_instances()
        return str(task.state), task.try_number, xcoms_of(ended)

    return begin


def xcoms_of(ended: Any) -> dict[str, Any]:
    """Give everything that XCom holds of a run, by key, straight from Airflow's database."""
    from airflow.models.xcom import XComModel  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session() as session:
        found = session.query(XComModel).filter(XComModel.run_id == ended.run_id, XComModel.dag_id == ended.dag_id)
        return {each.key: XComModel.deserialize_value(each) for each in found}


def test_a_blocked_stream_fails_for_good_after_the_others_were_pulled(run: Any, world: World) -> None:
    state, tries, told = run("pull", token=BARE, stream="contacts")

    assert (state, tries) == ("failed", 1)
    assert {name: each["state"] for name, each in told["unfinished"]["streams"].items()} == {
        "contacts": "blocked",
        "owners": "done",
    }
    assert "return_value" not in told


def test_an_unreachable_portal_is_tried_again(run: Any, world: World) -> None:
    file = world.folder / "hubferry.yml"
    file.write_text(file.read_text().replace(world.portal.base_url, "http://127.0.0.1:9"))

    state, tries, told = run("pull")

    assert (state, tries, told) == ("failed", 2, {})


def test_a_plan_over_its_guards_fails_for_good_and_its_id_is_told(run: Any, world: World) -> None:
    world.write(guards={"max_creates": 0})

    state, tries, told = run("push")

    assert (state, tries, list(told)) == ("failed", 1, ["kept_plan_id"])
    with world.open_with(TOKEN) as project:
        assert project.stored_plan(told["kept_plan_id"]).counts["people"].creates == 1


def test_rows_that_could_not_be_done_fail_the_task_unless_tolerated(run: Any, world: World) -> None:
    world.write(query="SELECT 'C-2' AS number, 'no address' AS email, 'Ada' AS name")

    state, _, told = run("push")
    tolerated, *_ = run("tolerant")

    assert (state, told["unfinished"]["rows_open"]) == ("failed", 1)
    assert tolerated == "success"


def test_a_pull_tells_ids_and_counts_of_the_streams_that_its_templates_name(run: Any, world: World) -> None:
    state, _, told = run("pull", stream="contacts")

    assert (state, list(told)) == ("success", ["return_value"])
    with world.open_with(TOKEN) as project:
        (last, streams), rows = project.show("latest"), project.tables.describe("contacts").live
    assert told["return_value"]["run_id"] == last.run_id
    assert told["return_value"]["streams"]["contacts"]["inserted"] == rows
    assert {each.stream for each in streams} == {"contacts", "owners"}


def test_a_push_plans_and_applies_and_tells_ids_and_counts(run: Any, world: World) -> None:
    state, _, told = run("push")

    summary = told["return_value"]
    assert state == "success"
    assert summary["rows"]["people"] == {"planned": 1, "applied": 1, "rejected": 0, "skipped": 0, "unknown": 0}
    with world.open_with(TOKEN) as project:
        assert project.stored_plan(summary["plan"]["plan_id"]).state == "applied"


def test_what_airflow_keeps_holds_neither_the_token_nor_a_value(
    run: Any, world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    told = [run("pull", stream="contacts"), run("push")]

    said = json.dumps(told) + "".join(capfd.readouterr())
    said += "".join(file.read_text(errors="replace") for file in (HOME / "logs").rglob("*") if file.is_file())
    assert [state for state, *_ in told] == ["success", "success"]
    assert TOKEN not in said
    assert EMAIL not in said


def test_the_guide_is_a_dag_that_airflow_takes(tmp_path: Path) -> None:
    file = tmp_path / "hubspot_dag.py"
    file.write_text(read_python("airflow.md"))

    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415

    bag = DagBag(str(file))

    assert not bag.import_errors
    assert {task.task_id for task in bag.dags["hubspot"].tasks} == {"pull", "transform", "push"}

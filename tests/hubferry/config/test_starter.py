"""What `hubferry init` writes is a project that loads, without a secret, and never over something else."""

from pathlib import Path

import pytest

from hubferry.config import schema, starter
from hubferry.config.load import load_project
from hubferry.errors import ConfigError


def write(folder: Path, *, demo: bool = False) -> None:
    starter.write_files(folder, starter.build_files(demo=demo, duckdb="warehouse.duckdb", pull_schema="hubspot"))


@pytest.mark.parametrize("demo", [False, True])
def test_a_new_project_loads_as_it_was_written(tmp_path: Path, demo: bool) -> None:
    write(tmp_path / "crm", demo=demo)

    project = load_project(tmp_path / "crm", {})

    assert list(project.syncs) == ["contacts"]
    assert project.file.hubspot.base_url.startswith("http://127.0.0.1" if demo else "https://api.hubapi.com")


def test_the_schema_line_of_each_file_points_at_a_file_that_is_there(tmp_path: Path) -> None:
    write(tmp_path)

    for name in ("hubferry.yml", "syncs/contacts.yml"):
        first = (tmp_path / name).read_text().splitlines()[0]
        assert (tmp_path / name).parent.joinpath(first.partition("$schema=")[2]).is_file()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "hubferry.yml").write_text("mine")

    with pytest.raises(ConfigError, match=r"already holds hubferry\.yml"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["hubferry.yml"]
    assert (tmp_path / "hubferry.yml").read_text() == "mine"


@pytest.mark.parametrize("name", ["hubspot.duckdb", "data/HubSpot.duckdb", "hubferry.duckdb"])
def test_a_duckdb_file_named_like_a_schema_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="two things in SQL"):
        starter.build_files(demo=False, duckdb=name, pull_schema="hubspot")


def test_git_ignores_secrets_and_data(tmp_path: Path) -> None:
    write(tmp_path, demo=True)

    assert {".env", "*.duckdb"} <= set((tmp_path / ".gitignore").read_text().splitlines())


def test_the_schemas_know_every_setting() -> None:
    project, sync = (schema.build_schema(name) for name in ("hubferry.schema.json", "sync.schema.json"))

    assert set(project["properties"]) == {"alerts", "environments", "hubspot", "pull", "warehouse"}
    assert {"object", "match", "fields", "associations", "guards"} <= set(sync["properties"])
    assert project["additionalProperties"] is False

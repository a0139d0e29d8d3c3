"""`environments:` replaces single settings, says its mistakes at their own lines, and asks for no secret it does not use."""

from pathlib import Path

import pytest

from hubferry.config.load import load_project, resolve_token
from hubferry.errors import ConfigError, LiteralSecretError, UnknownNameError

PROJECT = """\
hubspot:
  token: ${LIVE_TOKEN}
  burst_limit: 100
pull:
  streams:
    contacts: {properties: [email]}
environments:
  dev:
    hubspot: {token: "${SANDBOX_TOKEN}"}
    warehouse: {duckdb: {path: dev.duckdb}}
    pull:
      schema: hubspot_dev
      streams:
        contacts: {associations: [deals]}
        owners:
    syncs:
      people:
        where: region = 'test'
        guards: {max_creates: 5}
"""
SYNC = """\
source: analytics.people
key: number
object: contacts
match: email
fields: {email: email}
guards: {max_clears: 7}
"""
LIVE = {"LIVE_TOKEN": "live"}
SANDBOX = {"SANDBOX_TOKEN": "sandbox"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "syncs").mkdir()
    (tmp_path / "hubferry.yml").write_text(PROJECT)
    (tmp_path / "syncs" / "people.yml").write_text(SYNC)
    return tmp_path


def rewrite(folder: Path, written: str, instead: str) -> None:
    assert written in PROJECT
    (folder / "hubferry.yml").write_text(PROJECT.replace(written, instead, 1))


def test_an_environment_replaces_the_settings_it_names_and_no_others(folder: Path) -> None:
    found = load_project(folder, SANDBOX, "dev")

    assert resolve_token(found, SANDBOX).reveal() == "sandbox"
    assert found.file.hubspot.burst_limit == 100
    assert (found.file.warehouse.duckdb.path, found.file.pull.schema_) == ("dev.duckdb", "hubspot_dev")
    contacts = found.file.pull.streams["contacts"]
    assert contacts is not None
    assert (contacts.properties, contacts.associations) == (("email",), ("deals",))
    assert "owners" in found.file.pull.streams
    block = found.syncs["people"].block
    assert (block.where, block.guards.max_creates, block.guards.max_clears) == ("region = 'test'", 5, 7)


def test_without_an_environment_the_files_hold_as_they_stand(folder: Path) -> None:
    found = load_project(folder, LIVE)

    assert resolve_token(found, LIVE).reveal() == "live"
    assert (found.file.pull.schema_, list(found.file.pull.streams)) == ("hubspot", ["contacts"])
    assert found.syncs["people"].block.where is None


def test_an_unknown_environment_is_named_with_those_there_are(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match="dev"):
        load_project(folder, SANDBOX, "dv")


@pytest.mark.parametrize(
    ("written", "instead", "line", "says"),
    [
        ("      schema: hubspot_dev", "      schma: hubspot_dev", 12, "'schema'"),
        ("      schema: hubspot_dev", "      schema: hubferry", 12, "hubferry keeps its own state"),
        ("        where: region", "        wher: region", 18, "'where'"),
        ("{max_creates: 5}", "{max_creates: -5}", 19, "at least 0"),
        ("      people:", "      poeple:", 17, "'people'"),
    ],
)
def test_a_mistake_in_an_environment_is_at_its_own_line(
    folder: Path, written: str, instead: str, line: int, says: str
) -> None:
    rewrite(folder, written, instead)

    with pytest.raises(ConfigError) as caught:
        load_project(folder, SANDBOX, "dev")

    assert (caught.value.file, caught.value.line) == ("hubferry.yml", line)
    assert says in str(caught.value)


def test_a_mistyped_setting_is_found_in_an_environment_that_is_not_used(folder: Path) -> None:
    rewrite(folder, "      schema: hubspot_dev", "      schma: hubspot_dev")

    with pytest.raises(UnknownNameError, match="'schema'"):
        load_project(folder, LIVE)


@pytest.mark.parametrize("token", ["pat-na1-8d7c6b5a-1111-2222-3333-444455556666", "plain"])
@pytest.mark.parametrize("chosen", [None, "dev"])
def test_a_token_written_into_an_environment_is_refused_and_not_repeated(
    folder: Path, token: str, chosen: str | None
) -> None:
    rewrite(folder, '"${SANDBOX_TOKEN}"', token)

    with pytest.raises(LiteralSecretError) as caught:
        load_project(folder, {**LIVE, **SANDBOX}, chosen)

    assert caught.value.line == 9
    assert token not in str(caught.value)


def test_a_query_of_an_environment_takes_the_place_of_the_source(folder: Path) -> None:
    rewrite(folder, "where: region = 'test'", "query: SELECT 1 AS number, 'a@b.example' AS email")

    block = load_project(folder, SANDBOX, "dev").syncs["people"].block

    assert (block.source, block.query) == (None, "SELECT 1 AS number, 'a@b.example' AS email")

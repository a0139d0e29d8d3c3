"""A mistake in a project file is a sentence with file, line, and what is valid."""

from pathlib import Path

import pytest

from hubferry.config.load import load_project, resolve_token
from hubferry.errors import ConfigError, LiteralSecretError, UnknownNameError

PROJECT = """\
hubspot:
  token: ${HUBSPOT_TOKEN}
pull:
  streams:
    contacts:
    deals: {associations: [contacts]}
"""
SYNC = """\
source: analytics.contacts
key: contact_number
object: contacts
match: email
fields:
  email: email
  annualrevenue: {column: revenue, on_null: clear}
associations:
  - {to: companies, column: company_ids}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "syncs").mkdir()
    (tmp_path / "hubferry.yml").write_text(PROJECT)
    (tmp_path / "syncs" / "contacts.yml").write_text(SYNC)
    return tmp_path


def mistake(folder: Path, **environ: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load_project(folder, environ)
    return caught.value


@pytest.mark.parametrize(
    ("written", "instead", "line", "says"),
    [
        ("token:", "tokn:", 2, "'token'"),
        ("pull:", "pul:", 3, "'pull'"),
        ("deals: {associations: [contacts]}", "deals: {straegy: incremental}", 6, "'strategy'"),
        ("deals: {associations: [contacts]}", "deals: {strategy: incremntal}", 6, "'incremental'"),
        ("deals: {associations: [contacts]}", "deals: {associations: contacts}", 6, "must be a list, not text"),
        ("    deals:", "\tdeals:", 6, "tab"),
        ("    deals:", "    contacts:", 6, "on line 5"),
        ("pull:\n", "pull:\n  lookback_minutes: soon\n", 4, "must be a number"),
        ("pull:\n", "pull:\n  schema: hubferry\n", 4, "hubferry keeps its own state"),
        ("pull:\n", "pull:\n  schema: ware-house\n", 4, "letters, digits"),
        ("pull:\n", "warehouse: {duckdb: {path: data/hubspot.duckdb}}\npull:\n", 3, "warehouse.duckdb"),
        ("pull:\n", "pull:\n  schedule: 0 25 * * *\n", 4, "no cron expression"),
        ("pull:\n", "pull:\n  schedule: {cron: 0 5 * * *, timezone: Europe/Berlim}\n", 4, "no time zone"),
        ("pull:\n", "pull:\n  schedule: {after: pull}\n", 4, "pull waits for pull"),
        ("pull:\n", "pull:\n  schedule: {after: contcts}\n", 4, "'contacts'"),
        ("pull:\n", "pull:\n  schedule: {after: contacts}\n", 4, "has no schedule itself"),
        ("hubspot:\n", "hubspot:\n  base_url: http://example.com\n", 1, "https://"),
        ("hubspot:\n", "hubspot:\n  burst_limit: 900\n", 2, "at most 250"),
        ("token: ", "token: a: b", 2, "Quote a text"),
    ],
)
def test_a_mistake_in_hubferry_yml_names_its_line_and_what_is_valid(
    folder: Path, written: str, instead: str, line: int, says: str
) -> None:
    (folder / "hubferry.yml").write_text(PROJECT.replace(written, instead, 1))

    error = mistake(folder)

    assert (error.file, error.line) == ("hubferry.yml", line)
    assert says in str(error)


@pytest.mark.parametrize(
    ("written", "instead", "line", "says"),
    [
        ("object: contacts", "object: contact", 3, "'contacts'"),
        ("to: companies", "to: compnies", 9, "'companies'"),
        ("column: company_ids", "colum: company_ids", 9, "'column'"),
        ("on_null: clear", "on_null: cler", 7, "'clear'"),
        ("on_null: clear", "on_nul: clear", 7, "'on_null'"),
        ("column: revenue, on_null", "on_null", 7, "exactly one of column, constant and sql"),
        ("email: email", "email: 5", 6, "must be text, not a number"),
        ("email: email", "email: no", 6, "Put it in quotes"),
        ("email: email", "email:", 6, "nothing stands there"),
        ("key: contact_number\n", "", 1, "'key' is missing"),
        ("source: analytics.contacts\n", "", 1, "source"),
        ("match: email\n", "match: email\nguards: {max_creates: -1}\n", 5, "at least 0"),
    ],
)
def test_a_mistake_in_a_sync_names_its_line_and_what_is_valid(
    folder: Path, written: str, instead: str, line: int, says: str
) -> None:
    (folder / "syncs" / "contacts.yml").write_text(SYNC.replace(written, instead, 1))

    error = mistake(folder)

    assert (error.file, error.line) == ("syncs/contacts.yml", line)
    assert says in str(error)


def test_a_mistyped_name_comes_as_a_suggestion_that_a_program_can_read(folder: Path) -> None:
    (folder / "syncs" / "contacts.yml").write_text(SYNC.replace("object: contacts", "object: contcts"))

    error = mistake(folder)

    assert isinstance(error, UnknownNameError)
    assert (error.name, "contacts" in error.known) == ("contcts", True)


@pytest.mark.parametrize("name", ["custom_cars", "p62515_cars", "2-3453932"])
def test_a_custom_object_is_named_as_a_pull_names_it_or_as_hubspot_does(folder: Path, name: str) -> None:
    written = SYNC.replace("object: contacts", f"object: {name}")
    (folder / "syncs" / "contacts.yml").write_text(written)

    assert load_project(folder, {}).syncs["contacts"].block.object_ == name


def test_an_unknown_object_comes_with_how_custom_ones_are_written(folder: Path) -> None:
    (folder / "syncs" / "contacts.yml").write_text(SYNC.replace("object: contacts", "object: cars"))

    assert "custom_<name>" in str(mistake(folder))


@pytest.mark.parametrize(
    "token", ["pat-na1-8d7c6b5a-1111-2222-3333-444455556666", "an-oauth-token", "x${HUBSPOT_TOKEN}"]
)
def test_a_token_written_into_the_file_is_refused_and_not_repeated(folder: Path, token: str) -> None:
    (folder / "hubferry.yml").write_text(PROJECT.replace("${HUBSPOT_TOKEN}", token))

    error = mistake(folder, HUBSPOT_TOKEN="x")

    assert isinstance(error, LiteralSecretError)
    assert error.line == 2
    assert token not in str(error)


def test_a_private_app_token_is_refused_wherever_it_stands(folder: Path) -> None:
    token = "pat-eu1-8d7c6b5a-1111-2222-3333-444455556666"
    (folder / "syncs" / "contacts.yml").write_text(SYNC.replace("match: email", f"match: {token}"))

    error = mistake(folder)

    assert isinstance(error, LiteralSecretError)
    assert token not in str(error)


def test_a_missing_variable_is_named_with_the_way_to_set_it(folder: Path) -> None:
    (folder / "hubferry.yml").write_text(PROJECT + "warehouse:\n  duckdb:\n    path: ${WAREHOUSE}\n")

    error = mistake(folder)

    assert error.line == 9
    assert "export WAREHOUSE=" in str(error)


def test_the_token_is_asked_for_only_when_it_is_needed(folder: Path) -> None:
    project = load_project(folder, {})

    with pytest.raises(ConfigError, match=r"hubferry.yml:2: .*HUBSPOT_TOKEN is not set"):
        resolve_token(project, {})
    assert resolve_token(project, {"HUBSPOT_TOKEN": "pat-x"}).reveal() == "pat-x"


def test_the_loaded_project_holds_no_secret(folder: Path) -> None:
    project = load_project(folder, {"HUBSPOT_TOKEN": "planted"})

    assert "planted" not in repr(project)


@pytest.mark.parametrize(
    ("text", "says"), [("", "is empty"), ("# nothing\n", "is empty"), ("- a\n", "must hold settings")]
)
def test_a_file_without_settings_is_refused(folder: Path, text: str, says: str) -> None:
    (folder / "hubferry.yml").write_text(text)

    assert says in str(mistake(folder))


def test_a_missing_project_says_how_to_make_one(tmp_path: Path) -> None:
    assert "hubferry init" in str(mistake(tmp_path))
    assert "no folder" in str(mistake(tmp_path / "absent"))


def test_a_file_named_yaml_is_not_silently_ignored(folder: Path) -> None:
    (folder / "syncs" / "deals.yaml").write_text(SYNC)

    assert "rename it to end in .yml" in str(mistake(folder))


def test_a_value_refers_to_itself(folder: Path) -> None:
    (folder / "syncs" / "contacts.yml").write_text("fields: &loop\n  a: *loop\n")

    assert mistake(folder).line == 1


def test_property_names_that_yaml_reads_as_words_stay_names(folder: Path) -> None:
    (folder / "syncs" / "contacts.yml").write_text(SYNC.replace("email: email", "no: a\n  on: b\n  2026-01-01: c"))

    fields = load_project(folder, {}).syncs["contacts"].block.fields

    assert list(fields)[:3] == ["no", "on", "2026-01-01"]


def test_a_sync_knows_the_line_of_every_setting(folder: Path) -> None:
    sync = load_project(folder, {}).syncs["contacts"]

    assert sync.line("fields.annualrevenue.on_null") == 7
    assert sync.line("associations.0.by") == 9
    assert sync.line("guards.max_creates") is None

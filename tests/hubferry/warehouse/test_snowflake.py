"""What is Snowflake's own: names, staging, statements, log-in and errors; on fakesnow, over HTTP, by the real connector."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlglot
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from snowflake.connector import errors

from engines import snowflake_engine, snowflake_server
from hubferry.clock import SystemClock
from hubferry.config.warehouses import SnowflakeBlock
from hubferry.errors import ConfigError, SourceError, WarehouseError
from hubferry.project import Project
from hubferry.state.cursors import Cursor, save_cursor
from hubferry.state.store import StateStore
from hubferry.types import Column, Secret, Table
from hubferry.warehouse.arrow import table_from_rows
from hubferry.warehouse.interface import MergeCounts
from hubferry.warehouse.snowflake import account, names, types
from hubferry.warehouse.snowflake.session import Session
from hubferry.warehouse.snowflake.warehouse import SnowflakeWarehouse

CONTACTS = Table(
    "hubspot",
    "contacts",
    (Column("id", "string"), Column("updated_at", "timestamp"), Column("email", "string"), Column("tree", "json")),
    ("id",),
)


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[SnowflakeWarehouse]:
    with snowflake_engine(tmp_path) as opened:
        assert isinstance(opened, SnowflakeWarehouse)
        opened.ensure_table(CONTACTS)
        yield opened


def contacts(count: int, email: str = "a@example.com") -> pa.Table:
    return table_from_rows(CONTACTS, [{"id": str(n), "email": email, "tree": '{"a":null}'} for n in range(count)])


def write(warehouse: SnowflakeWarehouse, rows: pa.Table) -> MergeCounts:
    with warehouse.transaction() as tx:
        return tx.merge(CONTACTS, rows)


@pytest.mark.parametrize("count", [3, 3_000])
def test_people_write_sql_without_quotes(warehouse: SnowflakeWarehouse, count: int) -> None:
    write(warehouse, contacts(count))

    found = warehouse.query("select email, tree from hubspot.contacts where id = '2'")

    assert found.to_pylist() == [{"email": "a@example.com", "tree": '{"a":null}'}]


@pytest.mark.parametrize("name", ["email", "a b", "Größe", "x" * 300, '"; drop', "_a$1"])
def test_a_name_comes_back_as_it_was_written(name: str) -> None:
    assert names.unfold(names.fold(name)) == name
    assert len(names.fold(name)) <= 255


def test_columns_that_snowflake_would_fold_into_one_are_refused_by_name(warehouse: SnowflakeWarehouse) -> None:
    twins = Table("hubspot", "twins", (Column("size", "integer"), Column("Size", "integer")))

    with pytest.raises(WarehouseError, match="rename"):
        warehouse.ensure_table(twins)


def test_the_number_of_statements_of_a_chunk_is_constant(
    warehouse: SnowflakeWarehouse, capsys: pytest.CaptureFixture[str]
) -> None:
    state = StateStore(warehouse, SystemClock())
    state.migrate()
    counted: dict[int, Counter[str]] = {}
    with state.acquire(1, run_id=state.start_run("pull", 1, {})) as lease:
        for size in (2_000, 4_000, 8_000):
            before = Counter(warehouse.statements)
            with lease.transaction() as tx:
                tx.merge(CONTACTS, contacts(size))
                save_cursor(tx, warehouse, 1, "contacts", Cursor(scan=size))
            counted[size] = warehouse.statements - before
    with capsys.disabled():
        print(
            f"\nSnowflake statements of a chunk with its cursor: {dict(counted[8_000])}, {sum(counted[8_000].values())}"
        )

    assert counted[4_000] == counted[8_000]
    assert counted[8_000] == {"TRUNCATE": 1, "BEGIN": 1, "PUT": 1, "COPY": 1, "UPDATE": 3, "INSERT": 1, "COMMIT": 1}


def test_no_ddl_runs_inside_a_transaction(warehouse: SnowflakeWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Snowflake commits what is open before DDL; fakesnow does not, so that this is read off the statements."""
    said: list[str] = []
    run = Session.run
    monkeypatch.setattr(
        Session, "run", lambda self, statement, params=(): (said.append(statement), run(self, statement, params))[1]
    )

    for size in (3_000, 3, 6_000):
        with warehouse.transaction() as tx:
            tx.merge(CONTACTS, contacts(size))
            with tx.register("ids", pa.table({"id": ["1", "2"]})) as rows:
                tx.execute(f"DELETE FROM {warehouse.name('hubspot', 'contacts')} WHERE id IN (SELECT id FROM {rows})")

    inside = False
    for statement in said:
        word = statement.split()[0]
        assert not (inside and word in ("CREATE", "ALTER", "DROP", "TRUNCATE")), statement
        inside = word == "BEGIN" or (inside and word not in ("COMMIT", "ROLLBACK"))
    assert [statement.split()[0] for statement in said].count("BEGIN") == 3
    for statement in said:
        if not statement.startswith("PUT"):  # a command of the driver's, not of the dialect
            sqlglot.parse_one(statement, dialect="snowflake", error_level=sqlglot.ErrorLevel.RAISE)


def test_staged_and_inline_rows_give_the_same(warehouse: SnowflakeWarehouse) -> None:
    write(warehouse, contacts(2_500))

    assert write(warehouse, contacts(2_500)) == MergeCounts(unchanged=2_500)
    assert write(warehouse, contacts(5)) == MergeCounts(unchanged=5)
    assert write(warehouse, contacts(2_501, "b@example.com")) == MergeCounts(inserted=1, updated=2_500)


def test_nothing_of_the_staging_is_left_when_sessions_end_or_a_day_later(tmp_path: Path) -> None:
    with snowflake_engine(tmp_path) as opened:
        opened.ensure_table(CONTACTS)
        stale, fresh = opened.name("hubferry", "staging_1700000000_0"), opened.name("hubferry", "staging_9700000000_0")
        with opened.transaction() as tx:
            tx.merge(CONTACTS, contacts(2_500))
        with opened.transaction() as tx:
            tx.execute(f"CREATE TABLE {stale} (a INTEGER)")
            tx.execute(f"CREATE TABLE {fresh} (a INTEGER)")

    with opened.transaction() as tx:
        tx.merge(CONTACTS, contacts(2_500))

    tables = opened.name("information_schema", "tables")
    left = opened.query(f"SELECT table_name AS name FROM {tables} WHERE table_name LIKE 'STAGING%'")["name"].to_pylist()
    assert left == ["STAGING_9700000000_0"]


def test_links_with_null_labels_are_read_from_an_object_column(warehouse: SnowflakeWarehouse) -> None:
    with warehouse.transaction() as tx:
        tx.execute(
            f"INSERT INTO {warehouse.name('hubspot', 'contacts')} (id, tree)"
            ' SELECT \'1\', PARSE_JSON(\'{"2": "Friend", "3": null}\')'
        )

    [batch] = list(warehouse.query_batches("SELECT id, tree FROM hubspot.contacts"))

    assert json.loads(batch.to_pylist()[0]["tree"]) == {"2": "Friend", "3": None}


LOST = (
    errors.OperationalError(msg="the connection was reset", errno=250003),
    errors.InterfaceError(msg="the connection is closed", errno=252006),
    errors.ProgrammingError(msg="Session no longer exists. New login required.", errno=390111),
    errors.ProgrammingError(msg="Authentication token has expired. The user must authenticate again.", errno=390114),
)


@pytest.mark.parametrize("error", LOST, ids=lambda error: str(error.errno))
def test_a_lost_session_is_replaced_for_what_only_reads(
    warehouse: SnowflakeWarehouse, monkeypatch: pytest.MonkeyPatch, error: errors.Error
) -> None:
    lost = fail_once(monkeypatch, "SELECT 1 AS n", error)

    assert warehouse.query("SELECT 1 AS n").to_pylist() == [{"n": 1}]
    assert lost == ["SELECT 1 AS n"]


@pytest.mark.parametrize("number", [606, 2003, 3001, 100038])
def test_what_would_fail_again_is_not_tried_again(
    warehouse: SnowflakeWarehouse, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fail_once(monkeypatch, "SELECT 1 AS n", errors.ProgrammingError(msg="no", errno=number))

    with pytest.raises(WarehouseError):
        warehouse.query("SELECT 1 AS n")


def test_a_lost_session_ends_a_transaction_and_nothing_is_tried_again(
    warehouse: SnowflakeWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_once(monkeypatch, "INSERT")

    with pytest.raises(WarehouseError, match="run again"):
        write(warehouse, contacts(3))

    assert warehouse.query("SELECT count(*) AS n FROM hubspot.contacts").to_pylist() == [{"n": 0}]


def fail_once(monkeypatch: pytest.MonkeyPatch, beginning: str, error: errors.Error = LOST[0]) -> list[str]:
    """Have the first statement of this beginning fail with one of the connector's errors; lose the session by default."""
    lost: list[str] = []
    run = Session.run

    def losing(self: Session, statement: str, params: Any = ()) -> Any:
        if statement.startswith(beginning) and not lost:
            lost.append(statement)
            raise error
        return run(self, statement, params)

    monkeypatch.setattr(Session, "run", losing)
    return lost


@pytest.mark.parametrize(
    ("number", "said", "advice"),
    [
        (606, "No active warehouse selected in the current session.", "GRANT USAGE ON WAREHOUSE"),
        (608, "Warehouse 'W' cannot be resumed.", "AUTO_RESUME"),
        (625, "Statement aborted because the number of waiters for this lock exceeds the limit.", "run again"),
        (2003, "Object 'X' does not exist or not authorized.", "what the role may see"),
        (390144, "JWT token is invalid.", "RSA_PUBLIC_KEY"),
        (390114, "Authentication token has expired.", "logs in anew"),
        (
            90073,
            "Warehouse 'W' cannot be resumed because resource monitor 'M' has exceeded its quota.",
            "raise its quota",
        ),
        (3001, "Insufficient privileges to operate on schema 'X'", "docs/guides/snowflake.md"),
        (390318, "OAuth access token expired.", "get a new one"),
    ],
)
def test_an_error_of_the_account_says_what_to_do(number: int, said: str, advice: str) -> None:
    with pytest.raises(WarehouseError, match=advice) as caught, account.translating():
        raise errors.ProgrammingError(msg=said, errno=number)

    assert said.rstrip(".") in str(caught.value)


def test_an_error_of_data_holds_no_value() -> None:
    with pytest.raises(WarehouseError) as caught, account.translating():
        raise errors.ProgrammingError(msg="Numeric value 'canary-7f3a' is not recognized", errno=100038)

    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("passphrase", [None, "open sesame"])
def test_a_key_pair_is_read_from_text_or_file(tmp_path: Path, passphrase: str | None) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    locked = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    (tmp_path / "key.p8").write_bytes(pem)
    secret = Secret(passphrase) if passphrase else None

    from_text = account.Settings(database="d", private_key=Secret(pem.decode()), private_key_passphrase=secret)
    from_file = account.Settings(database="d", private_key_file=tmp_path / "key.p8", private_key_passphrase=secret)

    loaded = [account.credentials(each)["private_key"] for each in (from_text, from_file)]
    assert [serialization.load_der_private_key(each, None).private_numbers() for each in loaded] == [
        key.private_numbers()
    ] * 2  # type: ignore[union-attr]


def test_a_key_that_is_none_is_a_config_error_without_it() -> None:
    with pytest.raises(ConfigError, match="PEM") as caught:
        account.credentials(account.Settings(database="d", private_key=Secret("canary-7f3a")))

    assert "canary" not in str(caught.value)


def test_a_token_logs_in_by_oauth_and_a_browser_needs_no_secret() -> None:
    assert account.credentials(account.Settings(database="d", token=Secret("t"))) == {
        "authenticator": "oauth",
        "token": "t",
    }
    assert account.credentials(account.Settings(database="d", authenticator="externalbrowser")) == {
        "authenticator": "externalbrowser"
    }


_LOG_IN = """
from hubferry.warehouse.snowflake.account import Settings, connect
for user in (None, "beside"):
    with connect(Settings(database="d", connection="work", user=user), "hubferry tests") as session:
        print(session.user, session.cursor().execute("SELECT 1").fetchall())
"""


def test_a_connection_of_connections_toml_logs_in_and_what_stands_beside_it_wins(tmp_path: Path) -> None:
    """The connector reads that file when it is imported, so that this needs a process of its own."""
    host, port = snowflake_server()
    written = {"account": "fakesnow", "user": "in the file", "password": "snow", "host": host, "protocol": "http"}
    lines = [*(f'{name} = "{value}"' for name, value in written.items()), f"port = {port}"]
    (tmp_path / "connections.toml").write_text("\n".join(["[work]", *lines]))
    (tmp_path / "connections.toml").chmod(0o600)

    environ = {**os.environ, "SNOWFLAKE_HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", _LOG_IN], env=environ, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.stdout.splitlines() == ["in the file [(1,)]", "beside [(1,)]"], ended.stderr


def test_plain_http_is_for_this_machine_only() -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
        SnowflakeBlock(database="d", host="example.com", protocol="http")


def test_settings_and_secrets_of_the_environment_reach_the_connector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}

    def refuse(**options: Any) -> None:
        given.update(options)
        raise errors.DatabaseError(msg="Incorrect username or password was specified for canary-7f3a.", errno=390100)

    monkeypatch.setattr(account.snowflake.connector, "connect", refuse)
    (tmp_path / "hubferry.yml").write_text(
        "warehouse:\n  snowflake: {account: acme-eu1, user: HUBFERRY, role: LOADER, warehouse: LOADING,"
        " database: ANALYTICS, connection: work, password: '${SNOW}'}\n"
    )

    with pytest.raises(WarehouseError, match="Check user and password"):
        Project.open(tmp_path, environ={"SNOW": "canary-7f3a"}).warehouse.query("SELECT 1")

    names = ("account", "user", "role", "warehouse", "database", "connection_name", "password", "autocommit")
    values = ("acme-eu1", "HUBFERRY", "LOADER", "LOADING", "ANALYTICS", "work", "canary-7f3a", True)
    assert [given[name] for name in names] == list(values)
    parameters = ("TIMEZONE", "DATE_INPUT_FORMAT", "TIMESTAMP_INPUT_FORMAT", "QUOTED_IDENTIFIERS_IGNORE_CASE")
    assert [given["session_parameters"][name] for name in parameters] == ["UTC", "AUTO", "AUTO", False]
    assert given["session_parameters"]["QUERY_TAG"].startswith("hubferry")


def test_whole_numbers_beyond_64_bits_are_decimals_in_a_look_and_an_error_in_a_source() -> None:
    """fakesnow keeps none; a NUMBER(38,0) of Snowflake's comes as this."""
    found = pa.table({"N": pa.array([Decimal(10**37), None], pa.decimal128(38, 0))})
    columns = [Column("n", "integer")]

    assert types.build_table(columns, found, wide=True)["n"].to_pylist() == [Decimal(10**37), None]
    with pytest.raises(SourceError, match="column 'n' holds a value that does not fit integer"):
        types.build_table(columns, found)

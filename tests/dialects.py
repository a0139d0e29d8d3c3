"""Every statement that an engine is sent in a test, parsed by sqlglot as that engine's dialect when the test ends.

What sqlglot does not understand must stand in LIMITS, with the reason.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import psycopg
import pytest
import sqlglot
from sqlglot import errors, expressions

LIMITS: dict[str, tuple[tuple[re.Pattern[str], str, str], ...]] = {
    "postgres": (
        (re.compile(r"BEGIN READ ONLY"), "BEGIN", "sqlglot knows no mode of BEGIN"),
        (re.compile(r" ON COMMIT DROP\Z"), "", "sqlglot knows no ON COMMIT DROP of temporary tables"),
        (re.compile(r"\ADECLARE .*? CURSOR FOR (?=SELECT)", re.DOTALL), "", "sqlglot knows no cursors"),
        (re.compile(r"\AFETCH \d+ FROM "), "SELECT * FROM ", "sqlglot knows no cursors"),
    ),
    "snowflake": (),
}
"""What sqlglot cannot read, what is parsed in its place, and why; PostgreSQL's own parser reads its own anyhow."""
_NUMBERED = re.compile(r"(staging_|hubferry_test_|files_staging_|hubferry rows |hubferry )[0-9a-f_]+", re.IGNORECASE)


class Sent:
    """The statements of one engine in one test."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        self._texts: dict[str, None] = {}
        self._wrong: list[str] = []

    def add(self, statement: str | bytes) -> None:
        """Note a statement; those that differ in a number of ours only are one."""
        text = statement.decode() if isinstance(statement, bytes) else statement
        self._texts[_NUMBERED.sub(r"\g<1>N", text)] = None

    def check(self) -> None:
        """Fail the test for a statement that is none of the dialect, but for what the test wrote wrong on purpose."""
        problems = {text: said for text in self._texts if (said := problem(self._dialect, text))}
        found = {text: said for text, said in problems.items() if not any(wrong in text for wrong in WRONG)}
        if found:
            pytest.fail(f"sent to {self._dialect}, but not in its dialect: {found}", pytrace=False)


WRONG = ("SELEC 1", "DELETE FROM people\n) AS source", "SELECT 1; SELECT 2", "(\n\n) AS source")
"""What tests give for a source although it is none; an engine is sent it inside our SELECT, to tell what is wrong."""


@cache
def problem(dialect: str, text: str) -> str | None:
    """Say what is wrong with a statement, None where it is one of the dialect."""
    for pattern, instead, _ in LIMITS[dialect]:
        text = pattern.sub(instead, text)
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of commands, which are looked at below
    try:
        parsed = sqlglot.parse(text, dialect=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    except errors.SqlglotError as error:
        return str(error)
    if any(isinstance(each, expressions.Command) for each in parsed):
        return "sqlglot takes it without understanding it, and LIMITS does not say why"
    return None


@contextmanager
def recorded_postgres() -> Iterator[Sent]:
    """Note what psycopg sends until the block ends."""
    sent = Sent("postgres")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("execute", "copy"):
            patch.setattr(psycopg.Cursor, name, _noting(getattr(psycopg.Cursor, name), sent))
        yield sent


@contextmanager
def recorded_snowflake() -> Iterator[Sent]:
    """Note what Snowflake's connector sends until the block ends."""
    from snowflake.connector.cursor import SnowflakeCursor  # noqa: PLC0415  an extra

    sent = Sent("snowflake")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("execute", "describe"):
            patch.setattr(SnowflakeCursor, name, _noting(getattr(SnowflakeCursor, name), sent))
        yield sent


def _noting(run: Any, sent: Sent) -> Any:
    def noted(self: Any, statement: Any, *args: Any, **options: Any) -> Any:
        if isinstance(statement, str | bytes):
            sent.add(statement)
        return run(self, statement, *args, **options)

    return noted

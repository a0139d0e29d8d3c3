"""What engines are sent is parsed as their dialect when a test ends; that this can fail, and that its exceptions are needed."""

from __future__ import annotations

import pytest

import dialects

BEYOND_SQLGLOT = {
    "postgres": (
        "BEGIN READ ONLY",
        "CREATE TEMPORARY TABLE a (b text) ON COMMIT DROP",
        "DECLARE c NO SCROLL CURSOR FOR SELECT 1",
        "FETCH 5 FROM c",
    ),
    "snowflake": (),
}


@pytest.mark.parametrize("dialect", dialects.LIMITS)
def test_a_statement_that_is_none_fails_the_test_that_sent_it(dialect: str) -> None:
    sent = dialects.Sent(dialect)
    sent.add("UPDATE t SET a = (SELECT ?")

    with pytest.raises(pytest.fail.Exception, match="UPDATE t SET"):
        sent.check()


def test_a_statement_of_another_engine_fails_too() -> None:
    assert dialects.problem("snowflake", "SELECT a->>'b' FROM t ON CONFLICT DO NOTHING")
    assert dialects.problem("postgres", "CREATE OR REPLACE TRANSIENT STAGE s")


@pytest.mark.parametrize("dialect", dialects.LIMITS)
def test_each_exception_is_of_something_that_sqlglot_cannot_read(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [dialects.problem(dialect, text) for text in BEYOND_SQLGLOT[dialect]] == [None] * len(
        BEYOND_SQLGLOT[dialect]
    )

    dialects.problem.cache_clear()
    for limit in dialects.LIMITS[dialect]:
        monkeypatch.setitem(dialects.LIMITS, dialect, tuple(each for each in dialects.LIMITS[dialect] if each != limit))
        assert any(dialects.problem(dialect, text) for text in BEYOND_SQLGLOT[dialect]), limit[2]
        monkeypatch.undo()
        dialects.problem.cache_clear()

"""The environment wins over .env, and .env is read as people write it."""

from pathlib import Path

from hubferry.config.references import read_environment


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=file\nB=file\n")

    assert read_environment(tmp_path, {"A": "environment"}) == {"A": "environment", "B": "file"}


def test_an_env_file_may_hold_comments_quotes_and_export(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# a comment\n\nexport A='one two'\nB = \"three\"\nC=a=b\nnothing\n")

    assert read_environment(tmp_path, {}) == {"A": "one two", "B": "three", "C": "a=b"}

"""Settings are changed inside a file's text, and nothing else of it moves."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubferry.cli.demo.source import SYNC
from hubferry.config import edit, lines, starter
from hubferry.errors import ConfigError

FILES = starter.build_files(demo=True, duckdb="warehouse.duckdb", pull_schema="hubspot")
FIELDS = {"fields": {"*": None}}


def changed_lines(before: str, after: str) -> list[str]:
    compared = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in list(compared)[2:] if not line.startswith("@@")]


@pytest.mark.parametrize(
    "text", [FILES["hubferry.yml"], FILES["syncs/contacts.yml"], SYNC], ids=["project", "sync", "demo"]
)
def test_without_a_change_the_text_is_the_same_byte_for_byte(text: str) -> None:
    assert edit.change_text(text, {}, {}, file="x.yml") == text


def test_one_setting_changes_one_line_and_comments_stay() -> None:
    text = FILES["syncs/contacts.yml"]
    fields = {"email": "email", "firstname": {"column": "first_name", "on_null": "clear"}, "lastname": "last_name"}

    after = edit.change_text(text, {"fields": fields}, FIELDS, file="x.yml")

    assert changed_lines(text, after) == [
        "-  firstname: first_name",
        "+  firstname: {column: first_name, on_null: clear}",
    ]


def test_only_owned_settings_that_are_not_wanted_go() -> None:
    text = "a: 1  # first\nb: {x: 1, y: 2}\nc: 3\n"

    assert (
        edit.change_text(text, {"b": {"x": 1}}, {"b": {"y": None}, "c": None}, file="x.yml")
        == "a: 1  # first\nb: {x: 1}\n"
    )


def test_items_of_a_list_are_changed_in_place() -> None:
    text = "links:\n  # the first\n  - {to: a, links: {row: r}}\n  - {to: b}\n"
    wanted = {"links": [{"to": "a", "by": "id"}, {"to": "c"}, {"to": "d"}]}

    after = edit.change_text(text, wanted, {"links": {"*": {"to": None, "by": None}}}, file="x.yml")

    assert after == "links:\n  # the first\n  - {to: a, links: {row: r}, by: id}\n  - {to: c}\n  - {to: d}\n"


@pytest.mark.parametrize("layout", ["a:\n- x: 1\n- x: 2\n", "a:\n  - x: 1\n  - x: 2\n", "a:\n    - x: 1\n    - x: 2\n"])
def test_the_indentation_of_lists_is_kept(layout: str) -> None:
    assert edit.change_text(layout, {}, {}, file="x.yml") == layout


@given(
    st.dictionaries(
        st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8),
        st.text(max_size=12),
        max_size=5,
    )
)
def test_any_text_is_read_back_as_it_was_meant(values: dict[str, str]) -> None:
    """`no`, `1`, `~`, `a: b`, `#x`, blanks and line breaks are texts, however YAML would read them bare."""
    try:
        after = edit.change_text("fields:\n  email: email\n", {"fields": values}, FIELDS, file="x.yml")
    except ConfigError:
        return  # a text that YAML cannot hold is refused, never changed
    read = lines.parse_yaml(after, file="x.yml").data["fields"] or {}

    assert {name: text.rstrip("\n") for name, text in read.items()} == {
        name: text.rstrip("\n") for name, text in values.items()
    }


def test_what_is_no_yaml_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"x\.yml:2"):
        edit.change_text("a: 1\n\tb: 2\n", {"a": 2}, {}, file="x.yml")

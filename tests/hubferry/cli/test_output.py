"""Results as people and programs read them."""

import io
import json
import sys

import pytest

from hubferry.cli import output
from hubferry.cli.output import Output, render_error, render_table
from hubferry.cli.pull import show_pull
from hubferry.errors import QuotaError, UnknownNameError
from hubferry.pull.report import AssociationReport, PullReport, StreamReport


def test_numbers_stand_right_and_words_left() -> None:
    assert render_table(("stream", "read"), [("contacts", 20000), ("owners", 7)]) == [
        "STREAM      READ",
        "contacts  20,000",
        "owners         7",
    ]


@pytest.mark.parametrize("width", [20, 40, 60])
def test_a_table_fits_the_width_by_its_widest_column(width: int) -> None:
    lines = render_table(("name", "what"), [("short", "x" * 100)], width=width)

    assert max(map(len, lines)) <= width
    assert lines[1].startswith("short")


def test_the_name_of_a_row_is_never_cut_however_narrow_the_terminal() -> None:
    lines = render_table(("run", "a", "b"), [("20261126T154239273-71dca0", "y" * 30, "x" * 30)], width=50)

    assert max(map(len, lines)) <= 50
    assert "20261126T154239273-71dca0" in lines[1]


@pytest.mark.parametrize(("width", "left"), [("80", "STREAM    SCOPE"), ("200", "STREAM    TABLE")])
def test_a_narrow_terminal_leaves_out_what_can_be_spared_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: str, left: str
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", width)
    row = ("contacts", "t" * 40, "s" * 30, "k" * 30)
    Output("streams").table(("stream", "table", "scope", "key"), [row], optional=("table", "key"))

    lines = terminal.getvalue().splitlines()
    assert lines[0].startswith(left)
    assert max(map(len, lines)) <= int(width)
    assert ("Not shown at this width: table" in capsys.readouterr().err) == (width == "80")


def test_a_value_with_line_ends_stays_on_its_row() -> None:
    assert render_table(("a",), [("one\ntwo",)]) == ["A", "one two"]


def test_a_table_without_rows_still_names_its_columns() -> None:
    assert render_table(("a", "b"), []) == ["A  B"]


def test_an_error_as_json_has_its_facts() -> None:
    shown = json.loads(
        render_error(UnknownNameError("stream", "contcts", known=["contacts"], file="hubferry.yml", line=3))
    )

    assert shown["ok"] is False
    assert shown["error"]["type"] == "UnknownNameError"
    assert shown["error"]["facts"] == {
        "file": "hubferry.yml",
        "line": 3,
        "kind": "stream",
        "name": "contcts",
        "known": ["contacts"],
    }


def test_json_mode_prints_one_value_and_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output("runs", "json")
    out.line("for people")
    out.table(("a",), [("b",)])
    out.result([1])

    assert json.loads(capsys.readouterr().out) == {"ok": True, "command": "runs", "data": [1]}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colours_are_for_terminals_of_people_who_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")

    assert output.style("ok", "green", Terminal()) == "\x1b[32mok\x1b[0m"
    assert output.style("ok", "green", io.StringIO()) == "ok"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.style("ok", "green", Terminal()) == "ok"


def test_an_error_of_many_streams_is_told_once_and_links_that_were_not_read_say_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    spent = QuotaError("The account's calls of today are used up.")
    streams = tuple(StreamReport(name=name, state="paused", error=spent) for name in ("contacts", "deals"))
    links = (AssociationReport(name="contacts-deals", state="paused", error=spent),)

    show_pull(Output("pull"), PullReport(run_id="r", streams=streams, associations=links))

    shown = capsys.readouterr()
    assert shown.err.count("used up") == 1
    assert "contacts-deals: paused; 0 new" in shown.out

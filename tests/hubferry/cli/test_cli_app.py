"""The command as a process: what it prints where, and with which code it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from forked import Ended, run_forked
from hubferry.cli.app import main

SECRET = "pat-na1-planted-secret"


def hubferry(*arguments: str, folder: Path, **environ: str) -> Ended:
    return run_forked("hubferry.cli.app", arguments, folder=folder, environ={"HUBSPOT_TOKEN": SECRET, **environ})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    assert main(["init", str(tmp_path / "crm"), "--quiet"]) == 0
    return tmp_path / "crm"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["pul"], 2, "Did you mean 'pull'"),
        (["runs", "--limt", "3"], 2, "--limit"),
        (["plan"], 2, "SYNC"),
        (["rejected", "contcts"], 2, "Did you mean 'contacts'"),
        (["pull", "--select", "contcts"], 2, "Did you mean 'contacts'"),
        (["serve"], 2, "nothing has a schedule"),
        (["runs", "--env", "dev"], 2, "unknown environment 'dev'"),
        (["show", "20200101T000000-00"], 2, "hubferry runs"),
        (["runs", "--project", "elsewhere"], 2, "hubferry init elsewhere"),
        (["init", "."], 2, "already holds"),
    ],
)
def test_a_mistake_is_a_sentence_on_stderr_and_an_exit_code(
    project: Path, arguments: list[str], code: int, says: str
) -> None:
    ended = hubferry(*arguments, folder=project)

    assert (ended.code, ended.stdout) == (code, "")
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_mistake_as_json_is_one_value_on_stdout(project: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "hubferry", "rejected", "contcts", "--output", "json"]
    environment = {**os.environ, "HUBSPOT_TOKEN": SECRET}
    ended = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)

    assert ended.returncode == 2
    assert json.loads(ended.stdout)["error"]["type"] == "UnknownNameError"


def test_help_needs_neither_the_warehouse_nor_the_definitions_of_files(tmp_path: Path) -> None:
    code = "import sys; from hubferry.cli.app import main; main(['--help']); print([name for name in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout

    for heavy in ("duckdb", "pyarrow", "pydantic", "rich", "yaml", "urllib3", "msgspec"):
        assert f"'{heavy}'" not in loaded


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("hubferry pl", ["plan"]),
        ("hubferry plan --det", ["--detailed-exitcode"]),
        ("hubferry plan con", ["contacts"]),
        ("hubferry pull --select d", ["deal_pipelines", "deals"]),
    ],
)
def test_a_shell_completes_commands_options_syncs_and_streams(project: Path, words: str, offered: list[str]) -> None:
    (project / "syncs" / "contacts.yml").touch()
    asked = {"_HUBFERRY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    script = "import sys; from hubferry.cli.app import main; sys.argv = ['hubferry']; main()"
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=project, env=os.environ | asked, capture_output=True, text=True, check=False
    )

    assert ended.stdout.split() == offered


def test_an_unreachable_host_is_a_sentence_and_leaves_the_rest_of_the_check(project: Path) -> None:
    text = (project / "hubferry.yml").read_text().replace("hubspot:\n", "hubspot:\n  base_url: http://127.0.0.1:9\n", 1)
    (project / "hubferry.yml").write_text(text)

    ended = hubferry("check", folder=project)

    assert ended.code == 1
    assert "ok  warehouse" in ended.stdout
    assert "NO  token" in ended.stdout
    assert SECRET not in ended.stdout + ended.stderr


def test_an_internal_error_shows_no_value_and_leaves_a_trace_without_one(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("hubferry.cli.runs.open_project", _fail)
    monkeypatch.setattr("tempfile.tempdir", str(project))

    code = main(["runs", "--project", str(project)])

    trace = next(project.glob("hubferry-trace-*.txt"))
    assert code == 2
    assert str(trace) in capsys.readouterr().err
    assert "ValueError" in trace.read_text()
    assert SECRET not in trace.read_text()


def _fail(*_: object) -> None:
    raise ValueError(SECRET)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_ends_with_130(
    project: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs behind it with SIGINT ignored
    monkeypatch.setattr("hubferry.cli.runs.open_project", lambda *_: signal.raise_signal(number))
    try:
        code = main(["runs", "--project", str(project)])
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

    assert code == 130
    assert "run the same command again" in capsys.readouterr().err


def test_no_bar_is_drawn_where_nobody_looks(project: Path) -> None:
    ended = hubferry("status", folder=project, FORCE_COLOR="1")

    assert "\x1b" not in ended.stdout + ended.stderr


def test_a_server_shows_the_page_beside_its_runs_and_ends_it_with_itself(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    file = project / "hubferry.yml"
    file.write_text(file.read_text().replace("pull:\n", "pull:\n  schedule: 0 6 1 1 *\n", 1))
    command = [sys.executable, "-m", "hubferry", "serve", "--ui-port", str(port)]
    environment = {**os.environ, "HUBSPOT_TOKEN": SECRET}

    with subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = next(line for line in server.stdout if str(port) in line)
        server.terminate()
        server.wait(timeout=30)

    assert f"http://127.0.0.1:{port}/" in said
    with socket.socket() as trying:
        assert trying.connect_ex(("127.0.0.1", port)) != 0


def test_streams_with_many_alternatives_of_scopes_are_listed_in_readable_lines(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["streams", "--offline", "--project", str(project)]) == 0
    lines = capsys.readouterr().out.splitlines()

    (pipelines,) = [line for line in lines if line.startswith("pipelines ")]
    assert re.search(r" or one of \d+ others", pipelines)
    assert max(map(len, lines)) < 250
